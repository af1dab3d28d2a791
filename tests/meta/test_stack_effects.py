"""Every CPython instruction's normalised operations have the stack effect that CPython states."""

import dis

import pytest

from jitflow.tracer import versions
from jitflow.tracer.opcodes import JUMPS, OPERATIONS, stack_effect

SKIPPED = {
    # never in code objects' `co_code`, or handled before expansion
    "CACHE", "EXTENDED_ARG", "KW_NAMES", "PRECALL", "RESERVED", "INTERPRETER_EXIT",
    "ENTER_EXECUTOR", "CALL_KW_NON_PY",
}  # fmt: skip


class AnyName:
    """Names and constants for any argument."""

    def __getitem__(self, index):
        return f"name_{index}"


def real_instructions():
    for name, opcode in sorted(dis.opmap.items()):
        if opcode < 256 and name not in SKIPPED and not name.startswith("INSTRUMENTED"):
            yield name


def arguments_of(name):
    if dis.opmap[name] < dis.HAVE_ARGUMENT:
        return (0,)
    if name in ("SWAP", "COPY"):
        return (1, 2, 5)
    if name == "BUILD_SLICE":
        return (2, 3)
    if name == "SET_FUNCTION_ATTRIBUTE":
        return (1, 2, 4, 8)
    if name == "CONVERT_VALUE":
        return (1, 2, 3)
    if name in ("RAISE_VARARGS", "RERAISE", "CALL_INTRINSIC_2", "BUILD_CONST_KEY_MAP"):
        return (0, 1, 2)
    return (0, 1, 2, 3, 4, 5, 6, 7, 8)


def allowed(name, arg):
    if name == "CALL_INTRINSIC_1":
        return arg > 0
    if name == "COMPARE_OP":
        return arg in (0, 1, 2, 3, 4, 5)
    return True


def encoded(name, arg):
    """The argument as the compiler would encode it."""
    if name == "COMPARE_OP":
        return arg << {11: 0, 12: 4, 13: 5}[__import__("sys").version_info[1]]
    return arg


@pytest.mark.parametrize("name", list(real_instructions()))
def test_effect_matches_cpython(name):
    operands = versions.Operands(AnyName(), AnyName(), 10)
    for small in arguments_of(name):
        if not allowed(name, small):
            continue
        arg = encoded(name, small)
        operations = versions.expand(name, arg, operands)
        oparg = arg if dis.opmap[name] >= dis.HAVE_ARGUMENT else None
        expected = dis.stack_effect(dis.opmap[name], oparg, jump=False)
        if name == "RETURN_GENERATOR":
            expected = 1  # the generator that is pushed for the POP_TOP behind it
        if name == "CALL" and "PRECALL" in dis.opmap:
            expected += dis.stack_effect(dis.opmap["PRECALL"], oparg)
        assert sum(stack_effect(operation) for operation in operations) == expected, (name, arg)
        if operations and operations[-1].op in JUMPS:
            check_jump(name, arg, operations)


def check_jump(name, arg, operations):
    expected = dis.stack_effect(dis.opmap[name], arg, jump=True)
    if name == "FOR_ITER" and "END_FOR" in dis.opmap:
        expected += dis.stack_effect(dis.opmap["END_FOR"], None)
        if versions.current.for_iter_skip == 4:
            expected += dis.stack_effect(dis.opmap["POP_TOP"], None)
    before = sum(stack_effect(operation) for operation in operations[:-1])
    assert before + stack_effect(operations[-1], jump=True) == expected, (name, arg)


def test_every_instruction_has_a_rule():
    missing = [name for name in real_instructions() if name not in versions.current.rules]
    specialised = {name for name in missing if not _has_effect(name)}
    assert set(missing) - specialised == set()


def _has_effect(name):
    opcode = dis.opmap[name]
    try:
        dis.stack_effect(opcode, 0 if opcode >= dis.HAVE_ARGUMENT else None)
    except ValueError:
        return False
    return True


def test_every_operation_is_made_by_some_version():
    made = set()
    for version in versions.VERSIONS.values():
        for name, rule in version.rules.items():
            for arg in range(256):
                try:
                    operations = rule(arg, versions.Operands(AnyName(), AnyName(), 0))
                except (IndexError, ValueError, TypeError):
                    continue
                made |= {operation.op for operation in operations}
    assert made | {"CALL_KW"} == set(OPERATIONS)
