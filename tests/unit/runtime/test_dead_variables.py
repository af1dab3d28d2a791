"""Variables that nobody reads any more make no compile points of their own."""

import numpy as np
import pytest

import jitflow
from jitflow.runtime.dead_variables import DeadVariables, is_data


class Watched:
    """Notes when it goes."""

    def __init__(self, log):
        self.log = log

    def __del__(self):
        self.log.append("gone")


@pytest.mark.parametrize(
    "value",
    [1, 2.5, None, "text", np.ones(3), np.float32(1), [1, (2, 3.0)], {"a": [np.ones(2)]}, ()],
)
def test_numbers_arrays_and_containers_of_them_may_go(value):
    assert is_data(value)


@pytest.mark.parametrize(
    "value",
    [
        object(),
        [object()],
        {"a": Watched([])},
        [[0] * 100],
        np.ma.ones(3),
        {Watched([]): 1},
        np.array([object()]),
    ],
)
def test_what_may_notice_its_end_stays(value):
    assert not is_data(value)


def step(x):
    y = x * 2
    print("step")
    return y.sum() + (y * y).sum()


def run(x, steps):
    total = 0.0
    for _ in range(steps):
        found = step(x)
        pair = [found, (1, 2.0)]
        print("run")
        total += pair[0]
    return total


def test_a_second_iteration_comes_to_the_same_points(monkeypatch, capsys):
    x = np.arange(2000.0)
    dropped, points = DeadVariables.dropped, {}

    def noted(self, point, state):
        smaller, left = dropped(self, point, state)
        names = tuple(frame.bound for frame in smaller.frames)
        shape = smaller.frames[-1]
        points.setdefault((shape.code, shape.offset, len(names)), set()).add(names)
        return smaller, left

    monkeypatch.setattr(DeadVariables, "dropped", noted)
    assert jitflow.compile(run)(x, 4) == run(x, 4)
    assert points
    assert all(len(found) == 1 for found in points.values()), points
    capsys.readouterr()


def watch(x, log):
    for k in range(3):
        watched = Watched(log)
        print(k, len(log))
        x = x + watched.log.__len__()
        print(x.sum())
    return x


def test_objects_of_the_program_live_as_long_as_they_did(capsys):
    compiled = jitflow.compile(watch)
    watch(np.ones(4), [])
    expected = capsys.readouterr().out
    compiled(np.ones(4), [])
    assert capsys.readouterr().out == expected
