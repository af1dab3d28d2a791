"""Lists of numbers: their length is symbolic once it has changed, or where it is large."""

import copy

import numpy as np

import jitflow

TABLE = np.random.default_rng(0).standard_normal((20, 4))


def grows(function, backend, lengths=(3, 4, 5, 7, 12, 9)):
    """The report after calls with lists of these lengths, compared with eager."""
    compiled = jitflow.compile(function, backend=backend)
    with jitflow.config().override(measure=False):
        for length in lengths:
            one = [k * 7 % 20 for k in range(length)]
            other = copy.deepcopy(one)
            expected, got = function(one), compiled(other)
            assert type(expected) is type(got)
            assert one == other
            assert {type(item) for item in other} == {int}
            same(expected, got)
    return compiled.report()


def same(expected, got):
    assert type(expected) is type(got)
    if isinstance(expected, (list, tuple)):
        assert len(expected) == len(got)
        for a, b in zip(expected, got, strict=True):
            same(a, b)
    elif isinstance(expected, str):
        assert expected == got
    else:
        np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_a_list_that_indexes_an_embedding(backend):
    def logits(tokens):
        x = TABLE[tokens] + TABLE[range(len(tokens))]
        mask = np.tri(len(tokens)) - 1
        scores = x @ x.T + 1e10 * mask
        return np.exp(scores - scores.max(axis=1, keepdims=True)).sum(axis=1) @ x

    report = grows(logits, backend)
    assert (report.recompiles, report.breaks) == (1, 0), str(report)


def test_a_list_that_grows_with_the_loop(backend):
    def generate(tokens):
        for _ in range(10):
            x = TABLE[tokens[-4:]]
            tokens.append(int(np.argmax(x.sum(axis=0))))
        return tokens[len(tokens) - 10 :]

    grows(generate, backend)
    compiled = jitflow.compile(generate, backend=backend)
    with jitflow.config().override(measure=False):
        first = list(range(5))
        compiled(first)
    assert compiled.report().recompiles <= 2, str(compiled.report())


def test_copies_items_slices_and_sums(backend):
    def parts(tokens):
        longer = tokens + [3, 4]
        other = list(tokens)
        other.append(len(tokens))
        again = other.copy()
        again.extend([1, 2])
        return tokens[0], tokens[-1], tokens[1:3], longer, other, again, np.array(tokens).mean()

    report = grows(parts, backend)
    assert (report.recompiles, report.breaks) == (1, 0), str(report)


def test_what_needs_the_items_specialises(backend):
    def words(tokens):
        names = [f"w{token}" for token in tokens]
        return names, TABLE[tokens].sum(), sorted(tokens), 3 in tokens

    assert grows(words, backend).breaks == 0


def test_other_lists_do_not_fit(backend):
    def total(tokens):
        return TABLE[tokens].sum(axis=0), len(tokens)

    compiled = jitflow.compile(total, backend=backend)
    calls = [[1, 2], [1, 2, 3], [4, 5, 6, 7], [True, False] * 10, [np.int64(3), 2, 1], [1], []]
    with jitflow.config().override(measure=False):
        for tokens in (*calls, [[1, 2], [3, 4]], np.array([5, 6, 7])):
            same(total(copy.deepcopy(tokens)), compiled(tokens))


def test_items_in_the_order_of_a_list(backend):
    def reorder(keys, items):
        return [items[k] for k in np.argsort(keys)], [items[k] for k in np.argpartition(keys, 1)]

    compiled = jitflow.compile(reorder, backend=backend)
    for keys in ([3, 1, 2], [1, 3, 2]):
        same(reorder(keys, [10, 20, 30]), compiled(keys, [10, 20, 30]))


def test_one_list_under_two_names(backend):
    def both(first, second):
        first.append(5)
        return TABLE[second].sum(axis=0), len(first)

    compiled = jitflow.compile(both, backend=backend)
    with jitflow.config().override(measure=False):
        for tokens in ([1, 2], [1, 2, 3], [1, 2, 3, 4]):
            same(both(list(tokens), list(tokens)), compiled(list(tokens), list(tokens)))
            one, other = list(tokens), list(tokens)
            same(both(one, one), compiled(other, other))
            assert one == other


def test_long_lists_of_numbers_are_arrays_from_the_first_call(backend):
    """One piece for indices and weights that come as lists of a hundred items."""

    def gather(table, places, weights):
        rows = table[places, :] - table[places[1], :]
        return (rows * np.asarray(weights)[:, None]).sum(axis=0) + weights[2] * len(places)

    places, weights = [k * 7 % 20 for k in range(120)], [k / 4 for k in range(120)]
    compiled = jitflow.compile(gather, backend=backend)
    same(gather(TABLE, places, weights), compiled(TABLE, places, weights))
    same(gather(TABLE, places * 2, weights * 2), compiled(TABLE, places * 2, weights * 2))
    report = compiled.report()
    assert (report.pieces, report.breaks) == (1, 0), str(report)


def test_long_lists_of_numbers_that_change_stay_lists(backend):
    def change(values, extra):
        values[3] = extra
        values.append(values[0] + extra)
        return values.index(extra), extra in values, values == [extra], sum(values), values[-2:]

    for items in ([k / 2 for k in range(300)], list(range(300)), [1, 2.5] * 40):
        one, other = items.copy(), items.copy()
        compiled = jitflow.compile(change, backend=backend)
        for _ in range(3):
            same(change(one, 7.5), compiled(other, 7.5))
            assert one == other
