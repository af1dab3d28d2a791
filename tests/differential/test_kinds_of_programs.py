"""Random programs with handlers, views, big integers, lists, draws: compiled against eager."""

import os

import pytest
from fuzz_loops import check_seed
from kinds import KINDS

COUNT = int(os.environ.get("JITFLOW_ROUGH_PROGRAMS", "20"))
CASES = [
    *(("rough", seed) for seed in range(COUNT)),
    *(
        (kind, seed)
        for kind in (
            "lists",
            "draws",
            "containers",
            "rolling",
            "records",
            "rows",
            "choices",
            "states",
            "integers",
        )
        for seed in range(COUNT // 3)
    ),
]


@pytest.mark.parametrize(("name", "seed"), CASES)
def test_program(name, seed):
    kind = KINDS[name]
    found, _ = check_seed(seed, "auto", kind)
    assert not found, "\n".join([*found, kind.program(seed)[1]])
