"""Moves trees of arrays between the host and a device."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from jitflow.core import devices
from jitflow.core.errors import JitflowError
from jitflow.runtime.tracebacks import hide_frames, unseen


class DeviceNotUsable(JitflowError):
    """There is no such device here, or what it takes to use it is missing."""


def move(tree: Any, device: str) -> Any:
    """`tree` with its arrays on `device`, ``"cuda"`` or ``"cpu"``; see `jitflow.to_device`."""
    try:
        convert = {"cuda": _to_cuda, "cpu": _to_host}[device]
    except KeyError:
        raise ValueError(f"device must be 'cuda' or 'cpu', not {device!r}") from None
    return mapped(tree, convert)


def mapped(tree: Any, convert: Callable[[Any], Any]) -> Any:
    """`tree` with `convert` called on what is no dict, list, tuple or data class.

    Where nothing below a container changes, the container itself is kept.
    """
    if isinstance(tree, dict):
        items: dict[Any, Any] = {key: mapped(item, convert) for key, item in tree.items()}
        if all(items[key] is tree[key] for key in tree):
            return tree
        return items if type(tree) is dict else type(tree)(items)
    if isinstance(tree, list | tuple):
        found = [mapped(item, convert) for item in tree]
        if all(new is old for new, old in zip(found, tree, strict=True)):
            return tree
        if isinstance(tree, tuple) and hasattr(tree, "_fields"):
            return type(tree)(*found)
        return type(tree)(found)
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        values = {f.name: getattr(tree, f.name) for f in dataclasses.fields(tree) if f.init}
        changed = {name: mapped(value, convert) for name, value in values.items()}
        if all(changed[name] is values[name] for name in values):
            return tree
        return dataclasses.replace(tree, **changed)
    return convert(tree)


def _to_cuda(leaf: Any) -> Any:
    """A CuPy array for a host array or another library's array on a GPU, which is not copied."""
    if not (type(leaf) is np.ndarray or hasattr(leaf, "__cuda_array_interface__") or _on_gpu(leaf)):
        return leaf
    cupy = _cupy()
    if isinstance(leaf, cupy.ndarray):
        return leaf
    try:
        return cupy.from_dlpack(leaf) if _on_gpu(leaf) else cupy.asarray(leaf)
    except BufferError:
        raise  # the other library does not give it away: it has a gradient
    except Exception as error:
        raise DeviceNotUsable(_no_device(error)) from error


def _to_host(leaf: Any) -> Any:
    """A host array for an array of a GPU."""
    if hasattr(leaf, "__cuda_array_interface__") or _on_gpu(leaf):
        return np.asarray(_to_cuda(leaf).get())
    return leaf


_CUDA_KINDS = (2, 13)  # DLDeviceType: CUDA, managed memory


def _on_gpu(leaf: Any) -> bool:
    """Whether an object gives its memory by DLPack, and the memory is a GPU's."""
    describe = getattr(leaf, "__dlpack_device__", None)
    return describe is not None and int(describe()[0]) in _CUDA_KINDS


def _cupy() -> Any:
    try:
        return importlib.import_module("cupy")
    except ImportError as error:
        raise DeviceNotUsable(
            "CuPy is not installed: pip install cupy-cuda13x; python -m jitflow doctor says more"
        ) from error


def _no_device(error: Exception) -> str:
    text = str(error).splitlines()[0] if str(error) else ""
    detail = f"the GPU cannot be used: {type(error).__name__}: {text}"
    return f"{detail}; python -m jitflow doctor says what is missing"


# Arguments

_PLAIN = {np.ndarray, int, float, bool, str, type(None)}


def adopting(call: Callable[..., Any]) -> Callable[..., Any]:
    """`call` for arguments that other libraries have on a GPU: it gets CuPy arrays of them.

    The memory is the same. A list, dict, tuple or data class with such an array in it is a new one
    for the call.
    """

    @unseen
    def adopted(*args: Any, **kwargs: Any) -> Any:
        taken = [mapped(item, _adopt) for item in args]
        named = {name: mapped(item, _adopt) for name, item in kwargs.items()}
        try:
            return call(*taken, **named)
        except BaseException as error:
            hide_frames(error)
            raise

    return adopted


def _adopt(leaf: Any) -> Any:
    """A CuPy array for another library's array on a GPU; anything else as it is."""
    kind = type(leaf)
    gives = hasattr(kind, "__cuda_array_interface__") or hasattr(kind, "__dlpack_device__")
    if kind in _PLAIN or not gives or devices.kind_of(leaf) is not None:
        return leaf
    if not (hasattr(leaf, "__cuda_array_interface__") or _on_gpu(leaf)):
        return leaf
    return _to_cuda(leaf)
