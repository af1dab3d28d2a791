"""`Compiled`: a call with and without machine code, and the face of a function."""

import copy
import ctypes
import functools
import gc
import inspect
import pickle
import subprocess
import sys
import threading
import types
import typing
import weakref

import pytest

from jitflow.codegen.cpu.engine import engine
from jitflow.codegen.cpu.entry_support import c_function
from jitflow.runtime import compiled as module
from jitflow.runtime.compiled import Compiled

FIRST_ARGUMENT = """
declare void @Py_IncRef(ptr)
define ptr @first(ptr %self, ptr %args, i64 %nargsf, ptr %kwnames) {
  %value = load ptr, ptr %args
  call void @Py_IncRef(ptr %value)
  ret ptr %value
}
"""
needs_pointer = pytest.mark.skipif(not module._HAS_POINTER, reason="unknown interpreter")


@pytest.fixture(scope="module")
def first():
    """A library whose entry returns the first argument."""
    return engine().add(FIRST_ARGUMENT, {"Py_IncRef": c_function("Py_IncRef")})


def function(x: int, /, y: float = 2.0, *, z: str = "z") -> tuple:
    """What it does."""
    return x, y, z


def seen(*args, **kwargs):
    return args, kwargs


def _decorated(x):
    return x


_decorated = wrapped = Compiled(_decorated, _decorated)


def make(slow_call=seen, of=function):
    return Compiled(of, slow_call)


def test_calls_go_to_slow_call_at_first():
    compiled = make()
    assert compiled(1, 2, z=3) == ((1, 2), {"z": 3})
    assert compiled(*[1], self=2) == ((1,), {"self": 2})
    compiled.slow_call = lambda *args: "other"
    assert compiled(1) == "other"


def test_an_exception_propagates():
    def refuse():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        make(refuse)()


@needs_pointer
def test_calls_go_to_the_entry_once_it_is_there(first):
    compiled, mark = make(), object()
    compiled.set_native(first.address("first"), first)
    assert compiled(mark) is mark
    assert compiled(mark, 1, k=2) is mark
    assert compiled(*(mark,)) is mark
    assert functools.partial(compiled, mark)() is mark
    assert list(map(compiled, [1, 2])) == [1, 2]
    assert compiled.native_address == first.address("first")
    compiled.clear_native()
    assert compiled(mark) == ((mark,), {})
    assert compiled.native_address == 0


@needs_pointer
def test_call_by_name_takes_the_slow_way(first):
    compiled = make()
    compiled.set_native(first.address("first"), first)
    assert compiled.__call__(1) == ((1,), {})


@needs_pointer
def test_the_entry_of_a_method_sees_the_instance(first):
    compiled = make()

    class Model:
        step = compiled
        fixed = staticmethod(compiled)
        of_class = classmethod(compiled)

    model = Model()
    for address in (0, first.address("first")):
        compiled.set_native(address, first)
        taken = (lambda r: r) if address else (lambda r: r[0][0])
        for _ in range(50):
            assert taken(model.step(1)) is model
        assert taken(model.fixed(1)) == 1
        assert taken(model.of_class(1)) is Model
        assert taken(Model.step(model)) is model
        bound = model.step
        assert isinstance(bound, types.MethodType)
        assert bound.__self__ is model
        assert taken(bound()) is model
    assert Model.step is compiled


def test_an_instance_attribute_does_not_bind():
    class Model:
        pass

    model = Model()
    model.step = make()
    assert model.step(1) == ((1,), {})


def test_the_face_of_the_function():
    compiled = make()
    assert compiled.__wrapped__ is function
    assert (compiled.__name__, compiled.__qualname__) == ("function", "function")
    assert compiled.__module__ == __name__
    assert compiled.__doc__ == "What it does."
    assert compiled.__annotations__ == function.__annotations__
    assert compiled.__code__ is function.__code__
    assert compiled.__defaults__ == (2.0,)
    assert compiled.__kwdefaults__ == {"z": "z"}
    assert compiled.__globals__ is globals()
    assert compiled.__closure__ is None
    assert inspect.signature(compiled) == inspect.signature(function)
    assert typing.get_type_hints(compiled) == typing.get_type_hints(function)
    assert inspect.isroutine(compiled)
    assert inspect.unwrap(compiled) is function
    assert inspect.getdoc(compiled) == "What it does."
    assert inspect.getsource(compiled) == inspect.getsource(function)
    assert callable(compiled)
    assert repr(compiled).startswith("<compiled function function at 0x")


def test_attributes_are_its_own():
    def plain():
        pass

    plain.tag = [1]
    compiled = make(of=plain)
    assert compiled.tag is plain.tag
    compiled.other = 5
    assert compiled.__dict__["other"] == 5
    assert not hasattr(plain, "other")
    del compiled.other
    with pytest.raises(AttributeError):
        compiled.other


def test_defaults_are_the_functions():
    def plain(x=1):
        return x

    compiled = Compiled(plain, plain)
    compiled.__defaults__ = (5,)
    assert plain() == compiled() == 5


def test_copies_and_pickles_are_the_function_itself():
    assert copy.copy(wrapped) is wrapped
    assert copy.deepcopy([wrapped])[0] is wrapped
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(wrapped, protocol)) is wrapped
    local = make(of=lambda: None)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(local)


def test_it_hashes_and_compares_by_identity():
    one, other = make(), make()
    assert one != other
    assert {one: 1}[one] == 1
    assert functools.lru_cache(make())(3) == ((3,), {})


def test_it_can_be_referred_to_weakly_and_is_collected():
    compiled = make()
    compiled.slow_call = compiled.__call__
    compiled.me = compiled
    gone = weakref.ref(compiled)
    del compiled
    gc.collect()
    assert gone() is None


@needs_pointer
def test_what_an_entry_needs_lives_as_long(first):
    class Keep:
        pass

    compiled, keep, later = make(), Keep(), Keep()
    alive = weakref.ref(keep), weakref.ref(later)
    compiled.set_native(first.address("first"), keep)
    compiled.set_native(first.address("first"), later)
    compiled.clear_native()
    del keep, later
    gc.collect()
    assert all(ref() is not None for ref in alive)
    del compiled
    gc.collect()
    assert all(ref() is None for ref in alive)


@needs_pointer
def test_subclasses_are_called_natively_too(first):
    class Special(Compiled):
        pass

    special = Special(function, seen)
    special.set_native(first.address("first"), first)
    assert special(5) == 5


@needs_pointer
def test_references_are_stable(first):
    compiled, mark = make(), object()
    compiled.set_native(first.address("first"), first)
    before = sys.getrefcount(mark), sys.getrefcount(compiled)
    for _ in range(100_000):
        compiled(mark)
    assert (sys.getrefcount(mark), sys.getrefcount(compiled)) == before


@needs_pointer
def test_the_entry_changes_under_calls(first):
    compiled, stop, wrong = make(lambda *args: args[0]), threading.Event(), []

    def call():
        while not stop.is_set():
            if compiled(7) != 7:
                wrong.append(1)

    threads = [threading.Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(2000):
        compiled.set_native(first.address("first"), None)
        compiled.clear_native()
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong


def test_without_the_native_type_it_is_a_python_class():
    script = """
import importlib
from jitflow.core import platform
from jitflow.runtime import compiled
platform.is_supported = lambda: False
Compiled = importlib.reload(compiled).Compiled
def f(x):
    return x + 1
c = Compiled(f, f)
c.set_native(1, None)
class K:
    m = Compiled(lambda self, x: (self, x), lambda self, x: x)
assert not compiled._HAS_POINTER and Compiled.__base__ is object
print(c(1), c.__name__, K().m(5), c.__wrapped__ is f)
c.clear_native()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "2 f 5 True", done.stderr


def test_importing_it_does_not_import_llvmlite():
    script = """
import sys
import jitflow.runtime.compiled
print([name for name in sys.modules if name.startswith("llvmlite")])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_a_raw_pointer_is_what_ctypes_says(first):
    raw = ctypes.PYFUNCTYPE(
        ctypes.py_object, ctypes.py_object, ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_void_p
    )(first.address("first"))
    mark = object()
    arguments = (ctypes.py_object * 1)(mark)
    assert raw(None, ctypes.addressof(arguments), 1, None) is mark
