"""From the decorator to the driver: what a compiled function launches, byte for byte.

Kernels are compiled to cubins; the package of the arrays says what CuPy would, over host memory;
the driver is the recording one.
"""

import json

import pytest
from helpers.fake_cuda import run_with_driver

COMMON = r"""
import ctypes, json, struct, sys
from types import SimpleNamespace
import numpy as np
from helpers import host_device
from helpers.host_device import DeviceArray, HostDevice, to_device
import jitflow
from jitflow.core import devices
from jitflow.runtime.device import cuda, launch

fake = ctypes.CDLL("libcuda.so.1")
stream = SimpleNamespace(ptr=0x99, synchronize=lambda: None)
events = []

def empty(shape, dtype):
    return DeviceArray(np.full(shape, 7, dtype))

def memcpy(target, source, size, kind, stream):
    events.append(("copy", kind, size))
    ctypes.memmove(target, source, size)

def alloc(size):
    memory = np.zeros(size + 512, np.uint8)
    start = memory.ctypes.data
    return SimpleNamespace(ptr=start + -start % 512, memory=memory)

class Device:
    compute_capability = "90"
    attributes = {"MultiProcessorCount": 132}
    def __init__(self, index):
        pass
    def __enter__(self):
        return self
    def __exit__(self, *exc):
        pass

runtime = SimpleNamespace(
    getDeviceCount=lambda: 1, free=lambda pointer: None, memcpyAsync=memcpy,
    memsetAsync=lambda address, value, size, stream: ctypes.memset(address, value, size))
cupy = SimpleNamespace(
    ndarray=DeviceArray, empty=empty, array=lambda x, order: to_device(x),
    cuda=SimpleNamespace(
        Device=Device, runtime=runtime, alloc=alloc, get_current_stream=lambda: stream,
        memory=SimpleNamespace(OutOfMemoryError=MemoryError)))
for name in ("exp", "maximum", "sum"):
    setattr(cupy, name, getattr(np, name))
kind = cuda._kind_of_device(cupy, 0)
assert not kind.refusal, kind.refusal
devices.register(DeviceArray, lambda array: kind)

def expect(*sizes):
    fake.fake_expect(len(sizes), (ctypes.c_int * len(sizes))(*sizes))

def recorded(layout):
    room = ctypes.create_string_buffer(4096)
    size = fake.fake_parameters(room)
    numbers, handle = (ctypes.c_uint32 * 8)(), ctypes.c_uint64()
    fake.fake_configuration(numbers, ctypes.byref(handle))
    return list(struct.unpack(layout, room.raw[:size])), list(numbers)[:7], handle.value

def base(size, offset=0):
    memory = np.zeros(size + 64, np.float32)
    start = -memory.ctypes.data % 64 // 4 + offset
    return DeviceArray(memory[start : start + size])
"""


def run(code):
    return json.loads(run_with_driver(COMMON + code))


def test_a_chain_is_one_launch_on_the_current_stream():
    seen = run(r"""
f = jitflow.compile(lambda x, y, a: np.maximum(x * y + a, 0))
x, y = base(1000), base(1000)
expect(8, 8, 8, 8)
out = f(x, y, 0.5)
launches = fake.fake_launches()
(texts,) = [piece["texts"] for piece in f.report().as_dict()["pieces"]]
out = f(x, y, 0.5)
passed, numbers, handle = recorded("<4Q")
(half,) = struct.unpack("<Q", struct.pack("<d", 0.5))
known = {half, *(array.host.ctypes.data for array in (x, y, out))}
print(json.dumps([launches, fake.fake_launches(), set(passed) == known, numbers, handle,
                  "@triton.jit" in texts["triton"], fake.fake_loads()]))
""")
    launches, later, is_known, numbers, handle, has_source, loads = seen
    assert (launches, later, loads) == (1, 2, 1)
    assert is_known
    assert numbers[0] >= 1
    assert numbers[3] % 32 == 0
    assert handle == 0x99
    assert has_source


def test_a_number_comes_back_by_one_copy():
    seen = run(r"""
f = jitflow.compile(lambda x: float(x.sum()))
x = base(4096)
f(x)
events.clear()
result = f(x)
print(json.dumps([type(result).__name__, events]))
""")
    assert seen == ["float", [["copy", 2, 8]]] or seen == ["float", [["copy", 2, 4]]]


def test_misaligned_arrays_get_another_kernel():
    seen = run(r"""
f = jitflow.compile(lambda x: np.exp(x))
f(base(8192)); first = fake.fake_loads()
f(base(8192)); second = fake.fake_loads()
f(base(8192, offset=1)); third = fake.fake_loads()
print(json.dumps([first, second, third]))
""")
    assert seen == [1, 1, 2]


def test_the_driver_without_memory_leaves_the_call_to_python():
    seen = run(r"""
import os
f = jitflow.compile(lambda x: np.exp(x))
x = base(64)
os.environ["FAKE_CUDA_LAUNCH"] = "2"
result = f(x)
print(json.dumps([float(result.host[0]), "JF-B025" in str(f.report())]))
""")
    assert seen == [1.0, True]


@pytest.mark.parametrize("rows", [3])
def test_a_warm_process_launches_without_triton(rows, tmp_path):
    code = f"""
f = jitflow.compile(lambda x: np.exp(x) * {rows})
f(base(64))
print(json.dumps(["triton" in sys.modules, fake.fake_launches()]))
"""
    settings = {"JITFLOW_CACHE_DIR": str(tmp_path / "cache")}
    cold, warm = (json.loads(run_with_driver(COMMON + code, **settings)) for _ in range(2))
    assert (cold, warm) == ([True, 1], [False, 1])


def test_a_static_piece_is_one_graph():
    seen = run(r"""
def steps(x, y, a):
    z = np.exp(x) * a + y.sum(axis=0)
    return (z - z.mean(axis=1, keepdims=True)).max(axis=0)
f = jitflow.compile(steps, mode="reduce-overhead")
x, y = (DeviceArray(base(512 * 256).host.reshape(512, 256)) for _ in range(2))
seen = []
for number in range(6):
    f(x, y, 0.5 * number)
    seen.append([fake.fake_launches(), fake.fake_graph_launches(), fake.fake_graph_nodes()])
(piece,) = f.report().as_dict()["pieces"]
print(json.dumps([seen, piece["texts"]["launches"]]))
""")
    seen, text = seen
    launches = seen[0][0]
    assert launches > 1
    assert seen == [[launches, 0, -1]] + [[launches, k, launches] for k in range(1, 6)]
    assert "graph 0: 4 graphs" in text
    assert "registers" in text


def test_kernels_are_tuned_by_events(tmp_path):
    code = r"""
f = jitflow.compile(lambda x: np.exp(x) * 2, mode="max-autotune")
x = base(4096)
f(x)
launched, loads = fake.fake_launches(), fake.fake_loads()
f(x)
(piece,) = f.report().as_dict()["pieces"]
numbers = recorded("<2Q")[1]
print(json.dumps([launched, fake.fake_launches(), numbers[3], piece["texts"]["launches"]]))
"""
    settings = {"JITFLOW_CACHE_DIR": str(tmp_path / "cache"), "FAKE_CUDA_FASTEST": "256"}
    program = COMMON + "expect(8, 8)\n" + code
    cold, warm = (json.loads(run_with_driver(program, **settings)) for _ in range(2))
    assert cold[2] == warm[2] == 256
    assert cold[0] > 10
    assert "best of" in cold[3]
    assert (warm[0], warm[1]) == (1, 2)
    assert "tuned before" in warm[3]
