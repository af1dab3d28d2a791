"""Random programs with arrays whose number of rows (or columns) changes as they run."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import numpy as np

_STARTS = ("np.zeros((1, 3))", "a[:2]", "a[:2].copy()", "np.ones((0, 3))", "np.array([b])", "a[:, :3].copy()", "a")  # fmt: skip
_LOOPS = (
    "for t in range(n):", "while t < n:", "while s < 4.0 and t < 30:", "for v in np.arange(0.0, b[0] * 3, 0.25):", "for t in range(len(a)):",
    "for v in np.arange(b[1], b[0] + 1, b[2] + 0.1):", "for row in a:", "while True:",
)  # fmt: skip
_STEPS = (
    "x = np.vstack((x, b))", "x = np.vstack((x, y[-1:]))", "x = np.vstack([x, a[t % len(a)] * s])", "x = np.concatenate((x, a[:2]))", "x = np.append(x, [b], axis=0)", "x = np.r_[x, a[:1]]",
    "z = np.append(z, s)", "z = np.concatenate((z, [s, t]))", "z = np.hstack((z, b))", "w = np.hstack((w, c))", "w = np.column_stack((w, b + s))", "w = np.concatenate((w, c * s), axis=1)", "w = np.c_[w, b]",
    "y = x", "y = x * 2", "y = a[: t % 5]", "y = a[t % 3 :] + s", "y = np.array([b, b])", "x = y", "x, y = y, x", "y = x[::2]", "y = x[-3:].copy()", "z = z[1:]", "w = w[:, 1:]", "y = x[x[:, 0] > 0.5]", "y = a[a[:, 1] < s]",
    "if s > 1.0: y = x", "if s < 2.0: best = x", "if a[t % len(a), 0] > 0.5:\n    best = y\nelse:\n    best = x", "if len(y) > len(best): best = y", "best = np.vstack((best, y[:1]))", "if best is x: s += 0.5", "if y is not None and len(x) > 12: break",
    "s += x.sum() * 0.01", "s += len(y) * 0.1", "s = s * 0.5 + z[-1]", "s += x[-1, 0]", "s += w[0].max() * 0.1", "s += y.shape[0]", "b = x[-1] * 0.5", "x[0] += 1.0", "x[-1, 1] = s", "w[:, -1] = 0.5", "best[:1] = s", "s += best.shape[0] + z.size",
    "keep.append(x.shape)", "u = np.arange(s, s + 1.0, 0.3)", "s += u.sum() * 0.1", "u = np.arange(0, b[1], 0.2)", "for q in u: s += q * 0.01", "c = w[:, :1]", "for j in range(t % 3): x = np.vstack((x, b + j))", "k = x.T @ x", "s += k[0, 0] * 0.001",
    "if s < 2.0: o = x", "if s > 1.0: o = y", "o = y if s > 1.0 else None", "if o is None: o = y * 2", "if o is not None: s += o.sum() * 0.01", "if t % 3 == 0: o = b * s", "if o is x: s += 0.25", "if o is not None: y = o", "if o is None or len(o) < len(x): o = x + s",
    "if o is not None and s < 3.0: o[:1] += 0.5", "if t % 5 == 4: o = None", "if s < 1.5: p = (s, x)", "if p is not None: s += p[1][0, 0] * 0.1", "if p is None: p = (s, y)", "if a[t % len(a), 1] > 0.5: p, o = (s, b), a[t % len(a)]",
    "if t % 4 == 1: continue", "if s > 30: s = 0.5", "x = x[-6:]", "z = z[-9:]", "w = w[:, -5:]", "best = best[-7:]",
)  # fmt: skip
_ENDS = ("x, y, s", "x, best, best is x, s", "w, z", "x.shape, y.shape, w.shape", "best, y", "u, s, t", "x, y, w, z, best, x is y, keep", "x.base is None, w.flags.c_contiguous, w", "z.sum(), k", "o, s", "p, s", "o, x, y, o is x", "p, o, t")  # fmt: skip


def source(seed: int) -> str:
    """The text of a program."""
    pick = random.Random(f"rows {seed}")
    lines = ["def program(a, b, c, n):", f"    x = {pick.choice(_STARTS)}"]
    lines.append(f"    y = best = {pick.choice(('x', 'a[:1]', 'np.zeros((2, 3))', 'x + 1'))}")
    lines.append("    w, z, u, keep, s, t = c, np.array([0.5]), np.zeros(1), [], 0.5, 0")
    lines.append("    o = p = None")
    lines.append("    k = a[:3, :3].T @ a[:3, :3]")
    for _ in range(pick.randint(1, 2)):
        loop = pick.choice(_LOOPS)
        lines.append("    " + loop)
        lines.append("        t += 1")
        body = [pick.choice(_STEPS) for _ in range(pick.randint(1, 5))]
        if loop == "while True:":
            body.insert(0, "if t > n: break")
        if loop.startswith("while s"):
            body.insert(0, "s += 0.3")
        for text in body:
            lines += ["        " + line for line in text.split("\n")]
    lines.append(f"    return {pick.choice(_ENDS)}")
    return "\n".join(lines) + "\n"


def arguments(seed: int) -> tuple[Any, ...]:
    """Arguments of a program."""
    rng = np.random.default_rng(seed)
    a = rng.random((int(rng.integers(3, 9)), 3))
    return a, rng.random(3), rng.random((3, 1)), int(rng.integers(0, 24))


def calls(seed: int) -> list[Any]:
    """What makes the arguments of each call."""
    return [partial(arguments, seed * 11 + number) for number in range(4)]
