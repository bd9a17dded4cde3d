"""Renders models as text and as escaped HTML. A server's text is data here, never markup."""

from __future__ import annotations

import html
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from .history import Entry
from .protocol.models import BatchInfo, is_final, is_success
from .redact import plain
from .watch.snapshot import Snapshot

SHORT, LONG = 16, 60  # characters of a cell that must not wrap, and of one that needs room
MINUTE = 60.0  # seconds
FROM_HISTORY = "Livy has forgotten it; from the history"
LONGEST_LINE = 2000  # characters of one log line that a card, a wait or the panel shows

_COLOURS = {
    "good": "var(--jp-success-color1, #2e7d32)",
    "bad": "var(--jp-error-color1, #c62828)",
    "open": "var(--jp-brand-color1, #1565c0)",
    "lost": "var(--jp-warn-color1, #b26a00)",
}
_ICONS = {"good": "✔", "bad": "✘", "open": "●", "lost": "?"}


def duration(seconds: float) -> str:
    """Return a time span in readable form: ``7.1 s``, ``3 min 20 s``, ``2 h 05 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def elapsed(seconds: float) -> str:
    """Return a time span up to now, in whole seconds: ``12 s``."""
    whole = max(0, int(seconds))
    return f"{whole} s" if whole < 60 else duration(whole)


def pace(age: float) -> float:
    """Return the seconds until the display of a batch's elapsed time needs an update.

    Args:
        age: Seconds that the batch has run.
    """
    if age < MINUTE:
        return 1.0
    return 10.0 if age < 60 * MINUTE else MINUTE


def readable(line: str) -> str:
    """Return a log line for display: without what a progress bar overwrote, and limited in length."""
    if "\r" in line:
        line = next((part for part in reversed(line.split("\r")) if part), "")
    if len(line) > LONGEST_LINE:
        line = f"{line[:LONGEST_LINE]}… ({len(line) - LONGEST_LINE:,} characters more)"
    return line


def status_line(snapshot: Snapshot) -> str:
    """Return one line on a batch's state, and on whether it can be seen at all."""
    info = snapshot.info
    line = f"batch {info.label}: {plain(info.state)}"
    if is_final(info.state):
        took = _took(snapshot)
        line = f"{line} after {took}" if took else line
        return f"{line} ({FROM_HISTORY})" if snapshot.recalled else line
    if snapshot.recalled:
        return f"{line} when last seen ({FROM_HISTORY})"
    if snapshot.gone:
        return f"{line} when last seen; the server no longer knows it"
    if snapshot.error is not None:
        return f"{line} when last seen at {clock(snapshot.stale_since)}; cannot be seen now: " + (
            first_line(snapshot.error)
        )
    if snapshot.waits:
        return f"{line}; {snapshot.waits}"
    return f"{line}; {_stillborn(info)}" if snapshot.stillborn else line


def _stillborn(info: BatchInfo) -> str:
    return f"it has no log: if that stays so, Livy refused it, and %livy_kill {info.id} removes it"


def card(
    snapshot: Snapshot,
    lines: Sequence[str] = (),
    *,
    now: float | None = None,
    waiting: bool = False,
    remark: str = "",
) -> str:
    """Return a batch as an HTML card.

    Args:
        snapshot: The batch.
        lines: The last lines of its output.
        now: The present time, in seconds since the epoch; None if nothing watches the batch.
        waiting: Whether a cell waits for the batch, so that the card has a moving bar.
        remark: A further line of text.
    """
    info = snapshot.info
    tone = _tone(snapshot)
    facts = [
        _span(f"{_ICONS[tone]} {plain(info.state)}", f"color:{_COLOURS[tone]};font-weight:600")
    ]
    facts.append(_span(f"batch {info.id}"))
    if info.name:
        facts.append(_span(plain(info.name), "font-weight:600"))
    news = (_times(snapshot, now), snapshot.waits, info.app_id)
    facts += [_span(plain(text), "opacity:.7") for text in news if text]
    facts += [_link(url, text) for url, text in links(info)]
    trouble = ""
    if snapshot.recalled:
        facts.append(_span(FROM_HISTORY, f"color:{_COLOURS['lost']}"))
    if snapshot.gone and not is_final(info.state):
        trouble = "The server no longer knows this batch; its end was not seen."
    elif snapshot.error is not None and not snapshot.done:
        trouble = f"Cannot see the batch since {clock(snapshot.stale_since)}: "
        trouble += first_line(snapshot.error)
    elif snapshot.stillborn:
        trouble = f"Still starting, and {_stillborn(info)}."
    # Known details of the batch's progress belong here.
    body = '<progress style="width:100%"></progress>' if waiting and not snapshot.done else ""
    for text in filter(None, (trouble, remark)):
        body += f'<div style="color:{_COLOURS["lost"]}">{html.escape(text)}</div>'
    if lines:
        text = "\n".join(plain(readable(line)) for line in lines)
        body += (
            '<pre style="margin:.4em 0 0;padding:0;white-space:pre-wrap;'
            f'overflow-wrap:anywhere;font-size:90%">{html.escape(text)}</pre>'
        )
    return (
        f'<div style="border-left:4px solid {_COLOURS[tone]};padding:.3em .8em;margin:.2em 0">'
        f'<div style="display:flex;flex-wrap:wrap;gap:.2em 1em">{"".join(facts)}</div>{body}</div>'
    )


@dataclass(frozen=True)
class Row:
    """One batch of a list.

    Attributes:
        info: The server's view of it.
        submitted: When it was submitted, in seconds since the epoch; None if unknown.
        ended: When its end was seen, likewise.
        seen: When it was last seen, in seconds since the epoch, if it runs.
    """

    info: BatchInfo
    submitted: float | None = None
    ended: float | None = None
    seen: float = 0.0


def table_text(rows: Sequence[Row]) -> str:
    """Return batches as aligned text."""
    return _text(_batches(rows), "no batches")


def table_html(rows: Sequence[Row]) -> str:
    """Return batches as an HTML table."""
    return _html(_batches(rows), "no batches")


def history_text(entries: Sequence[Entry], causes: Mapping[int, str]) -> str:
    """Return submissions as aligned text.

    Args:
        entries: The submissions.
        causes: By key, one line on why a submission failed, for some of them.
    """
    return _text(_submissions(entries, causes), "nothing was submitted")


def history_html(entries: Sequence[Entry], causes: Mapping[int, str]) -> str:
    """Return submissions as an HTML table; see :func:`history_text`."""
    return _html(_submissions(entries, causes), "nothing was submitted")


class _Cell(str):
    """A table cell's text, with the full text shown as a tooltip."""

    __slots__ = ("full",)

    full: str


def _table(columns: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """Return a heading row and the rows of a table, without empty columns."""
    said = {name: column for name, column in columns.items() if any(column)}
    return [list(said), *map(list, zip(*said.values(), strict=True))]


def _text(rows: Sequence[Sequence[str]], none: str) -> str:
    """Return a heading row and further rows as aligned text; ``none`` if there are no others."""
    if len(rows) == 1:
        return none
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _html(rows: Sequence[Sequence[str]], none: str) -> str:
    if len(rows) == 1:
        return f"<p>{none}</p>"
    head, *body = [
        "<tr>" + "".join(_cell(tag, cell) for cell in row) + "</tr>"
        for tag, row in zip(["th", *["td"] * len(rows)], rows, strict=False)
    ]
    return f"<table><thead>{head}</thead><tbody>{''.join(body)}</tbody></table>"


def _cell(tag: str, text: str) -> str:
    title = f' title="{html.escape(text.full)}"' if isinstance(text, _Cell) else ""
    style = "text-align:left"
    if len(text) <= SHORT:
        style += ";white-space:nowrap"
    elif len(text) > LONG:
        style += ";min-width:20em;overflow-wrap:anywhere"
    return f'<{tag} style="{style}"{title}>{html.escape(text)}</{tag}>'


def _batches(rows: Sequence[Row]) -> list[list[str]]:
    infos = [row.info for row in rows]
    return _table(
        {
            "id": [str(info.id) for info in infos],
            "state": [plain(info.state) for info in infos],
            "name": [plain(info.name or "") for info in infos],
            "owner": [plain(info.owner or "") for info in infos],
            "application": [plain(info.app_id or "") for info in infos],
            "started": ["" if row.submitted is None else _moment(row.submitted) for row in rows],
            "took": [_took_so_far(row) for row in rows],
        }
    )


def _took_so_far(row: Row) -> str:
    if row.submitted is None:
        return ""
    if not is_final(row.info.state):
        return f"{elapsed(row.seen - row.submitted)} so far"
    return "" if row.ended is None else duration(row.ended - row.submitted)


def _submissions(entries: Sequence[Entry], causes: Mapping[int, str]) -> list[list[str]]:
    servers = [plain(entry.server) for entry in entries]
    return _table(
        {
            "submitted": [_moment(entry.submitted) for entry in entries],
            "id": ["" if entry.info is None else str(entry.info.id) for entry in entries],
            "state": [plain(_last_state(entry)) for entry in entries],
            "name": [plain(entry.name) for entry in entries],
            "owner": [
                plain((entry.info and entry.info.owner) or entry.user or "") for entry in entries
            ],
            "took": [_span_of(entry) for entry in entries],
            "server": servers if len(set(servers)) > 1 else [""] * len(entries),
            "notebook": [_file_name(plain(entry.notebook or "")) for entry in entries],
            "cause": [plain(causes.get(entry.key) or "") for entry in entries],
        }
    )


def _file_name(path: str) -> str:
    """Return a path's last part, with the whole path as a tooltip."""
    cell = _Cell(path.replace("\\", "/").rpartition("/")[2])
    cell.full = path
    return cell


def _last_state(entry: Entry) -> str:
    """Return an entry's state, marked as old if it is not final and no process watches the batch."""
    if entry.info is None or is_final(entry.state):
        return entry.state
    unwatched = entry.ended is not None or entry.submitter.is_dead()
    return f"{entry.state} when last seen" if unwatched else entry.state


def _span_of(entry: Entry) -> str:
    if entry.ended is None or not is_final(entry.state):
        return ""
    return duration(entry.ended - entry.submitted)


def _moment(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))


def _tone(snapshot: Snapshot) -> str:
    state = snapshot.info.state
    if is_final(state):
        return "good" if is_success(state) else "bad"
    return "lost" if snapshot.gone or snapshot.error is not None else "open"


def _times(snapshot: Snapshot, now: float | None) -> str:
    if snapshot.submitted is None:  # unknown: the server does not send it
        return ""
    if snapshot.ended:
        return f"took {_took(snapshot)}"
    since = f"since {clock(snapshot.submitted)}"
    return ", ".join(filter(None, [running_time(snapshot, now), since]))


def running_time(snapshot: Snapshot, now: float | None) -> str:
    """Return how long a batch has run; empty if it cannot be seen, or its start is unknown."""
    if now is None or snapshot.submitted is None or snapshot.done or snapshot.error is not None:
        return ""
    return elapsed(now - snapshot.submitted)


def _took(snapshot: Snapshot) -> str:
    if snapshot.submitted is None or snapshot.ended is None:
        return ""
    return duration(snapshot.ended - snapshot.submitted)


def clock(moment: float | None) -> str:
    """Return a time of day, preceded by the date unless that is today."""
    then = time.localtime(moment)
    today = then[:3] == time.localtime()[:3]
    return time.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S", then)


def links(info: BatchInfo) -> list[tuple[str, str]]:
    """Return URL and title of a batch's pages; only http and https, whatever the server sends."""
    pairs = ((info.spark_ui_url, "Spark UI"), (info.driver_log_url, "driver log"))
    return [(url, text) for url, text in pairs if url and urlsplit(url).scheme in {"http", "https"}]


def _link(url: str, text: str) -> str:
    return (
        f'<a href="{html.escape(url, quote=True)}" target="_blank" rel="noopener noreferrer">'
        f"{html.escape(text)}</a>"
    )


def _span(text: str, style: str = "") -> str:
    return f'<span style="{style}">{html.escape(text)}</span>'


def first_line(error: Exception) -> str:
    """Return an error's cause, without the advice that follows it."""
    return str(error).partition("\n")[0]
