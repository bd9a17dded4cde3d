import errno
import hashlib
import os
import resource
import stat
import time
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given
from hypothesis import strategies as st

from livy_magic.errors import ConfigError, InvalidRequest, StagingError
from livy_magic.models import BatchRequest, Code
from livy_magic.staging import LARGE, Staging, code_filename, resolve

DAY = 86_400
ENCODE = "write it as a URI with its scheme and percent-encoded, such as hdfs:///my%20job.py"
# What java.net.URI takes in a path without complaint, besides letters of other alphabets.
URI_CHARACTERS = set(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'(),;:@&=+$/%#"
)


class Broken(MemoryFileSystem):
    """A file system that fails as it is told to: the edge that no test can make real."""

    protocol = "broken"
    store = {}  # noqa: RUF012 - as its parent has it
    pseudo_dirs = [""]  # noqa: RUF012
    failure: BaseException | None = None

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.removeprefix("broken://"))

    def _open(self, path, mode="rb", **kwargs):
        file = super()._open(path, mode, **kwargs)
        if mode == "wb":
            write = file.write

            def half(data):
                write(data[: len(data) // 2])
                raise self.failure

            file.write = half
        return file


fsspec.register_implementation("broken", Broken, clobber=True)


class Silent(MemoryFileSystem):
    """As WebHDFS: a move that was refused looks like one that was done."""

    protocol = "silent"
    store = {}  # noqa: RUF012
    pseudo_dirs = [""]  # noqa: RUF012

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.removeprefix("silent://"))

    def mv(self, path1, path2, **kwargs):
        self.pipe_file(path2, b"")


fsspec.register_implementation("silent", Silent, clobber=True)


@pytest.fixture
def memory():
    """A staging place in memory, empty at first."""
    return Staging(f"memory://{uuid.uuid4().hex}", user="alice")


@pytest.fixture
def disk(tmp_path):
    return Staging(f"file://{tmp_path}/staging", user="alice")


@pytest.fixture
def folder(tmp_path):
    """A notebook's folder, with files to submit."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for name in ("etl.py", "helpers.py", "my job.py", "lookup.csv", "env.tar.gz", "große 1.csv"):
        (folder / name).write_text(f"# {name}\n")
    (folder / "package").mkdir()
    return folder


def age(upload, days):
    """Make a file of a memory:// place that much older."""
    fs, path = fsspec.core.url_to_fs(upload.target)
    fs.store[path].modified = datetime.now(tz=timezone.utc) - timedelta(days=days)


def content(upload):
    with fsspec.open(upload.target, "rb") as file:
        return file.read()


def everything(staging):
    fs, root = fsspec.core.url_to_fs(staging.url)
    return fs.find(root)


# -- where things go


def test_a_file_goes_into_a_folder_of_its_user_and_its_content():
    upload = Staging("hdfs:///tmp/livy", user="alice").place(b"print(1)\n", "nightly.py")
    digest = hashlib.sha256(b"print(1)\n").hexdigest()[:16]
    assert upload.uri == upload.target == f"hdfs:///tmp/livy/alice/{digest}/nightly.py"
    assert upload.size == 9
    assert upload.digest == digest


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("hdfs:///", "hdfs:///alice/"),
        ("s3://bucket", "s3://bucket/alice/"),
        ("s3://bucket/", "s3://bucket/alice/"),
        ("memory://", "memory://alice/"),
    ],
)
def test_a_staging_url_may_end_in_a_slash_or_not(url, folder):
    upload = Staging(url, user="alice").place(b"x", "a.py")
    assert upload.target == upload.uri == f"{folder}{upload.digest}/a.py"


def test_livy_may_see_the_place_under_another_uri():
    staging = Staging("s3://bucket/livy", user="alice", seen_as="s3a://bucket/livy")
    upload = staging.place(b"x", "a.py")
    assert upload.uri.startswith("s3a://bucket/livy/alice/")
    assert upload.target.startswith("s3://bucket/livy/alice/")


def test_a_plain_path_is_a_staging_place_too(tmp_path):
    upload = Staging(f"{tmp_path}/stage here", user="alice").place(b"x", "a.py")
    assert upload.target.startswith(f"{tmp_path}/stage here/alice/")
    assert upload.uri.startswith(f"file://{tmp_path}/stage%20here/alice/")


def test_a_user_name_cannot_lead_out_of_the_place():
    upload = Staging("hdfs:///livy", user="../../DOMAIN\\é b").place(b"x", "a.py")
    assert upload.target.startswith("hdfs:///livy/DOMAIN_e_b/")


def test_what_livy_sees_has_to_be_a_uri():
    with pytest.raises(ConfigError) as error:
        Staging("/mnt/x", user="alice", seen_as="hdfs://bob:pw@nn/my place")
    assert str(error.value) == "staging: 'hdfs://********@nn/my place' is no URI; percent-encode it"


@given(st.text(min_size=1).filter(lambda name: "/" not in name and "\0" not in name))
def test_every_file_name_becomes_a_uri_that_java_reads(name):
    uri = Staging("hdfs:///tmp/my livy", user="alice").place(b"x", name).uri
    assert set(uri) <= URI_CHARACTERS - {"#", ","}


def test_planning_writes_nothing(memory):
    memory.place(b"x", "a.py")
    assert everything(memory) == []


def test_a_source_that_cannot_be_read_is_one_line(memory, tmp_path):
    with pytest.raises(StagingError) as error:
        memory.place(tmp_path / "gone.jar", "gone.jar")
    assert str(error.value) == f"cannot read {tmp_path}/gone.jar: No such file or directory"


# -- sending


@pytest.mark.parametrize("place", ["memory", "disk"])
def test_what_is_sent_arrives_as_it_was(place, request, folder):
    staging = request.getfixturevalue(place)
    code = staging.place("print('é')\n".encode(), "nightly.py")
    file = staging.place(folder / "my job.py", "my job.py")
    assert staging.send(code)
    assert staging.send(file)
    assert content(code) == "print('é')\n".encode()
    assert content(file) == b"# my job.py\n"
    assert len(everything(staging)) == 2


@pytest.mark.parametrize("place", ["memory", "disk"])
def test_what_is_there_already_is_not_sent_again(place, request):
    staging = request.getfixturevalue(place)
    assert staging.send(staging.place(b"x", "a.py"))
    assert not staging.send(staging.place(b"x", "a.py"))


def test_only_a_large_file_is_told_of_while_it_is_sent(memory):
    lines = []
    memory.send(memory.place(b"x", "small.py"), lines.append)
    memory.send(memory.place(b"x" * LARGE, "large.jar"), lines.append)
    assert lines == [f"staging large.jar ({LARGE:,} bytes) at {memory.url}"]


def test_a_second_cell_of_the_same_name_leaves_the_first_alone(memory):
    first, second = memory.place(b"first", "nightly.py"), memory.place(b"second", "nightly.py")
    memory.send(first)
    memory.send(second)
    assert (content(first), content(second)) == (b"first", b"second")


def test_a_file_of_another_size_is_replaced(memory, disk):
    for staging in (memory, disk):
        upload = staging.place(b"whole", "a.py")
        with fsspec.open(upload.target, "wb", auto_mkdir=True) as file:
            file.write(b"half")
        assert staging.send(upload)
        assert content(upload) == b"whole"


def test_on_this_machine_only_the_owner_reads_what_is_staged(disk, tmp_path):
    upload = disk.place(b"x", "a.py")
    disk.send(upload)
    path = Path(upload.target.removeprefix("file://"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for parent in (path.parent, path.parents[1], tmp_path / "staging"):
        assert stat.S_IMODE(parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "failure", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()]
)
def test_no_half_file_is_left_when_sending_fails(failure):
    Broken.failure = failure
    staging = Staging("broken://place", user="alice")
    with pytest.raises((StagingError, KeyboardInterrupt)):
        staging.send(staging.place(b"0123456789", "a.py"))
    assert everything(staging) == []


def test_no_half_file_is_left_on_this_machines_disk_either(disk, tmp_path):
    upload = disk.place(b"x" * 100_000, "a.jar")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(StagingError, match="File too large"):
            disk.send(upload)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert everything(disk) == []


def test_a_file_that_changes_while_it_is_sent_is_not_taken_for_the_old_one(disk, folder):
    upload = disk.place(folder / "etl.py", "etl.py")
    (folder / "etl.py").write_text("# ETL.PY\n")
    with pytest.raises(StagingError) as error:
        disk.send(upload)
    assert str(error.value) == f"{folder}/etl.py changed while it was being staged; submit again"
    assert everything(disk) == []


def test_a_refused_move_is_noticed():
    staging = Staging("silent://place", user="alice")
    with pytest.raises(StagingError, match=r"a\.py did not arrive whole; submit again"):
        staging.send(staging.place(b"x", "a.py"))


def test_a_full_place_is_one_line_without_the_password():
    Broken.failure = OSError(errno.ENOSPC, "No space left on device\nmore")
    staging = Staging("broken://alice:pw@host/place", user="alice")
    with pytest.raises(StagingError) as error:
        staging.send(staging.place(b"xx", "a.py"))
    assert str(error.value) == (
        "cannot write to broken://********@host/place/: [Errno 28] No space left on device"
    )


def test_a_place_that_cannot_be_written_to_says_why(tmp_path):
    (tmp_path / "file").touch()
    staging = Staging(f"{tmp_path}/file/x", user="alice")
    with pytest.raises(
        StagingError, match=f"^cannot write to {tmp_path}/file/x/: .*Not a directory"
    ):
        staging.send(staging.place(b"x", "a.py"))


def test_an_unknown_kind_of_url_is_one_line():
    staging = Staging("gopher://host/x", user="alice")
    with pytest.raises(StagingError) as error:
        staging.send(staging.place(b"x", "a.py"))
    assert str(error.value) == "cannot write to gopher://host/x/: Protocol not known: gopher"


def test_a_missing_driver_is_named(monkeypatch):
    from fsspec.registry import known_implementations

    missing = {"class": "no_such_driver.FileSystem", "err": "Install s3fs to access S3"}
    monkeypatch.setitem(known_implementations, "s3like", missing)
    staging = Staging("s3like://bucket", user="alice")
    with pytest.raises(StagingError) as error:
        staging.send(staging.place(b"x", "a.py"))
    assert str(error.value) == "cannot write to s3like://bucket/: Install s3fs to access S3"


def test_a_missing_driver_comes_with_an_extra_of_ours(monkeypatch):
    from fsspec.registry import known_implementations

    missing = {"class": "no_such_driver.FileSystem", "err": "Install gcsfs to access it"}
    monkeypatch.setitem(known_implementations, "gs", missing)
    staging = Staging("gs://bucket", user="alice")
    with pytest.raises(StagingError) as error:
        staging.send(staging.place(b"x", "a.py"))
    assert str(error.value) == (
        "cannot write to gs://bucket/: Install gcsfs to access it\n"
        "Run: pip install 'livy-magic[gcs]'"
    )


# -- removing


def test_old_folders_go_and_young_ones_stay(memory):
    old, young = memory.place(b"old", "a.py"), memory.place(b"young", "a.py")
    memory.send(old)
    memory.send(young)
    age(old, 14.1)
    age(young, 13.9)
    assert memory.remove_old() == 1
    assert [path.rpartition("/")[2] for path in everything(memory)] == ["a.py"]
    assert content(young) == b"young"


def test_old_folders_on_this_machines_disk_go_whole(disk):
    upload = disk.place(b"x", "a.py")
    disk.send(upload)
    path = Path(upload.target.removeprefix("file://"))
    long_ago = time.time() - 15 * DAY
    os.utime(path, (long_ago, long_ago))
    assert disk.remove_old() == 1
    assert not path.parent.exists()


def test_what_is_used_again_late_starts_its_life_over(memory):
    upload = memory.place(b"x", "a.py")
    memory.send(upload)
    age(upload, 6.9)
    assert not memory.send(upload)
    age(upload, 7.1)
    assert memory.send(upload)
    age(upload, 13)
    assert memory.remove_old() == 0


def test_only_ones_own_content_folders_are_ever_removed(tmp_path):
    mine, other = (Staging(f"{tmp_path}/s", user=user, keep_days=1) for user in ("alice", "bob"))
    kept = other.place(b"x", "a.py")
    other.send(kept)
    notes = tmp_path / "s" / "alice" / "notes"
    notes.mkdir(parents=True)
    (notes / "mine.txt").touch()
    for path in (kept.target, notes / "mine.txt"):
        os.utime(path, (0, 0))
    assert mine.remove_old() == 0
    assert Path(kept.target).exists()
    assert (notes / "mine.txt").exists()


def test_there_is_nothing_to_remove_before_anything_was_staged(memory, disk):
    assert memory.remove_old() == disk.remove_old() == 0


# -- the plan for a request


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
        ({"file": "elt.py"}, "file: no such file: elt.py (looked in FOLDER)"),
        ({"py_files": ["x.py"]}, "pyFiles: no such file: x.py (looked in FOLDER)"),
        ({"archives": ["x.zip#x"]}, "archives: no such file: x.zip (looked in FOLDER)"),
        ({"file": r"C:\jobs\etl.py"}, r"file: no such file: C:\jobs\etl.py (looked in FOLDER)"),
        ({"file": "package"}, "file: package is a directory"),
        (
            {"file": "hdfs:///jobs/etl.ipynb"},
            "file: hdfs:///jobs/etl.ipynb is a notebook, not a program\nmake it one: jupyter nbconvert --to script",
        ),
        ({"py_files": ["package"]}, "pyFiles: package is a directory; pass .py files or a zip"),
        ({"jars": ["libs/*.jar"]}, "jars: no such file: libs/*.jar (looked in FOLDER)"),
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
    request = BatchRequest(file="my job.py", files=["../notebooks/lookup.csv#a b"])
    resolved, uploads = plan(request, folder, mode="never", private=True)
    assert resolved.file == f"file://{folder}/my%20job.py"
    assert resolved.files == (f"file://{folder}/lookup.csv#a%20b",)
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
        f"no staging place is configured, so Livy cannot read {what}\n"
        "set `staging:` in the profile or LIVY_STAGING to a URL that this machine writes and Livy "
        "reads (hdfs:///tmp/livy), or put the file where Livy can read it"
    )


def test_a_cell_cannot_be_submitted_with_staging_switched_off(folder, memory):
    with pytest.raises(StagingError) as error:
        plan(BatchRequest(file=Code("x = 1")), folder, memory, mode="never")
    assert str(error.value) == (
        "a cell's code reaches Livy only by staging, and that is switched off\n"
        "leave out --stage never, or save the code as a file that Livy can read"
    )


def test_the_rest_of_a_request_is_untouched(folder, memory):
    request = BatchRequest(file="etl.py", name="n", conf={"a": "b"}, driver_cores=2, extra={"t": 1})
    resolved, _ = plan(request, folder, memory)
    assert resolved.replace(file="etl.py") == request


def test_a_pipe_is_refused_rather_than_read(folder, memory):
    os.mkfifo(folder / "pipe.py")
    with pytest.raises(InvalidRequest, match=r"file: pipe\.py is no regular file"):
        plan(BatchRequest(file="pipe.py"), folder, memory)
