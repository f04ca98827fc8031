"""The same bytes with workers as in one process: processes of this machine, and a real Ray in a process of its own."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from comparisons import own_cache
from passerelle.cli import main
from passerelle.crews.base import in_order
from passerelle.crews.processes import open_processes
from passerelle.errors import InputError, MissingDependency, RunError
from passerelle.machine import free_memory_bytes
from passerelle.quality.asking import ChecksBetween
from passerelle.quality.assessor import BATCH_OF_WORKER, Assessor
from passerelle.quality.base import Pair
from passerelle.quality.checks.registry import build_checks
from passerelle.quality.engines import Engines
from passerelle.quality.store import AssessmentStore

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="pip install 'passerelle[ray]'")
QUICK = ("structure", "copied", "length", "repetition")
NOUNS = ("dog", "chien"), ("cat", "chat"), ("horse", "cheval"), ("bird", "oiseau"), ("fish", "poisson")


def pairs(count: int) -> list[Pair]:
    """Different pairs, some of them wrong in several ways, every tenth one twice."""
    made = []
    for number in range(count):
        english, french = NOUNS[number % 5]
        of = f" {number - number % 10 % 9}"
        wrong = ("", "", "", " dog dog dog", " <b>", "", " 7")[number % 7]
        made.append(Pair(f"A {english} of number{of}.", f"Un {french} de numéro{of}{wrong}.", cluster=str(number)))
    return made


@dataclass(frozen=True)
class Doing:
    """Tools that answer a number by how often they were asked, and with whose process id."""

    fails_at: int | None = None
    missing: bool = False

    def __call__(self) -> Callable[[int], tuple[int, int]]:
        if self.missing:
            raise MissingDependency("it isn't installed. Install it with: sudo apt-get install it")

        def do(piece: int) -> tuple[int, int]:
            if piece == self.fails_at:
                raise InputError(f"{piece} can't be read")
            if piece == -1:
                os._exit(3)
            return piece, os.getpid()

        return do


def test_results_come_in_order_and_no_more_is_taken_than_is_under_way() -> None:
    begun: list[tuple[int, Future[int]]] = []
    taken = []

    def numbers() -> Iterator[int]:
        for number in range(9):
            taken.append(number)
            yield number

    def submit(number: int) -> Future[int]:
        begun.append((number, Future()))
        if len(begun) == 3:  # the second one is done long before the first
            begun[1][1].set_result(1)
            begun[0][1].set_result(0)
        if len(begun) > 3:
            begun[2][1].done() or begun[2][1].set_result(2)
            begun[-1][1].set_result(number)
        return begun[-1][1]

    found = in_order(submit, numbers(), 3)
    assert next(found) == 0 and taken == [0, 1, 2]
    assert list(found) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_processes_do_pieces_in_order_and_raise_what_their_work_raises() -> None:
    with open_processes(2) as crew:
        found = list(crew.work(Doing(), range(20)))
        assert [piece for piece, _ in found] == list(range(20))
        assert os.getpid() not in {process for _, process in found}
        with pytest.raises(InputError, match="7 can't be read"):
            list(crew.work(Doing(fails_at=7), range(20)))
        with pytest.raises(MissingDependency, match="sudo apt-get install it"):
            list(crew.work(Doing(missing=True), range(20)))
        with pytest.raises(RunError, match="a worker process ended"):
            list(crew.work(Doing(), [1, -1]))


def test_workers_find_what_one_process_finds_and_it_is_kept(tmp_path: Path) -> None:
    ours = pairs(3 * BATCH_OF_WORKER + 10)
    tools = ChecksBetween("en", "fr", QUICK)
    alone = Assessor(build_checks("en", "fr", Engines(), QUICK)).assess(ours, quiet=True)
    assert len({finding.reason for finding in alone["structure"]}) > 2
    with open_processes(2) as crew, AssessmentStore(tmp_path / "a.sqlite") as store:
        assessor = Assessor(build_checks("en", "fr", Engines(), QUICK), store, crew, tools)
        assert assessor.assess(ours, quiet=True) == alone
        assert all(seconds > 0 for seconds in assessor.seconds.values())
        again = Assessor(build_checks("en", "fr", Engines(), QUICK), store, crew, tools)
        assert again.assess(ours, quiet=True, names=QUICK[:2]) == {name: alone[name] for name in QUICK[:2]}
        assert again.from_store["copied"] == len({(pair.source, pair.target) for pair in ours})


def rows(path: Path, texts: Iterable[str]) -> Path:
    path.write_text("".join(json.dumps({"id": f"r{n}", "text": text}) + "\n" for n, text in enumerate(texts)))
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows for more than one batch of a worker."""
    folder, ours = tmp_path_factory.mktemp("data"), pairs(BATCH_OF_WORKER + 50)
    rows(folder / "en.jsonl", [pair.source for pair in ours])
    rows(folder / "fr.jsonl", [pair.target for pair in ours])
    return folder


@pytest.fixture(scope="module")
def alone(data: Path) -> Callable[[str], dict[str, bytes]]:
    """What each command writes in one process."""
    return functools.cache(lambda command: written(data, command, f"alone-{command}"))


def written(data: Path, command: str, out: str, *options: str) -> dict[str, bytes]:
    """Run a command in a process of its own, with a cache of its own; return what it wrote, without what took time."""
    (data / out).mkdir()
    cache = own_cache(data / f"cache-{out}")
    target = [] if command == "audit" else ["fr.jsonl"]
    options = options if command == "audit" else (*options, "--keep-share", "0.5")
    arguments = [command, "en.jsonl", "fr.jsonl", "--to", "fr", "--fields", "text", *options]
    arguments += ["--out", "/".join([out, *target])]
    done = subprocess.run(
        [sys.executable, "-c", "from passerelle.cli import main; main()", *arguments],
        cwd=data,
        env={**os.environ, "PASSERELLE_CACHE": cache},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    found = {path.name: path.read_bytes() for path in sorted((data / out).iterdir()) if path.suffix != ".html"}
    if command == "audit":
        content: dict[str, Any] = json.loads(found["audit.json"])
        assert content.pop("seconds") and content.pop("seconds_per_1000")
        found["audit.json"] = json.dumps(content).encode()
    return found


def has_memory_for(workers: int) -> None:
    """Skip where a worker's programs, for four ways of Apertium, don't fit beside what else is being tested."""
    free = free_memory_bytes()
    if free is not None and free < (5 * workers + 2) << 30:
        pytest.skip(f"{workers} workers take 5 GB each, and {free >> 30} GB are free")


def kept(cache: Path) -> Sequence[Any]:
    with sqlite3.connect(cache / "assessments.sqlite") as connection:
        return connection.execute("SELECT * FROM findings ORDER BY pair, signature").fetchall()


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("command", ["audit", "gate"])
def test_processes_write_what_one_process_writes(
    data: Path, alone: Callable[[str], dict[str, bytes]], command: str
) -> None:
    has_memory_for(2)
    assert written(data, command, f"two-{command}", "--workers", "2") == alone(command) and alone(command)
    assert kept(data / f"cache-two-{command}") == kept(data / f"cache-alone-{command}")


@needs_ray
@pytest.mark.timeout(1800)  # starting Ray takes seconds, or minutes on a busy machine
@pytest.mark.parametrize("command", ["audit", "gate"])
def test_ray_writes_what_one_process_writes(data: Path, alone: Callable[[str], dict[str, bytes]], command: str) -> None:
    has_memory_for(1)
    options = ("--runner", "ray", "--workers", "1")
    assert written(data, command, f"ray-{command}", *options) == alone(command) and alone(command)


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is installed")
def test_without_ray_it_says_how_to_get_it(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data)
    command = ["audit", "en.jsonl", "fr.jsonl", "--to", "fr", "--fields", "text", "--runner", "ray"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 2 and "pip install 'passerelle[ray]'" in done.stderr


def test_an_address_is_of_ray(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data)
    command = ["audit", "en.jsonl", "fr.jsonl", "--to", "fr", "--fields", "text", "--ray-address", "head:6379"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 2 and "--runner ray too" in done.stderr
