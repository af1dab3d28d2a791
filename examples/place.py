"""Where an example runs: with NumPy arrays on the host, or with CuPy arrays on a GPU."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import jitflow


@dataclass(frozen=True)
class Place:
    """The device of ``--device``: ``"cpu"`` or ``"cuda"``."""

    device: str = "cpu"

    def put(self, tree: Any) -> Any:
        """Arrays, in dicts, lists and tuples too, as arrays of the device."""
        return tree if self.device == "cpu" else jitflow.to_device(tree, self.device)

    def fetch(self, tree: Any) -> Any:
        """Arrays as NumPy's."""
        return tree if self.device == "cpu" else jitflow.to_device(tree, "cpu")

    def finish(self) -> None:
        """Wait for the work that was issued."""
        if self.device == "cuda":
            importlib.import_module("cupy").cuda.get_current_stream().synchronize()
