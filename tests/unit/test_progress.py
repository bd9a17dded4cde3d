from livy_magic.progress import Patient, Progress, chunks, counted


def test_a_line_comes_every_two_seconds_and_none_of_what_takes_less(monkeypatch):
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    lines = []
    progress = Patient(lines.append)
    for now in (100.5, 101.9, 102.1, 103.0, 104.2):
        progress(f"at {now}")
    assert lines == ["at 102.1", "at 104.2"]


def test_the_end_of_what_was_told_of_is_told_at_once_and_no_other(monkeypatch):
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    lines = []
    progress = Patient(lines.append)
    progress(Progress("short: done", "short", 1.0))
    now = 102.1
    progress(Progress("long: half", "long", 0.5))
    now = 102.2
    progress(Progress("other: done", "other", 1.0))
    progress(Progress("long: done", "long", 1.0))
    assert lines == ["long: half", "long: done"]


def test_pieces_are_counted_in_megabytes_once_there_are_any():
    lines = []
    pieces = [b"x" * 1_000_000, b"x" * 2_000_000]
    assert list(counted(pieces, "staging x.jar", 3_000_000, lines.append)) == pieces
    assert list(counted([b"tiny"], "staging a.py", 4, lines.append)) == [b"tiny"]
    assert lines == ["staging x.jar: 1 of 3 MB", "staging x.jar: 3 of 3 MB", "staging a.py"]
    assert [line.part for line in lines] == [1 / 3, 1.0, 1.0]


def test_a_file_comes_in_pieces_and_whole(tmp_path):
    content = bytes(range(256)) * 10_000
    (tmp_path / "file").write_bytes(content)
    pieces = list(chunks(tmp_path / "file"))
    assert len(pieces) > 1
    assert b"".join(pieces) == content
    assert list(chunks(b"text")) == [b"text"]
