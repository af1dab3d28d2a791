"""The table of families is complete and exact, and only what is needed is loaded."""

import subprocess
import sys

import numpy as np
import pytest

from jitflow.tracer.numpy import families
from jitflow.tracer.numpy.table import FUNCTIONS, METHODS, by_name


def _family(entry):
    return entry.handler.__module__.rpartition(".")[2]


def test_every_function_and_method_is_listed_under_its_family():
    families.load_all()
    wrong = []
    for function, entry in FUNCTIONS.items():
        if families._functions(families._PACKAGES).get(function) != _family(entry):
            wrong.append((_family(entry), entry.name))
    for name, entry in METHODS.items():
        if families._methods().get(name) != _family(entry):
            wrong.append((_family(entry), f".{name}"))
    assert not wrong, f"list these in families.FAMILIES: {sorted(wrong)}"


def test_what_is_listed_exists():
    families.load_all()
    for family, names in families.FAMILIES.items():
        for path in names.split():
            found = METHODS.get(path[1:]) if path[0] == "." else FUNCTIONS.get(by_name(path))
            assert found is not None or by_name(path) is None, (family, path)


def test_functions_that_are_not_listed_are_found_all_the_same(monkeypatch):
    monkeypatch.setattr(families, "_functions", lambda present: {})
    assert families.function_entry(np.concatenate).name == "np.concatenate"
    assert families.function_entry(np.maximum) is None
    assert families.function_entry(len) is None


def test_unhashable_objects_are_refused():
    with pytest.raises(TypeError):
        families.function_entry([])


SCRIPT = """
import sys
import numpy as np
import jitflow
x = np.ones(3, np.float32)
assert jitflow.compile(lambda x: np.maximum(x, 0) + x)(x).sum() == 6
loaded = lambda *names: [name for name in names if name in sys.modules]
family = "jitflow.tracer.numpy."
print(loaded("numpy.random", "numpy.fft", "numpy.polynomial", "llvmlite", "json", "hashlib",
             family + "joining", family + "random", family + "selection"))
draw = np.random.default_rng(0)
def f(x):
    return x + draw.random(3)
eager = f(x)
draw = np.random.default_rng(0)
compiled = jitflow.compile(f)
assert np.array_equal(compiled(x), eager)
print(loaded(family + "random"), compiled.report().breaks)
assert np.allclose(jitflow.compile(lambda x: np.fft.fft(np.concatenate([x, x])))(x)[0], 6)
print(loaded(family + "joining"))
"""


def test_what_a_program_does_not_use_is_not_loaded():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    random, joining = "jitflow.tracer.numpy.random", "jitflow.tracer.numpy.joining"
    assert done.stdout.splitlines() == ["[]", f"['{random}'] 0", f"['{joining}']"], done.stderr
