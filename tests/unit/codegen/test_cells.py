"""Which elements of arrays are variables while a loop runs, and which loops LLVM is told of."""

import textwrap

import numpy as np
import pytest

import jitflow.ops.table  # noqa: F401  registers the operators
from jitflow.codegen.commands import Repeat, every
from jitflow.codegen.cpu.apart import keeps_apart
from jitflow.codegen.program import lower
from jitflow.ir.parser import parse
from tests.unit.codegen.running import run, segment_of

GRAPH = """
graph @f(%a: f64[9,9]) -> ()
    where s1 = %k, s2 = %i, s3 = %j {{
  %zero: i64[] = constant {{value=i64[](0)}}
  %one: i64[] = constant {{value=i64[](1)}}
  %stop: i64[] = constant {{value=i64[](9)}}
  %l1: f64[9,9] = for %zero, %stop, %one, %a (%k: i64[], %a1: f64[9,9]) {{
    %next: i64[] = dimension {{dim=s1+1}}
    %l2: f64[9,9] = for %next, %stop, %one, %a1 (%i: i64[], %a2: f64[9,9]) {{
      %l3: f64[9,9] = for {start}, {stop}, %one, %a2 (%j: i64[], %a3: f64[9,9]) {{
        %x1: f64[1,1] = slice %a3 {{starts=[{left}], steps=[1, 1], shape=[1, 1]}}
        %x: f64[] = squeeze %x1 {{axes=[0, 1]}}
        %y1: f64[1,1] = slice %a3 {{starts=[{target}], steps=[1, 1], shape=[1, 1]}}
        %y: f64[] = squeeze %y1 {{axes=[0, 1]}}
        %z: f64[] = subtract %y, %x
        %b: f64[9,9] = update %a3, %z {{views=[slice{{starts=[{target}], steps=[1, 1], shape=[1, 1]}}, squeeze{{axes=[0, 1]}}]}}
        yield %b
      }}
      yield %l3
    }}
    yield %l2
  }}
  write %a = %l1
  return
}}"""  # noqa: E501


def eager(a, start, stop, left, target):
    names = {"%next": "k + 1", "%k": "k", "%zero": "0", "%i": "i", "%stop": "9"}
    for k in range(9):
        for i in range(k + 1, 9):
            known = {"k": k, "i": i, "s1": k, "s2": i}
            for j in range(eval(names[start], known), eval(names[stop], known)):
                known["s3"] = j
                a[eval(target, known)] -= a[eval(left, known)]


@pytest.mark.parametrize(
    "start,stop,left,target,is_read,is_kept",
    [
        ("%next", "%stop", "s2, s1", "s2, s3", True, False),  # a[i, j] -= a[i, k], k < j
        ("%k", "%stop", "s2, s1", "s2, s3", False, False),
        ("%next", "%stop", "s1, s3", "s2, s3", False, False),  # nothing stays in place
        ("%zero", "%i", "s1, s2", "s2, s3", True, False),  # another row
        ("%zero", "%k", "s2, s3", "s2, s1", True, True),  # a[i, k] -= a[i, j], j < k
        ("%zero", "%i", "s2, s3", "s2, s1", False, False),
        ("%zero", "%i", "s1, s3", "s2, s2", True, True),
    ],
)
def test_elements_that_stay(start, stop, left, target, is_read, is_kept):
    places = {"start": start, "stop": stop, "left": left, "target": target}
    graph = parse(textwrap.dedent(GRAPH.format(**places)))
    a = np.random.default_rng(0).random((9, 9))
    commands = lower(segment_of(graph, [a])).program.commands
    loop = [command for command in every(commands) if isinstance(command, Repeat)][-1]
    assert (bool(loop.before), bool(loop.after)) == (is_read, is_kept)
    wanted = a.copy()
    eager(wanted, **places)
    run(graph, a)
    np.testing.assert_array_equal(a, wanted)


def test_loops_of_independent_iterations():
    for left, is_independent in (("s2, s1", True), ("s2, s3-1", False)):
        places = {"start": "%next", "stop": "%stop", "left": left, "target": "s2, s3"}
        graph = parse(textwrap.dedent(GRAPH.format(**places)))
        lowered = lower(segment_of(graph, [np.ones((9, 9))]))
        loops = [c for c in every(lowered.program.commands) if isinstance(c, Repeat)]
        assert [keeps_apart(loop, lowered) for loop in loops] == [False, False, is_independent]
