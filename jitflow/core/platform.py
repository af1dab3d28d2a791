"""Which interpreters and machines jitflow compiles on; elsewhere functions stay eager."""

from __future__ import annotations

import sys

VERSIONS = ((3, 11), (3, 12), (3, 13))

HAS_SIGNALS = sys.platform != "win32"
"""Whether native loops can look for signals: by the clock and the threads of POSIX."""


def is_supported() -> bool:
    """Whether this is 64-bit little-endian CPython of a supported version, with a GIL."""
    return (
        sys.implementation.name == "cpython"
        and sys.version_info[:2] in VERSIONS
        and sys.maxsize == 2**63 - 1
        and sys.byteorder == "little"
        and object.__basicsize__ == 16  # a larger object head: no GIL
    )
