"""Graphs with loops and branches, each with inputs that it runs on."""

from __future__ import annotations

from typing import Any

import numpy as np

GRAPHS: dict[str, tuple[str, list[Any]]] = {}


def _add(name: str, text: str, *inputs: Any) -> None:
    GRAPHS[name] = text, list(inputs)


_NUMBERS = np.random.default_rng(0)

_add(
    "sum_of_scalars",
    """
    graph @f(%n: i64[], %x: f64[]) -> f64[] {
      %zero: i64[] = constant {value=i64[](0)}
      %one: i64[] = constant {value=i64[](1)}
      %total: f64[] = for %zero, %n, %one, %x (%i: i64[], %acc: f64[]) {
        %f: f64[] = cast %i {dtype=f64}
        %next: f64[] = add %acc, %f
        yield %next
      }
      return %total
    }
    """,
    10,
    0.5,
)

_add(
    "prefix_recurrence",
    """
    graph @f(%a: f64[s0], %out: f64[s0]) -> ()
        where s0 = %a.shape[0] {
      %zero: i64[] = constant {value=i64[](0)}
      %one: i64[] = constant {value=i64[](1)}
      %n: i64[] = dimension {dim=s0}
      %start: f64[] = constant {value=f64[](1.0)}
      %last: f64[], %done: f64[s0] = for %zero, %n, %one, %start, %out
          (%i: i64[], %h: f64[], %o: f64[s0]) {
        %x: f64[] = gather %a, %i {axes=[0]}
        %half: f64[] = constant {value=f64[](0.5)}
        %scaled: f64[] = multiply %h, %half
        %next: f64[] = add %scaled, %x
        %o2: f64[s0] = scatter %o, %next, %i {axes=[0], mode="set"}
        yield %next, %o2
      }
      write %out = %done
      return
    }
    """,
    _NUMBERS.normal(size=17),
    np.zeros(17),
)

_add(
    "matrix_product_by_elements",
    """
    graph @f(%a: f64[s0,s1], %b: f64[s1,s2]) -> f64[s0,s2]
        where s0 = %a.shape[0], s1 = %a.shape[1], s2 = %b.shape[1] {
      %zero: i64[] = constant {value=i64[](0)}
      %one: i64[] = constant {value=i64[](1)}
      %n: i64[] = dimension {dim=s0}
      %m: i64[] = dimension {dim=s2}
      %l: i64[] = dimension {dim=s1}
      %f0: f64[] = constant {value=f64[](0.0)}
      %c: f64[s0,s2] = full %f0 {shape=[s0, s2]}
      %r: f64[s0,s2] = for %zero, %n, %one, %c (%i: i64[], %c1: f64[s0,s2]) {
        %r1: f64[s0,s2] = for %zero, %m, %one, %c1 (%j: i64[], %c2: f64[s0,s2]) {
          %t: f64[] = for %zero, %l, %one, %f0 (%k: i64[], %acc: f64[]) {
            %x: f64[] = gather %a, %i, %k {axes=[0, 1]}
            %y: f64[] = gather %b, %k, %j {axes=[0, 1]}
            %p: f64[] = multiply %x, %y
            %q: f64[] = add %acc, %p
            yield %q
          }
          %c3: f64[s0,s2] = scatter %c2, %t, %i, %j {axes=[0, 1], mode="set"}
          yield %c3
        }
        yield %r1
      }
      return %r
    }
    """,
    _NUMBERS.normal(size=(6, 5)),
    _NUMBERS.normal(size=(5, 7)),
)

_add(
    "stencil_in_time",
    """
    graph @f(%a: f64[12,13], %b: f64[12,13], %steps: i64[]) -> () {
      %zero: i64[] = constant {value=i64[](0)}
      %one: i64[] = constant {value=i64[](1)}
      %w: f64[] = constant {value=f64[](0.25)}
      %an: f64[12,13], %bn: f64[12,13] = for %zero, %steps, %one, %a, %b
          (%t: i64[], %u: f64[12,13], %v: f64[12,13]) {
        %n: f64[10,11] = slice %u {starts=[0, 1], steps=[1, 1], shape=[10, 11]}
        %s: f64[10,11] = slice %u {starts=[2, 1], steps=[1, 1], shape=[10, 11]}
        %e: f64[10,11] = slice %u {starts=[1, 0], steps=[1, 1], shape=[10, 11]}
        %x1: f64[10,11] = add %n, %s
        %x2: f64[10,11] = add %x1, %e
        %x3: f64[10,11] = multiply %x2, %w
        %v2: f64[12,13] = update %v, %x3
            {views=[slice{starts=[1, 1], steps=[1, 1], shape=[10, 11]}]}
        %m: f64[10,11] = slice %v2 {starts=[1, 2], steps=[1, 1], shape=[10, 11]}
        %y: f64[10,11] = multiply %m, %w
        %u2: f64[12,13] = update %u, %y {views=[slice{starts=[1, 1], steps=[1, 1], shape=[10, 11]}]}
        yield %u2, %v2
      }
      write %a = %an
      write %b = %bn
      return
    }
    """,
    _NUMBERS.normal(size=(12, 13)),
    _NUMBERS.normal(size=(12, 13)),
    5,
)

_add(
    "swapped_arrays",
    """
    graph @f(%a: f64[20], %b: f64[20], %steps: i64[]) -> (f64[20], f64[20]) {
      %zero: i64[] = constant {value=i64[](0)}
      %one: i64[] = constant {value=i64[](1)}
      %an: f64[20], %bn: f64[20] = for %zero, %steps, %one, %a, %b
          (%t: i64[], %u: f64[20], %v: f64[20]) {
        %l: f64[18] = slice %u {starts=[0], steps=[1], shape=[18]}
        %r: f64[18] = slice %u {starts=[2], steps=[1], shape=[18]}
        %x: f64[18] = add %l, %r
        %v2: f64[20] = update %v, %x {views=[slice{starts=[1], steps=[1], shape=[18]}]}
        yield %v2, %u
      }
      return %an, %bn
    }
    """,
    _NUMBERS.normal(size=20),
    _NUMBERS.normal(size=20),
    3,
)

_add(
    "fresh_array_each_time",
    """
    graph @f(%a: f64[8,8], %x: f64[8,1], %steps: i64[]) -> f64[8,1] {
      %zero: i64[] = constant {value=i64[](0)}
      %one: i64[] = constant {value=i64[](1)}
      %r: f64[8,1] = for %zero, %steps, %one, %x (%t: i64[], %u: f64[8,1]) {
        %p: f64[8,1] = matmul %a, %u
        %s: f64[1,1] = max %p {axes=[0, 1], keepdims=true}
        %q: f64[8,1] = divide %p, %s
        yield %q
      }
      return %r
    }
    """,
    _NUMBERS.normal(size=(8, 8)) + 3,
    np.ones((8, 1)),
    4,
)

_add(
    "scalars_that_swap",
    """
    graph @f(%n: i64[]) -> (i64[], i64[]) {
      %zero: i64[] = constant {value=i64[](0)}
      %one: i64[] = constant {value=i64[](1)}
      %p: i64[], %q: i64[] = for %zero, %n, %one, %zero, %one (%i: i64[], %a: i64[], %b: i64[]) {
        %c: i64[] = add %a, %b
        yield %b, %c
      }
      return %p, %q
    }
    """,
    30,
)

_add(
    "while_with_two_carried",
    """
    graph @f(%n: i64[], %x: f64[5]) -> (i64[], f64[5]) {
      %one: i64[] = constant {value=i64[](1)}
      %two: f64[] = constant {value=f64[](2.0)}
      %limit: f64[] = constant {value=f64[](100.0)}
      %k: i64[], %y: f64[5] = while %one, %x (%a: i64[], %u: f64[5]) {
        %m: f64[] = sum %u {axes=[0], keepdims=false}
        %small: bool[] = less %m, %limit
        %few: bool[] = less %a, %n
        %both: bool[] = logical_and %small, %few
        yield %both
      } (%b: i64[], %v: f64[5]) {
        %c: i64[] = add %b, %one
        %w: f64[5] = multiply %v, %two
        yield %c, %w
      }
      return %k, %y
    }
    """,
    50,
    np.arange(5.0),
)

_add(
    "branch_on_scalars",
    """
    graph @f(%x: f64[], %a: f64[6], %i: i64[]) -> (f64[], f64[6]) {
      %zero: f64[] = constant {value=f64[](0.0)}
      %big: bool[] = greater %x, %zero
      %y: f64[], %b: f64[6] = cond %big () {
        %p: f64[] = sqrt %x
        %a2: f64[6] = scatter %a, %p, %i {axes=[0], mode="set"}
        yield %p, %a2
      } () {
        %q: f64[] = negative %x
        yield %q, %a
      }
      return %y, %b
    }
    """,
    2.0,
    np.arange(6.0),
    3,
)

_add(
    "branch_that_writes_in_a_loop",
    """
    graph @f(%x: f64[s0], %out: f64[s0]) -> f64[]
        where s0 = %x.shape[0] {
      %zero: i64[] = constant {value=i64[](0)}
      %one: i64[] = constant {value=i64[](1)}
      %n: i64[] = dimension {dim=s0}
      %f0: f64[] = constant {value=f64[](0.0)}
      %best: f64[], %o: f64[s0] = for %zero, %n, %one, %f0, %out
          (%i: i64[], %m: f64[], %o1: f64[s0]) {
        %e: f64[] = gather %x, %i {axes=[0]}
        %more: bool[] = greater %e, %m
        %m2: f64[], %o2: f64[s0] = cond %more () {
          %o3: f64[s0] = scatter %o1, %e, %i {axes=[0], mode="set"}
          yield %e, %o3
        } () {
          yield %m, %o1
        }
        yield %m2, %o2
      }
      write %out = %o
      return %best
    }
    """,
    np.array([0.5, 0.25, 2.0, -1.0, 3.0, 1.0]),
    np.zeros(6),
)

_add(
    "triangular_loop_with_growing_slices",
    """
    graph @f(%a: f64[s0,s0]) -> f64[s0]
        where s0 = %a.shape[0], s1 = %i {
      %one_f: f64[] = constant {value=f64[](1.0)}
      %zero: i64[] = constant {value=i64[](0)}
      %one: i64[] = constant {value=i64[](1)}
      %n: i64[] = dimension {dim=s0}
      %f0: f64[] = constant {value=f64[](0.0)}
      %start: f64[s0] = full %f0 {shape=[s0]}
      %r: f64[s0] = for %zero, %n, %one, %start (%i: i64[], %v: f64[s0]) {
        %row: f64[1,s1] = slice %a {starts=[s1, 0], steps=[1, 1], shape=[1, s1]}
        %flat: f64[s1] = squeeze %row {axes=[0]}
        %head: f64[s1] = slice %v {starts=[0], steps=[1], shape=[s1]}
        %p: f64[s1] = multiply %flat, %head
        %s: f64[] = sum %p {axes=[0], keepdims=false}
        %t: f64[] = add %s, %one_f
        %w: f64[s0] = scatter %v, %t, %i {axes=[0], mode="set"}
        yield %w
      }
      return %r
    }
    """,
    _NUMBERS.normal(size=(9, 9)),
)

_add(
    "negative_step_and_no_iteration",
    """
    graph @f(%n: i64[], %m: i64[]) -> (i64[], i64[]) {
      %zero: i64[] = constant {value=i64[](0)}
      %step: i64[] = constant {value=i64[](-3)}
      %ten: i64[] = constant {value=i64[](10)}
      %a: i64[] = for %n, %zero, %step, %zero (%i: i64[], %s: i64[]) {
        %sum: i64[] = multiply %s, %ten
        %t: i64[] = add %sum, %i
        yield %t
      }
      %b: i64[] = for %n, %m, %ten, %ten (%j: i64[], %u: i64[]) {
        yield %j
      }
      return %a, %b
    }
    """,
    11,
    5,
)
