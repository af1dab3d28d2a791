"""Random programs in which lists take each other's place, and such as read lists of lists and tuples."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import numpy as np
from outcomes import Box

_STARTS = (
    "[0] * 4",
    "[0.0] * 4",
    "ints[:4]",
    "[1, 2, 3, 4]",
    "[0] * len(a)",
    "list(range(5))",
    "ints",
    "[float(v) for v in a]",
)
_LOOPS = ("for t in range(n):", "for t in range(len(rows)):", "for u, v, w in edges:", "for row in rows:", "for t, row in enumerate(rows):", "while t < n:", "for q in x:")  # fmt: skip
_NEW = (
    "new = [0] * len(x)", "new = [0.0] * 4", "new = [q + 1 for q in x]", "new = x[:]", "new = [x[0]] + y[1:]", "new = [t] + [0] * 3",
    "new = []", "new = [q * 0.5 for q in y]", "new = list(y)", "new = [1] + [x[j] + x[j + 1] for j in range(len(x) - 1)] + [1]", "new = [q for q in x if q > s]",
)  # fmt: skip
_CHANGES = (
    "x = new", "x = new", "x = new", "y = x\n    x = new", "x, y = y, x", "x, y = y, x", "y = new", "y = x", "x[t % 4] += 1", "y[-1] = t", "new[0] = s", "x.append(t)", "new.append(s)", "if len(x) > 6: x = x[:4]",
    "if a[t % 5] > 0.5: x = new", "if a[t % 5] > 0.5:\n        x = new\n    else:\n        x = y", "if x[0] > 9: break", "if a[t % 5] > 0.8: continue", "keep.append(x)", "keep.append(x[:])", "box.row = x", "x = box.row",
    "s += sum(x)", "s += x[t % 4] - y[t % 3]", "g = [[x[i % 4] + j for j in range(3)] for i in range(3)]", "g[t % 3][1] += 1", "x = g[t % 3]", "line = g[0]", "h = g", "g[1] = x", "g = [r[:] for r in h]", "z = (x, t)", "x = z[0]",
    "for k in rows[t % len(rows)]: s += k", "s += len(rows[t % len(rows)])", "y = rows[t % 3]", "rows[1].append(t)", "k = edges[t % len(edges)]", "s += edges[t % len(edges)][2]", "if x is y: s += 1", "if x == y: s += 1",
    "for j in range(len(new)): new[j] = x[j % len(x)] + 1", "for j in range(1, 4): new[j % len(new)] = max(x[j % 4], new[j - 1])", "for j in range(4): new.append(x[j] * 2)", "for k in x: new.append(k)", "for k in reversed(y): s = s * 0.5 + k",
    "line[0] = t", "box.value = s", "x = look()", "new = x", "s = x[0] if x[0] > s else s * 0.5",
)  # fmt: skip
_ENDS = ("x, y, new, s", "x, y, x is y, new is x", "keep, x, keep[-1] is x if keep else 0", "g, h, line, g is h", "box, x, rows", "x[-1], len(y), z", "rows, edges, k", "x, x is ints, ints")  # fmt: skip


def source(seed: int) -> str:
    """The text of a program."""
    pick = random.Random(f"rolling {seed}")
    lines = ["def program(a, ints, rows, edges, box, n):"]
    for name in "xy":
        lines.append(f"    {name} = {pick.choice(_STARTS)}")
    lines.append(
        f"    {pick.choice(('new = x', 'new = [9, 9, 9, 9]', 'y = x; new = []', 'new = y[:]'))}"
    )
    lines.append("    g = [[i * j for j in range(3)] for i in range(3)]")
    lines.append("    h, line, keep, z, s, t, k = [r[:] for r in g], g[0], [], (y, 0), 0.0, 0, 0")
    if pick.random() < 0.2:
        lines += ["    def look():", "        return x"]
    else:
        lines.append("    look = lambda: [1, 2, 3, 4]")
    for _ in range(pick.randint(1, 2)):
        lines.append("    " + pick.choice(_LOOPS))
        lines.append("        t += 1")
        body = [pick.choice(_NEW)] if pick.random() < 0.8 else []
        body += [pick.choice(_CHANGES) for _ in range(pick.randint(1, 5))]
        for text in body:
            lines += _block(text)
    lines.append(f"    return {pick.choice(_ENDS)}")
    return "\n".join(lines) + "\n"


def _block(text: str) -> list[str]:
    """The lines of a statement, in the body of a loop: its own continue four columns further in."""
    first, *rest = text.split("\n")
    return ["        " + first, *("    " + line for line in rest)]


def arguments(seed: int) -> tuple[Any, ...]:
    """Arguments of a program; some have a list twice."""
    rng = np.random.default_rng(seed)
    many = int(rng.integers(2, 30))
    rows = [rng.integers(0, 9, rng.integers(1, 7)).tolist() for _ in range(many + 3)]
    ints = rng.integers(0, 9, rng.integers(5, 80)).tolist()
    count = int(rng.integers(3, 60))
    edges = [(int(u), int(v), float(w)) for u, v, w in rng.integers(0, 9, (count, 3))]
    if rng.random() < 0.2:
        rows[2] = ints
    box = Box(0.5, 1, rng.random(3))
    box.row = ints if rng.random() < 0.3 else [1, 2, 3, 4]
    return rng.random(5), ints, rows, edges, box, int(rng.integers(0, 40))


def calls(seed: int) -> list[Any]:
    """What makes the arguments of each call."""
    return [partial(arguments, seed * 7 + number) for number in range(4)]
