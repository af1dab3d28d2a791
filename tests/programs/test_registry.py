"""Every program of `benchmarks.programs`, compiled against eager at its small size."""

import pytest

from benchmarks.programs.registry import programs


@pytest.mark.parametrize("program", programs(), ids=lambda p: f"{p.kind}.{p.name}")
def test_program(program, check_loops):
    args = program.inputs(program.small)
    check_loops(program.function, args, args)


def test_there_are_three_programs_of_each_kind():
    kinds = [program.kind for program in programs()]
    assert len(set(kinds)) >= 23
    assert min(kinds.count(kind) for kind in kinds) >= 3
    names = [program.name for program in programs()]
    assert len(set(names)) == len(names)
