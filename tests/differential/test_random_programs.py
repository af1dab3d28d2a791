"""Random programs: traced piece by piece against eager Python; values, effects and exceptions."""

import contextlib
import os
import pathlib
import sys

import numpy as np
import pytest
from program_maker import ProgramMaker

sys.path.append(str(pathlib.Path(__file__).parents[1] / "unit" / "tracer"))

from unit.tracer.running import check

COUNT = int(os.environ.get("JITFLOW_RANDOM_PROGRAMS", "60"))


def stop(log, value):
    """A call that ends a piece: the tracer does not follow a method of a set."""
    os.getpid()
    log.append(value)
    return value


@contextlib.contextmanager
def managed(log, value):
    log.append(("enter", value))
    try:
        yield value
    finally:
        log.append(("exit", value))


def make_program(seed):
    source = ProgramMaker(seed).source()
    namespace = {"np": np, "stop": stop, "managed": managed}
    exec(compile(source, f"<program {seed}>", "exec"), namespace)
    return namespace["program"], source


@pytest.mark.parametrize("seed", range(COUNT))
def test_program(seed):
    program, source = make_program(seed)
    arrays = [np.linspace(-1, 1, 4) * scale for scale in (1.0, 0.5, 2.0)]
    try:
        check(program, *arrays, seed % 5, 2, [1, 2.5, 3], [])
    except BaseException:
        print(source)
        raise
