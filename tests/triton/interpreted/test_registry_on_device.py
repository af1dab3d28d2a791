"""Every program of `benchmarks.programs` with its arrays on a device: compiled against eager.

Many of them make arrays on the host, which eager code refuses to mix with those of a device: the
compiled function raises the same exception.
"""

import numpy as np
import pytest
from helpers import host_device
from helpers.device_running import launcher, same
from helpers.host_device import HostDevice, to_device

import jitflow
from benchmarks.programs.registry import programs
from jitflow.core.config import config
from jitflow.runtime.device.transfer import mapped

SLOW = {  # thousands of launches, each some milliseconds in the interpreter
    "convergence.jacobi",
    "recurrences.alternating_directions",
    "recurrences.durbin",
    "triangular.cholesky_in_place",
    "triangular.forward_substitution",
}


def outcome(function, program):
    args = mapped(
        program.inputs(program.small),
        lambda leaf: to_device(leaf) if type(leaf) is np.ndarray else leaf,
    )
    with np.errstate(all="ignore"):
        try:
            return "returned", function(*args), args
        except Exception as error:
            return "raised", type(error), str(error)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("program", programs(), ids=lambda p: f"{p.kind}.{p.name}")
def test_program(program):
    if f"{program.kind}.{program.name}" in SLOW:
        pytest.skip("too many launches for the interpreter")
    expected = outcome(program.function, program)
    with (
        config().override(measure=False, strict=True),
        host_device.installed(HostDevice(launcher)),
    ):
        compiled = jitflow.compile(program.function)
        for _ in range(2):
            got = outcome(compiled, program)
            assert got[0] == expected[0], (got, expected)
            if expected[0] == "raised":
                assert got[1:] == expected[1:]
            else:
                same(got[1:], expected[1:], 1e-5)
