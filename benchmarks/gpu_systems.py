"""The systems of `benchmarks/gpu.py`: how each takes arrays, compiles a case, and measures time."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from importlib import metadata
from typing import Any

import numpy as np

from benchmarks.gpu_cases import Case

SYSTEMS = (
    "jitflow", "graphs", "tuned", "cupy", "fuse", "torch", "compile", "compiled-graphs", "flex",
    "jax",
)  # fmt: skip
"""``graphs``, ``tuned``: modes of jitflow; ``flex``: attention as torch generates it in Triton."""
MODES = {"jitflow": None, "graphs": "reduce-overhead", "tuned": "max-autotune"}
_PACKAGES = ("numpy", "triton", "cupy-cuda13x", "cupy-cuda12x", "cupy", "torch", "jax", "ml_dtypes")


class NotMade(Exception):
    """The system has no way to do this case: it is left out."""


def versions() -> dict[str, str]:
    """Of the packages that are installed."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


class System:
    """A library: how it takes arrays, compiles, and measures time."""

    def __init__(self, name: str) -> None:
        self.name = name

    def function(self, case: Case) -> Callable[..., Any]:
        raise NotImplementedError

    def array(self, host: np.ndarray) -> Any:
        raise NotImplementedError

    def put(self, tree: Any) -> Any:
        """Arrays in lists and dicts, put on the device."""
        if isinstance(tree, dict):
            return {key: self.put(item) for key, item in tree.items()}
        if isinstance(tree, list):
            return [self.put(item) for item in tree]
        return self.array(tree)

    def host(self, result: Any) -> np.ndarray:
        raise NotImplementedError

    def finish(self) -> None:
        raise NotImplementedError

    def time(self, run: Callable[[], None]) -> float:
        """Milliseconds of the work that `run` issues."""
        self.finish()
        start = time.perf_counter()
        run()
        self.finish()
        return (time.perf_counter() - start) * 1e3


class CuPy(System):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.cupy = importlib.import_module("cupy")

    def function(self, case: Case) -> Callable[..., Any]:
        if self.name in MODES:
            jitflow = importlib.import_module("jitflow")
            return jitflow.compile(case.make(np), mode=MODES[self.name])
        if self.name == "fuse":
            if not case.is_elementwise:
                raise NotMade("cupy.fuse takes element-wise functions and single sums")
            return self.cupy.fuse()(case.make(self.cupy))
        return case.make(self.cupy)

    def array(self, host: np.ndarray) -> Any:
        return self.cupy.asarray(host)

    def host(self, result: Any) -> np.ndarray:
        return np.asarray(result.get())

    def finish(self) -> None:
        self.cupy.cuda.get_current_stream().synchronize()

    def time(self, run: Callable[[], None]) -> float:
        begin, end = self.cupy.cuda.Event(), self.cupy.cuda.Event()
        begin.record()
        run()
        end.record()
        end.synchronize()
        return float(self.cupy.cuda.get_elapsed_time(begin, end))


class Torch(System):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.torch = importlib.import_module("torch")

    def function(self, case: Case) -> Callable[..., Any]:
        if self.name == "flex":
            if case.flex is None:
                raise NotMade("is no attention")
            return self.torch.compile(case.flex(self.torch))
        function = case.torch(self.torch)
        if self.name == "torch":
            return function
        mode = "reduce-overhead" if self.name == "compiled-graphs" else None
        return self.torch.compile(function, mode=mode)

    def array(self, host: np.ndarray) -> Any:
        if host.dtype.name == "bfloat16":  # which torch does not take from NumPy
            bits = self.torch.from_numpy(host.view(np.int16)).cuda()
            return bits.view(self.torch.bfloat16)
        return self.torch.from_numpy(host).cuda()

    def host(self, result: Any) -> np.ndarray:
        return np.asarray(result.float().cpu().numpy())

    def finish(self) -> None:
        self.torch.cuda.synchronize()

    def time(self, run: Callable[[], None]) -> float:
        begin, end = (self.torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        run()
        end.record()
        end.synchronize()
        return float(begin.elapsed_time(end))


class Jax(System):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.jax = importlib.import_module("jax")
        self.last: Any = None

    def function(self, case: Case) -> Callable[..., Any]:
        compiled = self.jax.jit(case.make(self.jax.numpy))

        def call(*inputs: Any) -> Any:
            self.last = compiled(*inputs)
            return self.last

        return call

    def array(self, host: np.ndarray) -> Any:
        return self.jax.device_put(host, self.jax.devices("gpu")[0])

    def host(self, result: Any) -> np.ndarray:
        return np.asarray(result)

    def finish(self) -> None:
        if self.last is not None:
            self.jax.block_until_ready(self.last)


MAKERS: dict[str, Callable[[str], System]] = {
    **dict.fromkeys(("jitflow", "graphs", "tuned", "cupy", "fuse"), CuPy),
    **dict.fromkeys(("torch", "compile", "compiled-graphs", "flex"), Torch),
    "jax": Jax,
}
