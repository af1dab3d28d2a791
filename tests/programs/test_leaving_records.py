"""Lists of tuples and dicts of arrays that loops make and that leave: every array is the object that it is in Python."""

import numpy as np
import pytest
from helpers.loops import control_nodes

import jitflow

RNG = np.random.default_rng(0)


def arguments():
    return RNG.standard_normal((3, 20, 4)), RNG.standard_normal((4, 4)), RNG.standard_normal(4)


class Cell:
    """A recurrent layer that keeps what its backward pass needs."""

    def __init__(self):
        self.w, self.b, self.cache = np.ones((4, 4)) * 0.1, np.zeros(4), None

    def forward(self, x):
        h = c = np.zeros((len(x), 4))
        self.cache = []
        for t in range(x.shape[1]):
            f = np.tanh(x[:, t] + h @ self.w + self.b)
            new = f * c + 0.5
            self.cache.append((x[:, t], h, c, f, new))
            h, c = f * np.tanh(new), new
        return h


def forward(cell, x):
    return cell.forward(x)


def as_tuples(x, w, b):
    h = c = np.zeros((3, 4))
    cache = []
    for t in range(x.shape[1]):
        f = np.tanh(x[:, t] + h @ w)
        new = f * c
        cache.append((x[:, t], h, c, f, new, b, t))
        h, c = f * new, new
    return cache, h, c


def as_dicts(x, w, b):
    h, cache = x[:, 0] * 2, []
    for t in reversed(range(x.shape[1])):
        new = np.tanh(h @ w + x[:, t])
        cache.append({"x": x[:, t], "before": h, "after": new, "w": w})
        h = new
    return {"cache": cache}


def two_lists(x, w, b):
    h, states, pairs = np.zeros((3, 4)), [], []
    for t in range(x.shape[1]):
        h = np.tanh(h @ w + x[:, t])
        states.append(h)
        pairs.append((h, t))
    return states, pairs


def one_for_two(x, w, b):
    h, c, log = x[0], x[1], []
    for _ in range(12):
        new = h * 0.5 + c * 0.25
        log.append((h, c))
        h = c = new
    return log


def changing_places(x, w, b):
    h, c, log = x[0] * 1, x[1] * 1, []
    for _ in range(12):
        log.append((h, c))
        h, c = c, h
    return log


def of_the_one_before(x, w, b):
    before, h, log = w[0], b * 1, []
    for t in range(20):
        new = h * 0.9 + t
        log.append((before, h, new, new[:2]))
        before, h = h, new
    return log


def written_behind(x, w, b):
    h, log = b, []
    for _ in range(20):
        new = h * 0.9
        log.append((h, new))
        h = new
    b[0] = 7
    return log


def places(value, found):
    """The arrays in a value, in order."""
    if isinstance(value, np.ndarray):
        found.append(value)
    elif isinstance(value, dict):
        places([*value.values()], found)
    elif isinstance(value, tuple | list):
        for item in value:
            places(item, found)
    return found


def picture(result, args):
    """For each array which object it is, of which it is a view, and how it lies in memory."""
    arrays = places([args, result], [])
    known = {}
    for array in arrays:
        known.setdefault(id(array), len(known))
    return [
        (known[id(a)], known.get(id(a.base)), a.flags.owndata, a.flags.writeable, a.strides)
        for a in arrays
    ]


@pytest.mark.parametrize(
    "program",
    [
        as_tuples,
        as_dicts,
        two_lists,
        one_for_two,
        changing_places,
        of_the_one_before,
        written_behind,
    ],
)
def test_every_array_is_the_object_that_it_is_in_python(program):
    args = arguments()
    pictures = []
    for function in (program, jitflow.compile(program)):
        own = [array.copy() for array in args]
        pictures.append(picture(function(*own), own))
    assert pictures[0] == pictures[1]


@pytest.mark.parametrize(
    "program", [as_tuples, as_dicts, two_lists, one_for_two, of_the_one_before]
)
def test_loops_are_captured(program, check_loops):
    report = check_loops(program, arguments())
    assert (report.pieces, control_nodes(report)) == (1, ["for"])


def test_caches_in_attributes(check_loops):
    report = check_loops(forward, (Cell(), arguments()[0]))
    assert (report.pieces, control_nodes(report)) == (1, ["for"])


def test_no_iteration_at_all(check_loops):
    def program(h, n):
        log = []
        for _ in range(n):
            new = h * 0.5
            log.append((h, new))
            h = new
        return log

    check_loops(program, (np.ones(3), 9), (np.ones(3), 4), (np.ones(3), 0), (np.ones(3), 1))


def test_a_tuple_in_two_dicts_has_its_arrays_in_both(check_loops):
    def program(a, n):
        p = {"w": np.ones(4), "b": (np.zeros(2), 3)}
        old, p = p, {"w": p["w"] + 1, "b": p["b"]}
        for t in range(n):
            p = {"w": p["w"] + a[t % 5], "b": p["b"]}
        return old["b"][0] is p["b"][0], old, p

    check_loops(program, (np.ones((5, 4)), 30))
