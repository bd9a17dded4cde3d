import os
import zipfile
from pathlib import Path

import pytest

from livy_magic.errors import InvalidRequest, StagingError
from livy_magic.protocol.models import POST_FIELDS, BatchRequest, Code
from livy_magic.staging.folder import Staging
from livy_magic.staging.paths import code_filename, resolve

ENCODE = "Write it as a URI with its scheme and percent-encoded, such as hdfs:///my%20job.py."


@pytest.fixture
def memory():
    """A staging place in memory; planning writes nothing there."""
    return Staging("memory://place", user="alice")


@pytest.fixture
def folder(tmp_path):
    """A notebook's folder, with files to submit."""
    folder = tmp_path / "notebooks"
    for name in (
        "etl.py", "helpers.py", "my job.py", "lookup.csv", "env.tar.gz", "große 1.csv",
        "package/__init__.py", "package/core.py", "package/data.txt", "src/loose.py",
        "libs/b.jar", "libs/a.jar", "libs/notes.txt", "pure-1.0-py3-none-any.whl",
    ):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"# {name}\n")
    return folder


def names(uris):
    return [uri.rpartition("/")[2] for uri in uris]


def names_in(upload):
    with zipfile.ZipFile(upload.source) as archive:
        return archive.namelist()


def plan(request, folder, staging=None, *, mode="auto", private=False):
    return resolve(request, staging, mode=mode, private=private, folder=folder)


def test_every_path_of_a_request_is_staged_under_its_own_name(memory, folder):
    request = BatchRequest(
        file="etl.py", py_files=["helpers.py"], jars=[str(folder / "lookup.csv")],
        files=["./lookup.csv", "große 1.csv#g"], archives=["env.tar.gz#env"], args=["etl.py"],
    )  # fmt: skip
    resolved, uploads = plan(request, folder, memory)
    assert [upload.source.name for upload in uploads] == [
        "etl.py", "helpers.py", "lookup.csv", "große 1.csv", "env.tar.gz",
    ]  # fmt: skip
    uris = {upload.source.name: upload.uri for upload in uploads}
    assert resolved.file == uris["etl.py"]
    assert resolved.file.endswith("/etl.py")
    assert resolved.py_files == (uris["helpers.py"],)
    assert resolved.jars == (uris["lookup.csv"],)
    assert resolved.files == (uris["lookup.csv"], uris["große 1.csv"] + "#g")
    assert uris["große 1.csv"].endswith("/gro%C3%9Fe%201.csv")
    assert resolved.archives == (uris["env.tar.gz"] + "#env",)
    assert resolved.args == ("etl.py",)


def test_code_is_staged_under_the_batchs_name(memory, folder):
    request = BatchRequest(file=Code("print('é')\n"), name="nightly")
    resolved, (upload,) = plan(request, folder, memory)
    assert resolved.file == upload.uri
    assert upload.uri.endswith("/nightly.py")
    assert upload.source == "print('é')\n".encode()


@pytest.mark.parametrize(
    ("name", "filename"),
    [
        ("nightly", "nightly.py"),
        ("Größe der Läufe / 2026", "Groe_der_Laufe_2026.py"),
        ("../../etc/passwd", "etc_passwd.py"),
        ("notebook-a1b2c3d4e5", "notebook-a1b2c3d4e5.py"),
        ("毎晩", "batch.py"),
        (None, "batch.py"),
        ("x" * 300, "x" * 100 + ".py"),
        ("statistics", "statistics-batch.py"),
        ("pyspark", "pyspark-batch.py"),
    ],
)
def test_a_batchs_name_becomes_a_file_name_that_works_everywhere(name, filename):
    assert code_filename(name) == filename


@pytest.mark.parametrize(
    "uri",
    [
        "hdfs:///jobs/etl.py", "s3a://bucket/etl.py", "https://host/etl.py?x=1", "local:/opt/etl.py",
        "file:/opt/etl.py", "file:///opt/my%20job.py", "abfss://c@account.example/etl.py",
    ],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["auto", "always", "never"])
@pytest.mark.parametrize("private", [True, False])
def test_a_uri_is_left_alone(uri, mode, private, folder):
    request = BatchRequest(file=uri, files=[f"{uri}#alias"])
    resolved, uploads = plan(request, folder, mode=mode, private=private)
    assert (resolved.file, resolved.files, uploads) == (uri, (f"{uri}#alias",), ())


def test_an_absolute_path_that_is_not_here_is_left_to_a_remote_livy(folder, memory):
    request = BatchRequest(file="/user/alice/etl.py", files=["/user/alice/x.csv#y"])
    for mode in ("auto", "never"):
        assert plan(request, folder, memory, mode=mode) == (request, ())


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"file": "job.sh"}, "file: no such file: job.sh (looked in FOLDER)"),
        ({"file": "elt.py"}, "file: no such file: elt.py (looked in FOLDER); did you mean etl.py?"),
        (
            {"jars": ["libs/aa.jar"]},
            "jars: no such file: libs/aa.jar (looked in FOLDER); did you mean a.jar?",
        ),
        (
            {"file": "my", "args": ["job.py", "x"]},
            "file: no such file: my; quote the name: 'my job.py'",
        ),
        (
            {"file": "my\\", "args": ["job.py"]},
            "file: no such file: my\\; quote the name: 'my job.py'",
        ),
        ({"py_files": ["x.py"]}, "pyFiles: no such file: x.py (looked in FOLDER)"),
        ({"archives": ["x.zip#x"]}, "archives: no such file: x.zip (looked in FOLDER)"),
        ({"file": r"C:\jobs\etl.py"}, r"file: no such file: C:\jobs\etl.py (looked in FOLDER)"),
        ({"file": "package"}, "file: package is a folder"),
        ({"jars": ["package/"]}, "jars: package/ is a folder; write package/*.jar"),
        (
            {"files": ["package#p"]},
            "files: package is a folder; name the files in it (package/*), or give it to --archives",
        ),
        ({"archives": ["x*.zip#x"]}, "archives: no such file: x*.zip (looked in FOLDER)"),
        (
            {"file": "hdfs:///jobs/etl.ipynb"},
            "file: hdfs:///jobs/etl.ipynb is a notebook, not a program\nMake it one: jupyter nbconvert --to script",
        ),
        ({"jars": ["libs/*.war"]}, "jars: no such file: libs/*.war (looked in FOLDER)"),
        (
            {"file": "hdfs:///my job.py"},
            f"file: Livy takes no ' ' in 'hdfs:///my job.py'\n{ENCODE}",
        ),
        (
            {"file": "s3a://k:pw@b/{x}"},
            f"file: Livy takes no '{{' in 's3a://********@b/{{x}}'\n{ENCODE}",
        ),
        ({"jars": ["hdfs:///a#b#c"]}, f"jars: Livy takes no '#' in 'hdfs:///a#b#c'\n{ENCODE}"),
    ],
)
@pytest.mark.parametrize("mode", ["auto", "always", "never"])
def test_a_path_that_leads_nowhere_is_said_so(field, message, mode, folder, memory):
    request = BatchRequest(**{"file": "hdfs:///etl.py", **field})
    with pytest.raises(InvalidRequest) as error:
        plan(request, folder, memory, mode=mode)
    assert str(error.value) == message.replace("FOLDER", str(folder))


@pytest.mark.parametrize(("mode", "private"), [("auto", True), ("always", False), ("never", True)])
def test_an_absolute_path_has_to_exist_where_only_this_machine_can_have_it(
    mode, private, folder, memory
):
    with pytest.raises(InvalidRequest) as error:
        plan(BatchRequest(file="/user/etl.py"), folder, memory, mode=mode, private=private)
    assert str(error.value) == "file: no such file: /user/etl.py"


@pytest.mark.parametrize("path", ["/data/my job.py", "/data/my%20job.py", "/data/a|b.py"])
def test_a_path_without_a_scheme_that_livy_would_choke_on_is_refused(path, folder, memory):
    with pytest.raises(InvalidRequest, match="with its scheme and percent-encoded"):
        plan(BatchRequest(file=path), folder, memory)


@pytest.mark.parametrize("mode", ["auto", "never"])
def test_a_comma_which_would_split_sparks_list_is_refused(mode, folder, memory):
    (folder / "a,b.csv").touch()
    with pytest.raises(InvalidRequest) as error:
        plan(BatchRequest(file="etl.py", files=["a,b.csv"]), folder, memory, mode=mode)
    assert str(error.value) == "files: Spark takes no comma in 'a,b.csv'; rename it"


def test_a_tilde_is_the_home_folder(tmp_path, folder, memory, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    _, (upload,) = plan(BatchRequest(file="~/etl.py"), tmp_path, memory)
    assert upload.source == folder / "etl.py"


def test_without_staging_a_private_livy_reads_the_file_itself(folder):
    request = BatchRequest(file="my job.py", archives=["../notebooks/env.tar.gz#a b"])
    resolved, uploads = plan(request, folder, mode="never", private=True)
    assert resolved.file == f"file://{folder}/my%20job.py"
    assert resolved.archives == (f"file://{folder}/env.tar.gz#a%20b",)
    assert uploads == ()


def test_without_staging_a_remote_livy_gets_the_absolute_path(folder):
    resolved, uploads = plan(BatchRequest(file="etl.py"), folder, mode="never")
    assert (resolved.file, uploads) == (f"{folder}/etl.py", ())


def test_without_staging_a_blank_cannot_reach_a_remote_livy(folder):
    with pytest.raises(InvalidRequest, match="Livy takes no ' ' in"):
        plan(BatchRequest(file="my job.py"), folder, mode="never")


@pytest.mark.parametrize(
    ("file", "what"), [("etl.py", "etl.py"), (Code("print(1)"), "the cell's code")]
)
def test_with_nowhere_to_stage_the_message_says_what_to_set(file, what, folder):
    with pytest.raises(StagingError) as error:
        plan(BatchRequest(file=file), folder)
    assert str(error.value) == (
        f"no staging folder is configured, so Livy cannot read {what}\n"
        "Set `staging:` in the profile or LIVY_STAGING to a URL that this machine writes and Livy "
        "reads (hdfs:///tmp/livy), or put the file where Livy can read it."
    )


def test_a_cell_cannot_be_submitted_with_staging_switched_off(folder, memory):
    with pytest.raises(StagingError) as error:
        plan(BatchRequest(file=Code("x = 1")), folder, memory, mode="never")
    assert str(error.value) == (
        "a cell's code must be staged, but staging is off\n"
        "Leave out --stage never, or save the code as a file that Livy can read."
    )


def test_the_rest_of_a_request_is_untouched(folder, memory):
    request = BatchRequest(file="etl.py", name="n", conf={"a": "b"}, driver_cores=2, extra={"t": 1})
    resolved, _ = plan(request, folder, memory)
    assert resolved.replace(file="etl.py") == request


def test_a_pipe_is_refused_rather_than_read(folder, memory):
    os.mkfifo(folder / "pipe.py")
    with pytest.raises(InvalidRequest, match=r"file: pipe\.py is not a regular file"):
        plan(BatchRequest(file="pipe.py"), folder, memory)


# -- folders and wheels


def test_folders_become_zips_and_a_wheel_is_called_one(memory, folder):
    request = BatchRequest(
        file="etl.py",
        py_files=["package", "./src/", "pure-1.0-py3-none-any.whl", "helpers.py"],
        archives=["package", "libs#jars"],
    )
    resolved, uploads = plan(request, folder, memory)
    assert names(resolved.py_files) == [
        "package.zip", "src.zip", "pure-1.0-py3-none-any.zip", "helpers.py",
    ]  # fmt: skip
    assert names(resolved.archives) == ["package.zip#package", "libs.zip#jars"]
    by_name = {upload.uri.rpartition("/")[2]: upload for upload in uploads}
    assert names_in(by_name["src.zip"]) == ["loose.py"]
    assert names_in(by_name["libs.zip"]) == ["a.jar", "b.jar", "notes.txt"]
    package, as_archive = (u for u in uploads if u.uri.endswith("/package.zip"))
    assert names_in(package) == [
        "package/", "package/__init__.py", "package/core.py", "package/data.txt",
    ]  # fmt: skip
    assert names_in(as_archive) == ["__init__.py", "core.py", "data.txt"]


def test_an_unchanged_folder_is_staged_only_once(memory, folder):
    request = BatchRequest(file="etl.py", py_files=["package", "./package"])
    _, first = plan(request, folder, memory)
    _, again = plan(request, folder, memory)
    assert [upload.uri for upload in first] == [upload.uri for upload in again]
    assert memory.send(first[1])
    assert not memory.send(again[1])


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"py_files": ["libs"]}, "pyFiles: nothing in FOLDER/libs can be imported: it has no .py file"),
        (
            {"py_files": ["fast-1.0-cp311-cp311-linux_x86_64.whl"]},
            ("pyFiles: fast-1.0-cp311-cp311-linux_x86_64.whl is for one platform only: Python imports no compiled code from a zip\n"
            "Pack an environment that has it with venv-pack or conda-pack for --archives; for the private Livy, pip install it."),
        ),
        (
            {"archives": ["env"]},
            ("archives: FOLDER/env is a virtual environment, which works only where it was made\n"
            "Pack it with venv-pack, and give the resulting file."),
        ),
    ],
)  # fmt: skip
def test_what_cannot_work_as_a_zip_is_refused(field, message, memory, folder):
    (folder / "fast-1.0-cp311-cp311-linux_x86_64.whl").touch()
    (folder / "env").mkdir()
    (folder / "env/pyvenv.cfg").touch()
    with pytest.raises(InvalidRequest) as error:
        plan(BatchRequest(file="etl.py", **field), folder, memory)
    assert str(error.value) == message.replace("FOLDER", str(folder))


@pytest.mark.parametrize("private", [True, False])
@pytest.mark.parametrize(
    ("field", "what"),
    [
        ({"py_files": ["package"]}, "package"),
        ({"archives": ["libs#x"]}, "libs"),
        ({"py_files": ["pure-1.0-py3-none-any.whl"]}, "pure-1.0-py3-none-any.whl"),
    ],
)
def test_what_has_to_be_zipped_has_to_be_staged(field, what, private, memory, folder):
    with pytest.raises(StagingError) as error:
        plan(
            BatchRequest(file="/etl.py" if not private else "etl.py", **field),
            folder,
            memory,
            mode="never",
            private=private,
        )
    assert str(error.value) == (
        f"{what} must be staged as a zip, but staging is off\n"
        "Leave out --stage never, or give a zip."
    )


def test_a_folder_that_cannot_be_read_is_one_line(memory, odd_paths, as_somebody_else):
    folder = odd_paths["unreadable"].parent
    with as_somebody_else, pytest.raises(StagingError) as error:
        plan(BatchRequest(file="hdfs:///etl.py", py_files=[str(folder)]), folder, memory)
    what = f"{folder}: Permission denied: {folder}/unreadable.py"
    assert str(error.value) == f"pyFiles: cannot zip {what}"


ODD = {
    "long": (StagingError, "cannot read {}: File name too long"),
    "loop": (StagingError, "cannot read {}: Too many levels of symbolic links"),
    "unreadable": (StagingError, "cannot read {}: Permission denied"),
    "closed": (StagingError, "cannot read {}: Permission denied"),
    "broken": (StagingError, "cannot read {}: it is a broken link"),
    "fifo": (InvalidRequest, "{} is not a regular file"),
    "socket": (InvalidRequest, "{} is not a regular file"),
    "device": (InvalidRequest, "{} is not a regular file"),
}


@pytest.mark.parametrize("private", [True, False])
@pytest.mark.parametrize("field", ["file", "py_files", "jars", "files", "archives"])
@pytest.mark.parametrize("kind", ODD)
def test_a_path_that_the_system_refuses_is_told_in_a_line_with_field_and_path(
    kind, field, private, memory, odd_paths, as_somebody_else
):
    text = str(odd_paths[kind])
    values = {"file": text} if field == "file" else {"file": "hdfs:///x.py", field: [text]}
    error, message = ODD[kind]
    with as_somebody_else, pytest.raises(error) as caught:
        plan(BatchRequest(**values), Path("/"), memory, private=private)
    assert str(caught.value) == f"{FIELD_KEYS[field]}: {message.format(text)}"


FIELD_KEYS = {post.name: post.metadata["json"] for post in POST_FIELDS}


def test_a_file_name_that_is_no_text_is_refused(memory, tmp_path):
    name = os.fsdecode(b"caf\xe9.py")
    (tmp_path / name).touch()
    with pytest.raises(InvalidRequest, match=r"file: the file name .* is not text"):
        plan(BatchRequest(file=name), tmp_path, memory)


def test_a_file_that_looks_like_a_property_is_not_repeated(memory, tmp_path):
    for text in ("spark.password=hunter2", "spark.password=hunter2.ipynb"):
        with pytest.raises(InvalidRequest) as error:
            plan(BatchRequest(file=text), tmp_path, memory)
        assert "hunter2" not in str(error.value)


# -- patterns


@pytest.mark.parametrize("field", ["jars", "files", "py_files", "archives"])
def test_a_pattern_stands_for_what_it_matches_in_order(field, memory, folder):
    for pattern in ("libs/*.jar", f"{folder}/libs/?.jar", "li[a-c]s/*[ab].jar"):
        request = BatchRequest(file="etl.py", **{field: [pattern, "lookup.csv"]})
        resolved, _ = plan(request, folder, memory)
        assert names(getattr(resolved, field)) == ["a.jar", "b.jar", "lookup.csv"]


def test_a_pattern_is_resolved_without_staging_too(folder):
    request = BatchRequest(file="etl.py", jars=["libs/*.jar"])
    resolved, uploads = plan(request, folder, mode="never")
    assert (resolved.jars, uploads) == ((f"{folder}/libs/a.jar", f"{folder}/libs/b.jar"), ())


def test_a_pattern_that_only_a_remote_livy_can_resolve_is_left_to_it(memory, folder):
    request = BatchRequest(file="/etl.py", jars=["/opt/no-such-folder/*.jar", "hdfs:///libs/*.jar"])
    assert plan(request, folder, memory) == (request, ())


def test_a_file_of_that_very_name_is_no_pattern(memory, folder):
    for name in ("a[1].csv", "a1.csv"):
        (folder / name).touch()
    resolved, (_, upload) = plan(BatchRequest(file="etl.py", files=["a[1].csv"]), folder, memory)
    assert upload.source.name == "a[1].csv"
    assert names(resolved.files) == ["a%5B1%5D.csv"]


def test_a_folder_with_brackets_in_its_name_is_none_either(memory, tmp_path, folder):
    odd = folder.rename(tmp_path / "note[book]s")
    resolved, _ = plan(BatchRequest(file="etl.py", jars=["libs/*.jar"]), odd, memory)
    assert names(resolved.jars) == ["a.jar", "b.jar"]


def test_a_pattern_matches_folders_of_modules_too(memory, folder):
    resolved, _ = plan(BatchRequest(file="etl.py", py_files=["[ps][ar]c*"]), folder, memory)
    assert names(resolved.py_files) == ["package.zip", "src.zip"]


# -- another name


def test_one_name_cannot_be_given_to_several_files(memory, folder):
    with pytest.raises(InvalidRequest) as error:
        plan(BatchRequest(file="etl.py", archives=["libs/*.jar#lib"]), folder, memory)
    assert str(error.value) == "archives: libs/*.jar matches 2 files, and #lib names one"


def test_a_name_that_spark_does_not_start_with_is_refused(memory, folder):
    request = BatchRequest(file="etl.py", files=["lookup.csv#my table"])
    with pytest.raises(InvalidRequest) as error:
        plan(request, folder, memory)
    assert str(error.value) == "files: Spark takes no ' ' in the name #my table"


def test_in_local_mode_spark_gives_no_file_another_name(memory, folder):
    request = BatchRequest(file="etl.py", files=["lookup.csv#table"])
    with pytest.raises(InvalidRequest) as error:
        plan(request, folder, memory, private=True)
    assert str(error.value) == (
        "files: Spark in local mode takes no #table; rename the file instead"
    )
