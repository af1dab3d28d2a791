"""What would make the first call slow again."""

import re
import subprocess
import sys
from pathlib import Path

import jitflow

ROOT = Path(jitflow.__file__).parent
STANDARD = re.compile(r"^(from dataclasses import|import dataclasses)", re.MULTILINE)
MOST_MODULES = 258
"""Of jitflow, in a first call of a tiny function; lower it when fewer are loaded."""


def test_data_classes_are_made_by_our_decorator():
    own = {  # users' classes; one that users see
        "core/config.py",
        "tracer/objects/copying.py",
        "runtime/device/transfer.py",
    }
    found = {
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*.py")
        if STANDARD.search(path.read_text())
    }
    assert found == own, "use jitflow.core.dataclass"


def test_a_tiny_function_loads_few_modules():
    code = """
import sys, numpy as np, jitflow
print(len([name for name in sys.modules if name.startswith("jitflow")]))
jitflow.compile(lambda a, b: np.maximum(a * b, 0))(np.ones(4), np.ones(4))
print(len([name for name in sys.modules if name.startswith("jitflow")]))
print(*sorted(name for name in sys.modules if name in ("llvmlite", "numpy.random", "json")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    before, after, others = done.stdout.split("\n")[:3]
    assert int(before) <= 30
    assert int(after) <= MOST_MODULES
    assert others == ""
