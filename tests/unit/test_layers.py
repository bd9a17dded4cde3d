"""The rooms of the package: CONTRIBUTING's map names them in order, and a room imports only from above."""

import ast
import re
import tokenize
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "livy_magic"
FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]
# One row of the map is one room: a folder, or files that stand in the package's own folder.
ROOMS = [
    re.findall(r"`(\w+)/?`", row)
    for row in re.findall(
        r"^\| ((?:`\w+/?`(?:, )?)+) \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE
    )
]


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path): path for path in FILES}


def room_of(module: str) -> int:
    [number] = [n for n, names in enumerate(ROOMS) if module.split(".")[1] in names]
    return number


@cache
def imports(path: Path) -> list[tuple[ast.stmt, str]]:
    """Return what a file imports, wherever it does and for whatever purpose, by absolute names."""
    found: list[tuple[ast.stmt, str]] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(node, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = path.relative_to(ROOT).parent.parts
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *filter(None, [node.module])])
            names = [f"{module}.{alias.name}" for alias in node.names]
            found += [(node, name if name in MODULES else module) for name in names]
    return found


def ours(path: Path) -> set[str]:
    return {name for _, name in imports(path) if name in MODULES} - {name_of(path)}


def ids(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def test_the_map_names_every_room_once():
    named = [name for names in ROOMS for name in names]
    assert sorted(named) == sorted({module.split(".")[1] for module in MODULES})


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_a_room_imports_only_from_those_above_it(path):
    own = room_of(name_of(path))
    from_below = {module for module in ours(path) if room_of(module) > own}
    assert not from_below


def test_no_two_files_import_each_other():
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " imports ".join([*way[way.index(module) :], module])
        if module not in done:
            for other in sorted(ours(MODULES[module])):
                visit(other, (*way, module))
            done.add(module)

    for module in MODULES:
        visit(module, ())


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if path.name == "__init__.py"],
    ids=lambda path: path.parent.name,
)
def test_a_room_says_which_files_it_has(path):
    said = ast.get_docstring(ast.parse(path.read_text())) or ""
    files = {other.stem for other in path.parent.glob("*.py")} - {"__init__", "__main__"}
    assert files <= set(re.findall(r"``(\w+)``", said))


@pytest.mark.parametrize("path", FILES, ids=ids)
def test_an_import_inside_a_function_says_why(path):
    with path.open("rb") as file:
        comments = {
            token.start[0]
            for token in tokenize.tokenize(file.readline)
            if token.type == tokenize.COMMENT
        }
    functions = [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    late = {
        node.lineno
        for node, _ in imports(path)
        for function in functions
        if function.lineno < node.lineno <= (function.end_lineno or 0)
    }
    # The comment stands behind the import, or above it and those next to it.
    explained = {line for line in late if line in comments}
    for line in sorted(late):
        if line - 1 in comments | explained:
            explained.add(line)
    assert late == explained


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if name_of(path).split(".")[1] not in {"panel", "magics"}],
    ids=ids,
)
def test_the_core_imports_neither_ipython_nor_widgets(path):
    tops = {name.partition(".")[0] for _, name in imports(path)}
    assert not tops & {"IPython", "ipywidgets", "ipykernel", "anywidget"}
