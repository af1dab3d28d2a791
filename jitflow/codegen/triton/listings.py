"""What the assembly of a kernel says of its parameters and resources: PTX, and AMD's."""

from __future__ import annotations

import re

from jitflow.codegen.triton.cubin import Resources
from jitflow.core.errors import Unsupported

_ARGUMENT = re.compile(r"\.size:\s+(\d+)\s+\.value_kind:\s+(\w+)")


def ptx_sizes(ptx: str) -> list[int]:
    """Bytes of each parameter of the entry function, hidden ones included."""
    entry = re.search(r"\.entry\s+[\w$]+\s*\(([^)]*)\)", ptx)
    if entry is None:
        raise Unsupported("JF-B023", "the PTX has no entry function")
    found = []
    for parameter in filter(None, map(str.strip, entry.group(1).split(","))):
        array = re.search(r"\.b8\s+[\w$]+\[(\d+)\]", parameter)
        number = re.search(r"\.[usfb](\d+)\b", parameter)
        if array:
            found.append(int(array.group(1)))
        elif number:
            found.append(int(number.group(1)) // 8)
        else:
            raise Unsupported("JF-B023", f"unknown parameter {parameter!r}")
    return found


def amd_sizes(assembly: str) -> list[int]:
    """The same of AMD's assembly; what the launch itself passes is left out."""
    found = _ARGUMENT.findall(assembly)
    if not found:
        raise Unsupported("JF-B023", "the assembly says nothing of its arguments")
    return [int(size) for size, kind in found if not kind.startswith("hidden_")]


def amd_resources(assembly: str) -> Resources:
    """Vector registers of a thread, and bytes of its private memory."""
    registers = re.search(r"\.vgpr_count:\s+(\d+)", assembly)
    frame = re.search(r"\.private_segment_fixed_size:\s+(\d+)", assembly)
    return Resources(*(int(found.group(1)) if found else 0 for found in (registers, frame)))
