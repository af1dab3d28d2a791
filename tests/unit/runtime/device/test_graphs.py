"""CUDA graphs: nodes byte for byte, parameters that change, programs whose launches are replayed."""

import json
import struct

import numpy as np
import pytest
from helpers.fake_cuda import run_with_driver
from helpers.host_device import DeviceArray, HostDevice, to_device

from jitflow.codegen.commands import (
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
    Allocation,
    Blocks,
    GeneratedKernel,
    GeneratedProgram,
    Parameter,
)
from jitflow.core import dims
from jitflow.core.dtypes import F64, I64
from jitflow.runtime.device import indices
from jitflow.runtime.device.driver import DriverError
from jitflow.runtime.device.graphs import Stretch
from jitflow.runtime.device.program import DeviceProgram
from jitflow.runtime.device.stretches import Together, grouped, left_out

COMMON = r"""
import ctypes, gc, json, sys
from jitflow.codegen.triton.compile import KernelBinary
from jitflow.runtime.device import graphs, launch
from jitflow.runtime.device.driver import DriverError, find_driver
fake = ctypes.CDLL("libcuda.so.1")
fake.fake_graph_stream.restype = ctypes.c_uint64
driver = find_driver()
fake.fake_expect(4, (ctypes.c_int * 4)(8, 4, 8, 8))
def kernel(threads=128, shared=0):
    binary = KernelBinary("k", b"\x7fELF a cubin", ("*fp32", "i32"), 2, threads, shared)
    return launch.Launcher(binary, driver)
def nodes():
    found = []
    for number in range(fake.fake_graph_nodes()):
        room, numbers = ctypes.create_string_buffer(256), (ctypes.c_uint32 * 7)()
        size = fake.fake_graph_node(number, room, numbers)
        found.append([room.raw[:size].hex(), list(numbers)])
    return found
def counts():
    return [fake.fake_launches(), fake.fake_graph_launches(), fake.fake_executables(),
            fake.fake_replaced()]
a, b = kernel(), kernel(256, 60000)
"""


def run(code, **environment):
    return json.loads(run_with_driver(COMMON + code, **environment))


def packed(address, number):
    return struct.pack("<QiQQ", address, number, 0, 0).hex()


def test_nodes_have_the_parameters_of_the_launches():
    seen = run(r"""
graph = graphs.CudaGraph(driver, 0, [(a, (3, 2, 1), (2**40, -7)), (b, (5, 1, 1), (2**41, 9))])
graph.launch(0x77)
print(json.dumps([nodes(), fake.fake_graph_stream(), counts()]))
""")
    first, second = [packed(2**40, -7), [3, 2, 1, 128, 1, 1, 0]], [packed(2**41, 9), [5, 1, 1, 256, 1, 1, 60000]]  # fmt: skip
    assert seen == [[first, second], 0x77, [0, 1, 1, 0]]


def test_only_nodes_that_change_are_replaced():
    seen = run(r"""
graph = graphs.CudaGraph(driver, 0, [(a, (1, 1, 1), (1, 1)), (b, (1, 1, 1), (2, 2)), (a, (1, 1, 1), (3, 3))])
others = [(a, (1, 1, 1), (1, 1)), (b, (8, 1, 1), (2, 2)), (a, (1, 1, 1), (4, 3))]
done = [graph.changes(others)]
graph.update(others)
graph.launch(0)
seen = nodes()
done += [graph.changes(others), graph.changes([(b, (1, 1, 1), (1, 1))] * 3)]
done.append(graph.changes([(a, (1, 1, 1), (1, 1))]))
print(json.dumps([done, seen, counts()]))
""")
    done, nodes, (_, _, executables, replaced) = seen
    assert done == [2, 0, None, None]
    assert [node[0] for node in nodes] == [packed(1, 1), packed(2, 2), packed(4, 3)]
    assert [node[1][0] for node in nodes] == [1, 8, 1]
    assert (executables, replaced) == (1, 2)


def test_graphs_that_nobody_has_are_destroyed_with_the_next():
    seen = run(r"""
made = [graphs.CudaGraph(driver, 0, [(a, (1, 1, 1), (1, 1))]) for _ in range(2)]
before = [fake.fake_graphs(), fake.fake_executables()]
made.clear()
gc.collect()
graph = graphs.CudaGraph(driver, 0, [(a, (1, 1, 1), (1, 1))])
print(json.dumps([before, [fake.fake_graphs(), fake.fake_executables()]]))
""")
    assert seen == [[2, 2], [1, 1]]


def test_a_new_thread_can_replay():
    seen = run(
        r"""
import threading
graph = graphs.CudaGraph(driver, 0, [(a, (1, 1, 1), (1, 1))])
thread = threading.Thread(target=graph.launch, args=(5,))
thread.start(); thread.join()
print(json.dumps(counts()))
""",
        FAKE_CUDA_CONTEXTS="1",
    )
    assert seen[1] == 1


STRETCH = r"""
from types import SimpleNamespace
device = SimpleNamespace(make_graph=lambda launches: graphs.CudaGraph(driver, 0, launches))
stretch = graphs.Stretch(device)
def record(x):
    return [(a, (1, 1, 1), (x, 1)), (b, (1, 1, 1), (x, 2))], "result"
results = [stretch(3, x, record, x) for x in KEYS]
assert results == ["result"] * len(KEYS)
print(json.dumps([counts(), stretch.reason, [node[0] for node in nodes()]]))
"""


def test_the_first_call_launches_and_later_ones_replay():
    seen = run(STRETCH.replace("KEYS", "[1, 1, 1, 2, 1]"))
    assert seen == [[2, 4, 2, 0], "", [packed(1, 1), packed(1, 2)]]


def test_many_addresses_share_few_graphs():
    seen = run(STRETCH.replace("KEYS", "[0, 1, 2, 3, 4, 5, 6, 6]"))
    assert seen == [[2, 7, 4, 4], "", [packed(6, 1), packed(6, 2)]]


def test_addresses_that_never_come_again_are_launched_one_by_one():
    (launched, replayed, executables, replaced), _, _ = run(STRETCH.replace("KEYS", "range(40)"))
    assert (executables, replayed, replaced) == (4, 8, 2 * 4)
    assert launched == 2 * (40 - 8)


@pytest.mark.parametrize(
    ("settings", "launches"),
    [
        ({"FAKE_CUDA_GRAPH": "801"}, 6),
        ({"FAKE_CUDA_GRAPH_LAUNCH": "2"}, 6),
        ({"FAKE_CUDA_GRAPH": "2"}, 6),
    ],
)
def test_a_driver_that_makes_no_graph_is_a_reason(settings, launches):
    (launched, replayed, *_), reason, _ = run(STRETCH.replace("KEYS", "[1, 1, 1]"), **settings)
    assert (launched, replayed) == (launches, 0)
    assert f"gives error {next(iter(settings.values()))}" in reason


def test_parameters_that_cannot_be_replaced_are_a_reason():
    keys = "[0, 1, 2, 3, 4, 5, 5]"
    (launched, *_), reason, _ = run(STRETCH.replace("KEYS", keys), FAKE_CUDA_REPLACE="999")
    assert launched == 2 + 4  # the first call, and the two after the graphs were given up
    assert "cuGraphExecKernelNodeSetParams_v2 gives error 999" in reason


def test_a_graph_that_fails_on_the_device_is_an_error():
    code = STRETCH.replace("results = [", "try:\n    results = [").replace(
        "for x in KEYS]", "for x in [1, 1]]\nexcept DriverError as error:\n    print(json.dumps(error.code))\n    sys.exit()"
    )  # fmt: skip
    assert run(code, FAKE_CUDA_GRAPH_LAUNCH="700") == 700


# Programs, on a device in host memory

N = dims.symbol("s0")
VECTOR = InputSpec(F64, (N,), "C")
FIXED, NUMBER = InputSpec(F64, (3,), "C"), InputSpec(F64, (), "scalar")


def kernel(name, passed, *indices, extent=N):
    parameters = [Parameter(p, "scalar" if p == "by" else "pointer", F64) for p in passed]
    parameters += [Parameter(f"i{k}", "index", dim=dim) for k, dim in enumerate(indices)]
    grid = (Blocks(extent, 4),)
    return GeneratedKernel(name, "", (*parameters, Parameter("WIDE", "constexpr")), grid)


def at(address, count, dtype="f8"):
    return HostDevice.array_at(address, count, dtype)


def add(grid, arguments):
    source, target, n = arguments
    at(target, n)[:] = at(source, n) + 1


def scale(grid, arguments):
    source, by, target, n = arguments
    at(target, n)[:] = at(source, n) * by


def add_index(grid, arguments):
    source, slot, target, n = arguments
    at(target, n)[:] = at(slot, 1, "i8") - at(source, n)


BODIES = {"add": add, "scale": scale, "add_index": add_index}


def make(program, symbols=(), **options):
    device = HostDevice(lambda made, wide: BODIES[made.name], **options)
    return DeviceProgram(program, device, symbols, use_graphs=True), device


def call(number, *storages):
    return CallKernel(number, tuple(map(Pointer, storages)))


def vector(*values):
    return to_device(np.array(values, float))


def test_a_static_program_is_one_graph():
    program = GeneratedProgram(
        [kernel("add", "ab", 3, extent=3), kernel("scale", ["a", "by", "b"], 3, extent=3)],
        [call(0, "in0", "tmp0"), call(1, "tmp0", "in1", "out0")],
        (FIXED, NUMBER),
        (OutputSpec(F64, (3,), (0,)),),
        temporaries={"tmp0": Allocation(24, 0)},
        arena=64,
    )
    run, device = make(program)
    x = vector(1, 2, 3)
    for number in (2.0, 0.0, -0.0, np.float64("nan"), 5.0, 0.0):
        (result,) = run([x, number])
        expected = (x.host + 1) * number
        np.testing.assert_array_equal(result.host, expected)
        np.testing.assert_array_equal(np.signbit(result.host), np.signbit(expected))
    assert (device.launches, device.graphs_run) == (2, 5)
    assert "in no graph" not in str(run.graphs())


def test_a_product_of_the_library_stands_between_graphs():
    matrix = Matrix(Pointer("const0"), 24, 8)
    program = GeneratedProgram(
        [kernel("add", "ab", 3, extent=3)],
        [
            call(0, "in0", "tmp0"),
            call(0, "tmp0", "tmp1"),
            CallProduct(F64, 3, 1, 3, (), matrix, Matrix(Pointer("tmp1"), 8, 8), Matrix(Pointer("tmp0"), 8, 8)),
            call(0, "tmp0", "tmp1"),
            call(0, "tmp1", "out0"),
        ],
        (FIXED,),
        (OutputSpec(F64, (3,), (0,)),),
        temporaries={"tmp0": Allocation(24, 0), "tmp1": Allocation(24, 64)},
        arena=128,
        constants={"const0": np.diag([1.0, 2.0, 3.0])},
    )  # fmt: skip
    run, device = make(program)
    for _ in range(3):
        (result,) = run([vector(1, 2, 3)])
        np.testing.assert_array_equal(result.host, np.array([3, 8, 15]) + 2)
    assert (device.launches, device.products, device.graphs_run) == (4, 3, 4)
    assert "1 products of the library" in str(run.graphs())


def looped(start=0, stop=N, **options):
    """``for i in range(...): x = i - x``, in two buffers by turns."""
    body = [call(0, "now", "i", "next"), Turn(("now", "next"), (Pointer("next"), Pointer("now")))]
    return GeneratedProgram(
        [kernel("add_index", "asb", 3, extent=3), kernel("add", "ab", 3, extent=3)],
        [
            call(1, "in0", "tmp0"),
            Turn(("now", "next"), (Pointer("tmp0"), Pointer("tmp1"))),
            Repeat(Pointer("i"), start, stop, 1, body),
            call(1, "now", "out0"),
        ],
        (FIXED, InputSpec(I64, (), "scalar")),
        (OutputSpec(F64, (3,), (0,)),),
        ("s0",),
        temporaries={
            "tmp0": Allocation(24, 0),
            "tmp1": Allocation(24, 64),
            "i": Allocation(8, 128),
        },
        arena=256,
        rings=("now", "next"),
        **options,
    )


def expected_of(x, count):
    x = x + 1
    for i in range(count):
        x = i - x
    return x + 1


def test_a_loop_that_depends_on_itself_is_one_graph_for_each_count():
    run, device = make(looped(), [("s0", 1, None)])
    for count in (3, 4, 3, 4, 0, 3):
        x = vector(1, 2, 3)
        (result,) = run([x, count])
        np.testing.assert_array_equal(result.host, expected_of(x.host, count))
    assert device.launches == 3 + 2
    assert device.graphs_run == 5
    assert device.reads == 0


def test_a_loop_with_too_many_launches_is_launched_one_by_one():
    run, device = make(looped(), [("s0", 1, None)])
    (result,) = run([vector(0, 0, 0), 2100])
    assert device.launches == 2102
    assert "more than 2000 launches" in str(run.graphs())
    (result,) = run([vector(1, 2, 3), 2])
    np.testing.assert_array_equal(result.host, expected_of(np.array([1, 2, 3]), 2))
    assert device.graphs_run == 0


def test_indices_in_a_graph_stay_where_they_are(monkeypatch):
    monkeypatch.setattr(indices, "_KEPT_BLOCKS", 1)
    monkeypatch.setattr(indices, "_PASSING_BLOCKS", 1)
    run, device = make(looped(4090, 4090 + N), [("s0", 1, None)])
    for count in (2, 4, 20, 4):
        (result,) = run([vector(1, 2, 3), count])
        x = np.array([2.0, 3.0, 4.0])
        for i in range(4090, 4090 + count):
            x = i - x
        np.testing.assert_array_equal(result.host, x + 1)
    assert device.graphs_run == 1  # then an index lay beyond those that are kept
    assert "more than 2000 launches" in str(run.graphs())


def test_what_the_host_reads_back_ends_a_stretch():
    slot, late = Pointer("i"), Pointer("in1")
    kernels, turn = [call(0, "in0", "out0")] * 2, Turn(("now",), (Pointer("tmp0"),))
    size = DefineSymbol("s1", slot)
    recorded = Repeat(slot, 0, 4, 1, [*kernels, DefineSymbol("s2", slot), turn])
    cases = {
        "recorded": [recorded],
        "bounds": [Repeat(slot, 0, late, 1, kernels)],
        "memory": [Repeat(slot, 0, 4, 1, [size])],
        "found": [DefineSymbol("s2", late)],
        "while": [While(kernels, late, kernels)],
        "check": [Check(late)],
        "nested": [Repeat(slot, 0, 4, 1, [Repeat(Pointer("j"), 0, slot, 1, kernels)])],
    }
    one = {name: grouped(commands, {"s1"}) for name, commands in cases.items()}
    together = {name for name, (step,) in one.items() if isinstance(step, Together)}
    assert together == {"recorded", "nested"}
    first, check, last = grouped([*kernels, Check(late), *kernels, recorded], ())
    assert [len(first.commands), len(last.commands)] == [2, 3]
    assert left_out([first, check, last]) == "1 checks"
    assert left_out([*one["while"], *one["check"], *one["bounds"]]).count(",") == 3


def test_no_memory_while_launches_are_noted_leaves_the_call_to_python():
    from jitflow.runtime.device.interface import DeviceOutOfMemory

    program = looped(written=(0,))
    run, device = make(program, [("s0", 1, None)], limit=1000)
    with pytest.raises(DeviceOutOfMemory):  # the table of indices
        run([vector(1, 2, 3), 3])
    assert device.launches == 0


def test_a_stretch_of_another_device_fails_as_it_does():
    class Broken(HostDevice):
        def make_graph(self, launches):
            raise DriverError("cuGraphCreate", 1)

    stretch = Stretch(Broken(None))
    seen = []
    record = lambda: ([(lambda grid, stream, arguments: seen.append(arguments), (1, 1, 1), (k,)) for k in range(2)], DeviceArray)  # fmt: skip
    assert [stretch(0, "key", record) for _ in range(2)] == [DeviceArray] * 2
    assert seen == [(0,), (1,)] * 2
    assert "cuGraphCreate gives error 1" in stretch.describe()
