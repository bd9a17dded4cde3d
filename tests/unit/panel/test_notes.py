import pytest

from livy_magic.panel.notes import LONGEST, note
from livy_magic.protocol.log_format import SPARK_MARK
from livy_magic.protocol.models import BatchInfo

TASK = "26/11/22 16:50:44 INFO TaskSetManager: Finished task 3.0 in stage 2.0 (TID 3) in 9 ms on h (executor driver) (4/10)"


def said(state, *lines, end=("\nstderr: ",)):
    return note(BatchInfo(id=1, state=state, log=("stdout: ", *lines, *end)))


def test_a_running_batch_says_how_far_its_stage_is():
    assert said("running", SPARK_MARK + TASK, "hello") == ("stage 2: 4/10 tasks", 0.4)


def test_without_tasks_it_says_what_the_program_printed_last():
    log = "26/11/22 16:50:44 INFO SparkContext: Running Spark version 3.5.8"
    assert said("running", "row 1", "row 2", log) == ("row 2", None)
    assert said("starting") == ("", None)


def test_a_success_says_nothing():
    assert said("success", "done") == ("", None)


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        (
            ["Traceback (most recent call last):", '  File "x.py", line 2, in f', "ValueError: no"],
            "ValueError: no",
        ),
        (
            [
                "Exception in thread main",
                "java.io.IOException: disk",
                "\tat a.b.C(D.java:1)",
                "bye",
            ],
            "IOException: disk",
        ),
        (
            [
                "pyspark.errors.exceptions.captured.AnalysisException: [NO_COLUMN] no `nme`;",
                "'Project ['nme]",
                "+- Range (0, 10, step=1, splits=Some(2))",
            ],
            "AnalysisException: [NO_COLUMN] no `nme`;",
        ),
        (["a.b.NotSerializableException"], "NotSerializableException"),
        (["26/11/22 16:50:44 ERROR Executor: lost"], "Executor: lost"),
        (["all is lost", "  "], "all is lost"),
    ],
)
def test_a_failed_batch_says_why(lines, cause):
    assert said("dead", *lines) == (cause, None)


def test_what_the_cluster_manager_says_counts_where_the_log_says_nothing():
    end = ("\nstderr: ", "\nYARN Diagnostics: ", "killed by the scheduler")
    assert said("dead", end=end) == ("killed by the scheduler", None)


def test_what_spark_submit_reports_of_yarn_is_no_news():
    report = ("\t final status: UNDEFINED", "\t user: root")
    end = ("\nstderr: ", "\nYARN Diagnostics: ", "waiting for AM container to be launched")
    assert said("starting", *report, end=end) == ("waiting for AM container to be launched", None)


def test_how_yarn_ends_whatever_it_says_is_not_the_cause():
    end = ("Exit code: 13", "", "For more, see http://rm/app_1.", ". Failing the application.")
    assert said("dead", end=end) == ("For more, see http://rm/app_1.", None)


def test_a_note_is_short_and_plain():
    text, _ = said("running", "\x1b[31m" + "x" * 1000 + "\x07")
    assert len(text) == LONGEST
    assert text.startswith("xxx")
    assert text.endswith("…")
