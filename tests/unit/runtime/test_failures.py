"""Whatever fails inside the compiler, the call gives what Python gives, and one break is recorded."""

import numpy as np
import pytest

import jitflow
from jitflow.guards import explain
from jitflow.runtime import link, variants
from jitflow.runtime.dispatch import Dispatcher
from jitflow.runtime.variants import VariantMaker
from jitflow.tracer import tracer


def fail(*_args, **_kwargs):
    raise ZeroDivisionError("made to fail")


def total(x):
    return (x * 2 + 1).sum()


PLACES = [
    (variants, "trace"),
    (tracer, "Interpreter"),
    (link, "link"),
    (link, "partition"),
    (VariantMaker, "_publish"),
    (Dispatcher, "install_native"),
]


@pytest.mark.parametrize(("owner", "name"), PLACES, ids=[name for _, name in PLACES])
def test_first_call(monkeypatch, owner, name):
    compiled = jitflow.compile(total)
    monkeypatch.setattr(owner, name, fail)
    with jitflow.config().override(strict=False):
        for _ in range(3):
            assert compiled(np.ones(4)) == 12.0
    assert "made to fail" in str(compiled.report())


def test_call_with_other_types(monkeypatch):
    compiled = jitflow.compile(total)
    assert compiled(np.ones(4)) == 12.0
    monkeypatch.setattr(explain, "first_failure", fail)
    with jitflow.config().override(strict=False):
        assert compiled(np.ones(3, np.float32)) == 9.0
        assert compiled(np.ones((2, 2), int)) == 12
    assert compiled(np.ones(4)) == 12.0


def test_strict_raises(monkeypatch):
    compiled = jitflow.compile(total)
    monkeypatch.setattr(variants, "trace", fail)
    with jitflow.config().override(strict=True), pytest.raises(ZeroDivisionError):
        compiled(np.ones(4))
