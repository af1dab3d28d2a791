"""LLVM through llvmlite's Python layer: the interface of `llvm`, for versions not known there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


class Binding:
    """`llvmlite.binding`."""

    def __init__(self) -> None:
        import llvmlite.binding as binding

        self._binding = binding

    def initialize(self) -> None:
        """Make the host's target known."""
        self._binding.initialize_native_target()
        self._binding.initialize_native_asmprinter()

    def host(self) -> tuple[str, str, frozenset[str]]:
        """Triple, processor and features of this process's machine, as LLVM names them."""
        features = self._binding.get_host_cpu_features()
        has = frozenset(name for name, is_there in features.items() if is_there)
        return self._binding.get_process_triple(), self._binding.get_host_cpu_name(), has

    def machine(self, triple: str, cpu: str, features: str, level: int) -> Any:
        """A code generator of effort `level` for position-independent code."""
        target = self._binding.Target.from_triple(triple)
        options = {"opt": level, "reloc": "pic", "codemodel": "small"}
        return target.create_target_machine(cpu=cpu, features=features, **options)

    def parse(self, text: str) -> BoundModule:
        """A module from LLVM IR; RuntimeError where the text is wrong."""
        return BoundModule(self._binding, text)

    def jit(self, machine: Any) -> BoundLinker:
        """A linker into this process; it takes `machine` over."""
        return BoundLinker(self._binding, machine)


class BoundModule:
    """LLVM IR in memory."""

    def __init__(self, binding: Any, text: str) -> None:
        self._binding = binding
        self._module = binding.parse_assembly(text, binding.create_context())

    def close(self) -> None:
        """Free it."""
        self._module.close()

    def verify(self) -> None:
        """RuntimeError where the module breaks a rule of LLVM."""
        self._module.verify()

    def optimise(self, machine: Any, speed: int) -> None:
        """Run LLVM's default pipeline of level `speed`."""
        options = self._binding.create_pipeline_tuning_options(speed_level=speed)
        options.loop_vectorization = options.slp_vectorization = speed > 1
        passes = self._binding.create_pass_builder(machine, options)
        passes.getModulePassManager().run(self._module, passes)

    def object_code(self, machine: Any) -> bytes:
        """The object file of this module."""
        return bytes(machine.emit_object(self._module))

    def assembly(self, machine: Any) -> str:
        """The machine code of this module in assembly language."""
        return str(machine.emit_assembly(self._module))


class BoundLinker:
    """Loads object files into this process."""

    def __init__(self, binding: Any, machine: Any) -> None:
        self._binding = binding
        self._jit = binding.create_lljit_compiler(machine)

    def link(
        self, name: str, images: Sequence[bytes], imports: Mapping[str, int], exports: Iterable[str]
    ) -> BoundTracker:
        """Load `images` as the library `name`; each name can be used once."""
        builder = self._binding.JITLibraryBuilder()
        for image in images:
            builder.add_object_img(image)
        for symbol, address in imports.items():
            builder.import_symbol(symbol, address)
        names = sorted(set(exports))
        for symbol in names:
            builder.export_symbol(symbol)
        tracker = builder.link(self._jit, name)
        return BoundTracker(tracker, {symbol: tracker[symbol] for symbol in names})

    def detach(self) -> None:
        """Leave everything in memory for ever."""
        self._jit.detach()


class BoundTracker:
    """A library in memory until it is closed."""

    def __init__(self, tracker: Any, addresses: Mapping[str, int]) -> None:
        self._tracker, self.addresses = tracker, addresses

    def close(self) -> None:
        """Free the library; its code must not run any more."""
        self._tracker.close()

    def detach(self) -> None:
        """Leave the library in memory for ever."""
        self._tracker.detach()
