"""Weak references in engines: followed while what they lead to is alive, left to Python else."""

import weakref

import numpy as np
import pytest

import jitflow

X = np.arange(1.0, 4.0)


class Variable:
    def __init__(self, data):
        self.data, self.grad, self.creator = data, None, None

    def backward(self):
        self.grad = np.ones_like(self.data)
        functions = [self.creator]
        while functions:
            function = functions.pop()
            gradients = function.backward(*[output().grad for output in function.outputs])
            for x, gradient in zip(function.inputs, gradients, strict=True):
                x.grad = gradient if x.grad is None else x.grad + gradient
                if x.creator is not None and x.creator not in functions:
                    functions.append(x.creator)
            for output in function.outputs:
                output().grad = None


class Function:
    def __call__(self, *inputs):
        result = Variable(self.forward(*[x.data for x in inputs]))
        result.creator = self
        self.inputs, self.outputs = inputs, [weakref.ref(result)]
        return result


class Multiply(Function):
    def forward(self, a, b):
        return a * b

    def backward(self, gradient):
        a, b = self.inputs
        return gradient * b.data, gradient * a.data


class Exp(Function):
    def forward(self, a):
        return np.exp(a)

    def backward(self, gradient):
        return (gradient * self.outputs[0]().data,)


class Layer:
    def __init__(self):
        self.weight, self.seen, self.given = Variable(X / 3), None, None

    def __call__(self, x):
        y = Exp()(Multiply()(x, self.weight))
        self.seen, self.given = [weakref.ref(x)], [weakref.ref(y)]
        return y


def contents(value):
    """What a program gave, with what weak references lead to."""
    if isinstance(value, weakref.ref):
        return "reference", contents(value())
    if isinstance(value, Variable):
        return "variable", contents(value.data), contents(value.grad)
    if isinstance(value, tuple | list):
        return [contents(item) for item in value]
    return value


def trained(layer, x):
    layer.weight.grad = None
    v = Variable(x)
    y = layer(layer(v))
    y.backward()
    return layer.weight.grad, v.grad, y


def forward(layer, x):
    return layer(Variable(x))


def held_by_a_list(layer, x):
    found = [Variable(x), Variable(x + 1)]
    first = weakref.ref(found[0])
    return first().data + found[1].data


def in_a_loop(layer, x):
    v = Variable(x)
    reference = weakref.ref(v)
    total = 0.0
    for i in range(300):
        total += reference().data[i % 3]
    return total


def once_for_each_object(layer, x):
    v = Variable(x)
    return weakref.ref(v) is weakref.ref(v), weakref.ref(layer)() is layer, x * 2


def assert_alike(expected, got):
    if isinstance(expected, tuple | list):
        assert len(expected) == len(got)
        for left, right in zip(expected, got, strict=True):
            assert_alike(left, right)
    elif isinstance(expected, np.ndarray | float):
        np.testing.assert_allclose(got, expected, rtol=1e-14)
    else:
        assert got is expected or got == expected


def results(program, call, make):
    layer, found = Layer(), []
    for i in range(4):
        result = call(*make(layer, i))
        found.append(contents(result))
        del result
        found.append((contents(layer.seen), contents(layer.given)))
    return found


@pytest.mark.parametrize(
    "program", [trained, forward, held_by_a_list, in_a_loop, once_for_each_object]
)
def test_references_to_what_lives_are_followed(program, backend):
    compiled = jitflow.compile(program, backend=backend)

    def make(layer, i):
        return layer, X + i

    expected = results(program, program, make)
    assert_alike(expected, results(program, compiled, make))
    assert not compiled.report().breaks


def dropped(holder, x):
    v = Variable(x)
    reference = weakref.ref(v)
    before = reference() is v
    v = None
    return before, reference() is None


def dropped_from_a_list(holder, x):
    found = [Variable(x), Variable(x)]
    reference = weakref.ref(found[0])
    y = reference().data * 2
    found.pop(0)
    return y, reference() is None


def dropped_outside(holder, x):
    reference = weakref.ref(holder.weight)
    before = reference() is holder.weight
    holder.weight = Variable(x)
    return before, reference() is None


def dropped_with_its_owner(holder, x):
    reference = weakref.ref(holder.weight.grad)
    holder.weight = None
    return reference() is None


def stored_and_dropped(holder, x):
    holder.weight = Variable(x)
    reference = weakref.ref(holder.weight)
    y = reference().data + 1
    holder.weight = Variable(x + 5)
    return y, reference() is None


def alone(holder, x):
    return weakref.ref(Variable(x)), x + 1


def printed(holder, x):
    v = Variable(x)
    reference = weakref.ref(v)
    print("between")
    return reference().data * 2


def from_outside(holder, x):
    found = holder.seen[0]()
    return x + 1 if found is None else found.data * 2


@pytest.mark.parametrize(
    "program",
    [
        dropped,
        dropped_from_a_list,
        dropped_outside,
        dropped_with_its_owner,
        stored_and_dropped,
        alone,
        printed,
        from_outside,
    ],
)
def test_references_die_when_they_do_in_python(program, backend):
    kept = []

    def make(layer, i):
        holder = Layer()
        holder.weight.grad = Variable(X)
        kept.append(Variable(X * i))
        holder.seen = [weakref.ref(kept[-1])]
        if i == 2:
            kept.clear()
        return holder, X + i

    compiled = jitflow.compile(program, backend=backend)
    expected = results(program, program, make)
    assert_alike(expected, results(program, compiled, make))


def test_references_to_arrays_of_the_caller(check):
    def f(x):
        reference = weakref.ref(x)
        return x + 1, reference() is x

    check(f, (X,))
