"""Native entries: from a call's arguments to its result object in one native function.

`build_entry` writes ``entry(self, args, nargsf, kwnames)`` with the signature of CPython's
`vectorcallfunc`: bind arguments, check facts, make outputs, take scratch memory, run the body
(without the GIL where it is long), look at the floating-point flags, make the result. Where a fact
does not hold, the call goes on in the fallback with the same arguments.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from jitflow.codegen.cpu import object_layout as layout
from jitflow.codegen.cpu.entry_guards import Guards, reads
from jitflow.codegen.cpu.entry_guards import supports as supports_guard
from jitflow.codegen.cpu.entry_inputs import Inputs
from jitflow.codegen.cpu.entry_results import Results
from jitflow.codegen.cpu.entry_spec import CopyLimit, EntrySpec, Known, NativeEntry
from jitflow.codegen.cpu.entry_support import BindingTable
from jitflow.codegen.cpu.entry_writer import Writer
from jitflow.codegen.interface import Body, Segment
from jitflow.core.dataclass import dataclass
from jitflow.core.lazy import LazyModule
from jitflow.guards.predicates import Guard, NoOverlap, Relation
from jitflow.ir.graph import DimensionOf, ScalarValue

if TYPE_CHECKING:
    from jitflow.codegen.cpu import entry_undo
else:
    entry_undo = LazyModule("jitflow.codegen.cpu.entry_undo")

SYMBOL = "jf.entry"
_LONG_WORK = 50_000  # nanoseconds for which it pays to release the GIL
_STACK_ARENA = 8192  # bytes of scratch memory that fit on the stack
_STACK_COPY = 4096  # bytes of a written input that are always copied, on the stack
_COPIED_PER_NANOSECOND = 0.5  # bytes beyond that, for each nanosecond of work: some 5 % of it
_MEMCPY = "llvm.memcpy.p0.p0.i64"
_KEEP_ORDER = 2  # NPY_KEEPORDER
_OFFSET_BIT = 0x7FFFFFFFFFFFFFFF  # all but PY_VECTORCALL_ARGUMENTS_OFFSET


@dataclass(frozen=True)
class EntryCode:
    """The text of an entry and what its symbols stand for.

    Attributes
    ----------
    text : str
        LLVM IR that defines `SYMBOL`.
    functions : tuple of str
        C functions that it declares, but for the body.
    constants : tuple of object
        Python objects behind the symbols ``jf.k0``, ``jf.k1``, ...
    """

    text: str
    functions: tuple[str, ...]
    constants: tuple[Any, ...]


def supports(facts: Iterable[Guard]) -> bool:
    """Whether every guard and input fact can be checked natively."""
    return all(supports_guard(fact) and reads(fact.source) for fact in facts)


def build_entry(spec: EntrySpec, segment: Segment, body: Body) -> EntryCode:
    """Write the entry of `segment`; `Unsupported` where a part of `spec` has no native form."""
    return _Entry(spec, segment, body).build()


class _Entry:
    def __init__(self, spec: EntrySpec, segment: Segment, body: Body) -> None:
        self._spec, self._segment, self._body = spec, segment, body
        self._writer = Writer()
        self._copies: list[tuple[str, str]] = []
        self._written: dict[int, str] = {}
        self._undo: entry_undo.Undo | None = None
        self._writer.ways_out["miss"] = self._way_out(spec.fallback)

    def build(self) -> EntryCode:
        """The whole text."""
        spec, writer = self._spec, self._writer
        guards = Guards(writer, self._bind())
        for guard in spec.guards if spec.checked else ():
            if not isinstance(guard, NoOverlap | Relation):
                guards.check(guard)
        inputs = self._inputs(guards)
        results = Results(writer, guards, self._segment.outputs, spec.result)
        results.prepare()
        results.allocate()
        failed, flags = self._run(inputs, results)
        self._leave_if_failed(failed)
        result = self._with_copies(results.box(), flags)
        writer.release_all()
        self._return(result, flags)
        return self._finish()

    def _way_out(self, target: Any) -> str:
        """The call that gives the result where `target` takes over."""
        writer = self._writer
        if isinstance(target, Known):
            return writer.call_text("jf.known", writer.constant(target.value))
        if isinstance(target, NativeEntry):
            call = writer.call_text("jf.next", "%self", "%args", "%nargsf", "%kwnames")
            return f"musttail {call}"
        function = writer.constant(target)
        call = writer.call_text("PyObject_Vectorcall", function, "%args", "%nargsf", "%kwnames")
        return f"tail {call}"

    # Arguments

    def _bind(self) -> list[str]:
        """The values of the parameters."""
        writer, parameters = self._writer, self._spec.parameters
        slots = "%args"
        if self._spec.checked:
            count = writer.assign(f"and i64 %nargsf, {_OFFSET_BIT}")
            fits = writer.assign(f"icmp eq i64 {count}, {parameters.count}", "c")
            no_names = writer.assign("icmp eq ptr %kwnames, null", "c")
            plain = writer.both(fits, no_names)
            if parameters.keyword_only:
                plain = "false"
            if parameters.names:
                slots = self._bind_names(plain)
            else:
                writer.require(plain)
        return [writer.load("ptr", slots, 8 * k, "arg") for k in range(parameters.count)]

    def _bind_names(self, plain: str) -> str:
        writer = self._writer
        parameters = self._spec.parameters
        table = writer.constant(BindingTable(parameters))
        own = writer.alloca(f"[{max(parameters.count, 1)} x ptr]")
        start, other = writer.block("start"), writer.block("bind")
        direct = writer.block("direct")
        writer.branch(plain, direct, other)
        writer.begin(other)
        writer.require(writer.call("jf.bind", "%args", "%nargsf", "%kwnames", table, own))
        bound = writer.block("bound")
        writer.jump(bound)
        writer.begin(bound)
        writer.jump(start)
        writer.begin(direct)
        writer.jump(start)
        writer.begin(start)
        return writer.assign(f"phi ptr [ %args, %{direct} ], [ {own}, %{bound} ]", "slots")

    def _inputs(self, guards: Guards) -> Inputs:
        spec, segment, writer = self._spec, self._segment, self._writer
        inputs = Inputs(writer, guards, spec.checked)
        scalars: dict[int, list[str]] = {}
        for name, definition in segment.graph.symbols.items():
            if isinstance(definition, ScalarValue):
                scalars.setdefault(id(definition.value), []).append(name)
        rows = zip(spec.inputs, segment.inputs, segment.graph.inputs, strict=True)
        for fact, how, value in rows:
            loaded = inputs.take(fact, how)
            if id(value) in scalars:
                kind, number = loaded.arguments[0].split(" ", 1)
                in_memory = kind == "ptr"
                number = writer.load("i64", number) if in_memory else number
                writer.symbols.update(dict.fromkeys(scalars[id(value)], number))
        self._bind_rest(inputs)
        late = tuple(g for g in spec.guards if isinstance(g, NoOverlap | Relation))
        inputs.finish(late)
        return inputs

    def _bind_rest(self, inputs: Inputs) -> None:
        """Bind the symbols that no shape of the facts names."""
        index = {id(value): k for k, value in enumerate(self._segment.graph.inputs)}
        for name, definition in self._segment.graph.symbols.items():
            position = index.get(id(definition.value))
            if name not in self._writer.symbols and position is not None:
                assert isinstance(definition, DimensionOf), f"{name} is bound with its scalar"
                array = inputs.loaded[position].value
                shape = self._writer.load("ptr", array, layout.ARRAY_SHAPE)
                self._writer.symbols[name] = self._writer.load("i64", shape, 8 * definition.axis)

    # The body

    def _run(self, inputs: Inputs, results: Results) -> tuple[str, str]:
        """Run the body; its result as i32, and the floating-point flags ("" if not looked at)."""
        writer, spec, segment = self._writer, self._spec, self._segment
        arena, is_taken = self._arena()
        arguments = [text for loaded in inputs.loaded for text in loaded.arguments]
        arguments += [f"i64 {writer.symbols[name]}" for name in self._symbols()]
        arguments += [f"ptr {memory.data}" for memory in results.memory]
        arguments.append(f"ptr {arena}")
        watches = spec.on_flags is not None and spec.flags != 0
        if watches:
            limit = self._copy_limit() if spec.kept else ""
            self._copies = [self._copy(inputs, index, limit) for index in spec.kept]
            self._written = {index: inputs.loaded[index].value for index in spec.kept}
        if self._body.polls is not None:
            copies = dict(zip(spec.kept, self._copies, strict=True)) if self._copies else {}
            self._undo = entry_undo.Undo(writer, segment.inputs, self._body.polls, inputs, copies)
            arguments.append(f"i1 {self._undo.is_possible()}")
        restore = self._release_gil()
        if watches:
            writer.call("jf.clear_flags")
        self._signature = ", ".join(text.split()[0] for text in arguments)
        failed = writer.assign(f"call i32 @{self._body.name}({', '.join(arguments)})", "failed")
        flags = writer.call("jf.read_flags", str(spec.flags), hint="flags") if watches else ""
        if not watches:
            writer.call("jf.clear_flags")  # NumPy's casts would find what nobody asked for
        restore()
        if is_taken:
            writer.call("jf.give_arena", arena)
        return failed, flags

    def _copy(self, inputs: Inputs, index: int, limit: str) -> tuple[str, str]:
        """A copy of an input that the body writes: an array (NULL where memory has it), and memory.

        The array is None where the input is large; the memory is "" where it has no copy.
        """
        writer, spec = self._writer, self._segment.inputs[index]
        loaded = inputs.loaded[index]
        size = writer.dim(math.prod(spec.shape, start=spec.dtype.itemsize))
        start, made, done = (writer.block("keep") for _ in range(3))
        choices, memory = [], ""
        if spec.layout != "strided":
            stack, other = writer.block("keep"), writer.block("keep")
            memory = writer.alloca(f"[{_STACK_COPY} x i8]", 64)
            tiny = writer.assign(f"icmp sle i64 {size}, {_STACK_COPY}", "c")
            writer.branch(tiny, stack, other)
            writer.begin(stack)
            data = loaded.arguments[0].removeprefix("ptr ")
            writer.call(_MEMCPY, memory, data, size, "false")
            writer.jump(done)
            choices.append(f"[ null, %{stack} ]")
            writer.begin(other)
        else:
            low = writer.assign(f"icmp slt i64 {limit}, {_STACK_COPY}", "c")
            limit = writer.assign(f"select i1 {low}, i64 {_STACK_COPY}, i64 {limit}", "most")
        large = writer.block("keep")
        fits = writer.assign(f"icmp sle i64 {size}, {limit}", "c")
        writer.branch(fits, start, large)
        writer.begin(start)
        copy = writer.call("PyArray_NewCopy", loaded.value, str(_KEEP_ORDER), hint="copy")
        writer.require_result(copy)
        writer.jump(made)
        writer.begin(made)
        writer.jump(done)
        writer.begin(large)
        none = writer.call("jf.known", writer.constant(None))
        writer.jump(done)
        writer.begin(done)
        choices += [f"[ {copy}, %{made} ]", f"[ {none}, %{large} ]"]
        return writer.own(writer.assign(f"phi ptr {', '.join(choices)}", "kept")), memory

    def _copied(self, kept: str, memory: str, index: int) -> str:
        """The copy of an input as an object, a new reference."""
        writer, spec = self._writer, self._segment.inputs[index]
        if not memory:
            writer.call("Py_IncRef", kept)
            return kept
        array, make, done = self._written[index], writer.block("take"), writer.block("taken")
        direct, filled = writer.block("take"), writer.block("take")
        null = writer.assign(f"icmp eq ptr {kept}, null", "c")
        writer.branch(null, make, direct)
        writer.begin(direct)
        writer.call("Py_IncRef", kept)
        writer.jump(done)
        writer.begin(make)
        new = writer.call("PyArray_NewCopy", array, str(_KEEP_ORDER), hint="copy")
        writer.require_result(new)
        size = writer.dim(math.prod(spec.shape, start=spec.dtype.itemsize))
        writer.call(_MEMCPY, writer.load("ptr", new, layout.ARRAY_DATA), memory, size, "false")
        writer.jump(filled)
        writer.begin(filled)
        writer.jump(done)
        writer.begin(done)
        return writer.assign(f"phi ptr [ {kept}, %{direct} ], [ {new}, %{filled} ]", "copy")

    def _copy_limit(self) -> str:
        """Bytes up to which an input is copied; after the first run what is cheap."""
        writer, work = self._writer, self._body.work
        cheap = str(int(work * _COPIED_PER_NANOSECOND) if isinstance(work, int) else 0)
        if self._body.polls and not isinstance(work, int):
            factor = int(1 / _COPIED_PER_NANOSECOND)
            cheap = writer.assign(f"sdiv i64 {writer.dim(work)}, {factor}", "cheap")
        if self._spec.limit is None:
            return cheap
        cell = writer.constant(self._spec.limit)
        limit = writer.load("i64", cell, hint="limit")
        is_first = writer.assign(f"icmp eq i64 {limit}, {CopyLimit.FIRST}", "c")
        later = writer.assign(f"select i1 {is_first}, i64 {cheap}, i64 {limit}")
        writer.store("i64", later, cell)
        return limit

    def _with_copies(self, result: str, flags: str) -> str:
        """The result; where flags are set in a tuple with the copies."""
        writer = self._writer
        if not flags or not self._spec.kept:
            return result
        writer.own(result)
        before, pack, packed = (writer.block("pack") for _ in range(3))
        writer.jump(before)
        writer.begin(before)
        writer.branch(writer.assign(f"icmp eq i32 {flags}, 0", "c"), packed, pack)
        writer.begin(pack)
        copies = [
            writer.own(self._copied(*how, index))
            for how, index in zip(self._copies, self._spec.kept, strict=True)
        ]
        made = writer.call("PyTuple_New", str(1 + len(copies)))
        writer.require_result(made)
        for copy in copies:
            writer.disown(copy)
        for index, item in enumerate((result, *copies)):
            writer.store("ptr", item, made, layout.TUPLE_ITEMS + 8 * index)
        last = writer.block("pack")
        writer.jump(last)
        writer.begin(last)
        writer.jump(packed)
        writer.begin(packed)
        writer.disown(result)
        return writer.assign(f"phi ptr [ {result}, %{before} ], [ {made}, %{last} ]", "result")

    def _symbols(self) -> list[str]:
        """Symbols that an input defines, in order: what the body takes."""
        parameters = {id(value) for value in self._segment.graph.inputs}
        symbols = self._segment.graph.symbols.items()
        return [name for name, definition in symbols if id(definition.value) in parameters]

    def _arena(self) -> tuple[str, bool]:
        """Scratch memory, and whether it must be given back."""
        writer, size = self._writer, self._body.arena
        if isinstance(size, int) and size <= _STACK_ARENA:
            return (writer.alloca(f"[{size} x i8]", 64) if size else "null"), False
        arena = writer.call("jf.take_arena", writer.dim(size), hint="arena")
        writer.require_result(arena)
        return arena, True

    def _release_gil(self) -> Any:
        """Release the GIL if the work is long; the result writes how it is taken again."""
        writer, work = self._writer, self._body.work
        if self._body.calls_python or (isinstance(work, int) and work < _LONG_WORK):
            return lambda: None
        if isinstance(work, int):
            state = writer.call("PyEval_SaveThread")
            return lambda: writer.call("PyEval_RestoreThread", state)
        is_long = writer.assign(f"icmp sge i64 {writer.dim(work)}, {_LONG_WORK}", "c")
        before, release, run = (writer.block() for _ in range(3))
        writer.jump(before)
        writer.begin(before)
        writer.branch(is_long, release, run)
        writer.begin(release)
        saved = writer.call("PyEval_SaveThread")
        writer.jump(run)
        writer.begin(run)
        state = writer.assign(f"phi ptr [ {saved}, %{release} ], [ null, %{before} ]")

        def restore() -> None:
            again, after = writer.block(), writer.block()
            writer.branch(is_long, again, after)
            writer.begin(again)
            writer.call("PyEval_RestoreThread", state)
            writer.jump(after)
            writer.begin(after)

        return restore

    # Ways out after the body

    def _leave_if_failed(self, failed: str) -> None:
        writer, spec = self._writer, self._spec
        target = spec.fallback if spec.on_failed_check is None else spec.on_failed_check
        if self._body.calls_python:
            raised, quiet = writer.assign(f"icmp eq i32 {failed}, 2", "c"), writer.block("ok")
            writer.branch(raised, writer.exit("error"), quiet)
            writer.begin(quiet)
        elif self._undo is not None:
            raised, quiet = writer.assign(f"icmp eq i32 {failed}, 2", "c"), writer.block("ok")
            undo = writer.block("undo")
            writer.branch(raised, undo, quiet)
            writer.begin(undo)
            writer.call("jf.clear_flags")
            self._undo.write()
            writer.jump(writer.exit("error"))
            writer.begin(quiet)
        following = writer.block("ok")
        has_failed = writer.assign(f"icmp ne i32 {failed}, 0", "c")
        writer.branch(has_failed, writer.exit("failed"), following)
        writer.ways_out["failed"] = self._way_out(target)
        writer.begin(following)

    def _return(self, result: str, flags: str) -> None:
        writer = self._writer
        if flags:
            quiet, noisy = writer.block("quiet"), writer.block("noisy")
            writer.branch(writer.assign(f"icmp eq i32 {flags}, 0", "c"), quiet, noisy)
            writer.begin(noisy)
            writer.call("jf.clear_flags")  # NumPy's casts would find them and warn again
            function = writer.constant(self._spec.on_flags)
            answer = writer.call(
                "jf.call_with_flags", function, flags, result, "%args", "%nargsf", "%kwnames"
            )
            writer.emit(f"ret ptr {answer}")
            writer.begin(quiet)
        writer.emit(f"ret ptr {result}")

    def _finish(self) -> EntryCode:
        writer = self._writer
        blocks = writer.finish()
        head = "ptr %self, ptr %args, i64 %nargsf, ptr %kwnames"
        lines = [
            *(f"@jf.k{number} = external global i8" for number in range(len(writer.constants))),
            *writer.functions.values(),
            f"declare i32 @{self._body.name}({self._signature})",
            f"define ptr @{SYMBOL}({head}) {{\n{blocks}\n}}\n",
        ]
        return EntryCode("\n".join(lines), tuple(writer.functions), tuple(writer.constants))
