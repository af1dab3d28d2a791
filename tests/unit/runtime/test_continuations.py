"""When a function is left to Python: pieces that are empty or do little, and how it comes back."""

import numpy as np
import pytest

import jitflow


@pytest.fixture(autouse=True)
def settings():
    with jitflow.config().override(strict=True, measure=False, capture_loops=False):
        yield


def pieces(compiled):
    """How many pieces have operators."""
    return sum(bool(piece.operators) for piece in compiled.report().journal.pieces)


def work(x):
    """Enough for a piece of its own."""
    for _ in range(12):
        x = np.sqrt(np.abs(x) + 1.0)
    return x


def test_an_empty_piece_is_not_linked():
    """Python prints; compiled execution begins behind it, in a function with a closure, too."""
    factor = 3.0

    @jitflow.compile
    def f(x, label="first"):
        print(label)
        return work(x) * factor

    x = np.arange(5.0)
    np.testing.assert_allclose(f(x), work(x) * 3.0)
    assert len(f.report().journal.pieces) == 1
    assert f.report().breaks == 1


def test_an_empty_piece_is_traced_again_for_other_facts():
    """What breaks with one argument may be worth compiling with another."""

    @jitflow.compile
    def f(x, loud):
        if loud:
            print("loud")
        return work(x)

    x = np.arange(5.0)
    f(x, True)
    before = len(f.report().journal.pieces)
    f(x, False)
    assert len(f.report().journal.pieces) == before + 1


def test_a_loop_behind_many_prints_is_compiled(capsys):
    """Nothing is worth it before the loop; its header gets a chance of its own."""

    @jitflow.compile
    def f(x):
        print("a")
        print("b")
        print("c")
        print("d")
        print("e")
        for i in range(9):
            print(i)
            x = work(x)
        return x

    x, expected = np.arange(5.0), np.arange(5.0)
    for _ in range(9):
        expected = work(expected)
    for _ in range(2):
        np.testing.assert_allclose(f(x), expected)
        assert capsys.readouterr().out.split() == [*"abcde", *map(str, range(9))]
    assert pieces(f) == 1


def test_straight_code_behind_many_prints_is_compiled_in_time(capsys):
    """A function that is called again and again is given more pieces."""

    @jitflow.compile
    def f(x):
        print("a")
        print("b")
        print("c")
        print("d")
        print("e")
        return work(x)

    x = np.arange(5.0)
    for call in range(12):
        np.testing.assert_allclose(f(x), work(x))
        assert capsys.readouterr().out.split() == [*"abcde"]
        assert bool(pieces(f)) == (call >= 8), f"call {call}"


def test_what_is_not_worth_it_runs_eagerly(capsys):
    """After a few pieces the rest of the call is not traced."""

    @jitflow.compile
    def f(x):
        print("a")
        print("b")
        print("c")
        print("d")
        print("e")
        return x

    f(np.arange(5.0))
    assert f.report().journal.frames_seen == jitflow.config().max_poor_pieces + 1
