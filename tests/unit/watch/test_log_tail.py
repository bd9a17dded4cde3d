from __future__ import annotations

import itertools
import math
import tracemalloc
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livy_magic.protocol.log_format import KINDS, SPARK_MARK, Kind, Line, split_sections
from livy_magic.protocol.models import LogPage
from livy_magic.watch.captured_log import CapturedLog, Piece, backwards
from livy_magic.watch.log_tail import Glimpses, LogTail


class Server:
    """Livy's log window: what it keeps, and how it answers (protocol, part 3)."""

    def __init__(self, ring: int = 200) -> None:
        self.stdout: deque[str] = deque(maxlen=ring)
        self.stderr: deque[str] = deque(maxlen=ring)
        self.diagnostics: list[str] = []
        self.diagnostics_marker = "\nYARN Diagnostics: "

    def log(self, start: int = 0, size: int = -1) -> LogPage:
        assert size == -1
        entries = ["stdout: ", *self.stdout, "\nstderr: ", *self.stderr]
        if self.diagnostics:
            entries += [self.diagnostics_marker, *self.diagnostics]
        return LogPage(start, len(entries), tuple(entries[start:]))


def read(tail: LogTail, server: Server) -> list[Line]:
    lines = tail.feed(server.log(*tail.next_query()))
    if lines is None:
        assert tail.next_query() == (0, -1)
        lines = tail.feed(server.log())
    assert lines is not None
    return lines


def texts(lines: list[Line]) -> list[str]:
    return [line.text for line in lines if line.kind != "gap"]


@contextmanager
def sizes(keeps: int, whole: int = 500, anchor: int = 100) -> Iterator[None]:
    """Make windows small enough to try many."""
    with mock.patch.multiple(
        "livy_magic.watch.log_tail",
        LIVY_KEEPS=keeps,
        WHOLE=whole,
        ANCHOR=anchor,
        TRUSTED=anchor // 2,
    ):
        yield


# -- sections -------------------------------------------------------------------------------------


def test_a_window_is_split_at_its_markers() -> None:
    sections = split_sections(
        ["stdout: ", "a", "b", "\nstderr: ", "c", "\nKubernetes Diagnostics: ", "d\n\te"]
    )
    assert (sections.stdout, sections.stderr) == (["a", "b"], ["c"])
    assert sections.diagnostics == ["d\n\te"]


def test_a_line_that_looks_like_a_marker_is_a_line() -> None:
    entries = ["stdout: ", "stdout: ", "stderr: ", "YARN Diagnostics: ", "\nstderr: "]
    assert split_sections(entries).stdout == ["stdout: ", "stderr: ", "YARN Diagnostics: "]
    assert split_sections(["stdout: ", "\nstderr: "], start=3).stdout == ["stdout: "]


def test_a_log_without_markers_is_all_the_programs() -> None:
    assert split_sections(["a", "b"]).stdout == ["a", "b"]
    assert split_sections([]).stdout == []


# -- tailing --------------------------------------------------------------------------------------


def test_a_growing_log_comes_line_by_line() -> None:
    server, tail = Server(), LogTail()
    seen: list[Line] = []
    for step in range(40):
        server.stdout += [f"OUT {step}", f"ERR {step}"]
        seen += read(tail, server)
    assert seen == [Line(f"{kind} {n}", "program") for n in range(40) for kind in ("OUT", "ERR")]


def test_a_full_window_that_is_read_often_enough_loses_nothing() -> None:
    server, tail = Server(), LogTail()
    seen: list[Line] = []
    for step in range(60):
        server.stdout += [f"line {step * 10 + n}" for n in range(10)]
        seen += read(tail, server)
    assert [line.text for line in seen] == [f"line {n}" for n in range(600)]


def test_lines_that_slid_away_unread_show_as_a_gap() -> None:
    server, tail = Server(ring=5), LogTail()
    server.stdout += ["a", "b"]
    assert texts(read(tail, server)) == ["a", "b"]
    server.stdout += [str(n) for n in range(8)]
    gap, *rest = read(tail, server)
    assert gap.kind == "gap"
    assert "more than the 5 that the server keeps" in gap.text
    assert [line.text for line in rest] == ["3", "4", "5", "6", "7"]
    assert read(tail, server) == []


def test_a_window_that_is_full_at_the_first_look_may_have_lost_its_beginning() -> None:
    server = Server()
    server.stdout += [str(n) for n in range(250)]
    first, *rest = read(LogTail(), server)
    assert first.kind == "gap"
    assert [line.text for line in rest] == [str(n) for n in range(50, 250)]


def test_a_log_that_is_not_shown_for_once_does_not_come_again() -> None:
    server, tail = Server(), LogTail()
    server.stdout += ["a", "b"]
    read(tail, server)
    assert tail.feed(LogPage(0, 0, ())) == []
    server.stdout += ["c"]
    assert read(tail, server) == [Line("c", "program")]


def test_diagnostics_come_whole_when_they_change_and_leave_the_lines_alone() -> None:
    server, tail = Server(), LogTail()
    server.stdout += ["a"]
    server.diagnostics = ["waiting for a container"]
    assert read(tail, server) == [
        Line("a", "program"),
        Line("waiting for a container", "diagnostics"),
    ]
    server.stdout += ["b"]
    assert read(tail, server) == [Line("b", "program")]
    server.stdout += ["c"]
    server.diagnostics = ["Application failed\n\texit code 1", "bye"]
    assert read(tail, server) == [
        Line("c", "program"),
        Line("Application failed", "diagnostics"),
        Line("\texit code 1", "diagnostics"),
        Line("bye", "diagnostics"),
    ]
    server.diagnostics = []
    assert read(tail, server) == []


def test_both_sections_of_kubernetes_grow() -> None:
    server, tail = Server(), LogTail()
    server.diagnostics_marker = "\nKubernetes Diagnostics: "
    server.stdout += ["out 1"]
    server.stderr += ["err 1"]
    assert texts(read(tail, server)) == ["out 1", "err 1"]
    server.stderr += ["err 2"]
    server.stdout += ["out 2"]
    assert texts(read(tail, server)) == ["out 2", "err 2"]
    assert read(tail, server) == []


def test_of_a_long_window_only_the_end_is_asked_for() -> None:
    server, tail = Server(ring=10_000), LogTail()
    server.stdout += [str(n) for n in range(1000)]
    read(tail, server)
    assert tail.next_query() == (921, -1)
    server.stdout += ["news"]
    answer = server.log(*tail.next_query())
    assert len(answer.entries) == 82
    assert tail.feed(answer) == [Line("news", "program")]
    assert tail.next_query() == (922, -1)


def test_of_a_long_window_that_slides_as_much_is_asked_for_as_moves_between_two_looks() -> None:
    server, tail, count = Server(ring=10_000), LogTail(), 10_000
    server.stdout += [str(n) for n in range(count)]
    read(tail, server)
    fetched, seen = 0, 0
    for _ in range(20):
        server.stdout += [str(count + n) for n in range(300)]
        count += 300
        answer = server.log(*tail.next_query())
        lines = tail.feed(answer)
        if lines is None:
            answer = server.log()
            lines = tail.feed(answer) or []
        assert texts(lines) == [str(n) for n in range(count - 300, count)]
        fetched, seen = fetched + len(answer.entries), seen + len(lines)
    assert fetched < 10_000 + 2.1 * seen


def test_an_end_that_does_not_fit_makes_it_ask_for_the_whole_window() -> None:
    server, tail = Server(ring=1000), LogTail()
    server.stdout += [str(n) for n in range(1000)]
    read(tail, server)
    server.stdout += [str(n) for n in range(1000, 1200)]
    assert tail.feed(server.log(*tail.next_query())) is None
    assert tail.next_query() == (0, -1)
    assert tail.feed(server.log()) == [Line(str(n), "program") for n in range(1000, 1200)]


def test_a_long_window_that_shrank_is_read_whole() -> None:
    server, tail = Server(ring=1000), LogTail()
    server.stdout += [str(n) for n in range(1000)]
    read(tail, server)
    server.stdout.clear()
    server.stdout += ["after a restart"]
    assert server.log(901).entries == ()
    assert tail.feed(server.log(*tail.next_query())) is None
    assert [line.kind for line in tail.feed(server.log()) or ()] == ["gap", "program"]


def test_diagnostics_are_not_taken_for_lines_when_the_lines_before_them_shrank() -> None:
    server, tail = Server(ring=1000), LogTail()
    server.stdout += [str(n) for n in range(1000)]
    read(tail, server)
    server.stdout.clear()
    server.diagnostics = [str(n) for n in range(2000)]
    assert tail.feed(server.log(*tail.next_query())) is None
    assert {line.kind for line in tail.feed(server.log()) or ()} == {"diagnostics"}


# -- every line exactly once ----------------------------------------------------------------------

# How many lines are written before each look.
bursts = st.lists(st.integers(0, 15), max_size=30)


@given(ring=st.integers(1, 10), written=bursts)
def test_every_line_comes_once_and_in_order_or_is_inside_a_gap(
    ring: int, written: list[int]
) -> None:
    server, tail, count = Server(ring), LogTail(), 0
    expected = 0
    with sizes(keeps=ring):
        for burst in written:
            server.stdout += [str(count + n) for n in range(burst)]
            count += burst
            lines = read(tail, server)
            if lines and lines[0].kind == "gap":
                assert burst >= ring  # less cannot have turned the window over
                del lines[0]
                expected = max(expected, count - ring)
            assert lines == [Line(str(n), "program") for n in range(expected, count)]
            expected = count


@given(ring=st.integers(1, 40), written=bursts)
def test_asking_for_the_end_of_the_window_gives_the_same_lines(
    ring: int, written: list[int]
) -> None:
    server, count = Server(ring), 0
    whole, anchored = LogTail(), LogTail()
    for burst in written:
        server.stdout += [str(count + n) for n in range(burst)]
        server.stderr += [f"e{count + n}" for n in range(burst % 3)]
        count += burst
        with sizes(keeps=ring):
            expected = read(whole, server)
        with sizes(keeps=ring, whole=10, anchor=6):
            assert read(anchored, server) == expected


@example(
    ring=5, written=[(5, 0), (3, 2)]
)  # the part begins with a known line, the window behind it
@given(
    ring=st.integers(1, 12),
    written=st.lists(st.tuples(st.integers(0, 15), st.integers(0, 15)), max_size=15),
)
def test_what_any_answer_held_comes_once_with_a_gap_where_none_held_two_lines_together(
    ring: int, written: list[tuple[int, int]]
) -> None:
    server, tail = Server(ring), LogTail()
    count = itertools.count()
    seen: list[Line] = []
    held: set[int] = set()
    joined: set[int] = set()  # lines that an answer held behind the one before

    def look(burst: int) -> list[Line] | None:
        server.stdout += [str(next(count)) for _ in range(burst)]
        answer = server.log(*tail.next_query())
        lines = [int(line) for line in answer.entries if line.isdigit()]
        held.update(lines)
        joined.update(lines[1:])
        return tail.feed(answer)

    with sizes(keeps=ring, whole=4, anchor=4):
        for before, between in written:
            lines = look(before)
            seen += look(between) or [] if lines is None else lines
    if seen and seen[0].kind == "gap":  # the first window was full
        del seen[0]
    expected: list[str | None] = []
    for number in sorted(held):
        expected += [str(number)] if not expected or number in joined else [None, str(number)]
    assert [None if line.kind == "gap" else line.text for line in seen] == expected


numbers = st.integers().map(str)
repeating = st.lists(
    st.lists(st.sampled_from(["tick", "tock", ""]) | numbers, max_size=12), max_size=25
)


@example(  # where the place was found too late, what was read before is not what stood before
    ring=9, bursts=[["tick"] * 7 + ["tock"], ["tock", "tick", "tick"], []], anchored=True
)
@given(ring=st.integers(1, 15), bursts=repeating, anchored=st.booleans())
def test_lines_that_repeat_never_come_twice(
    ring: int, bursts: list[list[str]], anchored: bool
) -> None:
    server, tail = Server(ring), LogTail()
    whole, anchor = (4, 2) if anchored else (500, 100)
    for burst in bursts:
        server.stdout += burst
        with sizes(keeps=ring, whole=whole, anchor=anchor):
            news = texts(read(tail, server))
        assert news == burst[len(burst) - len(news) :]


@given(bursts=repeating, anchored=st.booleans())
def test_lines_that_repeat_are_all_there_while_the_window_is_not_full(
    bursts: list[list[str]], anchored: bool
) -> None:
    server, tail = Server(ring=1000), LogTail()
    whole, anchor = (4, 2) if anchored else (500, 100)
    for burst in bursts:
        server.stdout += burst
        with sizes(keeps=1000, whole=whole, anchor=anchor):
            assert [line.text for line in read(tail, server)] == burst


# -- what a view tells of the log ------------------------------------------------------------------


def view(*lines: str, behind: tuple[str, ...] = ()) -> tuple[str, ...]:
    return ("stdout: ", *lines, "\nstderr: ", *behind)[-10:]


def test_a_view_tells_how_many_lines_came() -> None:
    glimpses = Glimpses()
    assert glimpses.news(view("a")) == math.inf  # nobody knows what was before
    assert glimpses.news(view("a")) == 0
    assert glimpses.news(view("a", "b", "c")) == 2
    numbers = [str(n) for n in range(20)]
    assert glimpses.news(view(*numbers)) == math.inf
    assert glimpses.news(view(*numbers, "20", "21", "22")) == 3
    assert glimpses.news(view(*numbers, "20", "21", "22")) == 0


def test_a_view_without_a_place_in_the_log_tells_nothing() -> None:
    glimpses = Glimpses()
    diagnostics = ("\nYARN Diagnostics: ", *"abcdefghi")
    for _ in range(2):
        assert glimpses.news(()) == math.inf  # no permission, or another kind of server
        assert glimpses.news(view("a", behind=diagnostics)) == math.inf


def test_what_changes_behind_the_log_is_to_be_read() -> None:
    glimpses = Glimpses()
    glimpses.news(view("a", behind=("\nYARN Diagnostics: ", "waiting")))
    assert glimpses.news(view("a", behind=("\nYARN Diagnostics: ", "running"))) == 1
    assert glimpses.news(view("a", behind=("\nYARN Diagnostics: ", "running"))) == 0


def test_a_view_that_repeats_itself_may_hide_news() -> None:
    glimpses = Glimpses()
    glimpses.news(view(*["tick"] * 20))
    assert glimpses.news(view(*["tick"] * 21)) == 1
    glimpses.news(view(*["tick", "tock"] * 20))
    assert glimpses.news(view(*["tick", "tock"] * 21)) == 1


@given(bursts=st.lists(st.integers(0, 12)))
def test_a_view_never_tells_too_much_and_never_hides_that_something_came(bursts: list[int]) -> None:
    glimpses, count = Glimpses(), 1
    glimpses.news(view("0"))
    for burst in bursts:
        count += burst
        news = glimpses.news(view(*[str(n) for n in range(count)]))
        assert news == burst if news < math.inf else burst > 7


# -- keeping many ---------------------------------------------------------------------------------

some_lines = st.lists(st.builds(Line, st.text(), st.sampled_from(KINDS)), max_size=20)


@given(
    pieces=st.lists(some_lines, max_size=5),
    start=st.integers(0, 200),
    stop=st.integers(0, 200) | st.none(),
    kinds=st.sets(st.sampled_from(KINDS)),
    packed=st.integers(1, 30),
)
def test_lines_come_back_as_they_were(
    pieces: list[list[Line]], start: int, stop: int | None, kinds: set[Kind], packed: int
) -> None:
    with mock.patch("livy_magic.watch.captured_log.PACKED", packed):
        lines = CapturedLog()
        for piece in pieces:
            lines.extend(piece)
        everything = [line for piece in pieces for line in piece]
        assert len(lines) == len(everything)
        assert lines.between(start, stop) == everything[start:stop]
        first = start // packed * packed
        pieces_behind = lines.pieces(first)
        assert [line for piece in pieces_behind for line in piece.lines()] == everything[first:]
        assert all(len(piece) == packed for piece in pieces_behind[:-1])
        some = [line for line in reversed(everything) if line.kind in kinds]
        assert list(backwards(lines.pieces(), kinds)) == some


def test_of_a_long_log_only_the_lines_that_are_asked_for_are_unpacked() -> None:
    lines = CapturedLog()
    lines.extend(Line(str(number), "program") for number in range(20_000))
    with mock.patch.object(Piece, "text", autospec=True, side_effect=Piece.text) as text:
        some = lines.between(9_950, 10_050)
    assert [line.text for line in some] == [str(number) for number in range(9_950, 10_050)]
    assert text.call_count == 100


def test_what_terminals_and_encodings_trip_over_is_only_text() -> None:
    odd = ["\x00\x1b[31m", "\U0001f600", "\ud83d", "a\nb", "", "x" * 1_000_000, "\u2028"]
    lines = CapturedLog()
    for _ in range(300):
        lines.extend(Line(text, "program") for text in odd[:5] + odd[6:])
    lines.extend([Line(odd[5], "program")])
    assert [line.text for line in lines.between(1796)] == [*odd[2:5], odd[6], odd[5]][-5:]
    assert {line.text for line in lines.between(0)} == set(odd)


def test_many_lines_take_little_more_memory_than_their_text() -> None:
    text = "26/11/22 19:41:07 INFO TaskSetManager: Finished task {:7d} in stage 0.0 (TID 1) in 7 ms"
    size = 40_000 * (len(text.format(0)) + 1)
    tail, lines = LogTail(), CapturedLog()
    tracemalloc.start()
    for start in range(0, 40_000, 4000):
        window = ["stdout: ", *(text.format(n) for n in range(start, start + 4000)), "\nstderr: "]
        page = LogPage(0, len(window), tuple(window))
        lines.extend(tail.feed(page) or [])
        del window, page
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(lines) >= 40_000
    assert used < 1.3 * size


# -- who wrote it ---------------------------------------------------------------------------------


LATE = "26/11/22 19:41:07 WARN Utils: late"


def kinds(*lines: str) -> list[Line]:
    server = Server()
    server.stdout += lines
    return read(LogTail(), server)


def test_sparks_own_lines_are_known_by_their_mark() -> None:
    assert kinds("hello", SPARK_MARK + LATE, "bye") == [
        Line("hello", "program"),
        Line(LATE, "spark"),
        Line("bye", "program"),
    ]


TRACE = [
    LATE,
    "a message of",
    "",
    "four lines",
    "java.lang.RuntimeException: x",
    "\tat org.apache.spark.Main$.main(Main.scala:12)",
    "\tat java.base/java.lang.Thread.run(Thread.java:840)",
    "Caused by: java.io.IOException: y",
    "\t... 12 more",
]


def test_the_lines_below_one_of_sparks_are_sparks() -> None:
    assert kinds(*(SPARK_MARK + text for text in TRACE)) == [Line(text, "spark") for text in TRACE]


def test_what_goes_on_with_sparks_may_come_at_a_later_look() -> None:
    server, tail = Server(), LogTail()
    for text in TRACE:
        server.stdout += [SPARK_MARK + text]
        assert read(tail, server) == [Line(text, "spark")]


def test_a_trace_in_which_the_program_prints_stays_sparks() -> None:
    lines = [SPARK_MARK + text for text in TRACE]
    lines.insert(6, "mine")
    assert Line("mine", "program") in kinds(*lines)
    assert [line.text for line in kinds(*lines) if line.kind == "spark"] == TRACE


@pytest.mark.parametrize(
    "mine",
    [
        f"a{SPARK_MARK}b",
        f"{SPARK_MARK}b",
        f"a{SPARK_MARK}",
        SPARK_MARK,
        f"a{SPARK_MARK}{SPARK_MARK}26/11/22 is a Sunday",
        f"a{SPARK_MARK}INFO b: c",
    ],
)
def test_a_mark_that_the_program_prints_takes_none_of_its_text(mine: str) -> None:
    assert kinds(SPARK_MARK + LATE, "hello", mine, "bye")[1:] == [
        Line("hello", "program"),
        Line(mine, "program"),
        Line("bye", "program"),
    ]
    sparks = kinds(mine, LATE)[1]
    assert sparks.kind == "spark"  # on a server without marks


def test_a_mark_that_the_program_prints_hides_no_line_of_sparks_behind_it() -> None:
    assert kinds(f"a{SPARK_MARK}b{SPARK_MARK}{LATE}") == [
        Line(f"a{SPARK_MARK}b", "program"),
        Line(LATE, "spark"),
    ]


def test_without_a_mark_they_are_known_by_their_layout() -> None:
    spark = "26/11/22 19:41:07 INFO SparkContext: Running Spark version 3.5.9"
    program = ["26/11/22 is a Sunday", "2026-11-22 19:41:07 INFO mine: hello", "INFO hello"]
    assert kinds(spark, *program) == [
        Line(spark, "spark"),
        *(Line(text, "program") for text in program),
    ]


def test_that_sparks_log_is_not_configured_is_no_output() -> None:
    said = "Using Spark's default log4j profile: org/apache/spark/log4j2-defaults.properties"
    assert kinds(said) == [Line(said, "spark")]


def test_what_spark_submit_reports_of_yarn_is_no_output() -> None:
    report = [
        "26/11/26 08:49:53 INFO Client: ",
        "\t client token: N/A",
        "\t diagnostics: [Thu Nov 26 08:49:53 +0000 2026] Scheduler has assigned a container",
        "\t ApplicationMaster host: N/A",
        "\t ApplicationMaster RPC port: -1",
        "\t queue: default",
        "\t start time: 1795682992895",
        "\t final status: UNDEFINED",
        "\t tracking URL: http://localhost:30937/proxy/application_1795682983112_0001/",
        "\t user: root",
    ]
    program = ["\t queue of mine: 3", "user: me"]
    assert kinds(*report, *program) == [
        *(Line(text, "spark") for text in report),
        *(Line(text, "program") for text in program),
    ]


@pytest.mark.parametrize("others", [["hello"], ["hello", SPARK_MARK + LATE]])
def test_javas_warning_about_sparks_module_is_no_output(others: list[str]) -> None:
    first = kinds("WARNING: Using incubator modules: jdk.incubator.vector", *others)[0]
    assert first.kind == "spark"
    assert kinds("WARNING: mine")[0].kind == "program"


def test_where_there_are_marks_the_layout_proves_nothing() -> None:
    mine = "26/11/22 19:41:07 INFO root: the program's own logging"
    assert kinds(mine, SPARK_MARK + LATE)[0] == Line(mine, "program")


def test_marks_count_from_then_on() -> None:
    server, tail = Server(), LogTail()
    server.stdout += [SPARK_MARK + LATE]
    read(tail, server)
    mine = "26/11/22 19:41:07 INFO root: the program's own logging"
    server.stdout += [mine]
    assert read(tail, server) == [Line(mine, "program")]


def test_sparks_line_behind_an_unfinished_one_is_split_off() -> None:
    assert kinds(f"loading ...{SPARK_MARK}{LATE}") == [
        Line("loading ...", "program"),
        Line(LATE, "spark"),
    ]


def test_a_part_that_is_read_before_the_window_slides_past_it_is_not_lost():
    def window(first, last, start=0):
        entries = [str(number) for number in range(first, last + 1)]
        if not start:
            entries = ["stdout: ", *entries]
        return LogPage(start, 20_002, (*entries, "\nstderr: "))

    tail = LogTail()
    tail.feed(window(1, 20_000))
    start, _ = tail.next_query()
    assert start
    part = window(30_000 - (20_001 - start), 30_000, start)
    assert tail.feed(part) is None
    texts = [line.text for line in tail.feed(window(40_000, 59_999)) if line.kind != "gap"]
    numbers = [int(text) for text in texts]
    assert numbers == [*range(30_000 - (20_001 - start), 30_001), *range(40_000, 60_000)]


def test_a_part_that_the_whole_window_still_has_comes_once():
    def window(first, last, start=0):
        entries = [str(number) for number in range(first, last + 1)]
        return LogPage(
            start,
            20_002,
            ("stdout: ", *entries, "\nstderr: ") if not start else (*entries, "\nstderr: "),
        )

    tail = LogTail()
    tail.feed(window(1, 20_000))
    start, _ = tail.next_query()
    assert tail.feed(window(39_900, 40_000, start)) is None
    lines = tail.feed(window(20_005, 40_004))
    assert [line.kind for line in lines[:1]] == ["gap"]
    numbers = [int(line.text) for line in lines if line.kind != "gap"]
    assert len(numbers) == len(set(numbers))
    assert numbers[-1] == 40_004


def test_the_private_livys_full_window_may_have_lost_its_beginning():
    entries = ("stdout: ", *map(str, range(20_000)), "\nstderr: ")
    assert LogTail().feed(LogPage(0, 20_002, entries))[0].kind == "gap"


def test_a_short_log_that_begins_anew_is_another_batchs():
    def page(*lines):
        return LogPage(0, len(lines) + 2, ("stdout: ", *lines, "\nstderr: "))

    tail = LogTail()
    tail.feed(page("old"))
    assert not tail.is_anothers
    tail.feed(page("old", "more"))
    assert not tail.is_anothers
    tail.feed(page("new"))
    assert tail.is_anothers


def test_an_answer_without_a_log_makes_no_gap_and_loses_nothing():
    tail = LogTail()
    tail.feed(LogPage(0, 602, ("stdout: ", *map(str, range(600)), "\nstderr: ")))
    start, _ = tail.next_query()
    part = (*map(str, range(2000, 2010)), "\nstderr: ")
    assert tail.feed(LogPage(start, 602, part)) is None
    assert tail.feed(LogPage(0, 0, ())) == []
    lines = tail.feed(LogPage(0, 602, ("stdout: ", *map(str, range(2005, 2605)), "\nstderr: ")))
    assert [line.kind for line in lines].count("gap") == 1
    assert [int(line.text) for line in lines[1:]] == list(range(2000, 2605))


def test_a_server_that_keeps_fewer_lines_is_known_by_how_its_window_moves():
    tail = LogTail()

    def read(end: int) -> list[str]:
        entries = ["stdout: ", *(f"line {n}" for n in range(max(0, end - 100), end)), "\nstderr: "]
        lines = tail.feed(LogPage(0, len(entries), tuple(entries)))
        return [line.text for line in lines or () if line.kind != "gap"]

    read(100)
    assert tail.room == 200  # as with any server
    assert read(130) == [f"line {n}" for n in range(100, 130)]
    assert tail.room == 100
    assert read(500) == [f"line {n}" for n in range(400, 500)]
    assert not tail.is_anothers
    assert read(50)
    assert tail.is_anothers
