"""Random programs over lists of numbers: counters, stacks, queues, tables, lists that grow."""

from __future__ import annotations

from loop_programs import LoopProgram


class ListProgram(LoopProgram):
    """Writes one ``program(a, b, c, m, n, p, box, items, ints, floats, rows, words)``.

    `ints` and `floats` are lists of numbers, `rows` is a list of lists, `words` one of strings;
    `out` and `stack` are lists that the program makes.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.random.seed(f"lists {seed}")
        self.lines = ["def program(a, b, c, m, n, p, box, items, ints, floats, rows, words):"]
        self.has_log = True
        self.log_kind = self.pick("number", "integer", "vector", "pair", "any")

    def source(self) -> str:
        self.emit(1, f"s, t, j, k = {self.pick('0.0', 'np.float64(0)', '0')}, 1.5, 0, 2")
        self.emit(1, self.pick("v = a.copy()", "v = np.zeros(len(a))", "v = a[1:]"))
        self.emit(1, self.pick("log = []", "log = [0]", "log = [0.0] * 4", "log = list(a)"))
        self.emit(1, self.pick("out = []", "out = [0] * 6", "out = [0.0] * len(a)", "out = ints[:]", "out = [i * 0.5 for i in range(6)]"))  # fmt: skip
        self.emit(
            1, self.pick("stack = [n]", "stack = []", "stack = [(0, 1)]", "stack = [0, 1, 2]")
        )
        self.emit(
            1,
            self.pick(
                "table = [[0] * 4 for _ in range(4)]",
                "table = [[0.0, 1.0], [2.0, 3.0]]",
                "table = rows",
            ),
        )
        for _ in range(self.random.randint(1, 3)):
            self.loop(1, 1)
        self.emit(
            1,
            "return "
            + self.pick(
                "out, s", "log, out, stack", "table, j, k", "s, t, out, log", "sum(out), stack"
            ),
        )
        return "\n".join(self.lines) + "\n"

    def name(self) -> str:
        return self.pick(
            "ints", "floats", "out", "out", "log", "table[0]", "rows[1]", "stack", "ints"
        )

    def place(self) -> str:
        """A position in a list, usually there."""
        i = self.integer(0)
        return self.pick("0", "-1", f"({i}) % 4", f"({i}) % len(ints)", f"({i}) % 2", "1", i, "int(c[0])", "c[1]", f"ints[({i}) % len(ints)] % 3")  # fmt: skip

    def simple(self, indent: int) -> None:
        if self.chance(0.35):
            super().simple(indent)
            return
        name, other, at = self.name(), self.name(), self.place()
        value = self.pick(self.number(0), self.number(1), self.integer(0), f"{other}[{at}]")
        self.emit(
            indent,
            self.pick(
                f"{name}[{at}] += 1", f"{name}[{at}] = {value}", f"{name}[{at}] += {value}", f"{name}.append({value})", f"s += {name}[{at}]", f"s = {name}[{at}] * 0.5",
                f"{name}[{at}], {name}[0] = {name}[0], {name}[{at}]", f"if {name}: t = {name}.pop()", f"if {name}: k = int({name}.pop(0))", f"{name}.insert(0, {value})",
                f"j = len({name})", f"s += sum({name})", f"if {name}: s = max({name})", f"{name}[:] = {name}[::-1]", f"{name}.extend({other}[:2])", f"{name}.sort()",
                f"k = {name}.index({name}[0]) if {name} else 0", f"j += {value} in {name}", f"out = [q * 2 for q in {name}[:6]]", f"out = {name}[1:5]", f"j = {name}.count(0)",
                f"table[{at}][{at}] = {value}", f"table[{at}][0] += 1", f"s += table[{at}][-1]", f"rows[0][{at}] = {value}", f"table[{at}] = [q + 1 for q in table[{at}]]",
                f"a[{at}] = {name}[{at}]", f"v = np.array({name}[:3], dtype=float)", f"s += np.mean(floats) + len({name})", f"j = ints[ints[{at}] % 3]", f"t = min({name} or [1])",
                f"for q in {name}[:4]: s += q", f"for i, q in enumerate({name}): j += i * (q > 0)", f"k = sorted({name})[0] if {name} else 3", f"{name} = {name} + [{value}]",
                "stack.append((j, k))", "while len(stack) > 3: stack.pop()", f"s += floats[{at}] * ints[{at}]", f"if len({name}) > 8: del {name}[2:]", "out = [0] * (abs(j) % 5)",
                f"words[{at}] = words[{at}] + 'x'", f"j += len(words[{at}])", f"if words[{at}] == 'ab': k += 1", "s = sum(q * r for q, r in zip(floats, ints))", "out = out[-6:]",
                "out.append([j, s])", "items[2] = floats", "best = max(range(len(ints)), key=lambda q: ints[q]); j = best", f"if any(q > s for q in {name}): k -= 1",
            ),
        )  # fmt: skip

    def over_items(self, indent: int, depth: int) -> None:
        name, item = self.fresh("i"), self.fresh("x")
        target, over = self.random.choice(
            [(item, "ints"), (item, "floats"), (item, "out[:5]"), (f"{name}, {item}", "enumerate(ints)"), (f"{name}, {item}", "zip(ints, floats)"), (item, "sorted(ints)"), (item, "reversed(floats)"), (f"{name}, {item}", "enumerate(table[0])"), (item, "list(a)[:6]")],
        )  # fmt: skip
        self.emit(indent, f"for {target} in {over}:")
        self.emit(
            indent + 1,
            self.pick(f"s = s + {item}", f"t = {item}", f"j += int({item})", f"log.append({item})"),
        )
        self.body(indent, depth)
