"""Launches, byte for byte, against a driver library that records them."""

import json
import struct

import pytest
from helpers.fake_cuda import run_with_driver

from jitflow.codegen.triton.compile import KernelBinary
from jitflow.core.errors import Unsupported
from jitflow.runtime.device.launch import pack_layout

IMAGE = b"\x7fELF a cubin"

COMMON = r"""
import ctypes, importlib, json, struct, sys
from jitflow.codegen.triton.compile import KernelBinary
from jitflow.runtime.device import launch
fake = ctypes.CDLL("libcuda.so.1")
def driver(way):
    if way == "bindings":
        return launch.BindingsDriver(importlib.import_module("cuda.bindings.driver"))
    return launch.CtypesDriver(fake)
def binary(types, hidden=2, threads=128, shared=0, name="k", image=b"\x7fELF a cubin"):
    return KernelBinary(name, image, tuple(types), hidden, threads, shared)
def recorded():
    room = ctypes.create_string_buffer(4096)
    size = fake.fake_parameters(room)
    numbers, stream = (ctypes.c_uint32 * 8)(), ctypes.c_uint64()
    fake.fake_configuration(numbers, ctypes.byref(stream))
    return {"bytes": room.raw[:size].hex(), "numbers": list(numbers)[:7], "stream": stream.value,
            "launches": fake.fake_launches(), "shared": fake.fake_dynamic_shared()}
def expect(*sizes):
    fake.fake_expect(len(sizes), (ctypes.c_int * len(sizes))(*sizes))
way = sys.argv[1]
"""


@pytest.fixture(params=["ctypes", "bindings"])
def way(request):
    if request.param == "bindings":
        pytest.importorskip("cuda.bindings.driver")
    return request.param


def run(way, code, **environment):
    return json.loads(run_with_driver(COMMON + code, way, **environment))


def test_parameters_arrive_byte_for_byte(way):
    code = r"""
expect(8, 1, 8, 2, 4, 8, 4, 8, 8)
types = ["*fp32", "i8", "*i64", "fp16", "i32", "fp64", "fp32", "i64"]
made = launch.Launcher(binary(types, hidden=1), driver(way))
made((3, 2, 1), 0x77, (0x1122334455667788, -1, 2**63 + 5, 1.5, -7, 3.14, -0.0, -2**62))
print(json.dumps(recorded()))
"""
    seen = run(way, code)
    values = (0x1122334455667788, -1, 2**63 + 5, 1.5, -7, 3.14, -0.0, -(2**62), 0)
    assert seen["bytes"] == struct.pack("<QbQeidfqQ", *values).hex()
    assert seen["numbers"] == [3, 2, 1, 128, 1, 1, 0]
    assert seen["stream"] == 0x77


def test_a_later_launch_has_its_own_parameters(way):
    code = r"""
expect(8, 4, 8, 8)
made = launch.Launcher(binary(["*fp32", "i32"]), driver(way))
seen = []
for number in range(3):
    made((number + 1, 1, 1), number, (1000 + number, number))
    seen.append(recorded())
print(json.dumps(seen))
"""
    seen = run(way, code)
    for number, launch in enumerate(seen):
        assert launch["bytes"] == struct.pack("<QiQQ", 1000 + number, number, 0, 0).hex()
        assert (launch["numbers"][0], launch["stream"]) == (number + 1, number)
        assert launch["launches"] == number + 1


@pytest.mark.parametrize("grid", ["(0, 1, 1)", "(4, 0, 1)", "(4, 4, 0)"])
def test_an_empty_grid_launches_nothing(way, grid):
    code = f"""
made = launch.Launcher(binary(["*fp32"]), driver(way))
made({grid}, 0, (1,))
print(json.dumps(recorded()))
"""
    assert run(way, code)["launches"] == 0


def test_much_shared_memory_is_asked_for(way):
    code = r"""
expect(8)
made = launch.Launcher(binary(["*fp32"], hidden=0, threads=256, shared=int(sys.argv[2])), driver(way))
made((1, 1, 1), 0, (1,))
print(json.dumps(recorded()))
"""
    for shared, asked in ((49152, 0), (49153, 49153), (200_000, 200_000)):
        seen = json.loads(run_with_driver(COMMON + code, way, str(shared)))
        assert seen["shared"] == asked
        assert seen["numbers"][3:] == [256, 1, 1, shared]


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [("image=b'not a cubin!'", 200), ("name='absent'", 500)],
)
def test_what_the_driver_refuses_is_an_error(way, wrong, expected):
    code = f"""
try:
    launch.Launcher(binary(["*fp32"], {wrong}), driver(way))
except launch.DriverError as error:
    print(json.dumps([error.code, error.is_out_of_memory]))
"""
    assert run(way, code) == [expected, False]


def test_a_launch_that_finds_no_memory_says_so(way):
    code = r"""
try:
    launch.Launcher(binary(["*fp32"]), driver(way))((1, 1, 1), 0, (1,))
except launch.DeviceOutOfMemory as error:
    print(json.dumps(str(error)))
"""
    assert "cuLaunchKernel gives error 2" in run(way, code, FAKE_CUDA_LAUNCH="2")


def test_a_launch_that_fails_otherwise_is_an_error_of_ours(way):
    code = r"""
from jitflow import JitflowError
try:
    launch.Launcher(binary(["*fp32"]), driver(way))((1, 1, 1), 0, (1,))
except JitflowError as error:
    print(json.dumps(error.code))
"""
    assert run(way, code, FAKE_CUDA_LAUNCH="700") == 700


def test_threads_do_not_mix_their_parameters(way):
    code = r"""
import threading
expect(8, 8, 8, 8)
made = launch.Launcher(binary(["i64", "i64"]), driver(way))
wrong = []
real = made._driver.launch
def checked(function, grid, *rest):
    first, second = struct.unpack_from("<qq", made._buffer)
    real(function, grid, *rest)
    after = struct.unpack_from("<qq", made._buffer)
    if not (first == second == grid[0] and after == (first, second)):
        wrong.append((first, second, after))
made._driver.launch = checked
def work(number):
    for _ in range(2000):
        made((number, 1, 1), 0, (number, number))
sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 5)]
[t.start() for t in threads]
[t.join() for t in threads]
print(json.dumps([wrong, recorded()["launches"]]))
"""
    assert run(way, code) == [[], 8000]


def test_no_driver_is_a_reason():
    from jitflow.runtime.device import launch

    launch.find_driver.cache_clear()
    try:
        import ctypes

        ctypes.CDLL("libcuda.so.1")
    except OSError:
        with pytest.raises(Unsupported, match="JF-B022: no NVIDIA driver"):
            launch.find_driver()
    else:
        assert launch.find_driver() is launch.find_driver()


def test_parameters_are_aligned_to_their_size():
    binary = KernelBinary("k", IMAGE, ("i8", "fp64", "i16", "*fp32", "i32"), 2, 128)
    layout, offsets, size = pack_layout(binary)
    assert offsets == [0, 8, 16, 24, 32, 40, 48]
    assert size == layout.size == 56


def test_a_type_that_cannot_be_packed_is_refused():
    binary = KernelBinary("k", IMAGE, ("bf16",), 2, 128)
    with pytest.raises(Unsupported, match="bf16"):
        pack_layout(binary)
