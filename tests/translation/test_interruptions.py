"""Killed at any moment, or two at once: the same bytes in the end, and nothing lost."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from forked import Forked, fork
from passerelle.translation.memory.memory import TranslationMemory

pytestmark = pytest.mark.skipif(shutil.which("apertium") is None, reason="install apertium")

SUBJECTS = ("dog", "cat", "bird", "horse", "boy", "woman", "red car", "big house", "small tree", "old man")
VERBS = ("sleeps", "is", "stands", "works", "lives", "waits")
PLACES = ("in the garden", "on the table", "near the house", "under the bridge", "behind the school")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """300 rows with 600 different sentences, two bad rows and one that no engine can keep."""
    texts = [f"A {subject} {verb} {place}." for subject in SUBJECTS for verb in VERBS for place in PLACES]
    rows = [json.dumps({"id": n, "text": f"<image>\n{text} {text[:-1]} today."}) for n, text in enumerate(texts)]
    rows[50] = '{"id": 50, "text": '
    rows[200] = json.dumps({"id": 200, "text": "\ud83d"})
    path = tmp_path / "en.jsonl"
    path.write_text("\n".join(rows) + "\n")
    return path


def start(source: Path, out: str, memory: str) -> Forked:
    command = ["translate", str(source), "--to", "fr", "--fields", "text", "--out", out, "--memory", memory, "--json"]
    return fork(command, source.parent, {}, out)


def finish(running: Forked) -> dict[str, int]:
    assert running.wait(240) == 0, running.err.read_text(encoding="utf-8")
    said: dict[str, int] = json.loads(running.out.read_text(encoding="utf-8"))
    return said


def written(source: Path, out: str) -> tuple[bytes, bytes]:
    return (source.parent / out).read_bytes(), (source.parent / f"{out}.rejects.jsonl").read_bytes()


@pytest.mark.timeout(1200)  # on a busy machine each of its twelve runs takes a minute
def test_killed_ten_times_it_writes_the_same_bytes(source: Path) -> None:
    finish(start(source, "first.jsonl", "first.sqlite"))  # the one that takes the time of starting the server
    began = time.perf_counter()
    whole = finish(start(source, "whole.jsonl", "whole.sqlite"))
    seconds = time.perf_counter() - began
    assert (whole["rows"], whole["written"]) == (300, 298)
    moments = random.Random(0)
    for _ in range(10):
        running = start(source, "killed.jsonl", "killed.sqlite")
        time.sleep(moments.uniform(0.1, 1.1) * seconds)
        running.process.kill()
        running.process.join()
    last = finish(start(source, "killed.jsonl", "killed.sqlite"))
    assert written(source, "killed.jsonl") == written(source, "whole.jsonl")
    assert (last["rows"], last["written"], last["unique"]) == (whole["rows"], whole["written"], whole["unique"])
    assert not list(source.parent.glob(".*.part")), "a killed run's half-written files stay"


def test_two_at_once_lose_nothing(source: Path) -> None:
    first, second = (start(source, f"{name}.jsonl", "shared.sqlite") for name in ("first", "second"))
    said = [finish(process) for process in (first, second)]
    assert written(source, "first.jsonl") == written(source, "second.jsonl")
    assert {one["written"] for one in said} == {298}
    alone = finish(start(source, "alone.jsonl", "alone.sqlite"))
    assert written(source, "alone.jsonl") == written(source, "first.jsonl")
    with TranslationMemory(source.parent / "shared.sqlite") as shared:
        with TranslationMemory(source.parent / "alone.sqlite") as lone:
            assert {entry.source for entry in shared.entries()} >= {entry.source for entry in lone.entries()}
    assert alone["from_memory"] == 0


def test_interrupted_it_says_what_is_kept(source: Path) -> None:
    running = start(source, "stopped.jsonl", "stopped.sqlite")
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and running.process.is_alive():
        time.sleep(0.05)
        if _entries(source.parent / "stopped.sqlite"):
            break
    assert running.process.pid is not None
    os.kill(running.process.pid, signal.SIGINT)
    code, err = running.wait(60), running.err.read_text(encoding="utf-8")
    assert code == 130, err
    assert "Traceback" not in err
    assert "texts translated by now are kept in" in err
    assert "the same command goes on from there" in err
    assert not (source.parent / "stopped.jsonl").exists()


def _entries(path: Path) -> int:
    if not path.is_file():
        return 0
    with TranslationMemory(path) as memory:
        return len(memory)
