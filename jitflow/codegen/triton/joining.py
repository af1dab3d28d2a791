"""Which commands become one kernel: a product, what makes its operands, and what reads its result.

A temporary that one command writes and one reads is not stored where both are in one kernel. The
kernel runs in the place of the last of its commands: nothing between may touch what the others
read and write.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from jitflow.codegen.arena import pointers_of
from jitflow.codegen.commands import CallKernel, CallProduct, Command, Matrix, Pointer
from jitflow.codegen.loop_ir import Kernel
from jitflow.codegen.renaming import renamed
from jitflow.codegen.streaming import Streamed, stream
from jitflow.codegen.triton import tiles
from jitflow.codegen.triton.frame import frame_of
from jitflow.codegen.triton.tiles import COLUMNS, INNER, ROWS, Part, Source, Tile
from jitflow.core import dims
from jitflow.core.dataclass import dataclass, field
from jitflow.core.dims import Dim, SymbolicDim
from jitflow.core.dtypes import F32

LONGEST_EXACT = 256
"""Inner extent up to which an f32 product is made without the tensor cores."""

WIDEST_STREAM = 256
"""Inner extent of a product, and columns of the next, up to which all of them are in one tile."""

MOST_REPEATED = 8
"""Cost of an element of an operand up to which every tile may make it again."""

MOST_BATCHES = 65535


@dataclass(eq=False, repr=False)
class Joiner:
    """Looks through commands that run one after the other.

    Attributes
    ----------
    kernels : sequence of Kernel
        Those that the commands call.
    private : set of str
        Temporaries that one command writes and one other reads.
    rings : mapping
        Storage to the one whose address it may be.
    most_alone : int
        Multiplications up to which a product is a tile that nothing is joined to.
    """

    commands: Sequence[Command]
    kernels: Sequence[Kernel]
    private: frozenset[str]
    rings: Mapping[str, str]
    fastmath: bool
    most_alone: int = 0
    taken: set[int] = field(default_factory=set)
    made: dict[int, Tile] = field(default_factory=dict)

    def run(self) -> list[Command | Tile]:
        """The commands, those that are one kernel as a `Tile`."""
        for position in reversed(range(len(self.commands))):
            if isinstance(self.commands[position], CallProduct) and position not in self.taken:
                self.join(position)
        out: list[Command | Tile] = []
        for position, command in enumerate(self.commands):
            if position in self.made:
                out.append(self.made[position])
            elif position not in self.taken:
                out.append(command)
        return out

    def join(self, position: int) -> None:
        """Make the product at `position` a tile, if anything can be joined to it."""
        product = self.commands[position]
        assert isinstance(product, CallProduct)
        batches = dims.product(product.batch)
        if isinstance(batches, SymbolicDim) or batches > MOST_BATCHES:
            return
        found = _Search(self, position, product).tile()
        if found is None:
            return
        tile, members = found
        places = (place for place in sorted(members, reverse=True) if self.may_meet(members, place))
        place = next(places, None)
        if place is not None and is_apart(tile, self.rings):
            self.taken |= members
            self.made[place] = tile

    def may_meet(self, members: set[int], place: int) -> bool:
        """Whether all members may run at `place`: none passes a command that it depends on."""
        for position in range(min(members), max(members) + 1):
            if position in members:
                continue
            command = self.commands[position]
            if not isinstance(command, CallKernel | CallProduct):
                return False
            read, written = self.effects(command)
            for member in members:
                if (member < position) == (place < position):
                    continue
                reads, writes = self.effects(self.commands[member])
                if written & (reads | writes) or read & writes:
                    return False
        return True

    def effects(self, command: Command) -> tuple[set[str], set[str]]:
        """Storages that a kernel or a product reads and writes."""
        assert isinstance(command, CallKernel | CallProduct)
        storages = [self.storage(pointer.storage) for pointer in pointers_of(command)]
        if isinstance(command, CallProduct):
            return set(storages[:2]), set(storages[2:])
        kernel = self.kernels[command.kernel]
        stored = {store.buffer for store in tiles.stores_in(kernel)}
        names = [buffer.name for buffer in kernel.buffers]
        written = {s for name, s in zip(names, storages, strict=True) if name in stored}
        return set(storages), written

    def storage(self, name: str) -> str:
        """One name for all that may be the same memory."""
        return self.rings.get(name, name)

    def writer(self, matrix: Matrix, before: int) -> int | None:
        """The command that makes an operand, which nothing else reads."""
        return self.other(matrix, range(before))

    def reader(self, matrix: Matrix, after: int) -> int | None:
        """The command that alone reads a result."""
        return self.other(matrix, range(after + 1, len(self.commands)))

    def other(self, matrix: Matrix, places: Iterable[int]) -> int | None:
        name = matrix.pointer.storage
        if name not in self.private:
            return None
        for position in places:
            command = self.commands[position]
            storages = [pointer.storage for pointer in pointers_of(command)]
            if name in storages:
                alone = storages.count(name) == 1 and position not in self.taken
                return position if alone else None
        return None


def is_apart(tile: Tile, rings: Mapping[str, str]) -> bool:
    """Whether no program of the tile's kernel writes what another one reads."""
    written = {rings.get(name, name) for part in tile.parts() for name in part.written()}
    if tile.after is None:
        written.add(tile.product.result.pointer.storage)
    for source in tile.sources():
        own = set() if source.part is None else set(source.part.written())
        taken = (pointer.storage for _, pointer in source.own_arguments())
        if any(rings.get(name, name) in written for name in taken if name not in own):
            return False
    return True


@dataclass(eq=False, repr=False)
class _Search:
    """What can be joined to one product; `members` are the commands found."""

    joiner: Joiner
    position: int
    product: CallProduct
    members: set[int] = field(default_factory=set)

    def tile(self) -> tuple[Tile, set[int]] | None:
        """The product with what can be joined to it."""
        tile = self.streamed() or self.plain()
        if tile is None:
            return None
        after = self.after(tile.product)
        if after is None and len(self.members) == 1 and not self.may_be_alone(tile.product):
            return None
        tile.after = after
        return tile, self.members

    def may_be_alone(self, product: CallProduct) -> bool:
        """Whether a call of the library costs more than a slower product."""
        extents = (*product.batch, product.rows, product.columns, product.inner)
        work = dims.product(extents)
        return isinstance(work, int) and 0 < work <= self.joiner.most_alone

    def plain(self) -> Tile | None:
        """The product with operands made element by element, where a tile of our own is as fast."""
        self.members = {self.position}
        rows, columns = (_tiles(extent) for extent in (self.product.rows, self.product.columns))
        tile = self.operands(self.product, ("left", columns), ("right", rows))
        is_small = tile.dtype is F32 and self.may_be_alone(self.product)
        return tile if is_small or is_worth_fusing(tile, self.joiner.fastmath) else None

    def operands(self, product: CallProduct, left: tuple[str, int], right: tuple[str, int]) -> Tile:
        """A product with what makes its operands element by element.

        Of each a name, and how many tiles need an element of it.
        """
        return Tile(
            product,
            self.source(product, product.left, (ROWS, INNER), *left),
            self.source(product, product.right, (INNER, COLUMNS), *right),
        )

    # Operands

    def source(
        self, product: CallProduct, matrix: Matrix, axes: tuple[str, str], name: str, repeats: int
    ) -> Source:
        """An operand, with the kernel that makes its elements."""
        source = Source(name, matrix, product.dtype)
        position = self.joiner.writer(matrix, self.position)
        command = None if position is None else self.joiner.commands[position]
        if not isinstance(command, CallKernel):
            return source
        kernel = self.joiner.kernels[command.kernel]
        stores = tiles.stores_in(kernel)
        if len(stores) != 1 or stores[0].condition or not tiles.is_pointwise(kernel):
            return source
        if repeats > 1 and tiles.work_of(kernel) > MOST_REPEATED:
            return source
        part = self.part(product, command, matrix, axes, f"{name}_")
        if part is not None:
            assert position is not None
            part.narrow = _narrow(part)
            source.part = part
            self.members.add(position)
        return source

    def part(
        self, product: CallProduct, command: CallKernel, matrix: Matrix, axes: tuple[str, str],
        prefix: str,
    ) -> Part | None:  # fmt: skip
        """A kernel that goes through a matrix element by element."""
        kernel = renamed(self.joiner.kernels[command.kernel], prefix)
        place = _place(command, matrix)
        if place is None:
            return None
        buffer = kernel.buffers[place].name
        stores = [store for store in tiles.stores_in(kernel) if store.buffer == buffer]
        addresses = [store.address for store in stores]
        addresses += [load.address for load in tiles.loads_from(kernel, buffer)]
        if any(address != addresses[0] for address in addresses):
            return None
        along = tiles.extents(product)
        place_of = tiles.offset(matrix, *axes, along)
        atoms = tiles.bind(addresses[0], tiles.loops_of(kernel), place_of, along)
        return None if atoms is None else Part(kernel, command.pointers, buffer, atoms)

    # Results

    def after(self, product: CallProduct) -> Part | None:
        """The kernel that reads the result element by element."""
        position = self.joiner.reader(product.result, self.position)
        command = None if position is None else self.joiner.commands[position]
        if not isinstance(command, CallKernel):
            return None
        kernel = self.joiner.kernels[command.kernel]
        if not tiles.is_pointwise(kernel):
            return None
        part = self.part(product, command, product.result, (ROWS, COLUMNS), "")
        if part is None or any(s.buffer == part.buffer for s in tiles.stores_in(part.kernel)):
            return None
        assert position is not None
        self.members.add(position)
        return part

    # Streams

    def streamed(self) -> Tile | None:
        """The product with a left operand that comes, block by block, from another product."""
        for product in (self.product, tiles.transposed(self.product)):
            self.members = {self.position}
            source = self.stream(product)
            if source is not None:
                rows = _tiles(product.rows)
                right = self.source(product, product.right, (INNER, COLUMNS), "right", rows)
                return Tile(product, source, right)
        return None

    def stream(self, product: CallProduct) -> Source | None:
        position = self.joiner.writer(product.left, self.position)
        command = None if position is None else self.joiner.commands[position]
        if not isinstance(command, CallKernel) or not _is_short(product.columns):
            return None
        if product.inner == 0:
            return None
        part = self.part(product, command, product.left, (ROWS, INNER), "row_")
        if part is None or not product.dtype.is_float:
            return None
        part.stream = _streamed(part)
        if part.stream is None:
            return None
        part.narrow = _narrow(part)
        assert position is not None
        self.members.add(position)
        return self.product_of(product, part, position)

    def product_of(self, product: CallProduct, part: Part, position: int) -> Source | None:
        """The rows that `part` makes, with the product that it makes them from."""
        for buffer, pointer in part.arguments():
            own = Matrix(pointer, 0, 0)
            place = self.joiner.writer(own, position)
            command = None if place is None else self.joiner.commands[place]
            if not isinstance(command, CallProduct) or not command.dtype.is_float:
                continue
            for inside in (command, tiles.transposed(command)):
                if self.is_read(product, inside, part, buffer.name, pointer):
                    assert place is not None
                    self.members.add(place)
                    tile = self.operands(inside, ("query", 1), ("key", _tiles(inside.rows)))
                    return Source("left", product.left, product.dtype, part, tile, buffer.name)
        return None

    def is_read(
        self, product: CallProduct, inside: CallProduct, part: Part, buffer: str, pointer: Pointer
    ) -> bool:
        """Whether `part` reads each element of a result where it makes the one of the operand."""
        same = (inside.batch, inside.rows, inside.columns)
        if same != (product.batch, product.rows, product.inner) or not _is_short(inside.inner):
            return False
        if inside.result.pointer.offset != pointer.offset:
            return False
        axes = tiles.offset(inside.result, ROWS, INNER, tiles.extents(product))
        loads = tiles.loads_from(part.kernel, buffer)
        found = (load.address.replace(part.atoms) for load in loads)
        return bool(loads) and all(address == axes for address in found)


def _streamed(part: Part) -> Streamed | None:
    """How a part comes block by block along the inner axis."""
    kernel = part.kernel
    if tiles.is_pointwise(kernel):
        return stream(kernel, kernel.body, frozenset(part.atoms), part.buffer)
    frame = frame_of(kernel)
    inner = [name for name, _ in frame.inner]
    if frame.serial or any(part.atoms[name].atoms() != (INNER,) for name in inner):
        return None
    return stream(kernel, frame.statements, frozenset(inner), part.buffer)


def _narrow(part: Part) -> str:
    """The register with the number of 16 bits that a part makes, where it is one."""
    stores = (store for store in tiles.stores_in(part.kernel) if store.buffer == part.buffer)
    return tiles.narrow_of(part.kernel, next(stores))


def _place(command: CallKernel, matrix: Matrix) -> int | None:
    """Which argument of a call is a matrix."""
    for place, pointer in enumerate(command.pointers):
        if pointer.storage == matrix.pointer.storage:
            return place if pointer.offset == matrix.pointer.offset else None
    return None


def _is_short(extent: Dim) -> bool:
    return isinstance(extent, int) and extent <= WIDEST_STREAM


def _tiles(extent: Dim) -> int:
    """How many tiles lie along an axis, roughly."""
    return -(-extent // 64) if isinstance(extent, int) else 64


def is_worth_fusing(tile: Tile, fastmath: bool) -> bool:
    """Whether a tile of our own is about as fast as the library's."""
    dtype, inner = tile.dtype, tile.product.inner
    if dtype.is_half or (dtype is F32 and fastmath):
        return True
    return dtype is F32 and isinstance(inner, int) and inner <= LONGEST_EXACT
