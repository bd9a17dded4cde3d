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

from livy_magic.errors import ConfigError, NotSubmitted, StagingError
from livy_magic.livy import Livy
from livy_magic.protocol.models import BatchRequest
from livy_magic.staging.folder import Staging

DAY = 86_400
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
    for name in ("etl.py", "my job.py"):
        (folder / name).write_text(f"# {name}\n")
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
    assert (
        str(error.value) == "staging: 'hdfs://********@nn/my place' is not a URI; percent-encode it"
    )


@given(st.text(min_size=1).filter(lambda name: "/" not in name and "\0" not in name))
def test_every_file_name_becomes_a_uri_that_java_reads(name):
    uri = Staging("hdfs:///tmp/my livy", user="alice").place(b"x", name).uri
    assert set(uri) <= URI_CHARACTERS - {"#", ","}


def test_planning_writes_nothing(memory):
    memory.place(b"x", "a.py")
    assert everything(memory) == []


def test_a_source_that_cannot_be_read_is_one_line(memory, tmp_path):
    (tmp_path / "gone.jar").touch()
    upload = memory.place(tmp_path / "gone.jar", "gone.jar")
    (tmp_path / "gone.jar").unlink()
    with pytest.raises(StagingError) as error:
        memory.send(upload)
    message = f"cannot read {tmp_path}/gone.jar: No such file or directory; submit again"
    assert str(error.value) == message
    assert everything(memory) == []


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


@pytest.mark.parametrize("place", ["memory", "disk"])
def test_it_is_said_how_far_reading_and_staging_are(place, request, tmp_path):
    staging = request.getfixturevalue(place)
    (tmp_path / "large.jar").write_bytes(b"x" * 3_000_000)
    lines = []
    upload = staging.place(tmp_path / "large.jar", "large.jar", lines.append)
    assert lines == [f"reading large.jar: {far} of 3 MB" for far in (1, 2, 3)]
    lines.clear()
    staging.send(upload, lines.append)
    assert lines == [f"staging large.jar: {far} of 3 MB" for far in (1, 2, 3)]


@pytest.mark.parametrize("place", ["memory", "disk"])
def test_an_interrupt_half_way_leaves_no_half_file(place, request):
    staging = request.getfixturevalue(place)
    upload = staging.place(b"x" * 1_000_000, "large.jar")

    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        staging.send(upload, interrupt)
    assert everything(staging) == []
    assert staging.send(upload)
    assert content(upload) == b"x" * 1_000_000


def test_a_submission_that_takes_long_says_how_far_it_is(disk, tmp_path, monkeypatch):
    monkeypatch.setattr("livy_magic.progress._EVERY", 0)
    large = tmp_path / "large.jar"
    large.write_bytes(b"x" * 1_000_000)
    lines = []
    nobody = Livy("http://127.0.0.1:1", staging=disk.url)
    with pytest.raises(NotSubmitted):
        nobody.submit(BatchRequest(file=str(large)), report=lines.append)
    assert lines == ["reading large.jar: 1 of 1 MB", "staging large.jar: 1 of 1 MB"]


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
