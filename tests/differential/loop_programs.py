"""Random functions whose work is loops and branches over arrays, numbers, attributes and lists.

A seed gives one source text, ``program(a, b, c, m, n, p, box, items)``. Every program ends: a loop
counts, and what it multiplies stays small unless the text is about large numbers. Many programs
raise in the middle; what they did before is part of their meaning.
"""

from __future__ import annotations

import random

FLOAT_ARRAYS = ("a", "b", "v")
NUMBERS = ("s", "t", "p")
INTEGERS = ("j", "k", "n")
MAX_DEPTH = 3


class LoopProgram:
    """Writes one program; variables are bound at the top, so that most names can be read anywhere.

    In a *typed* program numbers stay NumPy's float64, in a *careful* one few things raise.

    `a`, `b`, `v` are 1-D float arrays (`a` and `b` may overlap), `c` is a 1-D int array, `m` a
    2-D float array, `n` an int, `p` a float; `box` has `value`, `count` and `array`.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.lines = ["def program(a, b, c, m, n, p, box, items):"]
        self.indices: list[str] = []
        self.loops = 0
        self.names = 0
        self.trips = 1
        self.has_log = False
        self.log_kind = "any"
        self.has_transcendental = self.random.random() < 0.2
        self.is_typed = self.random.random() < 0.6
        self.is_careful = self.random.random() < 0.7

    def source(self) -> str:
        """The text of the program."""
        zero, other = ("np.float64(0.0)", "np.float64(1.5)") if self.is_typed else ("0.0", "1.5")
        self.emit(1, f"s, t, j, k = {zero}, {other}, 0, 2")
        self.emit(1, self.pick("v = a.copy()", "v = np.zeros(len(a))", "v = b * 2", "v = a[1:]"))
        if self.random.random() < 0.3 and not self.is_typed:
            self.emit(1, self.pick("s = 0", "s = np.float64(0.5)", "t = 2", "k = c[0]", "s = a[0]"))
        if self.random.random() < 0.35:
            self.has_log = True
            self.emit(1, self.pick("log = []", "log = []", "log = [0.0]", "log = [s]", "log = [v]"))
            self.log_kind = self.pick("number", "integer", "vector", "pair", "any")
        for _ in range(self.random.randint(0, 1)):
            self.simple(1)
        for _ in range(self.random.randint(1, 2)):
            self.loop(1, 1)
        if self.random.random() < 0.4:
            self.statement(1, 1)
        ends = ["s, t, j, k, v", "v, s", "s + t", "v", "s, k", "None"]
        if self.has_log:
            ends = ["log, v", "log, s", "np.array(log)", "log, len(log)", "log[-1], log", "log[:3]"]
        self.emit(1, "return " + self.pick(*ends))
        return "\n".join(self.lines) + "\n"

    # Text

    def emit(self, indent: int, text: str) -> None:
        self.lines.append("    " * indent + text)

    def pick(self, *choices: str) -> str:
        return self.random.choice(choices)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def fresh(self, prefix: str) -> str:
        self.names += 1
        return f"{prefix}{self.names}"

    # Expressions

    def integer(self, depth: int = 1) -> str:
        """An int expression; often a loop variable."""
        if self.indices and self.chance(0.55):
            index = self.random.choice(self.indices[-3:])
            return self.pick(
                index, index, f"{index} + 1", f"{index} - 1", f"2 * {index}", f"-{index}"
            )
        if depth == 0 or self.chance(0.5):
            return self.pick(*INTEGERS, "0", "1", "2", "3", "-1", "-2", "len(a)", "len(items)")
        left, right = self.integer(0), self.integer(0)
        return self.pick(
            f"{left} + {right}", f"{left} - {right}", f"({left}) * 2", f"({left}) % 3", f"({left}) // 2",
            f"({left}) % ({right})", f"({left}) // ({right})", f"abs({left})", f"min({left}, {right})",
            f"max({left}, {right}, 1)", f"({left}) & 3", f"({left}) ^ ({right})", f"({left}) >> 1",
            f"int(c[{self.index()}])", f"int({self.pick(*NUMBERS)})", f"divmod({left}, 3)[0]",
            f"({left}) ** 2 % 7", f"1 << (({left}) & 7)", "box.count", f"({left} if {self.condition(0)} else {right})",
        )  # fmt: skip

    def index(self) -> str:
        """An index, usually in range."""
        if self.chance(0.6) or self.is_careful:
            text = self.integer(0)
            is_plain = self.chance(0.03 if self.is_careful else 0.5)
            return text if is_plain else f"({text}) % {self.pick('len(a)', '4', '5')}"
        return self.pick(
            "0", "1", "-1", "2", "j % 4", "k % 3", "c[0]", "c[k % 3]", f"c[{self.integer(0)}]"
        )

    def element(self) -> str:
        """One element of an array."""
        array = self.pick(*FLOAT_ARRAYS)
        row, column = self.index(), self.index()
        return self.pick(
            f"{array}[{row}]", f"{array}[{row}]", f"{array}[{row}]", f"m[{row}, {column}]", f"c[{row}]",
            f"m[{row}][{column}]", f"box.array[{row}]", f"items[2][{row}]",
        )  # fmt: skip

    def number(self, depth: int = 2) -> str:
        """A numeric expression: Python numbers and NumPy scalars of several types."""
        if self.is_typed and not self.chance(0.03):
            return self.typed_number(depth)
        if depth == 0 or self.chance(0.25):
            return self.pick(
                *NUMBERS, *NUMBERS, "0.5", "2", "-1.25", self.integer(0), self.element(), "box.value", "items[0]",
                "np.float64(0.25)", "np.float32(1.5)", "1e-3", "True",
            )  # fmt: skip
        left, right = self.number(depth - 1), self.number(depth - 1)
        op = self.pick("+", "-", "*", "+", "-", "*", "/", "//", "%")
        half = f"({left}) * 0.5"
        choices = [
            f"({left}) {op} ({right})", f"({left}) {op} ({right})", f"({left}) {op} ({right})", half,
            f"-({left})", f"abs({left})", f"min({left}, {right})", f"max({left}, {right})",
            f"({left} if {self.condition(0)} else {right})", f"float({left})", f"({left}) ** 2",
            f"{self.pick(*FLOAT_ARRAYS)}.max()", f"np.maximum({left}, {right})", f"round({left}, 2)",
            f"math.floor({half})", f"math.fabs({left})", f"np.sum({self.vector(0)})", f"np.abs({left})",
            f"math.copysign({left}, {right})", f"np.sqrt({left})", f"math.sqrt(abs({left}))", f"round({left})",
            f"({left} and {right})", f"({left} or {right})", f"np.where({self.condition(0)}, {left}, {right})",
        ]  # fmt: skip
        if self.has_transcendental:
            choices += [f"math.sin({left})", f"np.exp(-abs({left}))", f"math.log1p(abs({left}))"]
        return self.random.choice(choices)

    def typed_number(self, depth: int) -> str:
        """An expression that is a NumPy float64 whatever branch is taken."""
        if depth == 0 or self.chance(0.25):
            array, row = self.pick(*FLOAT_ARRAYS), self.index()
            return self.pick(
                "s",
                "t",
                "s",
                "t",
                f"{array}[{row}]",
                f"{array}[{row}]",
                f"m[{row}, {self.index()}]",
            )
        left, right = self.typed_number(depth - 1), self.typed_number(depth - 1)
        return self.pick(
            f"({left}) {self.pick('+', '-', '*')} ({right})", f"({left}) {self.pick('+', '-', '*')} ({right})",
            f"({left}) * 0.5", f"({left}) + {self.integer(0)}", f"-({left})", f"abs({left})", f"max({left}, {right})",
            f"min({left}, {right})", f"np.maximum({left}, {right})", f"np.sum({self.vector(0)})", f"np.sqrt(abs({left}))",
            f"({left} if {self.condition(0)} else {right})", f"({left}) / ({right})", f"({left}) % ({right})",
        )  # fmt: skip

    def slice(self) -> str:
        """A slice that often depends on loop variables, sometimes empty or stepped."""
        if self.indices and self.chance(0.6):
            i = self.random.choice(self.indices[-2:])
            return self.pick(
                f":{i}",
                f"{i}:",
                f"{i} + 1:",
                f"{i}:{i} + 2",
                f"{i}::2",
                f"-{i}:",
                f":{i}:2",
                f"{i}::-1",
                f"::{i} + 1",
                f"{i}::{self.pick(i, 'k', f'-{i}', f'{i} + 2')}",
            )
        return self.pick(
            ":",
            "1:",
            ":-1",
            "::2",
            "::-1",
            "1:-1",
            "2:",
            ":k",
            "j:",
            "::k",
            "::-k",
            f":{self.integer(0)}",
            f"::{self.integer(0)}",
        )

    def vector(self, depth: int = 1) -> str:
        """A 1-D float expression."""
        if depth == 0 or self.chance(0.35):
            array = self.pick(*FLOAT_ARRAYS)
            row = self.index()
            return self.pick(
                array, array, f"{array}[{self.slice()}]", f"m[{row}]", f"m[:, {row}]", f"m[{row}, {self.slice()}]",
                "box.array", "items[2]", f"{array}[c % 3]", f"{array}[[0, -1, 1]]",
            )  # fmt: skip
        left = self.vector(depth - 1)
        right = self.vector(depth - 1) if self.chance(0.5) else self.number(1)
        if self.is_careful:  # arrays of one length, mostly
            left, right = self.pick("a", "v", f"{left}"), self.pick("a", "v", self.number(1))
        op = self.pick("+", "-", "*", "+", "-")
        return self.pick(
            f"{left} {op} ({right})", f"{left} {op} ({right})", f"({left}) * 0.5", f"np.maximum({left}, {right})",
            f"np.where({left} > 0, {left}, {right})", f"-({left})", f"np.cumsum({left}) * 0.25", f"({left})[::-1]",
            f"np.abs({left})",
        )  # fmt: skip

    def condition(self, depth: int = 1) -> str:
        """A truth that data, counters or types decide."""
        op = self.pick("<", "<=", ">", ">=", "==", "!=")
        simple = self.pick(
            f"{self.integer(0)} {op} {self.integer(0)}", f"{self.number(0)} {op} {self.number(0)}",
            f"{self.element()} {op} {self.number(0)}", f"{self.integer(0)} % 2", f"{self.integer(0)} % 2 == 0",
            f"{self.pick(*FLOAT_ARRAYS)}.sum() > {self.number(0)}", f"({self.vector(0)} > 0).any()", f"not {self.number(0)}",
            f"0 <= {self.integer(0)} < {self.integer(0)}",
        )  # fmt: skip
        if depth and self.chance(0.25):
            return f"{simple} {self.pick('and', 'or')} {self.condition(0)}"
        return simple

    # Statements

    def block(self, indent: int, depth: int, most: int = 3) -> None:
        for _ in range(self.random.randint(1, most)):
            self.statement(indent, depth)

    def statement(self, indent: int, depth: int) -> None:
        if depth < MAX_DEPTH and self.chance(0.22) and self.trips < 200:
            self.loop(indent, depth + 1)
        elif depth < MAX_DEPTH + 1 and self.chance(0.25):
            self.branch(indent, depth + 1)
        elif self.loops and self.chance(0.1):
            self.leave(indent)
        elif self.chance(0.03):
            self.guarded(indent, depth)
        else:
            self.simple(indent)

    def simple(self, indent: int) -> None:
        kinds = (
            self.set_number, self.set_number, self.set_integer, self.set_element, self.set_element, self.set_slice,
            self.set_matrix, self.set_array, self.set_object, self.set_selected, self.set_fresh,
        )  # fmt: skip
        if self.has_log and self.chance(0.15):
            self.grow(indent)
            return
        self.random.choice(kinds)(indent)

    def set_fresh(self, indent: int) -> None:
        """A variable that is bound here alone, and read where it may be unbound."""
        name = self.pick("q", "q", "r")
        if self.chance(0.6):
            value = self.integer(0) if name == "r" else self.number(0)
            self.emit(indent, f"{name} = {value}")
        else:
            self.emit(indent, f"if {self.condition(0)}:")
            self.emit(indent + 1, f"{self.pick('s', 't') if name == 'q' else 'j'} += {name}")

    def grow(self, indent: int) -> None:
        """An item is appended to a list."""
        kind = self.log_kind if not self.chance(0.05) else "any"
        if kind == "any":
            kind = self.pick("number", "integer", "vector", "pair")
        item = {
            "number": lambda: self.number(1),
            "integer": lambda: self.integer(),
            "vector": lambda: self.pick("v * 0.5", "v.copy()", "v", "a + v", "a[:2] + s"),
            "pair": lambda: f"({self.integer(0)}, {self.number(0)})",
        }[kind]()
        self.emit(indent, f"{self.pick('log', 'log', 'log', 'items')}.append({item})")

    def set_number(self, indent: int) -> None:
        target = self.pick("s", "t") if self.is_typed else self.pick("s", "t", "s", "t", "p")
        if self.chance(0.5):
            self.emit(
                indent, f"{target} {self.pick('+=', '-=', '+=', '*=', '/=')} {self.number(1)}"
            )
        else:
            self.emit(indent, f"{target} = {self.number()}")

    def set_integer(self, indent: int) -> None:
        target = self.pick("j", "k")
        growth = [
            f"{target} = {target} * 1000003 + {self.integer(0)}",
            f"{target} = ({target} * 31 + 7) & 0xFFFF",
        ]
        choices = [
            f"{target} += 1",
            f"{target} -= 1",
            f"{target} += {self.integer()}",
            f"{target} = {self.integer()}",
        ]
        choices += [self.random.choice(growth)] if self.chance(0.4) else []
        self.emit(indent, self.random.choice(choices))

    def set_element(self, indent: int) -> None:
        op = self.pick("=", "=", "+=", "-=", "*=", "/=")
        self.emit(indent, f"{self.element()} {op} {self.number(1)}")

    def set_slice(self, indent: int) -> None:
        target, where = self.pick(*FLOAT_ARRAYS), self.slice()
        if self.is_careful and self.chance(0.9):
            value = self.pick(
                self.number(1), f"{target}[{where}] * 0.5", f"{target}[{where}] + s", f"a[{where}]"
            )
            self.emit(indent, f"{target}[{where}] {self.pick('=', '=', '+=', '-=', '*=')} {value}")
            return
        value = self.pick(
            self.number(1), f"{target}[{self.slice()}]", self.vector(), f"{target}[{where}] * 0.5"
        )
        self.emit(indent, f"{target}[{where}] {self.pick('=', '=', '+=', '-=', '*=')} {value}")

    def set_matrix(self, indent: int) -> None:
        row, where = self.index(), self.slice()
        target = self.pick(
            f"m[{row}, {where}]",
            f"m[{where}, {row}]",
            f"m[{row}]",
            "m[1:-1, 1:-1]",
            f"m[{where}]",
            "m.T",
        )
        value = self.pick(
            self.number(1),
            self.vector(),
            target,
            f"{target} * 0.5 + s",
            "m[:-2, 1:-1]",
            "m[::-1, ::-1]",
        )
        if self.is_careful and self.chance(0.9):
            value = self.pick(self.number(1), target, f"{target} * 0.5 + s", f"{target} + t")
        if target == "m.T":
            target = "m.T[:]"
        self.emit(indent, f"{target} {self.pick('=', '+=', '-=')} {value}")

    def set_array(self, indent: int) -> None:
        first, second = self.random.sample(("a", "b", "v"), 2)
        self.emit(
            indent,
            self.pick(
                f"v = {self.vector()}", f"v = {self.vector()}", f"{first}, {second} = {second}, {first}", f"v = {first}",
                f"v += {self.number(1)}", f"v = v + {self.number(0)}", f"{first} += {second}", f"v = v[{self.slice()}]",
                "v = a.copy()", f"np.copyto({first}, {second})", f"{first}.fill({self.number(0)})",
                f"np.add({first}, {second}, out={first})", f"np.multiply(a, {self.number(0)}, out=v)", "v.sort()",
            ),
        )  # fmt: skip

    def set_object(self, indent: int) -> None:
        self.emit(
            indent,
            self.pick(
                f"box.value += {self.number(1)}", f"box.value = {self.number(1)}", "box.count += 1", f"items[0] = {self.number(1)}",
                f"items[1] += {self.integer(0)}", f"box.array[{self.index()}] = {self.number(0)}", f"items[2] = {self.vector()}",
                f"items[2][{self.index()}] += 1", "s, t = t, s", f"box.array = {self.vector()}", "items[0], items[1] = items[1], items[0]",
            ),
        )  # fmt: skip

    def set_selected(self, indent: int) -> None:
        target, value = self.pick(*FLOAT_ARRAYS), self.number(1)
        self.emit(
            indent,
            self.pick(
                f"{target}[c % 3] += {value}", f"{target}[c % 3] = {value}", f"np.add.at({target}, c % 4, {value})",
                f"{target}[{target} > {self.number(0)}] = {value}", f"c[{self.index()}] {self.pick('=', '+=')} {self.integer()}",
                f"{target}[[0, 1]] = {target}[[1, 0]]", f"m[m > {self.number(0)}] *= 0.5", f"print({self.pick('s', 'j', 'n')})",
                f"np.maximum.at({target}, c % 4, {value})",
            ),
        )  # fmt: skip

    def leave(self, indent: int) -> None:
        self.emit(indent, f"if {self.condition()}:")
        words = [
            "break",
            "break",
            "continue",
            "continue",
            f"return {self.number(0)}",
            "raise ValueError(j)",
        ]
        self.emit(indent + 1, self.random.choice(words))

    def guarded(self, indent: int, depth: int) -> None:
        self.emit(indent, "try:")
        self.simple(indent + 1)
        self.emit(
            indent,
            f"except ({self.pick('IndexError', 'ZeroDivisionError', 'ValueError')}, TypeError):",
        )
        self.simple(indent + 1)

    # Branches and loops

    def branch(self, indent: int, depth: int) -> None:
        self.emit(indent, f"if {self.condition()}:")
        self.block(indent + 1, depth, 2)
        if self.chance(0.25):
            self.emit(indent, f"elif {self.condition()}:")
            self.block(indent + 1, depth, 2)
        if self.chance(0.5):
            self.emit(indent, "else:")
            self.block(indent + 1, depth, 2)

    def loop(self, indent: int, depth: int) -> None:
        kinds = (
            [self.over_range] * 5
            + [self.over_items] * 2
            + [self.while_counting, self.while_condition]
        )
        indices, trips = self.indices[:], self.trips
        self.trips *= 6
        self.random.choice(kinds)(indent, depth)
        self.indices, self.trips = indices, trips
        if self.chance(0.15):
            self.emit(indent, "else:")
            self.block(indent + 1, depth, 1)

    def body(self, indent: int, depth: int, *indices: str) -> None:
        self.indices += indices
        self.loops += 1
        self.block(indent + 1, depth, 4)
        self.loops -= 1

    def bound(self) -> str:
        if self.indices and self.chance(0.4):
            i = self.random.choice(self.indices[-2:])
            return self.pick(i, f"{i} + 1", f"{i} + 3")
        return self.pick(
            "n", "n", "len(a)", "len(a) - 1", "6", "9", "n - 1", "m.shape[0]", "k", "20", "c[1]"
        )

    def over_range(self, indent: int, depth: int) -> None:
        name, low, high = self.fresh("i"), self.bound(), self.bound()
        bounds = self.pick(
            high, high, high, f"1, {high}", f"{low}, {high}", f"0, {high}, 2", f"{high}, -1, -1", f"{high} - 1, 0, -1",
            f"{low}, {high}, {self.pick('3', '-2', 'n', 'k')}", "1, len(a) - 1",
        )  # fmt: skip
        over = f"range({bounds})"
        if self.chance(0.07):
            over = f"reversed({over})"
        self.emit(indent, f"for {name} in {over}:")
        self.body(indent, depth, name)

    def over_items(self, indent: int, depth: int) -> None:
        name, item = self.fresh("i"), self.fresh("x")
        target, over, indices = self.random.choice(
            [
                (item, self.pick(*FLOAT_ARRAYS), ()), (f"{name}, {item}", f"enumerate({self.pick(*FLOAT_ARRAYS)})", (name,)),
                (f"{name}, {item}", "zip(range(n), a)", (name,)), (f"{item}, {name}", "zip(a, c)", ()), (name, "c", ()),
                (f"{name}, {item}", "enumerate(m)", (name,)), (f"{name}, {item}", self.pick("np.ndindex(3, n)", "product(range(n), range(1, 4))"), (name, item)),
                (f"({name}, {item}), y", self.pick("np.ndenumerate(m)", "np.ndenumerate(m[:2, 1:] * 2)"), (name, item)),
                (item, "a[::-1]", ()), (item, "reversed(a)", ()), (item, "a.tolist()", ()),
            ]
        )  # fmt: skip
        self.emit(indent, f"for {target} in {over}:")
        if "m" not in over and not self.is_grid(over) and over != "c":
            self.emit(indent + 1, self.pick(f"s = s + {item}", f"s += {item} * 0.5", f"t = {item}"))
        self.body(indent, depth, *indices)

    @staticmethod
    def is_grid(over: str) -> bool:
        return any(word in over for word in ("ndindex", "ndenumerate", "product"))

    def while_counting(self, indent: int, depth: int) -> None:
        name = self.fresh("w")
        start = self.pick("n", "4", "7", "len(a)")
        if self.chance(0.5):
            self.emit(indent, f"{name} = {start}")
            self.emit(
                indent,
                f"while {name} > 0" + (f" and {self.condition(0)}:" if self.chance(0.3) else ":"),
            )
            self.emit(indent + 1, f"{name} -= 1")
        else:
            self.emit(indent, f"{name} = -1")
            self.emit(indent, f"while {name} < {start}:")
            self.emit(indent + 1, f"{name} = {name} + {self.pick('1', '2')}")
        self.body(indent, depth, name)

    def while_condition(self, indent: int, depth: int) -> None:
        name = self.fresh("w")
        self.emit(indent, f"{name} = 0")
        self.emit(indent, self.pick("while True:", f"while {self.condition()}:"))
        self.emit(indent + 1, f"{name} += 1")
        self.emit(
            indent + 1,
            f"if {name} > {self.pick('5', '8', 'n')}" + self.pick(":", f" or {self.condition(0)}:"),
        )
        self.emit(indent + 2, "break")
        self.body(indent, depth, name)
