"""Functions that have nothing to do with arrays: Python runs them, and the compiler stays away."""

import os
import subprocess
import sys
import types

import numpy as np
import pytest

from jitflow.runtime import reach


def function_in(source, **names):
    """``f`` of a module without NumPy, in which `names` are known."""
    module = types.ModuleType("plain")
    vars(module).update(names)
    exec(source, vars(module))
    return module.f


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (function_in("def f(x): return x + 1"), False),
        (function_in("def f(x): return g(x)", g=len), False),
        (function_in("def f(x): return g(x)", g=np.sum), True),
        (function_in("def f(x): return g.name(x)", g=[np.ones(3)]), True),
        (function_in("def f(x): return g(x)", g=function_in("def f(x): return h", h=np)), True),
    ],
)
def test_function(function, expected):
    assert reach.function_reaches(function) == expected


@pytest.mark.parametrize("module", [None, np])
def test_wrapper_reaches_what_it_wraps(module):
    inner = function_in("def f(x): return m", m=module)
    outer = function_in("def f(x): return x")
    outer.__wrapped__ = inner
    assert reach.function_reaches(outer) == (module is np)


@pytest.mark.parametrize("value", [np.ones(2), np.float32(1), [1, {"a": np.ones(2)}]])
def test_arguments(value):
    f = function_in("def f(x, y=None): return x")
    assert reach.call_reaches(f, (value,), {})
    assert reach.call_reaches(f, (1,), {"y": value})
    assert not reach.call_reaches(f, (1,), {})
    f.__defaults__ = (value,)
    assert reach.call_reaches(f, (1,), {})


def test_compiler_is_not_loaded_for_nothing():
    program = """
import sys, jitflow
f = jitflow.compile(eval("lambda x: x + 1", {}))
assert [f(1), f(2)] == [2, 3]
assert "jitflow.runtime.dispatch" not in sys.modules
import numpy
assert f(numpy.ones(2)).sum() == 4.0
assert "jitflow.runtime.dispatch" in sys.modules
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
