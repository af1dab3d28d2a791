"""``JITFLOW_LOGS``: events as lines on standard error."""

from __future__ import annotations

import sys

from jitflow.core import events
from jitflow.core.config import config
from jitflow.core.errors import describe_break


def write(event: events.Event) -> None:
    """The listener that logs what the settings ask for."""
    wanted = config().logs
    if not wanted:
        return
    name = event.function.rsplit("#", 1)[0]
    for kind, text in _lines(event):
        if kind in wanted:
            for line in text.split("\n"):
                print(f"[jitflow {kind}] {name}: {line}", file=sys.stderr)


def _lines(event: events.Event) -> list[tuple[str, str]]:
    if isinstance(event, events.Broke):
        return [("breaks", describe_break(event.code, event.detail, event.location))]
    if isinstance(event, events.LoopLeft):
        return [("breaks", f"loop at {event.location} runs in Python: {event.detail}")]
    if isinstance(event, events.RanEagerly):
        return [
            ("breaks", f"ran eagerly: {describe_break(event.code, event.detail, event.location)}")
        ]
    if isinstance(event, events.Recompiled):
        return [("recompiles", f"at {event.point}: {reason}") for reason in event.reasons]
    if isinstance(event, events.PieceCompiled):
        texts = {"guards": "guards", "graph": "graphs"}
        texts |= dict.fromkeys(("loops", "llvm", "triton", "launches"), "kernels")
        return [(kind, event.texts[key]) for key, kind in texts.items() if key in event.texts]
    return []
