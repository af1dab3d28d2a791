"""Runs traces by definition: graphs node by node, recipes and effects one by one, no guards.

What the runtime does with generated code, done here slowly and plainly; the frames of a break are
run by `runtime.driver`, and every compile point is traced again each time it is reached.
"""

import copy
import inspect
import types

import numpy as np

from jitflow.core.config import config
from jitflow.guards.explain import Evaluator, first_failure
from jitflow.ir import interpreter, printer
from jitflow.runtime.driver import Broke, Returned, RunEagerly, Site, drive
from jitflow.runtime.reference import box
from jitflow.tracer import recipes as r
from jitflow.tracer.trace import BreakExit, CompilePoint, FrameShape, FrameState, ReturnExit
from jitflow.tracer.tracer import trace


def entry(function, *args, **kwargs):
    """The compile point of a call, and its state."""
    code = function.__code__
    bound = inspect.signature(function, follow_wrapped=False).bind(*args, **kwargs)
    bound.apply_defaults()
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    names = code.co_varnames[:count]
    point = CompilePoint(
        (FrameShape(code, 0, names),),
        (function.__globals__,),
        is_entry=True,
        closure=tuple(function.__closure__ or ()),
    )
    return point, tuple(bound.arguments[name] for name in names)


def trace_call(function, *args, dynamic=frozenset(), **kwargs):
    """The trace of a call's first piece."""
    point, state = entry(function, *args, **kwargs)
    return trace(point, state, name=function.__qualname__, dynamic=dynamic)


class Runner:
    """Runs one call; remembers its traces in `traces`."""

    def __init__(self, limit=200, dynamic=frozenset()):
        self.traces, self.limit, self.dynamic = [], limit, dynamic

    def call(self, function, *args, **kwargs):
        point, state = entry(function, *args, **kwargs)
        outcome = self.dispatch(point, state)
        if isinstance(outcome, RunEagerly):
            return function(*args, **kwargs)
        return drive(outcome, self.dispatch)

    def dispatch(self, point, state):
        if len(self.traces) >= self.limit:
            return RunEagerly(point, state)
        record = trace(point, state, name="test", dynamic=self.dynamic)
        self.traces.append(record)
        return Execution(record, state).run()

    @property
    def breaks(self):
        return [t.exit for t in self.traces if isinstance(t.exit, BreakExit) and t.exit.count]

    @property
    def codes(self):
        return [exit.code for exit in self.breaks]


class Execution:
    """One run of one trace on the state that it was traced with."""

    def __init__(self, record, state):
        self.record, self.state = record, state
        self.built = {}
        self.evaluator = Evaluator(state)

    def run(self):
        record = self.record
        if not isinstance(record.exit, ReturnExit | BreakExit):
            return RunEagerly(record.point, self.state)
        failure = first_failure(record.guards, record.inputs, self.state)
        assert failure is None, f"a guard fails on its own values: {failure}"
        inputs = [self.source(fact.source) for fact in record.inputs]
        for recipe in walk([record.exit, record.effects]):
            if isinstance(recipe, r.FromSource):
                self.build(recipe)
        self.outputs = interpreter.run(record.graph, inputs, write=True)
        for effect in record.effects:
            self.effect(effect)
        if isinstance(record.exit, ReturnExit):
            return Returned(self.build(record.exit.value))
        return self.broken(record.exit)

    def broken(self, exit):
        states = []
        for frame in exit.frames:
            stack = [self.build(item) for item in frame.stack if not isinstance(item, r.Null)]
            states.append((*map(self.build, frame.variables), *stack))
        shapes = tuple(frame.shape for frame in exit.frames)
        namespaces = tuple(frame.globals for frame in exit.frames)
        return Broke(Site.make(shapes, namespaces), states)

    def source(self, source):
        return self.evaluator.value(source)

    def build(self, recipe):
        if id(recipe) not in self.built:
            self.built[id(recipe)] = getattr(self, type(recipe).__name__)(recipe)
        return self.built[id(recipe)]

    # Recipes

    def FromSource(self, recipe):
        return self.source(recipe.source)

    def FromGraph(self, recipe):
        return box(self.outputs[recipe.index], recipe.box, recipe.order)

    def Constant(self, recipe):
        return recipe.value

    def Choose(self, recipe):
        return self.build(recipe.when_true if self.build(recipe.condition) else recipe.when_false)

    def ViewOf(self, recipe):
        base = self.build(recipe.base)
        arguments = [self.build(a) if isinstance(a, r.Recipe) else a for a in recipe.arguments]
        if recipe.method == "getitem":
            return base[arguments[0]]
        if recipe.method == "broadcast_to":
            return np.broadcast_to(base, *arguments)
        found = getattr(base, recipe.method)
        return found(*arguments) if callable(found) and not isinstance(found, np.ndarray) else found

    def BuildSequence(self, recipe):
        if recipe.kind is list:
            result = self.built[id(recipe)] = []
            result += map(self.build, recipe.items)
            return result
        return recipe.kind(map(self.build, recipe.items))

    def BuildDict(self, recipe):
        return {self.build(key): self.build(value) for key, value in recipe.items}

    def BuildSlice(self, recipe):
        return slice(*map(self.build, (recipe.start, recipe.stop, recipe.step)))

    def BuildObject(self, recipe):
        result = self.built[id(recipe)] = object.__new__(recipe.cls)
        for name, value in recipe.attributes.items():
            object.__setattr__(result, name, self.build(value))
        return result

    def BuildCell(self, recipe):
        cell = self.built[id(recipe)] = types.CellType()
        if recipe.contents is not None:
            cell.cell_contents = self.build(recipe.contents)
        return cell

    def BuildFunction(self, recipe):
        closure = tuple(map(self.build, recipe.closure)) or None
        defaults = recipe.defaults and tuple(map(self.build, recipe.defaults))
        function = types.FunctionType(recipe.code, recipe.globals, recipe.name, defaults, closure)
        function.__qualname__ = recipe.qualname
        if recipe.keyword_defaults:
            function.__kwdefaults__ = {
                name: self.build(value) for name, value in recipe.keyword_defaults.items()
            }
        return function

    def BuildCall(self, recipe):
        keywords = {name: self.build(value) for name, value in recipe.keywords.items()}
        function = recipe.function
        function = self.build(function) if isinstance(function, r.Recipe) else function
        return function(*map(self.build, recipe.arguments), **keywords)

    # Effects

    def effect(self, effect):
        getattr(self, "do_" + type(effect).__name__)(effect)

    def do_SetAttribute(self, effect):
        setattr(self.build(effect.target), effect.name, self.build(effect.value))

    def do_DeleteAttribute(self, effect):
        delattr(self.build(effect.target), effect.name)

    def do_SetItem(self, effect):
        self.build(effect.target)[self.build(effect.key)] = self.build(effect.value)

    def do_DeleteItem(self, effect):
        del self.build(effect.target)[self.build(effect.key)]

    def do_ReplaceItems(self, effect):
        target, items = self.build(effect.target), self.build(effect.items)
        if isinstance(target, list):
            target[:] = items
        else:
            target.clear()
            target.update(items)

    def do_SetGlobal(self, effect):
        if effect.value is None:
            del effect.namespace[effect.name]
        else:
            effect.namespace[effect.name] = self.build(effect.value)

    def do_SetCell(self, effect):
        cell = self.build(effect.cell)
        if effect.value is None:
            del cell.cell_contents
        else:
            cell.cell_contents = self.build(effect.value)

    def do_CallEffect(self, effect):
        function = effect.function
        function = self.build(function) if isinstance(function, r.Recipe) else function
        function(*map(self.build, effect.arguments))


def walk(thing, seen=None):
    """Every recipe below `thing`, once."""
    seen = {} if seen is None else seen
    if isinstance(thing, list | tuple):
        parts = thing
    elif isinstance(thing, dict):
        parts = list(thing.values())
    elif isinstance(thing, r.Recipe | r.Effect | ReturnExit | BreakExit | FrameState):
        parts = list(vars(thing).values())
    else:
        return
    if id(thing) in seen:
        return
    seen[id(thing)] = thing
    if isinstance(thing, r.Recipe):
        yield thing
    for part in parts:
        yield from walk(part, seen)


def check(function, *args, codes=None, pieces=None, dynamic=frozenset(), **kwargs):
    """Run a call eagerly and through traces; compare results, arguments, exceptions.

    Gives the runner, for questions about its traces.
    """
    expected_args, expected_kwargs = copy.deepcopy((args, kwargs))
    expected = outcome_of(lambda: function(*expected_args, **expected_kwargs))
    runner = Runner(dynamic=dynamic)
    errors = []
    with config().override(strict=True):
        actual = outcome_of(lambda: runner.call(function, *args, **kwargs), errors)
    if errors and actual != expected:
        raise errors[0]
    assert_same(actual, expected)
    assert_same((args, kwargs), (expected_args, expected_kwargs))
    if codes is not None:
        assert runner.codes == codes, [(e.code, e.detail, e.location) for e in runner.breaks]
    if pieces is not None:
        assert len(runner.traces) == pieces, [printed(t) for t in runner.traces]
    return runner


def outcome_of(call, errors=None):
    try:
        return "returned", call()
    except Exception as error:
        if errors is not None:
            errors.append(error)
        return type(error).__name__, str(error)


def printed(record):
    exit = record.exit
    return f"{printer.print_graph(record.graph)}\n{type(exit).__name__} {getattr(exit, 'code', '')}"


def assert_same(actual, expected):
    assert type(actual) is type(expected), (actual, expected)
    if isinstance(expected, np.ndarray | np.generic):
        assert actual.dtype == expected.dtype
        assert np.shape(actual) == np.shape(expected)
        np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12)
    elif isinstance(expected, tuple | list):
        assert len(actual) == len(expected), (actual, expected)
        for a, b in zip(actual, expected):
            assert_same(a, b)
    elif isinstance(expected, dict):
        assert list(actual) == list(expected)
        for key in expected:
            assert_same(actual[key], expected[key])
    elif isinstance(expected, float):
        assert actual == expected or (actual != actual and expected != expected)
    elif type(expected).__module__ not in ("builtins", "numpy") and hasattr(expected, "__dict__"):
        assert_same(vars(actual), vars(expected))
    elif isinstance(expected, int | str | bool | bytes | type(None) | range | slice | set):
        assert actual == expected, (actual, expected)


def failing_assertion(a):
    """An assertion that pytest does not rewrite."""
    assert a.ndim == 2, f"wrong rank {a.ndim}"
    return a + 1
