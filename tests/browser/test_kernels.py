"""What the other tests stand on: a kernel runs the ipykernel that it is named after."""

import pytest
from playwright.sync_api import expect

VERSION = "import ipykernel\nprint('this is', ipykernel.__version__)"


@pytest.mark.parametrize("version", ["6.31.0", "7.1.0"])
def test_a_kernel_runs_the_ipykernel_that_it_is_named_after(lab, ipykernel, version):
    lab.open(VERSION, kernel=ipykernel(version))
    lab.run(0)
    expect(lab.output(0)).to_have_text(f"this is {version}")
