"""What the user asked of `jitflow.compile`."""

from __future__ import annotations

from typing import NamedTuple


class Options(NamedTuple):
    """Options of one compiled function; see `jitflow.compile`."""

    fullgraph: bool = False
    dynamic: bool | None = None
    backend: str = "auto"
    mode: str | None = None
    fastmath: bool = False
    verify: bool = False

    @property
    def takes_devices(self) -> bool:
        """Whether functions of arrays on a device are compiled for it."""
        return self.backend in ("auto", "triton")
