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
from contextlib import suppress
from pathlib import Path
from typing import Any

from jitflow.core.config import config
from jitflow.core.dataclass import dataclass

_SUFFIX = ".artifact"
_DIGEST = 64  # hexadecimal digits of SHA-256
_OTHERS = 0o077  # permissions of group and world
_MOST_FILES = 4096


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
        if self.refusal():
            return None
        try:
            raw = _read(self._path(key))
            if raw is None or raw[:_DIGEST] != _digest_of(raw[_DIGEST:]):
                return None
            head, _, code = raw[_DIGEST:].partition(b"\n")
            about = json.loads(head)
        except (OSError, ValueError):
            return None
        return Artifact(about, code) if isinstance(about, dict) else None

    def save(self, key: str, artifact: Artifact) -> bool:
        """Keep `artifact`; False where that was not possible."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.refusal():
                return False
            head = json.dumps(artifact.about, sort_keys=True).encode()
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
        handle, temporary = tempfile.mkstemp(dir=self.folder, prefix=".new-")
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
        """Forget the older half where there are too many."""
        found = self._files()
        if len(found) > _MOST_FILES:
            for _, _, path in sorted(found)[: len(found) // 2]:
                with suppress(OSError):
                    path.unlink()


def store() -> Store:
    """The store of this process's user."""
    return Store(cache_folder())


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
