"""Breaks are local: one break each, code on both sides compiled, effects and output in order."""

import numpy as np
import pytest

import jitflow

X = np.linspace(-2.0, 2.0, 32)


def test_print_between_two_pieces(check):
    def f(x):
        y = np.sin(x) * 2
        print("middle", y.shape)
        return y.sum() + 1

    report = check(f, (X,), (X,))
    assert report.breaks == 1
    assert report.pieces == 2
    assert next(iter(report.journal.breaks.values())).code == "JF-B004"


def test_print_in_a_loop(check):
    def f(x):
        for i in range(3):
            x = np.cos(x) + i
            print("step", i)
            x = x * 2
        return x

    report = check(f, (X,))
    assert report.breaks == 1


def test_print_in_with(check):
    class Manager:
        def __enter__(self):
            print("enter")
            return self

        def __exit__(self, kind, error, traceback):
            print("exit", kind)
            return False

    def f(x, manager):
        with manager:
            y = x + 1
            print("inside")
            y = y * 3
        return y - 1

    check(f, (X, Manager()))


def test_exception_caught_around_a_break(check):
    def f(x, table):
        y = np.exp(x)
        try:
            z = table["missing"]
        except KeyError as error:
            print("caught", error)
            z = 2.0
        finally:
            print("finally")
        return y * z

    check(f, (X, {}), (X, {"missing": 3.0}))


def test_print_in_a_comprehension(check):
    def f(xs):
        return [x * 2 + (print("item") or 1) for x in xs]

    check(f, ([X, X + 1],))


def test_print_in_a_nested_call(check):
    def inner(x):
        y = x * 2
        print("inner", y.dtype)
        return y + 1

    def f(x):
        y = np.tanh(x)
        y = inner(y)
        return y.sum()

    report = check(f, (X,))
    assert report.breaks == 1
    assert report.pieces == 2


def test_branch_on_data(check):
    def f(x):
        y = x * x
        if y.sum() > 10:
            return y - 1
        return y + 1

    check(f, (X,), (X * 0.01,))


def test_exception_passes_through_two_frames(check):
    def inner(x):
        if x.sum() > 1e9:
            return x
        raise ValueError(f"bad shape {x.shape}")

    def f(x):
        y = x + 1
        try:
            return inner(y)
        except ValueError as error:
            raise RuntimeError("outer") from error

    check(f, (X,))


def test_unsupported_call_in_the_middle(check):
    def f(x):
        y = np.round(x * 4)
        u = np.unique(y, axis=0)
        return u * 2 + y.sum()

    report = check(f, (X,), (X + 1,))
    assert report.breaks == 1


def test_fullgraph_raises_the_break_text(backend):
    @jitflow.compile(fullgraph=True, backend=backend)
    def f(x):
        y = x + 1
        print(y)
        return y

    with pytest.raises(jitflow.GraphBreak, match="JF-B004") as caught:
        f(X)
    assert "print(y)" in str(caught.value)
    assert "^" in str(caught.value)
    assert "why:" in str(caught.value)
    assert "try:" in str(caught.value)


def test_stance_fail_on_break(backend):
    @jitflow.compile(backend=backend)
    def f(x):
        y = x + 1
        print("x")
        return y

    with jitflow.set_stance("fail_on_break"), pytest.raises(jitflow.GraphBreak):
        f(X)


def test_long_python_loop_with_a_break_keeps_the_stack_flat(check):
    def f(x, out):
        for i in range(3000):
            out.append(i)
            if i % 1000 == 0:
                print(i)
        return x + len(out)

    check(f, (X, []))
