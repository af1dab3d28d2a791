"""Compiled artifacts on disk: content-addressed, JSON and bytes, trusted only when all is in order.

An artifact is one file: the digest of everything that follows, a line of JSON, the bytes. Nothing
is unpickled. The folder must be the user's own, closed to others and not a link; a file that is not
a plain one of the user's, or whose digest is wrong, is as good as absent: it is compiled again.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from jitflow.core.config import config
from jitflow.core.dataclass import dataclass

_SUFFIX, _NEW = ".artifact", ".new-"
_DIGEST = 64  # hexadecimal digits of SHA-256
_OTHERS = 0o077  # permissions of group and world
_MOST_FILES, _MOST_BYTES = 4096, 1 << 30
_ABANDONED = 3600.0
"""Seconds after which a file that is still being written was left by a process that ended."""


@dataclass(frozen=True)
class Artifact:
    """What was compiled: `about` is plain JSON data, `code` the bytes."""

    about: dict[str, Any]
    code: bytes


def digest(*parts: str | bytes) -> str:
    """The key of what is made from `parts`; no two sequences of parts have one by accident."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(f"{len(data)}:".encode())
        total.update(data)
    return total.hexdigest()


def cache_folder() -> Path:
    """Where artifacts lie: ``JITFLOW_CACHE_DIR``, or ``jitflow`` in the user's cache folder."""
    given = config().cache_dir
    if given:
        return Path(given).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(base) / "jitflow"


class Store:
    """Artifacts in one folder; no method raises for what is wrong on the disk.

    Parameters
    ----------
    folder : Path
        It is made, for the user alone, when something is saved first.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, key: str) -> Artifact | None:
        """The artifact of `key`; None where there is none that can be trusted."""
        found = self.look_up(key)
        return found if isinstance(found, Artifact) else None

    def look_up(self, key: str) -> Artifact | str:
        """The artifact of `key`, or why what there is was ignored; empty if there is nothing."""
        refusal = self.refusal()
        if refusal:
            return refusal
        path = self._path(key)
        try:
            raw = _read(path)
        except FileNotFoundError:
            return ""
        except OSError as error:
            return f"{path.name} cannot be read: {error.strerror}"
        if raw is None:
            return f"{path.name} is no plain file that the user alone may write"
        if raw[:_DIGEST] != _digest_of(raw[_DIGEST:]):
            return f"{path.name} is damaged: its digest is wrong"
        found = _parse(raw[_DIGEST:], key)
        if isinstance(found, Artifact):
            with suppress(OSError):
                os.utime(path)  # what is used stays when others are forgotten
        return found

    def save(self, key: str, artifact: Artifact) -> bool:
        """Keep `artifact`; False where that was not possible."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.refusal():
                return False
            head = json.dumps({"key": key, **artifact.about}, sort_keys=True).encode()
            body = head + b"\n" + artifact.code
            self._write(self._path(key), _digest_of(body) + body)
            self._prune()
        except OSError:
            return False
        return True

    def refusal(self) -> str:
        """Why the folder is not used; empty where it may be, or where there is none yet."""
        try:
            found = os.lstat(self.folder)
        except FileNotFoundError:
            return ""
        except OSError as error:
            return f"{self.folder}: {error.strerror}"
        if not stat.S_ISDIR(found.st_mode):
            return f"{self.folder} is a link or no folder"
        if found.st_uid != os.geteuid():
            return f"{self.folder} belongs to another user"
        if found.st_mode & _OTHERS:
            return f"{self.folder} is open to other users (mode {found.st_mode & 0o777:o})"
        return ""

    def usage(self) -> tuple[int, int]:
        """How many artifacts there are, and their bytes."""
        sizes = [size for _, size, _ in self._files()]
        return len(sizes), sum(sizes)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{_SUFFIX}"

    def _write(self, path: Path, data: bytes) -> None:
        """Write as a whole or not at all: readers see the old file or the new one."""
        handle, temporary = tempfile.mkstemp(dir=self.folder, prefix=_NEW)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise

    def _files(self) -> list[tuple[float, int, Path]]:
        found = []
        with suppress(OSError), os.scandir(self.folder) as entries:
            for entry in entries:
                if entry.name.endswith(_SUFFIX):
                    about = entry.stat(follow_symlinks=False)
                    found.append((about.st_mtime, about.st_size, Path(entry.path)))
        return found

    def _prune(self) -> None:
        """Forget those used longest ago, down to half, where there are too many or too much."""
        found = self._files()
        size = sum(size for _, size, _ in found)
        if len(found) <= _MOST_FILES and size <= _MOST_BYTES:
            return
        count = len(found)
        for _, bytes_of_it, path in sorted(found):
            if count <= _MOST_FILES // 2 and size <= _MOST_BYTES // 2:
                break
            with suppress(OSError):
                path.unlink()
            count, size = count - 1, size - bytes_of_it
        self._remove_abandoned()

    def _remove_abandoned(self) -> None:
        """Remove what writers that were killed have left."""
        before = time.time() - _ABANDONED
        for path in self.folder.glob(f"{_NEW}*"):
            with suppress(OSError):
                if path.lstat().st_mtime < before:
                    path.unlink()


def store() -> Store:
    """The store of this process's user."""
    return Store(cache_folder())


def _parse(body: bytes, key: str) -> Artifact | str:
    """What a file has after its digest, if it is the artifact of `key`."""
    head, _, code = body.partition(b"\n")
    try:
        about = json.loads(head)
    except ValueError:
        return "it is not in the format of artifacts"
    if not isinstance(about, dict) or about.pop("key", None) != key:
        return "it is the artifact of something else"
    return Artifact(about, code)


def _digest_of(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()


def _read(path: Path) -> bytes | None:
    """The contents of a plain file of the user's own; None for anything else."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        is_own = found.st_uid == os.geteuid() and not found.st_mode & 0o022
        if not (stat.S_ISREG(found.st_mode) and is_own):
            return None
        return file.read()
