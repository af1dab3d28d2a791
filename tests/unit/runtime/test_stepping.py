"""Whole functions, one instruction at a time, against eager Python: results, output, tracebacks."""

import functools
import importlib.util
import sys
import warnings

import pytest
import stepping
import stepping_programs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

DISPATCHES = [
    stepping.always_break,
    stepping.inlining,
    stepping.run_eagerly,
    stepping.run_eagerly_to_loops,
    stepping.run_some_instructions,
]


@pytest.fixture(params=DISPATCHES, ids=lambda dispatch: dispatch.__name__)
def dispatch(request):
    return request.param


def fresh(name):
    """A second copy of a module."""
    specification = importlib.util.find_spec(name)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", [f.__name__ for f in stepping_programs.PROGRAMS])
def test_program_behaves_as_eager(name, dispatch):
    expected = stepping.outcome_of(getattr(stepping_programs, name))
    module = fresh("stepping_programs")
    stepping.step_module(module, dispatch)
    assert stepping.outcome_of(getattr(module, name)) == expected


def use_heapq(m):
    heap = []
    for x in [5, 3, 8, 1, 9, 2]:
        m.heappush(heap, x)
    yield [m.heappop(heap) for _ in range(6)]
    yield m.nlargest(3, [4, 1, 7, 3, 8, 5], key=lambda v: -v), m.nsmallest(2, "hello")
    yield m.heapreplace([1, 2, 3], 7), m.heappushpop([4, 5], 1)
    m.heappop([])


def use_textwrap(m):
    yield m.wrap("The quick brown fox-like animal jumped over the lazy dog and so on", 20)
    yield m.dedent("   a\n     b\n   c"), m.shorten("hello there world of many words", 15)
    m.wrap("text", 0)


def use_difflib(m):
    yield list(m.unified_diff("a b c d e".split(), "a c d x e".split()))
    yield m.get_close_matches("appel", ["ape", "apple", "peach"])
    yield m.SequenceMatcher(None, "abcd efgh", "bcde fgh").get_opcodes()
    m.get_close_matches("a", ["b"], n=0)


def use_statistics(m):
    yield m.mean([1, 2, 3.5]), m.median([3, 1, 2]), m.stdev([1, 2, 3, 4]), m.mode("aabbb")
    yield m.quantiles([1, 2, 3, 4, 5, 6]), m.NormalDist(1, 2).cdf(1.5)
    m.mean([])


def use_random(m):
    r = m.Random(7)
    yield r.random(), r.randint(1, 10), r.sample(range(100), 5), r.choices("abc", k=4)
    yield r.gauss(0, 1), r.betavariate(1, 2), r.shuffle(items := list(range(9))), items
    r.choice([])


def use_fractions(m):
    f = m.Fraction
    yield f(3, 4) + f("1.25"), f(7, 3) ** 2, f(3.5).limit_denominator(10), f(-1, 3) < f(1, 2)
    yield round(f(7, 3), 1), f(1, 3) // 2, divmod(f(7, 2), f(1, 3)), hash(f(1, 3))
    f(1, 0)


def use_copy(m):
    yield m.deepcopy({"a": [1, 2, {3: (4, [5])}]}), m.copy([1])
    m.copy(sys._getframe())


def use_pprint(m):
    yield m.pformat({i: list(range(i)) for i in range(12)})


def use_json(m):
    text = '{"a": [1, 2.5, null, true, "x\\u00e9\\n"], "b": {"c": -1e5}}'
    yield m.loads(text)
    yield m.dumps(m.loads(text), indent=2, sort_keys=True), m.dumps({1: (2, [])})
    m.loads('{"a": }')


def use_colorsys(m):
    yield m.rgb_to_hls(0.1, 0.2, 0.3), m.hsv_to_rgb(0.3, 0.2, 0.9), m.yiq_to_rgb(0.1, 0.2, 0.3)


def use_string(m):
    yield m.Template("$a and ${b}").substitute(a=1, b=2)
    yield m.Formatter().format("{0!r:>5}{x[1]}", "q", x=[1, 2])
    m.Template("$a").substitute()


def use_shlex(m):
    yield m.split('a "b c" d\\ e'), m.quote("a b")
    m.split('"open')


LIBRARY = {name.removeprefix("use_"): f for name, f in globals().items() if name.startswith("use_")}
ACCELERATORS = ["_heapq", "_statistics", "_json", "_bisect"]


def observe(use, module):
    """The items that `use` yields, then how it ends."""
    items, iterator = [], use(module)

    def take():
        for item in iterator:
            items.append(repr(item))

    kind, text, printed = stepping.outcome_of(take)
    # Frames of this file and its imports' addresses differ; the library's own lines do not.
    return items, kind, [line for line in text.splitlines() if " 0x" not in line], printed


@pytest.mark.parametrize("name", LIBRARY)
@pytest.mark.parametrize("dispatch", [stepping.always_break, stepping.run_eagerly_to_loops])
def test_library_module_behaves_as_eager(name, dispatch, monkeypatch):
    for accelerator in ACCELERATORS:
        monkeypatch.setitem(sys.modules, accelerator, None)
    names = ["json.scanner", "json.decoder", "json.encoder", "json"] if name == "json" else [name]
    results = []
    for step in (False, True):
        for part in names:
            monkeypatch.delitem(sys.modules, part, raising=False)
        modules = [importlib.import_module(part) for part in names]
        if step:
            for module in modules:
                stepping.step_module(module, dispatch)
        results.append(observe(LIBRARY[name], modules[-1]))
    assert results[1] == results[0]


# Random programs: every statement that moves control, nested.

NAMES = "abc"


def block(inner):
    return st.lists(inner, min_size=1, max_size=3).map(lambda parts: [s for p in parts for s in p])


def indented(lines):
    return ["    " + line for line in lines]


def expression():
    atoms = st.sampled_from([*NAMES, "i", "0", "1", "2"])
    return st.one_of(
        atoms,
        st.tuples(atoms, st.sampled_from("+-"), atoms).map(" ".join),
        atoms.map(lambda a: f"risky({a})"),
        st.tuples(atoms, atoms).map(
            lambda p: f"sum([i + {p[0]} for i in range(3) if i != {p[1]}])"
        ),
        st.tuples(atoms, atoms).map(lambda p: f"(lambda: {p[0]} + {p[1]})()"),
    )


SIMPLE = st.one_of(
    st.tuples(st.sampled_from(NAMES), expression()).map(lambda p: [f"{p[0]} = {p[1]}"]),
    st.tuples(st.sampled_from(NAMES), expression()).map(lambda p: [f"{p[0]} += {p[1]}"]),
    expression().map(lambda e: [f"log({e})"]),
    st.sampled_from(NAMES).map(lambda n: [f"del {n}"]),
    st.just(["raise KeyError(a)"]),
    expression().map(lambda e: [f"return {e}"]),
    st.just(["if looping and i == 1: log('break')"]),
)
IN_LOOP = st.sampled_from([["if i == 1: break"], ["if i == 0: continue"], ["continue"]])


def compound(inner):
    body = block(inner)
    loop_body = block(st.one_of(inner, IN_LOOP))
    return st.one_of(
        st.tuples(expression(), body, body).map(
            lambda p: [f"if {p[0]}:", *indented(p[1]), "else:", *indented(p[2])]
        ),
        st.tuples(loop_body, body).map(
            lambda p: ["for i in range(3):", *indented(p[0]), "else:", *indented(p[1])]
        ),
        loop_body.map(lambda b: ["n += 4", "while n % 4:", "    n -= 1", *indented(b)]),
        st.tuples(body, body, body).map(
            lambda p: [
                *["try:", *indented(p[0]), "except ValueError as e:", "    log(e)"],
                *[*indented(p[1]), "finally:", *indented(p[2])],
            ]
        ),
        st.tuples(body, body).map(
            lambda p: ["try:", *indented(p[0]), "except Exception:", *indented(p[1])]
        ),
        body.map(lambda b: ["with manager():", *indented(b)]),
    )


RAISING = """\
try:
    with manager():
        if (lambda: unknown + a)():
            log(a)
    log((lambda: unknown)())
except NameError as error:
    log(error)
finally:
    for k in range(2):
        try:
            log((lambda x: x[k])(()))
        except IndexError as error:
            log(k)
"""


@pytest.mark.parametrize("count", range(1, 20))
def test_a_callee_that_raises_where_python_stops_finds_the_handler(count):
    observed = []
    for step in (False, True):
        function, printed = make_function(RAISING.splitlines())
        if step:
            dispatch = functools.partial(stepping.run_some_instructions, count=count)
            function = stepping.stepped(function, dispatch)
        observed.append((stepping.outcome_of(function, 1), printed))
    assert observed[1] == observed[0]
    assert len(printed) >= 3


PROGRAM = block(st.recursive(SIMPLE, compound, max_leaves=12))


def make_function(lines):
    """A function of random statements, as it may be written."""
    text = ["def f(a, n=3, looping=False):", "    i = 0", *indented(lines), "    return a, n, i"]
    printed = []

    def risky(x):
        if isinstance(x, int) and x > 1:
            raise ValueError(x)
        return x

    def manager():
        return stepping_programs.Manager(swallow=len(printed) % 2 == 1)

    namespace = {"log": lambda x: printed.append(repr(x)), "risky": risky, "manager": manager}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile("\n".join(text), "random.py", "exec"), namespace)
    return namespace["f"], printed


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(lines=PROGRAM, dispatch=st.sampled_from(DISPATCHES))
def test_random_program_behaves_as_eager(lines, dispatch):
    observed = []
    for step in (False, True):
        function, printed = make_function(lines)
        if step:
            function = stepping.stepped(function, dispatch)
        observed.append((stepping.outcome_of(function, 1), printed))
    assert observed[1] == observed[0]
