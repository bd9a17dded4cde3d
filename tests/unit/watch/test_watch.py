"""One watched batch: from the first look to its end, and all that cannot be seen meanwhile"""

from __future__ import annotations

import dataclasses
import signal
import threading

import pytest
from watched_server import DOWN, NIGHTLY, SOON, Clock, Server, texts, threads

from livy_magic.errors import LivyError, ServerError, Unauthorized
from livy_magic.protocol.identity import contradicts
from livy_magic.protocol.models import BatchId, BatchInfo
from livy_magic.watch.snapshot import Snapshot
from livy_magic.watch.watch import Watch
from livy_magic.watch.watcher import Watcher

# -- from the first look to the end ----------------------------------------------------------------


def test_a_batch_is_seen_until_its_end_with_its_whole_log(server: Server) -> None:
    watcher = Watcher(server)  # type: ignore[arg-type] # in real time
    server.batches[7] = dataclasses.replace(NIGHTLY, state="starting")
    watch = watcher.watch(server.batches[7])
    states = []
    watch.subscribe(lambda snapshot: states.append(snapshot.info.state))
    server.logs[7] += ["one"]
    assert watch.wait_for(lambda: watch.snapshot.lines == 1, SOON)
    server.becomes(7, state="running")
    assert watch.wait_for(lambda: watch.snapshot.info.state == "running", SOON)
    server.logs[7] += ["two"]
    server.becomes(7, state="success")
    assert watch.wait_for(lambda: watch.snapshot.done, SOON)
    assert texts(watch) == ["one", "two"]
    assert [state for i, state in enumerate(states) if state not in states[:i]] == [
        "starting",
        "running",
        "success",
    ]
    ended = watch.snapshot.ended
    assert ended is not None
    assert ended >= watch.snapshot.first_seen
    for thread in threads():  # it ends by itself
        thread.join(SOON)
    assert not threads()


def test_the_state_is_asked_before_the_log_so_that_the_end_has_all_lines(
    server: Server, watch: Watch
) -> None:
    def ends() -> None:
        server.logs[7] = ["last words"]
        server.becomes(7, state="dead")

    server.before_log = ends  # between the two questions
    assert not watch.refresh(SOON).done
    assert watch.refresh(SOON).info.state == "dead"
    assert texts(watch) == ["last words"]


def test_what_the_server_learns_later_is_shown(server: Server, watch: Watch) -> None:
    server.becomes(7, app_id="application_1", spark_ui_url="http://rm/1")
    assert watch.refresh(SOON).info == server.batches[7]


@pytest.mark.parametrize("id_", ["7", "nightly"], ids=["as text", "left out"])
def test_a_view_whose_id_is_text_or_left_out_is_no_other_batch(
    server: Server, watch: Watch, id_: str
) -> None:
    server.batches[7] = dataclasses.replace(NIGHTLY, id=id_, owner="alice")
    snapshot = watch.refresh(SOON)
    assert (snapshot.info.id, snapshot.info.owner, snapshot.gone) == (7, "alice", False)


def test_a_state_never_heard_of_is_no_end(server: Server, watch: Watch) -> None:
    server.becomes(7, state="hibernating")
    snapshot = watch.refresh(SOON)
    assert snapshot.info.state == "hibernating"
    assert not snapshot.done


def test_yarns_end_is_told_when_the_last_lines_had_a_second_to_come(
    server: Server, watcher: Watcher, watch: Watch, clock: Clock
) -> None:
    clock.now += 3600
    server.becomes(7, state="success", app_id="application_1")
    assert not watch.refresh(SOON).done
    assert watcher.pause() <= 1
    server.logs[7] += ["late"]
    clock.now += 1
    assert watch.wait_for(lambda: watch.snapshot.done, SOON)  # by itself
    assert texts(watch) == ["late"]
    assert watch.snapshot.info.app_id == "application_1"
    assert watch.snapshot.ended == clock.now - 1


def test_there_is_one_watch_for_a_batch_however_many_ask(watcher: Watcher, watch: Watch) -> None:
    assert watcher.watch(NIGHTLY) is watch
    assert watcher.watch(BatchInfo(id=8, state="running")) is not watch
    assert watcher.watch(dataclasses.replace(NIGHTLY, name="other")) is not watch
    assert len(threads()) == 1


def test_a_batch_that_has_ended_is_not_polled_but_its_log_can_be_read(
    server: Server, watcher: Watcher
) -> None:
    server.becomes(7, state="dead")
    server.logs[7] += ["why"]
    watch = watcher.watch(server.batches[7])
    assert watch.snapshot.done
    assert not threads()
    assert server.calls == []
    watch.refresh(SOON)
    assert texts(watch) == ["why"]
    asked = list(server.calls)
    assert watch.refresh(SOON).lines == 1
    assert server.calls == asked  # everything was known


def test_how_long_a_batch_took_is_said_only_where_its_beginning_was_seen(
    server: Server, watcher: Watcher, clock: Clock
) -> None:
    elsewhere = watcher.watch(NIGHTLY).snapshot
    assert (elsewhere.first_seen, elsewhere.submitted) == (clock.now, None)
    at_once = watcher.watch(BatchInfo(id=8, state="success"), submitted=clock.now - 1).snapshot
    assert (at_once.first_seen, at_once.ended) == (clock.now - 1, clock.now)


# -- what one cannot see ---------------------------------------------------------------------------


def test_a_server_out_of_reach_leaves_what_was_last_seen(
    server: Server, watch: Watch, clock: Clock
) -> None:
    server.logs[7] += ["one"]
    watch.refresh(SOON)
    server.down = DOWN
    since = clock.now = clock.now + 60
    watch.refresh(SOON)
    clock.now += 60
    snapshot = watch.refresh(SOON)
    assert (snapshot.error, snapshot.stale_since) == (DOWN, since)
    assert (snapshot.info, snapshot.done, snapshot.lines) == (NIGHTLY, False, 1)
    server.down = None
    server.logs[7] += ["two"]
    snapshot = watch.refresh(SOON)
    assert (snapshot.error, snapshot.stale_since) == (None, None)
    assert texts(watch) == ["one", "two"]


def test_a_server_that_fails_is_asked_less_often(
    server: Server, watcher: Watcher, watch: Watch, clock: Clock
) -> None:
    assert watcher.pause() == 0.25
    server.down = DOWN
    pauses = []
    for _ in range(8):
        clock.now += 60  # each time it is due
        watch.refresh(SOON)
        pauses.append(watcher.pause())
    assert pauses[0] <= 1
    assert pauses[-1] > 10
    server.down = None
    watch.refresh(SOON)
    with watch.awaited():
        assert watcher.pause() <= 10


def test_a_server_that_asks_for_time_gets_it(
    server: Server, watcher: Watcher, watch: Watch, clock: Clock
) -> None:
    clock.now += 60
    server.down = ServerError("slow down", request="GET …", status=429, retry_after=120)
    watch.refresh(SOON)
    assert watcher.pause() >= 120


@pytest.mark.parametrize("asked", [3600.0, 1e12, float("inf")])
def test_a_server_that_asks_for_an_hour_or_for_ever_is_asked_while_it_still_knows_a_batch(
    server: Server, watcher: Watcher, watch: Watch, clock: Clock, asked: float
) -> None:
    clock.now += 60
    server.down = ServerError("slow down", request="GET …", status=429, retry_after=asked)
    watch.refresh(SOON)
    assert 300 <= watcher.pause() < 600
    server.down = None
    assert watch.refresh(SOON).error is None


def test_one_failing_batch_does_not_keep_the_others_waiting(
    server: Server, watcher: Watcher, watch: Watch, clock: Clock
) -> None:
    server.batches[8] = BatchInfo(id=8, state="running")
    server.logs[8] = []
    other = watcher.watch(server.batches[8])
    find = server._find

    def broken(call: str, key: BatchId) -> BatchInfo:
        if key == "nightly":
            raise ServerError("500", request=call, status=500)
        return find(call, key)

    server._find = broken  # type: ignore[method-assign]
    server.list_down = ServerError("500", request="GET …", status=500)
    clock.now += 5
    server.becomes(8, state="recovering")
    assert other.refresh(SOON).info.state == "recovering"
    assert watch.wait_for(lambda: watch.snapshot.error is not None, SOON)
    assert other.snapshot.error is None
    assert watcher.pause() == 0.25


def test_a_batch_that_the_server_forgot_is_gone_with_what_was_last_seen(
    server: Server, watch: Watch
) -> None:
    del server.batches[7]
    snapshot = watch.refresh(SOON)
    assert (snapshot.gone, snapshot.done) == (True, True)
    assert (snapshot.info, snapshot.ended) == (NIGHTLY, None)


def test_an_end_seen_just_before_the_batch_was_forgotten_is_kept(
    server: Server, watch: Watch, clock: Clock
) -> None:
    server.before_log = server.batches.clear
    server.becomes(7, state="killed")
    snapshot = watch.refresh(SOON)
    assert snapshot.gone
    assert (snapshot.info.state, snapshot.ended) == ("killed", clock.now)


def test_a_batch_that_shows_no_log_at_all_is_said_to_be_stillborn_until_it_does(
    server: Server, watcher: Watcher, clock: Clock
) -> None:
    server.becomes(7, state="starting")
    server.has_log = False
    watch = watcher.watch(server.batches[7])
    assert not watch.refresh(SOON).stillborn
    clock.now += 20
    assert watch.refresh(SOON).stillborn
    assert not watch.snapshot.done
    server.has_log = True
    assert not watch.refresh(SOON).stillborn


@pytest.mark.parametrize(
    "other",
    [
        BatchInfo(id=9, name="nightly", state="dead"),
        BatchInfo(id=7, name="nightly", state="dead", owner="mallory"),
        BatchInfo(id=7, name="nightly", state="dead", app_id="application_2"),
    ],
)
def test_another_batch_under_the_same_name_is_not_taken_for_this_one(
    server: Server, watcher: Watcher, other: BatchInfo
) -> None:
    mine = dataclasses.replace(NIGHTLY, owner="alice", app_id="application_1")
    watch = watcher.watch(mine)
    server.batches[7] = other
    server.logs[other.id] = ["not mine"]
    snapshot = watch.refresh(SOON)
    assert (snapshot.gone, snapshot.info) == (True, mine)
    assert texts(watch) == []


def test_a_log_that_does_not_go_on_gives_a_reused_id_away(server: Server, watcher: Watcher) -> None:
    mine = server.batches[7] = BatchInfo(id=7, state="running", owner="alice")
    watch = watcher.watch(mine)
    server.logs[7] = ["mine"]
    watch.refresh(SOON)
    server.becomes(7, owner="bob")  # a restart; the state is the same
    server.logs[7] = ["his"]
    snapshot = watch.refresh(SOON)
    assert (snapshot.gone, snapshot.info) == (True, mine)
    assert texts(watch) == ["mine"]


def test_a_gap_is_shown_where_it_is_the_same_batch(server: Server, watch: Watch) -> None:
    server.logs[7] = ["one"]
    watch.refresh(SOON)
    server.logs[7] = [str(n) for n in range(300)]
    watch.refresh(SOON)
    assert [line.kind for line in watch.lines(1)] == ["gap"] + ["program"] * 200


def test_a_view_with_less_in_it_is_of_the_same_batch() -> None:
    known = dataclasses.replace(NIGHTLY, owner="alice", app_id="application_1")
    assert not contradicts(known, BatchInfo(id=7, state="dead"))
    assert not contradicts(BatchInfo(id=7, state="dead"), known)


def test_a_log_one_may_not_read_does_not_hide_the_state(server: Server, watch: Watch) -> None:
    server.log_down = Unauthorized("403", request="GET …", status=403)
    snapshot = watch.refresh(SOON)
    assert (snapshot.error, snapshot.log_error) == (None, server.log_down)
    server.becomes(7, state="success")
    assert watch.refresh(SOON).done


def test_an_end_is_told_after_a_minute_even_if_the_log_cannot_be_read(
    server: Server, watch: Watch, clock: Clock
) -> None:
    server.log_down = ServerError("500", request="GET …", status=500)
    server.becomes(7, state="success")
    assert not watch.refresh(SOON).done
    clock.now += 60
    snapshot = watch.refresh(SOON)
    assert snapshot.done
    assert snapshot.log_error is server.log_down
    server.log_down = None
    server.logs[7] += ["later"]
    assert watch.refresh(SOON).log_error is None
    assert texts(watch) == ["later"]


def test_a_surprise_while_looking_is_shown_and_logged_and_survived(
    server: Server, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    server.down = ZeroDivisionError("oops")
    snapshot = watch.refresh(SOON)
    assert isinstance(snapshot.error, LivyError)
    assert "oops" in str(snapshot.error)
    assert "ZeroDivisionError" in caplog.text
    server.down = None
    assert watch.refresh(SOON).error is None


# -- those who want to know ------------------------------------------------------------------------


def test_a_subscriber_hears_of_changes_only_and_until_it_unsubscribes(
    server: Server, watch: Watch
) -> None:
    heard: list[Snapshot] = []
    unsubscribe = watch.subscribe(heard.append)
    watch.refresh(SOON)
    assert heard == []
    server.logs[7] += ["one"]
    watch.refresh(SOON)
    assert [snapshot.lines for snapshot in heard] == [1]
    unsubscribe()
    unsubscribe()
    server.logs[7] += ["two"]
    watch.refresh(SOON)
    assert len(heard) == 1


def test_a_subscriber_that_fails_harms_nobody(
    server: Server, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Snapshot) -> None:
        raise ZeroDivisionError

    heard: list[Snapshot] = []
    watch.subscribe(fail)
    watch.subscribe(heard.append)
    server.logs[7] += ["one"]
    assert watch.refresh(SOON).error is None
    assert len(heard) == 1
    assert "a subscriber failed" in caplog.text


def test_a_subscriber_cannot_wait_for_the_thread_that_called_it(
    server: Server, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    watch.subscribe(lambda _: watch.refresh() and None)
    server.logs[7] += ["one"]
    watch.refresh(SOON)
    assert "wait in another thread" in caplog.text


def test_at_the_end_a_subscriber_can_ask_for_the_log(server: Server, watch: Watch) -> None:
    seen: list[list[str]] = []

    def show(_: Snapshot) -> None:
        watch.refresh()
        seen.append(texts(watch))

    watch.subscribe(show)
    server.logs[7] += ["one"]
    server.becomes(7, state="success")
    watch.refresh(SOON)
    assert seen == [["one"]]


def test_a_follower_gets_every_line_until_the_end(server: Server) -> None:
    watcher = Watcher(server)  # type: ignore[arg-type] # in real time
    watch = watcher.watch(NIGHTLY)
    server.logs[7] += ["0"]
    lines = watch.follow()
    seen = [next(lines).text]
    server.logs[7] += ["1", "2"]
    seen += [next(lines).text, next(lines).text]
    server.logs[7] += ["3"]
    server.becomes(7, state="dead")
    seen += [line.text for line in lines]
    assert seen == ["0", "1", "2", "3"]
    assert not watch.is_looked_at
    watcher.stop()


def test_looking_at_an_old_batch_makes_it_fresh(
    watcher: Watcher, watch: Watch, clock: Clock
) -> None:
    clock.now += 300
    watch.refresh(SOON)
    assert watcher.pause() > 2
    with watch.looked_at(), watch.looked_at():
        assert watcher.pause() <= 2
    assert watcher.pause() > 2


def test_waiting_ends_after_the_timeout(watch: Watch) -> None:
    assert not watch.wait_for(lambda: watch.snapshot.done, 0.01)


def test_waiting_ends_at_an_interrupt_and_leaves_nothing_locked(
    server: Server, watch: Watch
) -> None:
    main = threading.main_thread().ident
    assert main is not None
    server.before_log = lambda: signal.pthread_kill(main, signal.SIGINT)
    for _ in range(300):  # it strikes somewhere else each time
        with pytest.raises(KeyboardInterrupt):
            watch.refresh()
    server.before_log = lambda: None
    assert watch.refresh(SOON).error is None


def test_lines_can_be_read_by_many_while_they_come(server: Server, watch: Watch) -> None:
    wrong: list[object] = []

    def read() -> None:
        seen: list[str] = []

        def news() -> bool:
            return watch.snapshot.done or watch.snapshot.lines > len(seen)

        while not watch.snapshot.done:
            watch.wait_for(news, SOON)
            seen += [line.text for line in watch.lines(len(seen))]
        seen += [line.text for line in watch.lines(len(seen))]
        if seen != [str(n) for n in range(2000)]:
            wrong.append(seen)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for step in range(40):
        server.logs[7] += [str(step * 50 + n) for n in range(50)]
        watch.refresh(SOON)
    server.becomes(7, state="success")
    watch.refresh(SOON)
    for reader in readers:
        reader.join(SOON)
        assert not reader.is_alive()
    assert wrong == []


# -- the batch is killed ---------------------------------------------------------------------------


def test_a_batch_that_was_deleted_ends_as_killed(
    server: Server, watch: Watch, clock: Clock
) -> None:
    watch.end("killed")
    snapshot = watch.snapshot
    assert (snapshot.info.state, snapshot.ended, snapshot.gone) == ("killed", clock.now, True)
    server.calls.clear()
    watch.refresh(SOON)
    assert server.calls == []


def test_a_batch_that_was_deleted_after_its_end_keeps_it(server: Server, watch: Watch) -> None:
    server.becomes(7, state="success")
    watch.refresh(SOON)
    watch.end("killed")
    assert (watch.snapshot.info.state, watch.snapshot.gone) == ("success", True)


def test_a_look_under_way_does_not_bring_a_deleted_batch_back(server: Server, watch: Watch) -> None:
    server.before_log = lambda: watch.end("killed")
    watch.refresh(SOON)
    assert watch.snapshot.info.state == "killed"


def test_a_deletion_that_was_noticed_as_a_disappearance_first_is_still_a_kill(
    server: Server, watch: Watch
) -> None:
    del server.batches[7]
    assert watch.refresh(SOON).gone
    watch.end("killed")
    assert watch.snapshot.info.state == "killed"
