from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livy_magic.errors import NotLivy
from livy_magic.protocol.list_cache import ListCache
from livy_magic.protocol.models import BatchInfo

batches = st.fixed_dictionaries(
    {"id": st.integers(0, 4), "state": st.sampled_from(["running", "success"])},
    optional={
        "log": st.lists(st.sampled_from(['"sessions": [', "]", "{", "\\", '"', "\ud83d", ","])),
        "appInfo": st.none() | st.just({"sparkUiUrl": "http://x"}),
    },
)
styles = st.sampled_from([{}, {"indent": 1}, {"separators": (",", ":")}, {"ensure_ascii": False}])


def answer(sessions: object, **style: object) -> str:
    value = {"from": 0, "total": 9, "sessions": sessions, "took": {"ms": [1]}}
    return json.dumps(value, **style)  # type: ignore[arg-type]


def read(cache: ListCache, text: str) -> tuple[BatchInfo, ...]:
    page = cache.read(text, 3, "GET /batches")
    assert (page.start, page.total) == (3, 9)
    return page.batches


@given(st.lists(st.tuples(st.lists(batches, max_size=5), styles), max_size=5))
def test_a_list_is_read_as_json_would_be_whatever_was_read_before(answers) -> None:
    cache = ListCache()
    for sessions, style in answers:
        expected = [BatchInfo.from_json(one, "") for one in sessions]
        assert list(read(cache, answer(sessions, **style))) == expected


def test_what_did_not_change_is_the_same_object() -> None:
    cache = ListCache()
    old = [{"id": 1, "state": "running"}, {"id": 2, "state": "running"}, {"id": 3, "state": "dead"}]
    before = read(cache, answer(old))
    now = read(cache, answer([old[0], {"id": 2, "state": "success"}, old[2], {"id": 4}]))
    assert now[0] is before[0]
    assert now[1].state == "success"
    assert now[2] is before[2]


@given(st.integers(1, 200), st.booleans())
def test_half_an_answer_is_none(cut: int, known: bool) -> None:
    text = answer([{"id": 1, "state": "running"}, {"id": 2, "state": "running"}])
    cache = ListCache()
    if known:
        read(cache, text)
    with pytest.raises(json.JSONDecodeError):
        read(cache, text[: -min(cut, len(text))])


@pytest.mark.parametrize(
    "value",
    [
        [],
        3,
        {"msg": "no"},
        {"sessions": None},
        {"sessions": {}},
        {"page": {"sessions": []}},
        {"sessions": ["text"]},
    ],
)
def test_what_is_no_list_of_batches_is_said_to_be_none(value: object) -> None:
    with pytest.raises(NotLivy):
        read(ListCache(), json.dumps(value))


def test_a_view_without_an_id_goes_by_its_name() -> None:
    batches = read(ListCache(), answer([{"id": None, "name": "a"}, {"name": "b"}, {"id": 3}]))
    assert [info.id for info in batches] == ["a", "b", 3]


def test_what_has_neither_id_nor_name_is_left_out_of_the_list_and_told_once(caplog) -> None:
    cache, odd = ListCache(), [{"id": 1}, {"state": "dead"}, None, {"id": 2}]
    for sessions in (odd, odd, [*odd, {"id": 3}]):
        assert [info.id for info in read(cache, answer(sessions))][:2] == [1, 2]
    told = "GET /batches: what has neither id nor name is left out of the list"
    assert [record.getMessage() for record in caplog.records] == [told]
    with pytest.raises(NotLivy):
        read(ListCache(), answer([{"status": "UP"}]))
