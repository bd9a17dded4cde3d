"""What a client of Livy must get right: the 38 cases of the protocol page, part 9.

Some are tested here, by their numbers; the others stand where their code is tested:

== ============================================================ =====================================
 1 a 400 after registering is told, and not repeated            live/test_endpoints, test_livy
 2 a bare-string 400 is shown                                   test_client (five shapes)
 3 a bare-string 500 as well                                    test_client (five shapes)
 4 403 ``{}``, empty 404 and 405, Jetty's pages                 test_client (five shapes)
 5 Content-Type and X-Requested-By; on DELETE, too              test_client; live/test_endpoints
 6 unset options are left out                                   test_client, test_models
 7 integers stay integers                                       test_models, test_options
 8 the id comes from the body                                   test_client
 9 a POST answered ``dead`` or ``success``                      test_livy; here
10 a lost answer is settled by the name                         test_livy; live/test_submits_under_fault
11 "Duplicate session name" in both forms                       here
12 a stillborn batch is told as such                            here; test_watcher
13 the zombie of a refused POST is removed                      test_livy; live/test_endpoints
14 "too many sessions" is repeated, other 400s are not          here
15 250 batches are listed, the newest found                     test_client; live/test_endpoints
16 a deletion between pages                                     test_client
17 a total that is wrong                                        test_client
18 a size near 2^31                                             test_client; live/test_endpoints
19 a growing log with the trailing marker                       test_logs; live/test_watches_under_fault
20 a ring that overflows is read often enough                   test_logs
21 one that turned over shows a gap                             test_logs; live/test_watches_under_fault
22 YARN's diagnostics change length                             test_logs
23 lines that look like markers                                 test_logs; live/test_endpoints
24 one read after the end; success or not by the state          test_watcher; live/test_endpoints
25 running, then 404                                            here; live/test_watches_under_fault
26 ``recovering``, ``killed``, a state never heard of           test_watcher; here
27 a DELETE that takes long                                     here
28 a DELETE of what is gone                                     here; live/test_endpoints
29 who may not view the log                                     test_watcher; here
30 401 once; a 403 is not repeated; cookies are kept            test_auth; here; live/test_watches_under_fault
31 a stale connection under a GET, and under a POST             test_client
32 a compressed, chunked answer                                 here
33 members that are null, missing or new                        test_models; here
34 a restart with ids from 0                                    test_livy; live/test_watches_under_fault
35 an id beyond 2^31                                            test_client; live/test_endpoints
36 names with ``/``, blank and ``é``                            test_client; live/test_endpoints
37 a 500 page for the list with ``doAs``                        here
38 a line without end in a list                                 test_display; here
== ============================================================ =====================================
"""

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from livy_magic import (
    BatchFailed,
    BatchGone,
    BatchRequest,
    Livy,
    NotSubmitted,
    ServerError,
    Unauthorized,
)
from livy_magic.display import Row, card, status_line, table_text
from livy_magic.protocol.client import LivyClient
from livy_magic.protocol.models import BatchInfo, is_final
from livy_magic.watch.snapshot import Snapshot

URL = "http://livy.test"
REQUEST = BatchRequest(file="hdfs:///etl.py", name="nightly")
NO_BATCH = {"status": 404, "json": {"msg": "Session 'nightly' not found."}}


@pytest.fixture
def server():
    server = Livy(URL, user="alice", timeout=(1, 1))
    yield server
    server.close()


@pytest.fixture
def client():
    return LivyClient(URL)


def view(**members):
    return {"id": 7, "name": "nightly", "owner": "alice", "state": "running"} | members


def knows(wire, log=("stdout: ", "\nstderr: "), **members):
    """Have the server know the batch, whichever way it is asked for."""
    batch = view(**members)
    wire.get(f"{URL}/batches", json={"from": 0, "total": 1, "sessions": [batch]})
    for key in ("7", "nightly"):
        wire.get(f"{URL}/batches/{key}", json=batch | {"log": list(log)})
        wire.get(f"{URL}/batches/{key}/state", json={"id": 7, "state": batch["state"]})
        wire.get(f"{URL}/batches/{key}/log", json={"from": 0, "total": len(log), "log": list(log)})


def forgets(wire):
    """Have it know the batch when it is first asked for, and never again."""
    wire.get(f"{URL}/batches/7", json=view())
    wire.get(f"{URL}/batches", json={"from": 0, "total": 0, "sessions": []})
    for key in ("7", "nightly"):
        for part in ("", "/state", "/log"):
            wire.get(f"{URL}/batches/{key}{part}", **NO_BATCH)


def posts(wire):
    return [call for call in wire.calls if call.request.method == "POST"]


@pytest.mark.parametrize("state", ["dead", "success", "killed"])
def test_09_a_batch_that_ended_before_its_answer_came_is_not_waited_for(server, wire, state):
    wire.get(f"{URL}/batches/nightly", **NO_BATCH)
    wire.post(f"{URL}/batches", json=view(state=state), status=201)
    knows(wire, state=state)
    batch = server.submit(REQUEST)
    assert batch.done
    if state == "success":
        assert batch.wait(5) is batch
    else:
        with pytest.raises(BatchFailed, match=f"ended as {state}"):
            batch.wait(5)


@pytest.mark.parametrize("prefix", ["", "Rejected, Reason: "])
def test_11_a_duplicate_name_is_told_and_neither_repeated_nor_deleted(server, wire, prefix):
    wire.get(f"{URL}/batches/nightly", **NO_BATCH)
    words = f"{prefix}Duplicate session name: Some(nightly) for session 8"
    wire.post(f"{URL}/batches", json={"msg": words}, status=400)
    with pytest.raises(NotSubmitted, match="Duplicate session name"):
        server.submit(REQUEST)
    assert len(posts(wire)) == 1
    assert not any(call.request.method == "DELETE" for call in wire.calls)


def test_12_a_stillborn_batch_is_told_as_such_and_how_to_remove_it(server, wire, monkeypatch):
    monkeypatch.setattr("livy_magic.watch.watch.BIRTH", -1)
    knows(wire, log=[], state="starting")
    batch = server.batch(7)
    batch.look()
    assert (batch.state, batch.done, batch.log()) == ("starting", False, [])
    for shown in (status_line(batch.snapshot), card(batch.snapshot, [])):
        assert "Livy refused it, and %livy_kill 7 removes it" in shown


def test_14_a_server_with_too_many_sessions_is_asked_again(server, wire):
    wire.get(f"{URL}/batches/nightly", **NO_BATCH)
    words = "Rejected, too many sessions are being created!"
    wire.post(f"{URL}/batches", json={"msg": words}, status=400)
    wire.post(f"{URL}/batches", json=view(state="success"), status=201)
    assert server.submit(REQUEST).id == 7
    assert len(posts(wire)) == 2


def test_14_no_other_400_is_repeated(server, wire):
    wire.get(f"{URL}/batches/nightly", **NO_BATCH)
    wire.post(f"{URL}/batches", json={"msg": "requirement failed: File is required."}, status=400)
    with pytest.raises(NotSubmitted, match="File is required"):
        server.submit(REQUEST)
    assert len(posts(wire)) == 1


def test_25_a_batch_that_vanishes_while_it_runs_is_gone_and_no_success(server, wire):
    forgets(wire)
    with pytest.raises(BatchGone, match=r"no longer knows batch .* was running when last seen"):
        server.batch(7).wait(5)


@pytest.mark.parametrize(
    ("state", "final"),
    [("recovering", False), ("killed", True), ("error", True), ("hibernating", False)],
)
def test_26_of_all_states_known_and_unknown_only_ends_end_a_wait(state, final):
    assert is_final(state) == final


def test_27_the_time_for_a_kill_is_settable_and_a_late_answer_is_followed_up(wire):
    server = Livy(URL, user="alice", timeout=(1, 1), kill_timeout=7)
    knows(wire)
    late = wire.delete(f"{URL}/batches/nightly", body=requests.ReadTimeout("read timed out"))
    done = wire.delete(f"{URL}/batches/nightly", **NO_BATCH)
    batch = server.batch(7)
    batch.kill()
    server.close()
    assert late.call_count == done.call_count == 1
    assert late.calls[0].request.req_kwargs["timeout"] == (1, 7)
    assert batch.state == "killed"


def test_27_a_gateway_that_lost_patience_with_a_kill_is_followed_up_like_a_late_answer(
    server, wire, monkeypatch
):
    monkeypatch.setattr("livy_magic.batch.KILL_PAUSE", 0)
    knows(wire)
    for _ in range(2):
        wire.delete(f"{URL}/batches/nightly", status=504)
    wire.delete(f"{URL}/batches/nightly", **NO_BATCH)
    batch = server.batch(7)
    batch.kill()
    assert batch.state == "killed"


def test_27_a_server_that_asks_for_time_before_a_kill_is_not_asked_again(server, wire):
    knows(wire)
    busy = wire.delete(f"{URL}/batches/nightly", status=429, headers={"Retry-After": "3600"})
    batch = server.batch(7)
    with pytest.raises(ServerError, match=r"429 for DELETE.*asks you to wait 3600 s"):
        batch.kill()
    assert (busy.call_count, batch.state) == (1, "running")


def test_27_a_gateway_that_asks_for_more_time_than_a_kill_has_is_not_asked_again(server, wire):
    knows(wire)
    busy = wire.delete(f"{URL}/batches/nightly", status=503, headers={"Retry-After": "3600"})
    batch = server.batch(7)
    with pytest.raises(ServerError, match=r"503 for DELETE.*asks you to wait 3600 s"):
        batch.kill()
    assert (busy.call_count, batch.state) == (1, "running")


def test_28_killing_what_is_gone_is_no_error(server, wire):
    knows(wire)
    wire.delete(f"{URL}/batches/nightly", **NO_BATCH)
    batch = server.batch(7)
    batch.kill()
    assert batch.snapshot.gone


def test_29_who_may_not_read_the_log_is_told_so_and_not_that_there_is_none(server, wire):
    knows(wire, log=[], owner="bob")
    for key in ("7", "nightly"):
        wire.replace("GET", f"{URL}/batches/{key}/log", status=403, json={})
    batch = server.batch(7)
    with pytest.raises(Unauthorized, match="does not permit"):
        batch.log()
    assert batch.state == "running"


def test_30_a_403_is_not_repeated_and_a_cookie_is_used_again(client, wire):
    page = "<html><title>Error 403 Error validating LDAP user</title></html>"
    denied = wire.get(f"{URL}/batches", status=403, body=page)
    with pytest.raises(Unauthorized, match="Error validating LDAP user"):
        client.page()
    assert denied.call_count == 1
    wire.get(f"{URL}/version", json={"version": "1"}, headers={"Set-Cookie": "hadoop.auth=x"})
    assert client.version() == client.version() == "1"
    assert wire.calls[-1].request.headers["Cookie"] == "hadoop.auth=x"


class Compressing(BaseHTTPRequestHandler):
    """Answers as Livy's Jetty does when it compresses: in chunks."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = gzip.compress(json.dumps({"from": 0, "total": 1, "sessions": [view()]}).encode())
        self.send_response(200)
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in (body[:10], body[10:], b""):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.close_connection = True

    def log_message(self, *args):
        pass


def test_32_a_compressed_answer_in_chunks_is_read():
    with ThreadingHTTPServer(("127.0.0.1", 0), Compressing) as door:
        thread = threading.Thread(target=door.handle_request)
        thread.start()
        [info] = LivyClient(f"http://127.0.0.1:{door.server_port}").page().batches
        thread.join()
    assert info.name == "nightly"


def test_33_members_that_are_null_or_new_harm_nobody(client, wire):
    sparse = view(name=None, owner=None, appId=None, appInfo=None, log=None, novel={"a": [1]})
    wire.get(f"{URL}/batches/7", json=sparse)
    info = client.batch(7)
    assert (info.id, info.name, info.owner, info.log) == (7, None, None, ())


def test_37_a_500_page_for_a_list_is_told_in_its_own_words(client, wire):
    page = (
        "<html><title>Error 500 com.fasterxml.jackson.databind.JsonMappingException</title></html>"
    )
    wire.get(f"{URL}/batches", status=500, body=page)
    with pytest.raises(ServerError, match="JsonMappingException"):
        client.page()


def test_38_a_line_without_end_makes_no_table_wide():
    endless = BatchInfo.from_json(view(log=["x" * 300_000]), "GET /batches")
    assert len(table_text([Row(endless)])) < 1000
    assert len(card(Snapshot(endless, first_seen=0.0), endless.log)) < 10_000
