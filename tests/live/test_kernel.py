"""Notebooks in real kernels on the real Livy: what outlives an interrupt, a restart and a death."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import psutil
import pytest
from executed import execute
from ipykernel.kernelspec import write_kernel_spec
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

import livy_magic
from livy_magic import Livy, local
from livy_magic.local.server import LocalServer

if TYPE_CHECKING:
    from servers import NewBase

pytestmark = pytest.mark.livy

Message: TypeAlias = dict[str, Any]
NewKernel: TypeAlias = Callable[[Path], "Kernel"]

PACKAGE = Path(livy_magic.__file__).parent
PATIENCE = 60.0  # seconds
ASLEEP = "import os, time\nprint('process', os.getpid(), flush=True)\ntime.sleep(600)"


# -- a kernel, as a notebook talks to it ----------------------------------------------------------


def kind(message: Message) -> str:
    return str(message["header"]["msg_type"])


def cell_of(message: Message) -> str | None:
    return message["parent_header"].get("msg_id")


def display_id(message: Message) -> str | None:
    return message["content"].get("transient", {}).get("display_id")


def shown(message: Message, mime: str = "text/html") -> str:
    """Return what a message displays; nothing when it is of another kind."""
    return str(message["content"].get("data", {}).get(mime, ""))


@dataclass(frozen=True)
class Cell:
    """What became of a cell: its reply's ``ok``, ``error`` or ``aborted``, and what it sent."""

    status: str
    messages: list[Message]

    def of(self, *kinds: str) -> list[Message]:
        return [message for message in self.messages if kind(message) in kinds]

    @property
    def printed(self) -> str:
        return "".join(message["content"]["text"] for message in self.of("stream"))

    @property
    def error(self) -> Message:
        [message] = self.of("error")
        content: Message = message["content"]
        return content


class Kernel:
    """A kernel of the Python that runs the tests."""

    def __init__(self, base: Path, folder: Path) -> None:
        write_kernel_spec(folder / "kernels" / "python3")
        specs = KernelSpecManager(kernel_dirs=[str(folder / "kernels")])
        self._manager = KernelManager(
            kernel_spec_manager=specs, connection_file=str(folder / "connection.json")
        )
        inherited = {name: text for name, text in os.environ.items() if name[:5] != "LIVY_"}
        settings = {
            "HOME": folder,
            "IPYTHONDIR": folder,
            "JUPYTER_CONFIG_PATH": folder,
            "LIVY_LOCAL_DIR": base,
            "PYTHONPATH": PACKAGE.parent,
        }
        self._manager.start_kernel(
            cwd=folder,
            env=inherited | {name: str(path) for name, path in settings.items()},
            extra_arguments=["--log-level=ERROR"],  # its own advice is for other people
        )
        self._client = self._manager.client()
        self._client.start_channels()
        self.heard: list[Message] = []

    def load(self) -> None:
        self._client.wait_for_ready(timeout=PATIENCE)
        self.run("%load_ext livy_magic")

    def restart(self) -> None:
        self._manager.restart_kernel()
        self.load()

    def die(self) -> None:
        """End by SIGKILL; what a kernel does at its end does not happen."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)

    def interrupt(self) -> None:
        self._manager.interrupt_kernel()

    def start(self, code: str) -> str:
        """Have a cell executed; return its id."""
        return str(self._client.execute(code))

    def hear(self, wanted: Callable[[Message], object]) -> Message:
        """Listen until a message comes that is wanted."""
        while True:
            message = self._client.get_iopub_msg(timeout=PATIENCE)
            self.heard.append(message)
            if wanted(message):
                return message

    def finish(self, cell: str) -> Cell:
        """Wait for the end of a cell."""
        while cell_of(reply := self._client.get_shell_msg(timeout=PATIENCE)) != cell:
            pass  # an answer that wait_for_ready did not wait for
        self.hear(
            lambda message: (
                cell_of(message) == cell and message["content"].get("execution_state") == "idle"
            )
        )
        messages = [message for message in self.heard if cell_of(message) == cell]
        return Cell(reply["content"]["status"], messages)

    def run(self, code: str) -> Cell:
        """Execute a cell that succeeds."""
        cell = self.finish(self.start(code))
        assert cell.status == "ok", cell.error["traceback"]
        return cell

    def submit(self, line: str, program: str) -> Message:
        """Submit a batch with ``%%livy_batch``; return the message that displays its card."""
        [card] = self.run(f"%%livy_batch {line}\n{program}").of("display_data")
        return card

    def hear_update(self, card: Message, html: str) -> str:
        """Listen until the card shows something, if it has not yet; return its HTML then."""
        for update in self.updates(card):
            if html in shown(update):
                return shown(update)
        return shown(self.hear(lambda sent: is_update(sent, card) and html in shown(sent)))

    def updates(self, card: Message) -> list[Message]:
        """Return the updates of a card that were heard."""
        return [message for message in self.heard if is_update(message, card)]


def is_update(message: Message, card: Message) -> bool:
    return kind(message) == "update_display_data" and display_id(message) == display_id(card)


@pytest.fixture
def new_kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewKernel]:
    """Start kernels, each in a folder of its own, that find a private server in a LIVY_LOCAL_DIR."""
    kernels = []

    def start(base: Path) -> Kernel:
        kernel = Kernel(base, tmp_path_factory.mktemp("notebook"))
        kernels.append(kernel)
        kernel.load()
        return kernel

    yield start
    for kernel in kernels:
        kernel.die()


@pytest.fixture
def livy(as_default: LocalServer) -> Iterator[Livy]:
    """The shared private server, seen from outside of any kernel; no batch is left running."""
    livy = Livy.connect("local")
    yield livy
    for batch in livy.batches(state="running"):
        batch.kill()
    livy.close()


@pytest.fixture
def kernel(livy: Livy, local_base: Path, new_kernel: NewKernel) -> Kernel:
    """A kernel on the shared private server."""
    return new_kernel(local_base)


@pytest.fixture
def own_base(new_base: NewBase, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A LIVY_LOCAL_DIR of the test's own; nothing runs there afterwards."""
    base = new_base("own")
    monkeypatch.setenv("LIVY_LOCAL_DIR", str(base))
    yield base
    local.stop()


def is_gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


# -- what ends, and what does not -----------------------------------------------------------------


@dataclass(frozen=True)
class Sleeper:
    """A batch that runs until it is killed: its card, and its program's process."""

    card: Message
    program: psutil.Process

    @classmethod
    def of(cls, kernel: Kernel, name: str) -> Sleeper:
        """Submit one, and wait until its card shows that it runs."""
        card = kernel.submit(f"--name {name}", ASLEEP)
        html = kernel.hear_update(card, ">process ")
        return cls(card, psutil.Process(int(re.search(r">process (\d+)<", html)[1])))

    @property
    def printed(self) -> str:
        return f"process {self.program.pid}"


def test_interrupting_a_wait_says_how_to_end_the_batch_and_does_not_end_it(
    kernel: Kernel, livy: Livy
) -> None:
    sleeper = Sleeper.of(kernel, "waited-for")
    waiting = kernel.start("%livy_wait")
    kernel.hear(lambda message: cell_of(message) == waiting and kind(message) == "stream")
    kernel.interrupt()
    error = kernel.finish(waiting).error
    assert error["ename"] == "WaitInterrupted"
    number = livy.batch("waited-for").id
    assert error["evalue"].endswith(f"or end it with %livy_kill {number}.")
    assert error["traceback"] == [f"WaitInterrupted: {error['evalue']}"]
    assert livy.client.state(number) == "running"
    assert not is_gone(sleeper.program)
    assert kernel.run("print('here')").printed == "here\n"


def test_interrupting_another_cell_touches_neither_batch_nor_server(
    kernel: Kernel, livy: Livy, local_server: LocalServer
) -> None:
    sleeper = Sleeper.of(kernel, "bystander")
    busy = kernel.start("import time\nprint('busy', flush=True)\ntime.sleep(600)")
    kernel.hear(lambda message: cell_of(message) == busy and kind(message) == "stream")
    kernel.interrupt()
    assert kernel.finish(busy).error["ename"] == "KeyboardInterrupt"
    assert local.find() == local_server
    assert livy.client.state("bystander") == "running"
    assert not is_gone(sleeper.program)
    kernel.run("%livy_kill bystander")
    kernel.hear_update(sleeper.card, "✘ killed")


def test_a_function_kills_the_batch_that_it_was_given_not_the_notebooks_of_that_name(
    kernel: Kernel, livy: Livy
) -> None:
    Sleeper.of(kernel, "the-notebooks -o b")
    Sleeper.of(kernel, "the-functions -o other")
    killed = kernel.run("def stop(b):\n    %livy_kill b\nstop(other)")
    assert "'the-functions'" in killed.printed
    assert [batch.name for batch in livy.batches(state="running")] == ["the-notebooks"]


def test_a_batch_survives_the_restart_and_the_death_of_its_kernel_and_is_found_again(
    kernel: Kernel,
    new_kernel: NewKernel,
    local_base: Path,
    local_server: LocalServer,
    tree: Callable[[int], list[psutil.Process]],
) -> None:
    before = tree(local_server.pid)
    sleeper = Sleeper.of(kernel, "survivor")
    kernel.restart()
    assert kernel.run("%livy_log survivor --output").printed == f"{sleeper.printed}\n"
    kernel.die()
    other = new_kernel(local_base)
    find = "from livy_magic import Livy, local\nprint(local.find().url, local.find().pid)"
    assert other.run(find).printed == f"{local_server.url} {local_server.pid}\n"
    assert other.run("%livy_log survivor --output").printed == f"{sleeper.printed}\n"
    ask = "batch = Livy.connect().batch('survivor')\nprint(batch.state, batch.output())"
    assert other.run(ask).printed == f"running {[sleeper.printed]}\n"
    processes = [process for process in tree(local_server.pid) if process not in before]
    assert sleeper.program in processes
    other.run("%livy_kill survivor")
    assert all(map(is_gone, processes))


# -- the card -------------------------------------------------------------------------------------

TALKATIVE = """
import time

for number in range(25):
    print("line", number, flush=True)
    time.sleep(0.2)
"""


def test_a_card_follows_its_batch_while_the_kernel_is_idle_and_while_it_is_busy(
    kernel: Kernel,
) -> None:
    card = kernel.submit("--name talkative -o batch", TALKATIVE)
    assert set(card["content"]["data"]) == {"text/plain", "text/html"}
    kernel.hear_update(card, ">line ")
    busy = kernel.finish(kernel.start("_ = batch.wait()"))
    kernel.hear_update(card, "✔ success")
    kernel.run("print('no update comes after the end')")
    updates = kernel.updates(card)
    dates = [update["header"]["date"] for update in updates]
    began, ended = (message["header"]["date"] for message in busy.of("status"))
    assert dates[0] < began
    assert sum(began < date < ended for date in dates) >= 2
    assert len(updates) <= (dates[-1] - dates[0]).total_seconds() + 2, "one a second, and the end"
    assert "✔ success" in shown(updates[-1])
    assert shown(updates[-1]).endswith("line 23\nline 24</pre></div>")
    first, last = shown(card, "text/plain"), shown(updates[-1], "text/plain")
    assert last == f"{first.partition(': ')[0]}: success"


def cards(cell: Cell) -> list[Message]:
    """Return what a cell displays of batches; where the machine is busy, there is progress as well."""
    return [sent for sent in cell.of("display_data") if shown(sent, "text/plain")[:5] == "batch"]


def test_a_waited_cell_shows_one_card_that_moves_and_what_is_printed_below_it_as_it_comes(
    kernel: Kernel,
) -> None:
    waiting = kernel.start(f"%%livy_batch --wait --name waited -o batch\n{TALKATIVE}")
    kernel.hear(
        lambda message: kind(message) == "stream" and message["content"]["text"].startswith("line ")
    )
    moving = [message for message in kernel.heard if "<progress" in shown(message)]
    assert "● running" in shown(moving[-1])
    assert re.search(r">\d+ s, since \d\d:\d\d:\d\d<", shown(moving[-1]))
    cell = kernel.finish(waiting)
    [card] = cards(cell)
    assert not cell.of("execute_result")
    assert cell.printed == "".join(f"line {number}\n" for number in range(25))
    last = kernel.updates(card)[-1]
    assert "✔ success" in shown(last)
    assert "<progress" not in shown(last)
    assert "line " not in shown(last), "it stands below"
    assert re.fullmatch(
        r"batch \d+ 'waited': (\w+ → )+success after [\d.]+ s", shown(last, "text/plain")
    )
    assert kernel.run("print(_ is batch)").printed == "True\n"
    assert kernel.run("batch").of("display_data"), "it can be displayed again"


def test_an_interrupted_wait_leaves_a_card_that_does_not_go_on(kernel: Kernel) -> None:
    waiting = kernel.start(f"%%livy_batch --wait --name stopped\n{ASLEEP}")
    kernel.hear(lambda message: kind(message) == "stream")
    kernel.interrupt()
    cell = kernel.finish(waiting)
    assert cell.error["ename"] == "WaitInterrupted"
    [card] = cards(cell)
    last = kernel.updates(card)[-1]
    assert "● running" in shown(last)
    assert "Waiting stopped at " in shown(last)
    assert "<progress" not in shown(last)
    assert not re.search(r"\d s, since", shown(last))
    kernel.run("%livy_kill stopped")
    assert kernel.updates(card)[-1] is last


def test_several_waited_batches_are_a_line_each_and_not_a_table_as_well(kernel: Kernel) -> None:
    for name in ("one", "other"):
        kernel.submit(f"--name {name} -o {name}", f"print('of', '{name}')")
    cell = kernel.run("%livy_wait one other")
    [lines] = cell.of("display_data")
    last = kernel.updates(lines)[-1]
    assert re.fullmatch(
        r"batch \d+ 'one': .*success after .* s\nbatch \d+ 'other': .*success after .* s",
        shown(last, "text/plain"),
    )
    assert not cell.of("execute_result")
    numbers = re.findall(r"batch \d+", shown(last, "text/plain"))
    assert cell.printed == (f"── {numbers[0]} 'one'\nof one\n── {numbers[1]} 'other'\nof other\n")
    [table] = kernel.run("_").of("execute_result")
    assert shown(table, "text/plain").splitlines()[0].split()[-2:] == ["started", "took"]


def test_a_notebook_that_is_saved_keeps_a_waited_cells_outputs_in_their_order(
    livy: Livy, local_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVY_LOCAL_DIR", str(local_base))
    bar = "import sys\nfor n in range(100): sys.stderr.write(f'\\r{n}%|##| {n}/100')\n"
    program = f"{bar}print(file=sys.stderr)\n{TALKATIVE}"
    wait = f"get_ipython().run_cell_magic('livy_batch', '--wait', {program!r})"
    _, cell, failed = execute(
        tmp_path,
        "%load_ext livy_magic",
        f"print('before')\ndisplay('a result')\n_ = {wait}\nprint('behind')",
        "%%livy_batch --wait\nprint('so far')\nraise ValueError('boom')",
    )
    texts = [
        output.text if output.output_type == "stream" else output.data["text/plain"]
        for output in cell.outputs
    ]
    before, result, card = texts[:3]
    printed = "".join(texts[3:])
    assert (before, result) == ("before\n", "'a result'")
    assert "→ success after " in card
    assert printed.index("99%|##| 99/100") < printed.index("line 0\n")
    assert printed.count("%|##|") == 1
    assert printed.endswith("line 24\nbehind\n")
    card, *lines, error = failed.outputs
    assert "→ dead after " in card.data["text/plain"]
    assert "".join(line.text for line in lines).count("ValueError: boom") == 1
    assert error.evalue.endswith(" s\n  ValueError: boom")


EVIL = "<img src=x onerror=alert(1)>"


def test_what_a_program_prints_and_how_a_batch_is_called_is_text_and_never_markup(
    kernel: Kernel,
) -> None:
    card = kernel.submit(f"--name '{EVIL}'", f'print("{EVIL}</pre><script>alert(2)</script>")')
    kernel.hear_update(card, "✔ success")
    kernel.run("%livy_wait")
    kernel.run("%livy_batches")
    pages = [page for page in map(shown, kernel.heard) if page]
    assert len(pages) >= 4, "a card, its update, the wait and the table"
    for page in pages:
        assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert not any("<img" in page or "<script" in page for page in pages)
    assert "&lt;/pre&gt;&lt;script&gt;" in shown(kernel.updates(card)[-1])


# -- Run All --------------------------------------------------------------------------------------


def test_run_all_stops_at_a_failed_batch_with_one_short_block(kernel: Kernel) -> None:
    codes = ["reached = 1", "%%livy_batch --wait\nraise ValueError('boom')", "reached = 3"]
    first, failed, last = map(kernel.finish, [kernel.start(code) for code in codes])
    assert (first.status, failed.status, last.status) == ("ok", "error", "aborted")
    assert kernel.run("print(reached)").printed == "1\n"
    error = failed.error
    assert error["ename"] == "BatchFailed"
    [block] = error["traceback"]
    assert block.startswith("BatchFailed: batch ")
    assert block.endswith("ValueError: boom")
    assert len(block.splitlines()) < 10
    assert str(PACKAGE) not in block


# -- the first magic ------------------------------------------------------------------------------


def test_two_kernels_with_their_first_magic_at_once_use_one_server(
    own_base: Path, new_kernel: NewKernel, tree: Callable[[int], list[psutil.Process]]
) -> None:
    kernels = [new_kernel(own_base) for _ in range(2)]
    cells = [kernel.start("%livy_connect") for kernel in kernels]
    answers = [kernel.finish(cell) for kernel, cell in zip(kernels, cells, strict=True)]
    server = local.find()
    assert server is not None
    for answer in answers:
        assert "starting a private one" in answer.printed
        assert f" at {server.url.removeprefix('http://')} as " in answer.printed
    processes = tree(server.pid)
    assert kernels[0].run("%livy_local stop").printed == "stopped\n"
    assert all(map(is_gone, processes))
    assert "no private Livy is running" in kernels[1].run("%livy_local status").printed


def until(holds: Callable[[], object]) -> None:
    """Wait until something holds of which no message tells."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.02)


@pytest.mark.parametrize("moment", ["as it is announced", "while Livy starts"])
def test_after_an_interrupt_of_the_first_magic_the_next_works_and_its_server_outlives_the_kernel(
    own_base: Path, new_kernel: NewKernel, moment: str
) -> None:
    kernel = new_kernel(own_base)
    connecting = kernel.start("%livy_connect")
    kernel.hear(lambda message: "starting a private one" in str(message["content"].get("text")))
    if moment == "while Livy starts":
        until(lambda: list(own_base.glob("servers/*/livy.log")))
    kernel.interrupt()
    assert kernel.finish(connecting).status == "error"
    interrupted = time.time()
    answer = kernel.run("%livy_connect").printed
    server = local.find()
    assert server is not None
    assert f" at {server.url.removeprefix('http://')} as " in answer
    if moment == "while Livy starts":
        assert server.started < interrupted, "it went on starting"
    kernel.die()
    answer = new_kernel(own_base).run("%livy_connect").printed
    assert answer.startswith("Livy 0.7.1-incubating")
    assert f" at {server.url.removeprefix('http://')} as " in answer
