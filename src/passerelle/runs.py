"""Where results are kept: atomic writes, content hashes, the cache folder."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from passerelle.errors import StorageError


def cache_folder() -> Path:
    """Return the user's cache folder: ``PASSERELLE_CACHE``, or the system's place for caches."""
    if chosen := os.environ.get("PASSERELLE_CACHE"):
        return Path(chosen).expanduser()
    try:
        from platformdirs import user_cache_path
    except ImportError:
        return Path.home() / ".cache" / "passerelle"
    return user_cache_path("passerelle")


def content_hash(value: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


@contextmanager
def storage(path: Path) -> Iterator[None]:
    """Turn a full disk or a folder that can't be written into a `StorageError` that says so."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(
                f"the disk is full: could not write {str(path)!r}. Free some space and run the same command again; "
                "what is finished is kept."
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise StorageError(f"can't write {str(path)!r}: {error.strerror}.") from error
        raise


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file beside its place, flush it to the disk and rename it: a reader sees all of it or the old one.

    Raises:
        StorageError: The disk is full, or the folder can't be written.
    """
    data = content.encode() if isinstance(content, str) else content
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    with storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with beside.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes left half written in a folder that is locked for this one."""
    for beside in folder.rglob(".*.part"):
        beside.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON, atomically."""
    write_atomically(path, json.dumps(value, ensure_ascii=False, indent=1, default=str) + "\n")


def read_json(path: Path) -> Any | None:
    """Read a JSON file; ``None`` if it is missing or broken, so that it is made again."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
