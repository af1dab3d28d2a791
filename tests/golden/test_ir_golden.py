"""Golden files of the IR: ``ir/*.jir``.

A file begins with comments: a sentence, ``# passes: cse dce`` (or ``pipeline``), and any number of
``# run: (inputs) == outputs``. Then the graph, and after ``# expect:`` the graph after the passes,
rewritten by ``pytest --bless``. Every file is also run before and after its passes on random inputs
with special values, which cannot be blessed; ``# ulp: n`` allows for rules on powers. A comment
``# error: text`` at the end of a line says that the parser or the verifier refuses that line.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.compare import assert_same
from helpers.golden import Golden, apply_passes
from helpers.graphs import assert_graphs_agree, run_quietly

from jitflow.core.errors import InvalidGraph
from jitflow.ir.parser import parse, parse_with_lines
from jitflow.ir.printer import print_graph
from jitflow.ir.verifier import verify

FOLDER = Path(__file__).parent / "ir"
FILES = sorted(FOLDER.glob("*.jir"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_golden(path: Path, bless: bool) -> None:
    golden = Golden.read(path)
    if golden.errors:
        check_error(golden)
        return
    before = parse(golden.source)
    verify(before)
    after = apply_passes(before, golden.passes)
    text = print_graph(after)
    assert print_graph(parse(text)) == text
    for seed in range(0 if golden.runs else 5):
        assert_graphs_agree(before, after, seed, golden.ulp)
    for run in golden.runs:
        check_run(run, before)
        check_run(run, after)
    if bless:
        golden.bless(text)
    else:
        assert text == golden.expected


def check_error(golden: Golden) -> None:
    (line, message), *others = golden.errors.items()
    assert not others, "one error in a file"
    with pytest.raises(InvalidGraph) as caught:
        graph, lines = parse_with_lines(golden.source)
        verify(graph)
    found = caught.value.line or lines.get(id(caught.value.node))
    assert message in str(caught.value)
    assert found in (line, None)


def check_run(run: str, graph: Any) -> None:
    """``(inputs) == outputs``; a value after ``;`` is what the first input holds afterwards."""
    names = {"np": np, "nan": np.nan, "inf": np.inf}
    given, _, wanted = run.partition("==")
    wanted, _, written = wanted.partition(";")
    inputs = eval(given, names)
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    arrays = [np.array(x, v.type.dtype.numpy) for x, v in zip(inputs, graph.inputs, strict=True)]
    outputs, after = run_quietly(graph, arrays)
    expected = eval(wanted, names)
    expected = expected if isinstance(expected, tuple) else (expected,)
    for found, value, type in zip(outputs, expected, graph.outputs, strict=True):
        assert_same(found, np.array(value, type.type.dtype.numpy))
    if written:
        assert_same(after[0], np.array(eval(written, names), after[0].dtype))
