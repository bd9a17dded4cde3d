from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livy_magic.errors import NotLivy, ServerError, Unauthorized, Unreachable
from livy_magic.protocol.models import BatchId, BatchInfo, BatchPage
from livy_magic.watch.list_pages import AGAIN, ListPages


class Server:
    """A list of batches by position, the oldest first, in place of the client."""

    def __init__(self, *ids: BatchId) -> None:
        self.ids = list(ids)
        self.asked: list[tuple[int, int]] = []
        self.down: ServerError | None = None

    def page(self, start: int = 0, size: int = 100) -> BatchPage:
        self.asked.append((start, size))
        if self.down is not None:
            raise self.down
        part = self.ids[start : start + size]
        views = tuple(BatchInfo(id=one, state="running") for one in part)
        return BatchPage(start, len(self.ids), views)


class Asked:
    """A listing, what it asked the server, and its clock."""

    def __init__(self, *ids: BatchId) -> None:
        self.now = 1000.0
        self.server = Server(*ids)
        self.listing = ListPages(self.server, lambda: self.now)  # type: ignore[arg-type]

    def found(self, *wanted: BatchId) -> set[BatchId]:
        self.server.asked.clear()
        views = self.listing.views(wanted)
        assert all(views[one].id == one for one in views)
        return set(views)

    @property
    def requests(self) -> list[tuple[int, int]]:
        return self.server.asked


def test_several_batches_cost_one_request_once_their_places_are_known() -> None:
    asked = Asked(*range(500))
    assert asked.found(490, 492, 495) == {490, 492, 495}
    assert len(asked.requests) == 2  # how many there are, and the newest ten
    for _ in range(3):
        assert asked.found(490, 492, 495) == {490, 492, 495}
        assert asked.requests == [(490, 6)]


def test_one_batch_alone_is_not_looked_for_in_a_list() -> None:
    asked = Asked(1, 2, 3)
    assert asked.found(2) == set()
    assert asked.requests == []


def test_ids_need_be_neither_numbers_nor_in_order() -> None:
    asked = Asked("c", 9, "a", 4, "b")
    assert asked.found("a", "b", 9) == {"a", "b", 9}
    assert asked.found("a", "b", 9) == {"a", "b", 9}
    assert asked.requests == [(1, 4)]


def test_batches_far_from_each_other_are_asked_for_apart() -> None:
    asked = Asked(*range(500))
    asked.found(3, 4, 490)
    assert asked.found(3, 4, 490) == {3, 4, 490}
    assert asked.requests == [(3, 2), (490, 1)]


def test_after_older_batches_were_forgotten_they_are_found_further_to_the_front() -> None:
    asked = Asked(*range(300))
    asked.found(250, 252, 254)
    del asked.server.ids[0:4]
    assert asked.found(250, 252, 254) == {250, 252, 254}
    assert len(asked.requests) == 2
    asked.found(250, 252, 254)
    assert asked.requests == [(246, 5)]


def test_a_new_batch_is_looked_for_at_the_end() -> None:
    asked = Asked(*range(300))
    asked.found(297, 298)
    asked.server.ids += [300, 301]
    assert asked.found(297, 298, 301) == {297, 298, 301}
    assert len(asked.requests) == 2
    asked.found(297, 298, 301)
    assert asked.requests == [(297, 5)]


def test_what_is_not_in_the_list_is_asked_for_alone_and_not_looked_for_again_at_once() -> None:
    asked = Asked(*range(300))
    assert asked.found(298, 299, 777) == {298, 299}
    assert asked.found(298, 299, 777) == {298, 299}
    assert asked.requests == [(298, 2)]
    asked.now += AGAIN
    asked.server.ids.append(777)
    assert asked.found(298, 299, 777) == {298, 299, 777}


def test_a_list_of_thousands_is_not_read_for_an_old_batch() -> None:
    asked = Asked(*range(40_000))
    assert asked.found(5, 39_998, 39_999) == {39_998, 39_999}
    assert sum(size for _, size in asked.requests) < 1000


@pytest.mark.parametrize("status", [None, 400, 404, 405, 500])
def test_a_list_that_fails_is_asked_again_after_a_minute(status: int | None) -> None:
    asked = Asked(1, 2, 3)
    asked.server.down = NotLivy("no list", request="GET …", status=status)
    assert asked.found(1, 2, 3) == set()
    assert len(asked.requests) == 1
    assert asked.found(1, 2, 3) == set()
    assert asked.requests == []
    asked.server.down = None
    asked.now += AGAIN
    assert asked.found(1, 2, 3) == {1, 2, 3}


@pytest.mark.parametrize(
    "trouble",
    [
        Unreachable("refused", request="GET …", sent=False),
        Unauthorized("401", request="GET …", status=401),
        NotLivy("a login page", request="GET …", status=200),
        NotLivy("a redirect", request="GET …", status=302),
        ServerError("slow down", request="GET …", status=429, retry_after=5),
        ServerError("no backend", request="GET …", status=503),
    ],
)
def test_trouble_of_the_whole_server_is_not_met_once_a_batch(trouble: ServerError) -> None:
    asked = Asked(1, 2, 3)
    asked.server.down = trouble
    with pytest.raises(type(trouble)):
        asked.found(1, 2, 3)
    asked.server.down = None
    assert asked.found(1, 2, 3) == {1, 2, 3}


steps = st.lists(st.tuples(st.integers(0, 30), st.sets(st.integers(0, 60), max_size=10)))


@given(steps=steps, wanted=st.sets(st.integers(0, 200), min_size=2, max_size=6))
def test_whatever_comes_and_goes_what_is_there_is_found(
    steps: list[tuple[int, set[int]]], wanted: set[int]
) -> None:
    asked, newest = Asked(), 0
    for new, deleted in steps:
        asked.server.ids += range(newest, newest + new)
        newest += new
        asked.server.ids = [one for at, one in enumerate(asked.server.ids) if at not in deleted]
        asked.now += AGAIN
        assert asked.found(*wanted) == wanted & set(asked.server.ids)
