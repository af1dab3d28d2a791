"""Runs programs with loops: eager against compiled, with loops captured."""

import copy

import jitflow


def control_nodes(report):
    """Names of the loops and branches that were captured, in order."""
    return [name for piece in report.journal.pieces for name in piece.captured]


def control_nodes_in(text):
    """Names of the control operators in the text of a graph, in order."""
    words = text.split()
    return [
        word
        for before, word in zip(words, words[1:], strict=False)
        if before == "=" and word in ("for", "while", "cond")
    ]


def run_captured(compare, function, calls, backend, **options):
    """Compare eager with compiled on each tuple of arguments; gives the report."""
    with jitflow.config().override(strict=True, verify_ir=True, capture_loops=True):
        compiled = jitflow.compile(function, backend=backend, **options)
        for args in calls:
            compare(function, compiled, copy.deepcopy(args))
        return compiled.report()
