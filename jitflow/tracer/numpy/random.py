"""Random numbers: call-outs to NumPy's own generator objects, so that streams are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jitflow.core.dataclass import dataclass
from jitflow.core.dims import Dim
from jitflow.core.dtypes import I64
from jitflow.core.lazy import LazyModule
from jitflow.core.shown import shown
from jitflow.guards.sources import ConstantSource, MadeSource, Source
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import arguments, external
from jitflow.tracer.numpy.arguments import raises, unsupported
from jitflow.tracer.numpy.callouts import Callee, call_out
from jitflow.tracer.numpy.table import function
from jitflow.tracer.objects.model import OpaqueValue
from jitflow.tracer.values import ConstantValue, PyValue, ScalarValue

if TYPE_CHECKING:
    from jitflow.tracer import spans
    from jitflow.tracer.numpy import choices, draws
else:
    choices = LazyModule("jitflow.tracer.numpy.choices")
    draws = LazyModule("jitflow.tracer.numpy.draws")
    spans = LazyModule("jitflow.tracer.spans")

_DRAWS = frozenset(
    [
        "beta",
        "binomial",
        "bytes",
        "chisquare",
        "dirichlet",
        "exponential",
        "f",
        "gamma",
        "geometric",
        "gumbel",
        "hypergeometric",
        "integers",
        "laplace",
        "logistic",
        "lognormal",
        "logseries",
        "multinomial",
        "multivariate_normal",
        "negative_binomial",
        "noncentral_chisquare",
        "noncentral_f",
        "normal",
        "pareto",
        "permutation",
        "poisson",
        "power",
        "rand",
        "randint",
        "randn",
        "random",
        "random_sample",
        "rayleigh",
        "standard_cauchy",
        "standard_exponential",
        "standard_gamma",
        "standard_normal",
        "standard_t",
        "triangular",
        "uniform",
        "vonmises",
        "wald",
        "weibull",
        "zipf",
        "choice",
    ]
)


@dataclass(frozen=True, eq=False)
class Draw:
    """A method of the generator that `source` gives in each call; `real` is the one at hand."""

    real: Any
    source: Source

    @property
    def __name__(self) -> str:
        return str(self.real.__name__)

    @property
    def __self__(self) -> Any:
        return self.real.__self__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Draw from the generator at hand."""
        return self.real(*args, **kwargs)


def draw(
    context: TraceContext,
    generator: OpaqueValue,
    name: str,
    args: list[PyValue],
    kwargs: dict[str, PyValue],
) -> PyValue:
    """``generator.name(*args, **kwargs)``."""
    from jitflow.tracer.numpy import dispatch

    method = getattr(generator.real, name)
    return dispatch.call(context, Draw(method, generator.source), args, kwargs)


def call(
    context: TraceContext, drawn: Any, args: list[PyValue], kwargs: dict[str, PyValue]
) -> PyValue:
    """A draw; happens exactly once and in order."""
    if drawn.__name__ == "shuffle":
        return choices.shuffle(context, drawn, args, kwargs)
    if drawn.__name__ == "choice" and context.depth:
        chosen = choices.choice(context, drawn, args, kwargs)
        if chosen is not None:
            return chosen
    if drawn.__name__ not in _DRAWS or drawn.__name__ == "bytes":
        raise unsupported(f"{type(drawn.__self__).__name__}.{drawn.__name__}")
    twin, source = _twin(drawn), None
    if drawn.__name__ == "choice":
        twin = _fitting(twin)
    if isinstance(drawn, Draw):
        drawn, source = drawn.real, drawn.source
    _note_generator(context, drawn, source)
    result = draws.draw(context, drawn, source, args, kwargs) if context.depth else None
    if result is None:
        result = external.run(
            context, drawn, args, kwargs, probed=twin, effect=True, receiver=source
        )
    span = _span(context, drawn.__name__, args, kwargs)
    if span is not None:
        spans.note(context, result, *span)
    return result


_KEEPING = frozenset(
    ["random", "random_sample", "rand", "randint", "uniform", "permutation", "choice", "seed"]
)
"""Draws from a generator of the older kind that leave the normal number alone that it keeps."""


def _note_generator(context: TraceContext, drawn: Any, source: Source | None) -> None:
    """Note that the piece changes the state of a generator; one that it makes is its own."""
    if isinstance(source, MadeSource):
        return
    owner = drawn.__self__
    place = source or ConstantSource(owner, "numpy.random")
    is_older = not isinstance(owner, np.random.Generator) and drawn.__name__ not in _KEEPING
    context.generators[place] = context.generators.get(place, False) or is_older


def _span(
    context: TraceContext, name: str, args: list[PyValue], kwargs: dict[str, PyValue]
) -> spans.Span | None:
    """Between which bounds the integers lie that a method draws, where its arguments tell."""
    bounds = [_integer(context, value) for value in args[:2]]
    if name in ("permutation", "choice") and bounds:
        return None if bounds[0] is None else (0, bounds[0])
    if name not in ("integers", "randint") or {"low", "high", "endpoint"} & kwargs.keys():
        return None
    if len(args) > 2 or not bounds or None in bounds:
        return None
    low, high = (0, bounds[0]) if len(bounds) == 1 else bounds
    assert low is not None
    assert high is not None
    return low, high


def _integer(context: TraceContext, value: PyValue) -> Dim | None:
    """A Python integer, or how many items a range from 0 has."""
    value = context.resolve(value)
    if isinstance(value, ConstantValue) and isinstance(value.value, range):
        known = value.value
        return len(known) if known.start == 0 and known.step == 1 else None
    if isinstance(value, ConstantValue) and type(value.value) is int:
        return value.value
    return value.dim if isinstance(value, ScalarValue) and value.box == "int" else None


def _fitting(choice: Any) -> Any:
    """`choice` for stand-ins: as many items as there are probabilities, which add up to 1."""

    def probed(a: Any, size: Any = None, replace: Any = True, p: Any = None, **rest: Any) -> Any:
        if p is not None:
            count = len(p)
            p = np.full(count, 1 / count)
            if isinstance(a, range):
                a = range(count)
            elif np.ndim(a) == 0:
                a = count
        return choice(a, size, replace, p, **rest)

    return probed


@function(np.random.default_rng, signature="seed=None", fold=False)
def default_rng(context: TraceContext, seed: PyValue) -> PyValue:
    """A generator that each call makes anew, unless `seed` is one."""
    if isinstance(seed, OpaqueValue) and isinstance(seed.real, np.random.Generator):
        return seed
    return made(context, np.random.default_rng, seed)


@function(np.random.RandomState, signature="seed=None", fold=False)
def random_state(context: TraceContext, seed: PyValue) -> PyValue:
    """A generator of the older kind that each call makes anew."""
    return made(context, np.random.RandomState, seed)


def made(context: TraceContext, maker: Any, seed: PyValue) -> PyValue:
    """A generator that `maker` makes of a seed, in each call anew."""
    if isinstance(seed, ScalarValue) and seed.box == "int" and seed.source is not None:
        source = seed.source
    elif isinstance(seed, ConstantValue) and type(seed.value) in (int, type(None)):
        source = ConstantSource(seed.value, shown(seed.value))
    else:
        raise unsupported(f"{maker.__name__} of this seed")
    try:
        real = maker(getattr(seed, "value", 0) if isinstance(seed, ConstantValue) else 0)
    except ValueError as error:
        raise raises(str(error)) from None
    context.made += 1
    named = ConstantSource(maker, maker.__name__)
    return OpaqueValue(real, MadeSource(named, (source,), context.made))


@function(np.random.seed, signature="seed=None", fold=False)
def seed(context: TraceContext, seed: PyValue) -> PyValue:
    """Set the state of NumPy's global generator."""
    value = arguments.constant(context, seed, "seed")
    owner: Any = np.random.random.__self__  # type: ignore[attr-defined]
    context.generators[ConstantSource(owner, "numpy.random")] = True
    number = Callee(_seeded, (value,))
    call_out(context, number, [], [I64], (), effect=True)
    return ConstantValue(None)


def _seeded(value: Any) -> np.ndarray:
    np.random.seed(value)
    return np.zeros((), np.int64)


def _twin(drawn: Any) -> Any:
    """The same method of another generator, so that probing draws nothing from this one."""
    owner = drawn.__self__
    twin = (
        np.random.default_rng(0)
        if isinstance(owner, np.random.Generator)
        else np.random.RandomState(0)
    )
    return getattr(twin, drawn.__name__)
