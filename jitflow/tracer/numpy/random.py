"""Random numbers: call-outs to NumPy's own generator objects, so that streams are the same."""

from __future__ import annotations

from typing import Any

import numpy as np

from jitflow.tracer.context import TraceContext
from jitflow.tracer.numpy import external
from jitflow.tracer.numpy.arguments import unsupported
from jitflow.tracer.values import PyValue

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
    context: TraceContext, function: Any, args: list[PyValue], kwargs: dict[str, PyValue]
) -> PyValue:
    """A draw from a generator that was there before; happens exactly once and in order."""
    if function.__name__ not in _DRAWS or function.__name__ == "bytes":
        raise unsupported(f"{type(function.__self__).__name__}.{function.__name__}")
    return external.run(context, function, args, kwargs, probed=_twin(function), effect=True)


def _twin(function: Any) -> Any:
    """The same method of another generator, so that probing draws nothing from this one."""
    owner = function.__self__
    twin = (
        np.random.default_rng(0)
        if isinstance(owner, np.random.Generator)
        else np.random.RandomState(0)
    )
    return getattr(twin, function.__name__)
