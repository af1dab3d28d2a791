"""The engine: text to machine code, bound by name, alive as long as its library."""

import ctypes
import gc
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from jitflow.codegen.cpu.engine import Engine, engine
from jitflow.codegen.cpu.target import describe, host
from jitflow.core.config import config
from jitflow.core.locks import compiler_lock

ADD = """
define i64 @add(i64 %x, i64 %y) {
  %z = add i64 %x, %y
  ret i64 %z
}
"""
LOOP = """
define void @scale(ptr %x, i64 %n) {
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %p = getelementptr float, ptr %x, i64 %i
  %v = load float, ptr %p
  %w = fmul float %v, 3.0
  store float %w, ptr %p
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %n
  br i1 %more, label %loop, label %done
done:
  ret void
}
"""


def binary(address):
    return ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)(address)


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("optimise", [0, 2])
def test_code_runs(optimise, level):
    library = engine().add(ADD, {}, optimise, level)
    assert binary(library.address("add"))(40, 2) == 42
    steps = {"parse", "codegen", "link"} | ({"optimise"} if optimise else set())
    assert library.milliseconds.keys() == steps
    assert all(spent > 0 for spent in library.milliseconds.values())


def test_externals_are_bound_by_name():
    text = """
@cell = external global i64
declare i64 @outside(i64, i64)
define i64 @f(i64 %x, i64 %y) {
  %v = load i64, ptr @cell
  %s = call i64 @outside(i64 %x, i64 %v)
  ret i64 %s
}
"""
    inner = engine().add(ADD, {})
    cell = ctypes.c_int64(100)
    externals = {"cell": ctypes.addressof(cell), "outside": inner.address("add")}
    library = engine().add(text, externals)
    function = binary(library.address("f"))
    assert function(5, 0) == 105
    cell.value = 7
    assert function(5, 0) == 12


def test_what_is_not_provided_is_an_error():
    text = """
@some.data = external global i8
declare void @nowhere(ptr)
declare double @llvm.sqrt.f64(double)
define void @f() {
  call void @nowhere(ptr @some.data)
  ret void
}
"""
    with pytest.raises(LookupError, match="^not provided: nowhere, some.data$"):
        engine().add(text, {})


def test_what_llvm_calls_of_itself_is_provided():
    text = """
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
define void @clear(ptr %p, i64 %n) {
  call void @llvm.memset.p0.i64(ptr %p, i8 7, i64 %n, i1 false)
  ret void
}
define double @remainder(double %x, double %y) {
  %z = frem double %x, %y
  ret double %z
}
"""
    library, data = engine().add(text, {}), ctypes.create_string_buffer(5)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(library.address("clear"))(data, 4)
    assert data.raw == b"\7\7\7\7\0"
    remainder = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double, ctypes.c_double)
    assert remainder(library.address("remainder"))(7.5, 2.0) == 1.5


def test_f64_becomes_f16_as_in_numpy():
    text = """
define void @narrow(ptr %x, ptr %y) {
  %v = load <8 x double>, ptr %x, align 8
  %h = fptrunc <8 x double> %v to <8 x half>
  store <8 x half> %h, ptr %y, align 2
  ret void
}
"""
    library = engine().add(text, {})
    narrow = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(library.address("narrow"))
    half = np.arange(0x7C01, dtype=np.uint16).view(np.float16).astype(np.float64)
    middle = (half[:-2] + half[1:-1]) / 2
    near = [np.nextafter(middle, side) for side in (-np.inf, np.inf)]
    rest = [0.0, -0.0, np.inf, -np.inf, np.nan, 65519.999, 65520.0, 1e300, 5e-324, 1e-320]
    every = np.concatenate([half, middle, *near, -middle, *np.negative(near), rest])
    every = np.append(every, np.zeros(-len(every) % 8))
    out = np.empty(len(every), np.float16)
    for start in range(0, len(every), 8):
        narrow(every[start:].ctypes.data, out[start:].ctypes.data)
    with np.errstate(all="ignore"):
        expected = every.astype(np.float16)
    numbers = ~np.isnan(expected)
    assert np.array_equal(np.isnan(out), ~numbers)
    assert np.array_equal(out[numbers].view(np.uint16), expected[numbers].view(np.uint16))


def test_text_that_does_not_parse_is_an_error():
    with pytest.raises(RuntimeError, match="expected"):
        engine().add("define nonsense", {})


def test_the_verifier_runs_when_asked():
    broken = """
define i64 @f(i1 %c) {
  br i1 %c, label %a, label %b
a:
  %x = add i64 1, 2
  br label %b
b:
  ret i64 %x
}
"""
    with config().override(verify_ir=True), pytest.raises(RuntimeError, match="dominate"):
        engine().compile(broken)


def test_several_objects_make_one_library():
    caller = """
declare i64 @add(i64, i64)
define i64 @f(i64 %x, i64 %y) {
  %z = call i64 @add(i64 %x, i64 %y)
  ret i64 %z
}
"""
    made = engine()
    library = made.load([made.compile(caller, level=0), made.compile(ADD)], {})
    assert binary(library.address("f"))(1, 2) == 3
    with pytest.raises(KeyError):
        library.address("g")


def test_equal_text_is_compiled_once():
    text = ADD.replace("@add(", "@compiled_once(")
    first, second = engine().compile(text), engine().compile(text)
    assert first == second
    assert "codegen" in first.milliseconds
    assert second.milliseconds == {}
    other = engine().compile(text, 2)
    assert "optimise" in other.milliseconds


def test_old_object_code_is_dropped(monkeypatch):
    monkeypatch.setattr("jitflow.codegen.cpu.engine.KEPT_BYTES", 1)
    texts = [ADD.replace("@add(", f"@dropped_{name}(") for name in "ab"]
    for text in texts:
        engine().compile(text)
    assert engine().compile(texts[0]).milliseconds


def test_two_libraries_may_define_the_same_symbol():
    first = engine().add(ADD, {})
    second = engine().add(ADD.replace("add i64 %x", "sub i64 %x"), {})
    assert binary(first.address("add"))(5, 3) == 8
    assert binary(second.address("add"))(5, 3) == 2


def test_private_functions_are_not_exported():
    text = ADD.replace("define", "define internal") + ADD.replace("@add", "@other")
    assert engine().compile(text).exports == ("other",)


def test_attributes_and_comments_of_functions_survive():
    text = ADD.replace("(i64 %x, i64 %y)", "(i64 noundef %x, i64 %y) alwaysinline")
    library = engine().add(text, {})
    assert binary(library.address("add"))(1, 1) == 2


def test_vectors_are_as_wide_as_the_target():
    assembly = engine().assembly(LOOP, optimise=2)
    register = {512: "zmm", 256: "ymm", 128: "xmm"}[host().vector_bits]
    if host().is_x86:
        assert register in assembly
    assert register not in engine().assembly(LOOP, optimise=0)


def test_code_for_another_target_can_be_made():
    small = Engine(describe("x86_64-unknown-linux-gnu", "haswell", frozenset({"avx2", "fma"})))
    assembly = small.assembly(LOOP, optimise=2)
    assert "ymm" in assembly
    assert "zmm" not in assembly


def test_libraries_are_freed():
    def resident() -> int:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    if not os.path.exists("/proc/self/statm"):
        pytest.skip("no /proc")
    made = engine()
    text = ADD + '@big = constant [262144 x i8] c"' + "a" * 262144 + '"\n'
    code = made.compile(text)
    for _ in range(3):
        made.load([code], {})
    gc.collect()
    before = resident()
    for _ in range(60):
        made.load([code], {})
    gc.collect()
    assert resident() - before < 8 * 2**20


def test_a_finaliser_waits_for_nobody():
    holds, done = threading.Event(), threading.Event()

    def hold():
        with compiler_lock:
            holds.set()
            done.wait(20)

    library = engine().add(ADD, {})
    thread = threading.Thread(target=hold)
    thread.start()
    holds.wait()
    start = time.perf_counter()
    del library
    gc.collect()
    assert time.perf_counter() - start < 10
    done.set()
    thread.join()


def test_threads_compile_at_once():
    results = []

    def work(k):
        for _ in range(3):
            library = engine().add(ADD.replace("%x, %y\n", f"%x, {k}\n"), {})
            results.append(binary(library.address("add"))(1, 0) == 1 + k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 18


FORK = f"""
import os, sys, threading, ctypes, warnings
warnings.simplefilter("ignore")
from jitflow.codegen.cpu.engine import engine
TEXT = '''{ADD}'''
made = engine()
stop = False
def compile_always():
    while not stop:
        made.add(TEXT, {{}})
thread = threading.Thread(target=compile_always)
thread.start()
codes = []
for _ in range(5):
    child = os.fork()
    if not child:
        library = made.add(TEXT, {{}})
        f = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)(library.address("add"))
        os._exit(f(3, 4))
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
stop = True
thread.join()
print(codes)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_child_compiles_although_another_thread_did_at_the_fork():
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, timeout=30)
    assert done.stdout.strip() == "[7, 7, 7, 7, 7]", done.stderr


def test_python_ends_while_code_runs():
    script = f"""
import ctypes, threading, time
from jitflow.codegen.cpu.engine import engine
text = '''{ADD}'''
library = engine().add(text, {{}})
f = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)(library.address("add"))
class Late:
    def __del__(self):
        f(1, 2)
late = Late()
def run():
    while True:
        f(1, 2)
threading.Thread(target=run, daemon=True).start()
time.sleep(0.05)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_importing_the_engine_does_not_import_llvmlite():
    script = """
import sys, jitflow.codegen.cpu.engine, jitflow.runtime.native
print("llvmlite" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30
    )
    assert done.stdout.strip() == "False", done.stderr


def test_the_host_is_described():
    target = host()
    assert target is host()
    assert target.lanes(32) * 32 == target.vector_bits
    assert 8 * 1024 <= target.l1_bytes <= target.l2_bytes
    assert target.cores >= 1
    wide = frozenset({"avx512f", "avx512bw", "avx512dq", "avx512vl", "fma"})
    assert describe("x86_64-pc-linux-gnu", "x", wide).vector_bits == 512
    assert describe("x86_64-pc-linux-gnu", "x", wide - {"avx512vl"}).vector_bits == 128
    assert describe("aarch64-linux-gnu", "x", frozenset()).has_fma
