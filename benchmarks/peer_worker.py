"""One system's process of `benchmarks.peers`: takes orders as lines of JSON, answers the same way.

Run by that program as ``python -m benchmarks.peer_worker SYSTEM``. Times are the CPU time of the
process, in seconds for a call.
"""

# ruff: noqa: E402  (threads are limited before the libraries are imported)

from __future__ import annotations

import os

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"
os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"

import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import peer_cases

warnings.simplefilter("ignore")


def mapped(convert: Callable[[Any], Any], tree: Any) -> Any:
    """`tree` with its arrays converted."""
    if isinstance(tree, dict):
        return {key: mapped(convert, value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(mapped(convert, value) for value in tree)
    return convert(tree) if isinstance(tree, np.ndarray) else tree


def leaves(tree: Any) -> list[np.ndarray]:
    """The arrays of a result."""
    if isinstance(tree, (list, tuple)):
        return [leaf for item in tree for leaf in leaves(item)]
    return [np.asarray(tree)]


class System:
    """Plain NumPy, and what the others change."""

    def __init__(self) -> None:
        self.array_module: Any = None

    def convert(self, array: np.ndarray) -> Any:
        return array

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return function

    def prepare(self, case: peer_cases.Case) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        function = peer_cases.load(case.function, self.array_module)
        return self.compile(function), mapped(self.convert, case.arguments())


class Jitflow(System):
    def __init__(self) -> None:
        super().__init__()
        import jitflow

        self.compile = jitflow.compile  # type: ignore[method-assign]


class Numba(System):
    def __init__(self) -> None:
        super().__init__()
        import numba

        self.compile = numba.njit  # type: ignore[method-assign]


class Jax(System):
    def __init__(self) -> None:
        super().__init__()
        import jax

        jax.config.update("jax_enable_x64", True)
        self.jax = jax
        self.array_module = jax.numpy

    def convert(self, array: np.ndarray) -> Any:
        return self.jax.numpy.asarray(array)

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        compiled = self.jax.jit(function)
        return lambda *args: self.jax.block_until_ready(compiled(*args))


class Torch(System):
    """torch.compile of the same source written with torch's functions."""

    def __init__(self) -> None:
        super().__init__()
        import torch

        torch.set_num_threads(1)
        self.torch = torch
        self.array_module = _torch_namespace(torch)

    def convert(self, array: np.ndarray) -> Any:
        return self.torch.from_numpy(array.copy())

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        torch = self.torch
        compiled = torch.compile(function)

        def run(*args: Any) -> Any:
            with torch.no_grad():
                return compiled(*args)

        return run


class TorchEager(Torch):
    """The same source with torch's functions, not compiled."""

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any) -> Any:
            with self.torch.no_grad():
                return function(*args)

        return run


class TorchNumPy(Torch):
    """torch.compile of the unmodified NumPy source, on NumPy arrays."""

    def __init__(self) -> None:
        super().__init__()
        self.array_module = None

    def convert(self, array: np.ndarray) -> Any:
        return array


def _torch_namespace(torch: Any) -> Any:
    """torch under NumPy's names, as far as the cases need them."""

    class Namespace:
        float32, pi = torch.float32, np.pi
        sin, exp, reshape = torch.sin, torch.exp, torch.reshape
        arange = torch.arange
        zeros, mean, sum, tanh = torch.zeros, torch.mean, torch.sum, torch.tanh

        @staticmethod
        def sqrt(x: Any) -> Any:
            return torch.sqrt(x) if isinstance(x, torch.Tensor) else x**0.5

        @staticmethod
        def maximum(x: Any, y: Any) -> Any:
            return torch.clamp_min(x, y)

        @staticmethod
        def max(x: Any, axis: int, keepdims: bool) -> Any:
            return torch.amax(x, dim=axis, keepdim=keepdims)

        @staticmethod
        def var(x: Any, axis: int, keepdims: bool) -> Any:
            return torch.var(x, dim=axis, keepdim=keepdims, correction=0)

        @staticmethod
        def transpose(x: Any, axes: Any) -> Any:
            return x.permute(axes)

        @staticmethod
        def concatenate(parts: Any, axis: int) -> Any:
            return torch.cat(parts, dim=axis)

        @staticmethod
        def split(x: Any, count: int, axis: int) -> Any:
            return torch.tensor_split(x, count, dim=axis)

        @staticmethod
        def tri(n: int, dtype: Any) -> Any:
            return torch.tril(torch.ones(n, n, dtype=dtype))

        @staticmethod
        def ones_like(x: Any, shape: Any) -> Any:
            return torch.ones(shape, dtype=x.dtype)

        hstack, stack, log, where = torch.hstack, torch.stack, torch.log, torch.where
        tril = torch.tril

    return Namespace


SYSTEMS: dict[str, type[System]] = {
    "eager": System,
    "jitflow": Jitflow,
    "numba": Numba,
    "jax": Jax,
    "torch-eager": TorchEager,
    "torch": Torch,
    "torch-numpy": TorchNumPy,
}


class Worker:
    """Keeps the compiled programs of one system."""

    def __init__(self, system: str) -> None:
        self.name = system
        self.system = SYSTEMS[system]()
        self.ready: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {}

    def first(self, name: str) -> dict[str, Any]:
        """Compile and call once; the error against plain NumPy."""
        case = peer_cases.CASES[name]
        function, arguments = self.system.prepare(case)
        start, begun = time.perf_counter(), sum(os.times()[:4])
        result = function(*arguments)
        spent, wall = sum(os.times()[:4]) - begun, time.perf_counter() - start
        for _ in range(3):
            result = function(*arguments)
        expected = leaves(peer_cases.load(case.function)(*case.arguments()))
        error = 0.0
        for got, wanted in zip(leaves(result), expected, strict=True):
            if got.shape != wanted.shape:
                raise ValueError(f"shape {got.shape}, not {wanted.shape}")
            scale = float(np.max(np.abs(wanted)))
            error = max(error, float(np.max(np.abs(got - wanted))) / scale)
        if not error <= case.tolerance:
            raise ValueError(f"wrong by {error:.1e}")
        self.ready[name] = function, arguments
        dtypes = [{leaf.dtype.name for leaf in leaves(tree)} for tree in (result, expected)]
        return {
            "first_s": spent or wall,
            "first_wall_s": wall,
            "error": error,
            "other_dtype": dtypes[0] != dtypes[1],
        }

    def time(self, name: str, seconds: float) -> dict[str, Any]:
        """Times of single calls (of bunches, for short ones), and of a copy in between."""
        function, arguments = self.ready[name]
        call = _looped(function, arguments)
        once = _spent(call, 1)
        bunch = max(1, int(2e-3 / max(once, 1e-8)))
        rounds = max(5, min(200, int(seconds / max(once * bunch, 1e-6))))
        times = [_spent(call, bunch) / bunch for _ in range(rounds)]
        return {"best": min(times), "median": statistics.median(times)}

    def copy(self, seconds: float) -> dict[str, Any]:
        """Time of np.copyto of 4096x1024 f32."""
        source = np.ones((4096, 1024), np.float32)
        target = np.empty_like(source)
        call = _looped(np.copyto, (target, source))
        call(1)
        times = [_spent(call, 1) for _ in range(max(5, int(seconds / 2e-3)))]
        return {"best": min(times), "median": statistics.median(times)}


def _looped(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Callable[[int], None]:
    """Calls with nothing but the loop around them."""
    names = ", ".join(f"x{k}" for k in range(len(arguments)))
    scope = {f"x{k}": value for k, value in enumerate(arguments)} | {"function": function}
    given = ", ".join(f"{name}={name}" for name in scope)
    exec(f"def loop(n, {given}):\n    for _ in range(n):\n        function({names})", scope)
    made: Callable[[int], None] = scope["loop"]
    return made


def _spent(call: Callable[[int], None], count: int) -> float:
    start = time.process_time()
    call(count)
    return time.process_time() - start


def main() -> None:
    """Answer orders until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is not an answer
    worker: Worker | None = None
    for line in sys.stdin:
        order = json.loads(line)
        try:
            worker = worker or Worker(sys.argv[1])
            answer = getattr(worker, order.pop("do"))(**order)
        except Exception as error:  # a peer that cannot is a result
            text = str(error).replace(f"{os.getcwd()}/", "").strip()[:120]
            answer = {"failed": f"{type(error).__name__}: {text}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
