"""``extend`` and ``+=`` in captured loops, with as many items as data decide."""

import numpy as np
import pytest
from helpers.loops import control_nodes

RNG = np.random.default_rng(4)


def orbits(rates, n):
    out = []
    for rate in rates:
        x, orbit = 0.5, []
        for k in range(n):
            x = rate * x * (1 - x)
            if k >= n - 5 and x > 0.3:
                orbit.append((rate, x))
        out.extend(orbit)
    return out


def added(rates, n):
    out = [0]
    for rate in rates:
        found = [k for k in range(n) if (k * rate) % 1.0 > 0.5]
        out += found
        out.extend(k * 2 for k in range(int(rate)))
    return out, len(out)


def by_ranges(rates, n):
    out = []
    for rate in rates:
        out.extend(range(int(rate * n) % 7))
    return out


def itself(rates, n):
    out = [1.0]
    for rate in rates[:3]:
        out.extend(out)
        out.append(rate)
    return out, n


def arrays_of_a_list(rates, n):
    out = []
    for rate in rates:
        pieces = []
        for k in range(n):
            if k % 3 == 0:
                pieces.append(np.array([rate, k * 1.0]))
        out.extend(pieces)
    return len(out), out[-1].sum()


def fails_behind(rates, n):
    out = []
    for rate in rates:
        out.extend([k for k in range(n) if k * rate > 9])
        if len(out) > 40:
            raise ValueError(f"{len(out)} items")
    return out


@pytest.mark.parametrize("f", [orbits, added, by_ranges, itself, arrays_of_a_list, fails_behind])
def test_extended(check_loops, f):
    rates = RNG.uniform(2.5, 4.0, 30)
    check_loops(f, (rates, 20), (rates[:11], 33), (rates[:1], 2))


@pytest.mark.parametrize("f", [orbits, added])
def test_captured(check_loops, f):
    report = check_loops(f, (RNG.uniform(2.5, 4.0, 30), 20))
    assert report.breaks == 0
    assert "for" in control_nodes(report)


def test_a_list_of_the_caller(check_loops):
    def f(out, rates):
        for rate in rates:
            out.extend([rate * k for k in range(12) if k * rate > 9])
        return sum(out)

    rates = RNG.uniform(0.5, 3.0, 20)
    check_loops(f, ([], rates), ([1.0, 2.0], rates[:7]), ([1, "two"], rates))
