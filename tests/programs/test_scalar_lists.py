"""Lists of NumPy's numbers (`list(array)`, observations drawn one by one) that loops read."""

import numpy as np
from helpers.loops import control_nodes

RNG = np.random.default_rng(2)


def test_observations_choose_columns(check_loops):
    def f(observed, start, moves, seen):
        score = np.log(start) + np.log(seen[:, observed[0]])
        back = np.zeros((len(observed), len(start)), int)
        for t in range(1, len(observed)):
            new = np.zeros_like(score)
            for j in range(len(start)):
                ways = score + np.log(moves[:, j])
                back[t, j] = np.argmax(ways)
                new[j] = ways[back[t, j]] + np.log(seen[j, observed[t]])
            score = new
        path = [int(np.argmax(score))]
        for t in range(len(observed) - 1, 0, -1):
            path.insert(0, int(back[t, path[0]]))
        return path, score

    start, moves, seen = (
        np.full(3, 1 / 3),
        RNG.dirichlet(np.ones(3), 3),
        RNG.dirichlet(np.ones(4), 3),
    )
    calls = [(list(RNG.integers(0, 4, 30)), start, moves, seen) for _ in range(2)]
    report = check_loops(f, *calls)
    assert control_nodes(report)[:2] == ["for", "for"]
    assert report.breaks == 0


def test_types_are_those_of_the_items(check_loops):
    def f(values, n):
        total, last = np.float32(0), None
        for k in range(n):
            last = values[k % len(values)]
            total = total + last * values[-1 - k % 3]
        return total, last, type(last)

    for dtype in (np.float32, np.int8, np.uint64, np.complex64, np.bool_):
        values = list(RNG.integers(0, 3, 20).astype(dtype))
        report = check_loops(f, (values, 40), (values[::-1], 25))
        assert "for" in control_nodes(report)


def test_items_of_several_types(check_loops):
    def f(values, n):
        total = 0.0
        for k in range(n):
            total = total + values[k]
        return total, type(total)

    mixed = [np.float64(1.5), 2.5, np.float32(0.25), 4, np.int64(3)] * 6
    check_loops(f, (mixed, 30), (mixed, 31), (list(np.arange(40.0)), 40))
