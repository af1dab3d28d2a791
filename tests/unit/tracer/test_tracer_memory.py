"""What a trace keeps alive when it is over: nothing of the call."""

import gc
import weakref

import numpy as np

import jitflow


class Owner:
    pass


def test_a_break_leaves_no_frames_behind():
    def f(x, owner):
        y = x + 1
        np.lib.stride_tricks.as_strided(y)
        return y

    compiled = jitflow.compile(f)
    owner = Owner()
    gc.disable()
    try:
        compiled(np.ones(3), owner)
        watch = weakref.ref(owner)
        del owner
        assert watch() is None
    finally:
        gc.enable()
