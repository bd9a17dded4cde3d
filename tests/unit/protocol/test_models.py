import json

import pytest

from livy_magic.errors import InvalidRequest, LivyError, NotLivy
from livy_magic.protocol import fields
from livy_magic.protocol.field_types import LARGEST_INT
from livy_magic.protocol.models import (
    POST_FIELDS,
    BatchInfo,
    BatchRequest,
    Code,
    LogPage,
    is_final,
    is_success,
)

EVERY_FIELD = {
    "file": "hdfs:///jobs/etl.py",
    "proxyUser": "alice",
    "className": "org.example.Main",
    "args": ["2026-01-01", "--deep"],
    "jars": ["a.jar"],
    "pyFiles": ["b.py"],
    "files": ["c.csv"],
    "driverMemory": "1g",
    "driverCores": 1,
    "executorMemory": "512m",
    "executorCores": 2,
    "numExecutors": 3,
    "archives": ["d.zip#d"],
    "queue": "etl",
    "name": "nightly",
    "conf": {"spark.a": "b"},
}


def test_the_table_has_the_vendor_references_sixteen_fields():
    assert {field.metadata["json"] for field in POST_FIELDS} == set(EVERY_FIELD)


def test_a_request_with_every_field_becomes_that_body():
    request = BatchRequest(**fields.read(EVERY_FIELD, where="field"))
    assert request.to_json() == EVERY_FIELD


def test_unset_fields_are_left_out_and_integers_stay_integers():
    body = json.dumps(BatchRequest(file="/a.py", driver_cores=2).to_json())
    assert body == '{"file": "/a.py", "driverCores": 2}'


def test_extra_members_for_other_servers_are_sent_as_they_are():
    body = BatchRequest(file="/a.py", extra={"tags": {"team": "x"}}).to_json()
    assert body["tags"] == {"team": "x"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"file": None}, "file: is missing; for example hdfs:///jobs/etl.py"),
        ({"file": ""}, "file: '' is empty; for example hdfs:///jobs/etl.py"),
        ({"file": Code("  \n")}, "has no code"),
        ({"name": "123"}, "name: '123' is all digits, which Livy takes for a batch id"),
        ({"name": "a\nb"}, "invisible character U+000A; leave it out"),
        ({"driver_memory": "lots"}, "driverMemory: 'lots' is not a memory size"),
        ({"driver_memory": "512 m"}, "for example 2g"),
        ({"executor_memory": "4.5g"}, "executorMemory: '4.5g'"),
        ({"executor_memory": "4gib"}, "executorMemory: '4gib'"),
        ({"executor_memory": 4}, "executorMemory: 4 is not text"),
        ({"driver_cores": "2"}, "driverCores: '2' is not a whole number"),
        ({"driver_cores": 1.5}, "driverCores: 1.5 is not a whole number"),
        ({"driver_cores": True}, "driverCores: True is not a whole number"),
        ({"executor_cores": 0}, "is not between 1 and"),
        ({"num_executors": LARGEST_INT + 1}, "is not between 0 and"),
        ({"jars": "a.jar"}, "jars: 'a.jar' is not a list"),
        ({"jars": ["a.jar", ""]}, "jars: entry 2 is empty or not text; for example"),
        ({"args": ["a", None]}, "args: entry 2 is null; for example 2026-01-01"),
        ({"args": [["nested"]]}, "args: entry 1 is neither text nor a number"),
        ({"conf": ["spark.a=b"]}, "is not a mapping"),
        ({"conf": {"spark.a": None}}, "conf: spark.a is null; for example"),
        (
            {"conf": {"spark.a": {"b": 1}}},
            "conf: spark.a is neither text nor a number; for example",
        ),
        ({"conf": {"": "b"}}, "property name"),
        ({"extra": {"jars": []}}, "jars is a field of its own"),
    ],
)
def test_a_value_that_livy_would_choke_on_is_refused_with_field_value_and_example(values, message):
    with pytest.raises(InvalidRequest) as caught:
        BatchRequest(**{"file": "/a.py"} | values)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_arguments_and_conf_become_the_text_that_livy_would_make_of_them():
    request = BatchRequest(file="/a.py", args=[1, 2.5, True, "x"], conf={"spark.a": False})
    assert request.to_json()["args"] == ["1", "2.5", "true", "x"]
    assert request.to_json()["conf"] == {"spark.a": "false"}


def test_a_request_shows_no_secret():
    request = BatchRequest(
        file="https://me:hunter2@host/a.py",
        args=["--password", "hunter2", "--conf=a.token=hunter2", "--token", "hunter2", "fine"],
        conf={"spark.hadoop.fs.s3a.secret.key": "hunter2", "spark.x": "https://u:hunter2@h/"},
        extra={"apiKey": "hunter2"},
    )
    assert "hunter2" not in repr(request)
    assert "fine" in repr(request)


def test_a_bad_value_of_a_secret_property_is_not_repeated_in_the_message():
    with pytest.raises(InvalidRequest) as caught:
        BatchRequest(file="/a.py", conf={"spark.my.password": ["hunter2"]})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "jdbc:pg://h/db?user=a&password=hunter2",
        "jdbc:sqlserver://h:1433;user=a;pwd=hunter2;x=1",
        "-Dx=1 -Dpassword=hunter2 -Dy=2",
        "-Djavax.net.ssl.keypass:hunter2",
        "Authorization: Bearer hunter2",
        "sas=hunter2",
        "abfs://c@a/x?sv=1&sig=hunter2",
        "abfs://me:hunter2@a/x",
        '{"user": "a", "password": "x\\" hunter2, y"}',
    ],
)
def test_a_secret_inside_a_value_is_not_shown(text):
    request = BatchRequest(file="/a.py", args=["x", text], conf={"spark.x": text})
    assert "hunter2" not in repr(request)
    assert "hunter2" not in repr(BatchRequest(file=text))


def test_a_password_with_separators_in_it_is_masked_to_the_end_of_the_argument():
    assert "ter2" not in repr(BatchRequest(file="/a.py", args=["--password=hun,ter2 &ter2"]))


@pytest.mark.parametrize(
    "text",
    [
        "abfs://container@account.dfs.core.windows.net/x",
        "wasbs://container@account/x",
        "https://token-server:8443/x?y=1",
        "Sassari=1",
        "-Dx=1 -Dy=2",
    ],
)
def test_what_is_no_secret_is_shown_as_it_is(text):
    assert BatchRequest(file="/a.py", args=[text], conf={"x": text}).shown() == {
        "file": "/a.py",
        "args": [text],
        "conf": {"x": text},
    }


def test_only_the_secret_part_of_a_value_is_masked():
    text = "jdbc:pg://h/db?user=a&password=hunter2&ssl=true"
    masked = "jdbc:pg://h/db?user=a&password=********&ssl=true"
    assert BatchRequest(file="/a.py", conf={"x": text}).shown()["conf"] == {"x": masked}


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("conf", "spark.x.password:hunter2"),
        ("conf", "password hunter2"),
        ("driverMemory", "password=hunter2"),
        ("numExecutors", "token:hunter2"),
    ],
)
def test_a_bad_text_that_speaks_of_a_secret_is_not_repeated_in_the_message(field, text):
    with pytest.raises(InvalidRequest) as caught:
        fields.read({field: text}, where="option", text=True)
    assert "hunter2" not in str(caught.value)
    assert str(caught.value).startswith(f"{field}: is n")


def test_a_bad_property_name_that_holds_a_secret_is_not_repeated_in_the_message():
    with pytest.raises(InvalidRequest) as caught:
        BatchRequest(file="/a.py", conf={"spark.x.password=hunter2": "y"})
    assert "hunter2" not in str(caught.value)


def test_a_request_without_a_file_is_refused_like_any_bad_value():
    with pytest.raises(InvalidRequest, match="file: is missing; for example hdfs:"):
        BatchRequest()


def test_code_is_not_sendable_before_it_is_staged():
    with pytest.raises(InvalidRequest, match="staged"):
        BatchRequest(file=Code("print(1)")).to_json()


@pytest.mark.parametrize("spelling", ["pyFiles", "py_files", "py-files", "--py-files"])
def test_a_field_is_found_by_each_of_its_spellings(spelling):
    field = fields.find(spelling)
    assert field is not None
    assert field.name == "py_files"


def test_an_unknown_field_is_refused_with_the_nearest_known_one():
    with pytest.raises(InvalidRequest) as caught:
        fields.read({"executorMemroy": "4g"}, where="cell option")
    message = "unknown cell option 'executorMemroy'; did you mean executorMemory?"
    assert str(caught.value) == message


def test_a_field_given_under_two_spellings_is_refused():
    with pytest.raises(InvalidRequest, match="pyFiles is given twice"):
        fields.read({"pyFiles": [], "py-files": []}, where="cell option")


def test_later_layers_win_and_conf_merges_key_by_key():
    merged = fields.merged(
        {"queue": "low", "conf": {"a": "1", "b": "1"}}, {"queue": "high", "conf": {"b": "2"}}
    )
    assert merged == {"queue": "high", "conf": {"a": "1", "b": "2"}}


def test_a_sparse_view_and_an_overfull_one_are_both_read():
    assert BatchInfo.from_json({"id": 1}, "GET x").state == "unknown"
    info = BatchInfo.from_json(
        {
            "id": "0f-guid",
            "state": "success",
            "appInfo": {"sparkUiUrl": "http://h/", "new": 1},
            "log": None,
            "ttl": "1h",
        },
        "GET x",
    )
    assert (info.id, info.spark_ui_url, info.log) == ("0f-guid", "http://h/", ())


def test_an_answer_without_an_id_is_no_batch():
    with pytest.raises(NotLivy):
        BatchInfo.from_json({"status": "UP"}, "GET x")


def test_a_log_may_be_null_one_text_or_a_list():
    assert LogPage.from_json({"log": None}, "GET x").entries == ()
    assert LogPage.from_json({"log": "a\nb"}, "GET x").entries == ("a", "b")
    page = LogPage.from_json({"from": 3, "total": 9, "log": ["a"]}, "GET x")
    assert (page.start, page.total, page.entries) == (3, 9, ("a",))


def test_states_are_an_open_set():
    assert is_success("Success")
    assert is_success("finished")
    assert is_final("killed")
    assert not is_success("dead")
    assert not is_final("recovering")
    assert not is_final("a_state_of_the_future")


def test_our_errors_show_as_one_block_without_a_traceback():
    assert LivyError("cause\nwhat to do")._render_traceback_() == ["LivyError: cause\nwhat to do"]


@pytest.mark.parametrize("value", [None, True, False, ""])
def test_what_is_no_id_is_none(value):
    assert BatchInfo.from_json({"id": value, "name": "nightly"}, "GET").id == "nightly"
    with pytest.raises(NotLivy):
        BatchInfo.from_json({"id": value}, "GET")
