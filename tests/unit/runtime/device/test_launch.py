"""Launches, byte for byte, against a driver library that records them."""

import json
import struct

import pytest
from helpers.fake_cuda import run_with_driver

from jitflow.codegen.triton.compile import KernelBinary
from jitflow.core.errors import Unsupported
from jitflow.runtime.device.driver import Driver, DriverError
from jitflow.runtime.device.launch import pack_layout

IMAGE = b"\x7fELF a cubin"

COMMON = r"""
import ctypes, importlib, json, struct, sys
from jitflow.codegen.triton.compile import KernelBinary
from jitflow.runtime.device import launch
from jitflow.runtime.device.driver import DriverError, find_driver
fake = ctypes.CDLL("libcuda.so.1")
driver = find_driver()
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
"""


def run(code, *arguments, **environment):
    return json.loads(run_with_driver(COMMON + code, *arguments, **environment))


def test_parameters_arrive_byte_for_byte():
    code = r"""
expect(8, 1, 8, 2, 4, 8, 4, 8, 8)
types = ["*fp32", "i8", "*i64", "fp16", "i32", "fp64", "fp32", "i64"]
made = launch.Launcher(binary(types, hidden=1), driver)
made((3, 2, 1), 0x77, (0x1122334455667788, -1, 2**63 + 5, 1.5, -7, 3.14, -0.0, -2**62))
print(json.dumps(recorded()))
"""
    seen = run(code)
    values = (0x1122334455667788, -1, 2**63 + 5, 1.5, -7, 3.14, -0.0, -(2**62), 0)
    assert seen["bytes"] == struct.pack("<QbQeidfqQ", *values).hex()
    assert seen["numbers"] == [3, 2, 1, 128, 1, 1, 0]
    assert seen["stream"] == 0x77


def test_a_later_launch_has_its_own_parameters():
    code = r"""
expect(8, 4, 8, 8)
made = launch.Launcher(binary(["*fp32", "i32"]), driver)
seen = []
for number in range(3):
    made((number + 1, 1, 1), number, (1000 + number, number))
    seen.append(recorded())
print(json.dumps(seen))
"""
    seen = run(code)
    for number, launch in enumerate(seen):
        assert launch["bytes"] == struct.pack("<QiQQ", 1000 + number, number, 0, 0).hex()
        assert (launch["numbers"][0], launch["stream"]) == (number + 1, number)
        assert launch["launches"] == number + 1


@pytest.mark.parametrize("grid", ["(0, 1, 1)", "(4, 0, 1)", "(4, 4, 0)"])
def test_an_empty_grid_launches_nothing(grid):
    code = f"""
made = launch.Launcher(binary(["*fp32"]), driver)
made({grid}, 0, (1,))
print(json.dumps(recorded()))
"""
    assert run(code)["launches"] == 0


def test_much_shared_memory_is_asked_for():
    code = r"""
expect(8)
made = launch.Launcher(binary(["*fp32"], hidden=0, threads=256, shared=int(sys.argv[1])), driver)
made((1, 1, 1), 0, (1,))
print(json.dumps(recorded()))
"""
    for shared, asked in ((49152, 0), (49153, 49153), (200_000, 200_000)):
        seen = run(code, str(shared))
        assert seen["shared"] == asked
        assert seen["numbers"][3:] == [256, 1, 1, shared]


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [("image=b'not a cubin!'", 200), ("name='absent'", 500)],
)
def test_what_the_driver_refuses_is_an_error(wrong, expected):
    code = f"""
try:
    launch.Launcher(binary(["*fp32"], {wrong}), driver)
except DriverError as error:
    print(json.dumps([error.code, error.is_out_of_memory]))
"""
    assert run(code) == [expected, False]


def test_a_launch_that_finds_no_memory_says_so():
    code = r"""
try:
    launch.Launcher(binary(["*fp32"]), driver)((1, 1, 1), 0, (1,))
except launch.LaunchOutOfMemory as error:
    print(json.dumps(str(error)))
"""
    assert "launch of k gives error 2 (FAKE_ERROR)" in run(code, FAKE_CUDA_LAUNCH="2")


def test_a_launch_that_fails_otherwise_is_an_error_of_ours():
    code = r"""
from jitflow import JitflowError
try:
    launch.Launcher(binary(["*fp32"]), driver)((1, 1, 1), 0, (1,))
except JitflowError as error:
    print(json.dumps(error.code))
"""
    assert run(code, FAKE_CUDA_LAUNCH="700") == 700


def test_threads_do_not_mix_their_parameters():
    code = r"""
import threading
made = launch.Launcher(binary(["i64", "i64"]), driver)
wrong = []
real, at = made._launch, 56
def checked(*arguments):
    first = (struct.unpack_from("<I", made._packed._buffer), struct.unpack_from("<qq", made._packed._buffer, at))
    code = real(*arguments)
    after = (struct.unpack_from("<I", made._packed._buffer), struct.unpack_from("<qq", made._packed._buffer, at))
    if first != after or first[0] * 2 != first[1]:
        wrong.append((first, after))
    return code
made._launch = checked
def work(number):
    for _ in range(2000):
        made((number, 1, 1), 0, (number, number))
sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=work, args=(n,)) for n in range(1, 5)]
[t.start() for t in threads]
[t.join() for t in threads]
print(json.dumps([wrong, recorded()["launches"]]))
"""
    assert run(code) == [[], 8000]


def test_a_new_thread_gets_the_context_of_the_device():
    code = r"""
import threading
fake.fake_context.restype = ctypes.c_void_p
driver.enter(0)
made = launch.Launcher(binary(["i64"]), driver, 3)
made((1, 1, 1), 0, (1,))
seen = [fake.fake_context()]
def work():
    made((1, 1, 1), 0, (1,))
    seen.append(fake.fake_context())
thread = threading.Thread(target=work)
thread.start()
thread.join()
print(json.dumps([seen, recorded()["launches"]]))
"""
    assert run(code, FAKE_CUDA_CONTEXTS="1") == [[0x1000, 0x1003], 2]


NO_LIBRARY = r"""
import ctypes, sys
real = ctypes.CDLL
def load(name, *args, **kwargs):
    if "cuda" in str(name):
        raise OSError("libcuda.so.1: cannot open shared object file")
    return real(name, *args, **kwargs)
ctypes.CDLL = load
from jitflow.core.errors import Unsupported
from jitflow.runtime.device.driver import find_driver
try:
    find_driver()
except Unsupported as error:
    print(error)
"""


def test_no_driver_is_a_reason():
    assert "JF-B022: no NVIDIA driver: libcuda" in run_with_driver(NO_LIBRARY)


def test_a_driver_without_a_function_is_too_old():
    with pytest.raises(DriverError, match="cuLaunchKernelEx, which libcuda.so.1 does not have"):
        Driver(object())


def test_parameters_are_aligned_to_their_size():
    binary = KernelBinary("k", IMAGE, ("i8", "fp64", "i16", "*fp32", "i32"), 2, 128)
    layout, offsets, size = pack_layout(binary)
    assert offsets == [0, 8, 16, 24, 32, 40, 48]
    assert size == struct.calcsize("<" + layout) == 56


def test_a_type_that_cannot_be_packed_is_refused():
    binary = KernelBinary("k", IMAGE, ("bf16",), 2, 128)
    with pytest.raises(Unsupported, match="bf16"):
        pack_layout(binary)
