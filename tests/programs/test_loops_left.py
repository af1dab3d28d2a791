"""Loops that are left where an arm begins that only Python can run, and entered again behind it."""

import numpy as np
from helpers.loops import control_nodes

import jitflow

X = np.linspace(0.1, 1.0, 40)


def test_printing_now_and_then(check_loops):
    def f(x, n):
        for step in range(n):
            x[1:-1] += 0.1 * (x[2:] - 2 * x[1:-1] + x[:-2])
            size = np.abs(x).max()
            if step % 50 == 0:
                print(f"step {step}: {size:.6f}")
        return x, size

    report = check_loops(f, (X, 200), (X, 210), (X, 33))
    assert "while" in control_nodes(report)


def test_stays_in_python_seldom():
    def f(x, n):
        for step in range(n):
            x[1:-1] += 0.1 * (x[2:] - 2 * x[1:-1] + x[:-2])
            if step % 1000 == 500:
                print(step)
        return x

    compiled = jitflow.compile(f)
    for _ in range(3):
        compiled(X.copy(), 5000)
    before = jitflow.stats()["eager_calls"], jitflow.stats()["recompiles"]
    compiled(X.copy(), 5000)
    assert (jitflow.stats()["eager_calls"], jitflow.stats()["recompiles"]) == before


def test_nested_loops_left_in_the_inner_one(check_loops):
    def f(a, n):
        total = 0.0
        for i in range(n):
            for j in range(1, len(a)):
                a[j] = 0.5 * (a[j] + a[j - 1])
                if i % 7 == 3 and j == 4:
                    print("at", i, j, a[j])
            total += a.sum()
            if total > 1e6:
                break
        else:
            print("done")
        return a, total

    report = check_loops(f, (X, 40), (X, 3), (X * 1e5, 40))
    assert control_nodes(report).count("while") >= 2


def test_outer_range_that_depends_on_the_index(check_loops):
    def f(a):
        for i in range(len(a) - 1, 0, -3):
            for j in range(i, len(a), 2):
                a[j] -= a[i] / (j + 1)
                if j - i == 6 and i % 4 == 0:
                    print(i, j)
        return a

    check_loops(f, (X,), (X[:25],))


def test_while_with_two_conditions(check_loops):
    def f(x, most):
        k, change = 0, 1.0
        while change > 1e-5 and k < most:
            y = x.copy()
            x[1:-1] = 0.5 * (x[2:] + x[:-2])
            change = np.abs(x - y).max()
            k += 1
            if k % 30 == 0:
                print(k, change)
        return x, k, change

    check_loops(f, (X, 100), (X, 95), (X**3, 300))


def test_rows_numbered_and_zipped(check_loops):
    def f(a, b):
        total = 0.0
        for i, (row, weight) in enumerate(zip(a, b), 3):
            total += weight * (row * row).sum()
            if i % 10 == 5:
                print("row", i, total)
        for row in a:
            total -= row[0]
            if row[1] > 0.95:
                print("large", row[1])
        return total

    rng = np.random.default_rng(0)
    check_loops(f, (rng.random((40, 3)), rng.random(40)), (rng.random((50, 3)), rng.random(45)))


def test_iterator_that_the_program_knows(check_loops):
    def f(x, n):
        numbers = iter(range(n))
        for i in numbers:
            x[i % len(x)] += i
            if i % 20 == 10:
                print("skip", next(numbers))
        return x, list(numbers)

    check_loops(f, (X, 100), (X, 91))


def test_arm_that_is_taken_each_time(check_loops):
    def f(x, n):
        for i in range(n):
            x[1:] += 0.5 * x[:-1]
            if x[0] > 0.0:
                print(i)
        return x

    check_loops(f, (X, 50), (X, 50), (-X, 50))


def test_exceptions_behind_the_arm(check_loops):
    def f(x, at, n):
        for i in range(n):
            x[i % 5] += 1.0
            if i % 16 == 3:
                print("step", i)
            x[at[i]] *= 2.0
        return x

    at = np.arange(60) % 30
    bad = at.copy()
    bad[37] = 1000
    check_loops(f, (X, at, 60), (X, bad, 60), (X, at, 61))


def test_return_and_raise_in_the_arm(check_loops):
    def f(x, n, limit):
        for i in range(n):
            x *= 1.01
            if x[-1] > limit:
                print("large at", i)
                if limit > 1.8:
                    raise ArithmeticError(f"stopped at {i}")
                return i
        return None

    check_loops(f, (X, 80, 1.5), (X, 80, 2.0), (X, 20, 9.0))


def test_objects_that_the_arm_changes(check_loops):
    class Log:
        def __init__(self):
            self.lines = []
            self.last = None

        def write(self, *parts):
            self.lines.append(" ".join(map(str, parts)))
            self.last = parts[0]

    def f(x, n):
        log, best = Log(), {}
        for i in range(n):
            x[1:-1] = 0.5 * (x[2:] + x[:-2])
            if i % 25 == 0:
                log.write(i, float(x[1]))
                best[i] = x.copy()
        return log.lines, log.last, best, x

    check_loops(f, (X, 101), (X, 77))


def test_variables_bound_before_the_arm(check_loops):
    def f(x, n):
        kept = None
        for i in range(n):
            y = x * i
            total = y.sum()
            if i % 30 == 29:
                kept = (i, y[0])
                print(i, total, y[:2])
        return kept, total, y

    check_loops(f, (X, 100), (X, 25))


def test_warnings_in_their_order(check_loops):
    def f(x, n):
        with np.errstate(all="warn"):
            for i in range(n):
                x[0] = 1.0 / (i - 20.0)
                if i % 15 == 0:
                    print(i)
                x[1] = np.log(x[2] - i)
        return x

    check_loops(f, (X, 40))


def test_objects_that_an_iteration_makes_and_code_behind_the_loop_reads(check_loops):
    def f(x, n):
        for k in range(n):
            pair = [x * k, x + 1]
            named = {"a": x - k}
            rest = iter(x * k)
            next(rest)
        return pair[0], named, list(rest)

    check_loops(f, *2 * ((X[:6], 200),), (X[:6], 3))


def test_left_in_an_inner_loop_over_what_an_iteration_computed(check_loops):
    def f(x, bound):
        count = 0
        for value in x:
            for k, y in enumerate(x * 2):
                if y > bound or not missing[3]:  # noqa: F821
                    break
            if value != 0.5:
                count += 1
        return count

    check_loops(f, *2 * ((X, 0.0),), (X, 3.0))
