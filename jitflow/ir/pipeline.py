"""The passes that every graph goes through before code generation, in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from jitflow.core.config import config
from jitflow.core.dataclass import dataclass
from jitflow.core.lazy import LazyModule
from jitflow.ir.graph import Graph, Value
from jitflow.ir.passes.cse import ShareEqual
from jitflow.ir.passes.dce import RemoveDead
from jitflow.ir.passes.observe import ObserveDead
from jitflow.ir.passes.regions import TidyRegions
from jitflow.ir.passes.simplify import Simplify
from jitflow.ir.passes.vectorise import VectoriseLoops

if TYPE_CHECKING:
    from jitflow.ir import verifier
    from jitflow.ir.passes import bounded, counting, interchange
else:
    bounded = LazyModule("jitflow.ir.passes.bounded")
    counting = LazyModule("jitflow.ir.passes.counting")
    interchange = LazyModule("jitflow.ir.passes.interchange")
    verifier = LazyModule("jitflow.ir.verifier")


class Pass(Protocol):
    """A pure function of graphs."""

    def run(self, graph: Graph) -> Graph:
        """The graph after the pass."""


@dataclass(frozen=True)
class RewriteRegions:
    """Rewrite graphs that have loops or branches, by a module that is loaded for those alone."""

    rewrite: Callable[[Graph], Graph]

    def run(self, graph: Graph) -> Graph:
        """`graph` rewritten; itself where it has no regions."""
        return self.rewrite(graph) if any(node.regions for node in graph.nodes) else graph


COUNT_WITHOUT_BRANCHES = RewriteRegions(lambda graph: counting.without_branches(graph))
BOUND_INTEGERS = RewriteRegions(lambda graph: bounded.without_checks(graph))

PIPELINE: tuple[Pass, ...] = (
    RemoveDead(keeps_loud=True),  # reads and shapes that nobody asks for: no work on them
    Simplify(),  # constants, views, casts and neutral elements, operands first
    ShareEqual(),  # equal nodes: simplified ones are equal more often
    Simplify(("canonicalise", "algebra")),  # rules on equal operands: x - x, where(c, x, x)
    ObserveDead(),  # eager NumPy warns of every value that it computes
    RemoveDead(),  # what the rules and sharing left behind
    TidyRegions(),  # loops: what they carry for nobody, what does not change in them
    VectoriseLoops(),  # loops whose iterations do not need each other
    COUNT_WITHOUT_BRANCHES,  # branches that only count or choose
    BOUND_INTEGERS,  # checks that are superfluous on their paths: what follows moves nothing
)

SILENT: tuple[Pass, ...] = tuple(p for p in PIPELINE if not isinstance(p, ObserveDead))
"""Passes for what runs on a device, where nothing warns."""


def with_layouts(strides: Callable[[Value, int], int]) -> tuple[Pass, ...]:
    """The passes for a graph whose layouts are known: loops are ordered by them."""
    place = next(k for k, item in enumerate(PIPELINE) if isinstance(item, VectoriseLoops))
    return (*PIPELINE[:place], interchange.InterchangeLoops(strides), *PIPELINE[place:])


NAMED: dict[str, Pass] = {
    "fold": Simplify(("fold",)),
    "canonicalise": Simplify(("canonicalise",)),
    "algebra": Simplify(("algebra",)),
    "simplify": Simplify(),
    "cse": ShareEqual(),
    "dce": RemoveDead(),
    "bounded": BOUND_INTEGERS,
    "regions": TidyRegions(),
    "observe": ObserveDead(),
    "vectorise": VectoriseLoops(),
    "counting": COUNT_WITHOUT_BRANCHES,
}
"""Passes by the names that golden tests use."""


def run(graph: Graph, passes: tuple[Pass, ...] = PIPELINE) -> Graph:
    """`graph` after `passes`; verified before and after each where the settings ask for it."""
    check = config().verify_ir
    if check:
        verifier.verify(graph)
    for item in passes:
        graph = item.run(graph)
        if check:
            verifier.verify(graph)
    return graph
