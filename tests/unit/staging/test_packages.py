import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from livy_magic.staging.packages import wheel_as_zip, zip_of_files, zip_of_python


def write(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"SAYS = {name!r}\n")


@pytest.fixture
def package(tmp_path):
    folder = tmp_path / "package"
    write(folder, "__init__.py", "data.txt", "deep/er/module.py", "deep/__init__.py")
    return folder


def names(made):
    with zipfile.ZipFile(made) as archive:
        assert archive.testzip() is None
        return archive.namelist()


def digest(made):
    return hashlib.sha256(Path(made).read_bytes()).hexdigest()


def imported(made, statement):
    """Return what a new Python prints after a statement, with only the zip on its path."""
    code = f"import sys; sys.path.insert(0, sys.argv[1]); {statement}"
    command = [sys.executable, "-I", "-c", code, os.fspath(made)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_a_package_lies_in_its_zip_under_its_own_name(package):
    made = zip_of_python(package)
    assert names(made) == [
        "package/", "package/__init__.py", "package/data.txt",
        "package/deep/", "package/deep/__init__.py",
        "package/deep/er/", "package/deep/er/module.py",
    ]  # fmt: skip
    read = "import importlib.resources as r; print(r.files('package').joinpath('data.txt').read_text())"
    assert imported(made, read) == "SAYS = 'data.txt'"


def test_of_a_folder_of_modules_the_content_lies_at_the_top(tmp_path):
    write(tmp_path / "src", "one.py", "space/two.py", "notes.txt")
    made = zip_of_python(tmp_path / "src")
    assert names(made) == ["notes.txt", "one.py", "space/", "space/two.py"]
    # without its entry for the folder, Python would not find a package that has no __init__.py
    assert imported(made, "import one, space.two as two; print(one.SAYS, two.SAYS)") == (
        "one.py space/two.py"
    )


def test_caches_and_what_is_hidden_stay_out(package):
    write(
        package, "__pycache__/x.cpython-311.pyc", "old.pyc", ".env", ".git/config", "deep/.hidden.py",
        "package.egg-info/PKG-INFO", "nothing/__pycache__/x.py",
    )  # fmt: skip
    kept = ["__init__.py", "data.txt", "deep/", "deep/__init__.py", "deep/er/", "deep/er/module.py"]
    assert names(zip_of_python(package)) == ["package/", *(f"package/{name}" for name in kept)]
    assert names(zip_of_files(package)) == [
        *kept, "package.egg-info/", "package.egg-info/PKG-INFO",
    ]  # fmt: skip


def test_the_same_content_is_the_same_bytes(tmp_path):
    files = ["package/__init__.py", "package/b.py", "package/a/c.py", "package/ä.txt"]
    for place, order, mode, time in (("1", 1, 0o644, 10**9), ("2", -1, 0o755, 2 * 10**9)):
        write(tmp_path / place, *files[::order])
        for path in (tmp_path / place).rglob("*"):
            path.chmod(mode | 0o700 if path.is_dir() else mode)
            os.utime(path, (time, time))
    first, second = (digest(zip_of_python(tmp_path / n / "package")) for n in "12")
    assert first == second
    # as it is with Python 3.10, 3.12 and 3.13
    assert first == "fdcd6316cdebb5d7ab585979f861b61b3415e4fe6a0bb179c6ebd338bc371cb6"


def test_nothing_is_compressed_which_not_every_zlib_does_alike(package):
    with zipfile.ZipFile(zip_of_python(package)) as archive:
        for member in archive.infolist():
            assert member.compress_type == zipfile.ZIP_STORED
            assert member.date_time == (1980, 1, 1, 0, 0, 0)
            # Java's streaming reader takes no stored member whose length only follows it
            assert not member.flag_bits & 0x08


def test_links_are_followed(package, tmp_path):
    write(tmp_path / "elsewhere", "module.py")
    (package / "linked").symlink_to(tmp_path / "elsewhere")
    (package / "again.py").symlink_to(tmp_path / "elsewhere/module.py")
    assert {"package/linked/module.py", "package/again.py"} <= set(names(zip_of_python(package)))


def test_links_in_a_circle_are_an_error(package):
    (package / "deep/up").symlink_to(package)
    for make in (zip_of_python, zip_of_files):
        with pytest.raises(ValueError, match=f"^symbolic links form a loop at {package}/deep/up$"):
            make(package)


def test_what_is_no_file_is_an_error(package):
    (package / "broken").symlink_to("nowhere")
    with pytest.raises(ValueError, match=r"/broken is not a regular file, or is a broken link$"):
        zip_of_files(package)


def test_a_file_name_that_is_no_text_is_an_error(package):
    (package / os.fsdecode(b"\xff.txt")).touch()
    with pytest.raises(ValueError, match="surrogates not allowed"):
        zip_of_files(package)


def test_a_folder_that_python_cannot_import_from_is_an_error(tmp_path):
    write(tmp_path / "notes", "a.txt", ".hidden.py", "__pycache__/b.py")
    with pytest.raises(ValueError, match=r"notes can be imported: it has no \.py file$"):
        zip_of_python(tmp_path / "notes")


def test_a_package_needs_a_name_that_python_takes(tmp_path):
    write(tmp_path / "my-package", "__init__.py")
    with pytest.raises(ValueError, match=r"^'my-package' is not a name that Python can import"):
        zip_of_python(tmp_path / "my-package")


def test_compiled_code_is_refused_with_what_to_do(package):
    write(package, "deep/fast.cpython-311-x86_64-linux-gnu.so")
    with pytest.raises(
        ValueError, match=r"gnu\.so is compiled code: Python .*\nPack an environment"
    ):
        zip_of_python(package)


@pytest.mark.parametrize(
    ("mark", "tool"), [("pyvenv.cfg", "venv-pack"), ("conda-meta/x", "conda-pack")]
)
def test_an_environment_is_refused_with_what_to_do(mark, tool, tmp_path):
    write(tmp_path / "env", mark)
    with pytest.raises(ValueError, match=f"\nPack it with {tool}, and give the resulting file."):
        zip_of_files(tmp_path / "env")


def test_an_empty_folder_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=f"^{tmp_path} has no files$"):
        zip_of_files(tmp_path)


def test_a_wheel_for_every_platform_is_a_zip():
    assert (
        wheel_as_zip(Path("dist/pure-1.0-py2.py3-none-any.whl")) == "pure-1.0-py2.py3-none-any.zip"
    )


@pytest.mark.parametrize("tags", ["cp311-cp311-macosx_11_0_arm64", "py3-none-manylinux2014_x86_64"])
def test_a_wheel_for_one_platform_is_refused(tags):
    with pytest.raises(ValueError, match=f"^fast-1.0-{tags}.whl is for one platform only: Python"):
        wheel_as_zip(Path(f"fast-1.0-{tags}.whl"))


def test_the_temporary_file_goes_with_the_zip(package):
    made = zip_of_python(package)
    path = Path(made)
    assert path.exists()
    del made
    assert not path.exists()


def test_an_interrupt_leaves_no_temporary_file(package, tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))

    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        zip_of_python(package, interrupt)
    assert caught.value
    assert list(scratch.iterdir()) == []


def test_it_is_said_how_far_a_large_file_is(package):
    (package / "large.bin").write_bytes(b"x" * 2_000_000)
    lines = []
    zip_of_python(package, lines.append)
    assert "zipping package/large.bin: 1 of 2 MB" in lines
