"""Continuation code objects: what one of them does, and the byte formats they are made of."""

import dis
import gc
import sys
from types import CellType, FunctionType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitflow.core.errors import Unsupported
from jitflow.tracer import code_layout, continuation
from jitflow.tracer.code_layout import Section, emit, exception_table, permutation, with_row
from jitflow.tracer.continuation import call_before, resume, step, throw
from jitflow.tracer.instructions import HandlerRange, decode, handler_ranges
from jitflow.tracer.trace import FrameShape


def instruction(function, name, number=0):
    return [i for i in decode(function.__code__) if i.name.startswith(name)][number]


def run(made, *state):
    return made.function(globals())(tuple(state))


def at(function, name, bound=(), stack=(), number=0):
    offset = instruction(function, name, number).offset
    return FrameShape(function.__code__, offset, bound, stack)


def test_step_runs_one_instruction_and_gives_the_state():
    def function(a, b):
        c = a * b
        return c - 1

    shape = at(function, "BINARY_OP", ("a", "b"), (True, True))
    exit, state = run(step(shape), 5, 6, 5, 6)
    assert state == (5, 6, 30)
    assert exit.shape == FrameShape(
        function.__code__, instruction(function, "BINARY_OP").end, ("a", "b"), (True,)
    )


def test_resume_runs_to_the_end():
    def function(a, b):
        c = a * b
        return c - 1

    shape = at(function, "BINARY_OP", ("a", "b"), (True, True))
    assert run(resume(shape), 5, 6, 7, 8) == 55


def test_conditional_jump_has_two_exits():
    def function(a):
        if a is None:
            return 1
        return 2

    jump = instruction(function, "POP_JUMP")
    is_none = "NONE" in jump.name
    shape = FrameShape(function.__code__, jump.offset, ("a",), (True,))
    made = step(shape)
    values = (None, 1) if is_none else (True, False)
    left = {run(made, 0, value)[0].shape.offset for value in values}
    assert left == {jump.end, jump.target}


def test_loop_ends_behind_its_iterator():
    def function(a):
        for b in a:
            pass
        return 3

    loop = instruction(function, "FOR_ITER")
    shape = FrameShape(function.__code__, loop.offset, ("a",), (True,))
    made, numbers = step(shape), iter([7])
    exit, state = run(made, 0, numbers)
    assert (state, exit.shape.offset, exit.shape.stack) == ((0, numbers, 7), loop.end, (True, True))
    exit, state = run(made, 0, numbers)
    assert (state, exit.shape.offset, exit.shape.stack) == ((0,), loop.target, ())


def test_generator_in_a_stepped_loop():
    def function(a):
        for _ in a:
            pass

    shape = at(function, "FOR_ITER", ("a",), (True,))
    made = step(shape)
    for _ in range(40):  # until CPython has specialised the instruction
        exit, _state = run(made, 0, (x for x in ()))
        assert exit.shape.stack == ()
        assert run(made, 0, (x for x in (5,)))[1][-1] == 5


def test_method_load_has_one_layout():
    class Thing:
        def method(self):
            return "method"

        def __init__(self):
            self.attribute = lambda: "attribute"

    def method(a):
        return a.method()

    def attribute(a):
        return a.attribute()

    for function in (method, attribute):
        load = "LOAD_METHOD" if sys.version_info < (3, 12) else "LOAD_ATTR"
        exit, state = run(step(at(function, load, ("a",), (True,))), *[Thing()] * 2)
        assert sorted(exit.shape.stack) == [False, True]
        assert len(state) == 2
        assert run(resume(exit.shape), *state) == function.__name__


def test_nulls_below_values_are_put_back():
    def function(a, b):
        return max(a, min(b, abs(a)))

    call = instruction(function, "CALL")
    null_first = sys.version_info < (3, 13)
    one = (False, True) if null_first else (True, False)
    stack = (*one, True, *one, True, *one, True)
    shape = FrameShape(function.__code__, call.offset, ("a", "b"), stack)
    exit, state = run(step(shape), -4, 3, max, -4, min, 3, abs, -4)
    assert exit.shape.stack == (*one, True, *one, True, True)
    assert state == (-4, 3, max, -4, min, 3, 4)
    assert run(resume(exit.shape), *state) == 3


def test_cells_are_shared():
    def function(a):
        def inner():
            nonlocal a
            a += 1
            return a

        return inner, a

    cell = CellType(5)
    shape = at(function, "LOAD_DEREF", ("a", "inner"), (True,))
    inner = FunctionType(function.__code__.co_consts[1], {}, None, None, (cell,))
    result = run(resume(shape), cell, inner, inner)
    assert result == (inner, 5)
    assert (inner(), cell.cell_contents) == (6, 6)


def test_entry_makes_the_cells():
    def function(a, b):
        return (lambda: a + b)()

    shape = FrameShape(function.__code__, 0, ("a", "b"))
    assert run(resume(shape), 1, 2) == 3
    exit, state = run(step(shape), 1, 2)
    assert [type(item).__name__ for item in state] == ["cell", "cell"]
    assert run(resume(exit.shape), *state) == 3


def test_unbound_stays_unbound():
    def function(b):
        if b > 100:
            a = 1
        return a

    start = instruction(function, "RESUME").end
    with pytest.raises(UnboundLocalError, match="'a'"):
        run(resume(FrameShape(function.__code__, start, ("b",))), 1)


def test_exception_is_handled_by_the_frame():
    def function(a):
        try:
            a()
        except ValueError as error:
            return str(error)

    def fails():
        raise ValueError("caught")

    call = instruction(function, "CALL")
    null_first = sys.version_info < (3, 13)
    stack = (False, True) if null_first else (True, False)
    shape = FrameShape(function.__code__, call.offset, ("a",), stack)
    assert run(step(shape), fails, fails) == "caught"


def test_throw_is_at_the_call_that_waits():
    def function(a):
        try:
            x = a()
        except ValueError as error:
            return error.__traceback__.tb_lineno, error.__context__
        return x

    call = instruction(function, "CALL")
    shape = FrameShape(function.__code__, call.end, ("a",), (), "push")
    assert call_before(shape) == call.offset
    error = ValueError("thrown")
    error.__context__ = context = KeyError("context")
    line = function.__code__.co_firstlineno + 2
    try:
        raise OSError("being handled by the caller")
    except OSError:
        assert run(throw(shape, call.offset), None, error) == (line, context)
        assert isinstance(sys.exc_info()[1], OSError)


def test_step_leaves_at_the_loop_header_after_a_handled_exception():
    def function(a):
        for i in a:
            try:
                i()
            except ValueError:
                pass

    def fails():
        raise ValueError

    call, loop = instruction(function, "CALL"), instruction(function, "FOR_ITER")
    null_first = sys.version_info < (3, 13)
    stack = (True, False, True) if null_first else (True, True, False)
    shape = FrameShape(function.__code__, call.offset, ("a", "i"), stack)
    exit, state = run(step(shape), "a", fails, "iterator", fails)
    assert (exit.shape.offset, state) == (loop.offset, ("a", fails, "iterator"))
    assert sys.exc_info() == (None, None, None)


@pytest.mark.parametrize("text", ["yield x", "return [(yield x)]", "await x"])
def test_generators_and_coroutines_are_declined(text):
    namespace = {}
    exec(f"{'async ' if 'await' in text else ''}def f(x):\n  {text}", namespace)
    with pytest.raises(Unsupported, match="JF-B012"):
        step(FrameShape(namespace["f"].__code__, 0, ("x",)))


def test_module_code_is_declined():
    with pytest.raises(Unsupported, match="JF-B002"):
        step(FrameShape(compile("x = 1", "module.py", "exec"), 0))


def test_state_must_have_the_free_variables():
    outside = 1

    def function():
        return outside

    with pytest.raises(ValueError, match="free variables"):
        resume(FrameShape(function.__code__, 0))


def test_made_once_while_it_is_used_and_then_freed():
    def function(a):
        return a + 1

    shape = at(function, "BINARY_OP", ("a",), (True, True))
    made = step(shape)
    assert step(FrameShape(*vars(shape).values())) is made
    count = len(continuation._cache)
    del made
    gc.collect()
    assert len(continuation._cache) < count


def test_stub_has_the_instructions_source_range():
    def function(a, b):
        return a + b

    made = step(at(function, "BINARY_OP", ("a", "b"), (True, True))).code
    wanted = instruction(function, "BINARY_OP").location
    added = list(made.co_positions())[-3:]
    assert set(added) == {(wanted.line, wanted.end_line, wanted.column, wanted.end_column)}
    size = len(function.__code__.co_code) // 2
    table = list(made.co_positions())
    kept = positions_of(function.__code__)
    before = next(n for n in range(len(table)) if table[n : n + size] == kept)
    assert all(entry[0] is None for entry in table[:before])


def positions_of(code):
    return list(code.co_positions())


# Byte formats

ROWS = st.lists(
    st.tuples(st.integers(0, 90), st.integers(1, 5000), st.integers(0, 70000), st.integers(0, 300)),
    max_size=6,
)


@given(ROWS, st.booleans())
def test_exception_table_is_read_back(fields, lasti):
    rows, start = [], 0
    for gap, length, target, depth in fields:
        start += 2 * gap
        rows.append(HandlerRange(start, start + 2 * length, 2 * target, depth, lasti))
        start += 2 * length
    code = (lambda: 0).__code__.replace(co_exceptiontable=exception_table(rows))
    assert list(handler_ranges(code)) == rows


def test_row_replaces_what_covers_its_range():
    rows = [HandlerRange(0, 10, 50, 1, False), HandlerRange(10, 20, 60, 2, True)]
    new = HandlerRange(8, 12, 70, 3, False)
    covered = [(row.start, row.end, row.target) for row in with_row(rows, new)]
    assert covered == [(0, 8, 50), (8, 12, 70), (12, 20, 60)]


@given(st.permutations(range(9)), st.integers(1, 9))
def test_permutation_sorts_the_stack(order, size):
    order = [item for item in order if item < size]
    stack = list(order)
    for swap in permutation(order, range(size)):
        depth = swap[-1]
        stack[-1], stack[-depth] = stack[-depth], stack[-1]
    assert stack == list(range(size))


@given(st.integers(0, 2**32 - 1))
def test_long_arguments_have_prefixes(arg):
    data, value = emit("LOAD_CONST", arg), 0
    for opcode, low in zip(data[::2], data[1::2]):
        value = value << 8 | low
    assert value == arg
    assert data[-2] == dis.opmap["LOAD_CONST"]
    assert set(data[:-2:2]) <= {dis.opmap["EXTENDED_ARG"]}


@given(
    st.lists(
        st.tuples(
            st.integers(1, 10**5), st.integers(0, 300), st.integers(0, 500), st.integers(1, 40)
        ),
        max_size=5,
    )
)
def test_locations_are_read_back(parts):
    code = (lambda: 0).__code__
    lines = [((line, line + more, at, at + 1), 2 * words) for line, more, at, words in parts]
    lines.append(((None, None, None, None), 4))
    lines.append(((7, None, None, None), 4))
    table = code_layout.location_table(code, 6, lines)
    size = 6 + len(code.co_code) + sum(size for _, size in lines)
    made = code.replace(co_linetable=table, co_code=bytes(emit("NOP") * (size // 2)))
    wanted = [(None,) * 4] * 3 + positions_of(code)
    wanted += [position for position, size in lines for _ in range(size // 2)]
    read = positions_of(made)
    assert [entry[0] for entry in read] == [entry[0] for entry in wanted]
    assert read[:-2] == wanted[:-2]


def test_section_knows_where_it_ends():
    section = Section(10, (1, 1, 0, 1))
    section.add(b"abcd", HandlerRange(0, 0, 90, 1, False))
    assert (section.end, section.rows[0].start, section.rows[0].end) == (14, 10, 14)


def test_slots_can_be_moved_up():
    def make():
        first, second = 1, 2

        def function():
            return first + second

        return function

    function = make()
    moved = code_layout.shift_slots(function.__code__.co_code)
    changed = [b - a for a, b in zip(function.__code__.co_code, moved) if a != b]
    assert changed == [1, 1]
