"""LLVM text of matrix products that are made in registers: a square of the result at a time.

A *square* is some rows of the result by some vectors of its columns; it stays in registers while
the inner axis goes by: a row of the right matrix is loaded, elements of the left one are
broadcast, products are accumulated with fused multiply-adds. Nothing is packed: rows of the right
matrix are read where they lie. A *strip* is all rows by the columns of a square: its function is
compiled once for each shape of square, and a *driver* calls it for the strips of any matrix.

Where rows or columns are left over, the last square meets its last row several times, which writes
the same numbers again, and the last vector is masked; its masked lanes hold the first column.
"""

from __future__ import annotations

from jitflow.codegen.cpu.values import scalar_type, shuffle_mask, vector_type
from jitflow.core.dataclass import dataclass
from jitflow.core.dtypes import DType

PARAMETERS = "i64 %rows, i64 %inner, ptr %a, i64 %ar, i64 %ac, ptr %b, i64 %br, ptr %c, i64 %cr"
"""Of a strip: extents; pointers; byte strides of rows and columns (of `b` and `c`: of rows)."""

DRIVER = "jf.product"
"""``void (strip, rest, width, strips, rows, inner, block, a, ar, ac, b, br, c, cr)``.

`strips` calls of `strip`, each `width` bytes further, then one of `rest` where it is not NULL;
`block` rows of the left matrix go together: they stay in the cache.
"""


@dataclass(frozen=True)
class Square:
    """Rows by vectors of `lanes` elements, of which the last vector holds `last`."""

    rows: int
    vectors: int
    lanes: int
    last: int

    @property
    def columns(self) -> int:
        """Columns of the result in a square."""
        return (self.vectors - 1) * self.lanes + self.last


@dataclass(frozen=True)
class ProductCode:
    """A product with a known number of columns: whole strips, and what is left of one."""

    dtype: DType
    square: Square
    strips: int
    rest: Square | None

    @property
    def width(self) -> int:
        """Bytes of a row of the result in a strip."""
        return self.square.columns * self.dtype.itemsize

    @property
    def lanes(self) -> int:
        """Lanes of a vector."""
        return self.square.lanes

    @property
    def padded_columns(self) -> int:
        """Columns of the result, and lanes that are computed for nothing."""
        rest = self.rest.vectors if self.rest else 0
        return (self.strips * self.square.vectors + rest) * self.lanes


def strip_name(dtype: DType, square: Square) -> str:
    """The symbol of the function that makes a strip."""
    sizes = square.rows, square.vectors, square.lanes, square.last
    return f"jf.strip.{dtype}." + "x".join(map(str, sizes))


def strip_text(dtype: DType, square: Square) -> str:
    """A module with the function that makes a strip."""
    vector, masks = vector_type(scalar_type(dtype), square.lanes), vector_type("i1", square.lanes)
    kind = f"v{square.lanes}{dtype}"
    return "\n".join([
        f"declare {vector} @llvm.fma.{kind}({vector}, {vector}, {vector})",
        f"declare {vector} @llvm.masked.load.{kind}.p0(ptr, i32, {masks}, {vector})",
        f"declare void @llvm.masked.store.{kind}.p0({vector}, ptr, i32, {masks})",
        "declare void @llvm.fake.use(...)",
        _Strip(strip_name(dtype, square), dtype, square).text(),
        "",
    ])  # fmt: skip


_SIZES = "i64 %some, i64 %inner, ptr %ai, i64 %ar, i64 %ac"

DRIVER_TEXT = f"""
define void @{DRIVER}(ptr %strip, ptr %rest, i64 %width, i64 %strips, i64 %rows, i64 %inner, \
i64 %block, ptr %a, i64 %ar, i64 %ac, ptr %b, i64 %br, ptr %c, i64 %cr) {{
entry:
  %any = icmp sgt i64 %rows, 0
  %some.strips = icmp sgt i64 %strips, 0
  %some.rest = icmp ne ptr %rest, null
  %whole = mul i64 %strips, %width
  %bl = getelementptr i8, ptr %b, i64 %whole
  br i1 %any, label %next, label %out
next:
  %i = phi i64 [ 0, %entry ], [ %after, %done ]
  %left = sub i64 %rows, %i
  %many = icmp slt i64 %block, %left
  %some = select i1 %many, i64 %block, i64 %left
  %ao = mul i64 %i, %ar
  %ai = getelementptr i8, ptr %a, i64 %ao
  %co = mul i64 %i, %cr
  %ci = getelementptr i8, ptr %c, i64 %co
  br i1 %some.strips, label %each, label %last
each:
  %j = phi i64 [ 0, %next ], [ %j.next, %each ]
  %jo = mul i64 %j, %width
  %bj = getelementptr i8, ptr %b, i64 %jo
  %cj = getelementptr i8, ptr %ci, i64 %jo
  call void %strip({_SIZES}, ptr %bj, i64 %br, ptr %cj, i64 %cr)
  %j.next = add i64 %j, 1
  %j.more = icmp slt i64 %j.next, %strips
  br i1 %j.more, label %each, label %last
last:
  br i1 %some.rest, label %remain, label %done
remain:
  %cl = getelementptr i8, ptr %ci, i64 %whole
  call void %rest({_SIZES}, ptr %bl, i64 %br, ptr %cl, i64 %cr)
  br label %done
done:
  %after = add i64 %i, %some
  %more = icmp slt i64 %after, %rows
  br i1 %more, label %next, label %out
out:
  ret void
}}
"""


class _Strip:
    """Writes the function of one strip: a loop over squares, in it one over the inner axis."""

    def __init__(self, name: str, dtype: DType, square: Square) -> None:
        self.name, self.dtype, self.square = name, dtype, square
        self.element = scalar_type(dtype)
        self.vector = vector_type(self.element, square.lanes)
        self.masks = vector_type("i1", square.lanes)
        self.kind = f"v{square.lanes}{dtype}"
        self.lines: list[str] = []

    @property
    def squares(self) -> list[tuple[int, int]]:
        """Row and vector of each accumulator."""
        return [(i, j) for i in range(self.square.rows) for j in range(self.square.vectors)]

    def write(self, *lines: str) -> None:
        self.lines += [f"  {line}" for line in lines]

    def text(self) -> str:
        """The function."""
        self.lines = [f"define void @{self.name}({PARAMETERS}) {{", "entry:"]
        self.write(
            "%last = sub i64 %rows, 1",
            "%some = icmp sgt i64 %inner, 0",
            "br label %square",
        )
        self.lines.append("square:")
        self.write("%i = phi i64 [ 0, %entry ], [ %i.next, %stored ]")
        self.row_pointers()
        self.write("br i1 %some, label %loop, label %stored")
        self.inner_loop()
        self.store()
        self.write(
            f"%i.next = add i64 %i, {self.square.rows}",
            "%i.more = icmp slt i64 %i.next, %rows",
            "br i1 %i.more, label %square, label %out",
        )
        return "\n".join([*self.lines, "out:", "  ret void", "}"])

    def row_pointers(self) -> None:
        """Where the rows of the left matrix and of the result begin; the last one again."""
        for i in range(self.square.rows):
            self.write(
                f"%at{i} = add i64 %i, {i}",
                f"%in{i} = icmp slt i64 %at{i}, %last",
                f"%row{i} = select i1 %in{i}, i64 %at{i}, i64 %last",
                f"%ao{i} = mul i64 %row{i}, %ar",
                f"%a{i} = getelementptr i8, ptr %a, i64 %ao{i}",
                f"%co{i} = mul i64 %row{i}, %cr",
                f"%c{i} = getelementptr i8, ptr %c, i64 %co{i}",
            )

    def inner_loop(self) -> None:
        """Load a row of the right matrix, broadcast a column of the left one, accumulate."""
        self.lines.append("loop:")
        self.write(
            "%k = phi i64 [ 0, %square ], [ %k.next, %loop ]",
            "%ak = phi i64 [ 0, %square ], [ %ak.next, %loop ]",
            "%bk = phi ptr [ %b, %square ], [ %bk.next, %loop ]",
            *(
                f"%sum{i}.{j} = phi {self.vector} [ zeroinitializer, %square ], "
                f"[ %n{i}.{j}, %loop ]"
                for i, j in self.squares
            ),
        )
        for j in range(self.square.vectors):
            self.load_vector(j)
        lanes, align = self.square.lanes, self.dtype.itemsize
        for i in range(self.square.rows):
            self.write(
                f"%x{i} = getelementptr i8, ptr %a{i}, i64 %ak",
                f"%y{i} = load {self.element}, ptr %x{i}, align {align}",
                f"%z{i} = insertelement {self.vector} poison, {self.element} %y{i}, i32 0",
                f"%s{i} = shufflevector {self.vector} %z{i}, {self.vector} poison, "
                f"{shuffle_mask([0] * lanes)}",
                *(
                    f"%n{i}.{j} = call {self.vector} @llvm.fma.{self.kind}({self.vector} %s{i}, "
                    f"{self.vector} %b{j}, {self.vector} %sum{i}.{j})"
                    for j in range(self.square.vectors)
                ),
            )
        self.write(
            "%k.next = add i64 %k, 1",
            "%ak.next = add i64 %ak, %ac",
            "%bk.next = getelementptr i8, ptr %bk, i64 %br",
            "%k.more = icmp slt i64 %k.next, %inner",
            "br i1 %k.more, label %loop, label %stored",
        )

    def load_vector(self, j: int) -> None:
        """A vector of a row of the right matrix."""
        size = self.dtype.itemsize
        self.write(f"%p{j} = getelementptr i8, ptr %bk, i64 {j * self.square.lanes * size}")
        if not self.is_masked(j):
            self.write(f"%b{j} = load {self.vector}, ptr %p{j}, align {size}")
            return
        self.write(
            f"%first = load {self.element}, ptr %p{j}, align {size}",
            f"%fill = insertelement {self.vector} poison, {self.element} %first, i32 0",
            f"%filled = shufflevector {self.vector} %fill, {self.vector} poison, "
            f"{shuffle_mask([0] * self.square.lanes)}",
            f"%b{j} = call {self.vector} @llvm.masked.load.{self.kind}.p0(ptr %p{j}, i32 {size}, "
            f"{self.masks} {self.mask()}, {self.vector} %filled)",
        )

    def is_masked(self, j: int) -> bool:
        return j == self.square.vectors - 1 and self.square.last < self.square.lanes

    def mask(self) -> str:
        chosen = (f"i1 {lane < self.square.last}".lower() for lane in range(self.square.lanes))
        return f"<{', '.join(chosen)}>"

    def store(self) -> None:
        """Write the square; of an empty inner axis, zeros.

        What an infinity says is NumPy's to decide, so it sets the flag of invalid operations: BLAS
        computes on lanes that no element belongs to, and an infinity may meet a zero there.
        """
        size = self.dtype.itemsize
        self.lines.append("stored:")
        self.write(*(
            f"%r{i}.{j} = phi {self.vector} [ zeroinitializer, %square ], [ %n{i}.{j}, %loop ]"
            for i, j in self.squares
        ))  # fmt: skip
        for i, j in self.squares:
            difference, at = f"%d{i}.{j}", f"%q{i}.{j}"
            self.write(
                f"{difference} = fsub {self.vector} %r{i}.{j}, %r{i}.{j}",
                f"call void (...) @llvm.fake.use({self.vector} {difference})",
            )
            self.write(f"{at} = getelementptr i8, ptr %c{i}, i64 {j * self.square.lanes * size}")
            if self.is_masked(j):
                self.write(
                    f"call void @llvm.masked.store.{self.kind}.p0({self.vector} %r{i}.{j}, "
                    f"ptr {at}, i32 {size}, {self.masks} {self.mask()})"
                )
            else:
                self.write(f"store {self.vector} %r{i}.{j}, ptr {at}, align {size}")
