"""What the C library does for compiled programs."""

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, resource
import numpy as np, jitflow
jitflow.compile(lambda x: x + 1)(np.ones(3))
library = ctypes.CDLL(None)
library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
library.free.argtypes = [ctypes.c_void_p]
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def work():
    pieces = [library.malloc(120_000) for _ in range(60)]
    for piece in pieces:
        ctypes.memset(piece, 1, 120_000)
    for piece in pieces:
        library.free(piece)
work()
before = faults()
for _ in range(20):
    work()
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc")
def test_work_memory_is_not_handed_back_each_time():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 1000  # pages; some 1700 each time if it were
