"""From models to text and escaped HTML. What a server sends is data here, never markup."""

from __future__ import annotations

import html
import time
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from .history import Entry
from .protocol.models import BatchInfo, is_final, is_success
from .redact import plain
from .watch.snapshot import Snapshot

_COLUMNS = ("id", "state", "name", "owner", "application")
_LEFT = ' style="text-align:left"'
FROM_HISTORY = "Livy has forgotten it; from the history"
LONGEST_LINE = 2000  # characters of one log line that a card shows

_COLOURS = {
    "good": "var(--jp-success-color1, #2e7d32)",
    "bad": "var(--jp-error-color1, #c62828)",
    "open": "var(--jp-brand-color1, #1565c0)",
    "lost": "var(--jp-warn-color1, #b26a00)",
}
_ICONS = {"good": "✔", "bad": "✘", "open": "●", "lost": "?"}


def duration(seconds: float) -> str:
    """Return a time span as people say it: ``7.1 s``, ``3 min 20 s``, ``2 h 05 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def status_line(snapshot: Snapshot) -> str:
    """Return one line on where a batch stands, and whether it can be seen at all."""
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
        return f"{line} when last seen at {_clock(snapshot.stale_since)}; cannot be seen now: " + (
            first_line(snapshot.error)
        )
    if snapshot.waits:
        return f"{line}; {snapshot.waits}"
    return f"{line}; {_stillborn(info)}" if snapshot.stillborn else line


def _stillborn(info: BatchInfo) -> str:
    return f"it has no log: if that stays so, Livy refused it, and %livy_kill {info.id} removes it"


def card(snapshot: Snapshot, lines: Sequence[str]) -> str:
    """Return a batch as an HTML card, with the last lines of its output."""
    info = snapshot.info
    tone = _tone(snapshot)
    facts = [
        _span(f"{_ICONS[tone]} {plain(info.state)}", f"color:{_COLOURS[tone]};font-weight:600")
    ]
    facts.append(_span(f"batch {info.id}"))
    if info.name:
        facts.append(_span(plain(info.name), "font-weight:600"))
    news = (_times(snapshot), snapshot.waits, info.app_id)
    facts += [_span(plain(text), "opacity:.7") for text in news if text]
    facts += [_link(url, text) for url, text in links(info)]
    trouble = ""
    if snapshot.recalled:
        facts.append(_span(FROM_HISTORY, f"color:{_COLOURS['lost']}"))
    if snapshot.gone and not is_final(info.state):
        trouble = "The server no longer knows this batch; its end was not seen."
    elif snapshot.error is not None and not snapshot.done:
        trouble = f"Cannot see the batch since {_clock(snapshot.stale_since)}: "
        trouble += first_line(snapshot.error)
    elif snapshot.stillborn:
        trouble = f"Still starting, and {_stillborn(info)}."
    body = ""
    if trouble:
        body += f'<div style="color:{_COLOURS["lost"]}">{html.escape(trouble)}</div>'
    if lines:
        text = "\n".join(plain(line)[:LONGEST_LINE] for line in lines)
        body += (
            '<pre style="margin:.4em 0 0;padding:0;white-space:pre-wrap;'
            f'overflow-wrap:anywhere;font-size:90%">{html.escape(text)}</pre>'
        )
    return (
        f'<div style="border-left:4px solid {_COLOURS[tone]};padding:.3em .8em;margin:.2em 0">'
        f'<div style="display:flex;flex-wrap:wrap;gap:.2em 1em">{"".join(facts)}</div>{body}</div>'
    )


def table_text(infos: Iterable[BatchInfo]) -> str:
    """Return batches as aligned text."""
    return _text([_COLUMNS, *(_row(info) for info in infos)], "no batches")


def table_html(infos: Iterable[BatchInfo]) -> str:
    """Return batches as an HTML table."""
    return _html([_COLUMNS, *(_row(info) for info in infos)], "no batches")


def history_text(entries: Sequence[Entry]) -> str:
    """Return what was submitted as aligned text."""
    return _text(_history_rows(entries), "nothing was submitted")


def history_html(entries: Sequence[Entry]) -> str:
    """Return what was submitted as an HTML table."""
    return _html(_history_rows(entries), "nothing was submitted")


def _text(rows: Sequence[Sequence[str]], none: str) -> str:
    """Return rows, of which the first one is the heading, as aligned text."""
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
        "<tr>" + "".join(f"<{tag}{_LEFT}>{html.escape(cell)}</{tag}>" for cell in row) + "</tr>"
        for tag, row in zip(["th", *["td"] * len(rows)], rows, strict=False)
    ]
    return f"<table><thead>{head}</thead><tbody>{''.join(body)}</tbody></table>"


def _history_rows(entries: Sequence[Entry]) -> list[list[str]]:
    columns = {
        "submitted": [_moment(entry.submitted) for entry in entries],
        "id": ["" if entry.info is None else str(entry.info.id) for entry in entries],
        "state": [plain(_last_state(entry)) for entry in entries],
        "name": [plain(entry.name) for entry in entries],
        "owner": [
            plain((entry.info and entry.info.owner) or entry.user or "") for entry in entries
        ],
        "took": [_span_of(entry) for entry in entries],
    }
    if len({entry.server for entry in entries}) > 1:
        columns["server"] = [plain(entry.server) for entry in entries]
    if any(entry.notebook for entry in entries):
        columns["notebook"] = [plain(entry.notebook or "") for entry in entries]
    return [list(columns), *map(list, zip(*columns.values(), strict=True))]


def _last_state(entry: Entry) -> str:
    """Return an entry's state; one that is not final is news only as long as somebody watches."""
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


def _row(info: BatchInfo) -> tuple[str, ...]:
    return (
        str(info.id),
        plain(info.state),
        plain(info.name or ""),
        plain(info.owner or ""),
        plain(info.app_id or ""),
    )


def _tone(snapshot: Snapshot) -> str:
    state = snapshot.info.state
    if is_final(state):
        return "good" if is_success(state) else "bad"
    return "lost" if snapshot.gone or snapshot.error is not None else "open"


def _times(snapshot: Snapshot) -> str:
    if snapshot.submitted is None:  # nobody says when it was, and the server does not
        return ""
    return f"took {_took(snapshot)}" if snapshot.ended else f"since {_clock(snapshot.submitted)}"


def _took(snapshot: Snapshot) -> str:
    if snapshot.submitted is None or snapshot.ended is None:
        return ""
    return duration(snapshot.ended - snapshot.submitted)


def _clock(moment: float | None) -> str:
    return time.strftime("%H:%M:%S", time.localtime(moment))


def links(info: BatchInfo) -> list[tuple[str, str]]:
    """Return a batch's pages, each with its title: web addresses only, whatever the server says."""
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
    """Return an error's cause, without what to do about it."""
    return str(error).partition("\n")[0]
