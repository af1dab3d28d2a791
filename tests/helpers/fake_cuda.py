"""Builds the recording driver library and runs Python with it in place of the real one."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("fake_cuda.c")
ROOT = Path(__file__).parents[2]


@functools.cache
def library() -> Path | None:
    """The folder of the library; None where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    folder = Path(tempfile.mkdtemp(prefix="fake-cuda-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    command = [compiler, "-O1", "-shared", "-fPIC", "-Wl,-soname,libcuda.so.1"]
    command += ["-o", str(folder / "libcuda.so.1"), str(SOURCE)]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def run_with_driver(code: str, *arguments: str, **environment: str) -> str:
    """What a Python program prints whose driver is the recording one; it must not fail."""
    folder = library()
    if folder is None:
        pytest.skip("no C compiler to build the recording driver")
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    settings = {"LD_LIBRARY_PATH": str(folder), "PYTHONPATH": path, "JITFLOW_STRICT": "1"}
    command = [sys.executable, "-W", "error", "-c", code, *arguments]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={**os.environ, **settings, **environment},
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
