"""Native entries: which calls they take, and what they do with the others."""

import gc
from types import CellType

import numpy as np
import pytest
from helpers.native_samples import (
    F32,
    F64,
    MULTIPLY_ADD,
    S0,
    S1,
    array,
    body,
    fact,
    leaks,
    multiply_add,
    number,
    segment,
    slow,
    twice,
    vectors,
)

from jitflow.codegen.cpu.entry import supports
from jitflow.codegen.cpu.entry_inputs import LLVM_TYPES
from jitflow.codegen.cpu.entry_spec import EntrySpec, Known, Output, Parameters
from jitflow.core.dtypes import from_numpy
from jitflow.core.errors import Unsupported
from jitflow.guards import predicates as g
from jitflow.guards.sources import (
    AttributeSource,
    CellSource,
    ConstantSource,
    DimensionSource,
    GlobalSource,
    ItemSource,
    StateSource,
    TypeSource,
)
from jitflow.runtime.native import link


def is_slow(result) -> bool:
    return isinstance(result, tuple) and result[0] == "slow"


@pytest.fixture(scope="module")
def add():
    return multiply_add().callable


@pytest.mark.parametrize("n", [0, 1, 7, 100_000])
def test_it_computes(add, n):
    a, b, c = vectors(n)
    result = add(a, b, c)
    assert type(result) is np.ndarray
    assert result.dtype == np.float32
    assert result.flags.owndata
    assert np.array_equal(result, a * b + c)


class Subclass(np.ndarray):
    pass


def misfits():
    a = vectors()[0]
    unaligned = np.zeros(41, np.uint8)[1:].view(np.float32)
    return {
        "float64": a.astype("f8"),
        "swapped": a.astype(">f4"),
        "metadata": a.astype(np.dtype("f4", metadata={"unit": "m"})),
        "rank": a.reshape(1, 10),
        "rank 0": a[0].reshape(()),
        "extent": vectors(9)[0],
        "strided": np.arange(20, dtype="f4")[::2],
        "reversed": a[::-1],
        "unaligned": unaligned,
        "subclass": a.view(Subclass),
        "masked": np.ma.masked_array(a),
        "list": a.tolist(),
        "number": 1.0,
        "scalar": np.float32(1),
        "None": None,
    }


@pytest.mark.parametrize("kind", misfits())
@pytest.mark.parametrize("position", [0, 1, 2])
def test_other_arguments_go_to_the_fallback(add, kind, position):
    arguments = list(vectors())
    arguments[position] = misfits()[kind]
    result = add(*arguments)
    assert is_slow(result)
    assert all(x is y for x, y in zip(result[1], arguments, strict=True))


def test_an_equal_dtype_that_is_another_object_is_taken(add):
    a, b, c = vectors()
    same = np.ndarray(a.shape, np.dtype(np.float32, copy=True), a.tobytes())
    assert same.dtype is not a.dtype
    assert np.array_equal(add(same, b, c), a * b + c)


@pytest.mark.parametrize("arguments", [(), (1,), (1, 2, 3, 4)])
def test_another_number_of_arguments_goes_to_the_fallback(add, arguments):
    assert add(*arguments) == ("slow", arguments, {})


def test_keywords_of_a_nameless_entry_go_to_the_fallback(add):
    assert add(1, x=2) == ("slow", (1,), {"x": 2})


def test_an_exception_of_the_fallback_propagates():
    def refuse(*args):
        raise KeyError("no")

    with pytest.raises(KeyError, match="no"):
        multiply_add(fallback=refuse).callable(1, 2, 3)


def test_a_known_object_may_stand_for_the_fallback():
    mark = object()
    entry = multiply_add(fallback=Known(mark)).callable
    assert entry(1) is mark
    assert not leaks([mark], lambda: entry(1))


# Layouts


def matrices():
    x = np.arange(60, dtype="f8").reshape(6, 10)
    return {
        "C": x,
        "F": np.asfortranarray(x),
        "columns": x[:, ::2],
        "rows": x[::3],
        "both": x[::-2, ::3],
        "transposed": x.T[::2],
        "empty": x[:0],
    }


@pytest.mark.parametrize("kind", matrices())
@pytest.mark.parametrize("out", [(0, 1), (1, 0)])
def test_strides_are_read(kind, out):
    x = matrices()[kind]
    order = (1, 0) if kind in ("F", "transposed") else (0, 1)
    result = twice("strided", order=order, out=out)(x)
    assert np.array_equal(result, 2 * x)
    assert result.flags.c_contiguous if out == (0, 1) else result.flags.f_contiguous


@pytest.mark.parametrize("layout", ["C", "F"])
def test_contiguity_is_checked(layout):
    entry = twice(layout)
    taken = {kind for kind, x in matrices().items() if not is_slow(entry(x))}
    assert taken == {kind for kind, x in matrices().items() if x.flags[f"{layout}_CONTIGUOUS"]}
    for kind in taken:
        assert np.array_equal(entry(matrices()[kind]), 2 * matrices()[kind])


def test_the_order_of_axes_is_checked():
    x = np.arange(60, dtype="f8").reshape(6, 10)[:, ::2]
    assert not is_slow(twice("strided", order=(0, 1))(x))
    assert is_slow(twice("strided", order=(1, 0))(x))
    assert is_slow(twice("strided", order=(0, 1))(x.T))
    square = np.lib.stride_tricks.as_strided(np.zeros(9), (3, 3), (8, 8))
    assert not is_slow(twice("strided", order=(0, 1))(square))
    assert is_slow(twice("strided", order=(1, 0))(square))


def test_the_unit_axis_is_checked():
    entry = twice("strided", unit_axis=1)
    x = np.arange(60, dtype="f8").reshape(6, 10)
    assert np.array_equal(entry(x[::2]), 2 * x[::2])
    assert is_slow(entry(x[:, ::2]))


def test_equal_extents_are_checked():
    square = twice_square()
    assert np.array_equal(square(np.ones((4, 4))), np.full((4, 4), 2.0))
    assert is_slow(square(np.ones((4, 5))))


def test_static_extents_are_checked():
    facts = (fact(0, shape=(2, 3)),)
    spec = EntrySpec("static", Parameters(1), facts, Known("fits"), fallback=Known("misses"))
    text = "define i32 @body(ptr %x, ptr %arena) {\n  ret i32 0\n}"
    entry = link(spec, segment(facts, ()), body(text)).callable
    shapes = [(2, 3), (3, 2), (2, 4), (6,), (2, 3, 1)]
    answers = [entry(np.zeros(shape, "f4")) for shape in shapes]
    assert answers == ["fits", "misses", "misses", "misses", "misses"]


def twice_square():
    """A matrix with both extents ``s0``."""
    facts = (fact(0, F64, (S0, S0)),)
    text = """
define i32 @body(ptr %x, i64 %n, ptr %out, ptr %arena) {
entry:
  %total = mul i64 %n, %n
  br label %head
head:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %more = icmp ult i64 %i, %total
  br i1 %more, label %loop, label %done
loop:
  %p = getelementptr double, ptr %x, i64 %i
  %v = load double, ptr %p
  %w = fadd double %v, %v
  %q = getelementptr double, ptr %out, i64 %i
  store double %w, ptr %q
  %next = add i64 %i, 1
  br label %head
done:
  ret i32 0
}
"""
    spec = EntrySpec("square", Parameters(1), facts, Output(0), fallback=slow)
    return link(spec, segment(facts, (array((S0, S0), F64),)), body(text)).callable


def test_writeable_is_checked_where_asked():
    facts = (fact(0, writeable=True),)
    spec = EntrySpec("write", Parameters(1), facts, Known(None), fallback=slow)
    text = (
        "define i32 @body(ptr %x, i64 %n, ptr %arena) {\n  store float 7.0, ptr %x\n  ret i32 0\n}"
    )
    entry = link(spec, segment(facts, ()), body(text)).callable
    x = np.zeros(3, "f4")
    assert entry(x) is None
    assert x[0] == 7
    x.flags.writeable = False
    assert is_slow(entry(x))


# Keywords and defaults


def test_keywords_bind():
    function = lambda a, b, c: None  # noqa: E731
    entry = multiply_add(parameters=Parameters.of(function)).callable
    a, b, c = vectors()
    expected = a * b + c
    assert np.array_equal(entry(a, b, c=c), expected)
    assert np.array_equal(entry(c=c, a=a, b=b), expected)
    assert is_slow(entry(a, b, c, c=c))
    assert is_slow(entry(a, b, d=c))
    assert is_slow(entry(a, b))
    assert is_slow(entry(a, b, c, a))
    assert np.array_equal(entry(a, b, **{"".join(["c"]): c}), expected)


def test_positional_only_and_keyword_only():
    def function(a, /, b, *, c):
        pass

    entry = multiply_add(parameters=Parameters.of(function)).callable
    a, b, c = vectors()
    assert np.array_equal(entry(a, b, c=c), a * b + c)
    assert np.array_equal(entry(a, c=c, b=b), a * b + c)
    assert is_slow(entry(a=a, b=b, c=c))
    assert is_slow(entry(a, b, c))


def test_defaults_bind_until_they_change():
    a, b, c = vectors()

    def function(a, b=b, *, c=c):
        pass

    entry = multiply_add(parameters=Parameters.of(function)).callable
    expected = a * b + c
    assert np.array_equal(entry(a), expected)
    assert np.array_equal(entry(a, b), expected)
    assert np.array_equal(entry(a, c=c), expected)
    assert np.array_equal(entry(a=a), expected)
    function.__kwdefaults__["c"] = 1
    assert is_slow(entry(a))
    assert np.array_equal(entry(a, c=c), expected)
    function.__defaults__ = (1,)
    assert is_slow(entry(a, c=c))
    assert np.array_equal(entry(a, b, c=c), expected)


def test_star_parameters_have_no_native_form():
    assert Parameters.of(lambda *args: None) is None
    assert Parameters.of(lambda **kwargs: None) is None


# Guards


def guarded(*guards, parameters=1):
    """An entry that says whether `guards` hold of its arguments."""
    spec = EntrySpec(
        "guarded", Parameters(parameters), (), Known("fits"), guards, fallback=Known("misses")
    )
    text = "define i32 @body(ptr %arena) {\n  ret i32 0\n}"
    return link(spec, segment((), ()), body(text)).callable


X, Y = StateSource(0, "x"), StateSource(1, "y")


class Thing:
    w = 1

    def __init__(self, **attributes):
        self.__dict__.update(attributes)


class Refusing:
    def __getattr__(self, name):
        raise RuntimeError(name)


class SameAsInt(int):
    pass


CASES = [
    (g.IsThere(AttributeSource(X, "w")), [Thing()], [1]),
    (g.TypeIs(X, Thing), [Thing()], [1, Thing]),
    (g.IsObject(X, None), [None], [0, False]),
    (g.Equals(X, 5), [5], [6, True, 5.0, "5", SameAsInt(5), 5 + (1 << 70)]),
    (g.Equals(X, 10**30), [10**30], [10**30 + 1, 1e30]),
    (g.Equals(X, "name"), ["name", "".join("name")], ["names", b"name", None]),
    (g.Equals(X, True), [True], [1, False]),
    (g.Equals(X, -0.0), [-0.0], [0.0, 0, np.float64(-0.0)]),
    (g.Equals(X, float("nan")), [float("nan")], [1.0]),
    (g.LengthIs(X, 2), [[1, 2], {1: 1, 2: 2}], [[1], (), 5]),
    (g.HasNoItem(X, "k"), [{}, {"j": 1}], [{"k": 1}]),
    (g.IsObject(TypeSource(X), int), [1], [True, "x"]),
    (g.IsObject(AttributeSource(X, "w"), Thing), [Thing(w=Thing)], [Thing(), 3, Refusing()]),
    (g.IsObject(ItemSource(X, 1), Thing), [[0, Thing], (0, Thing), {1: Thing}], [[0], {}, "ab"]),
    (g.IsObject(ItemSource(X, -1), Thing), [[0, Thing], (Thing,)], [[Thing, 0], []]),
    (g.IsObject(ItemSource(X, "k"), Thing), [{"k": Thing}], [{"k": 1}, [Thing], (Thing,)]),
    (g.SearchesClass(X, "w", 1), [Thing], [Refusing, int]),
    (g.SearchesClass(X, "w", g.MISSING), [int, Refusing], [Thing]),
]


@pytest.mark.parametrize(("guard", "fitting", "other"), CASES)
def test_a_guard_takes_what_fits_and_nothing_else(guard, fitting, other):
    entry = guarded(guard)
    assert [entry(value) for value in fitting] == ["fits"] * len(fitting)
    assert [entry(value) for value in other] == ["misses"] * len(other)
    everything = [*fitting, *other]
    assert not leaks(everything, lambda: [entry(value) for value in everything])


def test_globals_and_cells():
    namespace, cell, builtin = {"f": len}, CellType(len), len
    entry = guarded(
        g.IsObject(GlobalSource(ConstantSource(namespace, "globals"), "f"), builtin),
        g.IsObject(CellSource(ConstantSource(cell, "cell"), "f"), builtin),
    )
    assert entry(0) == "fits"
    cell.cell_contents = max
    assert entry(0) == "misses"
    del cell.cell_contents
    assert entry(0) == "misses"
    cell.cell_contents = len
    assert entry(0) == "fits"
    namespace["f"] = max
    assert entry(0) == "misses"
    del namespace["f"]
    assert entry(0) == "misses"
    namespace["f"] = len
    assert entry(0) == "fits"


def test_a_global_is_found_wherever_it_moves():
    namespace = {"f": len}
    source = GlobalSource(ConstantSource(namespace, "globals"), "f")
    entry = guarded(g.IsObject(source, len), g.IsObject(source, len))

    def answers():
        return [entry(0) for _ in range(3)]

    assert answers() == ["fits"] * 3
    for k in range(2000):
        namespace[f"x{k}"] = k
        assert entry(0) == "fits"
    namespace.clear()
    assert answers() == ["misses"] * 3
    namespace[1] = len
    assert answers() == ["misses"] * 3
    namespace["f"] = len
    assert answers() == ["fits"] * 3
    namespace["f"] = max
    assert answers() == ["misses"] * 3
    assert guarded(g.IsObject(source, max))(0) == "fits"
    assert guarded(g.IsObject(source, len))(0) == "misses"


def test_two_sources_are_compared():
    same, different = (
        guarded(g.SameObject(X, Y), parameters=2),
        guarded(g.NotSame(X, Y), parameters=2),
    )
    one, other = object(), object()
    assert (same(one, one), same(one, other)) == ("fits", "misses")
    assert (different(one, one), different(one, other)) == ("misses", "fits")


def test_what_is_supported():
    assert supports([guard for guard, _, _ in CASES])
    assert not supports([g.KeysAre(X, ("a",))])
    assert not supports([g.Equals(X, (1, 2))])
    assert not supports([g.IsObject(DimensionSource(X, 0), 1)])
    assert not supports([g.SameObject(X, DimensionSource(X, 0))])
    with pytest.raises(Unsupported):
        guarded(g.KeysAre(X, ("a",)))


def test_inputs_may_come_from_attributes_and_globals():
    a, b, c = vectors()
    namespace = {"b": b}
    thing = Thing(a=a)
    facts = tuple(
        g.ArrayFact(source, F32, (S0,), "C", (0,))
        for source in (
            AttributeSource(X, "a"),
            GlobalSource(ConstantSource(namespace, "globals"), "b"),
            StateSource(1, "c"),
        )
    )
    for work in (0, 10**6):
        entry = multiply_add(
            inputs=facts, parameters=Parameters(2), body=body(MULTIPLY_ADD, work=work)
        ).callable
        assert np.array_equal(entry(thing, c), a * b + c)
        assert is_slow(entry(thing, None))
        assert is_slow(entry(None, c))
        calls = ((thing, c), (thing, None), (None, c))
        assert not leaks([a, b, c, thing], lambda: [entry(*call) for call in calls])  # noqa: B023


# Relations and overlap


def test_relations_between_symbols():
    facts = (fact(0), fact(1, shape=(S1,)))
    relations = (
        g.Relation(X, S0, "<=", S1),
        g.Relation(X, S0 + S1, "!=", 7),
        g.Relation(X, 2 * S0, "<", 3 * S1),
        g.Relation(X, S0 * S1, "==", S1 * S0),
    )
    spec = EntrySpec("r", Parameters(2), facts, Known("fits"), relations, fallback=Known("misses"))
    text = "define i32 @body(ptr %a, ptr %b, i64 %n, i64 %m, ptr %arena) {\n  ret i32 0\n}"
    entry = link(spec, segment(facts, ()), body(text)).callable

    def answer(n, m):
        return entry(np.zeros(n, "f4"), np.zeros(m, "f4"))

    assert answer(2, 3) == "fits"
    assert answer(3, 2) == "misses"
    assert answer(3, 4) == "misses"
    assert answer(0, 0) == "misses"
    assert answer(5, 5) == "fits"


def test_an_extent_may_be_a_polynomial():
    facts = (fact(0, shape=(S0 + 1,)), fact(1))
    spec = EntrySpec("p", Parameters(2), facts, Known("fits"), fallback=Known("misses"))
    text = "define i32 @body(ptr %a, ptr %b, i64 %n, ptr %arena) {\n  ret i32 0\n}"
    entry = link(spec, segment(facts, ()), body(text)).callable
    assert entry(np.zeros(4, "f4"), np.zeros(3, "f4")) == "fits"
    assert entry(np.zeros(4, "f4"), np.zeros(4, "f4")) == "misses"


def test_overlap_is_found_by_bounds():
    facts = tuple(
        fact(k, shape=(n,), layout="strided", aligned=False) for k, n in enumerate((S0, S1))
    )
    spec = EntrySpec(
        "o",
        Parameters(2),
        facts,
        Known("apart"),
        (g.NoOverlap(X, Y),),
        fallback=Known("may overlap"),
    )
    text = """
define i32 @body(ptr %a, i64 %s, ptr %b, i64 %t, i64 %n, i64 %m, ptr %arena) {
  ret i32 0
}"""
    entry = link(spec, segment(facts, ()), body(text)).callable
    x = np.zeros(20, "f4")
    pairs = [
        (x, x),
        (x[:10], x[10:]),
        (x[10:], x[:10]),
        (x[:11], x[10:]),
        (x[::-1][:5], x[:15]),
        (x[::-1][:6], x[:15]),
        (x[::2], x[1::2]),
        (x[:0], x),
        (x[::5], x[16:]),
        (x[::5], x[15:]),
    ]
    for left, right in pairs:
        expected = "may overlap" if np.may_share_memory(left, right) else "apart"
        assert entry(left, right) == expected


# Entries that follow one another


def test_entries_chain_by_address():
    def last(*args):
        return "last"

    second = guarded_native(g.IsObject(X, 2), "second", last)
    first = guarded_native(g.IsObject(X, 1), "first", second)
    entry = first.callable
    del first, second
    gc.collect()
    assert [entry(k) for k in (1, 2, 3)] == ["first", "second", "last"]
    assert entry(1, 2) == "last"


def guarded_native(guard, answer, fallback):
    spec = EntrySpec("chain", Parameters(1), (), Known(answer), (guard,), fallback=fallback)
    text = "define i32 @body(ptr %arena) {\n  ret i32 0\n}"
    return link(spec, segment((), ()), body(text))


def test_an_unchecked_entry_trusts_its_caller():
    entry = multiply_add(checked=False).callable
    a, b, c = vectors()
    assert np.array_equal(entry(a, b, c), a * b + c)


def test_numbers_come_in_by_value():
    kinds = [
        float,
        int,
        bool,
        complex,
        np.float32,
        np.float64,
        np.int8,
        np.uint64,
        np.bool_,
        np.complex64,
    ]
    values = [
        0.5,
        -7,
        True,
        1 + 2j,
        np.float32(1.5),
        np.float64(2.5),
        np.int8(-3),
        np.uint64(2**63),
        np.bool_(True),
        np.complex64(3 - 1j),
    ]
    for kind, value in zip(kinds, values, strict=True):
        entry = echo(kind)
        assert entry(value).tobytes() == np.asarray(value).tobytes()
        for other in values:
            if type(other) is not kind:
                assert is_slow(entry(other))
    assert is_slow(echo(int)(2**63))
    assert echo(int)(-(2**63)) == -(2**63)


def echo(kind):
    """An entry that stores its argument in an array of rank 0."""
    facts = (number(0, kind),)
    dtype = from_numpy(np.dtype(kind))
    llvm = LLVM_TYPES[dtype.name]
    parts = ["%x", "%y"] if dtype.is_complex else ["%x"]
    stores = "\n".join(
        f"  %p{k} = getelementptr {llvm}, ptr %out, i64 {k}\n  store {llvm} {part}, ptr %p{k}"
        for k, part in enumerate(parts)
    )
    head = ", ".join(f"{llvm} {part}" for part in parts)
    head += ", i64 %n" if kind is int else ""
    text = f"define i32 @body({head}, ptr %out, ptr %arena) {{\n{stores}\n  ret i32 0\n}}"
    spec = EntrySpec("echo", Parameters(1), facts, Output(0), fallback=slow)
    return link(spec, segment(facts, (array((), dtype),)), body(text)).callable
