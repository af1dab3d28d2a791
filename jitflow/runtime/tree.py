"""The decision tree over the variants of a compile point.

Variants are told apart by guards in Python text; equal beginnings are evaluated once for all of
them. The tree gives the functions of the variants whose Python guards hold, newest first; facts
about arrays are checked when such a function starts, natively.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jitflow.guards.checks import Let, Step
from jitflow.runtime.glue import LOST, GlueText

Select = Callable[..., list[Callable[..., Any]]]


def make_tree(glues: Sequence[GlueText], state_size: int) -> Select:
    """``select(*state)``: the unguarded functions of the variants that may fit, in order.

    `glues` share one constant pool, so that equal steps are equal text.
    """
    objects: dict[str, Any] = {"LOST": LOST}
    for number, glue in enumerate(glues):
        objects.update(glue.objects)
        objects[f"run{number}"] = glue.compile_unguarded()
    lines: list[str] = []
    _branch(list(enumerate(glues)), 0, "    ", lines)
    parameters = ", ".join(f"v{i}" for i in range(state_size))
    source = "\n".join([f"def select({parameters}):", "    found = []", *lines, "    return found"])
    exec(compile(source, "<jitflow decision tree>", "exec"), objects)
    select: Select = objects["select"]
    return select


def _branch(members: list[tuple[int, GlueText]], depth: int, indent: str, lines: list[str]) -> None:
    """Write the steps that `members` share from `depth` on, then one branch for each way on."""
    inner = indent + "        "
    lines += [f"{indent}try:", f"{indent}    while True:"]
    while True:
        nexts = [_step(glue, depth) for _, glue in members]
        if nexts[0] is None or any(step != nexts[0] for step in nexts):
            break
        lines.append(inner + _text(nexts[0]))
        depth += 1
    for group in _grouped(members, depth):
        number, glue = group[0]
        if len(group) == 1 and _step(glue, depth) is None:
            lines.append(f"{inner}found.append(run{number})")
        else:
            _branch(group, depth, inner, lines)
    lines += [f"{inner}break", f"{indent}except LOST:", f"{indent}    pass"]


def _grouped(members: list[tuple[int, GlueText]], depth: int) -> list[list[tuple[int, GlueText]]]:
    """Members with the same next step together; those that are at their end each alone."""
    groups: dict[Any, list[tuple[int, GlueText]]] = {}
    for number, glue in members:
        step = _step(glue, depth)
        groups.setdefault(number if step is None else step, []).append((number, glue))
    return list(groups.values())


def _step(glue: GlueText, depth: int) -> Step | None:
    return glue.steps[depth] if depth < len(glue.steps) else None


def _text(step: Step) -> str:
    if isinstance(step, Let):
        return f"{step.name} = {step.expression}"
    return f"if not ({step.condition}): break"
