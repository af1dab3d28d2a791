"""Kernels to cubins with no GPU: parameter lists, variants, and artifacts that outlive a process."""

import json
import os
import subprocess
import sys
from importlib import metadata

import pytest

from jitflow.codegen.artifacts import Store
from jitflow.codegen.triton import compile as compiler
from jitflow.codegen.triton.compile import Request, compile_kernel
from jitflow.codegen.triton.cubin import Resources, resources
from jitflow.codegen.triton.interface import Blocks, GeneratedKernel, Options, Parameter
from jitflow.codegen.triton.listings import amd_resources, amd_sizes, ptx_sizes
from jitflow.core import dims
from jitflow.core.config import config
from jitflow.core.dtypes import BOOL, F32, F64
from jitflow.core.errors import Unsupported

needs_triton = pytest.mark.skipif(
    not list(metadata.distributions(name="triton")), reason="Triton is not installed"
)

SOURCE = """
import triton
import triton.language as tl

@triton.jit
def axpy(x, y, a, flip, n, B: tl.constexpr, WIDE: tl.constexpr):
    at = tl.program_id(0) * B + tl.arange(0, B)
    inside = at < n
    left, right = tl.load(x + at, mask=inside), tl.load(y + at, mask=inside)
    scaled = (left * a).to(tl.float32)
    tl.store(y + at, tl.where(flip != 0, right - scaled, right + scaled), mask=inside)
"""


def kernel(source=SOURCE, name="axpy", block=1024, **options):
    parameters = (
        Parameter("x", "pointer", F32),
        Parameter("y", "pointer", F32),
        Parameter("a", "scalar", F64),
        Parameter("flip", "scalar", BOOL),
        Parameter("n", "index", dim=dims.symbol("s0")),
        Parameter("B", "constexpr", value=block),
        Parameter("WIDE", "constexpr"),
    )
    grid = (Blocks(dims.symbol("s0"), block),)
    return GeneratedKernel(name, source, parameters, grid, Options(**options))


@pytest.fixture
def cache(tmp_path):
    compiler.forget()
    with config().override(cache_dir=str(tmp_path / "cache")):
        yield Store(tmp_path / "cache")
    compiler.forget()


@needs_triton
@pytest.mark.parametrize("capability", [80, 90])
def test_a_kernel_becomes_a_cubin(cache, capability):
    binary = compile_kernel(Request(kernel(), False, True, capability))
    assert binary.image.startswith(b"\x7fELF")
    assert binary.types == ("*fp32", "*fp32", "fp64", "u8", "i32")
    assert (binary.name, binary.hidden, binary.threads) == ("axpy", 2, 128)
    assert cache.usage()[0] == 1


@needs_triton
def test_variants_are_artifacts_of_their_own(cache):
    requests = [Request(kernel(), wide, True, 90) for wide in (False, True)]
    requests += [Request(kernel(), False, False, 90), Request(kernel(num_warps=8), False, True, 90)]
    narrow, wide, unaligned, wider = map(compile_kernel, requests)
    assert narrow.types[-1] == "i32"
    assert wide.types[-1] == "i64"
    assert narrow.image != unaligned.image
    assert wider.threads == 256
    assert cache.usage()[0] == 4


@needs_triton
def test_a_warm_process_does_not_import_triton(cache):
    binary = compile_kernel(Request(kernel(), False, True, 90))
    code = """
import hashlib, json, sys
from jitflow.codegen.triton.compile import Request, compile_kernel
sys.path.insert(0, sys.argv[1])
from test_triton_compile import kernel
found = compile_kernel(Request(kernel(), False, True, 90))
print(json.dumps([hashlib.sha256(found.image).hexdigest(), found.threads, "triton" in sys.modules]))
"""
    import hashlib

    settings = {"JITFLOW_CACHE_DIR": str(cache.folder), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code, os.path.dirname(__file__)],
        capture_output=True,
        text=True,
        env={**os.environ, **settings},
    )
    expected = [hashlib.sha256(binary.image).hexdigest(), binary.threads, False]
    assert json.loads(done.stdout) == expected, done.stderr


@needs_triton
def test_a_damaged_artifact_is_compiled_again(cache):
    first = compile_kernel(Request(kernel(), False, True, 90))
    (path,) = cache.folder.iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    compiler.forget()
    again = compile_kernel(Request(kernel(), False, True, 90))
    assert again == first
    assert "is damaged: its digest is wrong" in again.origin
    compiler.forget()
    assert compile_kernel(Request(kernel(), False, True, 90)).origin == "from the disk"
    assert cache.load(path.stem) is not None


@needs_triton
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda about: about.pop("frame"), "another version"),
        (lambda about: about.update(types=["*fp32"]), "other parameters"),
    ],
)
def test_an_artifact_of_something_else_is_compiled_again(cache, change, reason):
    request = Request(kernel(), False, True, 90)
    key, first = request.key(compiler.triton_version()), compile_kernel(request)
    kept = cache.load(key)
    change(kept.about)
    cache.save(key, kept)
    compiler.forget()
    again = compile_kernel(request)
    assert again == first
    assert reason in again.origin


@needs_triton
@pytest.mark.parametrize("capability", [80, 90])
def test_a_cubin_says_what_a_thread_takes(cache, capability):
    from helpers.triton_assembly import assemble

    for made in (kernel(), kernel(block=8192, num_warps=1)):
        binary = compile_kernel(Request(made, False, True, capability))
        seen = assemble(made, capability)
        assert (binary.registers, binary.frame) == (seen.registers, seen.spilled)
        assert binary.registers > 0
    assert binary.frame > 0


def test_a_file_that_is_no_cubin_says_nothing():
    for image in (b"", b"\x7fELF", bytes(200), b"\xff" * 200):
        assert resources(image) == Resources()


@needs_triton
def test_nothing_is_kept_where_the_cache_is_off(cache):
    with config().override(disk_cache=False):
        compile_kernel(Request(kernel(), False, True, 90))
    assert cache.usage() == (0, 0)


@needs_triton
def test_a_kernel_that_does_not_compile_is_a_reason(cache):
    wrong = kernel(SOURCE.replace("tl.program_id(0)", "tl.no_such_thing(0)"))
    with pytest.raises(Unsupported, match="JF-B023: axpy: "):
        compile_kernel(Request(wrong, False, True, 90))
    assert cache.usage() == (0, 0)


def test_keys_depend_on_everything_that_matters():
    request = Request(kernel(), False, True, 90)
    others = [
        Request(kernel(SOURCE + "\n"), False, True, 90),
        Request(kernel(name="other"), False, True, 90),
        Request(kernel(num_stages=3), False, True, 90),
        Request(kernel(fastmath=True), False, True, 90),
        Request(kernel(), True, True, 90),
        Request(kernel(), False, False, 90),
        Request(kernel(), False, True, 80),
    ]
    keys = {item.key("3.6.0") for item in (request, *others)} | {request.key("3.9.0")}
    assert len(keys) == len(others) + 2
    assert request.key("3.6.0") == Request(kernel(), False, True, 90).key("3.6.0")


@pytest.mark.parametrize(
    ("installed", "detail"), [(None, "not installed"), ("3.2.0", "Triton 3.2.0 is too old")]
)
def test_without_a_usable_triton_there_is_a_reason(monkeypatch, installed, detail):
    def version(name):
        if installed is None:
            raise compiler.metadata.PackageNotFoundError(name)
        return installed

    monkeypatch.setattr(compiler.metadata, "version", version)
    compiler.triton_version.cache_clear()
    with pytest.raises(Unsupported, match=detail) as caught:
        compile_kernel(Request(kernel(), False, True, 90))
    assert caught.value.code == "JF-B022"
    compiler.triton_version.cache_clear()


PTX = """
.visible .entry k(
	.param .u64 .ptr .global .align 1 k_param_0,
	.param .u8 k_param_1,
	.param .f64 k_param_2,
	.param .align 64 .b8 k_param_3[128],
	.param .u64 .ptr .global .align 1 k_param_4
)
.reqntid 128
{
"""


def test_parameters_are_read_from_the_ptx():
    assert ptx_sizes(PTX) == [8, 1, 8, 128, 8]


def test_ptx_without_an_entry_is_refused():
    with pytest.raises(Unsupported, match="no entry"):
        ptx_sizes(".version 8.7")


AMD = """
    .args:
      - .address_space:  global
        .offset:         0
        .size:           8
        .value_kind:     global_buffer
      - .offset:         8
        .size:           4
        .value_kind:     by_value
      - .offset:         16
        .size:           4
        .value_kind:     hidden_block_count_x
    .private_segment_fixed_size: 24
    .vgpr_count:     102
"""


def test_parameters_and_resources_are_read_from_the_assembly_of_amd():
    assert amd_sizes(AMD) == [8, 4]
    assert amd_resources(AMD) == Resources(102, 24)
    with pytest.raises(Unsupported, match="nothing of its arguments"):
        amd_sizes("s_endpgm")


@needs_triton
def test_a_kernel_becomes_an_hsaco(cache):
    binary = compile_kernel(Request(kernel(), False, True, "gfx942"))
    assert binary.image[:4] == b"\x7fELF"
    assert int.from_bytes(binary.image[18:20], "little") == 224  # EM_AMDGPU
    assert binary.types == ("*fp32", "*fp32", "fp64", "u8", "i32")
    assert (binary.name, binary.threads, binary.frame) == ("axpy", 256, 0)
    compiler.forget()
    assert compile_kernel(Request(kernel(), False, True, "gfx942")).origin == "from the disk"
    assert compile_kernel(Request(kernel(), False, True, 90)) != binary


class _Compiled:
    name = "k"

    def __init__(self, ptx, **about):
        known = {"num_warps": 4, "shared": 0, "num_ctas": 1, **about}
        self.asm = {"ptx": ptx, "cubin": b"\x7fELF"}
        self.metadata = type("Metadata", (), known)()


class _Asked:
    def __init__(self, types):
        self.types = lambda: types

    def target(self):
        return "cuda", 90, 32


@pytest.mark.parametrize(
    ("types", "about", "detail"),
    [
        (("*fp32", "i8", "fp64"), {}, "unknown parameters"),
        (("*fp32", "i32", "fp64", "*fp32"), {}, "type i32 has 1 bytes"),
        (("*fp32",), {}, "unknown parameters"),
        (("*fp32", "i8", "fp64", "*fp32", "*fp32"), {"num_ctas": 2}, "has 128 bytes"),
    ],
)
def test_a_parameter_list_that_differs_is_refused(types, about, detail):
    with pytest.raises(Unsupported, match=detail):
        compiler._describe(_Compiled(PTX, **about), _Asked(types))


@pytest.mark.parametrize(
    "about", [{"num_ctas": 2}, {"global_scratch_size": 128}, {"launch_pdl": True}]
)
def test_a_kernel_that_wants_more_of_its_launch_is_refused(about):
    ptx = PTX.replace("\t.param .align 64 .b8 k_param_3[128],\n", "")
    types = ("*fp32", "i8", "fp64")
    assert compiler._describe(_Compiled(ptx), _Asked(types)).hidden == 1
    with pytest.raises(Unsupported, match=next(iter(about))):
        compiler._describe(_Compiled(ptx, **about), _Asked(types))
