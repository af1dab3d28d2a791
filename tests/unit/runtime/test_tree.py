"""The decision tree evaluates equal beginnings once, and gives the variants that may fit."""

from jitflow.guards.checks import Let, Test
from jitflow.runtime.glue import GlueText
from jitflow.runtime.tree import make_tree


class Counting:
    reads = 0

    def __init__(self, w):
        self._w = w

    @property
    def w(self):
        Counting.reads += 1
        return self._w


def glue(name, *steps):
    return GlueText(name, 1, steps, (f"return {name!r}",), {})


FIRST = Let("t0", "v0.w")
THREE = glue("three", FIRST, Test("t0 == 3"))
FOUR = glue("four", FIRST, Test("t0 == 4"), Test("v0 is not None"))
SMALL = glue("small", FIRST, Test("t0 < 10"))


def names(select, *state):
    return [function(*state) for function in select(*state)]


def test_only_fitting_variants_are_given_in_order():
    select = make_tree([FOUR, THREE, SMALL], 1)
    assert names(select, Counting(4)) == ["four", "small"]
    assert names(select, Counting(3)) == ["three", "small"]
    assert names(select, Counting(5)) == ["small"]
    assert names(select, Counting(11)) == []


def test_equal_beginnings_are_evaluated_once():
    select = make_tree([FOUR, THREE, SMALL], 1)
    Counting.reads = 0
    assert len(select(Counting(4))) == 2
    assert Counting.reads == 1


def test_a_lost_source_excludes_its_branch_alone():
    keyed = glue("keyed", Let("t0", "v0['w']"), Test("t0 == 3"))
    select = make_tree([keyed, THREE], 1)
    assert names(select, Counting(3)) == ["three"]
    assert names(select, {"w": 3}) == ["keyed"]


def test_variants_with_equal_guards_are_all_given():
    select = make_tree([THREE, glue("again", *THREE.steps)], 1)
    assert names(select, Counting(3)) == ["three", "again"]


def test_hundreds_of_guards_do_not_nest():
    tests = [Test(f"v0 != {i}") for i in range(500)]
    select = make_tree([glue("many", *tests), glue("more", *tests, Test("v0 > 600"))], 1)
    assert names(select, 550) == ["many"]
    assert names(select, 700) == ["many", "more"]
