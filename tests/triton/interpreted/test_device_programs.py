"""The whole way with no GPU: decorator, tracer, guards, Triton kernels, launches.

Arrays are those of a stand-in for CuPy; kernels run in Triton's interpreter. Each program is run
eagerly and compiled on the same inputs.
"""

import numpy as np
import pytest
from helpers import host_device
from helpers.device_running import launcher, same
from helpers.host_device import DeviceArray, HostDevice, to_device

import jitflow
from jitflow.core.config import config


@pytest.fixture
def device():
    with (
        config().override(measure=False, strict=True),
        host_device.installed(HostDevice(launcher)) as made,
    ):
        yield made


def clone(value):
    if isinstance(value, DeviceArray):
        return to_device(value.host)
    if isinstance(value, (tuple, list)):
        return type(value)(map(clone, value))
    return value


def check(function, *inputs, pieces=1, breaks=0, whole=True):
    """Eager and compiled runs agree, twice, also in what they leave in their arguments."""
    compiled = jitflow.compile(function, fullgraph=whole and not breaks)
    for _ in range(2):
        first, second = clone(inputs), clone(inputs)
        expected = function(*first)
        got = compiled(*second)
        same(got, expected)
        same(second, first)
    report = compiled.report()
    assert report.breaks == breaks, str(report)
    return compiled


def floats(*shape, dtype=np.float32, seed=0):
    return to_device(np.random.default_rng(seed).normal(size=shape).astype(dtype))


def test_an_elementwise_chain_is_one_kernel(device):
    compiled = check(
        lambda x, y: np.maximum(x * y + 1, 0) - np.exp(-x), floats(100), floats(100, seed=1)
    )
    assert device.launches == 2
    assert "@triton.jit" in compiled.report().as_dict()["pieces"][0]["texts"]["triton"]


def test_scalars_of_the_host_are_passed(device):
    check(lambda x, a, n: x * a + n, floats(33), 0.5, 3)
    check(lambda x, a: x * a, floats(33), np.float32(2.5))
    check(lambda x, flag: x if flag else -x, floats(33), True)


def test_a_full_reduction_is_an_array_of_rank_0(device):
    check(lambda x: x.sum(), floats(7, 5))
    check(lambda x: np.max(x) - x.min(), floats(7, 5))
    check(lambda x: (x / x.sum()).mean(), floats(40))


def test_rows_and_columns(device):
    check(lambda x: x - x.mean(axis=1, keepdims=True), floats(6, 9))
    check(lambda x: x.sum(axis=0), floats(6, 9))


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def test_softmax(device):
    check(softmax, floats(8, 50))


def test_a_number_is_read_back_where_the_program_asks(device):
    def norm(x):
        return float(np.sqrt((x * x).sum()))

    check(norm, floats(64))
    assert device.reads


def test_views_stay_views(device):
    def transpose(x):
        return x.T

    x = floats(3, 4)
    result = jitflow.compile(transpose)(x)
    assert np.shares_memory(result.host, x.host)
    check(lambda x: x[1:, ::2] * 2, floats(5, 8))
    check(lambda x: x.T + 1, floats(5, 8))


def test_an_element_is_a_view(device):
    def alias(x):
        first = x[0]
        x[0] = 5
        return first, x

    check(alias, floats(4))


def test_writes_go_to_the_argument(device):
    def relu_(x):
        x *= 2
        x[x < 0] = 0
        return None

    check(relu_, floats(6, 6))

    def rows(x, y):
        x[1:3] = y
        x[0, 0] += 1
        return x

    check(rows, floats(4, 5), floats(5, seed=2))


def test_strided_and_fortran_inputs(device):
    base = np.random.default_rng(3).normal(size=(6, 8)).astype(np.float32)

    def f(x):
        return x * 2 + x.sum()

    compiled = jitflow.compile(f)
    for view in (base[:, ::2], base.T, base[::-1], base[1:, 3:]):
        x = DeviceArray(view)
        same(compiled(x), f(x))


def test_products(device):
    def layer(x, w, b):
        return np.maximum(x @ w + b, 0)

    check(layer, floats(5, 700), floats(700, 3, seed=1), floats(3, seed=2))
    assert device.products == 2  # one that is short is made with what follows, in one kernel
    check(layer, floats(5, 7), floats(7, 3, seed=1), floats(3, seed=2))
    assert device.products == 2
    check(lambda x, y: x @ y, floats(2, 5, 7), floats(2, 7, 3, seed=1))


def test_sizes_become_symbolic(device):
    def f(x):
        return (x * 2 + 1).sum(axis=0)

    compiled = jitflow.compile(f)
    for rows in (5, 9, 30, 2):
        x = floats(rows, 4)
        same(compiled(x), f(x))
    assert compiled.report().recompiles == 1


def test_a_loop_on_the_device(device):
    def power(a, x, n):
        for _ in range(n):
            x = a @ x
            x = x / np.sqrt((x * x).sum())
        return x

    check(power, floats(6, 6), floats(6, seed=1), 5)


def test_temporaries_that_grow_and_shrink_in_a_loop(device):
    def triangle(a):
        out = a.copy()
        for i in range(1, a.shape[0]):
            out[i, :i] = out[i, :i] * out[:i, 0] + (out[i, :i] * 2).sum()
            out[i:, i] -= out[i:, :i] @ out[i, :i]
        return out

    check(triangle, floats(7, 7, dtype=np.float64))


def test_a_loop_that_data_ends(device):
    def newton(a):
        x = a * 1
        while float(np.abs(x * x - a).max()) > 1e-5:
            x = 0.5 * (x + a / x)
        return x

    check(newton, to_device(np.array([2.0, 9.0, 0.5])))


def test_a_branch_on_data(device):
    def scaled(x):
        if x.sum() > 0:
            return x * 2
        return x - 1

    check(scaled, to_device(np.ones(5)))
    check(scaled, to_device(-np.ones(5)))


def test_a_break_leaves_arrays_where_they_are(device, capsys):
    def f(x):
        y = x * 2 + 1
        print(y.shape)
        return y - 1

    check(f, floats(5, 3), breaks=1)


def test_arrays_of_the_host_stay_arrays_of_the_host(device):
    def f(x):
        return x * np.ones(3)

    with pytest.raises(TypeError, match="Unsupported type"):
        jitflow.compile(f)(to_device(np.ones(3)))

    def g(x, y):
        return x + y

    compiled = jitflow.compile(g)
    with pytest.raises(TypeError, match="Unsupported type"):
        compiled(to_device(np.ones(3)), np.ones(3))
    same(compiled(to_device(np.ones(3)), to_device(np.ones(3))), to_device(np.full(3, 2.0)))
    assert type(compiled(np.ones(3), np.ones(3))) is np.ndarray


def test_a_host_constant_in_the_program_is_used_by_the_host(device):
    def f(x, n):
        scale = np.arange(n).sum()
        return x * scale

    compiled = jitflow.compile(f)
    same(compiled(floats(5), 4), f(floats(5), 4))


def test_one_function_serves_both_memories(device):
    def f(x):
        return np.tanh(x) * 2

    compiled = jitflow.compile(f)
    host = np.linspace(-1, 1, 9)
    for _ in range(3):
        np.testing.assert_allclose(compiled(host), f(host), rtol=1e-14)
        same(compiled(to_device(host)), f(to_device(host)))
    assert compiled.native_address
    assert compiled.report().pieces == 2


def test_indices(device):
    def f(x, i):
        return x[i] + 1

    check(f, floats(9, 2), to_device(np.array([0, 3, -1])))


def test_a_failed_check_runs_eagerly(device):
    def f(x, i):
        return x[i]

    compiled = jitflow.compile(f)
    good, bad = to_device(np.array([0, 1])), to_device(np.array([0, 99]))
    x = floats(4)
    same(compiled(x, good), f(x, good))
    with pytest.raises(IndexError):
        compiled(x, bad)


def test_out_of_memory_runs_eagerly(device):
    def f(x):
        return np.exp(x) + 1

    compiled = jitflow.compile(f)
    x = floats(1000)
    same(compiled(x), f(x))
    device.limit = 100
    same(compiled(x), f(x))
    assert "JF-B025" in str(compiled.report())
    device.limit = None
    launches = device.launches
    same(compiled(x), f(x))
    assert device.launches == launches + 1


def test_verification_compares_contents(device):
    def f(x):
        return np.exp(x) * 2

    verified = jitflow.compile(f, verify=True)
    x = floats(9)
    same(verified(x), f(x))
    real, device.launcher = device.launcher, lambda kernel, wide: lambda grid, arguments: None
    with pytest.raises(jitflow.VerifyError, match="result"):
        jitflow.compile(f, verify=True)(x)
    device.launcher = real


def test_an_axis_may_be_marked_dynamic(device):
    compiled = jitflow.compile(lambda x: x * 2)
    x = floats(5, 3)
    jitflow.mark_dynamic(x, 0)
    compiled(x)
    compiled(floats(8, 3))
    assert compiled.report().recompiles == 0


def test_half_precision(device):
    check(
        lambda x, y: x * y + x, floats(20, dtype=np.float16), floats(20, dtype=np.float16, seed=1)
    )


@pytest.fixture
def wrapping():
    with (
        config().override(measure=False, strict=True),
        host_device.installed(HostDevice(launcher), wraps_indices=True) as made,
    ):
        yield made


INDICES = np.array([3, -1, 7, 12, -9, 0, 2**40 + 1, -(2**40)])


def test_indices_out_of_bounds_go_around_where_eager_code_has_it_so(wrapping):
    x, index = floats(7, 4), to_device(INDICES)
    compiled = jitflow.compile(lambda x, i: x[i] * 2 + x[i, 1][:, None], fullgraph=True)
    got = compiled(x, index)
    around = INDICES % 7
    np.testing.assert_array_equal(got.host, x.host[around] * 2 + x.host[around, 1][:, None])
    assert wrapping.reads == 0  # nothing to look at
    assert "wrapped" in compiled.report().as_dict()["pieces"][0]["texts"]["loops"]


@pytest.mark.parametrize("extent", [1, 7, "symbolic"])
def test_elements_are_stored_around_the_end(wrapping, extent):
    @jitflow.compile(dynamic=True if extent == "symbolic" else None)
    def store(x, i, y):
        x[i] = y
        x[:1] += 1
        return x

    size = 7 if extent == "symbolic" else extent
    x, y, index = floats(size), floats(len(INDICES), seed=1), to_device(INDICES)
    expected = x.host.copy()
    expected[INDICES % size] = y.host
    expected[:1] += 1
    np.testing.assert_allclose(store(x, index, y).host, expected, rtol=1e-6)
    assert wrapping.reads == 0


def test_an_index_that_is_a_number_is_checked(wrapping):
    @jitflow.compile
    def element(x, k):
        total = x[0] * 0
        for i in range(3):
            total = total + x[k * i]
        return total

    x = floats(7)
    assert element(x, 2).host == x.host[0] + x.host[2] + x.host[4]
    with pytest.raises(IndexError):
        element(x, 4)
    with pytest.raises(IndexError):
        element(x, 5)


def test_no_index_fits_an_axis_of_nothing(wrapping):
    with config().override(strict=False), pytest.raises(IndexError):
        jitflow.compile(lambda x, i: x[i])(floats(0), to_device(np.array([0])))


def test_what_cannot_fail_is_not_looked_at(device):
    x, y = floats(40), floats(40, seed=1)
    compiled = jitflow.compile(lambda x, y: x % y + x // y, fullgraph=True)
    same(compiled(x, y), x % y + x // y)
    assert device.reads == 0
