"""Every option that a ``spark-submit --help`` prints has an answer here."""

import re
import subprocess
import zipfile

import pytest
from IPython.core.error import UsageError
from jgo.maven import MavenContext
from plain_java import plain_java_home

from livy_magic.local import java
from livy_magic.magics.options import FILE, SUBMIT, parse

pytestmark = pytest.mark.livy

# One of the other major version than the Spark that is installed.
OTHERS = {3: ("spark-core_2.13", "4.2.0"), 4: ("spark-core_2.12", "3.5.6")}


def help_of_installed(folder):
    spark = java.require_spark()
    done = subprocess.run(
        [spark.home / "bin/spark-submit", "--help"],
        env={"JAVA_HOME": str(plain_java_home(folder)), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout + done.stderr


def help_of_other(folder):
    """The text stands in Spark's class as it is printed, each line behind a margin."""
    name, version = OTHERS[java.require_spark().release[0]]
    spark = MavenContext(repo_cache=folder).project("org.apache.spark", name)
    with zipfile.ZipFile(spark.at_version(version).artifact().resolve()) as jar:
        constants = jar.read("org/apache/spark/deploy/SparkSubmitArguments.class")
    return constants.decode("utf-8", "replace").replace("|", "")


def options_in(text):
    """Return the options of a help text: long form, short form, name of the value."""
    found = re.findall(r"^ +(--[a-z-]+)(?:, (-\w))?,?(?: ([A-Z_=]+))?", text, re.MULTILINE)
    return sorted(set(found))


@pytest.mark.parametrize("help_text", [help_of_installed, help_of_other])
def test_each_option_is_taken_explained_or_refused(help_text, tmp_path):
    options = options_in(help_text(tmp_path))
    assert len(options) >= 33
    (tmp_path / "x.conf").write_text("spark.a b")
    outcomes = {flag: outcome(flag, short, tmp_path) for flag, short, _ in options}
    assert [flag for flag, told in outcomes.items() if told is None] == []
    assert {flag for flag, told in outcomes.items() if told == "without effect"} <= {
        "--master", "--deploy-mode", "--verbose", "--load-spark-defaults",
    }  # fmt: skip
    assert {flag for flag, told in outcomes.items() if told == "refused"} <= {
        "--principal", "--keytab", "--kill", "--status", "--remote", "--version", "--help",
    }  # fmt: skip


VALUES = {"--properties-file": "x.conf", "--conf": "spark.a=b"}
NUMBERS = ("cores", "executors")


def outcome(flag, short, folder):
    """Say what becomes of an option in a pasted command; None if it is unknown."""
    known = {option.flag: option for option in SUBMIT}
    value = VALUES.get(flag) or ("2" if flag.endswith(NUMBERS) else "1g")
    if flag == "--properties-file":
        value = str(folder / value)
    takes_one = flag not in known or known[flag].value_name is not None
    told = set()
    for spelling in filter(None, (flag, short)):
        words = ["spark-submit", spelling, *([value] if takes_one else []), "app.jar"]
        try:
            parsed = parse(words, SUBMIT, first=FILE)
        except UsageError as refusal:
            told.add(None if "unknown option" in str(refusal) else "refused")
            continue
        assert parsed.file == "app.jar"
        told.add("without effect" if parsed.notes else "taken" if parsed.values else None)
    assert len(told) == 1, f"{flag} and {short} differ: {told}"
    return told.pop()
