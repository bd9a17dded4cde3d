"""The README's code, run from top to bottom as a reader would."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.livy

README = Path(__file__).parents[2] / "README.md"


def test_every_piece_of_code_in_the_readme_runs(shell, capsys):
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    printed = []
    for block in blocks:
        result = shell.run_cell(block)
        assert result.success, block
        printed.append(capsys.readouterr().out)
    first_batch, from_python = printed[1], printed[-1]
    assert "499500" in first_batch
    assert "success ['hello from Spark']" in from_python
