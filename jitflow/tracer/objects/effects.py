"""Changes of objects: noting them, undoing them, and what of them outlives the piece.

A changed object holds its newest state in its own fields. What is replayed at the exit is the
difference to the state at the piece's start, worked out then (`materialise`).
"""

from __future__ import annotations

from typing import Any

from jitflow.core.errors import Unsupported
from jitflow.tracer import user_calls
from jitflow.tracer.objects.model import DictValue, SetValue
from jitflow.tracer.objects.protocol import Tracer
from jitflow.tracer.objects.table import Checkpoint
from jitflow.tracer.restart import Restart
from jitflow.tracer.values import PyValue, SequenceValue


def will_change(tracer: Tracer, value: Any) -> None:
    """Call before changing the fields of `value`, which the user's program mutates."""
    if isinstance(value, SequenceValue) and value.lender is not None:
        cause = Unsupported("JF-B014", "a list in a list of lists changes")
        raise Restart(cause, itemised=value.origin)
    if isinstance(value, DictValue) and value.is_lent:
        raise Unsupported("JF-B006", "a dict in a list that grows changes")
    table = tracer.context.objects
    table.save(value)
    value.changed = True
    if value.source is not None:
        if isinstance(value, SequenceValue | DictValue) and id(value) not in table.originals:
            items = value.fixed if isinstance(value, SequenceValue) else value.known
            table.originals[id(value)] = items.copy()
        table.changed.setdefault(id(value), value)


def will_resize(tracer: Tracer, value: DictValue | SetValue) -> None:
    """Call before adding items to, or removing them from, a dict or set.

    One that is iterated over is left to Python: the iterator will raise, or not, by what the table
    in memory looks like.
    """
    if not all(iterator.exhausted for iterator in value.iterators):
        raise Unsupported("JF-B014", f"a {value.kind.__name__} that changes while it is iterated")
    will_change(tracer, value)


def call_for_effect(tracer: Tracer, function: Any, arguments: list[PyValue]) -> None:
    """Note a call that the exit makes for its effect alone."""
    tracer.context.objects.calls.append((function, arguments))


def checkpoint(tracer: Tracer) -> Checkpoint:
    """A mark of the virtual state, cheap enough for every instruction."""
    context = tracer.context
    table, block = context.objects, context.builder.block
    table.number += 1
    return Checkpoint(
        table.number,
        len(table.journal),
        len(table.calls),
        block,
        len(block.nodes),
        context.call_outs,
        len(context.calls),
    )


def rollback(tracer: Tracer, mark: Checkpoint, begun: Checkpoint | None = None) -> None:
    """Undo every change of objects and every effect in the graph since `mark`.

    Nodes without effect stay: they are dead code, and values made on demand may refer to them. With
    `begun`, which came later, so do the checks that were made up to then.
    """
    context = tracer.context
    table = context.objects
    while len(table.journal) > mark.journal:
        value, fields = table.journal.pop()
        vars(value).update(fields)
        table.saved.pop(id(value), None)
    table.changed = {key: v for key, v in table.changed.items() if getattr(v, "changed", False)}
    del table.calls[mark.calls :]
    first = mark.nodes if begun is None else begun.nodes
    added = mark.block.nodes[first:]
    del mark.block.nodes[first:]
    mark.block.nodes.extend(user_calls.silenced(added, context.builder.graph.symbols))
    del context.calls[mark.numpy_calls :]
    context.call_outs = mark.call_outs
    context.known_numbers.clear()
    table.number += 1


def changed_since(tracer: Tracer, mark: Checkpoint) -> list[PyValue]:
    """Objects whose fields were changed since `mark`, each once, in order."""
    found: dict[int, PyValue] = {}
    for value, _ in tracer.context.objects.journal[mark.journal :]:
        found.setdefault(id(value), value)
    return list(found.values())


def refuse_mutation(what: str) -> Unsupported:
    """The break for a change that cannot be replayed."""
    return Unsupported("JF-B014", what)
