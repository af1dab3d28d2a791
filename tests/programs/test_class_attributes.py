"""Attributes of classes that the piece sets, and context managers that set and restore them."""

import contextlib

import numpy as np
import pytest

import jitflow

X = np.arange(1.0, 5.0)


class Config:
    """Settings of an engine, as class attributes."""

    recording = True
    steps = 0
    rate = 0.5
    last = None


class Training(Config):
    """Has no attributes of its own until the program sets one."""


class Node:
    """Reads settings through its instances."""

    recording = True

    def scaled(self, x):
        return x * 2 if self.recording else x * 3


NODE = Node()


@pytest.fixture(autouse=True)
def settings():
    """The settings at the start of each program, and after it."""

    def reset():
        Config.recording, Config.steps, Config.rate, Config.last = True, 0, 0.5, None
        Node.recording = True
        if "recording" in vars(Training):
            del Training.recording

    reset()
    yield reset
    reset()


@contextlib.contextmanager
def using(cls, name, value):
    old = getattr(cls, name)
    setattr(cls, name, value)
    try:
        yield old
    finally:
        setattr(cls, name, old)


class Paused:
    def __enter__(self):
        self.before = Node.recording
        Node.recording = False

    def __exit__(self, *exception):
        Node.recording = self.before


def restored(x):
    with using(Config, "recording", False) as old:
        y = x + 1 if Config.recording else x + 2
    return y, old, Config.recording


def counted(x):
    Config.steps += 1
    return x * Config.steps


def inherited(x):
    Training.recording = not Training.recording
    return x * (2 if Training.recording else 3), Config.recording


def through_instances(x):
    with Paused():
        y = NODE.scaled(x)
    return y, NODE.scaled(x)


def numbers_and_arrays(x):
    Config.rate *= 0.9
    Config.last = x * Config.rate
    return Config.last + 1


def in_a_loop(x):
    total = 0.0
    for i in range(300):
        with Paused():
            total += x[i % 3] * (2 if Node.recording else 3)
        Config.steps += 1
        Config.rate = Config.rate * 0.99
    return total, Config.steps


def nested(x):
    with using(Config, "recording", False), using(Config, "rate", 2.0):
        return x * Config.rate, Config.recording


@using(Config, "rate", 4.0)
def _decorated(x):
    return x * Config.rate


def as_decorator(x):
    return _decorated(x) + Config.rate


def state():
    return {
        cls.__name__: {k: v for k, v in vars(cls).items() if not k.startswith("_")}
        for cls in (Config, Training)
    }, Node.recording


PROGRAMS = [
    restored,
    counted,
    inherited,
    through_instances,
    numbers_and_arrays,
    in_a_loop,
    nested,
]


@pytest.mark.parametrize("program", PROGRAMS)
def test_class_attributes_are_set_without_a_break(program, settings, backend):
    expected = [program(X) for _ in range(4)], state()
    settings()
    compiled = jitflow.compile(program, backend=backend)
    np.testing.assert_equal(([compiled(X) for _ in range(4)], state()), expected)
    assert not compiled.report().breaks


def printed(x):
    with using(Config, "recording", False):
        y = x * 2
        print("recording", Config.recording)
        z = y + 1 if Config.recording else y - 1
    return z, Config.recording


def raised(x):
    try:
        with using(Config, "recording", False):
            y = x * 2
            raise ValueError("stop")
    except ValueError as error:
        return x + 1, str(error), Config.recording
    return y


def left_early(x):
    for i in range(3):
        with using(Config, "steps", i):
            if i == 1:
                return x * Config.steps, Config.steps
    return x


def never_yields(x):
    @contextlib.contextmanager
    def manager():
        if x is None:
            yield

    with manager():
        return x


@pytest.mark.parametrize("program", [printed, raised, left_early, as_decorator, never_yields])
def test_managers_whose_bodies_end_the_piece(program, settings, check):
    check(program, (X,))


def test_an_attribute_set_from_outside_is_seen(settings):
    @jitflow.compile
    def f(x):
        with using(Config, "recording", False):
            y = x + Config.steps
        return y, Config.recording

    for steps, recording in ((0, True), (3, False), (4, True)):
        Config.steps, Config.recording = steps, recording
        y, seen = f(X)
        np.testing.assert_array_equal(y, X + steps)
        assert seen is recording


def test_what_decides_how_instances_behave_is_left_to_python():
    class Layer:
        def run(self, x):
            return x + 1

    def other(self, x):
        return x - 1

    def f(x):
        before = layer.run(x)
        Layer.run = other
        return before, layer.run(x)

    layer = Layer()
    before, after = jitflow.compile(f)(X)
    np.testing.assert_array_equal(before, X + 1)
    np.testing.assert_array_equal(after, X - 1)


def test_a_class_that_becomes_a_data_type_of_its_own_is_refused():
    def f(x):
        class Kind:
            pass

        Kind.dtype = Kind
        try:
            return np.dtype(Kind), x
        except ValueError as error:
            return str(error).partition(" (via")[2], x

    expected, got = f(X), jitflow.compile(f)(X)
    assert got[0].partition("value")[0] == expected[0].partition("value")[0] == " `.dtype` "


def test_a_class_whose_data_type_the_piece_sets():
    def f(x):
        Config.dtype = np.dtype("f4")
        y = x.astype(Config) + np.zeros(4, Config)
        return y, np.result_type(Config, np.int8)

    compiled = jitflow.compile(f)
    try:
        for _ in range(2):
            expected, got = f(X), compiled(X)
            np.testing.assert_array_equal(got[0], expected[0])
            assert got[0].dtype == expected[0].dtype
            assert got[1] == expected[1]
            del Config.dtype
    finally:
        if "dtype" in vars(Config):
            del Config.dtype
