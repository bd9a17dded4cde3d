from __future__ import annotations

from types import SimpleNamespace

import pytest

from livy_magic import BatchRequest, Code, InvalidRequest
from livy_magic.magics.line import expand, split
from livy_magic.magics.options import SUBMIT, parse
from livy_magic.panel import forms
from livy_magic.protocol.models import POST_FIELDS
from livy_magic.redact import MASK

GIVEN = BatchRequest(
    file="hdfs:///jobs/etl.py",
    name="nightly",
    args=["--password", "geheim", 'it\'s $HOME {x} "q"', ""],
    driver_memory="2g",
    num_executors=4,
    jars=["a.jar", "b.jar"],
    conf={"spark.a": "1", "spark.my.secret": "geheim"},
)


def batch(given: BatchRequest = GIVEN, *, known: bool = True):
    """A batch that was submitted from this kernel, or that only the history knows."""
    return SimpleNamespace(
        given=given, request=given, plan=object() if known else None, body=given.shown()
    )


def test_the_form_has_every_field_of_the_table():
    fields = forms.form(None)["fields"]
    assert [field["key"] for field in fields] == [f.metadata["json"] for f in POST_FIELDS]
    assert {field["kind"] for field in fields} == {"text", "list", "args", "size", "count", "conf"}
    assert [field["key"] for field in fields if field["required"]] == ["file"]


def test_an_unchanged_form_is_the_same_request_secrets_included():
    values = forms.form(batch())["values"]
    assert "geheim" not in str(values)
    assert forms.request(values, batch()) == GIVEN


def test_one_change_leaves_the_other_secrets_as_they_were():
    values = forms.form(batch())["values"]
    values["conf"] = {**values["conf"], "spark.a": "2"}
    values["driverMemory"] = "3g"
    changed = forms.request(values, batch())
    assert changed.conf == {"spark.a": "2", "spark.my.secret": "geheim"}
    assert changed.driver_memory == "3g"
    assert changed.args == GIVEN.args


def test_what_is_emptied_is_not_sent():
    values = forms.form(batch())["values"] | {"name": "", "jars": [], "conf": {}}
    changed = forms.request(values, batch())
    assert (changed.name, changed.jars, changed.conf) == (None, None, None)


def test_secrets_that_nobody_kept_have_to_be_given_again():
    shown = BatchRequest(file="a.py", conf={"spark.my.secret": MASK})
    recalled = batch(shown, known=False)
    form = forms.form(recalled)
    assert "conf" in form["note"]
    with pytest.raises(forms.FormErrors) as wrong:
        forms.request(form["values"], recalled)
    assert "give it again" in wrong.value.errors["conf"]
    values = form["values"] | {"conf": {"spark.my.secret": "neu"}}
    assert forms.request(values, recalled).conf == {"spark.my.secret": "neu"}


def test_code_stays_the_code_that_it_was():
    code = BatchRequest(file=Code("print(1)\n"))
    values = forms.form(batch(code))["values"]
    assert values == {"file": "<1 lines of code>"}
    assert forms.request(values, batch(code)) == code


def test_text_is_read_like_a_line():
    values = {"file": "a.py", "jars": "x.jar, y.jar", "numExecutors": "3", "args": ["1", "2"]}
    read = forms.request(values, None)
    assert read == BatchRequest(
        file="a.py", jars=["x.jar", "y.jar"], num_executors=3, args=["1", "2"]
    )


def test_all_mistakes_are_told_at_once():
    with pytest.raises(forms.FormErrors) as wrong:
        forms.request({"driverMemory": "lots", "conf": {"a b": "1", "": "2"}}, None)
    assert set(wrong.value.errors) == {"file", "driverMemory", "conf"}
    assert str(wrong.value) == "3 fields are invalid: file, driverMemory, conf"
    assert wrong.value.errors["file"].startswith("is missing")  # it stands at the field


def test_one_mistake_is_told_with_the_name_of_its_field():
    with pytest.raises(forms.FormErrors, match=r"^file: is missing"):
        forms.request({}, None)


def test_the_line_submits_the_same():
    given = GIVEN.replace(args=GIVEN.args[2:], conf={"spark.a": "1 2"})  # without what is masked
    line = forms.line(batch(given))
    assert line.startswith("%livy_submit ")
    words = [expand(word, {}) for word in split(line.removeprefix("%livy_submit "))]
    parsed = parse(words, SUBMIT, first="FILE")
    assert BatchRequest(**parsed.application()) == given


def test_so_it_does_with_arguments_that_look_like_options_of_the_magic():
    given = BatchRequest(file="a.py", name="--wait", args=["--", "--dry-run", "{x}", "it's\\"])
    line = forms.line(batch(given))
    words = [expand(word, {}) for word in split(line.removeprefix("%livy_submit "))]
    parsed = parse(words, SUBMIT, first="FILE")
    assert (parsed.options, parsed.notes) == ({}, [])
    assert BatchRequest(**parsed.application()) == given


def test_what_no_line_can_hold_is_a_cell():
    line = forms.line(batch(BatchRequest(file="a.py", args=["two\nlines"])))
    assert line.startswith('%%livy_batch\n{\n  "file": "a.py"')


def test_the_line_of_a_cell_names_the_file_that_it_became():
    code = batch(BatchRequest(file=Code("print(1)\n")))
    code.request = BatchRequest(file="hdfs:///stage/x.py")
    assert forms.line(code) == "%livy_submit hdfs:///stage/x.py"


def test_masks_say_nothing():
    assert "geheim" not in forms.line(batch())
    with pytest.raises(InvalidRequest):
        forms.request({"file": f"x{MASK}"}, None)
