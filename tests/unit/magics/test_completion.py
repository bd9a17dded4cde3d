"""What the tab key offers, in a real IPython shell."""

import pytest
from IPython.core.completer import provisionalcompleter

from livy_magic import unload_ipython_extension


def offered(shell, text):
    """Return the lines that the offers make of ``text``, the cursor being at its end."""
    with provisionalcompleter():
        return {
            text[: offer.start] + offer.text
            for offer in shell.Completer.completions(text, len(text))
        }


@pytest.mark.parametrize(
    ("typed", "some"),
    [
        (
            "%livy_submit --exec",
            {"%livy_submit --executor-memory", "%livy_submit --executor-cores"},
        ),
        ("%livy_submit --pack", {"%livy_submit --packages"}),
        ("%%livy_batch --name x --para", {"%%livy_batch --name x --param"}),
        ("livy_log --ta", {"livy_log --tail"}),
        ("%livy_batches --m", {"%livy_batches --mine"}),
        ("%livy_local st", {f"%livy_local {verb}" for verb in ("start", "stop", "status")}),
    ],
)
def test_options_and_verbs(shell, typed, some):
    assert offered(shell, typed) == some


@pytest.mark.parametrize(
    ("typed", "all_of_them"),
    [
        ("%livy_submit --if-exists re", {"replace", "rename"}),
        ("%livy_submit --if-exists=at", {"attach"}),
        ("%livy_submit --dry-run=spa", {"spark-submit"}),
        ("%livy_submit --dry-run=", {"json", "curl", "python", "spark-submit"}),
        ("%%livy_batch --stage ", {"auto", "always", "never"}),
    ],
)
def test_values_where_there_are_few(shell, typed, all_of_them):
    start = typed[: max(typed.rfind(" "), typed.rfind("=")) + 1]
    assert offered(shell, typed) == {start + value for value in all_of_them}


@pytest.mark.parametrize(
    "before",
    [
        "b = ",
        "b=",
        "a, b = ",
        "jobs['x'] = ",
        "    ",
        "    b = ",
        "\t",
        "%time ",
        "%time b = ",
        "%%time ",
        "%timeit -n 1 ",
        "    %time ",
        "%%time\n",
        "%%time\nb = ",
        "def f():\n    ",
    ],
)
def test_the_magic_may_stand_behind_something(shell, before):
    typed = f"{before}%livy_submit --wait --exec"
    start = typed.removesuffix("--exec")
    assert offered(shell, typed) == {f"{start}--executor-memory", f"{start}--executor-cores"}


@pytest.mark.parametrize(
    "typed",
    [
        "x = '%livy_submit --exec",
        "# %livy_submit --exec",
        "f(livy_submit --exec",
        "x livy_submit --exec",
    ],
)
def test_a_magic_that_is_only_mentioned_offers_nothing(shell, typed):
    assert not any("--executor-memory" in text for text in offered(shell, typed))


def test_profiles(shell, tmp_path):
    (tmp_path / "livy_magic.yaml").write_text(
        "profiles: {prod: {url: 'http://a:1'}, proof: {url: 'http://b:1'}, dev: {url: 'http://c:1'}}"
    )
    expected = {"%livy_submit --profile prod", "%livy_submit --profile proof"}
    assert offered(shell, "%livy_submit --profile pr") == expected
    assert "%livy_connect dev" in offered(shell, "%livy_connect ")
    (tmp_path / "livy_magic.yaml").write_text("profiles: [")
    assert not expected & offered(shell, "%livy_submit --profile pr")


def test_a_file_is_completed_as_anywhere(shell, tmp_path):
    (tmp_path / "nightly_job.py").write_text("")
    assert "%livy_submit --wait nightly_job.py" in offered(shell, "%livy_submit --wait nightly_")


def test_what_is_unloaded_offers_nothing(shell):
    unload_ipython_extension(shell)
    assert "%livy_submit --executor-memory" not in offered(shell, "%livy_submit --exec")
