"""Notes on batches, from the end of their logs: in one line, their progress or cause of failure."""

from __future__ import annotations

import re

from ..protocol.log_format import SPARK_MARK, STDOUT, looks_like_sparks, split_sections, waits
from ..protocol.models import BatchInfo, is_final, is_success
from ..redact import plain

LONGEST = 160  # most characters of a note

_TASKS = re.compile(r"TaskSetManager: Finished task .* in stage (\d+)\.\d+ .*\((\d+)/(\d+)\)\s*$")
# What stands before an exception's own name: packages of Python or Java.
_ERROR = re.compile(r"(?:[\w$]+\.)*(?P<said>[\w$]*(?:Error|Exception|Interrupt|Exit)\b(?:$|:.*))")
# YARN ends all its diagnostics with the last of these.
_FRAME = re.compile(
    r"\s+at [\w.$<>/]+\(|\s*\.\.\. \d+ more|\s+File \"|Traceback \(most recent call"
    r"|\. Failing the application\."
)
_FATAL = re.compile(r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d (?:ERROR|FATAL) (?P<what>.*)")


def note(info: BatchInfo) -> tuple[str, float | None]:
    """Return a note on a batch, and the progress of its newest stage, from 0 to 1, if known.

    The server's list includes the last ten lines of each log (protocol, part 2), so this needs no
    request.
    """
    if not info.log or is_success(info.state):
        return "", None
    sections = split_sections(info.log, start=0 if info.log[0] == STDOUT else 1)
    lines = [plain(line.replace(SPARK_MARK, "")).rstrip() for line in sections.stdout]
    diagnostics = [plain(line) for entry in sections.diagnostics for line in entry.splitlines()]
    if is_final(info.state):
        return _shortened(_cause([*lines, *map(plain, sections.stderr)], diagnostics)), None
    if place := waits(info.log):
        return place, None
    for line in reversed(lines):
        if tasks := _TASKS.search(line):
            stage, done, all_of_it = map(int, tasks.groups())
            return f"stage {stage}: {done}/{all_of_it} tasks", done / max(all_of_it, 1)
    return _shortened(_last(lines) or _last(diagnostics)), None


def cause(words: list[str], longest: int = LONGEST) -> str:
    """Return in one line why a batch failed: its exception, with its short name first.

    Args:
        words: The last lines that its program printed.
        longest: Characters of the line at most.
    """
    return _shortened(_cause(words, []), longest)


def _cause(lines: list[str], diagnostics: list[str]) -> str:
    """Return the line that says why a batch failed: the last error, else the last line of all."""
    for line in reversed(lines):
        error = _ERROR.fullmatch(line.strip())
        if error and not _FRAME.match(line):
            return error["said"]
    for line in reversed(lines):
        if fatal := _FATAL.match(line):
            return fatal["what"]
    return _last(diagnostics) or _last(lines)


def _last(lines: list[str]) -> str:
    """Return the last line that is not empty, in a stack trace, or from Spark's own log."""
    for line in reversed(lines):
        if line.strip() and not _FRAME.match(line) and not looks_like_sparks(line):
            return line.strip()
    return ""


def _shortened(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
