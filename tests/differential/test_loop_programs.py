"""Random programs of loops and branches: compiled against eager, by native code."""

import os

import pytest
from fuzz_loops import check_seed
from loop_calls import make_program

COUNT = int(os.environ.get("JITFLOW_LOOP_PROGRAMS", "25"))


@pytest.mark.parametrize(
    "seed", [*range(COUNT), 27, 92811, 92965, 103113, 106643, 131448, 146661, 147741]
)
def test_program(seed):
    found, _ = check_seed(seed, "auto")
    assert not found, "\n".join([*found, make_program(seed)[1]])
