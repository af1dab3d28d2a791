"""Lists that another one takes the place of in each iteration: ``previous = current``."""

import re

import numpy as np
import pytest
from helpers.loops import control_nodes

RNG = np.random.default_rng(4)
X, Y = RNG.integers(0, 4, 90), RNG.integers(0, 4, 80)
WEIGHTS = RNG.random(70)


def edit_distance(a, b):
    previous = list(range(len(b) + 1))
    for i in range(1, len(a) + 1):
        current = [i] + [0] * len(b)
        for j in range(1, len(b) + 1):
            cost = 0 if a[i - 1] == b[j - 1] else 1
            current[j] = min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + cost)
        previous = current
    return previous[-1], previous


def common_subsequence(a, b):
    previous, current = [0] * (len(b) + 1), [0] * (len(b) + 1)
    for i in range(len(a)):
        for j in range(len(b)):
            if a[i] == b[j]:
                current[j + 1] = previous[j] + 1
            else:
                current[j + 1] = max(previous[j + 1], current[j])
        previous, current = current, previous
    return previous, current


def last_row_has_two_names(a, b):
    previous = [0.0] * len(b)
    for i in range(len(a)):
        current = [0.0] * len(b)
        for j in range(1, len(b)):
            current[j] = 0.5 * previous[j - 1] + a[i] * b[j]
        previous = current
    current[0] = 7.0
    return previous, current is previous


def warping(a, b):
    previous = [float("inf")] * (len(b) + 1)
    previous[0] = 0.0
    for i in range(len(a)):
        current = [float("inf")] * (len(b) + 1)
        for j in range(len(b)):
            distance = abs(a[i] - b[j])
            current[j + 1] = distance + min(previous[j + 1], current[j], previous[j])
        previous = current
    return previous


def growing_row(a, b):
    row = [1.0]
    for _ in range(len(a)):
        new = [1.0]
        for j in range(len(row) - 1):
            new.append((row[j] + row[j + 1]) * 0.5)
        new.append(1.0)
        row = new
    return row, len(row)


def shrinking_row(a, b):
    values = [float(x) for x in b]
    for i in range(len(b) - 1, 0, -1):
        new = [0.0] * i
        for j in range(i):
            new[j] = 0.5 * values[j] + 0.25 * values[j + 1]
        values = new
    return values


def levels(a, b):
    seen = [0] * len(a)
    seen[0] = 1
    front, level = [0], 0
    while front:
        level += 1
        after = []
        for u in front:
            for v in (2 * u + 1, 3 * u + 2):
                if v < len(a) and seen[v] == 0:
                    seen[v] = level
                    after.append(v)
        front = after
    return seen, level


def grid_of_lists(a, b):
    n = 9
    grid = [[(3 * i + j * j) % 2 for j in range(n)] for i in range(n)]
    for _ in range(len(a)):
        new = [[0] * n for _ in range(n)]
        for i in range(n):
            for j in range(n):
                s = grid[i - 1][j] + grid[(i + 1) % n][j] + grid[i][j - 1] + grid[i][(j + 1) % n]
                new[i][j] = 1 if s == 2 or (s == 3 and grid[i][j] == 0) else 0
        grid = new
    return grid


def pairs(a, b):
    points = [(float(x), 0.0) for x in b]
    for _ in range(len(a)):
        new = []
        for k in range(len(points)):
            (x, y), (u, _) = points[k], points[k - 1]
            new.append(((x + u) / 2, y * 0.9 + u * 0.1))
        points = new
    return points


def normalised(a, b):
    alpha = [1.0] * 5
    for k in range(len(a)):
        new = [0.0] * 5
        for j in range(5):
            for i in range(5):
                new[j] += alpha[i] * (1.0 + (a[k] * i + j) % 3)
        total = sum(new)
        alpha = [x / total for x in new]
    return alpha


def joined(a, b):
    row = [1] * 70
    for k in range(len(a)):
        row = [k] + [row[j] + row[j + 1] & 255 for j in range(len(row) - 1)]
    return row


def kept_where_worse(a, b):
    best, size = [0.0] * 6, -1.0
    for k in range(len(a)):
        trial = [0.0] * 6
        for j in range(6):
            trial[j] = (a[k] * (j + 3) + k) % 17 * 1.0
        if sum(trial) > size:
            best, size = trial, sum(trial)
    return best, size


@pytest.mark.parametrize(
    "program",
    [
        edit_distance,
        common_subsequence,
        last_row_has_two_names,
        warping,
        growing_row,
        shrinking_row,
        levels,
        grid_of_lists,
        pairs,
        normalised,
        joined,
        kept_where_worse,
    ],
)
def test_rows_stay_in_the_loop(check_loops, program):
    report = check_loops(program, (X, Y), (X[:31], Y[:22]))
    assert any(name in ("for", "while") for name in control_nodes(report))
    assert len(report.journal.pieces) <= 2 + len(report.journal.recompiles)


# Lists that something else has, too


def name_from_before(a, b):
    first = row = [0.0] * 5
    for k in range(len(a)):
        row[k % 5] += a[k]
        row = [x * 0.5 for x in row]
    return first, row


def one_list_twice(a, b):
    one = other = [0] * 6
    for k in range(len(a)):
        one[k % 6] += 1
        one, other = other, one
    return one, other, one is other


def rows_are_kept(a, b):
    rows, row = [], [0] * 4
    for k in range(len(a)):
        new = [0] * 4
        for j in range(4):
            new[j] = row[j - 1] + k % (j + 1)
        rows.append(new)
        row = new
        row[k % 4] += 1
    return rows, row is rows[-1]


def written_under_the_old_name(a, b):
    current = [0] * 6
    for k in range(len(a)):
        current[k % 6] += 1
        previous = current
        current = [x + 1 for x in previous]
        previous[0] = -k
        if k % 7 == 3:
            current = previous
    return previous, current


def list_of_the_caller(row, b):
    for k in range(50):
        row[k % 5] += k
        row = [x + b[j] for j, x in enumerate(row)]
    return row


def a_row_of_the_table(a, b):
    grid = [[0] * 5 for _ in range(5)]
    first = grid[0]
    for k in range(len(a)):
        first[k % 5] += 1
        new = [[grid[i][j] + 1 for j in range(5)] for i in range(5)]
        grid = new
    return grid, first


def a_row_of_a_list_with_two_names(a, b):
    row = [0] * 5
    grid = [row, [1] * 5]
    other = grid
    for k in range(len(a)):
        grid[0][k % 5] += 1
        new = [[x + 1 for x in line] for line in grid]
        if k % 3 == 2:
            other, grid = grid, new
        else:
            grid = other = new
    return row, grid, other, other is grid


def held_by_an_object(a, b):
    class Box:
        pass

    box, row = Box(), [0] * 5
    box.first = row
    for k in range(len(a)):
        row[k % 5] += 1
        box.last = row
        row = [x + 1 for x in row]
    return box.first, box.last, row


def held_by_a_closure(a, b):
    row = [0] * 5

    def look():
        return sum(row)

    total = 0
    for k in range(len(a)):
        row = [x + k % 3 for x in row]
        row[k % 5] -= 1
        total += look()
    return row, total


def iterated_while_replaced(a, b):
    row, total = [1, 2, 3, 4] * 20, 0
    for x in row:
        row = [y + x for y in row]
        row[0] = 0
        total += row[-1] % 7
    return row, total


@pytest.mark.parametrize(
    "program",
    [
        name_from_before,
        one_list_twice,
        rows_are_kept,
        written_under_the_old_name,
        a_row_of_the_table,
        a_row_of_a_list_with_two_names,
        held_by_an_object,
        held_by_a_closure,
        iterated_while_replaced,
    ],
)
def test_lists_with_other_names(check_loops, program):
    check_loops(program, (X, Y), (X[:31], Y[:22]), (X[:1], Y))


def test_the_first_list_is_the_callers(check_loops):
    row, weights = [0.0] * 5, WEIGHTS[:5].tolist()
    check_loops(list_of_the_caller, (row, weights), (row, weights))


def test_no_iteration_leaves_the_list(check_loops):
    def f(a, n):
        first = [1, 2, 3]
        row = first
        for k in range(n):
            row = [x + a[k] for x in row]
        return row, row is first

    check_loops(f, (X, 70), (X, 0), (X, 71))


def test_left_in_the_middle(check_loops):
    def f(a, b, limit):
        previous = [0] * (len(b) + 1)
        for i in range(len(a)):
            current = [0] * (len(b) + 1)
            for j in range(len(b)):
                same = a[i] == b[j]
                current[j + 1] = previous[j] + 1 if same else max(previous[j + 1], current[j])
            if current[-1] > limit:
                break
            previous = current
        return i, previous[-1], current[-1]

    check_loops(f, (X, Y, 12), (X, Y, 1000), (X, Y, 0))


def test_integers_beyond_64_bits(check_loops):
    def f(a, n):
        row = [1] * 4
        for k in range(n):
            row = [row[j] + row[j - 1] * 3 for j in range(4)]
        return row

    check_loops(f, (X, 70), (X, 20))


def test_numbers_of_other_types_later(check_loops):
    def f(a, n):
        row = [0] * 4
        for k in range(n):
            new = [0] * 4
            for j in range(4):
                new[j] = row[j] * 0.5 + j if k % 3 else row[j - 1] + k
            row = new
        return row

    check_loops(f, (X, 70), (X, 20))


def test_a_stack_that_a_branch_made_is_not_copied_by_the_loop_behind(check_loops):
    def f(a):
        labels, n = np.zeros(a.shape, int), 0
        for y in range(a.shape[0]):
            for x in range(a.shape[1]):
                if a[y, x] and not labels[y, x]:
                    n += 1
                    stack = [(y, x)]
                    while stack:
                        i, j = stack.pop()
                        inside = 0 <= i < a.shape[0] and 0 <= j < a.shape[1]
                        if inside and a[i, j] and not labels[i, j]:
                            labels[i, j] = n
                            stack.extend([(i + 1, j), (i - 1, j), (i, j + 1), (i, j - 1)])
        return labels, n

    a = (np.random.default_rng(0).random((12, 12)) > 0.6).astype(np.uint8)
    report = check_loops(f, (a,))
    text = "".join(piece.texts["graph"] for piece in report.journal.pieces)
    assert len(set(re.findall(r"i64\[(\d{5,})\]", text))) == 1  # rows of one capacity
