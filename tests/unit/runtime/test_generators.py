"""The state of generators, saved and put back."""

import threading

import numpy as np
import pytest

from jitflow.runtime import generators
from jitflow.runtime.generators import save, undo
from jitflow.runtime.marks import FAILED


def numbers(generator):
    one = generator.integers(9, dtype=np.int32) if hasattr(generator, "integers") else 0
    return one, generator.normal(size=3).tolist(), generator.random(5).tolist()


@pytest.mark.parametrize("kind", ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"])
def test_every_kind_of_state(kind):
    generator = np.random.Generator(getattr(np.random, kind)(3))
    numbers(generator)
    generator.integers(9, dtype=np.int32)
    before = str(generator.bit_generator.state)
    saved = save((generator,), (False,))
    first = [numbers(generator) for _ in range(700)]
    assert undo(saved) is FAILED
    assert str(generator.bit_generator.state) == before
    assert [numbers(generator) for _ in range(700)] == first


def test_the_normal_number_that_is_kept():
    generator = np.random.RandomState(1)
    generator.normal()
    saved = save((generator,), (True,))
    first = numbers(generator)
    undo(saved)
    assert numbers(generator) == first


def test_two_generators_with_one_state():
    bits = np.random.PCG64(5)
    one, other = np.random.Generator(bits), np.random.Generator(bits)
    saved = save((one, other), (False, False))
    first = numbers(one), numbers(other)
    undo(saved)
    assert (numbers(one), numbers(other)) == first


def test_a_class_of_the_programs_own():
    class Counting(np.random.PCG64):
        pass

    generator = np.random.Generator(Counting(5))
    saved = save((generator,), (False,))
    first = numbers(generator)
    undo(saved)
    assert numbers(generator) == first


def test_python_that_native_code_calls_finds_the_locks_free(monkeypatch):
    monkeypatch.setattr(generators, "_locks_nest", lambda: False)
    rng = np.random.default_rng(1)
    lock = rng.bit_generator.lock

    def is_free():
        found = []

        def attempt():
            found.append(lock.acquire(blocking=False))
            if found[0]:
                lock.release()

        thread = threading.Thread(target=attempt)
        thread.start()
        thread.join()
        return found[0]

    called = generators.unlocked(is_free)
    nested = generators.unlocked(lambda: (called(), is_free()))
    assert is_free()
    with generators.Held((rng,)):
        assert not is_free()
        assert called()
        assert nested() == (True, True)
        with pytest.raises(ZeroDivisionError):
            generators.unlocked(lambda: 1 / 0)()
        assert not is_free()
    assert is_free()
    assert called()
