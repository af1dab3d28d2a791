"""Small autograd engines: a graph of objects whose sets of parents are sorted by a recursion."""

import numpy as np
import pytest

import jitflow


class Node:
    """An array with its gradient, and how the gradient reaches the parents."""

    def __init__(self, data, parents=()):
        self.data = data
        self.grad = np.zeros_like(data)
        self.parents = set(parents)
        self.push = lambda: None

    def __add__(self, other):
        out = Node(self.data + other.data, (self, other))

        def push():
            self.grad += fold(out.grad, self.data.shape)
            other.grad += fold(out.grad, other.data.shape)

        out.push = push
        return out

    def __mul__(self, other):
        out = Node(self.data * other.data, (self, other))

        def push():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad

        out.push = push
        return out

    def __matmul__(self, other):
        out = Node(self.data @ other.data, (self, other))

        def push():
            self.grad += out.grad @ other.data.T
            other.grad += self.data.T @ out.grad

        out.push = push
        return out

    def tanh(self):
        out = Node(np.tanh(self.data), (self,))

        def push():
            self.grad += (1 - out.data**2) * out.grad

        out.push = push
        return out

    def transpose(self, axes):
        out = Node(self.data.transpose(axes), (self,))

        def push():
            self.grad += out.grad.transpose(tuple(np.argsort(axes)))

        out.push = push
        return out

    def backward(self):
        order, visited = [], set()

        def visit(node):
            if node not in visited:
                visited.add(node)
                for parent in node.parents:
                    visit(parent)
                order.append(node)

        visit(self)
        self.grad = np.ones_like(self.data)
        for node in reversed(order):
            node.push()


def fold(grad, shape):
    while grad.ndim > len(shape):
        grad = grad.sum(axis=0)
    return grad


def parameters():
    rng = np.random.default_rng(0)
    shapes = ((4, 8), (8,), (8, 2), (2,))
    return [Node(rng.normal(size=shape)) for shape in shapes]


def loss_of(weights, x):
    first, bias, second, last = weights
    hidden = (Node(x) @ first + bias).tanh()
    return hidden @ second + last


def train(weights, x, rate):
    out = loss_of(weights, x)
    loss = out * out
    for weight in weights:
        weight.grad = np.zeros_like(weight.grad)
    loss.backward()
    for weight in weights:
        weight.data -= rate * weight.grad
    return loss.data.sum()


def is_one_piece(report):
    return report.pieces == 1 and not report.breaks


def test_a_training_step_is_one_piece():
    x = np.random.default_rng(1).normal(size=(5, 4))
    expected, got = parameters(), parameters()
    compiled = jitflow.compile(train)
    for _ in range(4):
        np.testing.assert_allclose(compiled(got, x, 0.1), train(expected, x, 0.1), rtol=1e-12)
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(one.data, other.data, rtol=1e-12)
    assert is_one_piece(compiled.report())


def test_deep_graphs_are_walked(check):
    def function(x, steps):
        start = Node(x)
        node = start
        for _ in range(steps):
            node = node.tanh()
        node.backward()
        return start.grad

    assert is_one_piece(check(function, (np.linspace(-1, 1, 5), 60)))


def test_axes_that_are_sorted(check):
    def function(x):
        start = Node(x)
        start.transpose((0, 2, 1)).backward()
        return start.grad

    assert is_one_piece(check(function, (np.ones((2, 3, 4)),)))


@pytest.mark.parametrize("kind", [set, dict])
def test_objects_that_were_told_apart_may_become_one(kind):
    def function(first, second, x):
        known = {first} if kind is set else {first: 1}
        return x * 2 if second in known else x * 3

    one, other = Node(np.ones(2)), Node(np.ones(2))
    compiled = jitflow.compile(function)
    x = np.ones(3)
    assert compiled(one, other, x)[0] == 3
    assert compiled(one, one, x)[0] == 2
    assert compiled(other, one, x)[0] == 3
    assert compiled(other, other, x)[0] == 2


def test_identities_that_were_told_apart_may_become_one():
    def function(first, second, x):
        return x * len({id(first): 1, id(second): 2})

    one, other = Node(np.ones(2)), Node(np.ones(2))
    compiled = jitflow.compile(function)
    x = np.ones(3)
    assert [compiled(one, other, x)[0], compiled(one, one, x)[0]] == [2, 1]


def test_the_keys_of_a_dict_from_outside():
    def function(table, key, x):
        return x * table[key]

    one, other = Node(np.ones(2)), Node(np.ones(2))
    table = {one: 2.0, other: 5.0}
    compiled = jitflow.compile(function)
    x = np.ones(3)
    assert [compiled(table, key, x)[0] for key in (one, other, one)] == [2, 5, 2]


def test_a_set_from_outside_is_walked_in_its_order():
    def function(nodes, x):
        for node in nodes:
            x = x * 0.5 + node.data
        return x

    nodes = {Node(np.full(3, float(number))) for number in range(5)}
    compiled = jitflow.compile(function)
    for _ in range(2):
        np.testing.assert_array_equal(compiled(nodes, np.ones(3)), function(nodes, np.ones(3)))
    assert is_one_piece(compiled.report())


class Adam:
    """An optimiser that keeps its moments by the identities of the weights."""

    def __init__(self):
        self.moments = {}

    def update(self, weights):
        for weight in weights:
            key = id(weight)
            if key not in self.moments:
                self.moments[key] = np.zeros_like(weight.data)
            self.moments[key] = 0.9 * self.moments[key] + 0.1 * weight.grad
            weight.data -= 0.1 * self.moments[key]


def test_moments_by_identity():
    def step(optimiser, weights, x):
        loss_of(weights, x).backward()
        optimiser.update(weights)
        return weights[0].data.sum()

    x = np.random.default_rng(1).normal(size=(5, 4))
    compiled = jitflow.compile(step)
    expected, got = parameters(), parameters()
    first, second = Adam(), Adam()
    for _ in range(4):
        np.testing.assert_allclose(compiled(second, got, x), step(first, expected, x), rtol=1e-12)
    assert list(second.moments) == [id(weight) for weight in got]
    assert not compiled.report().breaks
    others = parameters()  # other objects of the same shapes are other keys
    compiled(second, others, x)
    assert list(second.moments) == [id(weight) for weight in (*got, *others)]
