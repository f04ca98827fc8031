"""Results on disk: whole or not at all, whatever the disk does."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from passerelle.errors import InputError, StorageError
from passerelle.runs import (
    cache_folder,
    content_hash,
    open_results,
    read_json,
    remove_leftovers,
    remove_parts_of_dead,
    storage,
    write_atomically,
    write_json,
)


def failing(number: int) -> Any:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise OSError(number, os.strerror(number))

    return fail


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_folders_are_made_and_text_is_utf8(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "c.txt"
    write_atomically(path, "Qu'est-ce que c'est ? Un œuf.")
    assert path.read_bytes().decode() == "Qu'est-ce que c'est ? Un œuf."
    assert names(path.parent) == ["c.txt"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, call: str
) -> None:
    path = tmp_path / "results.json"
    write_atomically(path, "old")
    monkeypatch.setattr(*((os, "fsync") if call == "fsync" else (Path, "replace")), failing(number))
    with pytest.raises(StorageError) as refusal:
        write_atomically(path, "new")
    assert "the disk is full" in str(refusal.value)
    assert "run the same command again" in str(refusal.value)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["results.json"], "no half-written file stays behind"


def test_only_what_dead_processes_left_is_removed(tmp_path: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    kept = ["a.json", f".a.json.{os.getpid()}.part", f".b.json.{dead.pid}.part", ".a.json.x.part", f"a.json.{dead.pid}"]
    for name in (*kept, f".a.json.{dead.pid}.part"):
        (tmp_path / name).touch()
    remove_parts_of_dead(tmp_path / "a.json")
    assert names(tmp_path) == sorted(kept)
    (tmp_path / f".a.{dead.pid}.part" / "inside").mkdir(parents=True)
    remove_parts_of_dead(tmp_path / "a")
    assert names(tmp_path) == sorted(kept)
    remove_parts_of_dead(tmp_path / "nowhere" / "a.json")


def test_a_device_that_is_really_full(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    with pytest.raises(StorageError, match="the disk is full"), storage(tmp_path):
        Path("/dev/full").write_bytes(b"x" * 10)


def test_a_folder_that_may_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "open", failing(errno.EACCES))
    with pytest.raises(StorageError, match="can't write .*results.json.*: Permission denied"):
        write_atomically(tmp_path / "results.json", "new")


def test_other_errors_are_not_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", failing(errno.EIO))
    with pytest.raises(OSError, match="Input/output error") as error:
        write_atomically(tmp_path / "results.json", "new")
    assert not isinstance(error.value, StorageError)
    assert names(tmp_path) == []


def test_what_killed_processes_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "arms").mkdir()
    for name in ("results.json", "arms/.answers.jsonl.123.part", ".results.json.77.part", "chapter.part"):
        (tmp_path / name).write_text("x")
    remove_leftovers(tmp_path)
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["chapter.part", "results.json"]


def test_json_comes_back(tmp_path: Path) -> None:
    value = {"name": "œuf", "scores": [1.5, None, True], "path": tmp_path}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == {**value, "path": str(tmp_path)}
    assert "œuf" in (tmp_path / "a.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("content", [b"", b'{"a": 1', b"\xff\xfe\x00", b"{'a': 1}", b"\0" * 64])
def test_broken_json_is_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    assert read_json(path) is None


def test_missing_json_is_none(tmp_path: Path) -> None:
    assert read_json(tmp_path / "none.json") is None
    assert read_json(tmp_path) is None


def test_a_hash_is_the_same_everywhere() -> None:
    # SHA-256 of {"a":[1,"é"],"b":null}, by an outside tool: it must never change, arms are found by it.
    expected = "1e02bc81a26af2f027329541e97eef36f3290bedc6dfe043dbe66b057ecb13ba"
    assert content_hash({"b": None, "a": [1, "é"]}) == expected
    assert content_hash({"a": (1, "é"), "b": None}) == expected


@pytest.mark.parametrize("other", [{"a": 2}, {"b": 1}, {"a": "1"}, {"a": 1, "b": None}, [1], {"a": [1]}])
def test_other_values_have_other_hashes(other: Any) -> None:
    assert content_hash(other) != content_hash({"a": 1})


def test_the_cache_folder_can_be_chosen(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_folder() == empty_cache
    monkeypatch.delenv("PASSERELLE_CACHE")
    assert cache_folder().name == "passerelle"
    assert cache_folder() != empty_cache


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    import threading

    path = tmp_path / "results.json"
    values = [{"rows": [number] * 20_000} for number in range(2)]
    write_json(path, values[0])
    done = threading.Event()

    def write() -> None:
        for number in range(30):
            write_json(path, values[number % 2])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    reads = 0
    while not done.is_set() or not reads:
        assert json.loads(path.read_text(encoding="utf-8")) in values
        reads += 1
    writer.join()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "has no results.json: give the folder of a finished"),
        ("unfinished", "has no results.json: the run isn't finished"),
        ('{"arms": [', "is broken: Expecting value: line 1 column 11"),
        ("\\xff", "is broken"),
        ("[]", "holds no results of a comparison: give the folder of a finished `passerelle compare`"),
        ('{"figures": []}', "holds no results of a comparison, but those of an evaluation"),
        ('{"arms": [], "schema": 99}', "newer version (schema 99, 4 is known here)"),
    ],
)
def test_what_is_wrong_with_results_is_told_apart(tmp_path: Path, content: str | None, message: str) -> None:
    if content == "unfinished":
        (tmp_path / "arms").mkdir()
    elif content is not None:
        (tmp_path / "results.json").write_bytes(content.encode().replace(b"\\xff", b"\xff"))
    with pytest.raises(InputError, match=re.escape(message)):
        open_results(tmp_path, "comparison")


def test_results_are_opened_by_folder_or_file(tmp_path: Path) -> None:
    write_json(tmp_path / "demo" / "results.json", {"arms": [], "schema": 3})
    for place in (tmp_path / "demo", tmp_path / "demo" / "results.json"):
        found = open_results(place)
        assert (found.kind, found.folder, found.content["schema"]) == ("comparison", tmp_path / "demo", 3)
    with pytest.raises(InputError, match=re.escape(f"Did you mean {str(tmp_path / 'demo')!r}? Give the folder")):
        open_results(tmp_path / "dem")
