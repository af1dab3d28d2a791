"""Random programs that draw: loops and branches over NumPy's generators and Python's."""

from __future__ import annotations

from loop_programs import LoopProgram


class DrawProgram(LoopProgram):
    """Writes one ``program(a, b, c, m, n, p, box, items, rng, old, std)``.

    `rng` is a `Generator`, `old` a `RandomState`, `std` a `random.Random`; the module `np.random` and
    the module `random` are seeded before the call. What was drawn decides branches and indices.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.random.seed(f"draws {seed}")
        self.lines = ["def program(a, b, c, m, n, p, box, items, rng, old, std):"]
        self.source_of_draws = self.random.sample(
            ["rng", "rng", "old", "std", "np.random", "random"], self.random.choice([1, 1, 2, 3])
        )

    def draw(self) -> str:
        """A number that is drawn."""
        given = self.random.choice(self.source_of_draws)
        return {
            "rng": self.of_generator,
            "old": self.of_older,
            "np.random": self.of_older,
            "std": self.of_standard,
            "random": self.of_standard,
        }[given](given)

    def of_generator(self, name: str) -> str:
        i = self.integer(0)
        return f"{name}." + self.pick(
            "random()", "random()", "normal()", "standard_normal()", "uniform(-1, 1)", "uniform(s, s + 1)", "exponential(0.5)",
            "integers(10)", "integers(0, 5)", f"integers(abs({i}) + 1)", "integers(-3, 4)", "normal(s, 0.5)", "normal(0, abs(s))",
            "poisson(2.0)", "binomial(5, 0.5)", "gamma(2.0)", "beta(1.0, 2.0)", "choice(5)", "integers(2) == 1", "laplace()", "gumbel()",
            "geometric(0.3)", "random(3).sum()", "normal(size=2)[0]", "integers(0, 9, 3)[1]", "permutation(4)[0]", "choice(a[:1])", "lognormal()",
            "standard_exponential()", "weibull(1.5)", "triangular(0, 1, 2)", "choice([1, 2, 3])", "uniform()", f"normal(0.0, {self.pick('1.0', 's', '-1.0')})",
        )  # fmt: skip

    def of_older(self, name: str) -> str:
        i = self.integer(0)
        return f"{name}." + self.pick(
            "rand()", "rand()", "randn()", "randn()", "random()", "randint(10)", "randint(0, 5)", f"randint(abs({i}) + 1)", "normal()",
            "uniform(-1, 1)", "exponential(0.5)", "random_sample()", "normal(s, 0.5)", "rand(3).sum()", "randn(2)[1]", "choice(5)", "poisson(2.0)",
            "permutation(4)[0]", "standard_normal()", "uniform()", "binomial(3, 0.5)", "randint(-3, 4)", "randint(0, 2, 3)[1]",
        )  # fmt: skip

    def of_standard(self, name: str) -> str:
        i = self.integer(0)
        return f"{name}." + self.pick(
            "random()", "random()", "randint(0, 5)", "randrange(7)", "uniform(-1, 1)", "gauss(0, 1)", "choice([1, 2, 3])", "normalvariate(0, 1)",
            "expovariate(2.0)", f"randrange(abs({i}) + 1)", "randint(-3, 3)", "triangular(0, 1, 0.5)", "getrandbits(5)", "betavariate(1, 2)",
            "sample([1, 2, 3, 4], 2)[0]", "randrange(2, 20, 3)", "choices([1, 2, 3])[0]", "choice((s, t))",
        )  # fmt: skip

    def simple(self, indent: int) -> None:
        if self.chance(0.5):
            super().simple(indent)
            return
        draw, row = self.draw(), self.index()
        self.emit(
            indent,
            self.pick(
                f"s = {draw}", f"s += {draw}", f"t = t * 0.5 + {draw}", f"a[{row}] = {draw}", f"v[{row}] += {draw}", f"k = int({draw})", f"j += int({draw}) % 5",
                f"c[{row}] = int({draw}) % 4", f"a[int({draw}) % len(a)] += 1", f"s += a[int(abs({draw})) % len(a)]", f"box.value = {draw}", f"v = v + {draw}",
                f"v = a * {draw}", f"s, t = {draw}, {draw}", f"m[{row}, 0] -= {draw}", f"items[0] = {draw}",
            ),
        )  # fmt: skip
        if self.chance(0.15):
            self.emit(indent, self.pick("np.random.shuffle(a)", "rng.shuffle(a)", "old.shuffle(v)", "v = rng.normal(size=len(a))", "v = rng.random(len(a))", "a += rng.normal(size=a.shape)", "v = rng.permutation(a)", "m[0] = old.rand(len(a))", "random.shuffle(items)"))  # fmt: skip

    def condition(self, depth: int = 1) -> str:
        if self.chance(0.4) and self.loops:
            text = f"{self.draw()} {self.pick('<', '>', '<=')} {self.pick('0.5', '0.5', '0.3', 's', '2', 'p')}"
            if depth and self.chance(0.25):
                return f"{text} {self.pick('and', 'or')} {self.condition(0)}"
            return text
        return super().condition(depth)
