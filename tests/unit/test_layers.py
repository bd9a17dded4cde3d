import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "livy_magic"
MAP = re.findall(r"^\| `(\w+)` \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def is_for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def imports(path: Path):
    """Yield the dotted names that a file imports at run time, relative ones made absolute."""
    pending: list[ast.AST] = [ast.parse(path.read_text())]
    while pending:
        node = pending.pop()
        if is_for_types_only(node):
            continue
        pending.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = path.relative_to(ROOT).parent.parts
            base = base[: len(base) - node.level + 1] if node.level else ()
            module = ".".join([*base, *filter(None, [node.module])])
            if module == "livy_magic":
                yield from (f"livy_magic.{alias.name}" for alias in node.names)
            else:
                yield module


def test_the_map_names_every_module_once():
    assert sorted(MAP) == sorted({layer_of(path) for path in FILES})


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_those_above_it(path):
    own = MAP.index(layer_of(path))
    for name in imports(path):
        top, *rest = name.split(".")
        if top == "livy_magic" and rest:
            assert MAP.index(rest[0]) <= own, f"{path.name} imports {name} from below"


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if layer_of(path) not in {"panel", "magics"}],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_the_core_imports_neither_ipython_nor_widgets(path):
    tops = {name.partition(".")[0] for name in imports(path)}
    assert not tops & {"IPython", "ipywidgets", "ipykernel", "anywidget"}
