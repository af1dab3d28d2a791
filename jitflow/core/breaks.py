"""The table of break codes: one row a kind of graph break; codes are never reused.

`kind` says whose it is: ``yours`` (the program can change it), ``unsupported`` (jitflow may learn
it), ``fundamental`` (it needs Python), ``bug`` (ours).
"""

from __future__ import annotations

from jitflow.core.dataclass import dataclass


@dataclass(frozen=True)
class BreakKind:
    """One kind of break: stable code, title, cause, remedy and whose it is."""

    code: str
    title: str
    why: str
    remedy: str
    kind: str


_ROWS = (
    BreakKind(
        "JF-B001",
        "internal error",
        "jitflow failed while compiling; the piece runs as ordinary Python",
        "please report it with the text above; JITFLOW_STRICT=1 raises it where it happens",
        "bug",
    ),
    BreakKind(
        "JF-B002",
        "unsupported bytecode instruction",
        "the tracer has no rule for this instruction",
        "move the construct out of the compiled function, or compile the functions it calls",
        "unsupported",
    ),
    BreakKind(
        "JF-B003",
        "call of an unsupported function",
        "the callee is native code or a Python object that the tracer does not know",
        "call it outside the hot part, or use the NumPy function of the same meaning",
        "unsupported",
    ),
    BreakKind(
        "JF-B004",
        "output or other side effect",
        "printing and I/O must happen in order with everything else, so Python does it",
        "collect values and print after the compiled part",
        "yours",
    ),
    BreakKind(
        "JF-B005",
        "branch on data",
        "the condition is known only when the arrays are",
        "use np.where, or jitflow.cond, if both arms can be computed",
        "yours",
    ),
    BreakKind(
        "JF-B006",
        "loop not captured",
        "the loop's number of iterations or its body changes in a way that the tracer cannot keep",
        "loop over range or a short list; keep list growth out of the loop",
        "unsupported",
    ),
    BreakKind(
        "JF-B007",
        "unsupported dtype or array class",
        "object, string, datetime and structured dtypes and ndarray subclasses run eagerly",
        "convert to a plain numeric ndarray first",
        "unsupported",
    ),
    BreakKind(
        "JF-B008",
        "unsupported NumPy function or argument",
        "there is no operator record for this call",
        "use another NumPy function with the same result, or leave it: it runs eagerly",
        "unsupported",
    ),
    BreakKind(
        "JF-B009",
        "the operation raises",
        "Python raises the exception itself, so that it is the same exception",
        "nothing, if the exception is wanted",
        "fundamental",
    ),
    BreakKind(
        "JF-B010",
        "value needed by Python",
        "an array's contents decide a Python value here (int(), float(), .item(), .tolist())",
        "keep the value in the array, or read it after the compiled part",
        "yours",
    ),
    BreakKind(
        "JF-B011",
        "result shape depends on data",
        "the shape is known only when the arrays are (nonzero, unique, boolean mask)",
        "use np.where with a fixed shape, if the program allows",
        "fundamental",
    ),
    BreakKind(
        "JF-B012",
        "generator or coroutine",
        "its frame lives on between calls",
        "use a list comprehension",
        "unsupported",
    ),
    BreakKind(
        "JF-B013",
        "attribute access with code of its own",
        "__getattr__, __setattr__ or a descriptor may do anything",
        "store the value in a plain attribute",
        "unsupported",
    ),
    BreakKind(
        "JF-B014",
        "unsupported mutation",
        "the effect on this object cannot be replayed at the end of the piece",
        "keep mutated state in lists, dicts, attributes and arrays",
        "unsupported",
    ),
    BreakKind(
        "JF-B015",
        "the piece grew too large",
        "the limit on the number of nodes was reached",
        "roll the code into a loop or raise JITFLOW_MAX_NODES",
        "yours",
    ),
    BreakKind(
        "JF-B016",
        "function marked with jitflow.disable",
        "it asked to run eagerly",
        "remove the mark",
        "yours",
    ),
    BreakKind(
        "JF-B017",
        "arguments may overlap in memory",
        "an array that is written shares memory with another one",
        "pass a copy",
        "yours",
    ),
    BreakKind(
        "JF-B018",
        "nothing to compile",
        "no array operation was found, so Python runs it without the detour",
        "nothing; jitflow stays out of the way",
        "fundamental",
    ),
    BreakKind(
        "JF-B019",
        "unsupported Python version or platform",
        "jitflow supports CPython 3.11 to 3.13, 64-bit",
        "run a supported version",
        "unsupported",
    ),
    BreakKind(
        "JF-B020",
        "run-time check failed",
        "a value left the range that the piece was compiled for; the call ran again eagerly",
        "nothing; it is rare, or report it",
        "fundamental",
    ),
    BreakKind(
        "JF-B021",
        "eager is faster",
        "the way between Python and compiled pieces was measured to cost more than they win",
        "remove the breaks above, or pass larger arrays; JITFLOW_MEASURE=0 compiles always",
        "yours",
    ),
    BreakKind(
        "JF-B022",
        "device cannot be compiled for",
        "the GPU back end needs the driver, CuPy and Triton; without them arrays there run eagerly",
        "python -m jitflow doctor says what to install",
        "yours",
    ),
    BreakKind(
        "JF-B023",
        "kernel does not compile",
        "the compiler of the device refused the code that was generated; the piece runs eagerly",
        "please report it with the text above and the versions from python -m jitflow doctor",
        "bug",
    ),
    BreakKind(
        "JF-B024",
        "arrays on different devices",
        "host and device arrays meet here, or arrays of two devices; eager code decides about it",
        "move them to one device before: jitflow.to_device(tree, 'cuda')",
        "yours",
    ),
    BreakKind(
        "JF-B025",
        "device out of memory",
        "there was no room for the temporaries or results of the piece; the call ran eagerly",
        "free arrays, or split the work into smaller calls",
        "yours",
    ),
)

BREAKS: dict[str, BreakKind] = {row.code: row for row in _ROWS}
