"""Lists of lists of numbers in captured loops: tables that are made, and tables of the caller."""

import copy
from functools import partial

import numpy as np
import pytest
from helpers import agreement

import jitflow

RNG = np.random.default_rng(3)


def reals(n, m):
    return RNG.standard_normal((n, m)).tolist()


def integers(n, m, most=9):
    return RNG.integers(0, most, (n, m)).tolist()


def shape_of(value):
    """Types of all items, and which lists are the same object."""
    seen = {}

    def walk(item):
        if isinstance(item, list):
            if id(item) in seen:
                return seen[id(item)]
            seen[id(item)] = len(seen)
            return [walk(part) for part in item]
        if isinstance(item, tuple):
            return tuple(walk(part) for part in item)
        return type(item)

    return walk(value)


agrees = partial(agreement.agrees, also=shape_of)


def product(a, b):
    n, m, inner = len(a), len(b[0]), len(b)
    c = [[0.0] * m for _ in range(n)]
    for i in range(n):
        for j in range(m):
            total = 0.0
            for k in range(inner):
                total += a[i][k] * b[k][j]
            c[i][j] = total
    return c


@pytest.mark.parametrize("size", [3, 9, 30])
def test_product(size):
    agrees(product, reals(size, size + 1), reals(size + 1, size), pieces=1)


def test_one_variant_for_all_sizes():
    compiled = jitflow.compile(product)
    for size in (10, 12, 17, 20, 31, 40):
        a, b = reals(size, size), reals(size, size)
        assert compiled(a, b) == product(a, b)
    assert compiled.report().pieces <= 3, str(compiled.report())


def distance(a, b):
    n, m = len(a), len(b)
    table = [[0] * (m + 1) for _ in range(n + 1)]
    for i in range(n + 1):
        table[i][0] = i
    for j in range(m + 1):
        table[0][j] = j
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            cost = 0 if a[i - 1] == b[j - 1] else 1
            table[i][j] = min(table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + cost)
    return table[n][m], table


@pytest.mark.parametrize("size", [4, 20, 70])
def test_table_of_a_program(size):
    agrees(distance, integers(1, size, 4)[0], integers(1, size + 3, 4)[0])


def test_whole_table_in_one_piece():
    agrees(distance, integers(1, 80, 4)[0], integers(1, 90, 4)[0], pieces=1)


def relax(u, steps):
    for _ in range(steps):
        for i in range(1, len(u) - 1):
            for j in range(1, len(u[0]) - 1):
                u[i][j] = 0.25 * (u[i - 1][j] + u[i + 1][j] + u[i][j - 1] + u[i][j + 1])
    return u


@pytest.mark.parametrize("size", [4, 7, 20])
def test_rows_of_the_caller_are_written_in_place(size):
    grid = reals(size, size + 2)
    agrees(relax, grid, 3)
    compiled = jitflow.compile(relax)
    with jitflow.config().override(measure=False):
        for _ in range(3):
            rows = list(map(id, grid))
            expected = relax(copy.deepcopy(grid), 3)
            assert compiled(grid, 3) is grid
            assert list(map(id, grid)) == rows
            assert grid == expected


def test_paths():
    def paths(d):
        n = len(d)
        for k in range(n):
            for i in range(n):
                for j in range(n):
                    if d[i][k] + d[k][j] < d[i][j]:
                        d[i][j] = d[i][k] + d[k][j]

    agrees(paths, integers(12, 12, 100), pieces=1)


def test_index_errors_in_the_middle():
    def beyond(grid, n):
        for i in range(n):
            for j in range(len(grid[0])):
                grid[i][j] = grid[i][j] + 1
        return grid

    agrees(beyond, integers(9, 10), 9, pieces=1)
    agrees(beyond, integers(9, 10), 10)
    agrees(beyond, integers(3, 3), 4)

    def column(n, m):
        grid = [[0.5] * m for _ in range(n)]
        for i in range(n):
            grid[i][i] = 1.0
        return grid

    agrees(column, 40, 40, pieces=1)
    agrees(column, 40, 30)


def test_negative_positions():
    def backwards(grid):
        total = 0
        for i in range(len(grid)):
            grid[-i][-1 - i % 3] += i
            total += grid[-1 - i][i % 5 - 5]
        return total

    agrees(backwards, integers(10, 12), pieces=1)


def test_rows_that_are_one_list():
    def same(n):
        grid = [[0] * 8] * 9
        for i in range(n):
            grid[i % 9][i % 8] += i
        return grid

    agrees(same, 30)

    def twice(grid, n):
        for i in range(n):
            grid[i % 10][i % 9] += i
        return grid

    row = [0] * 9
    agrees(twice, [row] * 10, 40)
    agrees(twice, [[1] * 9 for _ in range(9)] + [row], 40)


def test_a_row_that_has_another_name():
    def named(grid, n):
        first = grid[0]
        for i in range(n):
            grid[i % 10][i % 9] += i
            first[3] += 1
        return first, first is grid[0], grid

    agrees(named, integers(10, 9), 40)

    def made(n):
        row = [0] * 9
        grid = [[0] * 9 for _ in range(9)]
        grid[2] = row
        for i in range(n):
            grid[i % 9][i % 8] += i
            row[1] += 2
        return row, grid

    agrees(made, 40)


def test_arguments_that_share_a_row():
    def both(grid, row):
        for i in range(len(grid)):
            for j in range(len(row)):
                grid[i][j] += row[j] + 1
        return grid, row

    grid = integers(10, 9)
    agrees(both, grid, [1, 2, 3] * 3)
    compiled = jitflow.compile(both)
    with jitflow.config().override(measure=False):
        for row in (list(range(9)), None, 3, 0):
            one, other = copy.deepcopy((grid, grid))
            mine, theirs = (copy.copy(row),) * 2 if not isinstance(row, int | None) else (None,) * 2
            if isinstance(row, int):
                mine, theirs = one[row], other[row]
            elif row is None:
                mine, theirs = [5] * 9, [5] * 9
            assert compiled(one, mine) == both(other, theirs)
            assert one == other


def test_tables_that_share_a_row():
    def add(one, other):
        for i in range(len(one)):
            for j in range(len(one[0])):
                one[i][j] += other[i][j]
        return one

    compiled = jitflow.compile(add)
    with jitflow.config().override(measure=False):
        for shared in (False, True, False):
            pair = [integers(9, 9), integers(9, 9)]
            if shared:
                pair[1][4] = pair[0][2]
            copies = copy.deepcopy(pair)
            assert compiled(*pair) == add(*copies)
            assert pair == copies
        one = integers(9, 9)
        other = copy.deepcopy(one)
        assert compiled(one, one) == add(other, other)


def test_other_shapes_and_types():
    def double(grid):
        for i in range(len(grid)):
            for j in range(len(grid[i])):
                grid[i][j] = grid[i][j] * 2
        return grid

    agrees(double, integers(10, 9), pieces=1)
    agrees(double, [[1] * k for k in range(1, 14)])
    agrees(double, [[1.5] * 9 for _ in range(8)] + [[2] * 9])
    agrees(double, [[True] * 9 for _ in range(9)])
    agrees(double, [[2**62] * 9 for _ in range(9)])
    agrees(double, [[2**70] * 9 for _ in range(9)])
    agrees(double, [[]] * 3)
    agrees(double, [])
    agrees(double, [["a"] * 9 for _ in range(9)])
    agrees(double, [(1,) * 9 for _ in range(9)])
    agrees(double, [[np.float64(1.5)] * 9 for _ in range(9)])


def test_items_that_become_floats():
    def fill(n):
        grid = [[0] * n for _ in range(n)]
        for i in range(n):
            for j in range(i):
                grid[i][j] = i / (j + 1)
        return grid

    agrees(fill, 12)
    agrees(fill, 70)

    def halve(grid):
        for i in range(len(grid)):
            grid[i][i] = grid[i][i] / 2
        return grid

    agrees(halve, integers(9, 9))


def test_rows_as_they_come():
    def totals(grid):
        total, found = 0, []
        for row in grid:
            for x in row:
                total += x
        for k, row in enumerate(grid):
            found.append(row[k] + sum(row) + max(row) - len(row))
        return total, found

    agrees(totals, integers(10, 12))
    agrees(totals, integers(40, 50))


def test_rows_that_are_appended():
    def pascal(n):
        rows = [[1] * 12]
        for i in range(n):
            row = [0] * 12
            for j in range(12):
                row[j] = rows[i][j] + (rows[i][j - 1] if j else i)
            rows.append(row)
        return rows

    agrees(pascal, 30)

    def kept(n):
        rows, row = [], [0] * 5
        for i in range(n):
            row[i % 5] += i
            rows.append(row)
        return rows

    agrees(kept, 20)

    def last(n):
        rows = []
        for i in range(n):
            row = [i] * 5
            rows.append(row)
        row[0] = -1
        return rows, row

    agrees(last, 20)


def test_a_table_that_is_used_by_numpy():
    def norms(grid):
        for i in range(len(grid)):
            grid[i][0] = grid[i][0] * 2.0
        a = np.array(grid)
        return a.sum(axis=0), np.sqrt(np.array(grid[1]))

    compiled = jitflow.compile(norms)
    grid = np.abs(reals(12, 9)).tolist()
    other = copy.deepcopy(grid)
    for _ in range(3):
        np.testing.assert_allclose(compiled(grid)[0], norms(other)[0])
        assert grid == other


def test_rows_that_change_places():
    def pivot(a, b):
        n = len(a)
        for i in range(n):
            p = i
            for r in range(i + 1, n):
                if abs(a[r][i]) > abs(a[p][i]):
                    p = r
            a[i], a[p] = a[p], a[i]
            b[i], b[p] = b[p], b[i]
            for r in range(i + 1, n):
                f = a[r][i] / a[i][i]
                for c in range(i, n):
                    a[r][c] -= f * a[i][c]
                b[r] -= f * b[i]
        return a, b

    agrees(pivot, reals(9, 9), reals(1, 9)[0], pieces=1)
    a, b = reals(9, 9), reals(1, 9)[0]
    rows = {id(row) for row in a}
    jitflow.compile(pivot)(a, b)
    assert {id(row) for row in a} == rows


def test_small_tables_stay_straight_code():
    def rotate(m, v):
        out = [0.0, 0.0, 0.0]
        for i in range(3):
            for j in range(3):
                out[i] += m[i][j] * v[j]
        return out

    agrees(rotate, reals(3, 3), reals(1, 3)[0], pieces=1)


def test_prints_and_other_breaks(capsys):
    def shown(grid):
        for i in range(len(grid)):
            for j in range(len(grid[0])):
                grid[i][j] += i * j
            if i % 4 == 0:
                print(grid[i][:2], len(grid[i]))
        return grid

    agrees(shown, integers(10, 9))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0::2][:3] != lines[1::2][:3] or lines


def test_a_row_that_is_returned():
    def last(n, m):
        table = [[0] * m for _ in range(n)]
        for i in range(1, n):
            for j in range(m):
                table[i][j] = table[i - 1][j] + i * j
        return table[n - 1]

    agrees(last, 12, 9, pieces=1)

    def both(grid, k):
        for i in range(len(grid)):
            grid[i][k] += i
        return grid[k], grid, grid[k]

    agrees(both, integers(9, 10), 3)


def test_an_object_that_iterations_make():
    def made(x):
        for i in range(len(x)):
            row = [x[i], 2.0 * x[i]]
        return row

    agrees(made, reals(1, 100)[0])

    def named(x):
        for i in range(len(x)):
            found = {"a": x[i]}
        return found

    agrees(named, reals(1, 100)[0])


def test_comprehensions_in_comprehensions():
    def transposed(a):
        n, m = len(a), len(a[0])
        b = [[a[i][j] + 0.5 for i in range(n)] for j in range(m)]
        for i in range(m):
            for j in range(n):
                b[i][j] = b[i][j] * 2.0
        return b

    agrees(transposed, reals(30, 20))
    agrees(transposed, reals(120, 130), pieces=1)

    def knapsack(weights, values, most):
        n = len(weights)
        best = [[0 for _ in range(most + 1)] for _ in range(n + 1)]
        for i in range(1, n + 1):
            for x in range(1, most + 1):
                if weights[i - 1] <= x:
                    taken = values[i - 1] + best[i - 1][x - weights[i - 1]]
                    best[i][x] = max(taken, best[i - 1][x])
                else:
                    best[i][x] = best[i - 1][x]
        return best[n][most]

    agrees(knapsack, integers(1, 30, 20)[0], integers(1, 30, 50)[0], 300)


def test_lists_of_a_number_of_zeros_that_changes():
    def sieve(n):
        flags = [True] * (n + 1)
        flags[0] = flags[1] = False
        for i in range(2, n + 1):
            if flags[i]:
                for j in range(i * i, n + 1, i):
                    flags[j] = False
        return [k for k in range(n + 1) if flags[k]], len(flags)

    compiled = jitflow.compile(sieve)
    for n in (100, 121, 150, 190, 300, 301, 5, 2):
        assert compiled(n) == sieve(n)

    def popped(n):
        items = [0.5] * n
        items.pop()
        items.insert(1, n)
        items.sort()
        return items + [1], items[1:3], [0] * (n - 20)

    compiled = jitflow.compile(popped)
    for n in (10, 12, 15, 19, 21):
        assert compiled(n) == popped(n)
