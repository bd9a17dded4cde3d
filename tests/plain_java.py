"""A Java for Spark's own shell scripts, which know nothing of livy_magic."""

from __future__ import annotations

from pathlib import Path

from livy_magic.local import java

# Spark 4 tells Java to load a module that the private Livy's Java lacks.
_WITHOUT_MODULE = """\
#!/bin/sh
for word; do
    shift
    [ "$word" = --add-modules=jdk.incubator.vector ] || set -- "$@" "$word"
done
exec '{java}' "$@"
"""


def plain_java_home(folder: Path) -> Path:
    """Make a JAVA_HOME in a folder: the private Livy's Java, on which every Spark starts."""
    home = folder / "java"
    (home / "bin").mkdir(parents=True)
    program = home / "bin/java"
    program.write_text(_WITHOUT_MODULE.format(java=java.require_java().home / "bin/java"))
    program.chmod(0o700)
    return home
