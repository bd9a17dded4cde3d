"""The README says what is true: its tables are made from the code, or compared with it."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
import yaml

from livy_magic import settings
from livy_magic.magics.magics import LivyMagics
from livy_magic.magics.options import CELL, SPARK_SUBMIT
from livy_magic.protocol import fields

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def generated(name: str) -> str:
    return re.search(rf"<!-- begin: {name} -->\n(.*?)\n?<!-- end: {name} -->", README, re.DOTALL)[1]


def magics() -> set[str]:
    kinds = LivyMagics.magics
    return {f"%{name}" for name in kinds["line"]} | {f"%%{name}" for name in kinds["cell"]}


def test_the_table_of_options_is_that_of_the_post_fields():
    assert generated("options") == fields.markdown_table()


def test_the_table_of_further_options_is_that_of_the_parser():
    own = [option for option in CELL if option not in SPARK_SUBMIT]
    assert generated("more options") == table_of(own, "what it does")


def test_the_table_of_spark_submits_options_is_that_of_the_parser():
    others = [option for option in SPARK_SUBMIT if option.flag not in fields.BY_FLAG]
    assert generated("spark-submit") == table_of(others, "what becomes of it")


def table_of(options, title):
    rows = [f"| option | {title} |", "|---|---|"]
    for option in options:
        usage = option.usage.replace("|", "\\|")
        rows.append(f"| `{usage}` | {option.help} |")
    return "\n".join(rows)


def test_every_magic_is_in_the_table_and_has_help():
    assert set(re.findall(r"^\| `(%+\w+)", README, re.MULTILINE)) == magics()
    for kind in LivyMagics.magics.values():
        for name in kind.values():
            assert len(inspect.getdoc(getattr(LivyMagics, name))) > 60


def test_the_options_that_the_table_of_magics_names_exist():
    for row in re.findall(r"^\| `%+livy_.*$", README, re.MULTILINE):
        name = re.search(r"livy_\w+", row)[0]
        help_text = inspect.getdoc(getattr(LivyMagics, name))
        for flag in re.findall(r"--[a-z-]+", row):
            assert flag in help_text


def test_the_table_of_environment_variables_is_complete():
    named = re.findall(r"^\| `(LIVY_\w+)`", generated("environment"), re.MULTILINE)
    assert set(settings.VARIABLES) <= set(named)
    # the history's and the private Livy's own
    others = {
        "LIVY_HISTORY",
        "LIVY_LOCAL_BATCHES",
        "LIVY_LOCAL_DIR",
        "LIVY_LOCAL_IDLE",
        "LIVY_LOCAL_JAVA",
    }
    assert set(named) - set(settings.VARIABLES) == others


def test_the_example_of_a_profile_is_one(tmp_path):
    [example] = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    (tmp_path / "livy_magic.yaml").write_text(example)
    found = settings.load(environ={"PROD_PASSWORD": "x"}, config_path=[tmp_path])
    assert found.profile == yaml.safe_load(example)["default"]
    assert found.defaults["executor_memory"] == "4g"


def test_the_private_livys_time_out_is_the_one_in_the_text():
    from livy_magic.local.supervisor import IDLE

    assert IDLE == 1800
    assert "half an hour" in README


@pytest.mark.parametrize(
    "message",
    [
        "is held by batch",
        "no batch {self._name!r} was found",
        "no staging folder is configured",
        "lines",
        "Livy has forgotten it; from the history",
    ],
)
def test_the_messages_of_the_trouble_shooting_table_are_ours(message):
    sources = "".join(path.read_text() for path in (ROOT / "livy_magic").rglob("*.py"))
    assert message in sources


def test_what_spark_submits_help_has_and_is_refused_is_listed():
    from livy_magic.magics.spark_submit import REFUSED

    [listed] = re.findall(r"^(.*) are refused, each with the reason", README, re.MULTILINE)
    assert set(re.findall(r"`(--\w+)`", listed)) == set(REFUSED)


def test_every_option_of_a_magic_is_named():
    for name in magics():
        for flag in re.findall(
            r"^  (?:-\w, )?(--[a-z-]+)",
            inspect.getdoc(getattr(LivyMagics, name.strip("%"))),
            re.MULTILINE,
        ):
            assert flag in README


def test_the_settings_that_config_knows_are_those_of_the_magics():
    [listed] = re.findall(r"`%config LivyMagics` knows (.*?)\.", README, re.DOTALL)
    assert set(re.findall(r"`(\w+)`", listed)) == set(LivyMagics.class_own_traits())


def test_every_public_name_is_one_that_the_readme_or_the_tree_of_errors_names():
    import livy_magic
    from livy_magic import errors

    for name in livy_magic.__all__:
        assert name in README or name in errors.__doc__


def test_how_long_the_history_keeps_what_is_told():
    from livy_magic.history import History

    defaults = inspect.signature(History).parameters
    assert (defaults["keep_days"].default, defaults["keep_bytes"].default) == (180, 1_000_000_000)
    assert "half a year, and a gigabyte" in README


def test_commands_of_the_readme_are_targets_of_the_makefile():
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for text in (README, (ROOT / "CONTRIBUTING.md").read_text()):
        for target in re.findall(r"(?:`|^)make ([a-z]+)", text, re.MULTILINE):
            assert target in targets
