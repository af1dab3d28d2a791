"""Reading and blessing of ``.jir`` golden files."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from jitflow.ir import pipeline
from jitflow.ir.graph import Graph
from jitflow.ir.passes.simplify import Simplify
from jitflow.ir.rewriter import OnFire
from jitflow.ir.verifier import verify

_MARKER = "# expect:\n"


@dataclass
class Golden:
    """One file, taken apart."""

    path: Path
    source: str
    expected: str
    passes: tuple[str, ...] = ()
    runs: list[str] = field(default_factory=list)
    ulp: int = 0
    errors: dict[int, str] = field(default_factory=dict)

    @staticmethod
    def read(path: Path) -> Golden:
        """The parts of the file at `path`."""
        source, _, expected = path.read_text().partition(_MARKER)
        golden = Golden(path, source, expected)
        for number, line in enumerate(source.split("\n"), 1):
            if match := re.match(r"# passes: (.*)", line):
                golden.passes = tuple(match.group(1).split())
            elif match := re.match(r"# run: (.*)", line):
                golden.runs.append(match.group(1))
            elif match := re.match(r"# ulp: (\d+)", line):
                golden.ulp = int(match.group(1))
            elif match := re.search(r"# error: (.*)", line):
                golden.errors[number] = match.group(1).strip()
        return golden

    def bless(self, text: str) -> None:
        """Make `text` what is expected."""
        self.path.write_text(f"{self.source.rstrip()}\n{_MARKER}{text}")


def apply_passes(graph: Graph, names: tuple[str, ...], on_fire: OnFire | None = None) -> Graph:
    """`graph` after the passes called `names`, verified after each; `pipeline` is all of them."""
    for name in names:
        chosen = pipeline.PIPELINE if name == "pipeline" else (pipeline.NAMED[name],)
        for item in chosen:
            if on_fire is not None and isinstance(item, Simplify):
                item = Simplify(item.families, on_fire)
            graph = item.run(graph)
            verify(graph)
    return graph
