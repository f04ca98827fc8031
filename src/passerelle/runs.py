"""Where results are kept: atomic writes, content hashes, the cache folder, the arms of a run."""

from __future__ import annotations

import difflib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from filelock import FileLock, Timeout

from passerelle.errors import ConfigError, InputError, StorageError, UserError, unknown

_IMPOSSIBLE = {
    errno.ENOTDIR: "a part of its path is a file",
    errno.EEXIST: "a part of its path, or itself, is a file where a folder is needed",
    errno.EISDIR: "a folder is there",
    errno.ENOTEMPTY: "a folder is there",
    errno.ENAMETOOLONG: "its name is too long, with what is added to it while it is written",
    errno.ELOOP: "its path leads in a circle",
}
_ENDING_SECONDS = 3.0
"""A run that was killed holds its folder until its last child process is gone, too."""


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


def file_hash(path: Path) -> str:
    """Return a file's SHA-256, in hexadecimal letters; the file may be larger than memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def storage(path: Path) -> Iterator[None]:
    """Turn a full disk, or a folder that can't be written, into a `StorageError` that says so.

    Raises:
        InputError: Nothing can be there: a part of the path is a file, or a name is too long.
        StorageError: The disk is full, or the folder can't be written.
    """
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
        if error.errno in _IMPOSSIBLE:
            raise InputError(f"can't write {str(path)!r}: {_IMPOSSIBLE[error.errno]}. Name another place.") from error
        raise


def make_folder(folder: Path) -> None:
    """Make a folder, with those that it lies in, unless it is there.

    Raises:
        InputError: It can't be there.
        StorageError: The disk is full, or it can't be made.
    """
    with storage(folder):
        folder.mkdir(parents=True, exist_ok=True)


@contextmanager
def held(
    folder: Path, *, otherwise: str = "choose another --out", name: str = ".lock", waits: bool = False
) -> Iterator[None]:
    """Make a folder and keep other runs out of it while the block lasts.

    Args:
        folder: The folder.
        otherwise: What the user can do instead of waiting.
        name: Of the lock's file.
        waits: Whether to wait for another run that works in it.

    Raises:
        UserError: Another run works in it.
        StorageError: The disk is full, or the folder can't be made.
    """
    make_folder(folder)
    lock = FileLock(folder / name)
    try:
        lock.acquire(timeout=-1 if waits else _ENDING_SECONDS)
    except Timeout:
        raise UserError(f"another run is working in {str(folder)!r}: wait for it, or {otherwise}.") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def written_beside(path: Path) -> Iterator[Path]:
    """Give a place beside a file or folder to write to, and rename it when the block ends well: whole or not at all.

    Raises:
        StorageError: The disk is full, or the folder can't be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    with storage(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield beside
            beside.replace(path)
        finally:
            if beside.is_dir():
                shutil.rmtree(beside)
            beside.unlink(missing_ok=True)


def flush_to_disk(file: IO[Any]) -> None:
    """Make sure that what was written to a file is on the disk before the file is renamed."""
    file.flush()
    os.fsync(file.fileno())


def remove_parts_of_dead(path: Path) -> None:
    """Remove what killed processes left half written beside a file or folder."""
    beginning, end = f".{path.name}.", ".part"
    for part in path.parent.glob("*.part"):
        process = part.name.removeprefix(beginning).removesuffix(end)
        if part.name == f"{beginning}{process}{end}" and process.isdigit() and not _is_running(int(process)):
            if part.is_dir():
                shutil.rmtree(part, ignore_errors=True)
            else:
                part.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file beside its place, flush it to the disk and rename it: a reader sees all of it or the old one.

    Raises:
        StorageError: The disk is full, or the folder can't be written.
    """
    with written_beside(path) as beside, beside.open("wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        flush_to_disk(file)


@contextmanager
def written_lines(path: Path) -> Iterator[IO[str]]:
    """Give a text file in UTF-8 to write to, as `write_atomically` writes one.

    Raises:
        StorageError: The disk is full, or the folder can't be written.
    """
    with written_beside(path) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        yield file
        flush_to_disk(file)


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


RESULTS = "results.json"
RESULTS_SCHEMA = 4
"""Of the results of comparisons, the newest that is known here. Fields that older ones lack are left empty."""
_HOLDS = {"comparison": "arms", "evaluation": "figures"}
"""A list that the results of each kind have, and no other."""


@dataclass(frozen=True)
class ResultsFile:
    """The results of a finished run.

    Attributes:
        path: The file.
        kind: ``comparison`` or ``evaluation``.
        content: What it holds, as it was stored; fields may be missing or of another type.
    """

    path: Path
    kind: str
    content: dict[str, Any]

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self.path.parent


def open_results(place: Path, wanted: str = "") -> ResultsFile:
    """Read the results of a finished run.

    Args:
        place: The run folder, or its ``results.json``.
        wanted: ``comparison`` or ``evaluation``; either if empty.

    Raises:
        InputError: Nothing is there, the run isn't finished, the file is broken, of a newer version, or holds no such
            results; the message says which.
    """
    path = place / RESULTS if place.is_dir() else place
    if not place.exists():
        near = difflib.get_close_matches(place.name, _names_in(place.parent), n=1, cutoff=0.5)
        hint = f" Did you mean {str(place.parent / near[0])!r}?" if near else ""
        raise InputError(f"there is no file or folder {str(place)!r}.{hint} Give the folder of a run.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(_no_results(place)) from None
    except OSError as error:
        raise InputError(f"can't read {str(path)!r}: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{str(path)!r} is broken: {error}. The command that made it writes it anew from the answers that it kept: "
            "give it again, with the same --out."
        ) from None
    held = content if isinstance(content, dict) else {}
    kind = next((kind for kind, key in _HOLDS.items() if isinstance(held.get(key), list)), "")
    schema = held.get("schema")
    if isinstance(schema, int) and schema > RESULTS_SCHEMA:
        raise InputError(
            f"{str(path)!r} was made by a newer version (schema {schema}, {RESULTS_SCHEMA} is known here): "
            "update Passerelle."
        )
    if not kind or wanted not in ("", kind):
        what = f"a{'n' if wanted == 'evaluation' else ''} {wanted}" if wanted else "a comparison or an evaluation"
        instead = f", but those of a{'n' if kind == 'evaluation' else ''} {kind}" if kind else ""
        command = "evaluate" if wanted == "evaluation" else "compare"
        raise InputError(
            f"{str(path)!r} holds no results of {what}{instead}: give the folder of a finished `passerelle {command}`."
        )
    return ResultsFile(path, kind, held)


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(each.name for each in folder.iterdir())
    except OSError:
        return []


def _no_results(folder: Path) -> str:
    if any((folder / name).exists() for name in ("arms", "answers", "evaluation", "data", "tests")):
        return (
            f"{str(folder)!r} has no {RESULTS}: the run isn't finished. The command that began it goes on: give it "
            "again, with the same --out."
        )
    return f"{str(folder)!r} has no {RESULTS}: give the folder of a finished `passerelle compare` or `evaluate`."


ARMS = "arms.json"


@dataclass(frozen=True)
class ArmRecord:
    """An arm of a run, as any command opens it by its name.

    Attributes:
        name: Its name.
        method: What is put around its models: ``plain``, ``prompted`` or ``pipeline``.
        language: The language that the run adapts to.
        models: For each training seed the model: a folder, a name on the Hub, or ``embedded``. An arm that isn't
            trained has one, under an empty seed.
        translation: Settings of the translation engine, for a pipeline.
        error: Why it failed; empty if it didn't.
    """

    name: str
    method: str
    language: str
    models: dict[str, str]
    translation: dict[str, Any] = field(default_factory=dict)
    error: str = ""


def write_arms(run: Path, arms: Iterable[ArmRecord]) -> None:
    """Write the arms of a run; paths inside of its folder stay right when it is moved.

    Raises:
        StorageError: The disk is full, or the folder can't be written.
    """
    folder = run.resolve()

    def relative(model: str) -> str:
        path = Path(model).resolve()
        return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else model

    rows = [{**asdict(arm), "models": {seed: relative(m) for seed, m in arm.models.items()}} for arm in arms]
    write_json(run / ARMS, {"schema": 1, "arms": rows})


def read_arms(run: Path) -> dict[str, ArmRecord]:
    """Return the arms of a run by name.

    Raises:
        InputError: There is no run of this version in the folder.
    """
    content = read_json(run / ARMS)
    if content is None:
        if not run.is_dir():
            raise InputError(f"no folder {str(run)!r}: give the folder of a run; `passerelle compare` makes one.")
        older = (run / "results.json").is_file()
        why = (
            "is a run of an older version: run `passerelle compare` again, with another --out"
            if older
            else "holds no run: `passerelle compare` makes one"
        )
        raise InputError(f"{str(run)!r} {why}.")
    try:
        found = {row["name"]: ArmRecord(**row) for row in content["arms"]}
        return {name: replace(arm, models=_inside(run, arm.models)) for name, arm in found.items()}
    except (TypeError, KeyError, AttributeError):
        raise InputError(f"{str(run / ARMS)!r} is broken: run `passerelle compare` again.") from None


def find_arm(run: Path, name: str) -> ArmRecord:
    """Return an arm of a run that can be asked.

    Raises:
        ConfigError: The run has no such arm.
        InputError: There is no run, or the arm failed in it.
    """
    arms = read_arms(run)
    if name not in arms:
        raise ConfigError(unknown("arm", name, arms))
    if arms[name].error or not arms[name].models:
        raise InputError(f"{name!r} failed in {str(run)!r}: {arms[name].error or 'it has no model'}")
    return arms[name]


def _inside(run: Path, models: dict[str, str]) -> dict[str, str]:
    return {seed: str(run / model) if (run / model).is_dir() else model for seed, model in models.items()}
