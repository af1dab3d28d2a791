"""Small functions through the tracer: same results as Python, and where the pieces end."""

import contextlib
import functools
import gc
import os
import warnings
import weakref

import numpy as np
import pytest
from running import check, entry, failing_assertion, trace_call

from jitflow.core.config import config
from jitflow.core.errors import GraphBreak, Unsupported
from jitflow.tracer import opcodes
from jitflow.tracer.instructions import decode
from jitflow.tracer.interpreter import HANDLERS
from jitflow.tracer.restart import Limits
from jitflow.tracer.trace import BreakExit, EagerExit, ReturnExit
from jitflow.tracer.tracer import trace

stop = os.getpid  # a call that the tracer leaves to Python


def x3():
    return np.array([1.0, 2.0, 3.0])


def nodes_of(record):
    names = [node.operator.name for node in record.graph.nodes]
    return [name for name in names if name != "constant"]


def test_every_operation_has_a_handler():
    assert set(HANDLERS) == set(opcodes.OPERATIONS)


def test_one_expression_is_one_piece():
    def function(a, b, c):
        return np.maximum(a * b + c, 0)

    runner = check(function, x3(), x3() - 2, x3(), pieces=1, codes=[])
    record = runner.traces[0]
    assert isinstance(record.exit, ReturnExit)
    assert nodes_of(record)[:2] == ["multiply", "add"]
    assert len(record.inputs) == 3


def test_locations_of_nodes_are_source_ranges():
    def function(a, b):
        return a * b

    record = trace_call(function, x3(), x3())
    place = record.graph.nodes[0].location
    assert place.source_line()[place.column : place.end_column] == "a * b"


# Variables


def test_locals_are_swapped():
    def function(a, b):
        a, b = b, a
        return a - b

    check(function, x3(), x3() + 1, pieces=1)


def test_unbound_local_raises_as_python_does():
    def function(a):
        if a.ndim == 2:
            b = a
        return b + 1

    check(function, x3(), codes=["JF-B009"])


def test_deleted_local():
    def function(a):
        b = a + 1
        del b
        return b  # noqa: F821 - it raises

    check(function, x3(), codes=["JF-B009"])


def test_global_is_written():
    def function(a):
        global written
        written = a.shape
        return a + 1

    check(function, x3(), pieces=1)
    assert written == (3,)


def test_missing_global_raises_as_python_does():
    def function(a):
        return a + missing_name  # noqa: F821

    check(function, x3(), codes=["JF-B009"])


# Control


@pytest.mark.parametrize("flag", [True, False, None, 0, "text", [], [1]])
def test_branches_on_python_values_are_decided(flag):
    def function(a, flag):
        if flag:
            return a + 1
        if flag is None:
            return a + 2
        return a + 3 if not flag and flag is not None else a

    check(function, x3(), flag, pieces=1)


def test_boolean_operators():
    def function(a, p, q):
        r = p and q
        s = p or q
        return a + 1 if (r or not s) else a - 1

    for p in (0, 1):
        for q in (0, 1):
            check(function, x3(), p, q, pieces=1)


def test_branch_on_data_is_captured():
    def function(a):
        b = a * 2
        if b.sum() > 3:
            return b + 1
        return b - 1

    runner = check(function, x3(), pieces=1)
    assert nodes_of(runner.traces[0])[-1] == "cond"
    check(function, x3() - 5, pieces=1)


def test_branch_that_cannot_be_captured_breaks_at_the_jump():
    def function(a, items):
        b = a * 2
        if b.sum() > 3:
            items.append(1)
            return b + 1
        return b - 1

    runner = check(function, x3(), [], codes=["JF-B005"], pieces=2)
    assert nodes_of(runner.traces[1]) == ["add"]
    check(function, x3() - 5, [], codes=["JF-B005"])


def test_condition_of_several_elements_raises():
    def function(a):
        if a > 1:
            return a
        return -a

    check(function, x3())


def test_match_of_sequences():
    def function(a, shape):
        match shape:
            case []:
                return a
            case [n]:
                return a + n
            case (n, m):
                return a + n * m
            case _:
                return a - 1

    for shape in ([], [2], (2, 3), (1, 2, 3), "ab"):
        check(function, x3(), shape)


def test_assertion_that_holds():
    def function(a):
        assert a.ndim == 1, f"wrong rank {a.ndim}"
        return a + 1

    check(function, x3(), pieces=1)


def test_assertion_that_fails():
    # pytest rewrites assertions of this module
    check(failing_assertion, x3(), codes=["JF-B009"])


# Loops


def test_short_loop_is_unrolled():
    def function(a):
        for i in range(3):
            a = a * i + 1
        return a

    runner = check(function, x3(), pieces=1)
    assert nodes_of(runner.traces[0]).count("multiply") == 3


def test_loop_with_else_break_and_continue():
    def function(a, n, m):
        for i in range(n):
            if i == 1:
                continue
            if i == m:
                break
            a = a + i
        else:
            a = a * 10
        return a

    for n, m in ((0, 0), (4, 9), (5, 3)):
        check(function, x3(), n, m, pieces=1)


def test_long_loop_is_captured():
    def function(a, n):
        for i in range(n):
            a = a + i
        return a

    runner = check(function, x3(), 100, pieces=1)
    assert nodes_of(runner.traces[0])[-1] == "for"


def test_long_loop_that_cannot_be_captured_is_iterated_by_python():
    def function(a, n, items):
        for i in range(n):
            a = a + i
            items.insert(1, None)
        return a

    runner = check(function, x3(), 100, [], codes=[])
    assert len(runner.traces) == 102
    assert runner.traces[0].exit.code == "JF-B006"
    assert not runner.traces[0].exit.count
    assert nodes_of(runner.traces[5]) == ["add"]


def test_loop_whose_limit_is_hit_is_not_unrolled_first():
    def function(a, items):
        for i in range(1000):
            a = a + i
            items.insert(1, i)
        return a

    record = trace_call(function, x3(), [])
    assert nodes_of(record).count("add") <= 1


def test_nothing_is_captured_where_the_setting_is_off():
    def function(a, n):
        for i in range(n):
            a = a + i
        return a + 1 if a.sum() > 0 else a

    with config().override(capture_loops=False):
        runner = check(function, x3(), 100, codes=["JF-B005"])
    assert len(runner.traces) == 103


def test_loop_over_a_list_of_arrays():
    def function(xs):
        total = 0.0
        for i, x in enumerate(xs):
            total = total + x * i
        return total

    check(function, [x3(), x3() * 2, x3() * 3], pieces=1)


def test_rows_of_an_array_are_read_when_the_loop_reaches_them():
    def function(a, c):
        for x in a:
            c = c + x
            a -= 0.5
        return c

    check(function, x3(), x3(), pieces=1)


def test_loop_over_a_long_array_is_captured():
    def function(a):
        total = 0.0
        for x in a:
            total = total + x * x
        return total

    runner = check(function, np.linspace(0, 1, 100), pieces=1)
    assert "for" in nodes_of(runner.traces[0])


def test_long_array_is_iterated_by_python_where_it_is_not_captured():
    def function(a):
        total = 0.0
        for x in a:
            total = total + x * x
        return total

    with config().override(capture_loops=False):
        runner = check(function, np.linspace(0, 1, 100))
    assert nodes_of(runner.traces[0]) == []


def test_break_in_an_unrolled_loop_keeps_the_rest_of_the_iterator():
    def function(a, xs):
        for x in xs:
            a = a + x
            if x == 2:
                stop()
        return a

    check(function, x3(), [1, 2, 3, 4], codes=["JF-B004"])


def test_while_loop_on_python_values():
    def function(a, n):
        while n > 0:
            a = a * 2
            n -= 1
        return a

    check(function, x3(), 5, pieces=1)


def test_while_loop_on_data():
    def function(a):
        while a.sum() < 100:
            a = a * 2
        return a

    check(function, x3())


def test_endless_while_loop_is_iterated_by_python():
    def function(a, n):
        i = 0
        while True:
            a = a + 1
            i += 1
            if i == n:
                break
        return a

    with config().override(max_unroll=8):
        runner = check(function, x3(), 20)
    assert all(len(nodes_of(t)) <= 2 for t in runner.traces[:10])
    assert runner.codes == []


def test_nested_loops():
    def function(a):
        for i in range(3):
            for j in range(2):
                a = a + i * j
        return a

    check(function, x3(), pieces=1)


# Comprehensions and generators


def test_comprehensions():
    def function(xs, k):
        a = [x * k for x in xs]
        b = {i: x + k for i, x in enumerate(xs)}
        c = {i for i in range(3)}  # noqa: C416
        d = tuple(y for y in a)
        return a, b, len(c), d

    check(function, [x3(), x3()], 2.0, pieces=1)


def test_comprehension_variable_does_not_leak():
    def function(x, xs):
        ys = [x + 1 for x in xs]
        return x, ys

    check(function, x3(), [x3(), x3()], pieces=1)


def test_nested_comprehension_with_condition():
    def function(xs):
        return [[x * j for j in range(i)] for i, x in enumerate(xs) if i != 1]

    check(function, [x3(), x3(), x3()], pieces=1)


def test_break_inside_a_comprehension():
    def function(xs):
        return [x + stop() for x in xs]

    check(function, [x3(), x3()])


def test_generator_expressions_are_run_in_place():
    def function(xs):
        return sum(x * 2 for x in xs), max(i * i for i in range(4)), list(x for x in xs)  # noqa: C400

    check(function, [x3(), x3()], pieces=1)


def test_any_and_all_stop_early():
    def function(a, xs):
        if any(x > 2 for x in xs) and all(x for x in xs):
            a = a + 1
        return a

    check(function, x3(), [1, 3, 0])
    check(function, x3(), [1, 3, 4])


def pairs(xs):
    for i, x in enumerate(xs):
        yield i, x
        if i == 5:
            return


def test_generator_function_in_a_loop():
    def function(xs):
        total = 0.0
        for i, x in pairs(xs):
            total = total + x * i
        return total

    check(function, [x3(), x3(), x3()], pieces=1)


def test_break_while_a_generator_is_under_way():
    def function(xs):
        total = 0.0
        for i, x in pairs(xs):
            total = total + x * i
            stop()
        return total

    check(function, [x3(), x3(), x3()])


def test_generator_that_is_returned():
    def function(xs):
        ys = [x + 1 for x in xs]
        return (y * 2 for y in ys)

    runner = check(lambda xs: list(function(xs)), [x3(), x3()])
    assert runner.codes is not None


# Calls


def helper(a, b=2.0, *rest, scale=1.0, **options):
    return a * b + sum(rest) + scale + len(options)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: helper(x),
        lambda x: helper(x, x),
        lambda x: helper(x, 3.0, 4.0, 5.0),
        lambda x: helper(b=x, a=2.0),
        lambda x: helper(x, scale=x),
        lambda x: helper(x, other=1, scale=2.0),
        lambda x: helper(*[x, 2.0], scale=3.0),
        lambda x: helper(x, *(1.0, 2.0), 3.0, k=1),
    ],
)
def test_arguments_are_bound(call):
    check(call, x3(), pieces=1)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: helper(),
        lambda x: helper(x, a=x),
        lambda x: exact(x),
        lambda x: exact(x, x, x),
        lambda x: exact(x, x, c=x),
        lambda x: exact(a=x, b=x),
        lambda x: exact(x, b=x, **{"b": x}),  # noqa: PIE804
    ],
)
def test_wrong_arguments_raise_as_python_does(call):
    runner = check(call, x3())
    assert "JF-B009" in runner.codes


def exact(a, /, b, *, d=1):
    return a + b + d


def test_positional_only_parameters():
    def function(x):
        return exact(x, b=x, d=2)

    check(function, x3(), pieces=1)


def test_break_in_a_callee_suspends_both_frames():
    def inner(x):
        y = x * 2
        stop()
        return y + 1

    def function(x):
        z = inner(x) * 3
        return z - x

    runner = check(function, x3(), codes=["JF-B004"], pieces=2)
    exit = runner.traces[0].exit
    assert [frame.shape.code.co_name for frame in exit.frames] == ["function", "inner"]
    assert exit.frames[0].shape.resume == "push"
    assert nodes_of(runner.traces[1]) == ["add", "multiply", "subtract"]


def test_recursion():
    def power(x, n):
        return x if n == 0 else power(x, n - 1) * x

    check(lambda x: power(x, 6), x3(), pieces=1)


def test_deep_recursion_is_left_to_python():
    def power(x, n):
        return x if n == 0 else power(x, n - 1) + 1

    check(lambda x: power(x, 100), x3())


def test_closures():
    def make(scale):
        count = 0

        def apply(x):
            nonlocal count
            count += 1
            return x * scale + count

        return apply

    def function(x):
        f = make(3.0)
        return f(x) + f(x)

    check(function, x3(), pieces=1)


def test_closure_that_escapes():
    def function(x):
        y = x * 2

        def inner(z):
            return y + z

        return inner

    def outer(x):
        return function(x)(1.0)

    check(outer, x3(), pieces=1)
    runner = check(lambda x: function(x), x3())
    assert isinstance(runner.traces[-1].exit, ReturnExit)


def test_cell_shared_with_the_caller_survives_a_break():
    def function(x):
        total = x

        def add(y):
            nonlocal total
            total = total + y

        add(1.0)
        stop()
        add(2.0)
        return total

    check(function, x3(), codes=["JF-B004"], pieces=2)


def test_free_variables_of_the_compiled_function():
    scale, offset = 3.0, x3()

    def function(x):
        return x * scale + offset

    check(function, x3(), pieces=1)


def test_lambda_defaults():
    def function(x):
        fs = [lambda y, i=i: y * i for i in range(3)]
        return [f(x) for f in fs]

    check(function, x3(), pieces=1)


def test_keyword_only_defaults_of_an_inner_function():
    def function(x):
        def inner(y, *, k=x):
            return y + k

        return inner(1.0) + inner(2.0, k=3.0)

    check(function, x3(), pieces=1)


def test_decorated_function():
    def twice(f):
        @functools.wraps(f)
        def wrapper(*args, **kwargs):
            return f(f(*args, **kwargs), **kwargs)

        return wrapper

    step = twice(lambda x, k=1.0: x * 2 + k)
    check(lambda x: step(x, k=2.0), x3(), pieces=1)


def test_partial():
    f = functools.partial(helper, scale=5.0)
    check(lambda x: f(x, 2.0), x3(), pieces=1)


def test_functions_that_look_at_frames_are_not_inlined():
    def peek(x):
        return len(locals()), x

    def function(x):
        n, y = peek(x * 2)
        return y + n

    check(function, x3(), codes=["JF-B003"], pieces=2)


def warns_at_its_caller(x):
    warnings.warn("here", UserWarning, stacklevel=2)
    return x


def test_functions_that_warn_at_their_caller_are_not_inlined():
    def function(x):
        return warns_at_its_caller(x * 2) + 1

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check(function, x3(), codes=["JF-B003"], pieces=2)
    assert [w.filename for w in caught] == [__file__, __file__]
    assert caught[0].lineno == caught[1].lineno


class Layer:
    def __init__(self, weight):
        self.weight = weight

    def __call__(self, x):
        return self.forward(x) + self.bias

    def forward(self, x):
        return x * self.weight

    @property
    def bias(self):
        return self.weight / 2


class Deep(Layer):
    def __init__(self, weight, depth):
        super().__init__(weight)
        self.depth = depth

    def forward(self, x):
        for _ in range(self.depth):
            x = super().forward(x)
        return x


def test_methods_and_super():
    layer = Deep(x3(), 2)
    check(lambda x: layer(x), x3(), pieces=1)


def test_instance_made_in_the_piece():
    def function(x):
        layer = Deep(x, depth=2)
        return layer(x)

    check(function, x3(), pieces=1)


class Talkative:
    def __init__(self, x):
        self.before = x * 2
        stop()
        self.after = self.before + 1


def test_break_in_a_constructor():
    def function(x):
        thing = Talkative(x)
        return thing.after + thing.before

    runner = check(function, x3(), codes=["JF-B004"], pieces=2)
    assert runner.traces[0].exit.frames[0].shape.resume == "discard"


class Breaking:
    @property
    def value(self):
        return stop() * 0 + 2.0


def test_break_in_a_property_is_a_break_of_the_access():
    thing = Breaking()

    def function(x):
        y = x * 2
        return y * thing.value

    runner = check(function, x3())
    assert len(runner.traces[0].exit.frames) == 1


# Exceptions and context managers


def test_try_without_exception():
    def function(x):
        try:
            y = x + 1
        except ValueError:
            y = x - 1
        else:
            y = y * 2
        finally:
            z = x
        return y + z

    check(function, x3(), pieces=1)


def test_exception_is_raised_and_handled_by_python():
    def function(x, n):
        y = x * 2
        try:
            if n > 2:
                raise ValueError("too many")
            y = y + 1
        except ValueError as error:
            y = y + len(str(error))
        return y * 3

    check(function, x3(), 1, pieces=1)
    check(function, x3(), 5)


def test_exception_leaves_the_function():
    def function(x, n):
        y = x * 2
        if n > 2:
            raise ValueError(f"{n} is too many")
        return y

    runner = check(function, x3(), 5)
    assert "JF-B009" in runner.codes


def test_exception_in_a_callee_is_handled_by_the_caller():
    def inner(x):
        raise KeyError("k")

    def function(x):
        try:
            y = inner(x * 2)
        except KeyError:
            y = x + 1
        finally:
            z = x * 3
        return y + z

    check(function, x3())


@contextlib.contextmanager
def managed(log):
    log.append("in")
    try:
        yield log
    finally:
        log.append("out")


def test_with_statement():
    def function(x, log):
        with managed(log) as entered:
            y = x + len(entered)
        return y * 2

    check(function, x3(), [])


SCOPE = {"depth": 0}


class Scope:
    def __enter__(self):
        SCOPE["depth"] += 1
        return SCOPE["depth"]

    def __exit__(self, kind, error, traceback):
        SCOPE["depth"] -= 1
        return kind is KeyError


def test_with_of_a_python_class_is_traced():
    def function(x):
        with Scope() as depth, Scope() as inner:
            y = x * depth + inner
        return y + SCOPE["depth"]

    check(function, x3(), pieces=1)


@pytest.mark.parametrize("kind", [KeyError, ValueError])
def test_exception_in_a_with_of_a_python_class(kind):
    def function(x):
        with Scope():
            y = x + 1
            if kind:
                raise kind(len(y))
        return x + SCOPE["depth"]

    check(function, x3())
    assert SCOPE["depth"] == 0


def test_with_nullcontext():
    def function(x):
        with contextlib.nullcontext(x) as y:
            z = y + 1
        return z

    check(function, x3(), pieces=1)


def test_with_errstate():
    def function(x):
        with np.errstate(divide="ignore"):
            y = 1.0 / (x - 1.0)
        return y + 1

    check(function, x3())


# Breaks and the record


def test_dead_results_are_not_kept_at_a_break():
    def function(x):
        y = x * 2
        z = y + 1
        stop()
        return z

    runner = check(function, x3(), codes=["JF-B004"])
    (frame,) = runner.traces[0].exit.frames
    assert "y" not in frame.shape.bound
    assert "z" in frame.shape.bound
    assert "x" in frame.shape.bound


def test_break_records_where_and_the_callers():
    def inner(x):
        return stop() + x

    def function(x):
        return inner(x * 2)

    exit = trace_call(function, x3()).exit
    assert isinstance(exit, BreakExit)
    assert exit.location.source_line().strip() == "return stop() + x"
    assert [place.function.rpartition(".")[2] for place in exit.stack] == ["function", "inner"]


def test_effects_are_kept_in_order_around_a_break():
    def function(x, log):
        log.append(1)
        stop()
        log.append(2)
        return x + len(log)

    check(function, x3(), [], codes=["JF-B004"], pieces=2)


def test_limit_on_nodes():
    def function(x):
        for _ in range(30):
            x = x + 1
        return x

    with config().override(max_nodes=10, capture_loops=False):
        runner = check(function, x3())
    assert "JF-B015" in runner.codes


@pytest.mark.parametrize("most", range(8, 80, 3))
def test_limits_are_met_in_frames_that_have_their_cells(most, monkeypatch):
    """Wherever the limit is met: at the very start of an inlined closure, too."""
    cause = Unsupported("JF-B015", "a limit")
    monkeypatch.setattr(Limits, "at", lambda self, step, place: cause if step >= most else None)

    def function(x):
        scale, log = 2.0, []

        def inner(y):
            def innermost(z):
                log.append(y)
                return z * scale + y

            return innermost(y + 1) + 1

        for _ in range(3):
            x = inner(x) + inner(x * 2)
        return x, len(log)

    with config().override(capture_loops=False):
        assert "JF-B015" in check(function, x3()).codes


def test_generators_are_left_to_python():
    def function(x):
        yield x + 1

    assert isinstance(trace_call(function, x3()).exit, EagerExit)


def test_item_of_a_loop_has_its_variable_s_name():
    def function(a, n):
        for index in range(n):
            a = a * index
        return a

    with config().override(capture_loops=False):
        runner = check(function, x3(), 70)
    names = {str(fact.source) for trace in runner.traces[1:3] for fact in trace.guards}
    assert "index" in names


def test_excluded_instructions_end_the_piece():
    def function(x):
        y = x + 1
        z = y * 2
        return z - x

    point, state = entry(function, x3())
    multiply = [i for i in decode(function.__code__) if i.name == "BINARY_OP"][1]
    place = (function.__code__, multiply.offset)
    record = trace(point, state, name="f", inline_exclusions=[place])
    assert nodes_of(record) == ["add"]
    assert record.exit.frames[0].shape.offset == multiply.offset


def test_fullgraph_raises_with_the_line():
    def function(x):
        return x + stop()

    point, state = entry(function, x3())
    with pytest.raises(GraphBreak, match="JF-B004"):
        trace(point, state, name="f", fullgraph=True)


def test_imports_inside_the_function():
    def function(x):
        from os.path import basename

        import numpy as other

        return other.maximum(x, 2.0), basename is not None

    check(function, x3(), pieces=1)


def test_format_strings():
    def function(x, n):
        label = f"{n:>4}|{n!r}|{x.shape}"
        return x + len(label), label

    check(function, x3(), 7, pieces=1)


def test_starred_unpacking():
    def function(x, values):
        first, *middle, last = values
        (a, b), c = (1, 2), 3
        return x + first + sum(middle) + last + a + b + c, [*values, 1], {*values}

    check(function, x3(), [1.0, 2.0, 3.0, 4.0])


def test_slices_of_containers():
    def function(x, values):
        values[1:2] = [5.0, 6.0]
        del values[0]
        return x + values[-1], values[::-1]

    check(function, x3(), [1.0, 2.0, 3.0])


class Watched:
    """Can be referred to weakly."""


@pytest.mark.parametrize("with_break", [False, True])
def test_a_trace_keeps_no_argument_alive(with_break):
    def function(x, thing, n):
        y = sum(x * i for i in range(2))
        if n:
            stop()
        return y + 1 if thing else y

    thing = Watched()
    watch = weakref.ref(thing)
    gc.disable()
    try:
        record = trace_call(function, x3(), thing, with_break)
        del thing
        assert watch() is None
        assert record is not None
    finally:
        gc.enable()
