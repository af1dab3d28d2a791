"""Calls that machine code hands on: to whom, how often, and with which arguments."""

import gc
import sys

import pytest

from jitflow.codegen.cpu.engine import engine
from jitflow.runtime import forwarding, native_type
from jitflow.runtime.compiled import Compiled

pytestmark = pytest.mark.skipif(not forwarding.address(), reason="no code for this machine")


def slow(*args, **kwargs):
    return args, kwargs, "slow"


def target(*args, **kwargs):
    return args, kwargs, "target"


def looker(*args, **kwargs):
    return args, kwargs, "looker"


def test_calls_go_straight_to_the_target():
    compiled = Compiled(target, slow)
    assert compiled.forward(target)
    for _ in range(100):
        assert compiled(1, k=2) == ((1,), {"k": 2}, "target")
    compiled.forward(len)
    assert compiled("abc") == 3
    with pytest.raises(TypeError):
        compiled()
    compiled.clear_native()
    assert compiled(1)[-1] == "slow"


@pytest.mark.parametrize("count", [0, 1, 7])
def test_the_looker_gets_the_calls_behind(count):
    compiled = Compiled(target, slow)
    compiled.forward(target, looker, count)
    found = [compiled(k)[-1] for k in range(count + 3)]
    assert found == ["target"] * count + ["looker"] * 3


def test_the_looker_may_wait_again():
    seen = []

    def look(*args):
        seen.append(args)
        compiled.forward(target, look, 4)
        return target(*args)

    compiled = Compiled(target, slow)
    compiled.forward(target, look, 4)
    assert all(compiled(k) == ((k,), {}, "target") for k in range(20))
    assert seen == [(4,), (9,), (14,), (19,)]


def test_methods_and_objects_that_nobody_else_keeps():
    class Model:
        step = Compiled(target, slow)

        def look(self, *args):
            return "looked", args

    Model.step.forward(lambda self, x: (self, x), Model().look, 1)
    gc.collect()
    model = Model()
    assert model.step(3) == (model, 3)
    assert model.step(3) == ("looked", (model, 3))


def test_exceptions_and_deep_calls():
    def count(n):
        if n == 0:
            raise KeyError(n)
        return compiled(n - 1)

    compiled = Compiled(count, slow)
    compiled.forward(count)
    with pytest.raises(KeyError):
        compiled(50)
    with pytest.raises(RecursionError):
        compiled(-1)


def test_the_code_is_that_of_the_source(monkeypatch):
    """What LLVM makes of the source at hand does the same as the bytes."""
    library = engine().add(forwarding.SOURCE, {})
    monkeypatch.setattr(forwarding, "address", lambda: library.address("forward"))
    test_calls_go_straight_to_the_target()
    test_the_looker_gets_the_calls_behind(3)


def test_nothing_is_forwarded_elsewhere(monkeypatch):
    monkeypatch.setattr(sys, "platform", "other")
    assert forwarding.address.__wrapped__() == 0
    monkeypatch.setattr(forwarding, "address", lambda: 0)
    compiled = Compiled(target, slow)
    assert not compiled.forward(target)
    assert compiled(1)[-1] == "slow"
    assert native_type.vectorcall_base() is not None
