"""Functions that NumPy runs itself between segments: what they raise, warn, and give."""

import numpy as np

SINGULAR = np.zeros((3, 3))
ROTATION = np.array([[0.0, -1.0], [1.0, 0.0]])
DIAGONAL = np.diag([1.0, 2.0])


def test_unused_call_may_raise(check):
    def f(a):
        np.linalg.inv(a)
        return a + 1

    check(f, (SINGULAR,), (ROTATION,))


def test_handlers_around_a_call(check):
    def f(a):
        b = a + 1
        try:
            c = np.linalg.inv(a * 1)
        except np.linalg.LinAlgError:
            c = b * 3
        try:
            np.quantile(a, 0.5, weights=-a, axis=0, method="inverted_cdf")
        except (ValueError, TypeError) as error:
            return b, c, str(error)
        return b, c

    check(f, (SINGULAR,), (ROTATION,))


def test_deprecation_warning(check):
    def f(a):
        return np.fft.fftn(a + 1, s=(2, 2))

    check(f, (ROTATION,))


def test_eigenvalues_real_or_complex(check):
    def f(a):
        values, vectors = np.linalg.eig(a * 1)
        return values, vectors, np.linalg.eigvals(a)

    check(f, (DIAGONAL,), (ROTATION,))


def test_identity_of_numbers(check):
    def f(x):
        return (x > 0) is True, (x > 1e9) is False, x is None, np.sum(x > 0) is np.True_

    check(f, (2.0,), (np.float64(2.0),), (np.ones(3),))


def test_inputs_are_written_after_calls_that_raise(check):
    def f(a, x):
        try:
            np.linalg.inv(a)
        except np.linalg.LinAlgError:
            pass
        finally:
            x -= 1
        return x

    check(f, (SINGULAR, np.ones(3)), (ROTATION, np.ones(3)))


def test_call_that_raises_after_a_draw(check):
    def f(a, rng):
        seen = []
        try:
            seen.append(rng.normal(size=3))
            seen.append(np.linalg.cholesky(a))
        except np.linalg.LinAlgError as error:
            seen.append(str(error))
            seen.append(rng.random())
        return seen

    check(f, (np.eye(2), np.random.default_rng(1)), (-np.eye(2), np.random.default_rng(1)))


def test_draw_that_raises_after_a_draw(check):
    def f(scale, rng):
        seen = [rng.random(2)]
        try:
            seen.append(rng.normal(0.0, scale, 2))
        except ValueError as error:
            seen.append(str(error))
        return seen

    check(f, (1.5, np.random.default_rng(1)), (-1.5, np.random.default_rng(1)))
