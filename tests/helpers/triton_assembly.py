"""What a generated kernel becomes on a device: PTX, registers, shared memory; no GPU takes part."""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from jitflow.codegen.triton.compile import Request, load_function
from jitflow.codegen.triton.interface import GeneratedKernel

OBJDUMP = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"


@dataclass
class Assembly:
    """Code for one capability; `spilled`: bytes of registers that went to memory."""

    ptx: str
    shared: int
    registers: int
    spilled: int

    def count(self, pattern: str) -> int:
        """Instructions that match."""
        return len(re.findall(pattern, self.ptx))


def assemble(
    kernel: GeneratedKernel,
    capability: int,
    wide: bool = False,
    aligned: bool = True,
) -> Assembly:
    """Compile one variant."""
    request = Request(kernel, wide, aligned, capability)
    source = ASTSource(
        fn=load_function(kernel.source, kernel.name),
        signature=request.signature(),
        constexprs=kernel.constexprs(wide),
        attrs=request.divisibility(),
    )
    target = GPUTarget("cuda", capability, 32)
    compiled = triton.compile(source, target=target, options=kernel.options.as_dict())
    registers, stack = resources(compiled)
    return Assembly(compiled.asm["ptx"], compiled.metadata.shared, registers, stack)


def resources(compiled: Any) -> tuple[int, int]:
    """Registers and bytes of stack of a thread."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(compiled.asm["cubin"])
        file.flush()
        text = subprocess.run(
            [OBJDUMP, "--dump-resource-usage", file.name],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
    (registers,), (stack,) = (re.findall(rf"{word}:(\d+)", text) for word in ("REG", "STACK"))
    return int(registers), int(stack)
