"""Random functions as people write them in a hurry: handlers, views, big integers, dicts, warnings.

A seed gives one source text, ``program(a, b, c, m, n, p, box, items, table, f, u)``. Each program mixes a
few *themes*; the expressions between are those of `LoopProgram`.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from loop_programs import LoopProgram

HELPERS = '''
class Refused(ValueError):
    """An exception of the program's own."""

    def __init__(self, place, value):
        super().__init__(f"refused at {place}")
        self.place, self.value = place, value


def refuse(x, i, log):
    log.append(i)
    if x > 1.5:
        raise Refused(i, float(x))
    return x * 0.5 + i


def write_through(x, i, value):
    x[i] = value
    return x[i:]


def halves(n):
    while n > 1:
        yield n
        n //= 2


class Counter:
    def __init__(self, log):
        self.log, self.total = log, 0

    def __enter__(self):
        self.total += 1
        return self

    def __exit__(self, kind, value, trace):
        self.log.append(kind.__name__ if kind else "done")
        return kind is KeyError


'''


class RoughProgram(LoopProgram):
    """Writes one program; besides the names of `LoopProgram` it has

    `log`, a list of anything; `f`, a float32 array; `u`, an array of small unsigned integers; `w`, a
    view of something; `z`, an int that may leave 64 bits; `table`, a dict of numbers, lists and arrays.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.random = random.Random(f"rough {seed}")
        self.lines = ["def program(a, b, c, m, n, p, box, items, table, f, u):"]
        self.is_typed = self.chance(0.3)
        self.is_careful = self.chance(0.6)
        self.functions = 0
        self.nested = 0
        themes: dict[str, list[Callable[[int], None]]] = {
            "handlers": [self.handler, self.handler, self.refusal, self.manager],
            "views": [self.view, self.view, self.write_view, self.write_view, self.view_of_view],
            "integers": [self.grow_integer, self.grow_integer, self.use_integer],
            "containers": [self.change_dict, self.change_dict, self.change_list, self.change_list],
            "dtypes": [self.mix_dtypes, self.mix_dtypes, self.mix_dtypes, self.small_integers],
            "warnings": [self.warning, self.warning, self.flagged, self.flagged],
            "exits": [self.many_exits, self.searching],
            "functions": [self.comprehension, self.closure, self.generator],
        }
        chosen = self.random.sample(sorted(themes), self.random.choice([1, 2, 2, 3]))
        self.themes = [kind for name in chosen for kind in themes[name]]

    def source(self) -> str:
        self.emit(1, "s, t, j, k, z = 0.0, 1.5, 0, 2, 1")
        self.emit(1, self.pick("v = a.copy()", "v = b * 2", "v = a[1:]", "v = m[0]"))
        self.emit(1, self.pick("w = a[::2]", "w = m[:, 0]", "w = b[1:]", "w = m.T[0]", "w = v"))
        self.emit(1, "log, x, y = [], np.float32(0.5), np.float64(2.0)")
        for _ in range(self.random.randint(0, 2)):
            self.statement(1, 1)
        for _ in range(self.random.randint(1, 2)):
            self.loop(1, 1)
        for _ in range(self.random.randint(0, 1)):
            self.statement(1, 1)
        ends = ["s, t, j, k, z", "log, v", "w, s", "log, z", "x, y, s", "s, w, v, log, x"]
        self.emit(1, "return " + self.pick(*ends))
        return HELPERS + "\n".join(self.lines) + "\n"

    def simple(self, indent: int) -> None:
        if self.chance(0.55):
            self.random.choice(self.themes)(indent)
        else:
            super().simple(indent)

    def lines_of(self, indent: int, most: int = 2) -> None:
        """Simple statements, which may nest a few times."""
        self.nested += 1
        for _ in range(self.random.randint(1, most)):
            if self.nested < 3:
                self.simple(indent)
            else:
                super().simple(indent)
        self.nested -= 1

    # Exceptions and handlers

    def raising(self, indent: int) -> None:
        """Something that often raises."""
        i = self.integer(0)
        guard = self.chance(0.6)
        if guard:
            self.emit(indent, f"if {self.condition(0)}:")
        self.emit(
            indent + guard,
            self.pick(
                f"raise ValueError({i})", f"raise Refused({i}, s)", f"s += a[{i}]", f"t = t / ({i})", f"j = j // ({i})",
                f"s += table[{i}]", f"s = refuse({self.number(0)}, {i}, log)", f"j = items[{i}]", f"v = a + b[{self.slice()}]",
                f"k = int({self.pick(*'stp')})", f"m[{i}, {i}] += s", f"raise KeyError({i})", "raise IndexError", f"s += 'ab'[{i}]",
                f"c[{i}] = z", "j = math.sqrt(s)", f"a[{i}] = a[{i} + 1] / b[{i}]", "assert s < t, (j, k)", f"w[{i}] += 1",
            ),
        )  # fmt: skip

    def handler(self, indent: int) -> None:
        self.emit(indent, "try:")
        if self.chance(0.6):
            self.lines_of(indent + 1)
        self.raising(indent + 1)
        if self.chance(0.5):
            self.lines_of(indent + 1, 1)
        has_handler = self.chance(0.85)
        if has_handler:
            self.clause(indent)
            if self.chance(0.25):
                self.clause(indent)
            if self.chance(0.2):
                self.emit(indent, "else:")
                self.lines_of(indent + 1, 1)
        if not has_handler or self.chance(0.25):
            self.emit(indent, "finally:")
            self.emit(indent + 1, self.pick("k += 1", "log.append(j)", "s = s * 0.5", "a[:1] += 1"))

    def clause(self, indent: int) -> None:
        kinds = self.pick(
            "Exception", "(IndexError, KeyError)", "LookupError", "ValueError", "ArithmeticError", "ZeroDivisionError",
            "(ValueError, TypeError, OverflowError)", "Refused", "Exception",
        )  # fmt: skip
        self.emit(indent, f"except {kinds} as error:")
        ends = [
            "log.append(str(error))", "log.append((type(error).__name__, j))", "s -= 1", "pass", "j += 1",
            "log.append(getattr(error, 'place', None))", "k = len(error.args)", "v = v * 0.5", "w[:] = 0",
        ]  # fmt: skip
        self.emit(indent + 1, self.random.choice(ends))
        if self.chance(0.25):
            leaves = ["raise", "raise RuntimeError(j) from error", "return s, log"]
            if self.loops:
                leaves += ["continue", "break"] * 3
            self.emit(indent + 1, self.random.choice(leaves))

    def refusal(self, indent: int) -> None:
        if self.chance(0.8):
            self.emit(indent, f"if {self.condition()}:")
            self.raising(indent + 1)
        else:
            self.raising(indent)

    def manager(self, indent: int) -> None:
        self.emit(indent, "with Counter(log) as counter:")
        self.lines_of(indent + 1)
        self.emit(indent + 1, self.pick("k += counter.total", "s += counter.total", "pass"))
        if self.chance(0.4):
            self.raising(indent + 1)

    # Views

    def view(self, indent: int) -> None:
        i = self.index()
        self.emit(
            indent,
            "w = "
            + self.pick(
                f"a[{self.slice()}]", f"v[{self.slice()}]", f"b[{self.slice()}]", f"m[{i}]", f"m[:, {i}]", "m.T[0]",
                f"m[{i}, {self.slice()}]", "m.reshape(-1)", "m.ravel()[::2]", "np.flip(a)", "box.array", "items[2]",
                "m.diagonal()", "np.diag(m)", "a.view()", "a.reshape(-1, 1)[:, 0]", "np.asarray(a)", "np.atleast_1d(v)",
                "table['y']", "f", "f[::-1]", "m.T.ravel()", "np.squeeze(m[:1])", "m.flat[:3]", "np.broadcast_to(a, (2, len(a)))[0].copy()",
            ),
        )  # fmt: skip

    def view_of_view(self, indent: int) -> None:
        self.emit(indent, f"w = w[{self.slice()}]")
        if self.chance(0.4):
            self.emit(
                indent,
                self.pick("v = w[1:]", "box.array = w", "table['y'] = w", "items[2] = w[::-1]"),
            )

    def write_view(self, indent: int) -> None:
        value, where = self.number(1), self.slice()
        self.emit(
            indent,
            self.pick(
                f"w[{self.index()}] = {value}", f"w[{where}] += {value}", "w *= 0.5", f"w[{where}] = w[{where}][::-1]",
                "w[1:] = w[:-1]", "w[:-1] = w[1:]", "w[1:] += w[:-1]", "w[:] = w[::-1]", f"w.fill({value})", "w += w",
                "w[::2], w[1::2] = 1, s", f"np.add(w, {value}, out=w)", "np.negative(w, out=w)", "w[w > s] = t", "w -= w.mean()",
                "w[len(w) // 2:] = s", "w += a[:1]", "m[0, :len(w)] = w[:m.shape[1]]", "a[:len(w)] += w[:len(a)]", "w.sort()",
                "np.cumsum(w, out=w)", f"s += float(write_through(w, {self.index()}, {value}).sum())", "w = w.copy()",
                "m[1:] += m[:-1]", "m[:, 1:] = m[:, :-1] + m[:, 1:]", "m += m.T[:1, :1]", "np.maximum(w, a[0], out=w)",
            ),
        )  # fmt: skip

    # Integers that leave 64 bits, and tricks with bits

    def grow_integer(self, indent: int) -> None:
        i = self.integer(0)
        self.emit(
            indent,
            self.pick(
                f"z = z * 31 + {i}", f"z = z * (abs({i}) + 2)", "z = (z * 6364136223846793005 + 1442695040888963407) % 2**64",
                "z = (z * 1103515245 + 12345) & 0x7FFFFFFF", "z ^= z << 13; z &= 0xFFFFFFFFFFFFFFFF", "z = z ^ (z >> 7)",
                f"z += 2**62 - {i}", "z <<= 5", "z = -z", f"z -= {i}", f"z = abs(z) // (abs({i}) + 1) + 1", f"z = z % (abs({i}) + 7)",
                "z = (z << 7 | z >> 25) & 0xFFFFFFFF", f"z = 10 ** (abs({i}) % 25)", f"z = 1 << abs({i}) % 70", "z = z & -z",
                f"z = z * z % (2**31 - 1) + {i}", f"z = ~z + ({i})", f"z = pow(abs(z) % 1000, abs({i}) % 9, 1000007)",
                f"z = max(z, {i}) * 3", "z = z // 3 if z % 2 else z * 2", "j = j * 1000003 ^ k", "j = (j << 5) + j + k",
            ),
        )  # fmt: skip

    def use_integer(self, indent: int) -> None:
        self.emit(
            indent,
            self.pick(
                "s += z % 7", "s = s + z", "j = z % 5", "log.append(z)", "k = int(z % 3)", "t = float(z)", "t = z / 3",
                f"a[{self.index()}] = z", f"c[{self.index()}] = z % 100", "s += math.log(abs(z) + 1)", "j += bin(z).count('1')",
                "j = z.bit_length()", "log.append(z > 2**63)", "s -= z * 0.5", "c[0] = z", "k = divmod(z, 10)[1]", "t = z * x",
                "log.append(np.float64(z % 1000))", "s = z // 2.0 % 5", "y = y + z", "c += z % 3", "j = hash(z) % 11", "log.append(str(z)[:4])",
            ),
        )  # fmt: skip

    # Dicts and lists

    def change_dict(self, indent: int) -> None:
        i, value = self.integer(0), self.number(0)
        self.emit(
            indent,
            self.pick(
                f"table[{i}] = {value}", f"table['x'] += {value}", f"s += table.get({i}, 0.5)", f"table[{i}] = table.get({i}, 0) + 1",
                f"table.setdefault('list', []).append({value})", f"table.pop({i}, None)", "table['y'] = table['y'] * 0.5",
                f"table['y'][{self.index()}] += {value}", "j = len(table)", f"k = 1 if {i} in table else 2", f"table.update(n={i})",
                "table['x'], s = s, table['x']", "for key in list(table): j += 1", "s += sum(q for q in table.values() if type(q) is float)",
                "log.append(sorted(q for q in table if type(q) is int))", f"table[('p', {i})] = {i}", f"del table[{i}]",
                "table['n'] = table['n'] * 2 + j", "for key, item in table.items(): j += key == 'x'", "t = table['x'] if 'x' in table else 0",
            ),
        )  # fmt: skip

    def change_list(self, indent: int) -> None:
        i, value = self.integer(0), self.number(0)
        self.emit(
            indent,
            self.pick(
                f"log.append({value})", f"log.insert(0, {i})", "if log: log.pop()", "if len(log) > 2: log.pop(0)", f"log.extend([{i}, s])",
                "log = log[-3:]", f"items[{i}] = s", f"items[0] += {value}", "items.append(s)", "log += [j]", "if len(log) > 3: del log[1]",
                "log.reverse()", "k = len(log)", "s += len(items)", "items[0], items[1] = items[1], items[0]", "log[:] = log[::2]",
                f"if {i} in log: k += 1", "log.append(a.copy())", "log.append(v)", "if log: s = s + len(log) * 0.5", "log.append((i, s) if (i := j) else None)",
                "items[2] = items[2] + 1", "log = [q for q in log if type(q) is not int]", "if len(log) > 5: log.clear()", "log.append([j, k])",
                "if log and type(log[-1]) is list: log[-1][0] += 1", "s += max([s, t, 0.5])", "x1, *rest = [s, t, k]; s = x1 + len(rest)",
            ),
        )  # fmt: skip

    # Numbers of several dtypes

    def mix_dtypes(self, indent: int) -> None:
        row = self.index()
        scalar = self.pick(
            "x",
            "y",
            "f[0]",
            "f[-1]",
            "np.float32(0.1)",
            "0.1",
            "2",
            "u[0]",
            "c[0]",
            f"f[{row}]",
            "np.float64(0.1)",
            "s",
            "a[0]",
            "np.float16(0.3)",
        )
        self.emit(
            indent,
            self.pick(
                f"x = x * {scalar}", f"x = x + {scalar}", f"y = y + {scalar}", f"f[{row}] = {scalar}", f"f += {scalar}", f"f[{row}] *= {scalar}",
                f"s = f.sum() * {scalar}", f"x = np.float32({scalar})", f"t = float({scalar}) + 0.1", f"v = f * {scalar}", f"v = a * {scalar}",
                "x = f.mean()", "x = f.max() if len(f) else x", f"y = np.maximum(x, {scalar})", f"y = max(x, {scalar})", f"x = -abs({scalar})",
                f"s = {scalar} / 3", f"s = {scalar} // 0.3", f"s = {scalar} % 0.7", f"s = {scalar} ** 2", f"x = np.sqrt(abs({scalar}))",
                f"y = np.where(x > 0, x, {scalar})", f"x = (a * x)[{row}]", f"t = sum(f) + {scalar}", f"y = np.dot(f, f) + {scalar}", f"y = a[:1].sum() + {scalar}",
                f"log.append(type({scalar} + x).__name__)", f"log.append({scalar} * f[:2])", f"k = int({scalar})", f"s = x if {scalar} > 0 else y", f"x = round({scalar}, 1)",
                f"v = f.astype(np.float64) + {scalar}", "x = f.dtype.type(j)", f"y = complex({scalar}, 1).real", f"y = abs(complex(s, 1) * {scalar})", f"x = x - x % {scalar}",
            ),
        )  # fmt: skip

    def small_integers(self, indent: int) -> None:
        row, i = self.index(), self.integer(0)
        self.emit(
            indent,
            self.pick(
                f"u[{row}] += 200", f"u[{row}] = u[{row}] * 3", "u += u", f"u[{row}] = {i}", "j = int(u.sum())", "k = u[0] - u[-1]", f"j = np.int8({i} & 127)",
                "u = u.astype(np.int8)", "u >>= 1", "log.append(u[0] + 1)", "log.append(u[0] + c[0])", "s = u.mean()", "j = c[0] * 3", "c *= 2", f"c[{row}] <<= 2",
                "k = c[0] // 2", f"c[{row}] = c[{row}] % -3", "j = np.int64(2**62) * c[0]", "s = c[0] / 2", "s = c.sum() / (c.max() + 1)", "log.append(c[0] ** 2)", "k = ~c[0]",
                "j = np.int32(c[0]) + c[-1]", "u[:] = u[::-1] + 1", "log.append(-u[0])", "k = np.uint8(250) + u[0]", "j = int(c[0]) ** 2", "k = c[0] > 1", "j = True + c[0]",
                "log.append(u.dtype.name)", "c[c > 2] = 0", "j = np.bitwise_xor.reduce(c)", "k = u[0] & c[0]", "j = c.dtype.type(7) % (c[0] + 1)", "u = (u * 2) // 3",
            ),
        )  # fmt: skip

    # Warnings

    def flagged(self, indent: int) -> None:
        """Something that often warns."""
        row = self.index()
        self.emit(
            indent,
            self.pick(
                f"s = a[{row}] / 0", "v = a / b", "s = np.sqrt(s - 2)", "v = np.log(a)", f"a[{row}] = np.float64(s) / (a[0] - a[0])", "s = np.float64(1e300) * s",
                "v = v * 1e200", "x = np.float32(1e30) * x", "f *= np.float32(1e20)", "s = np.exp(abs(s) * 100)", f"b[{row}] = a[0] % np.float64(0)", "v = np.sqrt(v)",
                "w /= w", "s = np.arccos(a[0])", "j = np.int64(2**62) * 4", "k = c[0] // (c[0] - c[0])", "s = a.mean()", "s = np.nanmax(v)", "s = v[:0].mean()",
                "c = a.astype(int)", "t = a.std()", "v = np.power(a, 0.5)", "t = np.log1p(-abs(s))", "v = 1 / v", "f = f / f", "s = np.float64(0) / 0 if s else s",
                "log.append(np.isnan(v).any())", "t = a[:0].max()", "log.append(np.divide(a, b, where=b != 0, out=np.zeros(len(a))).sum())",
            ),
        )  # fmt: skip

    def warning(self, indent: int) -> None:
        pick = self.random.randrange(5)
        if pick == 0:
            kinds = self.pick(
                "all='ignore'",
                "divide='ignore'",
                "invalid='ignore', over='ignore'",
                "all='raise'",
                "divide='raise'",
                "all='warn'",
                "invalid='raise'",
            )
            self.emit(indent, f"with np.errstate({kinds}):")
            self.flagged(indent + 1)
            self.lines_of(indent + 1, 1)
        elif pick == 1:
            self.emit(indent, "with warnings.catch_warnings():")
            self.emit(
                indent + 1, f"warnings.simplefilter({self.pick('ignore', 'error', 'always')!r})"
            )
            self.flagged(indent + 1)
            self.lines_of(indent + 1, 1)
        elif pick == 2:
            self.emit(indent, "with warnings.catch_warnings(record=True) as caught:")
            self.emit(indent + 1, "warnings.simplefilter('always')")
            self.flagged(indent + 1)
            self.emit(
                indent,
                self.pick(
                    "log.append(len(caught))", "log.append([str(q.message) for q in caught])"
                ),
            )
        elif pick == 3:
            self.emit(indent, "try:")
            self.emit(
                indent + 1,
                f"with np.errstate({self.pick('all', 'divide', 'invalid', 'over')}='raise'):",
            )
            self.flagged(indent + 2)
            if self.chance(0.5):
                self.lines_of(indent + 2, 1)
            self.emit(indent, "except FloatingPointError as error:")
            self.emit(indent + 1, "log.append(str(error))")
        else:
            self.emit(indent, f"if {self.condition(0)}:")
            self.emit(
                indent + 1,
                f"warnings.warn('value ' + str({self.integer(0)}), stacklevel={self.pick('1', '2')})",
            )

    # Loops with several exits

    def many_exits(self, indent: int) -> None:
        if self.trips > 40 or self.loops > 2:
            self.leave(indent) if self.loops else super().simple(indent)
            return
        name = self.fresh("w")
        self.emit(indent, f"{name} = 0")
        self.emit(
            indent,
            self.pick(
                "while True:", f"while {self.condition()}:", f"while {name} < n or {name} < 3:"
            ),
        )
        self.emit(indent + 1, f"{name} += 1")
        self.emit(indent + 1, f"if {name} > {self.pick('6', '9', 'n')}:")
        self.emit(indent + 2, "break")
        self.indices.append(name)
        self.loops += 1
        self.trips *= 6
        for _ in range(self.random.randint(1, 3)):
            self.lines_of(indent + 1, 1)
            self.emit(indent + 1, f"if {self.condition()}:")
            words = [
                "break",
                "break",
                "continue",
                "continue",
                f"return {self.number(0)}, log",
                "raise Refused(j, s)",
            ]
            if self.chance(0.4):
                self.lines_of(indent + 2, 1)
            self.emit(indent + 2, self.random.choice(words))
        self.lines_of(indent + 1, 1)
        self.trips //= 6
        self.loops -= 1
        self.indices.pop()
        if self.chance(0.3):
            self.emit(indent, "else:")
            self.emit(indent + 1, self.pick("j += 100", "return s, log", "log.append('else')"))

    def searching(self, indent: int) -> None:
        name = self.fresh("i")
        array = self.pick("a", "v", "w", "c", "items[2]")
        self.emit(indent, f"for {name} in range(len({array})):")
        self.emit(indent + 1, f"if {array}[{name}] {self.pick('>', '==', '<')} {self.number(0)}:")
        self.emit(
            indent + 2,
            self.pick("break", f"j = {name}; break", f"k += {name}; continue", f"return {name}, s"),
        )
        self.emit(indent + 1, self.pick(f"s += {array}[{name}]", f"{array}[{name}] -= 1", "j += 1"))
        self.emit(indent, "else:")
        self.emit(indent + 1, self.pick("j = -1", "log.append(None)", "s = t"))

    # Functions inside

    def comprehension(self, indent: int) -> None:
        array = self.pick("a", "v", "b", "w", "c")
        self.emit(
            indent,
            self.pick(
                f"s = sum(q * q for q in {array})", f"k = sum(1 for q in {array} if q > {self.number(0)})", f"log.append([q * 2 for q in {array}[:3]])",
                f"s = max((q for q in {array}), default=0.0)", f"j = any(q > s for q in {array})", f"j = all(q < t for q in {array}[:4])",
                f"v = np.array([q + s for q in {array}])", "s += sum(i * q for i, q in enumerate(v))", f"t = sum(q * r for q, r in zip(a, {array}))",
                f"j = max(range(len({array}) + 1), key=lambda i: i * s)", f"k = min(range(1, 5), key=lambda i: abs(i - {self.number(0)}))",
                f"log.append({{i: q for i, q in enumerate({array}[:2])}})", "s = sum(m[i][0] for i in range(3))", f"log.append(sorted({array}.tolist())[:2])",
                f"log.append(next((i for i, q in enumerate({array}) if q > 0), None))", f"s = sum(map(abs, {array}))", f"s = float(np.mean([q for q in {array}] or [0.0]))",
                "v = np.array([[i * k for i in range(3)] for k in range(2)])[1] * 1.0", "s, t = min(s, t), max(s, t)", "log.append(list(map(float, a[:2])))",
            ),
        )  # fmt: skip

    def closure(self, indent: int) -> None:
        name = self.fresh("g")
        pick = self.random.randrange(4)
        if pick == 0:
            self.emit(indent, f"{name} = lambda q, r=s: q * r + {self.integer(0)}")
            self.emit(indent, f"t = {name}({self.number(0)})")
        elif pick == 1:
            self.emit(indent, f"def {name}(q, i={self.integer(0)}):")
            self.emit(indent + 1, f"if q {self.pick('>', '<')} {self.number(0)}:")
            self.emit(indent + 2, self.pick("return q", "raise Refused(i, q)", "return -q * i"))
            self.emit(indent + 1, "return q + i")
            self.emit(indent, f"s = {name}({self.number(0)})")
        elif pick == 2:
            self.emit(indent, f"def {name}(q):")
            self.emit(indent + 1, "nonlocal_total[0] += q")
            self.emit(indent + 1, "return len(nonlocal_total)")
            self.emit(indent, "nonlocal_total = [s]")
            self.emit(indent, f"for q in {self.pick('a', 'v', 'range(5)')}: j += {name}(q)")
            self.emit(indent, "s = nonlocal_total[0]")
        else:
            self.emit(indent, f"def {name}(q, depth):")
            self.emit(
                indent + 1,
                "return q if depth <= 0 or q > 100 else " + f"{name}(q * 1.5 + 1, depth - 1)",
            )
            self.emit(indent, f"s = {name}({self.number(0)}, {self.pick('3', '5', 'n')})")

    def generator(self, indent: int) -> None:
        self.emit(indent, f"for q in halves({self.pick('n', '20', 'len(a)', 'abs(j) % 40')}):")
        self.emit(
            indent + 1, self.pick("s += q", "j += q", f"a[{self.index()}] += q", "log.append(q)")
        )
