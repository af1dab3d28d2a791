"""The operator table against its documentation, its bodies and its tests."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from helpers.golden import Golden, apply_passes

from jitflow.core.dtypes import ALL
from jitflow.ir.parser import parse
from jitflow.ir.passes.simplify import FAMILIES, family
from jitflow.ops.record import Kind, Operator, operator, operators

ROOT = Path(__file__).parents[2]


def documented_names() -> set[str]:
    """Names in the first column of the table of primitives."""
    rows = (ROOT / "docs/design/operators.md").read_text().splitlines()
    cells = [row.split("|")[1] for row in rows if row.startswith("|") and "---" not in row]
    quoted = [part for cell in cells for part in re.findall(r"`([^`]*)`", cell)]
    return {name for part in quoted for name in part.split()}


def test_every_documented_operator_has_a_record_and_no_other() -> None:
    assert {record.name for record in operators()} == documented_names()


@pytest.mark.parametrize("record", operators(), ids=lambda record: record.name)
def test_record_is_complete(record: Operator) -> None:
    assert operator(record.name) is record
    assert record.doc.endswith(".")
    assert record.parameters is not None
    assert all(dtype in ALL for dtype in record.extra.get("dtypes", ()))
    if record.kind is Kind.ELEMENTWISE:
        assert record.cpu is not None
        assert record.samples is not None


def test_every_rule_fires_in_a_golden() -> None:
    rules = {rule.name for name in FAMILIES for rule in family(name)}
    fired: set[str] = set()
    for path in (ROOT / "tests/golden/ir").glob("*.jir"):
        golden = Golden.read(path)
        if not golden.errors:
            graph = parse(golden.source)
            apply_passes(graph, golden.passes, lambda name, node: fired.add(name))
    assert rules - fired == set()


def test_rule_names_are_unique() -> None:
    names = [rule.name for name in FAMILIES for rule in family(name)]
    assert len(names) == len(set(names))
