"""A server that hands out less than was asked for is asked again; what it holds back is a gap."""

import itertools
import json
import re
from urllib.parse import parse_qs, urlsplit

import pytest
import stub

from livy_magic import Livy

BATCHES = 230
MOST = 20  # as Synapse has it


@pytest.fixture(scope="module")
def server():
    with stub.running() as server:
        yield server


@pytest.fixture
def livy(server):
    server.set(
        batches=BATCHES, written=[5] * BATCHES, most=MOST, keeps=200, short=True, flows={}, views={}
    )
    livy = Livy(server.url)
    server.count()
    yield livy
    livy.close()


def lines(*numbers):
    return [f"line {number}" for number in range(*numbers)]


# -- lists --------------------------------------------------------------------------------------------


def test_all_batches_are_listed_the_newest_first_each_once(livy):
    assert [batch.id for batch in livy.batches()] == list(range(BATCHES))[::-1]
    assert [batch.id for batch in livy.batches(limit=3)] == [229, 228, 227]
    assert [batch.id for batch in livy.batches(name="etl-1")] == [1]


@pytest.mark.parametrize("most", [1, 2, 19, 99, 100])
def test_so_they_are_however_few_come_at_once(livy, server, most):
    server.set(most=most)
    assert [info.id for info in livy.client.newest()] == list(range(BATCHES))[::-1]


def test_a_page_has_all_that_was_asked_for(livy):
    for start, size in ((0, 100), (37, 61), (200, 640), (229, 1), (230, 5), (0, 0)):
        page = livy.client.page(start, size)
        assert [info.id for info in page.batches] == list(range(BATCHES))[start : start + size]
        assert (page.start, page.total) == (start, BATCHES)


def test_a_name_that_is_looked_for_in_the_list_is_found_anywhere(livy, server):
    server.set(views={"3": {"name": "etl;v2"}})
    assert livy.batch("etl;v2").id == 3


def test_everything_that_is_watched_is_seen(livy, server):
    batches = [livy.handle(info) for info in livy.client.newest()]
    for batch in batches:
        batch.keep_current()
    server.set(ended=list(range(BATCHES)))
    assert {batch.wait(60).state for batch in batches} == {"success"}


def test_the_roster_of_the_panel_has_them_all(livy):
    server_list = livy.watcher.server_list
    server_list.look()
    server_list.look()
    assert [info.id for info in server_list.snapshot.batches] == list(range(BATCHES))


def test_what_is_removed_meanwhile_hides_no_other_batch(wire):
    kept = list(range(100))

    def answer(request):
        query = parse_qs(urlsplit(request.url).query)
        start, size = int(query["from"][0]), min(int(query["size"][0]), 7)
        views = [{"id": id_, "state": "running"} for id_ in kept[start : start + size]]
        body = {"from": start, "total": len(kept), "sessions": views}
        if len(kept) > 60:
            del kept[0]
        return 200, {}, json.dumps(body)

    wire.add_callback("GET", re.compile("http://livy.test/batches"), answer)
    client = Livy("http://livy.test").client
    assert set(range(60, 100)) <= {info.id for info in client.page(0, 640).batches}
    kept[:] = range(100)
    found = [info.id for info in client.newest()]
    assert set(range(60, 100)) <= set(found)
    assert found == sorted(set(found), reverse=True)


def test_a_server_that_gives_what_is_asked_for_is_asked_as_often_as_before(livy, server):
    server.set(most=0)
    list(livy.client.newest())
    assert server.count()["requests"] == 1 + 3
    for start, size in ((0, 100), (200, 640), (0, 0), (230, 5)):
        livy.client.page(start, size)
    assert server.count()["requests"] == 4
    for start, size in ((0, -1), (3, -1), (9, -1), (0, 4)):
        livy.client.log(1, start, size)
    assert server.count()["requests"] == 4


# -- logs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("most", "written"),
    [*itertools.product([1, 2, 7, 50], [0, 1, 2, 48, 49, 50, 98]), (100, 1500), (700, 1500)],
)
def test_a_log_is_complete_each_line_once(livy, server, most, written):
    server.set(written=written, keeps=20_000, most=most, ended=[0])
    assert livy.batch(0).log() == lines(written)
    page = livy.client.log(0)
    assert (page.start, page.total, len(page.entries)) == (0, written + 2, written + 2)


def test_a_part_of_a_log_has_all_that_was_asked_for(livy, server):
    server.set(written=500, keeps=20_000, most=30)
    page = livy.client.log(0, 101, 200)
    assert (page.start, list(page.entries)) == (101, lines(100, 300))


def test_lines_that_repeat_are_all_there(livy, server):
    said = ["tick"] * 300 + [""] * 100 + ["tock", "tick"] * 50
    server.set(texts={"1": said}, keeps=20_000, most=40, ended=[1])
    assert livy.batch(1).log() == said


def test_a_log_that_grows_while_it_is_read_is_complete(livy, server):
    server.set(written=3000, step=25, keeps=20_000, most=60)
    batch = livy.batch(0)
    while len(batch.log()) < 3000:
        pass
    assert batch.log() == lines(3000)


# From 13 lines on, two parts of 50 may have too few in common to be sure.
@pytest.mark.parametrize("step", [1, 9, 15, 60, 500])
def test_a_window_that_slides_while_it_is_read_gives_no_line_twice_and_every_loss_is_a_gap(
    livy, server, step
):
    server.set(written=100 * step, step=step, keeps=200, most=50)
    batch = livy.batch(0)
    while [line.text for line in batch.watch.lines()[-1:]] != [f"line {100 * step - 1}"]:
        error = batch.look().log_error
        assert error is None or "grows faster" in str(error)
    seen = batch.log()
    numbers = [int(text.split()[1]) for text in seen if text.startswith("line ")]
    assert numbers == sorted(set(numbers))  # none twice, and in order
    lost = [(a, b) for a, b in itertools.pairwise(numbers) if b > a + 1]
    gaps = [at for at, text in enumerate(seen) if at and not text.startswith("line ")]
    # A gap stands exactly where lines are lost.
    assert lost == [tuple(int(seen[at + by].split()[1]) for by in (-1, 1)) for at in gaps]


def test_what_the_server_holds_back_is_said_once(wire):
    entries = ["stdout: ", *lines(100)]

    def answer(request):
        start = int(parse_qs(urlsplit(request.url).query)["from"][0])
        body = {"id": 1, "from": start, "total": 502, "log": entries[start:101]}
        return 200, {}, json.dumps(body)

    wire.get("http://livy.test/batches/1", json={"id": 1, "state": "running"})
    wire.add_callback("GET", re.compile("http://livy.test/batches/1/log"), answer)
    livy = Livy("http://livy.test")
    batch = livy.batch(1)
    said = [*lines(100), "… the server says that it has 401 more lines, but withholds them …"]
    assert batch.log() == said
    assert batch.log() == said
    livy.close()
