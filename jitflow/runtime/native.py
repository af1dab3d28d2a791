"""Links a segment's body behind its native entry: a `NativeFunction` that Python can call.

Whatever the machine code refers to by address lives as long as the function does.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

from jitflow.codegen.cpu import object_layout
from jitflow.codegen.cpu.engine import Library, engine
from jitflow.codegen.cpu.entry import SYMBOL, EntryCode, build_entry
from jitflow.codegen.cpu.entry_helpers import list_reader, provide
from jitflow.codegen.cpu.entry_spec import CopyLimit, EntrySpec, NativeEntry
from jitflow.codegen.cpu.entry_support import BindingTable, c_function
from jitflow.codegen.interface import Body, Segment
from jitflow.core.config import config
from jitflow.core.dataclass import dataclass, field
from jitflow.core.lazy import lazy_property

_METH_FASTCALL_KEYWORDS = 0x82
_ENTRY_LEVEL = 0  # straight scalar code: more effort costs milliseconds and gains nothing


class _MethodDef(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


@dataclass(frozen=True, eq=False)
class NativeFunction(NativeEntry):
    """A linked entry.

    Attributes
    ----------
    address : int
        Of the entry, which has the signature of `vectorcallfunc`.
    name : str
    library : Library
        Entry and body in memory.
    milliseconds : dict
        Time of each step of compilation.
    """

    name: str = ""
    library: Library | None = field(default=None, repr=False)

    @property
    def milliseconds(self) -> dict[str, float]:
        """Time of each step of compilation."""
        return self.library.milliseconds if self.library else {}

    @lazy_property
    def callable(self) -> Any:
        """The entry as a built-in function; it keeps this object alive, not the reverse."""
        definition = _MethodDef(self.name.encode(), self.address, _METH_FASTCALL_KEYWORDS, None)
        owner = (self, definition)
        kinds = ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p
        make = ctypes.PYFUNCTYPE(ctypes.py_object, *kinds)(c_function("PyCFunction_NewEx"))
        return make(ctypes.addressof(definition), owner, None)


def is_available() -> bool:
    """Whether native entries can be made here and are wanted."""
    return config().native_entry and object_layout.is_supported()


def link(spec: EntrySpec, segment: Segment, body: Body, level: int = 2) -> NativeFunction:
    """Compile and load `body` and its entry.

    `level` is the most effort of code generation; ``body.optimise`` decides about passes.

    Raises
    ------
    Unsupported
        A fact, an input or a result has no native form.
    """
    lists = sys.modules.get("jitflow.core.list_arrays")
    if lists is not None:  # a program has such lists
        lists.use(list_reader)
    entry = build_entry(spec, segment, body)
    the_engine = engine()
    objects = [
        the_engine.compile(body.text, body.optimise, min(level, body.effort)),
        the_engine.compile(entry.text, 0, _ENTRY_LEVEL),
    ]
    if body.kernels:
        objects.append(the_engine.compile(body.kernels, 0, level))
    library = the_engine.load(objects, {**body.externals, **_externals(spec, entry)})
    keep = (spec, body, entry.constants)
    return NativeFunction(library.address(SYMBOL), keep, spec.name, library)


def _externals(spec: EntrySpec, entry: EntryCode) -> dict[str, int]:
    """Address of every symbol that the entry's text declares."""
    externals = {}
    for number, constant in enumerate(entry.constants):
        has_address = isinstance(constant, BindingTable | CopyLimit)
        externals[f"jf.k{number}"] = constant.address if has_address else id(constant)
    provide(name for name in entry.functions if name.startswith("jf.") and name != "jf.next")
    for name in entry.functions:
        if name.startswith("llvm."):
            continue
        externals[name] = spec.fallback.address if name == "jf.next" else c_function(name)
    return externals
