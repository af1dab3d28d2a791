"""Programs on a device: memory, launches, products, loops, branches, checks; kernels in Python."""

import ctypes

import numpy as np
import pytest
from helpers.host_device import DeviceArray, HostDevice, to_device

from jitflow.codegen.commands import (
    Branch,
    CallKernel,
    CallProduct,
    Check,
    DefineSymbol,
    Matrix,
    Pointer,
    Repeat,
    Turn,
    While,
)
from jitflow.codegen.interface import InputSpec, OutputSpec
from jitflow.codegen.triton.interface import (
    FAILED,
    Allocation,
    Blocks,
    GeneratedKernel,
    GeneratedProgram,
    Parameter,
)
from jitflow.core import dims
from jitflow.core.dtypes import BOOL, F32, F64, I64
from jitflow.core.errors import CheckFailed, JitflowError, Unsupported
from jitflow.runtime.device.interface import DeviceOutOfMemory
from jitflow.runtime.device.program import DeviceProgram

N = dims.symbol("s0")
VECTOR = InputSpec(F64, (N,), "C")
RESULT = OutputSpec(F64, (N,), (0,))


def at(address, dtype, count):
    """Memory as an array."""
    kind = np.dtype(dtype)
    room = (ctypes.c_char * (kind.itemsize * count)).from_address(address)
    return np.frombuffer(room, kind)


def kernel(name, passed, *indices, extent=N, checks=False, spans=(), size=4):
    """A kernel over pointers `passed` (name to dtype; a scalar's name begins with "by_")."""
    parameters = [
        Parameter(p, "scalar" if p.startswith("by_") else "pointer", dtype)
        for p, dtype in passed.items()
    ]
    parameters += [Parameter(FAILED, "pointer", I64)] * checks
    parameters += [Parameter(f"i{k}", "index", dim=dim) for k, dim in enumerate(indices)]
    parameters.append(Parameter("WIDE", "constexpr"))
    grid = (Blocks(extent, size),)
    return GeneratedKernel(name, "", tuple(parameters), grid, spans=spans, checks=checks)


def double(grid, arguments):
    source, target, n = arguments
    assert grid == (-(-n // 4), 1, 1)
    at(target, "f8", n)[:] = 2 * at(source, "f8", n)


def add_one(grid, arguments):
    source, target, n = arguments
    at(target, "f8", n)[:] = at(source, "f8", n) + 1


BODIES = {"double": double, "add_one": add_one}


def make(program, bodies=BODIES, **options):
    program.symbols = ("s0",)
    device = HostDevice(lambda made, wide: bodies[made.name], **options)
    return DeviceProgram(program, device, [("s0", 0, 0)]), device


def pair(name):
    return kernel(name, {"a": F64, "b": F64}, N)


def call(number, *storages):
    return CallKernel(number, tuple(Pointer(s) if isinstance(s, str) else s for s in storages))


def vector(*values):
    return to_device(np.array(values, float))


def test_kernels_run_in_order_over_a_temporary():
    program = GeneratedProgram(
        [pair("double"), pair("add_one")],
        [call(0, "in0", "tmp0"), call(1, "tmp0", "out0")],
        (VECTOR,),
        (RESULT,),
        ("s0",),
        {"tmp0": Allocation(8 * N, None, 0, 1)},
    )
    run, device = make(program)
    for size in (5, 1, 9):
        (result,) = run([vector(*range(size))])
        assert type(result) is DeviceArray
        np.testing.assert_array_equal(result.host, 2.0 * np.arange(size) + 1)
    assert device.launches == 6
    assert len(device.prepared) == 2  # for aligned addresses; made once


def static(program, bodies=BODIES, **options):
    """A program whose sizes are all known."""
    device = HostDevice(lambda made, wide: bodies[made.name], **options)
    return DeviceProgram(program, device, []), device


def test_a_program_of_known_sizes():
    def fused(grid, arguments):
        a, x, flag, b, n = arguments
        at(b, "f8", n)[:] = x * at(a, "f8", n) * flag

    passed = {"a": F64, "by_x": F64, "by_flag": BOOL, "b": F64}
    three = InputSpec(F64, (3,), "C")
    left = Matrix(Pointer("const0"), 24, 8)
    right, result = Matrix(Pointer("tmp1"), 8, 8), Matrix(Pointer("out0"), 8, 8)
    program = GeneratedProgram(
        [
            kernel("fused", passed, 3, extent=3),
            kernel("add_one", {"a": F64, "b": F64}, 3, extent=3),
        ],
        [
            call(0, "in0", "in1", "in2", Pointer("tmp0", 8)),
            call(1, Pointer("tmp0", 8), "tmp1"),
            CallProduct(F64, 3, 1, 3, (), left, right, result),
        ],
        (three, InputSpec(F64, (), "scalar"), InputSpec(BOOL, (), "scalar")),
        (OutputSpec(F64, (3, 1), (0, 1)),),
        temporaries={"tmp0": Allocation(32, 0), "tmp1": Allocation(24, 64)},
        arena=128,
        constants={"const0": np.diag([1.0, 2.0, 3.0])},
    )
    run, device = static(program, {**BODIES, "fused": fused})
    assert run._static is not None
    for factor in (2.0, -0.5):
        (result,) = run([vector(1, 2, 3), factor, np.True_])
        expected = np.diag([1.0, 2.0, 3.0]) @ (factor * np.arange(1, 4) + 1)[:, None]
        np.testing.assert_allclose(result.host, expected)
    assert (device.launches, device.products) == (4, 2)
    assert ("fused", False, False) in device.prepared  # 8 bytes into the arena


def test_an_empty_program_of_known_sizes():
    none = InputSpec(F64, (0,), "C")
    empty = kernel("double", {"a": F64, "b": F64}, 0, extent=0)
    program = GeneratedProgram(
        [empty], [call(0, "in0", "out0")], (none,), (OutputSpec(F64, (0,), (0,)),)
    )
    run, device = static(program)
    (result,) = run([vector()])
    assert (result.shape, device.launches) == ((0,), 0)


def test_an_empty_grid_launches_nothing():
    run, device = make(
        GeneratedProgram([pair("double")], [call(0, "in0", "out0")], (VECTOR,), (RESULT,))
    )
    (result,) = run([vector()])
    assert (result.shape, device.launches) == ((0,), 0)


def test_addresses_that_are_not_aligned_get_a_variant():
    program = GeneratedProgram([pair("double")], [call(0, "in0", "out0")], (VECTOR,), (RESULT,))
    run, device = make(program)
    memory = np.zeros(64)
    start = next(k for k in range(4) if (memory.ctypes.data + 8 * k) % 16)
    run([DeviceArray(memory[start : start + 5])])
    assert ("double", False, False) in device.prepared


def test_large_sizes_get_64_bit_indices():
    sized = kernel("double", {"a": F64, "b": F64}, N, spans=((N * 2**30,),))
    program = GeneratedProgram([sized], [call(0, "in0", "out0")], (VECTOR,), (RESULT,))
    run, device = make(program)
    run([vector(1)])
    assert {wide for _, wide, _ in device.prepared} == {False}
    run([vector(1, 2)])
    assert {wide for _, wide, _ in device.prepared} == {False, True}


def test_numbers_are_passed_by_value_with_their_sign():
    seen = []
    passed = {"by_x": F64, "by_flag": BOOL, "b": F64}
    program = GeneratedProgram(
        [kernel("see", passed, N)],
        [call(0, "in1", "in2", "out0")],
        (VECTOR, InputSpec(F64, (), "scalar"), InputSpec(BOOL, (), "scalar")),
        (RESULT,),
    )
    run, _ = make(program, {"see": lambda grid, arguments: seen.append(arguments)})
    run([vector(1), -0.0, np.True_])
    ((x, flag, _, n),) = seen
    assert (np.signbit(x), flag, type(flag), n) == (True, 1, int, 1)


def test_arena_offsets_and_constants_and_pointer_offsets():
    program = GeneratedProgram(
        [pair("double"), pair("add_one")],
        [
            call(0, "const0", Pointer("tmp0", 16)),
            call(1, Pointer("tmp0", 16), "out0"),
        ],
        (VECTOR,),
        (RESULT,),
        temporaries={"tmp0": Allocation(64, 256)},
        arena=512,
        constants={"const0": np.array([10.0, 20.0])},
    )
    run, _ = make(program)
    (result,) = run([vector(0, 0)])
    np.testing.assert_array_equal(result.host, [21, 41])


def test_strides_are_counted_in_elements():
    seen = []
    spec = InputSpec(F64, (N,), "strided")
    stride = dims.symbol("in0_stride0")
    program = GeneratedProgram([kernel("see", {"a": F64}, stride)], [call(0, "in0")], (spec,), ())
    run, _ = make(program, {"see": lambda grid, arguments: seen.append(arguments[1])})
    base = np.zeros(30)
    for view in (base[::3], base[::-1]):
        run([DeviceArray(view)])
    assert seen == [3, -1]
    records = np.zeros(4, [("x", "f8"), ("y", "i4")])
    with pytest.raises(CheckFailed):
        run([DeviceArray(records["x"])])


def test_outputs_lie_in_the_order_that_is_asked_for():
    program = GeneratedProgram([], [], (VECTOR,), (OutputSpec(F32, (N, 3, 2), (2, 0, 1)),))
    run, _ = make(program)
    (result,) = run([vector(1, 2, 3, 4)])
    assert (result.shape, result.strides) == ((4, 3, 2), (12, 4, 48))


def test_products_with_strides_and_batches():
    left = Matrix(Pointer("in0"), 8, 8 * N, (0,))  # transposed, the same for each batch
    right = Matrix(Pointer("in1"), 16, 8, (8 * 2 * N,))
    result = Matrix(Pointer("out0"), 16, 8, (16 * N,))
    program = GeneratedProgram(
        [],
        [CallProduct(F64, N, 2, N, (3,), left, right, result)],
        (InputSpec(F64, (N, N), "C"), InputSpec(F64, (3, N, 2), "C")),
        (OutputSpec(F64, (3, N, 2), (0, 1, 2)),),
    )
    run, device = make(program)
    a, b = np.arange(16.0).reshape(4, 4), np.arange(24.0).reshape(3, 4, 2)
    (product,) = run([to_device(a), to_device(b)])
    np.testing.assert_allclose(product.host, a.T @ b)
    run([to_device(np.zeros((0, 0))), to_device(np.zeros((3, 0, 2)))])
    assert device.products == 1


def test_a_loop_puts_its_index_into_memory():
    def collect(grid, arguments):
        slot, target, n = arguments
        at(target, "f8", n)[:] += at(slot, "i8", 1)[0]

    body = kernel("collect", {"slot": I64, "b": F64}, N)
    loop = Repeat(Pointer("slot"), 7, Pointer("in1"), -2, [call(0, "slot", "out0")])
    program = GeneratedProgram(
        [body, pair("double")],
        [call(1, "in0", "out0"), loop],
        (VECTOR, InputSpec(I64, (), "C")),
        (RESULT,),
        temporaries={"slot": Allocation(8, 0)},
        arena=64,
    )
    run, _ = make(program, {**BODIES, "collect": collect})
    (result,) = run([vector(1, 2), to_device(np.array(1))])
    np.testing.assert_array_equal(result.host, [2 + 15, 4 + 15])


def test_the_host_knows_the_index_of_a_loop():
    size = dims.symbol("s1")
    prefix = kernel("add_one", {"a": F64, "b": F64}, size, extent=size)
    inner = Repeat(
        Pointer("j"), 0, Pointer("i"), 1,
        [DefineSymbol("s1", Pointer("j")), call(0, "in0", "out0")],
    )  # fmt: skip
    outer = Repeat(Pointer("i"), 4095, 4098, 1, [inner, DefineSymbol("s2", Pointer("i"))])
    program = GeneratedProgram(
        [prefix], [outer], (VECTOR,), (RESULT,),
        temporaries={"i": Allocation(8, 0), "j": Allocation(8, 8)}, arena=64,
    )  # fmt: skip
    run, device = make(program)
    run([vector(*range(5000))])
    assert device.reads == 0
    assert device.launches == 4094 + 4095 + 4096  # none for the empty prefix


def test_no_memory_in_a_loop_that_has_written_is_a_clear_error():
    count = dims.symbol("s1")
    body = [
        DefineSymbol("s1", Pointer("i")),
        call(0, "in0", "in0"),
        call(0, "in0", "tmp0"),
    ]
    program = GeneratedProgram(
        [pair("double")],
        [Repeat(Pointer("i"), 1, 3, 1, body)],
        (VECTOR,),
        (),
        temporaries={"i": Allocation(8, 0), "tmp0": Allocation(80000 * count, None, 0, 0)},
        arena=64,
        written=(0,),
    )
    run, _ = make(program, limit=100_000)
    with pytest.raises(JitflowError, match="free arrays"):
        run([vector(1)])


def test_a_while_loop_and_turning_storages():
    def below(grid, arguments):
        source, flag = arguments
        at(flag, "u1", 1)[0] = at(source, "f8", 1)[0] < 50

    commands = [
        call(0, "in0", "tmp0"),
        Turn(("now", "next"), (Pointer("tmp0"), Pointer("tmp1"))),
        While(
            [call(2, "now", "flag")],
            Pointer("flag"),
            [call(0, "now", "next"), Turn(("now", "next"), (Pointer("next"), Pointer("now")))],
        ),
        call(1, "now", "out0"),
    ]
    program = GeneratedProgram(
        [pair("double"), pair("add_one"), kernel("below", {"a": F64, "flag": BOOL})],
        commands,
        (VECTOR,),
        (RESULT,),
        temporaries={
            "tmp0": Allocation(64, 0),
            "tmp1": Allocation(64, 64),
            "flag": Allocation(1, 128),
        },  # fmt: skip
        arena=256,
        rings=("now", "next"),
    )
    run, _ = make(program, {**BODIES, "below": below})
    (result,) = run([vector(3)])
    np.testing.assert_array_equal(result.host, [96 + 1])


@pytest.mark.parametrize(("flag", "expected"), [(True, 6.0), (False, 4.0)])
def test_a_branch_on_a_byte_of_the_device(flag, expected):
    branch = Branch(Pointer("in1"), [call(0, "in0", "out0")], [call(1, "in0", "out0")])
    program = GeneratedProgram(
        [pair("double"), pair("add_one")], [branch], (VECTOR, InputSpec(BOOL, (), "C")), (RESULT,)
    )
    run, device = make(program)
    (result,) = run([vector(3), to_device(np.array(flag))])
    assert (result.host[0], device.reads) == (expected, 1)


def test_symbols_that_a_kernel_finds():
    count = dims.symbol("s1")
    sized = kernel("double", {"a": F64, "b": F64}, count, extent=count)
    program = GeneratedProgram(
        [sized, sized],
        [
            DefineSymbol("s1", Pointer("in1")),
            call(0, "in0", "tmp0"),
            call(1, "tmp0", "out0"),
        ],
        (VECTOR, InputSpec(I64, (), "C")),
        (RESULT,),
        temporaries={"tmp0": Allocation(8 * count, None, 1, 2)},
    )
    run, _ = make(program)
    (result,) = run([vector(1, 2, 3), to_device(np.array(2))])
    np.testing.assert_array_equal(result.host[:2], [4, 8])


@pytest.mark.parametrize("fails", [True, False])
def test_a_failed_check_ends_the_program(fails):
    def judge(grid, arguments):
        failed = at(arguments[1], "i4", 1)
        assert failed[0] == 0
        failed[0] = fails

    program = GeneratedProgram(
        [kernel("judge", {"a": F64}, checks=True), pair("double")],
        [call(0, "in0"), Check(Pointer(FAILED)), call(1, "in0", "in0")],
        (VECTOR,),
        (),
        checks=True,
        written=(0,),
    )
    run, device = make(program, {**BODIES, "judge": judge})
    x = vector(1, 2)
    if fails:
        with pytest.raises(CheckFailed):
            run([x])
    else:
        run([x])
    np.testing.assert_array_equal(x.host, [1, 2] if fails else [2, 4])
    assert device.launches == 2 - fails


def test_memory_is_taken_before_an_input_is_written():
    program = GeneratedProgram(
        [pair("double"), pair("add_one")],
        [call(0, "in0", "in0"), call(1, "in0", "tmp0"), call(1, "tmp0", "in0")],
        (VECTOR,),
        (),
        ("s0",),
        {"tmp0": Allocation(8 * N, None, 1, 2)},
        written=(0,),
    )
    run, device = make(program, limit=100)
    small, large = vector(1), vector(*range(50))
    run([small])
    with pytest.raises(DeviceOutOfMemory):
        run([large])
    np.testing.assert_array_equal(small.host, [4])
    np.testing.assert_array_equal(large.host, np.arange(50))


def test_no_memory_after_a_write_is_a_clear_error():
    count = dims.symbol("s1")
    program = GeneratedProgram(
        [pair("double")],
        [call(0, "in0", "in0"), DefineSymbol("s1", Pointer("in1")), call(0, "in0", "tmp0")],
        (VECTOR, InputSpec(I64, (), "C")),
        (),
        temporaries={"tmp0": Allocation(8 * count, None, 2, 2)},
        written=(0,),
    )
    run, _ = make(program, limit=100)
    run([vector(1), to_device(np.array(1))])
    with pytest.raises(JitflowError, match="free arrays"):
        run([vector(1), to_device(np.array(1000))])


def test_a_kernel_that_does_not_compile_is_refused_at_once_and_asked_for_once():
    asked = []

    class Broken(HostDevice):
        def prepare(self, kernel, wide, aligned):
            asked.append(kernel.name)
            raise Unsupported("JF-B023", "no")

    program = GeneratedProgram([pair("double")], [call(0, "in0", "out0")], (VECTOR,), (RESULT,))
    with pytest.raises(Unsupported):
        DeviceProgram(program, Broken(None), [("s0", 0, 0)])
    assert asked == ["double"]
