#!/usr/bin/env bash
# pip_install.sh VENV ARGUMENT...: run "pip install" in a virtual environment. Of pip's lines it shows which
# large packages come; where pip fails, one that says what to do. All of them are in VENV/pip.log.
set -u -o pipefail

venv=$1 log=$1/pip.log
shift

pip_install() {
    "$venv/bin/python" -m pip install --disable-pip-version-check --progress-bar off "$@" 2>>"$log" |
        tee -a "$log" | awk '
            /Downloading .* MB/ {print "  " $(NF-2) " " $(NF-1) " " $NF; fflush()}
            /^(Building wheels|Installing collected)/ {print "  " tolower($1) " packages ..."; fflush()}
        ' || fail
}

fail() {
    if grep -q CERTIFICATE_VERIFY_FAILED "$log"; then
        echo "The package index shows a certificate that pip does not trust, perhaps a proxy's: name the file with its CA, REQUESTS_CA_BUNDLE=/path/to/ca.pem"
    elif grep -qE "ProxyError|Cannot connect to proxy" "$log"; then
        echo "The proxy does not answer: HTTPS_PROXY=http://host:port names another, NO_PROXY='*' none"
    elif grep -qE "NewConnectionError|ConnectTimeout|ReadTimeout|Connection (refused|reset|aborted)|Network is unreachable|name resolution" "$log"; then
        echo "The package index cannot be reached: is there a network? HTTPS_PROXY=http://host:port names a proxy, PIP_INDEX_URL another index"
    elif grep -q "No space left on device" "$log"; then
        echo "The disk is full: pip needs about 2 GB for this"
    else
        grep -E "^ERROR" "$log" | head -3
        echo "pip could not install the packages: $log says more"
    fi >&2
    exit 1
}

: >"$log"
pip=$("$venv/bin/python" -m pip --version 2>>"$log" | awk '{print $2}')
case $pip in
    "") echo "The virtual environment $venv has no pip: remove it, and make it anew" >&2; exit 1 ;;
    [0-9].* | 1?.* | 20.* | 21.[0-2]*) # reads no pyproject.toml of a folder that is to be edited
        echo "  pip $pip is too old: getting a newer one ..."
        pip_install --quiet --upgrade pip
        ;;
esac
pip_install "$@"
