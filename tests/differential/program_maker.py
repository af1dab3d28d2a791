"""Makes random Python functions over arrays, numbers and lists: control flow of every kind.

Every program ends: loops count, and there is no recursion. Expressions stay finite.
"""

import random

ARRAYS, NUMBERS = ("a", "b", "c"), ("n", "m")


class ProgramMaker:
    """Writes the source of one function ``program(a, b, c, n, m, items, log)``."""

    def __init__(self, seed, depth=3):
        self.random = random.Random(seed)
        self.depth = depth
        self.lines = []
        self.counter = 0
        self.in_loop = 0

    def source(self):
        self.lines = ["def program(a, b, c, n, m, items, log):"]
        self.block(1, self.random.randint(4, 8), self.depth)
        self.emit(1, "return a, b, c, n, m, items")
        return "\n".join(self.lines) + "\n"

    def emit(self, indent, text):
        self.lines.append("    " * indent + text)

    def fresh(self, prefix):
        self.counter += 1
        return f"{prefix}{self.counter}"

    def block(self, indent, count, depth):
        for _ in range(count):
            self.statement(indent, depth)

    def statement(self, indent, depth):
        simple = (
            self.assign_array, self.assign_array, self.assign_array, self.assign_number,
            self.augmented, self.write_items, self.swap, self.list_work, self.stop,
            self.comprehension,
        )  # fmt: skip
        compound = (
            self.branch, self.branch_on_data, self.loop, self.while_loop, self.try_block,
            self.with_block, self.function, self.loop_over_items,
        )  # fmt: skip
        choices = simple + compound if depth > 0 else simple
        if self.in_loop and self.random.random() < 0.12:
            self.leave_loop(indent)
            return
        self.random.choice(choices)(indent, depth)

    # Expressions

    def array(self, depth=2):
        if depth == 0 or self.random.random() < 0.3:
            return self.random.choice(ARRAYS)
        pick = self.random.randrange(6)
        if pick == 0:
            return f"np.tanh({self.array(depth - 1)})"
        if pick == 1:
            return f"np.maximum({self.array(depth - 1)}, {self.array(depth - 1)})"
        if pick == 2:
            return f"({self.array(depth - 1)})[::-1]"
        op = self.random.choice("+-*")
        right = self.array(depth - 1) if self.random.random() < 0.6 else self.number()
        return f"np.tanh({self.array(depth - 1)} {op} {right})"

    def number(self):
        return self.random.choice((*NUMBERS, "2", "0.5", "len(items)", "(n - m)", "a.shape[0]"))

    def condition(self):
        left, right = self.number(), self.number()
        op = self.random.choice(("<", "<=", "==", "!=", ">"))
        text = f"{left} {op} {right}"
        if self.random.random() < 0.2:
            text += self.random.choice((" and n > 1", " or m > 2"))
        return text

    # Simple statements

    def assign_array(self, indent, depth):
        self.emit(indent, f"{self.random.choice(ARRAYS)} = {self.array()}")

    def assign_number(self, indent, depth):
        name = self.random.choice(NUMBERS)
        self.emit(indent, f"{name} = ({self.number()} + {self.random.randint(0, 3)}) % 5")

    def augmented(self, indent, depth):
        op = self.random.choice(("+=", "-="))
        self.emit(
            indent, f"{self.random.choice(ARRAYS)} {op} {self.random.choice(('0.5', 'c', 'n'))}"
        )

    def write_items(self, indent, depth):
        target = self.random.choice(ARRAYS)
        key = self.random.choice(("0", "1:", "::2", "-1", "..."))
        self.emit(indent, f"{target}[{key}] = {self.random.choice(('n', '0.25', 'm * 0.5'))}")

    def swap(self, indent, depth):
        first, second = self.random.sample(ARRAYS, 2)
        self.emit(indent, f"{first}, {second} = {second}, {first}")

    def list_work(self, indent, depth):
        pick = self.random.randrange(4)
        if pick == 0:
            self.emit(indent, f"items.append({self.number()})")
        elif pick == 1:
            self.emit(indent, "items = [*items, n]")
        elif pick == 2:
            self.emit(indent, "log.append((n, m, len(items)))")
        else:
            self.emit(indent, "items[0] = m")

    def stop(self, indent, depth):
        if self.random.random() < 0.6:
            self.emit(indent, f"stop(log, {self.random.randint(0, 9)})")
        else:
            self.emit(indent, f"n = n + stop(log, {self.array(1)}.shape[0]) % 2")

    def comprehension(self, indent, depth):
        target = self.random.choice(ARRAYS)
        pick = self.random.randrange(3)
        if pick == 0:
            self.emit(indent, f"{target} = sum([{self.array(1)} * k for k in range(3)])")
        elif pick == 1:
            self.emit(indent, f"{target} = sum({self.array(1)} + v for v in items[:3]) + {target}")
        else:
            name = self.fresh("d")
            self.emit(indent, f"{name} = {{k: {self.array(1)} for k in range(n % 3 + 1)}}")
            self.emit(indent, f"{target} = {name}[0]")

    def leave_loop(self, indent):
        word = self.random.choice(("break", "continue"))
        self.emit(indent, f"if {self.condition()}:")
        self.emit(indent + 1, word)

    # Compound statements

    def body(self, indent, depth, most=3):
        self.block(indent, self.random.randint(1, most), depth - 1)

    def branch(self, indent, depth):
        self.emit(indent, f"if {self.condition()}:")
        self.body(indent + 1, depth)
        if self.random.random() < 0.6:
            self.emit(indent, "else:")
            self.body(indent + 1, depth)

    def branch_on_data(self, indent, depth):
        self.emit(indent, f"if {self.random.choice(ARRAYS)}.sum() > 0:")
        self.body(indent + 1, depth, 2)

    def loop(self, indent, depth):
        name = self.fresh("i")
        length = self.random.choice(("3", "n", "m + 1", "9"))
        self.emit(indent, f"for {name} in range({length}):")
        self.loop_body(indent, depth)
        if self.random.random() < 0.3:
            self.emit(indent, "else:")
            self.body(indent + 1, depth, 1)

    def loop_over_items(self, indent, depth):
        name = self.fresh("x")
        rows, items = "a", "items[:2]"
        over = self.random.choice((items, "enumerate([a, b])", "zip(items[:3], [a, b, c])", rows))
        target = name if over in (items, rows) else f"k, {name}"
        self.emit(indent, f"for {target} in {over}:")
        self.emit(indent + 1, f"c = c + {name}")
        self.loop_body(indent, depth)

    def loop_body(self, indent, depth):
        self.in_loop += 1
        self.body(indent + 1, depth)
        self.in_loop -= 1

    def while_loop(self, indent, depth):
        name = self.fresh("w")
        self.emit(indent, f"{name} = {self.random.randint(1, 4)}")
        self.emit(indent, f"while {name} > 0:")
        self.emit(indent + 1, f"{name} -= 1")
        self.loop_body(indent, depth)

    def try_block(self, indent, depth):
        self.emit(indent, "try:")
        self.body(indent + 1, depth, 2)
        if self.random.random() < 0.7:
            self.emit(indent + 1, f"if {self.condition()}:")
            self.emit(indent + 2, "raise ValueError(n)")
        self.body(indent + 1, depth, 1)
        self.emit(indent, "except ValueError as error:")
        self.emit(indent + 1, "log.append(str(error))")
        self.body(indent + 1, depth, 1)
        if self.random.random() < 0.5:
            self.emit(indent, "finally:")
            loops, self.in_loop = self.in_loop, 0
            self.body(indent + 1, depth, 1)
            self.in_loop = loops

    def with_block(self, indent, depth):
        self.emit(indent, f"with managed(log, {self.number()}) as entered:")
        self.body(indent + 1, depth, 2)

    def function(self, indent, depth):
        name = self.fresh("f")
        self.emit(indent, f"def {name}(p, q=n, *, r=0.5):")
        loops, self.in_loop = self.in_loop, 0
        if self.random.random() < 0.5:
            self.emit(indent + 1, "nonlocal_b = b * r")
        else:
            self.emit(indent + 1, "nonlocal_b = c * r + q")
        if self.random.random() < 0.4:
            self.emit(indent + 1, "stop(log, q)")
        if self.random.random() < 0.3:
            self.emit(indent + 1, "if q > 2:")
            self.emit(indent + 2, "return p")
        self.emit(indent + 1, "return np.tanh(p + nonlocal_b)")
        self.in_loop = loops
        target = self.random.choice(ARRAYS)
        arguments = self.random.choice((f"{target}", f"{target}, m", f"{target}, r=n * 0.1"))
        self.emit(indent, f"{target} = {name}({arguments})")
