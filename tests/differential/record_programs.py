"""Random programs with lists of tuples and dicts of arrays that grow, and with dicts made anew in each iteration."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import numpy as np
from outcomes import Box

_FIRST = (
    "log = []", "log = []", "log = []", "log = [(h, 0)]", "log = [{'x': h, 't': 0}]", "log = states", "log = [h]",
)  # fmt: skip
_PARAMETERS = (
    "p = {'w': np.ones(4), 'b': np.zeros(2)}", "p = {'w': a[0], 'b': a[1, :2]}", "p = [np.ones(4), np.zeros(2)]", "p = given", "p = {'w': h, 'b': h, 'rate': 0.5}",
    "p = [(np.ones(4), 0.0), (a[2] * 1, 1.0)]", "p = {'w': [np.ones(4)], 'b': (np.zeros(2), 3)}",
)  # fmt: skip
_RECORDS = (
    "log.append((x, h))", "log.append((h, t))", "log.append((a[t % 5], t))", "log.append((a[:, t % 4], h * 2))", "log.append({'x': x, 't': t})", "log.append({'x': h, 't': t})", "log.append((x, x[1:]))",
    "d = {'x': x, 't': t}; log.append(d)", "d['t'] = t; log.append(d)", "log.append(h)", "log.append(x)", "log.append((z[:2], t))", "log.append((prev, h))", "log.append({'x': prev, 't': x})", "log.append([x, h])", "log.append(({'x': x, 't': t}, h))",
)  # fmt: skip
_STEPS = (
    "x = np.tanh(h + a[t % 5])", "x = h * 0.5 + 1", "x = a[t % 5] * 2", "x = a[t % 5]", "prev = h; h = x", "h = h * 0.9 + a[t % 5]", "h = x", "h += 1", "prev[0] = t", "x[1] = 7", "a[t % 5] += 1", "z = a[t % 5] * 3", "z[1] = t", "h = z", "prev = x",
    "if t % 3: h = x", "if x[0] > 0.5: prev = h * 1", "if h[0] > 40: break", "if t % 4 == 2: continue", "s += log[-1][0].sum()", "s += log[-1]['x'].sum()", "s += log[t // 2][0][0]", "s += len(log)", "box.array = x", "box.value = log", "d['x'] = h * 2", "box.value = d",
    "p = {k: v + t for k, v in p.items()}", "p = {k: p[k] * 0.9 for k in p}", "p = [q * 0.9 for q in p]", "p = {'w': p['w'] + x, 'b': p['b']}", "p = {**p, 'w': p['w'] + x}", "p = [(w * 0.9, b + 1) for w, b in p]", "p['w'] = p['w'] + 1", "p['w'] += 1", "p = dict(p)",
    "old = p", "s += p['w'].sum()", "s += p[0].sum()", "box.value = p", "p = {'w': h, 'b': p['b']}", "p = {'w': [p['w'][0] + 1], 'b': (p['b'][0], p['b'][1] + 1)}", "s += p is old", "if s > 99: p = {k: v * 0 for k, v in p.items()}", "best = p if s > 3 else best",
)  # fmt: skip
_BETWEEN = (
    "h[0] = 3", "a[1] = 2", "z[0] = 100", "prev[0] = 5", "x[0] = -1", "d['t'] = 50", "p['w'][0] = 9", "old['w'][1] = 8", "h0[1] = 4", "log[0][0][0] = 6", "log[0]['t'] = 11", "box.array = h", "pass", "pass", "pass", "log.append((h, 1))", "log = log[::-1]",
)  # fmt: skip
_READS = (
    "for t in range(len(log)): s = s * 0.9 + log[t][0].sum() * t", "for u, v in reversed(log): s = s * 0.9 + np.sum(u) - np.sum(v)", "for q in log: s = s * 0.9 + q['x'].sum() * np.sum(q['t'])", "for t in range(len(log) - 1, -1, -1): s = s * 0.5 + log[t]['x'].max()",
    "for t in reversed(range(len(log))):\n        u, v = log[t]\n        s += (u * u).sum() * 0.1", "for q in reversed(log):\n        s = s * 0.9 + q[0][0]\n        a[0] += 1", "for q in log:\n        q[0][0] += 1\n        s += q[0].sum()", "for q in log: s += q.sum()", "s += np.array(log).sum()",
    "for t in range(len(log)): s += log[t][0].strides[0]", "for t in range(len(log)):\n        log[t]['t'] = 1\n        s += log[t]['x'][0]", "for k in range(len(log)): s += log[k] is log[-1 - k]", "while log:\n        u, v = log.pop()\n        s += u.sum()", "pass",
)  # fmt: skip
_ENDS = ("s, h", "log, h, s", "p, s", "old, p, old is p", "s, prev, z, box", "box, s, a", "best, p, best is p, s", "log[-1], s", "d, s", "x, h, x is h, given")  # fmt: skip

_MADE = (
    "x = a[t % 5]", "x = a[t - 1]", "x = a[:, t % 4][:4]", "x = a[0]", "x = np.tanh(h)", "x = a.T[1, :4]", "x = b[:, t]", "x = b[:, -1 - t].T", "x = b[:, t, :2]", "x = b[t:t + 4, 0, 0]", "f = np.cos(h + t)", "g = h * c", "f = np.sin(a[t % 5])", "g = f.copy()", "f = g", "g = x", "x = f[:2]", "x = f.reshape(2, 2)",
)  # fmt: skip
_KEPT = (
    "(x, h)", "(h, c, f)", "(x, h, c, f, new)", "(h, f, new, w)", "(new, h, t)", "(h, h)", "{'x': x, 'c': c, 'n': new}", "{'f': f, 'w': w, 't': t}", "((x, h), {'c': c}, f)", "(before, h)", "(g, f, c)", "new", "h", "c", "x", "(w, a)", "(x.T, None, new)", "(f, c, new, float(t))",
)  # fmt: skip
_MOVED = (
    "h = new", "h, c = new, f", "before, h = h, new", "h, c = c, h", "before = h; h = new; c = h", "c = new", "h = f; c = g", "box.array = h; h = new", "h[0] = t", "new[0] = 1", "x[0] = t", "w = w * 1", "before[1] = 2", "f += 1", "if t % 2: h = new", "h = h * 0.5", "state = (h, new)",
)  # fmt: skip
_LEFT = ("log, h", "log, h, c", "log, hs", "hs, log, s", "box, s", "box, log, new", "log, before, h", "hs, s", "(log[-1] if log else 0), log", "log, a, b, w, h0")  # fmt: skip


def source(seed: int) -> str:
    """The text of a program."""
    return _leaving(seed) if seed % 4 == 3 else _general(seed)


def _leaving(seed: int) -> str:
    """The text of a program whose lists leave it, with states of before in their items."""
    pick = random.Random(f"leaving records {seed}")
    lines = ["def program(a, states, given, box, n):", "    import numpy as np"]
    h0 = pick.choice(("np.zeros(4)", "a[0]", "box.array", "np.ones(4)"))
    lines += [f"    h0 = {h0}", f"    h, c = {pick.choice(('h0, h0', 'h0, h0 * 1', 'h0 + 1, h0'))}"]
    lines += ["    w, b, s = given['w'], np.ones((6, 40, 4)), 0.0"]
    lines += [
        "    x = before = f = g = new = np.ones(4)",
        f"    log = {pick.choice(('[]', '[]', '[h]', 'states'))}",
    ]
    lines += [
        f"    hs = {pick.choice(('[]', '[]', '[h]'))}",
        f"    {pick.choice(('box.value = log', 's = 1.0'))}",
    ]
    step = pick.choice(
        ("range(n)", "range(n)", "range(n)", "reversed(range(n))", "range(1, 2 * n, 2)")
    )
    lines.append(f"    for t in {step}:")
    body = [pick.choice(_MADE) for _ in range(pick.randint(1, 4))]
    body.append(pick.choice(("new = h * 0.5 + c", "new = np.tanh(h + w)", "new = h + f")))
    body.append(f"log.append({pick.choice(_KEPT)})")
    if pick.random() < 0.4:
        body.insert(pick.randint(0, len(body)), f"hs.append({pick.choice(_KEPT)})")
    body += [pick.choice(_MOVED) for _ in range(pick.randint(1, 3))]
    lines += [f"        {text}" for text in body]
    lines.append(
        f"    {pick.choice(('pass', 'pass', 'h[0] = 5', 'a[1] = 3', 'h0[0] = 9', 'b[:] = 4', 'log.append((h, c))', 's = log[-1][0].sum() if log else 0', 'c += 1'))}"
    )
    lines.append(f"    return {pick.choice(_LEFT)}")
    return "\n".join(lines) + "\n"


def _general(seed: int) -> str:
    pick = random.Random(f"records {seed}")
    lines = ["def program(a, states, given, box, n):", "    import numpy as np"]
    lines.append(f"    h = {pick.choice(('np.zeros(4)', 'a[0]', 'a[0] * 1', 'box.array'))}")
    lines.append("    h0 = x = prev = z = h" if pick.random() < 0.3 else "    h0, x = h, h + 1")
    lines.append("    prev, z, s, t, d = x * 1, x * 2, 0.0, 0, {'x': x, 't': 0}")
    lines += [f"    {pick.choice(_FIRST)}", f"    {pick.choice(_PARAMETERS)}", "    old = best = p"]
    for _ in range(pick.randint(1, 2)):
        lines.append(
            f"    {pick.choice(('for t in range(n):', 'for t in range(n):', 'for t, row in enumerate(a):', 'while t < n:'))}"
        )
        body = [pick.choice(_STEPS) for _ in range(pick.randint(1, 5))]
        if pick.random() < 0.8:
            body.insert(pick.randint(0, len(body)), pick.choice(_RECORDS))
        lines += ["        t += 1", *(f"        {text}" for text in body)]
        lines += [f"    {pick.choice(_BETWEEN)}", f"    {pick.choice(_READS)}"]
    lines.append(f"    return {pick.choice(_ENDS)}")
    return "\n".join(lines) + "\n"


def arguments(seed: int) -> tuple[Any, ...]:
    """Arguments of a program; some have an array twice."""
    rng = np.random.default_rng(seed)
    a = rng.random((5, 4))
    states = [(rng.random(4), int(k)) for k in rng.integers(0, 9, 3)]
    given = {"w": rng.random(4), "b": a[3] if rng.random() < 0.3 else rng.random(2)}
    box = Box(0.5, 1, a[1] if rng.random() < 0.3 else rng.random(4))
    return a, states, given, box, int(rng.integers(0, 30))


def calls(seed: int) -> list[Any]:
    """What makes the arguments of each call."""
    return [partial(arguments, seed * 7 + number) for number in range(4)]
