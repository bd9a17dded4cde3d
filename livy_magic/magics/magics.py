"""The magics: each parses its line, calls the Python API, and returns what that returns."""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand
from traitlets import Dict, Unicode, Union

from .. import display as render
from .. import local
from ..batch import Batch
from ..errors import WaitInterrupted
from ..export import rendered
from ..history import current, recorder
from ..livy import Livy
from ..protocol import fields
from ..protocol.models import STATES, BatchId, BatchRequest, Code
from ..redact import mask_text, plain
from ..settings import describe
from ..spelling import nearest
from .card import Shown
from .completion import matcher
from .forget import forget
from .in_hand import InHand, in_hand
from .in_place import Reports
from .line import expand
from .options import (
    BATCHES,
    CELL,
    FILE,
    FIRST_ARGUMENT,
    HISTORY,
    LOCAL,
    LOCAL_VERBS,
    LOG,
    PANEL,
    SUBMIT,
    USUAL,
    WAIT,
    Option,
    Parsed,
    help_text,
    parse,
    words_of,
)
from .scope import variables
from .spark_submit import check_patterns, conf_notes, is_program
from .tables import BatchList, EntryList, status_text
from .waiting import follow, print_lines, wait

if TYPE_CHECKING:
    from ..panel.widget import LivyPanel

# Properties that make a batch on the private Livy run on another Python than the notebook's.
_PYTHONS = frozenset({"spark.pyspark.python", "spark.pyspark.driver.python"})
# The chosen server; and the last submitted batch's server and address.
Chosen: TypeAlias = tuple[str | None, tuple[str | None, BatchId] | None]

SHOWN = 100  # submissions that %livy_history shows by default


def documented(options: Sequence[Option]) -> Callable[[Any], Any]:
    """Add the options to a magic's docstring, which ``%magic?`` shows."""

    def add(magic: Any) -> Any:
        first = USUAL if options in (SUBMIT, CELL) else ()
        magic.__doc__ = f"{inspect.cleandoc(magic.__doc__)}\n\n{help_text(options, first=first)}"
        return magic

    return add


@magics_class
class LivyMagics(Magics):
    """Spark batches on Apache Livy. These settings override environment and files."""

    url = Unicode("", help="Livy's URL, https://host:8998, or local").tag(config=True)
    profile = Unicode("", help="profile of livy_magic.yaml to use").tag(config=True)
    auth = Union(
        [Unicode(), Dict()], help="kind of authentication, or a mapping as in livy_magic.yaml"
    ).tag(config=True)
    verify = Unicode("", help="file of certificate authorities to trust").tag(config=True)
    staging = Unicode("", help="fsspec URL of a folder where local files are put for Livy").tag(
        config=True
    )

    def __init__(self, shell: Any = None, **options: Any) -> None:
        super().__init__(shell, **options)
        self._target: str | None = None
        self._servers: dict[str | None, Livy] = {}
        self._panels: dict[Livy, LivyPanel] = {}  # one for each server
        self._last: Batch | None = None
        self.shown = Shown()
        self._last_before: tuple[str | None, BatchId] | None = None  # its server, and its address
        self._settings = [
            name
            for name, trait in type(self).class_own_traits().items()
            if trait.metadata.get("config")
        ]
        self.observe(lambda _: self.close(), names=self._settings)
        self.matcher = matcher(self._known_batches)

    def chosen(self) -> Chosen:
        """Return the choices that the next instance takes over after a ``%reload_ext``."""
        if self._last is None:
            return self._target, self._last_before
        return self._target, (self._last.server.target, self._last.info.address)

    def go_on(self, chosen: Chosen) -> None:
        """Take over the choices of the previous instance."""
        self._target, self._last_before = chosen

    def close(self) -> None:
        """Close the panels and servers, and stop watching; batches run on."""
        for panel in self._panels.values():
            panel.controller.close()
        for livy in self._servers.values():
            livy.close()
        self._panels.clear()
        self._servers.clear()

    # -- magics -----------------------------------------------------------------------------------

    @no_var_expand
    @line_magic
    def livy_connect(self, line: str) -> None:
        """Choose the server for all later magics; without argument, show the one in use.

        %livy_connect [URL | PROFILE | local]

        If no server is configured anywhere, a private Livy is started on this machine.
        """
        parsed = self._parse(line, (), most=1)
        target = parsed.rest[0] if parsed.rest else self._target
        livy = self._server(target)
        version = livy.client.version()  # raises before anything is chosen
        if not version:
            livy.client.page(size=0)  # raises if what answers is not Livy
        self._target = target
        # Show the private Livy's address without a link: a browser has no cookie for it.
        place = livy.url.removeprefix("http://") if livy.private else livy.url
        who = f" as {livy.user}" if livy.user else ""
        print(" ".join(["Livy", *version.split(), "at", place]) + who)
        assert livy.settings is not None
        for name, value, origin in describe(livy.settings):
            print(f"  {name}: {value}  ({origin})")

    @no_var_expand
    @line_magic
    @documented(SUBMIT)
    def livy_submit(self, line: str) -> Batch | None:
        """Submit an application file as a Spark batch, and return its Batch.

        %livy_submit etl.py 2026-01-31
        %livy_submit --name nightly --wait --conf spark.sql.shuffle.partitions=8 etl.py {day}
        %livy_submit spark-submit --class org.example.Main --executor-memory 4g app.jar 10

        Options come before FILE; everything after it goes to the application. A local file is staged
        where Livy can read it. {day} is replaced by the notebook's variable, {day:%Y} by the value of
        an expression that begins with one; in single quotes, both stay text.

        %livy_submit [options] FILE [application arguments …]
        %livy_submit spark-submit [options] FILE [application arguments …]
        """
        parsed = self._parse(line, SUBMIT, first=FILE)
        if not parsed.file:
            raise UsageError("%livy_submit needs a FILE: %livy_submit [options] FILE [arguments …]")
        return self._submit(parsed.application(), parsed)

    @no_var_expand
    @cell_magic
    @documented(CELL)
    def livy_batch(self, line: str, cell: str) -> Batch | None:
        """Submit a cell as a Spark batch, and return its Batch.

        %%livy_batch --name nightly --wait
        %%livy_batch --param day --conf spark.sql.shuffle.partitions=8
        %%livy_batch --dry-run=curl

        The code follows that line. --param passes the notebook's variable to it; with --dry-run,
        nothing is sent.

        %%livy_batch [options] [application arguments …]

        The cell is a Python application, after optional lines `#| key: value` with the same options
        in YAML; or only such lines, with `#| file:`; or a spark-submit command, in one or several
        lines; or a POST body in JSON.
        """
        from .application import application  # only cells need these
        from .cell import parse_cell
        from .parameters import param

        parsed = self._parse(line, CELL, first=FIRST_ARGUMENT)
        content = parse_cell(cell, line_file=parsed.file)
        values = content.values
        if content.command is not None:
            command = self._parse(content.command, CELL, first=FILE)
            if not command.file:
                raise UsageError("the spark-submit command names no FILE")
            parsed = parsed.over(command.options, command.notes)
            values = fields.merged(values, command.application())
        elif content.code is not None:
            names = self._names()
            params = dict(param(text, names) for text in parsed.all("param"))
            values["file"] = Code(application(line, content.code, params))
        parsed = parsed.over(content.options, content.notes)
        values = fields.merged(values, parsed.application())
        return self._submit(
            values, parsed, literal=content.body is not None, complaint=content.complaint
        )

    @no_var_expand
    @line_magic
    @documented(BATCHES)
    def livy_batches(self, line: str) -> BatchList:
        """List the batches that the server keeps, newest first.

        %livy_batches [--state STATE] [--name GLOB] [--owner USER] [--mine] [--limit N]
        """
        parsed = self._parse(line, BATCHES, most=0)
        state = parsed.get("state")
        found = self._server().batches(
            state=state,
            name=parsed.get("name"),
            owner=parsed.get("owner"),
            mine=parsed.has("mine"),
            limit=parsed.get("limit"),
        )
        # Other servers have further states, so report a possible typo only if no batch matches.
        if not found and state and state.lower() not in STATES:
            print(f"no batch is {state!r}{nearest(state, STATES)}")
        return BatchList(found)

    @no_var_expand
    @line_magic
    @documented(HISTORY)
    def livy_history(self, line: str) -> EntryList | None:
        """List the batches submitted from here, newest first, even those that servers have forgotten.

        %livy_history [--state STATE] [--name GLOB] [--owner USER] [--mine] [--limit N]
        %livy_history --forget BATCH
        %livy_history --forget [--older DAYS] [--name GLOB] [--all]

        The log of each stays readable: %livy_log NAME.
        """
        parsed = self._parse(line, HISTORY, most=1 if "--forget" in line else 0, batches=True)

        recorder.flush()
        if parsed.has("forget"):
            print(forget(parsed))
            return None
        if parsed.has("older") or parsed.has("all"):
            raise UsageError("--older and --all go with --forget")
        limit = parsed.get("limit")
        known = current()
        entries = known.entries(
            state=parsed.get("state"),
            name=parsed.get("name"),
            owner=parsed.get("owner"),
            limit=SHOWN if limit is None else limit,
        )
        return EntryList(entries, known)

    @no_var_expand
    @line_magic
    @documented(LOG)
    def livy_log(self, line: str) -> None:
        """Print the log of a batch; without argument, of the last one submitted.

        %livy_log [BATCH] [-f] [--tail N] [--output]
        """
        parsed = self._parse(line, LOG, most=1, batches=True)
        batch, *others = self._batches(parsed.rest)
        if others:
            raise UsageError(
                f"{parsed.rest[0]} holds {1 + len(others)} batches: %livy_log shows one at a time"
            )
        if parsed.has("follow") and parsed.has("tail"):
            raise UsageError("a log is either followed, --follow, or shown from its end, --tail N")
        if parsed.has("follow"):
            follow(batch, output=parsed.has("output"))
            return
        lines = batch.output() if parsed.has("output") else batch.log()
        tail = parsed.get("tail")
        print_lines(lines if tail is None else lines[-tail:])

    @no_var_expand
    @line_magic
    @documented(WAIT)
    def livy_wait(self, line: str) -> Batch | BatchList:
        """Wait until batches end. An interrupt stops the waiting, never a batch.

        %livy_wait [BATCH …] [--timeout SECONDS]
        """
        parsed = self._parse(line, WAIT, batches=True)
        batches = self._batches(parsed.rest)
        wait(batches, parsed.get("timeout"))
        result = batches[0] if len(batches) == 1 else BatchList(batches)
        self.shown.add(result)
        return result

    @no_var_expand
    @line_magic
    def livy_kill(self, line: str) -> None:
        """Kill batches, and remove them from the server. Their logs are kept here.

        %livy_kill [BATCH …]
        """
        parsed = self._parse(line, (), batches=True)
        for batch in self._batches(parsed.rest):
            before = render.status_line(batch.snapshot)
            had_ended = batch.done
            batch.kill()
            if had_ended:
                print(
                    f"{before}; {'forgotten now' if batch.gone else 'the server keeps it listed'}"
                )
            elif batch.succeeded:  # before the kill took effect
                print(render.status_line(batch.snapshot))
            else:
                print(f"killed batch {batch.info.label}")

    @no_var_expand
    @line_magic
    @documented(PANEL)
    def livy_panel(self, line: str) -> LivyPanel:
        """Open the panel: the server's batches and the selected one's log, updated live.

        %livy_panel [--side | --split]
        """
        parsed = self._parse(line, PANEL, most=0)
        if parsed.has("side") and parsed.has("split"):
            raise UsageError(
                "the panel is in the side bar, --side, or in a tab, --split: choose one"
            )
        from ..panel.widget import LivyPanel  # only the panel needs widgets

        livy = self._server()
        panel = self._panels[livy] = self._panels.get(livy) or LivyPanel(livy)
        panel.placement.wish(
            next((wish for wish in ("side", "split") if parsed.has(wish)), "inline")
        )
        return panel

    @no_var_expand
    @line_magic
    @documented(LOCAL)
    def livy_local(self, line: str) -> None:
        """Start, stop or inspect the private Livy on this machine.

        %livy_local [start | stop | status | logs | clean]
        """
        parsed = self._parse(line, LOCAL, most=1)
        verb = parsed.rest[0] if parsed.rest else "status"
        verbs: dict[str, Callable[[], str]] = {
            "start": lambda: self._start(ui=parsed.has("ui")),
            "stop": lambda: "stopped" if local.stop() else "no private Livy was running",
            "status": lambda: status_text(local.status()),
            "logs": lambda: "\n".join(plain(text) for text in local.logs()),
            "clean": lambda: f"freed {local.clean() / 1e6:.0f} MB",
        }
        if verb not in LOCAL_VERBS:
            close = nearest(verb, LOCAL_VERBS) or f"; it knows {', '.join(LOCAL_VERBS)}"
            raise UsageError(f"%livy_local does not know {verb!r}{close}")
        if parsed.has("ui") and verb != "start":
            raise UsageError("--ui goes with %livy_local start")
        print(verbs[verb]())

    # -- shared by the magics ---------------------------------------------------------------------

    def _known_batches(self) -> list[str]:
        """Return names for batches, as far as they are known without a request to a server."""
        names = [name for name, value in self._notebook.items() if isinstance(value, Batch)]
        names = [name for name in names if not name.startswith("_")]
        for livy in self._servers.values():
            names += livy.known_names()
        return names

    @property
    def _notebook(self) -> dict[str, Any]:
        """The notebook's variables."""
        assert self.shell is not None
        names: dict[str, Any] = self.shell.user_ns
        return names

    def _names(self) -> Mapping[str, Any]:
        """Return the variables that a word can refer to: those of the code that calls the magic."""
        assert self.shell is not None
        return variables(self.shell)

    def _parse(
        self,
        line: str,
        options: Sequence[Option],
        *,
        most: int | None = None,
        first: str | None = None,
        batches: bool = False,
    ) -> Parsed:
        """Expand the words of a line, and return the parsed line.

        Args:
            line: The line.
            options: The magic's options.
            most: Maximum number of other words; None for any number.
            first: See :func:`~livy_magic.magics.options.parse`.
            batches: Whether the other words are batches.
        """
        words, names = words_of(line, options, first=first), self._names()
        held = [in_hand(word, names) if batches else None for word in words]
        expanded = [
            # $SPARK_HOME/bin/spark-submit has no notebook variable
            found or (word if is_program(word) else expand(word, names))
            for word, found in zip(words, held, strict=True)
        ]
        parsed = parse(expanded, options, first=first)
        if parsed.command:
            check_patterns(words[len(words) - len(parsed.rest) :])
        if most is not None and len(parsed.rest) > most:
            shown = mask_text(parsed.rest[most])
            raise UsageError(f"what is {shown!r}? There is one argument too many")
        return parsed

    def _server(self, target: str | None = None) -> Livy:
        """Return the server of a profile or URL, or the chosen one; connect on first use."""
        target = target or self._target
        livy = self._servers.get(target)
        if livy is None or not livy.is_current():
            chosen = {name: value for name in self._settings if (value := getattr(self, name))}
            with _interruptible_start() as report:
                livy = Livy.connect(target, overrides=chosen, report=report)
            self._servers[target] = livy
        return livy

    def _start(self, *, ui: bool) -> str:
        with _interruptible_start() as report:
            server = local.start(ui=ui, report=report)
        return f"private Livy at {server.url.removeprefix('http://')}, Spark {server.spark_version}"

    def _cell(self) -> str:
        """Return the running cell's id if the front end sends it, or else its number."""
        assert self.shell is not None
        kernel = getattr(self.shell, "kernel", None)
        request = kernel.get_parent("shell") if kernel else {}
        number = f"In [{self.shell.execution_count}]"
        return str(request.get("metadata", {}).get("cellId") or number)

    def _submit(
        self,
        values: Mapping[str, Any],
        parsed: Parsed,
        *,
        literal: bool = False,
        complaint: str | None = None,
    ) -> Batch | None:
        """Submit a request and return its batch; with ``--dry-run``, print the request, return None.

        IPython does not display the returned batch if the cell shows it already, or must be quiet.
        """
        quiet = parsed.has("quiet")
        if not quiet:
            print_lines([*parsed.notes, *conf_notes(values.get("conf", {}))])
        request = BatchRequest(**values)
        livy = self._server(parsed.get("profile"))
        if complaint and livy.private and not _PYTHONS & (request.conf or {}).keys():
            raise UsageError(complaint)
        if complaint and not quiet:
            print(
                f"{complaint}, says Python {sys.version.split()[0]} here; it is sent all the same"
            )
        choices: dict[str, Any] = {
            "if_exists": parsed.get("if-exists") or "fail",
            "stage": parsed.get("stage") or "auto",
            "defaults": not literal,
        }
        if parsed.has("dry-run"):
            print(rendered(parsed.get("dry-run"), livy, livy.plan(request, **choices)))
            return None
        with contextlib.nullcontext() if quiet else Reports() as report:
            batch = livy.submit(request, **choices, report=report, cell=self._cell())
        self._last = batch
        if parsed.has("out"):
            self._notebook[parsed.get("out")] = batch
        if parsed.has("follow"):
            follow(batch, output=False)
        elif parsed.has("wait"):
            wait([batch], quiet=quiet)
        if quiet or parsed.has("wait"):
            self.shown.add(batch)
        return batch

    def _batches(self, words: Sequence[str]) -> list[Batch]:
        """Return the batches for variables, ids and names; without words, the last one submitted."""
        if not words:
            if self._last is None and self._last_before is not None:
                target, address = self._last_before
                self._last = self._server(target).batch(address)
            if self._last is None:
                raise UsageError("which batch? None was submitted here yet: give an id or a name")
            return [self._last]
        found: dict[Batch, None] = {}  # each once, in order
        for word in words:
            held = word.batches if isinstance(word, InHand) else [self._server().batch(word)]
            found |= dict.fromkeys(held)
        return list(found)


@contextlib.contextmanager
def _interruptible_start() -> Iterator[Reports]:
    """Show a start's progress; on an interrupt, raise an error that says the start may go on."""
    try:
        with Reports() as report:
            yield report
    except KeyboardInterrupt:
        raise WaitInterrupted(
            "stopped waiting for the private Livy, which may go on starting\n"
            "Run the magic again to find it, or end it with %livy_local stop."
        ) from None
