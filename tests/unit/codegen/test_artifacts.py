"""The store of artifacts: round trips, and everything that makes it distrust the disk."""

import os
import subprocess
import sys

import pytest

from jitflow.codegen.artifacts import Artifact, Store, cache_folder, digest
from jitflow.core.config import config

KEY = digest("a kernel")
ARTIFACT = Artifact({"name": "k", "shared": 16, "layout": ["u64", "i32"]}, b"\x7fELF\n\x00\n")


@pytest.fixture
def saved(tmp_path):
    store = Store(tmp_path / "deep" / "cache")
    assert store.save(KEY, ARTIFACT)
    return store


def file_of(store):
    (path,) = store.folder.iterdir()
    return path


def test_what_is_saved_is_loaded_by_another_store(saved):
    assert Store(saved.folder).load(KEY) == ARTIFACT
    assert saved.load(digest("another kernel")) is None


def test_folder_and_file_are_the_users_alone(saved):
    assert saved.folder.stat().st_mode & 0o777 == 0o700
    assert file_of(saved).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("position", [0, 70, -1])
def test_a_changed_byte_makes_it_absent(saved, position):
    path = file_of(saved)
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
    assert saved.load(KEY) is None


@pytest.mark.parametrize("size", [0, 10, 64, 80])
def test_a_file_cut_short_is_absent(saved, size):
    path = file_of(saved)
    path.write_bytes(path.read_bytes()[:size])
    assert saved.load(KEY) is None


def test_a_link_in_place_of_the_file_is_absent(saved, tmp_path):
    path = file_of(saved)
    elsewhere = tmp_path / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    assert saved.load(KEY) is None


def test_a_file_that_others_may_write_is_absent(saved):
    file_of(saved).chmod(0o666)
    assert saved.load(KEY) is None


def test_a_link_in_place_of_the_folder_is_refused(saved, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(saved.folder)
    store = Store(link)
    assert "link" in store.refusal()
    assert store.load(KEY) is None
    assert not store.save(KEY, ARTIFACT)


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o707])
def test_an_open_folder_is_refused(saved, mode):
    saved.folder.chmod(mode)
    assert "open to other users" in saved.refusal()
    assert saved.load(KEY) is None


def test_another_users_folder_is_refused(saved, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert "another user" in saved.refusal()
    assert saved.load(KEY) is None


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path):
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file" / "cache")
    assert not store.save(KEY, ARTIFACT)
    assert store.load(KEY) is None


def test_the_oldest_are_forgotten_when_there_are_too_many(tmp_path, monkeypatch):
    monkeypatch.setattr("jitflow.codegen.artifacts._MOST_FILES", 4)
    store = Store(tmp_path / "cache")
    for number in range(5):
        store.save(digest(str(number)), ARTIFACT)
        os.utime(store.folder / f"{digest(str(number))}.artifact", (number, number))
    assert store.usage()[0] == 2
    assert store.load(digest("4")) == ARTIFACT


def test_those_used_longest_ago_go_first_when_there_is_too_much(tmp_path, monkeypatch):
    store = Store(tmp_path / "cache")
    keys = [digest(str(number)) for number in range(4)]
    for number, key in enumerate(keys):
        store.save(key, ARTIFACT)
        os.utime(store.folder / f"{key}.artifact", (number, number))
    assert store.load(keys[0])  # it is the newest now
    one = store.usage()[1] // 4
    monkeypatch.setattr("jitflow.codegen.artifacts._MOST_BYTES", 4 * one)
    abandoned = store.folder / ".new-left"
    abandoned.write_bytes(b"half")
    os.utime(abandoned, (0, 0))
    store.save(digest("large"), ARTIFACT)
    assert [store.load(key) is not None for key in keys] == [True, False, False, False]
    assert store.usage() == (2, 2 * one)
    assert not abandoned.exists()


def test_what_is_ignored_has_a_reason(saved, tmp_path):
    assert saved.look_up(digest("another kernel")) == ""
    path, other = file_of(saved), digest("other")
    copy = saved.folder / f"{other}.artifact"
    copy.write_bytes(path.read_bytes())
    copy.chmod(0o600)
    assert "something else" in saved.look_up(other)
    path.write_bytes(path.read_bytes() + b"x")
    assert "its digest is wrong" in saved.look_up(KEY)
    path.chmod(0o666)
    assert "the user alone may write" in saved.look_up(KEY)
    path.unlink()
    path.symlink_to(tmp_path)
    assert "cannot be read" in saved.look_up(KEY)
    saved.folder.chmod(0o755)
    assert "open to other users" in saved.look_up(KEY)


WRITER = """
import sys
from pathlib import Path
from jitflow.codegen.artifacts import Artifact, Store
store, key = Store(Path(sys.argv[1])), sys.argv[2]
for number in range(200):
    store.save(key, Artifact({"by": sys.argv[3]}, sys.argv[3].encode() * 5000))
    found = store.look_up(key)
    assert isinstance(found, Artifact), found
    assert found.code == found.about["by"].encode() * 5000
"""


def test_writers_at_the_same_time_leave_whole_files(tmp_path):
    folder = tmp_path / "cache"
    command = [sys.executable, "-c", WRITER, str(folder), KEY]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    running = [subprocess.Popen([*command, name], env=environment) for name in ("a", "b", "c")]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert len(list(folder.iterdir())) == 1


def test_digests_tell_parts_apart():
    assert digest("ab", "c") != digest("a", "bc")
    assert digest("ab") != digest("ab", "")


def test_the_folder_comes_from_the_settings(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "jitflow"
    with config().override(cache_dir="/elsewhere"):
        assert str(cache_folder()) == "/elsewhere"
