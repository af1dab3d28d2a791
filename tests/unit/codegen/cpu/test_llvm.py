"""LLVM called directly and through llvmlite: the same results from both."""

import ctypes
import subprocess
import sys

import pytest

from jitflow.codegen.cpu import llvm as direct
from jitflow.codegen.cpu.llvm_binding import Binding

TEXT = """
declare i64 @given(i64)
define i64 @twice(i64 %x) {
  %y = call i64 @given(i64 %x)
  %z = add i64 %y, %y
  ret i64 %z
}
"""
BROKEN = """
define i64 @f(i64 %x) {
a:
  br label %c
b:
  %y = add i64 %x, 1
  br label %c
c:
  ret i64 %y
}
"""


def _direct():
    path = direct._library()
    if path is None:
        pytest.skip("this version of llvmlite is not called directly")
    made = direct.Llvm(path)
    made.initialize()
    return made


def _binding():
    made = Binding()
    made.initialize()
    return made


WAYS = pytest.mark.parametrize("make", [_direct, _binding])


def _machine(llvm, level=2):
    triple, cpu, features = llvm.host()
    return llvm.machine(triple, cpu, ",".join(f"+{name}" for name in features), level)


def test_both_describe_the_host_alike():
    triple, cpu, features = _direct().host()
    assert (triple, cpu, features) == _binding().host()
    assert triple and cpu and features


@WAYS
def test_code_is_linked_and_freed(make):
    llvm = make()
    machine = _machine(llvm)
    image = llvm.parse(TEXT).object_code(machine)
    linker = llvm.jit(_machine(llvm))
    kind = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)
    given = kind(lambda x: x + 1)
    address = ctypes.cast(given, ctypes.c_void_p).value
    tracker = linker.link("one", [image], {"given": address}, ["twice"])
    assert kind(tracker.addresses["twice"])(20) == 42
    tracker.close()
    tracker.close()
    linker.link("two", [image], {"given": address}, ["twice"]).detach()
    linker.detach()


@WAYS
def test_the_pipeline_runs(make):
    llvm = make()
    machine = _machine(llvm)
    text = "define i64 @f(i64 %x) {\n %y = mul i64 %x, 0\n %z = add i64 %y, 7\n ret i64 %z\n}"
    module = llvm.parse(text)
    before = llvm.parse(text).assembly(_machine(llvm, 0))
    module.optimise(machine, 2)
    assert "imul" in before or "mul" in before
    assert "mul" not in module.assembly(machine)


@WAYS
def test_wrong_text_is_refused_with_the_reason(make):
    with pytest.raises(RuntimeError, match="expected"):
        make().parse("define nonsense")


@WAYS
def test_the_verifier_says_what_is_wrong(make):
    llvm = make()
    llvm.parse(TEXT).verify()
    with pytest.raises(RuntimeError, match="dominate"):
        llvm.parse(BROKEN).verify()


@WAYS
def test_a_symbol_that_nobody_provides_is_an_error(make, capfd):
    llvm = make()
    image = llvm.parse(TEXT).object_code(_machine(llvm))
    linker = llvm.jit(_machine(llvm))
    with pytest.raises(RuntimeError, match="twice"):
        linker.link("lacking", [image], {}, ["twice"])
    linker.detach()


@WAYS
def test_an_unknown_target_is_an_error(make):
    with pytest.raises(RuntimeError):
        make().machine("nowhere-none-none", "", "", 2)


def test_versions_that_are_not_known_go_through_llvmlite(monkeypatch):
    monkeypatch.setattr(direct, "KNOWN_VERSIONS", ((0, 1), (0, 2)))
    assert type(direct.llvm.__wrapped__()) is Binding


def test_compiling_does_not_import_llvmlite():
    _direct()
    script = f"""
import sys
from jitflow.codegen.cpu.engine import engine
engine().compile('''{TEXT}''')
print([name for name in sys.modules if name.startswith("llvmlite")])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
