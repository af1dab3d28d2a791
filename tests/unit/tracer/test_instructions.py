"""Decoding of real code objects: jump targets, stack depths, exception tables, variables."""

import argparse
import ast
import asyncio.base_events
import collections
import dataclasses
import decimal
import dis
import inspect
import statistics
import types
import typing

import numpy as np
import pytest

from jitflow.tracer import instructions
from jitflow.tracer.instructions import decode, handler_of, handler_ranges, index_at
from jitflow.tracer.opcodes import JUMPS, OPERATIONS

MODULES = (argparse, ast, collections, dataclasses, decimal, dis, inspect, statistics, typing)
NUMPY = (
    asyncio.base_events,
    np.lib._function_base_impl,
    np.lib._index_tricks_impl,
    np._core.numeric,
)


def codes_of(module):
    source = inspect.getsource(module)
    pending, found = [compile(source, module.__file__, "exec")], []
    while pending:
        code = pending.pop()
        found.append(code)
        pending += [const for const in code.co_consts if isinstance(const, types.CodeType)]
    return found


def check_depths(code):
    """The stack's depth is the same on every path to an instruction."""
    program, index = decode(code), index_at(code)
    depths, pending = {0: 0}, [0]

    def reach(offset, depth):
        at = index[offset]
        if at in depths:
            assert depths[at] == depth, (code, program[at], depths[at], depth)
        else:
            depths[at] = depth
            pending.append(at)

    while pending:
        at = pending.pop()
        instruction, depth = program[at], depths[at]
        assert 0 <= depth <= code.co_stacksize, (code, instruction)
        row = handler_of(code, instruction)
        if row is not None:
            assert row.depth <= depth, (code, instruction, row)
            reach(row.target, row.depth + row.lasti + 1)
        if instruction.target is not None:
            reach(instruction.target, depth + instruction.stack_effect(jump=True))
        if instruction.falls_through:
            reach(instruction.end, depth + instruction.stack_effect())
    return depths


@pytest.mark.parametrize("module", MODULES + NUMPY, ids=lambda m: m.__name__)
def test_stack_depth_is_consistent(module):
    for code in codes_of(module):
        depths = check_depths(code)
        assert depths, code


def test_instructions_cover_the_code_without_gaps():
    for code in codes_of(inspect):
        program = decode(code)
        assert program[0].offset == 0
        assert program[-1].end == len(code.co_code)
        for before, after in zip(program, program[1:]):
            assert before.end == after.offset


def test_jump_targets_are_instructions():
    for code in codes_of(argparse):
        for instruction in decode(code):
            jumps = [op for op in instruction.operations if op.op in JUMPS]
            if jumps:
                assert instruction.target in index_at(code)
                assert jumps == [instruction.operations[-1]]
                assert jumps[0].arg == instruction.target


def test_exception_table_matches_dis():
    for code in codes_of(statistics):
        ours = [(r.start, r.end, r.target, r.depth, r.lasti) for r in handler_ranges(code)]
        theirs = [tuple(entry)[:5] for entry in dis._parse_exception_table(code)]
        assert ours == [(e[0], e[1], e[2], e[3], e[4]) for e in theirs]


def test_operations_are_known():
    for code in codes_of(typing):
        for instruction in decode(code):
            for operation in instruction.operations:
                assert operation.op in OPERATIONS


def operations_of(function):
    return [
        (op.op, op.arg)
        for instruction in decode(function.__code__)
        for op in instruction.operations
    ]


def test_variants_of_calls_are_one_instruction():
    def function(f, x):
        return f(x, k=1)

    calls = [i for i in decode(function.__code__) if i.name.startswith("CALL")]
    assert len(calls) == 1
    assert calls[0].operations[-1].op == "CALL_KW"
    assert calls[0].operations[-1].arg == 2
    assert ("LOAD_CONST", ("k",)) in operations_of(function)


def test_method_call_loads_an_attribute_and_a_null():
    def function(x):
        return x.sum()

    ops = operations_of(function)
    assert ("LOAD_ATTR", "sum") in ops
    assert ("PUSH_NULL", None) in ops
    assert ops[-2] == ("CALL", 0)


def test_slices_are_items():
    def function(x, i, j):
        x[i:j] = x[j:i]

    ops = [op for op, _ in operations_of(function)]
    assert ops.count("BUILD_SLICE") == 2
    assert ops.count("GET_ITEM") == 1
    assert ops.count("SET_ITEM") == 1


def test_locations_point_into_the_line():
    def function(a, b):
        return a * b + a

    binary = [i for i in decode(function.__code__) if i.name == "BINARY_OP"]
    texts = []
    for instruction in binary:
        place = instruction.location
        texts.append(place.source_line()[place.column : place.end_column])
        assert place.function.endswith("function")
    assert texts == ["a * b", "a * b + a"]


def test_decoding_is_cached_by_identity():
    namespace = {}
    exec("def f(x):\n return x", namespace)
    first = namespace["f"].__code__
    exec("def f(x):\n return x", namespace)
    second = namespace["f"].__code__
    assert first == second
    assert decode(first) is decode(first)
    assert decode(first) is not decode(second)


def test_extended_arguments():
    names = [f"name_{i}" for i in range(300)]
    source = "def f():\n" + "".join(f" {name} = 1\n" for name in names) + f" return {names[-1]}\n"
    namespace = {}
    exec(source, namespace)
    code = namespace["f"].__code__
    stored = [op.arg for i in decode(code) for op in i.operations if op.op == "STORE_FAST"]
    assert stored == list(range(300))
    check_depths(code)


def test_slots_of_variables():
    def outer(a, b):
        c = 1

        def inner():
            return a + c

        return inner

    assert instructions.variables(outer.__code__) == ("a", "b", "inner", "c")
    assert instructions.variables(outer(1, 2).__code__) == ("a", "c")
