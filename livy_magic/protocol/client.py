"""Livy's batch API over HTTP: one method an endpoint, and one funnel that they all go through.

The funnel's rules, each after a trap seen (design, part 4):

- every request has time-outs;
- the environment is not trusted: a netrc entry would replace a bearer token, ``http_proxy`` would
  swallow loopback, ``REQUESTS_CA_BUNDLE`` would override an explicit CA. What is wanted of it
  comes in explicitly, through the settings;
- redirects are never followed: a login page turns a POST into a GET and answers 200;
- POST and DELETE go out once, on a fresh connection, because a pooled one that Livy closed after
  30 s of silence dies under them; GET is repeated by the adapter;
- one ``requests.Session`` a thread, one cookie jar for all of them.
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
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.cookies import RequestsCookieJar
from urllib3.exceptions import NewConnectionError, ReadTimeoutError
from urllib3.util import Retry

from ..errors import NotFound, NotLivy, ServerError, Unauthorized, Unreachable
from ..redact import mask_url, plain
from .field_types import LARGEST_INT, no_path
from .list_cache import ListCache
from .models import BatchId, BatchInfo, BatchPage, BatchRequest, LogPage, is_same_id

PAGE = 100  # batches a listing request asks for
ATTEMPTS = 3  # to read in parts a log that moves on meanwhile

# What a gateway says when it cannot tell whether the server behind it got the request.
GATEWAY = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)


class _NoPatience(Retry):
    """Repeats what broke, but not what took too long already."""

    def increment(self, *args: Any, **kwargs: Any) -> Retry:  # type: ignore[override] # its signature is urllib3's own business
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
    respect_retry_after_header=False,  # the watcher's schedule honours it, and stays interruptible
)
_ONCE = Retry(
    total=2,
    connect=2,
    read=0,
    status=0,
    other=0,
    backoff_factor=0.2,
    raise_on_status=False,
    respect_retry_after_header=False,  # or a DELETE that is to come later looks like a lost one
)


class _Session(requests.Session):
    """Follows no redirect, nor reads where it leads: that fails where it is no URL."""

    def resolve_redirects(self, *_: Any, **__: Any) -> Iterator[requests.Response]:
        return iter(())


class LivyClient:
    """The REST API of one Livy server.

    Every method raises a :class:`~livy_magic.errors.ServerError` of some kind when the server
    answers with an error, with something that is no answer of Livy's, or not at all.

    Args:
        url: Where Livy is, without a trailing slash; a gateway's prefix belongs to it.
        auth: Any authentication object of requests'.
        headers: Further headers to send with every request.
        verify: False, or a file of certificate authorities to trust instead of the usual ones.
        cert: Client certificate: a file, or a pair of certificate and key.
        proxies: As requests takes them.
        timeout: Seconds to wait for a connection, and for an answer.
        kill_timeout: Seconds to wait for the answer to a DELETE: Livy answers when the batch is
            gone, which on YARN takes it up to 120 s (protocol, part 4).
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
        # Without X-Requested-By, Livy's CSRF filter refuses what changes anything; any value does.
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
        """Return Livy's version, ``0.7.1-incubating``; empty where the server does not say."""
        answer, _ = self._call("GET", "/version")
        return str(answer.get("version") or "") if isinstance(answer, dict) else ""

    def create(self, request: BatchRequest) -> BatchInfo:
        """Start a batch: ``POST /batches``, sent once and never repeated."""
        return BatchInfo.from_json(*self._call("POST", "/batches", body=request.to_json()))

    def page(self, start: int = 0, size: int = PAGE) -> BatchPage:
        """Return some of the batches that the server keeps, the oldest first (protocol, part 2).

        A server that hands out fewer views a request, as 20 (dialects, part 3), is asked again for
        the rest. What it keeps is its ``total``: one that counts only what it hands out cannot be told
        from one that has no more.

        Args:
            start: Position of the first one wanted.
            size: How many at most; 0 asks for the total alone.
        """
        page = self._views_from(start, size)
        end = min(start + size, page.total)
        if not 0 < len(page.batches) < end - start:
            return page
        batches = list(self._backwards(end, start, step=len(page.batches)))
        return BatchPage(start, page.total, tuple(reversed(batches)))

    def newest(self) -> Iterator[BatchInfo]:
        """Yield all batches that the server keeps, the newest first, each once."""
        return self._backwards(self.page(size=0).total)

    def _backwards(self, end: int, start: int = 0, step: int = PAGE) -> Iterator[BatchInfo]:
        """Yield the batches from the one before position ``end`` back to ``start``, each once.

        Batches that are removed meanwhile make the rest move towards the front: a backward reader may
        meet some twice, but never misses one.

        Args:
            end: Position behind the first one.
            start: Position of the last one.
            step: How many are asked for at once, until an answer has fewer.
        """
        seen: set[BatchId] = set()
        while end > start:
            first = max(start, end - step)
            page = self._views_from(first, end - first)
            behind = first + len(page.batches)
            if first < behind < min(end, page.total) and self._views_from(behind, 1).batches:
                step = len(page.batches)  # the server gives no more at once
                continue
            for info in reversed(page.batches):
                if info.id not in seen:
                    seen.add(info.id)
                    yield info
            end = first

    def _views_from(self, start: int, size: int) -> BatchPage:
        """Return what the server answers to one request for a part of its list."""
        # start + size overflows in Livy, and the answer is then an empty list.
        query = {"from": start, "size": min(size, LARGEST_INT - start)}
        response, request = self._send("GET", "/batches", query=query)
        response.encoding = response.encoding or "utf-8"  # requests would guess, and slowly
        try:
            return self._list_cache.read(response.text, start, request)
        except (ValueError, RecursionError) as failure:
            raise _no_json(response, request) from failure

    def batch(self, key: BatchId) -> BatchInfo:
        """Return the batch of this id or name.

        Raises:
            NotFound: There is none (any more).
            NotLivy: The answer is about another batch, and nothing is known of this one.
        """
        if no_path(str(key)):
            return self._listed(key)
        answer, line = self._call("GET", _path(key))
        info = BatchInfo.from_json(answer, line)
        if not info.is_called(key):
            raise other_batch(line)
        return info

    def state(self, key: BatchId, *, of: BatchId | None = None) -> str:
        """Return the state of the batch of this id or name.

        Args:
            key: Id or name.
            of: Its id, if that is known: the answer has to be about this one.

        Raises:
            NotFound, NotLivy: As :meth:`batch`.
        """
        answer, line = self._part(key, "state", of)
        return BatchInfo.from_json(answer, line).state

    def log(
        self, key: BatchId, start: int = 0, size: int = -1, *, of: BatchId | None = None
    ) -> LogPage:
        """Return a part of the log window of the batch of this id or name.

        A server that hands out fewer entries a request is asked again for the rest.

        Args:
            key: Id or name.
            start: Position in the window that the server keeps, not in the log ever written.
            size: How many entries at most; negative for all.
            of: Its id, if that is known: the answer has to be about this one.

        Raises:
            NotFound, NotLivy: As :meth:`batch`.
            ServerError: It has to be read in parts, and moves on too fast for that.
        """

        def part(start: int, size: int) -> LogPage:
            query = {"from": start, "size": min(size, LARGEST_INT - start)}
            return LogPage.from_json(*self._part(key, "log", of, query=query), start)

        for _ in range(ATTEMPTS):
            page: LogPage | None
            page = part(start, size)
            overlap = len(page.entries) // 2  # of each part with the one before
            while page is not None:
                missing = page.total - page.end
                if size >= 0:
                    missing = min(missing, size - len(page.entries))
                if missing <= 0 or not page.entries:
                    return page
                more = part(page.end - overlap, -1 if size < 0 else overlap + missing)
                before, page = page, page.joined(more, overlap)
                if page is before:  # the server holds the rest back
                    return page
        line = f"GET {mask_url(self.url)}/batches/{key}/log"
        raise ServerError(
            f"the log moves on faster than the server hands out its parts ({line})", request=line
        )

    def delete(self, key: BatchId) -> None:
        """Kill the batch of this id or name, and make the server forget it.

        Raises:
            NotFound: There is none (any more).
            NotLivy: Something else answered, and the batch may run on.
        """
        path = _path(self._listed(key).id if no_path(str(key)) else key)
        answer, line = self._call("DELETE", path, timeout=self._kill_timeout)
        if not isinstance(answer, dict) or "msg" not in answer:
            raise NotLivy(f"{line}: the answer does not say that the batch is gone", request=line)

    def _listed(self, key: BatchId) -> BatchInfo:
        """Return the batch of a name to which no URL leads."""
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
        """Ask for a part of what there is to know of a batch; return the answer and the request line."""
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
        """Send one request; return the decoded answer and the request line for messages."""
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
        """Send one request; return the answer, which is no error, and the request line."""
        line = f"{method} {mask_url(self.url)}{path}"
        try:
            response = self._session(method).request(
                method,
                self.url + path,
                params=query,
                # ASCII JSON needs no charset, and a POST without a JSON type would be a form.
                data=None if body is None else json.dumps(body).encode("ascii"),
                headers={"Content-Type": "application/json"} if body is not None else None,
                timeout=timeout or self._timeout,
                allow_redirects=False,
                verify=self._verify,
                cert=self._cert,
                proxies=self._proxies,
                stream=True,
            )
            # Read in one go: in requests' pieces of 10 KB, each hands Python's lock over and back,
            # and a loop in the notebook feels that.
            response._content = b"".join(response.iter_content(None))  # noqa: SLF001 -- .content's own
        except requests.RequestException as failure:
            raise _no_answer(failure, line) from failure
        if not response.ok or response.is_redirect:
            raise _error_answer(response, line)
        return response, line

    def _session(self, method: str) -> requests.Session:
        if method != "GET":
            return self._new_session(_ONCE)
        # A forked child may not talk on its parent's connection.
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
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=1, max_retries=retries)
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        return session


def _path(key: BatchId) -> str:
    # What has no_path() to it never comes here; a name of digits only is an id (protocol, part 3).
    return f"/batches/{quote(str(key), safe='')}"


def other_batch(line: str) -> NotLivy:
    """Return what is said of an answer about a batch that was not asked for."""
    return NotLivy(
        f"the answer is about another batch than was asked for ({line})\n"
        "So nothing is known of this one: is it Livy that answers there, or a proxy?",
        request=line,
    )


def _no_answer(failure: requests.RequestException, line: str) -> Unreachable:
    """Say in one line why there is no answer, and whether the request may have got through."""
    reason = getattr(failure.args[0], "reason", None) if failure.args else None
    unsent = isinstance(
        failure,
        (requests.ConnectTimeout, requests.exceptions.SSLError, requests.exceptions.ProxyError),
    ) or isinstance(reason, NewConnectionError)
    if isinstance(failure, requests.exceptions.SSLError):
        advice = "Name the file of the right authorities: `verify` in the profile, or LIVY_CA."
        if "WRONG_VERSION_NUMBER" in str(failure):
            advice = "This port speaks no TLS: is it http:// instead of https://?"
        cause = f"no TLS connection: {_tail(reason or failure)}\n{advice}"
    elif isinstance(failure, requests.ConnectTimeout):
        cause = "no connection in time; is the address right, and the network open?"
    elif isinstance(failure, requests.ReadTimeout):
        cause = "no answer in time"
    elif isinstance(failure, requests.exceptions.ProxyError):
        cause = f"the proxy did not let the request through: {_tail(reason or failure)}"
    elif isinstance(reason, NewConnectionError):
        cause = f"cannot connect: {_tail(reason)}; is the server up, and the address right?"
    else:
        cause = f"the connection broke: {_tail(failure)}"
    return Unreachable(f"{line}: {cause}", request=line, sent=not unsent)


def _tail(failure: object) -> str:
    """Return the innermost words of urllib3's nested failures."""
    text = mask_url(str(failure)).replace("\n", " ")
    return text.rpartition("> : ")[2].rpartition("Failed to establish a new connection: ")[2][:300]


def _error_answer(response: requests.Response, line: str) -> ServerError:
    """Turn one of the five shapes of error answers into a readable error (protocol, part 7)."""
    words = mask_url(_server_words(response))
    kind, advice = _verdict(response, words, one_batch="/batches/" in line)
    wait = _wait(response)
    asks = f"; the server asks to be left alone for {wait:.0f} s" if wait else ""
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
    """Say what an error answer means, and what the user can do about it."""
    status = response.status_code
    if response.is_redirect:
        place = _origin(response.headers["Location"]) or "another page"
        return NotLivy, f"It redirects to {place}: use the URL at which Livy itself answers."
    if status == HTTPStatus.UNAUTHORIZED:
        return Unauthorized, "The server wants to know who you are: set `auth`."
    if status == HTTPStatus.FORBIDDEN:
        return Unauthorized, "The server does not permit this, or does not accept the credentials."
    if one_batch and (
        (status == HTTPStatus.NOT_FOUND and not _is_html(response))
        # An id beyond 2^31 is a number format error to Livy, and no batch to us.
        or (status == HTTPStatus.BAD_REQUEST and words.startswith("For input string"))
    ):
        return (
            NotFound,
            "Livy forgets a batch about ten minutes after its end, or when it is killed.",
        )
    if status == HTTPStatus.NOT_FOUND:
        return NotLivy, "There is no Livy at this address: check the URL's path."
    return ServerError, ""


def _origin(url: str) -> str:
    """Return where a URL leads, without its path; empty if it does not say."""
    try:
        target = urlsplit(url)
    except ValueError:
        return ""
    return f"{target.scheme}://{target.hostname}" if target.hostname else ""


def _no_json(response: requests.Response, line: str) -> NotLivy:
    what = "a web page" if _is_html(response) else "something that is no JSON"
    return NotLivy(
        f"the answer is {what}: {_server_words(response)} ({response.status_code} for {line})\n"
        "A login page or a proxy may stand in front of Livy: check the URL and `auth`.",
        request=line,
        status=response.status_code,
        text=_server_words(response),
    )


def _is_html(response: requests.Response) -> bool:
    return response.content.lstrip()[:1] == b"<"


def _server_words(response: requests.Response, most: int = 1000) -> str:
    """Return what the server says in its error body, whichever shape that has."""
    if _is_html(response):
        title = re.search(r"<title>(.*?)</title>", response.text, re.IGNORECASE | re.DOTALL)
        words = html.unescape(title.group(1)) if title else ""
        # Jetty's CSRF page has its reason only in the status line.
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
    words = plain(" ".join(words.split())) or response.reason or "no explanation"
    return words if len(words) <= most else words[:most] + "…"


def _wait(response: requests.Response) -> float | None:
    """Return the seconds of a Retry-After header; its form with a date is left alone."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else None
