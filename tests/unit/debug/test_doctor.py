"""The doctor: a line for everything, a remedy for what is missing, and it never fails."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from helpers import host_device
from helpers.fake_cuda import run_with_driver
from helpers.host_device import DeviceArray, HostDevice, to_device

from jitflow.core.config import config
from jitflow.debug import doctor
from jitflow.runtime.device import machine
from jitflow.runtime.device.transfer import mapped

LINES = {"Python", "NumPy", "llvmlite", "processor", "BLAS", "native entry", "a small function"}
OPTIONAL = {"GPU driver", "Triton", "CuPy", "cache folder"}


def named(findings, name):
    return next(finding for finding in findings if finding.name == name)


def test_every_line_is_there_and_has_a_remedy_unless_all_is_well():
    findings = doctor.examine()
    assert {finding.name for finding in findings} >= LINES | OPTIONAL
    assert all((finding.status == "ok") != bool(finding.remedy) for finding in findings)
    assert doctor.is_healthy(findings)
    text = doctor.as_text(findings)
    assert all(finding.detail in text and finding.remedy in text for finding in findings)


def test_a_check_that_fails_is_a_line(monkeypatch):
    def _broken():
        raise OSError("no qubits")

    monkeypatch.setattr(doctor, "_CHECKS", (("quantum unit", _broken, True),))
    (finding,) = doctor.examine()
    assert (finding.name, finding.status) == ("quantum unit", "problem")
    assert "no qubits" in finding.detail
    assert not doctor.is_healthy([finding])


def test_what_is_installed_too_old_is_a_problem(monkeypatch):
    monkeypatch.setattr(doctor, "_version_of", {"triton": "3.2.0", "cupy": "14.1.0"}.get)
    findings = list(doctor._packages())
    assert (named(findings, "Triton").status, named(findings, "CuPy").status) == ("problem", "ok")


def test_an_open_cache_folder_is_a_problem(tmp_path):
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o755)
    with config().override(cache_dir=str(folder)):
        (finding,) = doctor._cache()
    assert finding.status == "problem"
    assert f"chmod 700 {folder}" in finding.remedy


def run(
    *arguments, code="from jitflow.__main__ import main; import sys; sys.exit(main(sys.argv[1:]))"
):
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ)


def test_json_is_the_same_as_data():
    done = run("doctor", "--json")
    data = json.loads(done.stdout)
    assert done.returncode == 0
    assert data["healthy"] is True
    assert {row["name"] for row in data["findings"]} >= LINES | OPTIONAL


def test_without_llvmlite_it_says_so_and_fails():
    hide = """
import sys
from importlib import metadata
real = metadata.version
def version(name):
    if name == "llvmlite":
        raise metadata.PackageNotFoundError(name)
    return real(name)
metadata.version = version
sys.modules["llvmlite"] = None
from jitflow.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
    done = run("doctor", code=hide)
    assert done.returncode == 1
    assert "pip install 'llvmlite>=0.45'" in done.stdout


@pytest.mark.parametrize("arguments", [[], ["nurse"], ["doctor", "--xml"]])
def test_an_unknown_command_gets_the_usage(arguments):
    done = run(*arguments)
    assert done.returncode == 2
    assert "usage: python -m jitflow doctor" in done.stderr


LISTED = "from jitflow.debug import doctor; print(doctor.as_text(list(doctor._gpu())))"


def test_the_driver_describes_its_devices():
    shown = run_with_driver(LISTED, FAKE_CUDA_DEVICES="2")
    assert "CUDA 13.0" in shown
    assert shown.count("Fake H200, capability 9.0, 141 GiB, 132 multiprocessors") == 2


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"FAKE_CUDA_INIT": "999"}, "cuInit gives error 999 (FAKE_ERROR)"),
        ({"FAKE_CUDA_DEVICES": "0"}, "the driver sees no device"),
        ({"FAKE_CUDA_MAJOR": "7"}, "capability 8.0 or newer is supported"),
    ],
)
def test_what_is_wrong_with_the_driver_is_said(setting, expected):
    assert expected in run_with_driver(LISTED, **setting)


class _Arrays:
    """A machine with a GPU, as far as the doctor asks."""

    def __init__(self, monkeypatch, broken=False):
        device = machine.DeviceInfo("Fake H200", 90, 1 << 37, 132)
        monkeypatch.setattr(machine, "probe", lambda: machine.DriverInfo(13000, (device,)))
        monkeypatch.setattr(doctor, "_packages", lambda: iter(()))
        monkeypatch.setattr("jitflow.api.to_device", self.to_device)
        self.broken = broken

    def to_device(self, tree, device):
        if self.broken:
            raise RuntimeError("cudaErrorNoDevice: no device\nand much more")
        move = to_device if device == "cuda" else (lambda leaf: leaf.host)
        kinds = np.ndarray if device == "cuda" else DeviceArray
        return mapped(tree, lambda leaf: move(leaf) if isinstance(leaf, kinds) else leaf)


def total(grid, arguments):
    x, out = arguments  # both arguments are the same array
    a = HostDevice.array_at(x, 1000, "f8")
    HostDevice.array_at(out, 1, "f8")[:] = np.maximum(a * a + 1, 0).sum()


def wrong(grid, arguments):
    HostDevice.array_at(arguments[1], 1, "f8")[:] = 1


@pytest.mark.parametrize(
    ("kernel", "more", "status", "expected"),
    [
        (total, {}, "ok", "compiled, right"),
        (wrong, {}, "problem", "for "),
        (total, {"refusal": "no Triton"}, "problem", "run by CuPy"),
    ],
)
def test_a_function_is_run_on_the_gpu(monkeypatch, kernel, more, status, expected):
    _Arrays(monkeypatch)
    with host_device.installed(HostDevice(lambda made, wide: kernel), **more):
        (finding,) = doctor._compiles_for_gpu()
    assert (finding.status, bool(finding.remedy)) == (status, status != "ok")
    assert expected in finding.detail


def test_a_gpu_that_cannot_be_used_is_a_problem(monkeypatch):
    _Arrays(monkeypatch, broken=True)
    (finding,) = doctor._compiles_for_gpu()
    assert finding.detail == "RuntimeError: cudaErrorNoDevice: no device"
    assert "cupy.ones" in finding.remedy


def test_without_a_gpu_nothing_is_run_there(monkeypatch):
    monkeypatch.setattr(machine, "probe", lambda: machine.DriverInfo(problem="none"))
    assert list(doctor._compiles_for_gpu()) == []
