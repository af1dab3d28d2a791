"""The demo: its table on the host, and a clear word where a device is asked for that is not there."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from examples import breaks, demo, shallow_water
from examples.place import Place
from jitflow.runtime.device import machine

ROOT = Path(demo.__file__).parents[1]


@pytest.mark.skipif(machine.probe().has_library, reason="there is a driver")
def test_without_a_gpu_the_demo_says_what_to_do():
    done = subprocess.run(
        [sys.executable, "-m", "examples.demo", "--device", "cuda"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ,
        timeout=60,
    )
    assert done.returncode == 2
    assert "python -m jitflow doctor" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_row_of_the_table():
    prices = [np.linspace(10, 200, 50)] * 2 + [np.linspace(0.1, 2, 50)]
    row = demo.measure(
        "options", shallow_water.black_scholes, *prices, 0.03, 0.2, repeat=2, place=Place()
    )
    assert row.error < 1e-9
    assert row.report.pieces == 1
    assert row.text().startswith("options")


def test_an_example_that_breaks(capsys):
    row = demo.measure("describe", breaks.describe, np.arange(50.0), repeat=1, place=Place())
    assert row.error < 1e-9
    assert row.report.breaks >= 1
