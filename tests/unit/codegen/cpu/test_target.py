"""What is known of the machine without LLVM."""

import os

import pytest

from jitflow.codegen.cpu import target


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"cpu.max": "200000 100000\n"}, 2),
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, 0),
        ({"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 0),
        ({"cpu.max": "strange"}, 0),
        ({}, 0),
    ],
)
def test_the_quota_of_a_container(tmp_path, files, expected):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert target._quota(str(tmp_path)) == expected


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="Linux alone tells")
@pytest.mark.parametrize(("quota", "expected"), [(1, 1), (0, None), (4096, None)])
def test_threads_do_not_outnumber_the_processors_that_there_is_time_of(
    monkeypatch, quota, expected
):
    monkeypatch.setattr(target, "_quota", lambda root: quota)
    monkeypatch.setattr(target.sys, "platform", "linux")
    assert target._cores() == (expected or len(os.sched_getaffinity(0)))
