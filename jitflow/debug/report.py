"""The report of one compiled function: one data model, rendered as text or JSON."""

from __future__ import annotations

from typing import Any

from jitflow.core.breaks import BREAKS
from jitflow.core.dataclass import dataclass, fields
from jitflow.core.errors import describe_break
from jitflow.core.events import PieceCompiled
from jitflow.debug.journal import Journal


@dataclass(frozen=True)
class Report:
    """What happened to a compiled function so far.

    ``str(report)`` is for people; `to_json` for programs; `as_dict` is the data model.
    """

    journal: Journal

    @property
    def pieces(self) -> int:
        """Pieces with at least one operator."""
        return sum(1 for piece in self.journal.pieces if piece.operators)

    @property
    def breaks(self) -> int:
        """Distinct graph breaks."""
        return len(self.journal.breaks)

    @property
    def recompiles(self) -> int:
        """Traces made because no variant fitted."""
        return len(self.journal.recompiles)

    @property
    def compile_ms(self) -> float:
        """Milliseconds spent tracing and compiling."""
        return sum(piece.trace_ms + piece.compile_ms for piece in self.journal.pieces)

    def as_dict(self) -> dict[str, Any]:
        """The whole report as plain data."""
        journal = self.journal
        return {
            "function": journal.name,
            "pieces": [_as_dict(piece) for piece in journal.pieces],
            "breaks": [
                {
                    "code": entry.code,
                    "title": BREAKS[entry.code].title,
                    "detail": entry.detail,
                    "file": entry.location.filename,
                    "line": entry.location.line,
                    "function": entry.location.function,
                    "why": BREAKS[entry.code].why,
                    "try": BREAKS[entry.code].remedy,
                    "kind": BREAKS[entry.code].kind,
                    "count": entry.count,
                    "stack": [str(frame) for frame in entry.stack],
                }
                for entry in journal.breaks.values()
            ],
            "loops": [
                {"file": place.filename, "line": place.line, "detail": detail}
                for place, detail in journal.loops.items()
            ],
            "recompiles": [
                {"point": event.point, "reasons": list(event.reasons)}
                for event in journal.recompiles
            ],
            "eager": [
                {"code": code, "detail": detail, "count": count}
                for (code, detail), count in journal.eager.items()
            ],
        }

    def to_json(self, **options: Any) -> str:
        """The report as JSON text."""
        import json

        return json.dumps(self.as_dict(), default=str, **options)

    def __str__(self) -> str:
        return "\n".join([*self._head(), *self._pieces(), *self._breaks(), *self._others()])

    def _head(self) -> list[str]:
        operators = sum(piece.operators for piece in self.journal.pieces)
        return [
            f"{self.journal.name}: {self.pieces} piece(s), {operators} operators, "
            f"{self.breaks} break(s), {self.recompiles} recompile(s), "
            f"{self.compile_ms:.1f} ms compiling"
        ]

    def _pieces(self) -> list[str]:
        return [
            f"  piece {number} at {piece.point}: {piece.operators} operators "
            f"({piece.native_operators} native, {piece.call_outs} call-outs), "
            f"trace {piece.trace_ms:.1f} ms, compile {piece.compile_ms:.1f} ms, "
            f"ends by {piece.exit}"
            for number, piece in enumerate(self.journal.pieces, 1)
        ]

    def _breaks(self) -> list[str]:
        lines: list[str] = []
        for entry in self.journal.breaks.values():
            text = describe_break(entry.code, entry.detail, entry.location)
            lines += [f"  {line}" for line in text.split("\n")]
            lines += [f"    called from {frame}" for frame in entry.stack]
        return lines

    def _others(self) -> list[str]:
        lines = [
            f"  loop at {place} runs in Python, its body compiled: {detail}"
            for place, detail in self.journal.loops.items()
        ]
        lines += [
            f"  recompiled at {event.point}: {'; '.join(event.reasons)}"
            for event in self.journal.recompiles
        ]
        lines += [
            f"  ran eagerly {count} time(s): {code} {BREAKS[code].title}: {detail}"
            for (code, detail), count in self.journal.eager.items()
        ]
        return lines


def _as_dict(piece: PieceCompiled) -> dict[str, Any]:
    """The event's fields; its texts are made now."""
    values = {one.name: getattr(piece, one.name) for one in fields(piece)}
    return {**values, "texts": dict(piece.texts)}
