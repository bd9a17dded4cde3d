"""The data of Livy's batch API: strict in what it sends, tolerant in what it reads.

``BatchRequest``'s fields and their metadata are the one table of the 16 POST fields, from which the
options of the magics, the cell options, the checks, the JSON body, the help and the README's table
are made (see :mod:`livy_magic.protocol.fields`). What Spark makes of each: protocol, part 1.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

from ..errors import InvalidRequest, NotLivy
from ..redact import is_secret, mask_body, plain
from ..spelling import check_visible, nearest
from .field_types import (
    Arguments,
    Conf,
    Count,
    EntryError,
    FieldType,
    Name,
    Size,
    Text,
    Texts,
    no_path,
    path_text,
)
from .log_format import end_of_known

BatchId: TypeAlias = int | str  # a number in Livy; some other servers with this API use GUIDs

# Livy's own states (protocol, part 5); other servers have others.
STATES = ("starting", "recovering", "running", "success", "dead", "killed")
SUCCESSFUL = frozenset({"success", "finished"})
FAILED = frozenset({"dead", "error", "killed", "canceled", "cancelled"})


def is_success(state: str) -> bool:
    """Return whether a batch in this state succeeded."""
    return state.lower() in SUCCESSFUL


def is_final(state: str) -> bool:
    """Return whether a batch in this state has ended; False for an unknown state."""
    return state.lower() in SUCCESSFUL | FAILED


@dataclass(frozen=True)
class Code:
    """An application given as source text instead of a path.

    Attributes:
        text: Python source, ready to run; staging writes exactly this.
    """

    text: str

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            kind = type(self.text).__name__
            raise InvalidRequest(
                f"Code takes source text, not a {kind}; a path is a file by itself"
            )
        try:
            self.text.encode()
        except UnicodeEncodeError as problem:
            line = self.text.count("\n", 0, problem.start) + 1
            raise InvalidRequest(
                f"line {line} of the code holds half of a surrogate pair"
            ) from None


class _File(Text):
    """The type of the application: a path or URI, or its code."""

    metavar = "FILE"

    def check(self, value: object) -> str | Code:  # type: ignore[override]
        """See FieldType."""
        if not isinstance(value, Code):
            check_visible(file := super().check(path_text(value)))
            return file
        if not value.text.strip():
            raise ValueError("has no code")
        return value


def _field(
    type_: FieldType,
    *,
    json: str,
    flag: str | None,
    example: str,
    group: str,
    help: str,  # noqa: A002
) -> Any:
    metadata = {
        "type": type_, "json": json, "flag": flag, "example": example, "group": group, "help": help,
    }  # fmt: skip
    return dataclasses.field(default=None, metadata=metadata)


@dataclass(frozen=True, kw_only=True, repr=False)
class BatchRequest:
    """A request to run an application: the body of ``POST /batches``.

    Unset fields are None and are not sent. Sequences are stored as tuples, ``conf`` as a read-only
    mapping.

    Attributes:
        extra: Additional JSON members, sent unchanged, for servers that accept more than Livy does.

    Raises:
        InvalidRequest: Livy would reject a value, or accept it and fail on it.
    """

    file: str | Code = _field(
        _File(), json="file", flag=None, group="application",
        example="hdfs:///jobs/etl.py",
        help="the application: a Python file or jar; a local path or a URI that Livy can read",
    )  # fmt: skip
    args: Sequence[str] | None = _field(
        Arguments(), json="args", flag=None, group="application",
        example="2026-01-01",
        help="the application's own arguments",
    )  # fmt: skip
    class_name: str | None = _field(
        Text(), json="className", flag="--class", group="application",
        example="org.example.Main",
        help="main class of a jar",
    )  # fmt: skip
    name: str | None = _field(
        Name(), json="name", flag="--name", group="application",
        example="nightly",
        help="name of the batch; unique among those that Livy lists",
    )  # fmt: skip
    py_files: Sequence[str] | None = _field(
        Texts(), json="pyFiles", flag="--py-files", group="dependencies",
        example="helpers.py,lib.zip",
        help="Python modules, package folders, wheels, zips or eggs to put on the program's path",
    )  # fmt: skip
    jars: Sequence[str] | None = _field(
        Texts(), json="jars", flag="--jars", group="dependencies",
        example="udfs.jar",
        help="jars for driver and executors",
    )  # fmt: skip
    files: Sequence[str] | None = _field(
        Texts(), json="files", flag="--files", group="dependencies",
        example="lookup.csv",
        help="files to place in each executor's working folder",
    )  # fmt: skip
    archives: Sequence[str] | None = _field(
        Texts(), json="archives", flag="--archives", group="dependencies",
        example="env.tar.gz#env",
        help="archives or folders to unpack: SparkFiles.get(name), on YARN also the working folder",
    )  # fmt: skip
    driver_memory: str | None = _field(
        Size(), json="driverMemory", flag="--driver-memory", group="resources",
        example="2g",
        help="memory of the driver",
    )  # fmt: skip
    driver_cores: int | None = _field(
        Count(), json="driverCores", flag="--driver-cores", group="resources",
        example="2",
        help="cores of the driver",
    )  # fmt: skip
    executor_memory: str | None = _field(
        Size(), json="executorMemory", flag="--executor-memory", group="resources",
        example="4g",
        help="memory of each executor",
    )  # fmt: skip
    executor_cores: int | None = _field(
        Count(), json="executorCores", flag="--executor-cores", group="resources",
        example="4",
        help="cores of each executor",
    )  # fmt: skip
    num_executors: int | None = _field(
        Count(least=0), json="numExecutors", flag="--num-executors", group="resources",
        example="10",
        help="number of executors",
    )  # fmt: skip
    queue: str | None = _field(
        Text(), json="queue", flag="--queue", group="resources",
        example="etl",
        help="YARN queue",
    )  # fmt: skip
    proxy_user: str | None = _field(
        Text(), json="proxyUser", flag="--proxy-user", group="resources",
        example="alice",
        help="user to run as, where the server impersonates",
    )  # fmt: skip
    conf: Mapping[str, str] | None = _field(
        Conf(), json="conf", flag="--conf", group="resources",
        example="spark.sql.shuffle.partitions=400",
        help="a Spark property; repeatable",
    )  # fmt: skip
    extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __new__(cls, *positional: object, **values: object) -> BatchRequest:  # noqa: PYI034 -- 3.11's
        """Refuse what ``__init__`` would, but with the name that was meant."""
        known = [field.name for field in dataclasses.fields(cls)]
        if positional:
            raise InvalidRequest("BatchRequest takes its fields by name: BatchRequest(file=…)")
        for name in values.keys() - set(known):
            snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
            raise InvalidRequest(f"BatchRequest has no field {name!r}{nearest(snake, known)}")
        return super().__new__(cls)

    def __reduce__(self) -> tuple[Any, ...]:
        # a read-only mapping is neither pickled nor copied
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        plain = {name: dict(item) for name, item in values.items() if isinstance(item, Mapping)}
        return _request, (values | plain,)

    def __post_init__(self) -> None:
        for field in POST_FIELDS:
            value = getattr(self, field.name)
            if value is not None or field.name == "file":
                object.__setattr__(self, field.name, checked(field, value))
        if not isinstance(self.extra, Mapping) or any(type(key) is not str for key in self.extra):
            raise InvalidRequest("extra: it must be a mapping of JSON names to values")
        try:
            json.dumps(dict(self.extra), allow_nan=False)
        except (TypeError, ValueError, RecursionError) as problem:
            raise InvalidRequest(f"extra: JSON cannot hold it: {problem}") from None
        clash = sorted(self.extra.keys() & {field.metadata["json"] for field in POST_FIELDS})
        if clash:
            raise InvalidRequest(f"extra: {clash[0]} is a field of its own; set that instead")
        object.__setattr__(self, "extra", MappingProxyType(dict(self.extra)))

    def __repr__(self) -> str:
        shown = self.shown()
        return f"BatchRequest({', '.join(f'{key}={value!r}' for key, value in shown.items())})"

    def to_json(self) -> dict[str, Any]:
        """Return the POST body: the set fields in the table's order, then ``extra``.

        Raises:
            InvalidRequest: ``file`` is still code, which must be staged first.
        """
        if isinstance(self.file, Code):
            raise InvalidRequest("file: code has to be staged before it can be sent")
        return self._json()

    def shown(self) -> dict[str, Any]:
        """Return the POST body for display: code summarized, secrets masked."""
        return mask_body(self._json())

    def _json(self) -> dict[str, Any]:
        body: dict[str, Any] = {}
        for field in POST_FIELDS:
            value = getattr(self, field.name)
            if isinstance(value, Code):
                value = f"<{len(value.text.splitlines())} lines of code>"
            if value is not None:
                body[field.metadata["json"]] = field.metadata["type"].to_json(value)
        return body | dict(self.extra)

    def replace(self, **changes: Any) -> BatchRequest:
        """Return a copy with some fields changed, checked like a new request.

        Raises:
            InvalidRequest: A new value is bad.
        """
        return dataclasses.replace(self, **changes)


POST_FIELDS = tuple(field for field in dataclasses.fields(BatchRequest) if field.metadata)


def _request(values: dict[str, Any]) -> BatchRequest:
    return BatchRequest(**values)


def argument(name: str, type_: FieldType, value: object) -> Any:
    """Return the stored form of an argument of a public function.

    Raises:
        InvalidRequest: With its name and the bad value.
    """
    try:
        return type_.check(value)
    except ValueError as problem:
        shown = "" if is_secret(str(value)) else f"{_shorten(repr(value))} "
        raise InvalidRequest(f"{name}: {shown}{problem}") from None


def checked(field: dataclasses.Field[Any], value: object, *, text: bool = False) -> Any:
    """Return the stored form of a field's value.

    Args:
        field: The field.
        value: The value.
        text: Whether a ``str`` is text to parse.

    Raises:
        InvalidRequest: The value is bad; the message has the field, the value and a good example.
    """
    type_: FieldType = field.metadata["type"]
    try:
        return type_.parse(value) if text and isinstance(value, str) else type_.check(value)
    except ValueError as problem:
        raise InvalidRequest(_complaint(field, value, problem)) from None


def _complaint(field: dataclasses.Field[Any], value: object, problem: ValueError) -> str:
    json_key, example = field.metadata["json"], field.metadata["example"]
    if value is None:
        missing = (
            f"is missing; for example {example}" if json_key == "file" else "is null; leave it out"
        )
        return f"{json_key}: {missing}"
    shown = ""
    if not isinstance(problem, EntryError) and not is_secret(str(value)):
        shown = _shorten(repr(mask_body({json_key: value})[json_key])) + " "
    return f"{json_key}: {shown}{problem}; for example {example}"


def _shorten(text: str, width: int = 80) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


@dataclass(frozen=True, kw_only=True)
class BatchInfo:
    """One of the server's views of a batch; what the server leaves out is None or empty.

    Attributes:
        id: The server's id, unique until it restarts without recovery.
        name: The name it was submitted under; Livy finds it by this too.
        owner: The user who submitted it, if the server authenticates users.
        proxy_user: The user it runs as, if the server impersonates.
        state: Its state; servers may add others to Livy's, see :func:`is_final`.
        app_id: The cluster manager's id, once there is one.
        driver_log_url: The URL of the driver's own log, once known.
        spark_ui_url: The URL of Spark's web page, once known.
        log: The last entries of the log, section markers included.
    """

    id: BatchId
    state: str
    name: str | None = None
    owner: str | None = None
    proxy_user: str | None = None
    app_id: str | None = None
    driver_log_url: str | None = None
    spark_ui_url: str | None = None
    log: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The batch in messages: ``12 'nightly'``."""
        return f"{self.id} {plain(self.name)!r}" if self.name else str(self.id)

    @classmethod
    def from_json(cls, value: object, request: str) -> BatchInfo:
        """Return the view in a server's answer.

        Args:
            value: The answer.
            request: The request line, for messages.

        Raises:
            NotLivy: The answer has no id, so it does not describe a batch.
        """
        name = _text(value.get("name")) if isinstance(value, dict) else None
        id_ = value.get("id", name) if isinstance(value, dict) else None
        if id_ is None or id_ == "" or isinstance(id_, bool):
            id_ = name  # Livy finds a batch by either
        if not isinstance(value, dict) or not isinstance(id_, (int, str)):
            raise NotLivy(f"{request}: the answer does not describe a batch", request=request)
        app_info = value.get("appInfo")
        app_info = app_info if isinstance(app_info, dict) else {}
        return cls(
            id=id_,
            state=_text(value.get("state")) or "unknown",
            name=name,
            owner=_text(value.get("owner")),
            proxy_user=_text(value.get("proxyUser")),
            app_id=_text(value.get("appId")),
            driver_log_url=_text(app_info.get("driverLogUrl")),
            spark_ui_url=_text(app_info.get("sparkUiUrl")),
            log=_lines(value.get("log")),
        )

    @property
    def address(self) -> BatchId:
        """The key for requests: the name, because ids start again when the server restarts.

        It is the id if the batch has no name, one that no URL can carry, or all digits, which Livy
        reads as an id.
        """
        name = self.name
        return self.id if name is None or name.isdecimal() or no_path(name) else name

    def is_called(self, key: BatchId) -> bool:
        """Return whether this batch has this id or name."""
        return key == self.name or is_same_id(self.id, key)


def is_same_id(known: object, key: object) -> bool:
    """Return whether two ids are equal: 7 is ``"7"``, and for Livy ``"007"``; GUIDs ignore case."""
    if isinstance(known, int) and isinstance(key, int):  # most are, and a look compares thousands
        return known == key
    one, other = str(known).casefold(), str(key).casefold()
    return one == other or (other.isdecimal() and len(other) < 100 and one == str(int(other)))


@dataclass(frozen=True)
class BatchPage:
    """One answer of ``GET /batches``.

    Attributes:
        start: Position of the first batch among all that the server keeps, oldest first.
        total: Number of batches that the server keeps, not of those here (protocol, part 2).
        batches: The views.
    """

    start: int
    total: int
    batches: tuple[BatchInfo, ...]


@dataclass(frozen=True)
class LogPage:
    """One answer of ``GET /batches/{id}/log``.

    Attributes:
        start: Position of the first entry in the window that the server keeps.
        total: Number of entries in that window, markers included; not of all lines ever written.
        entries: The entries, section markers included (protocol, part 3).
    """

    start: int
    total: int
    entries: tuple[str, ...]

    @classmethod
    def from_json(cls, value: object, request: str, start: int = 0) -> LogPage:
        """Return the page in a server's answer.

        Args:
            value: The answer.
            request: The request line, for messages.
            start: The requested position, for answers that do not give theirs.

        Raises:
            NotLivy: The answer is not a log.
        """
        if not isinstance(value, dict) or "log" not in value:
            raise NotLivy(f"{request}: the answer is not a log", request=request)
        entries = _lines(value.get("log"))
        given, total = value.get("from"), value.get("total")
        start = max(0, given if isinstance(given, int) else start)
        return cls(start, total if isinstance(total, int) else start + len(entries), entries)

    @property
    def end(self) -> int:
        """Position after the last entry."""
        return self.start + len(self.entries)

    def joined(self, more: LogPage, overlap: int) -> LogPage | None:
        """Join this page and a later one that begins with the last entries of this one.

        Lines may have arrived meanwhile and moved the window, so :func:`end_of_known` finds the
        entries that both have by content.

        Args:
            more: The later page.
            overlap: Number of entries that both would have if nothing moved.

        Returns:
            The joined page; this page itself if ``more`` has nothing new; None if they do not join.
        """
        met = end_of_known(self.entries, more.entries, self.end - more.start)
        if 2 * met < overlap:  # fewer could be chance
            return None
        entries = self.entries + more.entries[met:]
        return LogPage(more.end - len(entries), more.total, entries) if more.entries[met:] else self


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _lines(value: object) -> tuple[str, ...]:
    if isinstance(value, str):  # some servers send the log as one string
        return tuple(value.splitlines())
    if isinstance(value, list):
        return tuple(line if isinstance(line, str) else json.dumps(line) for line in value)
    return ()
