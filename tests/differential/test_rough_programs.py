"""Random programs with handlers, views, big integers, dicts and warnings: compiled against eager."""

import os

import pytest
from fuzz_loops import check_seed
from kinds import KINDS

COUNT = int(os.environ.get("JITFLOW_ROUGH_PROGRAMS", "25"))


@pytest.mark.parametrize("seed", range(COUNT))
def test_program(seed):
    kind = KINDS["rough"]
    found, _ = check_seed(seed, "auto", kind)
    assert not found, "\n".join([*found, kind.program(seed)[1]])
