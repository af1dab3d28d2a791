"""Random programs over containers: queues, heaps, dicts and sets by run-time keys, rows, attributes."""

from __future__ import annotations

from loop_programs import LoopProgram


class ContainerProgram(LoopProgram):
    """Writes one ``program(a, b, c, m, n, p, box, items, ints, pairs, queue, table, seen, rows)``.

    `ints` is a list of numbers, `pairs` one of tuples, `queue` a deque, `table` a dict from
    integers to numbers, `seen` a set of integers, `rows` a list of lists.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.random.seed(f"containers {seed}")
        self.lines = [
            "def program(a, b, c, m, n, p, box, items, ints, pairs, queue, table, seen, rows):"
        ]
        self.theme = self.pick("queue", "heap", "dict", "rows", "attributes", "any")

    def source(self) -> str:
        self.emit(1, f"s, t, j, k = {self.pick('0.0', 'np.float64(0)', '0')}, 1.5, 0, 2")
        self.emit(1, self.pick("v = a.copy()", "v = np.zeros(len(a))", "v = a[1:]"))
        self.emit(1, self.pick("q = deque()", "q = deque([n])", "q = [0, 1]", "q = deque(ints)", "q = queue", "q = deque(maxlen=3)", "q = ints"))  # fmt: skip
        self.emit(1, self.pick("q2 = deque([(0, 1)])", "q2 = [(n, 0)]", "q2 = deque()"))
        self.emit(1, self.pick("heap = []", "heap = [3, 5, 4]", "heap = ints[:]", "heap = [0.0]"))
        self.emit(1, self.pick("todo = [(0.0, 0)]", "todo = []", "todo = [(0, 1), (2, 0)]", "todo = pairs"))  # fmt: skip
        self.emit(1, self.pick("d = {}", "d = {1: 2}", "d = table", "d = defaultdict(int)", "d = {0: 0, 3: 1, -1: 4}"))  # fmt: skip
        self.emit(1, self.pick("e = {}", "e = {(0, 1): 2.0}", "e = {}"))
        self.emit(1, self.pick("known = set()", "known = {1, 2}", "known = seen", "known = {0}"))
        self.emit(1, self.pick("met = set()", "met = {(0, 0)}"))
        self.emit(
            1, self.pick("row = [0] * 4", "row = ints[:4]", "row = [0.0] * 4", "row = rows[0]")
        )
        self.emit(1, self.pick("old = row[:]", "old = [1, 0, 2, 3]", "old = row"))
        self.emit(1, self.pick("dp = [[0] * 4 for _ in range(4)]", "dp = rows"))
        for _ in range(self.random.randint(1, 3)):
            self.loop(1, 1)
        end = {
            "queue": ("q, q2, s", "list(q), j", "q2, len(q)", "sum(q), q2"),
            "heap": ("heap, todo, s", "sorted(heap), todo"),
            "dict": ("d, e, s", "known, met, j", "list(d), list(known)", "d.items(), len(e), k"),
            "rows": ("row, old, dp", "row is old, row, dp", "dp, rows, j"),
        }.get(self.theme, ("s, t, j, k, v", "q, heap, d, known, row", "e, met, old, dp, todo"))
        self.emit(1, "return " + self.pick(*end))
        return "\n".join(self.lines) + "\n"

    def place(self) -> str:
        """A position in a list, usually there."""
        i = self.integer(0)
        return self.pick("0", "-1", f"({i}) % 4", f"({i}) % 2", "1", "j % 4", "int(c[0]) % 4")

    def key(self) -> str:
        """A small integer."""
        i = self.integer(0)
        return self.pick(
            f"({i}) % 5", i, "j", f"int(c[{self.index()}])", f"({i}) * 7 % 11", "j + k"
        )

    def simple(self, indent: int) -> None:
        if self.chance(0.3):
            super().simple(indent)
            return
        themes = {
            "queue": self.queue_statement,
            "heap": self.heap_statement,
            "dict": self.dict_statement,
            "rows": self.row_statement,
            "attributes": self.attribute_statement,
        }
        name = self.theme if self.theme != "any" else self.pick(*themes)
        themes[name](indent)

    def queue_statement(self, indent: int) -> None:
        i, value = self.integer(0), self.pick(self.integer(0), self.integer(1), "j", "k")
        left = self.pick("popleft()", "pop(0)", "popleft()")
        self.emit(
            indent,
            self.pick(
                f"q.append({value})", f"q.append({value})", f"q2.append(({i}, j))", f"if q: k = q.{left}", f"if len(q) > 2: j += q.{left}",
                "if q: k = q.pop()", "while q and q[-1] <= k: q.pop()", f"if q2: j, k = q2.{left}", f"while q: j += q.{left}", "s += len(q)",
                f"q.appendleft({value})", f"q.insert(0, {value})", "if q: s = q[0]", "if q: j = q[-1] % 7", f"j = q[{self.place()}]", "for x in q: s += x",
                f"k += {value} in q", f"q2.appendleft(({i}, k))", "s += sum(q)", "while len(q2) > 3: q2.pop()", "if not q: j += 1", f"q.extend([{value}, 1])",
                f"q[{self.place()}] = {value}", f"k = q.{left}", "q.clear()", "q.rotate(1)", "q = deque(q)", f"q.append({self.number(0)})",
            ),
        )  # fmt: skip

    def heap_statement(self, indent: int) -> None:
        i, value = self.integer(0), self.pick(self.integer(0), self.number(0), "j", "j % 5")
        pushed = self.pick(f"(({i}) * 0.5, {self.integer(0)})", f"({i}, k)", f"(a[{self.index()}], j)", "(s, k)")  # fmt: skip
        self.emit(
            indent,
            self.pick(
                f"heapq.heappush(heap, {value})", f"heapq.heappush(heap, {value})", f"heapq.heappush(todo, {pushed})", f"heapq.heappush(todo, {pushed})", "if heap: s = heapq.heappop(heap)",
                "if todo: s, k = heapq.heappop(todo)", "if todo: t = todo[0][0]", "j = heapq.heappop(heap)", f"if heap: s = heapq.heapreplace(heap, {value})", f"s = heapq.heappushpop(heap, {value})",
                "heapq.heapify(heap)", "s += len(heap)", "if len(heap) > 4: heapq.heappop(heap)", "while len(todo) > 3: t, j = heapq.heappop(todo)", "if heap: j = int(heap[0])",
                "s += sum(heap)", "for x in heap: s += x", "heap.append(j)", "heap = sorted(heap)", "if heap and heap[0] < k: k = heapq.heappop(heap)",
            ),
        )  # fmt: skip

    def dict_statement(self, indent: int) -> None:
        key, other, value = self.key(), self.key(), self.pick(self.integer(0), "j", "1", "k")
        pair = f"({key}, {other})"
        self.emit(
            indent,
            self.pick(
                f"d[{key}] = d.get({key}, 0) + 1", f"d[{key}] = {value}", f"d[{key}] += 1", f"if {key} in d: j = d[{key}]", f"if {key} not in d: d[{key}] = {value}", f"j = d.get({key}, {value})",
                f"e[{pair}] = {self.number(0)}", f"if {pair} in e: s += e[{pair}]", f"s = e.get({pair}, 0.5)", f"known.add({key})", f"j += {key} in known", f"if {key} not in known: known.add({key})",
                f"met.add({pair})", f"if {pair} in met: k += 1", "s += len(d)", "j = len(known) + len(met)", "for x in d: s += x", "for x, y in d.items(): j += x * y", f"del d[{key}]", f"d.pop({key}, None)",
                f"known.discard({key})", f"j = d.setdefault({key}, {value})", "s += sum(d.values())", f"d[{key}] = {self.number(0)}", f"j = d[{key}]", f"if {pair} in met:\n{'    ' * (indent + 1)}continue\n{'    ' * indent}met.add({pair})" if self.indices else f"met.add({pair})",
                "d = {}", "known = set()", f"d.update({{{key}: 1}})", "k = max(d.values()) if d else 0", "box.table = d",
            ),
        )  # fmt: skip

    def row_statement(self, indent: int) -> None:
        at, value = self.place(), self.pick(self.integer(0), self.number(0), "j", "old[j % 4] + 1")
        self.emit(
            indent,
            self.pick(
                f"row[{at}] = {value}", f"row[{at}] = old[{at}] + 1", "old = row", "row, old = old, row", "row = [0] * 4", "old = row[:]", "old = list(row)", "row = [x + 1 for x in old]",
                f"dp[{at}] = row", f"dp[{at}] = row[:]", f"dp[{at}] = [{value}] * 4", f"dp[{at}][{self.place()}] = {value}", f"s += dp[{at}][0]", f"old = dp[{at}]", f"row = dp[{at}]", "s += sum(row)",
                f"j += row[{at}] == old[{at}]", "k = max(old)", "if row is old: j += 1", f"dp[{at}], dp[0] = dp[0], dp[{at}]", "dp.append(row)", f"t = min(row[{at}], old[0])", "box.row = row",
            ),
        )  # fmt: skip

    def attribute_statement(self, indent: int) -> None:
        self.emit(
            indent,
            self.pick(
                f"box.new = {self.number(1)}", f"box.last = {self.vector(0)}", "box.cache = (s, j)", "s += box.value", "if hasattr(box, 'new'): s += 1", "box.v = v", "box.other = box.array * 2",
                "items[3] = s", "box.array = box.array + 1", "box.memo = {}", "box.log = [s, t]", f"box.count = {self.integer(0)}", "box.best = None", "if box.value > s: box.best = j",
                f"table['x'] = {self.number(0)}", f"table['y'] = {self.vector(0)}", "s = table.get('x', 0)", "box.stack = []", "box.new, box.value = box.value, s", "v = getattr(box, 'last', v)",
                "del box.count",
            ),
        )  # fmt: skip
