"""Reads the parts of the server's list that hold given batches: the cheapest way to see several.

``GET /batches`` has no filter and is paged by position, oldest batch first (protocol, part 2), so
positions are cached. They only ever decrease, when older batches are deleted or collected: the
search for a batch goes back from its last position, or from the list's end if it is new.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from http import HTTPStatus

from ..errors import ServerError, Unauthorized, Unreachable
from ..protocol.client import LivyClient
from ..protocol.models import BatchId, BatchInfo, BatchPage, is_final

NEAR = 20  # most batches between two wanted ones that cost less than another request
FIRST_PAGE, LARGEST_PAGE = 10, 640  # batches in a search's pages; each is four times the one before
ENOUGH = 800  # batches searched in vain after which a search stops: the rest are old
AGAIN = 60.0  # seconds before a list that failed, or lacked a batch, is requested again
# Errors that concern only the server's list, not its single batches.
_OF_THE_LIST = {
    None,  # the answer is not Livy's list
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.INTERNAL_SERVER_ERROR,  # such as for a doAs that one batch's owner denies
    HTTPStatus.NOT_IMPLEMENTED,
}


class ListPages:
    """A reader of one server's list, which caches the positions of batches.

    Args:
        client: The server.
        clock: Returns the time in seconds.
    """

    def __init__(self, client: LivyClient, clock: Callable[[], float]) -> None:
        self._client = client
        self._clock = clock
        self._total = 0
        self._places: dict[BatchId, int] = {}
        self._left_out: dict[BatchId, float] = {}  # when each may be searched for again
        self._not_before = 0.0

    def views(self, wanted: Collection[BatchId], least: int = 2) -> dict[BatchId, BatchInfo]:
        """Return the list's views of some batches; request those missing here one by one.

        Args:
            wanted: The batches' ids.
            least: The number of batches below which the list is not requested.

        Raises:
            ServerError: The server fails, not just its list.
        """
        now = self._clock()
        wanted = {one for one in wanted if self._left_out.get(one, now) <= now}
        if len(wanted) < least or now < self._not_before:
            return {}
        try:
            found = self._found(wanted)
        except ServerError as failure:
            if isinstance(failure, (Unreachable, Unauthorized)) or (
                failure.status not in _OF_THE_LIST
            ):
                raise
            self._not_before = now + AGAIN
            return {}
        self._left_out = dict.fromkeys(wanted - found.keys(), now + AGAIN) | {
            one: until for one, until in self._left_out.items() if until > now
        }
        return found

    def _found(self, wanted: set[BatchId]) -> dict[BatchId, BatchInfo]:
        found: dict[BatchId, BatchInfo] = {}
        for start, end in _ranges(
            sorted(self._places[one] for one in wanted & self._places.keys())
        ):
            found |= self._read(start, end - start, wanted)
        missing = wanted - found.keys()
        if missing and not found:
            self._total = self._client.page(size=0).total
        end = max((self._places.get(one, self._total) for one in missing), default=0)
        end = min(end, self._total)
        size, in_vain = FIRST_PAGE, 0
        while missing and end > 0 and in_vain < ENOUGH:
            start = max(0, end - size)
            more = self._read(start, end - start, wanted)
            in_vain = 0 if more else in_vain + size
            found |= more
            missing -= more.keys()
            end, size = start, min(4 * size, LARGEST_PAGE)
        for one in missing:
            self._places.pop(one, None)
        return found

    def places(self, wanted: Iterable[BatchId]) -> list[int]:
        """Return the cached positions of those of the batches that have one."""
        return [self._places[one] for one in wanted if one in self._places]

    def read(self, start: int, size: int) -> BatchPage:
        """Return part of the list, and cache the positions of its batches that have not ended."""
        page = self._client.page(start, size)
        self._total = page.total
        for place, info in enumerate(page.batches, start):
            if not is_final(info.state):
                self._places[info.id] = place
        return page

    def _read(self, start: int, size: int, wanted: set[BatchId]) -> dict[BatchId, BatchInfo]:
        page = self._client.page(start, size)
        self._total = page.total
        found = {}
        for place, info in enumerate(page.batches, start):
            if info.id in wanted:
                self._places[info.id] = place
                found[info.id] = info
        return found


def _ranges(places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the parts of the list, as start and end, that hold all these positions, in order."""
    start = end = places[0] if places else 0
    for place in places:
        if place > end + NEAR:
            yield start, end
            start = place
        end = place + 1
    if places:
        yield start, end
