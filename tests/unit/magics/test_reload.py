"""%reload_ext: new code for the magics, and the same session for the person."""

import responses

URL = "http://livy.test:8998"


@responses.activate
def test_the_last_batch_and_the_chosen_server_outlive_a_reload(shell, capsys):
    done = {"id": 7, "name": "nightly", "state": "success", "log": []}
    responses.get(f"{URL}/version", json={"version": "0.7.1"})
    responses.get(f"{URL}/batches", json={"from": 0, "total": 0, "sessions": []})
    responses.get(f"{URL}/batches/nightly", status=404, json={"msg": "not found"})
    responses.post(f"{URL}/batches", json=done, status=201)
    responses.get(f"{URL}/batches/nightly/log", json={"id": 7, "from": 0, "total": 0, "log": []})
    shell.run_cell("%load_ext livy_magic")
    shell.run_cell(f"%livy_connect {URL}")
    shell.run_cell("%livy_submit --name nightly hdfs:///jobs/etl.py")
    responses.replace(responses.GET, f"{URL}/batches/nightly", json=done)
    for _ in range(2):
        shell.run_cell("%reload_ext livy_magic")
    capsys.readouterr()
    result = shell.run_cell("%livy_wait").result
    assert (result.name, result.state, result.server.url) == ("nightly", "success", URL)
