"""Writing the text of an entry: values, blocks, constants, references held, ways out.

An entry is straight code with early ways out. The writer knows which references are held at each
point, so that every way out releases exactly those.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from jitflow.core.dims import Dim, SymbolicDim
from jitflow.core.errors import Unsupported

_SIGNATURES: Mapping[str, tuple[str, str]] = {
    "PyObject_Vectorcall": ("ptr", "ptr, ptr, i64, ptr"),
    "PyObject_GetAttr": ("ptr", "ptr, ptr"),
    "PyObject_RichCompareBool": ("i32", "ptr, ptr, i32"),
    "PyDict_GetItemWithError": ("ptr", "ptr, ptr"),
    "PyObject_Size": ("i64", "ptr"),
    "PyTuple_New": ("ptr", "i64"),
    "PyTuple_SetItem": ("i32", "ptr, i64, ptr"),
    "PyFloat_FromDouble": ("ptr", "double"),
    "PyComplex_FromDoubles": ("ptr", "double, double"),
    "PyLong_FromLongLong": ("ptr", "i64"),
    "PyLong_FromUnsignedLongLong": ("ptr", "i64"),
    "PyErr_Clear": ("void", ""),
    "PyErr_NoMemory": ("ptr", ""),
    "PyEval_SaveThread": ("ptr", ""),
    "PyEval_RestoreThread": ("void", "ptr"),
    "Py_IncRef": ("void", "ptr"),
    "Py_DecRef": ("void", "ptr"),
    "_PyType_Lookup": ("ptr", "ptr, ptr"),
    "PyArray_NewFromDescr": ("ptr", "ptr, ptr, i32, ptr, ptr, ptr, i32, ptr"),
    "llvm.memcpy.p0.p0.i64": ("void", "ptr, ptr, i64, i1"),
    "PyArray_NewCopy": ("ptr", "ptr, i32"),
    "PyArray_Scalar": ("ptr", "ptr, ptr, ptr"),
    "jf.next": ("ptr", "ptr, ptr, i64, ptr"),
    "jf.known": ("ptr", "ptr"),
    "jf.bind": ("i1", "ptr, i64, ptr, ptr, ptr"),
    "jf.has_item": ("i1", "ptr, ptr, ptr, i32, i64, i64"),
    "jf.item": ("ptr", "ptr, ptr, i64"),
    "jf.same_dtype": ("i1", "ptr, i32"),
    "jf.to_integer": ("i1", "ptr, ptr"),
    "jf.disjoint": ("i1", "ptr, ptr, i64, i64"),
    "jf.all_disjoint": ("i1", "ptr, ptr, ptr, i64"),
    "jf.take_arena": ("ptr", "i64"),
    "jf.give_arena": ("void", "ptr"),
    "jf.clear_flags": ("void", ""),
    "jf.read_flags": ("i32", "i32"),
    "jf.call_with_flags": ("ptr", "ptr, i32, ptr, ptr, i64, ptr"),
}


class Writer:
    """Accumulates the text of one entry function.

    Attributes
    ----------
    constants : list
        Python objects that the text refers to: number k is the symbol ``jf.k<k>``.
    functions : dict
        Declarations of the functions called, by name.
    symbols : dict
        Values of the symbols bound so far.
    ways_out : dict
        Kind of exit to the call whose result it returns; see `exit`.
    """

    def __init__(self) -> None:
        self.constants: list[Any] = []
        self.functions: dict[str, str] = {}
        self.symbols: dict[str, str] = {}
        self.ways_out: dict[str, str] = {}
        self._lines: list[str] = []
        self._allocas: list[str] = []
        self._count = 0
        self._owned: list[str] = []
        self._constant_numbers: dict[int, int] = {}
        self._exits: dict[tuple[str, tuple[str, ...]], str] = {}
        self._unwritten: deque[tuple[str, tuple[str, ...]]] = deque()
        self._dims: dict[Dim, str] = {}

    # Values and instructions

    def emit(self, line: str) -> None:
        """Append one instruction."""
        self._lines.append(f"  {line}")

    def assign(self, expression: str, hint: str = "v") -> str:
        """Append ``name = expression`` and return the name."""
        name = self.fresh(hint)
        self.emit(f"{name} = {expression}")
        return name

    def fresh(self, hint: str = "v") -> str:
        """A new name of a value."""
        self._count += 1
        return f"%{hint}{self._count}"

    def call(self, function: str, *arguments: str, hint: str = "r") -> str:
        """Call a C function; arguments are without their types."""
        text = self.call_text(function, *arguments)
        if text.startswith("call void"):
            self.emit(text)
            return ""
        return self.assign(text, hint)

    def call_text(self, function: str, *arguments: str) -> str:
        """The instruction that calls a function of `_SIGNATURES`."""
        result, parameters = _SIGNATURES[function]
        self.functions[function] = f"declare {result} @{function}({parameters})"
        types = parameters.split(", ") if parameters else []
        typed = ", ".join(f"{t} {a}" for t, a in zip(types, arguments, strict=True))
        return f"call {result} @{function}({typed})"

    def load(self, kind: str, base: str, offset: int = 0, hint: str = "v") -> str:
        """Load a value of type `kind` at `offset` bytes from `base`."""
        return self.assign(f"load {kind}, ptr {self.offset(base, offset)}", hint)

    def store(self, kind: str, value: str, base: str, offset: int = 0) -> None:
        """Store `value` at `offset` bytes from `base`."""
        self.emit(f"store {kind} {value}, ptr {self.offset(base, offset)}")

    def offset(self, base: str, offset: int) -> str:
        """The address `offset` bytes after `base`."""
        if not offset:
            return base
        return self.assign(f"getelementptr i8, ptr {base}, i64 {offset}", "p")

    def alloca(self, kind: str, align: int = 8) -> str:
        """Stack memory, made in the first block."""
        name = self.fresh("stack")
        self._allocas.append(f"  {name} = alloca {kind}, align {align}")
        return name

    def constant(self, value: Any) -> str:
        """The symbol of a Python object."""
        number = self._constant_numbers.get(id(value))
        if number is None:
            number = self._constant_numbers[id(value)] = len(self.constants)
            self.constants.append(value)
        return f"@jf.k{number}"

    def both(self, left: str, right: str) -> str:
        """Conjunction of two i1; ``""`` stands for true."""
        if not left or not right:
            return left or right
        return self.assign(f"and i1 {left}, {right}", "c")

    # Blocks

    def block(self, hint: str = "b") -> str:
        """A new label."""
        return self.fresh(hint).removeprefix("%")

    def begin(self, label: str) -> None:
        """Start the block `label`."""
        self._lines.append(f"{label}:")

    def branch(self, condition: str, then: str, otherwise: str) -> None:
        """End the block by a conditional branch."""
        self.emit(f"br i1 {condition}, label %{then}, label %{otherwise}")

    def jump(self, label: str) -> None:
        """End the block by a branch."""
        self.emit(f"br label %{label}")

    def require(self, condition: str, clear_error: bool = False) -> None:
        """Go on only if `condition` holds, else take the fallback."""
        if condition:
            following = self.block("ok")
            self.branch(condition, following, self.exit("unfit" if clear_error else "miss"))
            self.begin(following)

    def require_result(self, pointer: str) -> None:
        """Go on unless `pointer` is NULL, else return NULL: an exception is pending."""
        following = self.block("ok")
        null = self.assign(f"icmp eq ptr {pointer}, null", "c")
        self.branch(null, self.exit("error"), following)
        self.begin(following)

    # References and ways out

    def own(self, value: str) -> str:
        """Every way out from here on releases the reference `value`."""
        self._owned.append(value)
        return value

    def disown(self, value: str) -> None:
        """The reference `value` now belongs to something else."""
        self._owned.remove(value)

    def release_all(self) -> None:
        """Release what is held, newest first."""
        while self._owned:
            self.call("Py_DecRef", self._owned.pop())

    def exit(self, kind: str) -> str:
        """The label of a way out with what is held now.

        `kind` is ``"error"`` (return NULL), a kind of `ways_out`, or ``"unfit"`` (clear the pending
        exception, then as ``"miss"``).
        """
        key = kind, tuple(self._owned)
        label = self._exits.get(key)
        if label is None:
            label = self._exits[key] = self.block(kind)
            self._unwritten.append(key)
        return label

    def finish(self) -> str:
        """The text of the function's blocks, with every way out that was asked for."""
        while self._unwritten:  # a way out may ask for others
            self._write_exit(*self._unwritten.popleft())
        return "\n".join(["entry:", *self._allocas, *self._lines])

    def _write_exit(self, kind: str, owned: tuple[str, ...]) -> None:
        self.begin(self._exits[kind, owned])
        if kind == "unfit":
            self.call("PyErr_Clear")
            self._owned = list(owned)
            self.jump(self.exit("miss"))
        elif owned:
            self.call("Py_DecRef", owned[-1])
            self._owned = list(owned[:-1])
            self.jump(self.exit(kind))
        elif kind == "error":
            self.emit("ret ptr null")
        else:
            result = self.assign(self.ways_out[kind])
            self.emit(f"ret ptr {result}")

    # Dimensions

    def dim(self, dim: Dim) -> str:
        """The value of a dimension as i64, from the symbols bound so far."""
        if not isinstance(dim, SymbolicDim):
            return str(dim)
        known = self._dims.get(dim)
        if known is None:
            known = self._dims[dim] = self._polynomial(dim)
        return known

    def is_bound(self, dim: Dim) -> bool:
        """Whether every symbol of `dim` is bound."""
        return not isinstance(dim, SymbolicDim) or dim.symbols() <= self.symbols.keys()

    def _polynomial(self, dim: SymbolicDim) -> str:
        total = ""
        for monomial, coefficient in dim.terms:
            term = "" if coefficient == 1 and monomial else str(coefficient)
            for name in monomial:
                if name not in self.symbols:
                    raise Unsupported("JF-B011", f"the size {dim} is known only after the kernel")
                value = self.symbols[name]
                term = self.assign(f"mul i64 {term}, {value}", "d") if term else value
            total = self.assign(f"add i64 {total}, {term}", "d") if total else term
        return total
