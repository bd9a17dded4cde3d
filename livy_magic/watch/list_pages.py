"""The cheapest way to see several batches: the parts of the server's list that hold them.

``GET /batches`` has no filter and is paged by position, the oldest batch first (protocol, part 2). So
positions are remembered. They only ever shrink, when older batches are deleted or collected: what is
not where it was is looked for before that; what is new, before the end.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from http import HTTPStatus

from ..errors import ServerError, Unauthorized, Unreachable
from ..protocol.client import LivyClient
from ..protocol.models import BatchId, BatchInfo, BatchPage, is_final

NEAR = 20  # batches between two wanted ones that cost less than another request
FIRST_PAGE, LARGEST_PAGE = 10, 640  # batches in the pages of a search: each has four times as many
ENOUGH = 800  # batches among which a search found none before it ends: what is left is old
AGAIN = 60.0  # seconds after which a list that failed, or left a batch out, is asked again
# What a server says of its list, and would not say of a single batch.
_OF_THE_LIST = {
    None,  # no list of Livy's
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.INTERNAL_SERVER_ERROR,  # as with a doAs that one batch's owner denies
    HTTPStatus.NOT_IMPLEMENTED,
}


class ListPages:
    """Where batches stand in the list of one server.

    Args:
        client: The server.
        clock: Seconds.
    """

    def __init__(self, client: LivyClient, clock: Callable[[], float]) -> None:
        self._client = client
        self._clock = clock
        self._total = 0
        self._places: dict[BatchId, int] = {}
        self._left_out: dict[BatchId, float] = {}  # and when the list may be asked for it again
        self._not_before = 0.0

    def views(self, wanted: Collection[BatchId], least: int = 2) -> dict[BatchId, BatchInfo]:
        """Return what the list says of some batches; those that are not here are to be asked for alone.

        Args:
            wanted: Their ids.
            least: The list is not asked for fewer.

        Raises:
            ServerError: The server is in trouble, not just its list.
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
        """Return where some batches stood when they were seen, of those that were."""
        return [self._places[one] for one in wanted if one in self._places]

    def read(self, start: int, size: int) -> BatchPage:
        """Return a part of the list, and remember where those stand that have not ended."""
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
    """Yield the parts of the list, from and to, that hold all these places in rising order."""
    start = end = places[0] if places else 0
    for place in places:
        if place > end + NEAR:
            yield start, end
            start = place
        end = place + 1
    if places:
        yield start, end
