"""CUDA graphs: launches that always follow each other, replayed by one call of the driver.

Graphs are made node by node, not by capturing a stream: so any stream will do, the legacy one too,
and every parameter is known. Where addresses or numbers change, the parameters of the nodes that
they concern are replaced: no buffer has to stay in its place, nothing is copied.
"""

from __future__ import annotations

import ctypes
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from threading import Lock
from typing import Any, TypeAlias

from jitflow.core.weak import Living
from jitflow.runtime.device.driver import Driver, DriverError
from jitflow.runtime.device.interface import Device, Launch, LaunchGraph
from jitflow.runtime.device.launch import Launcher, PackedParameters

_NODE = "<Q7I4xQQQQ"
"""`CUDA_KERNEL_NODE_PARAMS`: function, grid, block, shared memory, parameters, three not used."""
_MOST_GRAPHS = 4
"""Sets of addresses and numbers that have a graph of their own; a loop of calls meets few."""
_MOST_MISSES = 8
"""Calls in a row for which no graph was ready, from which on most of a graph is not replaced."""
MOST_NODES = 2000


class TooManyLaunches(Exception):
    """More launches than a graph is made of."""


class CudaGraph:
    """Launches as one executable graph, each after the one before.

    Raises
    ------
    DriverError
        The driver makes no such graph.
    """

    def __init__(self, driver: Driver, device: int, launches: list[Launch]) -> None:
        self._driver, self._device = driver, device
        self._launches = launches
        driver.enter(device)
        _destroy_unused()
        handles: list[tuple[Driver, str, int]] = []
        _living.add(self, handles)
        graph = driver.make("cuGraphCreate", 0)
        handles.append((driver, "cuGraphDestroy", graph))
        self._nodes: list[tuple[int, _Node]] = []
        for launch in launches:
            before = (ctypes.c_void_p * 1)(self._nodes[-1][0]) if self._nodes else None
            node = _Node(launch[0])
            packed = node.pack(launch)
            count = len(before or ())
            handle = driver.make("cuGraphAddKernelNode_v2", graph, before, count, packed)
            self._nodes.append((handle, node))
        self._executable = driver.make("cuGraphInstantiateWithFlags", graph, 0)
        handles.append((driver, "cuGraphExecDestroy", self._executable))
        self._launch = driver.entry("cuGraphLaunch")

    def changes(self, launches: list[Launch]) -> int | None:
        """How many nodes would have to be replaced; None where other kernels are to run."""
        if len(launches) != len(self._launches):
            return None
        found = 0
        for old, new in zip(self._launches, launches, strict=True):
            if old[0] is not new[0]:
                return None
            found += old[1:] != new[1:]
        return found

    def update(self, launches: list[Launch]) -> None:
        """Let it be these launches, of the same kernels.

        What is under way is not changed. A driver that refuses leaves the graph unusable.
        """
        self._driver.enter(self._device)
        executable, name = self._executable, "cuGraphExecKernelNodeSetParams_v2"
        replace = self._driver.entry(name)
        for (handle, node), old, new in zip(self._nodes, self._launches, launches, strict=True):
            if old[1:] != new[1:]:
                code = replace(executable, handle, node.pack(new))
                if code:
                    raise self._driver.error(name, code)
        self._launches = launches

    def launch(self, stream: int) -> None:
        """Run it."""
        code = self._launch(self._executable, stream)
        if code and self._driver.lacks_context(code):
            self._driver.enter(self._device)
            code = self._launch(self._executable, stream)
        if code:
            raise self._driver.error("launch of a graph", code)


class _Node:
    """The memory in which the parameters of a node are packed."""

    def __init__(self, launcher: Any) -> None:
        assert isinstance(launcher, Launcher)
        self._binary, self._function = launcher.binary, launcher.function
        self._packed = PackedParameters(launcher.binary, _NODE)

    def pack(self, launch: Launch) -> int:
        """Put a launch there; the address."""
        _, grid, arguments = launch
        block = (self._binary.threads, 1, 1, self._binary.shared)
        head = (self._function, *grid, *block, self._packed.addresses, 0, 0, 0)
        self._packed.pack(*head, *arguments)
        return self._packed.start


def _run_each(launches: list[Launch], stream: int) -> None:
    for launcher, grid, arguments in launches:
        launcher(grid, stream, arguments)


_living: Living[CudaGraph, list[tuple[Driver, str, int]]] = Living()


def _destroy_unused() -> None:
    """Destroy what belonged to graphs that nobody has any more."""
    for handles in _living.gone():
        for driver, name, handle in handles:
            with suppress(DriverError):  # the context is gone, and the handle with it
                driver.call(name, handle)


Recorder: TypeAlias = Callable[..., tuple[list[Launch], Any]]


class Stretch:
    """Launches of a program between two things that the host does.

    The first call launches them one by one: a piece that runs once needs no graph.

    Attributes
    ----------
    reason : str
        Why there are no graphs; empty where there are, or will be.
    """

    def __init__(self, device: Device) -> None:
        self._device = device
        self._graphs: OrderedDict[Hashable, tuple[LaunchGraph, Any]] = OrderedDict()
        self._lock = Lock()
        self._is_warm, self._misses = False, 0
        self.reason = ""

    def __call__(self, stream: int, key: Hashable, record: Recorder, *values: Any) -> Any:
        """Run what ``record(*values)`` says, which depends on `key` alone.

        `record` gives the launches, and what is returned.
        """
        with self._lock:
            found = self._graphs.get(key)
            if found is None:
                launches, result = record(*values)
                graph = self._graph_for(launches)
                if graph is None or not self._has_run(graph, stream):
                    _run_each(launches, stream)
                else:
                    self._graphs[key] = graph, result
            else:
                self._misses = 0
                graph, result = found
                if not self._has_run(graph, stream):
                    _run_each(record(*values)[0], stream)
            return result

    def _has_run(self, graph: LaunchGraph, stream: int) -> bool:
        """Launch a graph; False where there was no room, and nothing has been launched."""
        try:
            graph.launch(stream)
        except DriverError as error:
            if not error.is_out_of_memory:
                raise
            self._refuse(error)
            return False
        return True

    def _refuse(self, error: DriverError) -> None:
        self.reason = str(error)
        self._graphs.clear()

    def _graph_for(self, launches: list[Launch]) -> LaunchGraph | None:
        is_first, self._is_warm = not self._is_warm, True
        if is_first or self.reason or len(launches) < 2:
            return None
        self._misses += 1
        try:
            if len(self._graphs) < _MOST_GRAPHS:
                return self._device.make_graph(launches)
            graph, _ = next(iter(self._graphs.values()))
            changes = graph.changes(launches)
            if self._misses > _MOST_MISSES and (changes is None or 2 * changes > len(launches)):
                return None  # nothing comes again: launching costs less than replacing
            self._graphs.popitem(last=False)
            if changes is None:
                return self._device.make_graph(launches)
            graph.update(launches)
            return graph
        except DriverError as error:
            self._refuse(error)
            return None

    def describe(self) -> str:
        """For the report: what became of it."""
        if self.reason:
            return f"no graph: {self.reason}"
        return f"{len(self._graphs)} graphs" if self._graphs else "no graph yet"
