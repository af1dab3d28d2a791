"""Garbage collection is held back for a while and left as it was."""

import gc

import numpy as np
import pytest

import jitflow
from jitflow.core.collector import no_collection


@pytest.fixture(params=[True, False])
def enabled(request):
    was = gc.isenabled()
    (gc.enable if request.param else gc.disable)()
    yield request.param
    (gc.enable if was else gc.disable)()


def test_it_is_off_inside_and_as_before_after(enabled):
    with no_collection():
        assert not gc.isenabled()
        with no_collection():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled() is enabled


def test_errors_leave_it_as_before(enabled):
    with pytest.raises(KeyError), no_collection():
        raise KeyError
    assert gc.isenabled() is enabled


def test_compiling_leaves_it_as_before(enabled):
    assert jitflow.compile(lambda x: x + 1)(np.ones(3)).sum() == 6
    assert gc.isenabled() is enabled
