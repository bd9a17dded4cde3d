#!/usr/bin/env bash
# Print the Pythons of this machine that livy_magic supports, the newest first, one a line: version,
# space, path. They are looked for on the PATH and among pyenv's. Those that are passed over are told
# of on the standard error.
set -u

OLDEST=10 NEWEST=14 # of Python 3: what pyspark 3.5 and 4 run on

candidates() {
    local minor root
    root=${PYENV_ROOT:-$(pyenv root 2>/dev/null || echo ~/.pyenv)}
    for minor in $(seq 20 -1 $OLDEST); do
        type -ap "python3.$minor"
        ls -d "$root"/versions/3."$minor".*/bin/python3 2>/dev/null
    done
    type -ap python3
    type -ap python
}

ASK='
from importlib.util import find_spec
import sys
print(sys.version_info[0], sys.version_info[1], sys.executable)
print(" and ".join(name for name in ("venv", "ensurepip") if find_spec(name) is None))
'

seen=' '
while read -r program; do
    # A shim of pyenv's may stand for no Python at all: then there is nothing to read.
    { read -r major minor path && read -r missing; } < <("$program" -c "$ASK" </dev/null 2>/dev/null)
    [ "${path:+$major}" = 3 ] && [ "$minor" -ge $OLDEST ] || continue
    case "$seen" in *" $minor "*) continue ;; esac
    if [ "$minor" -gt $NEWEST ]; then
        echo "Python 3.$minor is passed over: pyspark does not support it yet" >&2
    elif [ -n "$missing" ]; then
        echo "$path is passed over: it lacks $missing (on Debian: apt install python3.$minor-venv)" >&2
        continue # another one of the same version may have it
    else
        echo "3.$minor $path"
    fi
    seen="$seen$minor "
done < <(candidates | awk '!known[$0]++')
