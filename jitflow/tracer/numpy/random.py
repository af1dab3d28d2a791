"""Random numbers: call-outs to NumPy's own generator objects, so that streams are the same."""

from __future__ import annotations

from typing import Any

import numpy as np

from jitflow.core.dtypes import I64
from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import arguments, external
from jitflow.tracer.numpy.arguments import unsupported
from jitflow.tracer.numpy.callouts import Callee, call_out
from jitflow.tracer.numpy.table import function
from jitflow.tracer.values import ConstantValue, PyValue

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


def call(
    context: TraceContext, drawn: Any, args: list[PyValue], kwargs: dict[str, PyValue]
) -> PyValue:
    """A draw from a generator that was there before; happens exactly once and in order."""
    if drawn.__name__ not in _DRAWS or drawn.__name__ == "bytes":
        raise unsupported(f"{type(drawn.__self__).__name__}.{drawn.__name__}")
    return external.run(context, drawn, args, kwargs, probed=_twin(drawn), effect=True)


@function(np.random.seed, signature="seed=None", fold=False)
def seed(context: TraceContext, seed: PyValue) -> PyValue:
    """Set the state of NumPy's global generator."""
    value = arguments.constant(context, seed, "seed")
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
