"""A thousand notebooks do not bring their server down, nor keep it down."""

from __future__ import annotations

import statistics

import pytest
from fleet import AFTER, BEFORE, OUTAGE, requests_of_each_second


@pytest.fixture(scope="module")
def requests() -> list[int]:
    return requests_of_each_second()


def test_a_thousand_notebooks_ask_less_than_200_times_a_second(requests: list[int]) -> None:
    mean = statistics.mean(requests[:BEFORE])
    assert mean <= 200, f"{mean:.0f} requests a second"
    assert max(requests[:BEFORE]) <= 2 * mean


def test_after_an_outage_they_do_not_all_come_back_at_once(requests: list[int]) -> None:
    mean = statistics.mean(requests[:BEFORE])
    assert sum(requests[BEFORE : BEFORE + OUTAGE]) == 0
    after = requests[BEFORE + OUTAGE :]
    assert max(after) <= 2 * mean, f"{max(after)} requests in a second, {mean:.0f} in the mean"
    in_the_end = after[AFTER - 30 :]
    assert statistics.mean(in_the_end) <= 200
