"""What is worked out from files of the system, and kept in the cache until one of them changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from passerelle.runs import cache_folder, content_hash, read_json, write_json

FOLDER = "derived"


def state_of(files: Iterable[Path], *how: Any) -> str:
    """Name the state of some files, without reading them: 16 letters that change with sizes, times and paths.

    Args:
        files: Files; one that is missing counts, too.
        how: What else the result hangs on, as JSON has it.
    """
    stats = [(str(path), stat.st_size, stat.st_mtime_ns) for path in files if (stat := _stat(path))]
    return content_hash([stats, how])[:16]


def derived(name: str, files: Iterable[Path], make: Callable[[], Any], *how: Any) -> Any:
    """Return what was made of some files before, or make it.

    Args:
        name: What it is, for the file's name.
        files: What it is made of.
        make: Makes it: anything that JSON has.
        how: What else it hangs on, such as a version.

    Raises:
        StorageError: The cache can't be written.
    """
    path = cache_folder() / FOLDER / f"{name}-{state_of(files, *how)}.json"
    found = read_json(path)
    if found is None:
        found = make()
        write_json(path, found)
    return found


def _stat(path: Path) -> Any:
    try:
        return path.stat()
    except OSError:
        return None
