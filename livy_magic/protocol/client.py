"""Livy's batch API over HTTP: one method for each endpoint, and one funnel for all requests.

The funnel's rules, each learnt from a real failure (design, part 4):

- every request has time-outs;
- requests does not read the environment: a netrc entry would replace a bearer token, ``http_proxy``
  would apply to loopback, ``REQUESTS_CA_BUNDLE`` would override an explicit CA. The settings read
  what is needed from it, and pass that explicitly;
- redirects are never followed: a login page turns a POST into a GET and answers 200;
- POST and DELETE are sent once, on a fresh connection, because Livy closes a pooled one after 30 s
  of silence, and the request would fail; the adapter repeats GET;
- each thread has its own ``requests.Session``; all share one cookie jar.
"""

from __future__ import annotations

import html
import json
import os
import re
import threading
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from requests.auth import AuthBase
from requests.cookies import RequestsCookieJar
from requests.utils import check_header_validity
from urllib3.exceptions import NewConnectionError, ReadTimeoutError
from urllib3.util import Retry

from ..errors import (
    ConfigError,
    LivyError,
    NotFound,
    NotLivy,
    ServerError,
    Unauthorized,
    Unreachable,
)
from ..redact import mask_text, mask_url, plain
from . import wire
from .field_types import LARGEST_INT, no_path
from .list_cache import ListCache
from .models import BatchId, BatchInfo, BatchPage, BatchRequest, LogPage, is_same_id

PAGE = 100  # batches that one request for the list asks for
ATTEMPTS = 3  # at reading, in parts, a log that grows meanwhile

# The statuses of a gateway that does not know whether the server behind it got the request.
GATEWAY = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)


class _NoPatience(Retry):
    """A policy that retries after a broken connection, but not after a read time-out."""

    def increment(self, *args: Any, **kwargs: Any) -> Retry:  # type: ignore[override] # urllib3 does not declare its signature
        if isinstance(kwargs.get("error"), ReadTimeoutError):
            raise kwargs["error"]
        return super().increment(*args, **kwargs)


_GET_RETRIES = _NoPatience(
    total=3,
    connect=2,
    read=2,
    status=2,
    status_forcelist=GATEWAY,
    allowed_methods={"GET"},
    backoff_factor=0.2,
    raise_on_status=False,
    respect_retry_after_header=False,  # the watcher's schedule obeys it, and can be interrupted
)
_ONCE = Retry(
    total=2,
    connect=2,
    read=0,
    status=0,
    other=0,
    backoff_factor=0.2,
    raise_on_status=False,
    respect_retry_after_header=False,  # or a DELETE to be sent later looks like a lost one
)


class _Session(requests.Session):
    """A session that neither follows a redirect nor parses its target, which may be invalid."""

    def resolve_redirects(self, *_: Any, **__: Any) -> Iterator[requests.Response]:
        return iter(())


class LivyClient:
    """The REST API of one Livy server.

    Every method raises a subclass of :class:`~livy_magic.errors.ServerError`, or that class itself,
    if the server answers with an error, with something that is not from Livy, or not at all.

    Args:
        url: Livy's URL, with a gateway's prefix if there is one, without a trailing slash.
        auth: Any requests auth object.
        headers: Additional headers for every request.
        verify: True; False to trust any server; or the path of a file of certificate authorities.
        cert: Path of the client certificate, or paths of certificate and key.
        proxies: Proxy URLs by scheme, as in requests.
        timeout: Seconds to wait for a connection, and for an answer.
        kill_timeout: Seconds to wait for the answer to a DELETE: Livy answers when the batch is
            gone, which on YARN takes up to 120 s (protocol, part 4).
    """

    def __init__(
        self,
        url: str,
        *,
        auth: AuthBase | None = None,
        headers: Mapping[str, str] | None = None,
        verify: bool | str = True,
        cert: str | tuple[str, str] | None = None,
        proxies: Mapping[str, str] | None = None,
        timeout: tuple[float, float] = (5.0, 30.0),
        kill_timeout: float = 130.0,
    ) -> None:
        self.url = url
        self._auth = auth
        # Livy's CSRF filter rejects POST and DELETE without X-Requested-By; any value will do.
        self._headers = {"Accept": "application/json", "X-Requested-By": "livy_magic"} | dict(
            headers or {}
        )
        self._verify = verify
        self._cert = cert
        self._proxies = dict(proxies or {})
        self._timeout = timeout
        self._kill_timeout = (timeout[0], kill_timeout)
        self._cookies = RequestsCookieJar()
        self._local = threading.local()
        self._list_cache = ListCache()

    def __repr__(self) -> str:
        return f"LivyClient({mask_url(self.url)!r})"

    # -- the endpoints --------------------------------------------------------------------------

    def version(self) -> str:
        """Return Livy's version, such as ``0.7.1-incubating``; empty if the answer has none."""
        answer, _ = self._call("GET", "/version")
        return str(answer.get("version") or "") if isinstance(answer, dict) else ""

    def create(self, request: BatchRequest) -> BatchInfo:
        """Start a batch with ``POST /batches``, sent once and never repeated, and return it."""
        return BatchInfo.from_json(*self._call("POST", "/batches", body=request.to_json()))

    def page(self, start: int = 0, size: int = PAGE) -> BatchPage:
        """Return part of the server's list of batches, oldest first (protocol, part 2).

        If a server limits the views in one answer, say to 20 (dialects, part 3), further requests
        fetch the rest. ``total`` says how many it keeps: if a server counts only the views in its
        answer, nothing shows that it has more.

        Args:
            start: Position of the first batch.
            size: Maximum number of batches; 0 fetches only the total.
        """
        page = self._views_from(start, size)
        if size > 0:
            _check_has_some(page)
        end = min(start + size, page.total)
        if not 0 < len(page.batches) < end - start:
            return page
        batches = list(self._backwards(end, start, step=len(page.batches)))
        return BatchPage(start, page.total, tuple(reversed(batches)))

    def newest(self) -> Iterator[BatchInfo]:
        """Yield all batches that the server keeps, newest first, each once."""
        return self._backwards(self.page(size=0).total)

    def _backwards(self, end: int, start: int = 0, step: int = PAGE) -> Iterator[BatchInfo]:
        """Yield the batches from the one before position ``end`` back to ``start``, each once.

        If batches are removed meanwhile, the rest move towards the front: a backward reader may
        meet some twice, but never misses one.

        Args:
            end: Position after the first batch to yield.
            start: Position of the last batch to yield.
            step: Number of batches per request, until an answer has fewer.
        """
        seen: set[BatchId] = set()
        while end > start:
            first = max(start, end - step)
            page = self._views_from(first, end - first)
            _check_has_some(page)
            behind = first + len(page.batches)
            if first < behind < min(end, page.total) and self._views_from(behind, 1).batches:
                step = len(page.batches)  # the most that the server gives at once
                continue
            for info in reversed(page.batches):
                if info.id not in seen:
                    seen.add(info.id)
                    yield info
            end = first

    def _views_from(self, start: int, size: int) -> BatchPage:
        """Return the answer to one request for part of the list."""
        # If start + size overflows, Livy answers with an empty list.
        query = {"from": start, "size": min(size, LARGEST_INT - start)}
        response, request = self._send("GET", "/batches", query=query)
        response.encoding = response.encoding or "utf-8"  # requests would guess it, slowly
        try:
            return self._list_cache.read(response.text, start, request)
        except (ValueError, RecursionError) as failure:
            raise _no_json(response, request) from failure

    def batch(self, key: BatchId) -> BatchInfo:
        """Return the batch with this id or name.

        Raises:
            NotFound: The server has no such batch, or has forgotten it.
            NotLivy: The answer is about another batch, so it says nothing about this one.
        """
        if no_path(str(key)):
            return self._listed(key)
        answer, line = self._call("GET", _path(key))
        info = BatchInfo.from_json(answer, line)
        if not info.is_called(key):
            raise other_batch(line)
        return info

    def state(self, key: BatchId, *, of: BatchId | None = None) -> str:
        """Return the state of the batch with this id or name.

        Args:
            key: Id or name.
            of: Its id, if known: the answer must be about that batch.

        Raises:
            NotFound, NotLivy: As :meth:`batch`.
        """
        answer, line = self._part(key, "state", of)
        return BatchInfo.from_json(answer, line).state

    def log(
        self, key: BatchId, start: int = 0, size: int = -1, *, of: BatchId | None = None
    ) -> LogPage:
        """Return part of the log window of the batch with this id or name.

        If the server limits the entries in one answer, further requests fetch the rest.

        Args:
            key: Id or name.
            start: Position in the window that the server keeps, not in the whole log.
            size: Maximum number of entries; negative for all.
            of: Its id, if known: the answer must be about that batch.

        Raises:
            NotFound, NotLivy: As :meth:`batch`.
            ServerError: The log must be read in parts, but grows too fast for that.
        """

        def part(start: int, size: int) -> LogPage:
            query = {"from": start, "size": min(size, LARGEST_INT - start)}
            return LogPage.from_json(*self._part(key, "log", of, query=query), start)

        for _ in range(ATTEMPTS):
            page: LogPage | None
            page = part(start, size)
            overlap = len(page.entries) // 2  # with the part before
            while page is not None:
                missing = page.total - page.end
                if size >= 0:
                    missing = min(missing, size - len(page.entries))
                if missing <= 0 or not page.entries:
                    return page
                more = part(page.end - overlap, -1 if size < 0 else overlap + missing)
                before, page = page, page.joined(more, overlap)
                if page is before:  # the server withholds the rest
                    return page
        line = f"GET {mask_url(self.url)}/batches/{key}/log"
        raise ServerError(
            f"the log grows faster than the server returns its parts ({line})", request=line
        )

    def delete(self, key: BatchId) -> bool:
        """Kill the batch with this id or name, and make the server forget it.

        Returns:
            Whether the answer says that the batch is gone. Other servers say that in other words,
            or not at all, or answer before it is: then only a look tells (dialects, parts 1, 2, 13).

        Raises:
            NotFound: The server has no such batch, or has forgotten it.
            NotLivy: Something other than Livy answered, so the batch may run on.
        """
        path = _path(self._listed(key).id if no_path(str(key)) else key)
        try:
            response, line = self._send("DELETE", path, timeout=self._kill_timeout)
            if _is_html(response):
                raise _no_json(response, line)
        except NotLivy as answer:
            answer.args = (f"{answer}\nSo the batch may run on.",)
            raise
        try:
            said = response.json()
        except (ValueError, RecursionError):
            return False
        return isinstance(said, dict) and said.get("msg") == "deleted"

    def _listed(self, key: BatchId) -> BatchInfo:
        """Return, from the list, a batch whose name no URL can carry."""
        for info in self.newest():
            if info.is_called(key):
                return info
        line = f"GET {mask_url(self.url)}/batches"
        raise NotFound(f"the list has no batch {key!r} ({line})", request=line)

    def _part(
        self,
        key: BatchId,
        part: str,
        of: BatchId | None,
        *,
        query: Mapping[str, int] | None = None,
    ) -> tuple[Any, str]:
        """Request ``/batches/{key}/{part}``; return the answer and the request line."""
        if no_path(str(key)):
            key = of = self._listed(key).id
        elif of is None and str(key).isdecimal():
            of = key
        answer, line = self._call("GET", f"{_path(key)}/{part}", query=query)
        about = answer.get("id") if isinstance(answer, dict) else None
        if None not in (of, about) and not is_same_id(about, of):
            raise other_batch(line)
        return answer, line

    # -- the funnel -----------------------------------------------------------------------------

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, int] | None = None,
        body: Mapping[str, Any] | None = None,
        timeout: tuple[float, float] | None = None,
    ) -> tuple[Any, str]:
        """Send one request; return the decoded answer, and the request line for messages."""
        response, line = self._send(method, path, query=query, body=body, timeout=timeout)
        try:
            return response.json(), line
        except (ValueError, RecursionError) as failure:
            raise _no_json(response, line) from failure

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, int] | None = None,
        body: Mapping[str, Any] | None = None,
        timeout: tuple[float, float] | None = None,
    ) -> tuple[requests.Response, str]:
        """Send one request; return the answer, unless it is an error, and the request line."""
        line = f"{method} {mask_url(self.url)}{path}"
        session = self._session(method)
        request = self._prepared(session, method, path, query, body, line)
        wire.request.sent = None
        try:
            with session.send(
                request,
                timeout=timeout or self._timeout,
                allow_redirects=False,
                verify=self._verify,
                cert=self._cert,
                proxies=self._proxies,
                stream=True,
            ) as response:
                # Read in one go: requests reads pieces of 10 KB, each of which releases and takes
                # the GIL, and that slows down a loop in the notebook.
                response._content = b"".join(response.iter_content(None))  # noqa: SLF001 -- .content's own
        except LivyError:  # from an auth object of ours that has no other secret after a 401
            raise
        except Exception as failure:  # requests lets some of urllib3 and of auth objects through
            raise _no_answer(failure, line) from failure
        if response.status_code >= HTTPStatus.MULTIPLE_CHOICES:
            raise _error_answer(response, line)
        return response, line

    def _prepared(
        self,
        session: requests.Session,
        method: str,
        path: str,
        query: Mapping[str, int] | None,
        body: Mapping[str, Any] | None,
        line: str,
    ) -> requests.PreparedRequest:
        """Return a request, signed and ready to go out.

        Raises:
            ConfigError: It cannot be made, as when the auth object fails.
        """
        request = requests.Request(
            method,
            self.url + path,
            params=query,
            # ASCII JSON needs no charset; without a JSON type, a POST would count as a form.
            data=None if body is None else json.dumps(body).encode("ascii"),
            headers={"Content-Type": "application/json"} if body is not None else None,
        )
        try:
            prepared = session.prepare_request(request)
            for header in prepared.headers.items():  # what the auth object adds is not checked yet
                check_header_validity(header)
                if isinstance(header[1], str):
                    header[1].encode("latin-1")  # as it will be
        except LivyError:
            raise
        except Exception as failure:
            raise _unsendable(failure, line) from failure
        return prepared

    def _session(self, method: str) -> requests.Session:
        if method != "GET":
            return self._new_session(_ONCE)
        # A forked child must not use its parent's connection.
        owner, session = getattr(self._local, "session", (0, None))
        if session is None or owner != os.getpid():
            session = self._new_session(_GET_RETRIES)
            self._local.session = os.getpid(), session
        return session

    def _new_session(self, retries: Retry) -> requests.Session:
        session = _Session()
        session.trust_env = False
        session.auth = self._auth
        session.headers.update(self._headers)
        session.cookies = self._cookies
        adapter = wire.NotingAdapter(pool_connections=1, pool_maxsize=1, max_retries=retries)
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        return session


def _path(key: BatchId) -> str:
    # Names that no_path() rejects never get here; all digits are an id (protocol, part 3).
    return f"/batches/{quote(str(key), safe='')}"


def other_batch(line: str) -> NotLivy:
    """Return the error for an answer about another batch than the requested one."""
    return NotLivy(
        f"the answer is about another batch than the requested one ({line})\n"
        "So the state of the requested one is unknown: does Livy answer at this URL, or a proxy?",
        request=line,
    )


def _unsendable(failure: Exception, line: str) -> ConfigError:
    """Return the error that says why a request cannot be made."""
    cause = f"{type(failure).__name__}: {plain(mask_text(_tail(failure)))}"
    # The text of these may show the secret.
    if isinstance(failure, (requests.exceptions.InvalidHeader, UnicodeError)):
        cause = "a value has characters that no header can carry; see `auth` and `headers`"
    return ConfigError(f"{line}: the request cannot be made: {cause}")


def _check_has_some(page: BatchPage) -> None:
    """Raise if a page is empty though it is within the list: whoever reads on would never end."""
    if not page.batches and page.start < page.total:
        line = "GET /batches"
        raise ServerError(
            f"the server says that it has {page.total} batches, and lists none from the"
            f" {page.start + 1}. on ({line})",
            request=line,
        )


def _no_answer(failure: Exception, line: str) -> Unreachable:
    """Return the error that says why no answer came, and whether the request may have arrived."""
    reason = getattr(failure.args[0], "reason", None) if failure.args else None
    no_connection = isinstance(reason, NewConnectionError)
    # requests raises a bare OSError for a missing file of `verify` or `cert`, and wraps all others.
    no_file = isinstance(failure, OSError) and not isinstance(failure, requests.RequestException)
    unsent = (
        wire.request.sent is False
        or no_connection
        or isinstance(failure, (requests.ConnectTimeout, requests.exceptions.InvalidURL))
        or no_file
    )
    if isinstance(failure, requests.exceptions.SSLError) and unsent:
        advice = "Set `verify` in the profile, or LIVY_CA, to a file with the certificate authority of the server."
        if "WRONG_VERSION_NUMBER" in str(failure):
            advice = (
                "This port does not use TLS: should the URL start with http:// instead of https://?"
            )
        cause = f"no TLS connection: {_tail(reason or failure)}\n{advice}"
    elif isinstance(failure, requests.ConnectTimeout):
        cause = "no connection in time; is the address right, and the network open?"
    elif isinstance(failure, requests.ReadTimeout):
        cause = "no answer in time"
    elif isinstance(failure, requests.exceptions.ProxyError) and unsent:
        cause = f"the proxy did not let the request through: {_tail(reason or failure)}"
    elif no_file:
        cause = str(failure)
    elif no_connection:
        cause = f"cannot connect: {_tail(reason)}; is the server up, and the address right?"
    else:
        cause = f"the connection broke: {_tail(failure)}"
    return Unreachable(f"{line}: {cause}", request=line, sent=not unsent)


def _tail(failure: Any) -> str:
    """Return the innermost message of urllib3's nested exceptions."""
    inner = [one for one in getattr(failure, "args", ()) if isinstance(one, BaseException)]
    if inner:
        return _tail(inner[-1])
    text = mask_url(str(failure)).replace("\n", " ")
    return text.rpartition("> : ")[2].rpartition("Failed to establish a new connection: ")[2][:300]


def _error_answer(response: requests.Response, line: str) -> ServerError:
    """Return a readable error for one of the five forms of error answers (protocol, part 7)."""
    words = _server_words(response)
    kind, advice = _verdict(response, words, one_batch="/batches/" in line)
    wait = _wait(response)
    asks = f"; the server asks you to wait {wait:.0f} s" if wait else ""
    return kind(
        f"{words} ({response.status_code} for {line}){asks}" + (f"\n{advice}" if advice else ""),
        request=line,
        status=response.status_code,
        text=words,
        retry_after=wait,
    )


def _verdict(
    response: requests.Response, words: str, *, one_batch: bool
) -> tuple[type[ServerError], str]:
    """Return the exception class for an error answer, and advice for the user, or ``""``."""
    status = response.status_code
    if status < HTTPStatus.BAD_REQUEST:
        place = _place(response.headers.get("Location", "")) or "another page"
        return NotLivy, f"It redirects to {place}: use the URL at which Livy itself answers."
    if status == HTTPStatus.UNAUTHORIZED:
        return Unauthorized, "The server requires authentication: set `auth`."
    if status == HTTPStatus.FORBIDDEN:
        return Unauthorized, "The server does not permit this, or does not accept the credentials."
    if one_batch and (
        (status == HTTPStatus.NOT_FOUND and not _is_html(response))
        # For an id above 2^31, Livy reports a number format error: there is no such batch.
        or (status == HTTPStatus.BAD_REQUEST and words.startswith("For input string"))
    ):
        return (
            NotFound,
            "Livy forgets a batch about ten minutes after its end, or when it is killed.",
        )
    if status == HTTPStatus.NOT_FOUND:
        return NotLivy, "There is no Livy at this address: check the URL's path."
    return ServerError, ""


def _place(url: str) -> str:
    """Return a URL without user info, parameters and query, which may be secret; empty if not valid."""
    try:
        target = urlsplit(url)
        port = "" if target.port is None else f":{target.port}"
    except ValueError:
        return ""
    path = target.path.partition(";")[0][:100]
    return plain(f"{target.scheme}://{target.hostname}{port}{path}") if target.hostname else ""


def _no_json(response: requests.Response, line: str) -> NotLivy:
    what = "a web page" if _is_html(response) else "not JSON"
    return NotLivy(
        f"the answer is {what}: {_server_words(response)} ({response.status_code} for {line})\n"
        "There may be a login page or a proxy in front of Livy: check the URL and `auth`.",
        request=line,
        status=response.status_code,
        text=_server_words(response),
    )


def _is_html(response: requests.Response) -> bool:
    return response.content.lstrip()[:1] == b"<"


def _server_words(response: requests.Response, most: int = 1000) -> str:
    """Return the server's message from an error body of any form, at most ``most`` characters."""
    if _is_html(response):
        title = re.search(r"<title>(.*?)</title>", response.text, re.IGNORECASE | re.DOTALL)
        words = html.unescape(title.group(1)) if title else ""
        # Jetty's CSRF page gives its reason only in the status line.
        if response.reason and response.reason not in words:
            words = f"{words} {response.reason}".strip()
    else:
        try:
            body = response.json()
        except (ValueError, RecursionError):
            body = response.text
        if isinstance(body, dict):
            body = body.get("msg") or body.get("message") or ""
        words = body if isinstance(body, str) else json.dumps(body)
        words = words.partition("\n at [Source:")[0]
    words = plain(" ".join(words.split()) or response.reason or "no explanation")
    words = mask_text(words)  # a page for developers repeats the request, Authorization included
    return words if len(words) <= most else words[:most] + "…"


def _wait(response: requests.Response) -> float | None:
    """Return the seconds of a Retry-After header, or None; a date in it is ignored."""
    value = response.headers.get("Retry-After", "")
    return min(float(value), LARGEST_INT) if value.isdecimal() else None
