"""What --if-exists, --stage and --quiet do, on the real Livy with a stand-in for Spark behind it."""

import pytest
from IPython.core.completer import provisionalcompleter

from livy_magic import NotFound, NotSubmitted

pytestmark = pytest.mark.livy


@pytest.fixture
def submit(shell, standin_server, monkeypatch):
    """Run %livy_submit on the server with the stand-in, with the option line given."""
    monkeypatch.setenv("LIVY_LOCAL_DIR", str(standin_server.folder.parent))
    return lambda text: shell.run_line_magic("livy_submit", text)


@pytest.fixture
def long(standin_server):
    """A FILE that runs until its batch is killed."""
    return standin_server.script("long", "print up", "sleep 600")


@pytest.fixture
def short(standin_server):
    """A FILE that ends at once."""
    return standin_server.script("short", "print done")


def test_of_a_name_that_a_running_batch_holds(submit, long, short, capsys):
    first = submit(f"--name taken {long}")
    with pytest.raises(
        NotSubmitted, match=rf"the name 'taken' is held by batch {first.id} \(.*running\)"
    ):
        submit(f"--name taken {long}")
    with pytest.raises(NotSubmitted, match="only a finished batch of your own can be replaced"):
        submit(f"--name taken --if-exists replace {long}")
    assert submit(f"--name taken --if-exists attach {long}") is first
    other = submit(f"--name taken --if-exists attach --wait {short}")
    assert other.name.startswith("taken-")
    assert f"runs something else: this is {other.name!r}" in capsys.readouterr().out
    assert submit(f"--name taken --if-exists rename --wait {short}").name.startswith("taken-")
    assert first.server.client.state("taken") == "running"
    first.kill()


def test_of_a_name_that_a_finished_batch_holds(submit, short):
    first = submit(f"--name ended --wait {short}")
    with pytest.raises(NotSubmitted, match=rf"is held by batch {first.id} \(.*success\)"):
        submit(f"--name ended {short}")
    assert submit(f"--name ended --if-exists rename --wait {short}").name.startswith("ended-")
    assert submit(f"--name ended --if-exists attach --wait {short}").name.startswith("ended-")
    again = submit(f"--name ended --if-exists replace --wait {short}")
    assert (again.name, again.id != first.id) == ("ended", True)
    with pytest.raises(NotFound):
        again.server.client.batch(first.id)


def test_quiet_shows_nothing_and_submits_all_the_same(submit, short, shell, capsys):
    assert submit(f"--quiet --wait --master yarn -o done {short}") is shell.user_ns["done"]
    assert capsys.readouterr() == ("", "")
    assert shell.user_ns["done"].output() == ["done"]


def test_following_prints_what_comes_until_the_end(submit, short, capsys):
    submit(f"--follow {short}")
    assert "done\n" in capsys.readouterr().out


@pytest.mark.parametrize(("mode", "is_staged"), [("never", False), ("always", True)])
def test_a_file_is_sent_as_it_is_or_staged(submit, short, standin_server, mode, is_staged):
    batch = submit(f"--stage {mode} --wait {short}")
    assert batch.request.file.startswith(standin_server.server.staging) == is_staged
    assert batch.output() == ["done"]


def test_the_tab_key_knows_batches_by_name_and_variable(submit, short, shell):
    submit(f"--name tabbed --wait -o tabby {short}")
    line = "%livy_log tab"
    with provisionalcompleter():
        offers = {offer.text for offer in shell.Completer.completions(line, len(line))}
    assert offers == {"tabbed", "tabby"}
