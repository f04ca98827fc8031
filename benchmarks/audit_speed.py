"""What an audit takes, by what it is asked: all checks, those of before too, in haste; and by so many workers.

    python -m benchmarks.audit_speed [--pairs 1000] [--workers 2 --rounds 3] [--runner ray] [--memory 10000 1000000]

The pairs are Tux Paint's captions of the test side, two by two, as Apertium translates them. Processor time is that of
the command and of all that it starts, so another job on the machine hardly changes it. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.repair import tux_paint as stamps_of
from passerelle.quality.assessing import Assessment, FakeAssess
from passerelle.quality.audit import audit
from passerelle.quality.base import Pair
from passerelle.quality.engines import Engines
from passerelle.quality.estimate.calibrated import open_assess
from passerelle.quality.estimate.labels import tux_paint
from passerelle.quality.evidence.chrf import is_lost
from passerelle.quality.gate import GateSettings, gate
from passerelle.quality.pairs import PairOptions, read_pairs
from passerelle.runs import cache_folder

ASKED: dict[str, tuple[str, ...]] = {
    "as at first, with embedding and back-translation": ("--check", "embedding", "--check", "back-translation"),
    "as before, with back-translation": ("--check", "back-translation"),
    "all": (),
    "quick": ("--quick",),
}


def made_pairs(count: int) -> tuple[list[Pair], list[str]]:
    """Return so many different pairs, and a person's translation of each."""
    labelled, known = tux_paint(Engines(), "fr", "test"), stamps_of("test")
    truth = dict(zip(known.english, known.french, strict=True))
    stamps = [pair for pair, extra in zip(labelled.pairs, labelled.is_extra, strict=True) if not extra]
    both = [(one, other) for shift in range(1, len(stamps)) for one, other in zip(stamps, stamps[shift:], strict=False)]
    pairs = [
        replace(one, source=f"{one.source} {other.source}", target=f"{one.target} {other.target}")
        for one, other in both[:count]
    ]
    return pairs, [f"{truth[one.source]} {truth[other.source]}" for one, other in both[:count]]


def write(folder: Path, pairs: list[Pair]) -> list[str]:
    """Write two text files; return their names."""
    texts = {"en.txt": [pair.source for pair in pairs], "fr.txt": [pair.target for pair in pairs]}
    for name, lines in texts.items():
        (folder / name).write_text("".join(f"{' '.join(line.split())}\n" for line in lines), encoding="utf-8")
    return list(texts)


def run(folder: Path, files: list[str], cache: Path, *options: str) -> dict[str, float]:
    """Audit with nothing known of the pairs; what is worked out of word lists is kept."""
    (cache / "assessments.sqlite").unlink(missing_ok=True)
    command = ["audit", *files, "--to", "fr", "--out", "audit", "--json", *options]
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "passerelle", *command],
        cwd=folder,
        env={**os.environ, "PASSERELLE_CACHE": str(cache)},
        stdout=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"the audit failed: {' '.join(command)}")
    return {
        "seconds": round(time.perf_counter() - began, 1),
        "processor_seconds": round(used.ru_utime + used.ru_stime, 1),
        "peak_mb": round(used.ru_maxrss / 1024, 0),
    }


def new_cache(folder: Path, name: str) -> Path:
    """Make a cache that holds what is worked out of word lists."""
    cache = folder / name
    if (worked_out := cache_folder() / "derived").is_dir():
        shutil.copytree(worked_out, cache / "derived")
    cache.mkdir(exist_ok=True)
    return cache


def by_checks(folder: Path, pairs: list[Pair], truth: list[str]) -> dict[str, Any]:
    """Measure each way of asking: what it takes beyond starting, and how well it tells what is lost."""
    lost = [is_lost(pair.source, pair.target, text) for pair, text in zip(pairs, truth, strict=True)]
    one, every = write(folder, pairs[:1]), dict[str, Any]()
    for name, options in ASKED.items():
        cache = new_cache(folder, name)
        run(folder, one, cache, *options)
        write(folder, pairs[:1])
        start = run(folder, one, cache, *options)
        whole = run(folder, write(folder, pairs), cache, *options)
        assess = open_assess("en", "fr", store=cache / "assessments.sqlite", quick="--quick" in options)
        probability = np.array([found.probability for found in assess.estimate(pairs)])
        every[name] = {
            **whole,
            "start": start,
            "auc": round(float(roc_auc_score(lost, 1 - probability)), 4),
            "share_lost": round(float(1 - probability.mean()), 4),
            "estimate": assess.calibrated_on.rpartition("; ")[2],
        }
        write(folder, pairs[:1])
    return {"truly_lost": round(float(np.mean(lost)), 4), **every}


def by_workers(folder: Path, pairs: list[Pair], workers: int, rounds: int, more: list[str]) -> dict[str, Any]:
    """Compare so many workers with one; the time of a run of one pair, mostly starting, is taken off."""
    cache = new_cache(folder, "workers")
    runner = ["--runner", "ray"] if "ray" in more else []
    times: dict[tuple[int, int], list[float]] = {}
    run(folder, write(folder, pairs[:1]), cache)  # what is worked out once isn't measured
    for _ in range(rounds):
        for count in (1, workers):
            for some in (pairs[:1], pairs):
                found = run(folder, write(folder, some), cache, "--workers", str(count), *runner)
                times.setdefault((count, len(some)), []).append(found["seconds"])
    medians = {key: statistics.median(values) for key, values in times.items()}
    net = {count: medians[count, len(pairs)] - medians[count, 1] for count in (1, workers)}
    return {
        "one_seconds": round(net[1], 1),
        f"{workers}_seconds": round(net[workers], 1),
        "times_faster": round(net[1] / net[workers], 2),
        "start_seconds": round(medians[workers, 1], 1),
    }


class Telling(FakeAssess):
    """Says something of each pair, and remembers nothing."""

    def estimate(self, pairs: Sequence[Pair]) -> list[Assessment]:
        """Assess each pair by the fake's rules."""
        return [self._one(pair) for pair in pairs]


def peak_mb(folder: Path, count: int) -> tuple[float, float]:
    """Audit and gate so many rows by a fake; return the most memory that this process had, and the seconds."""
    began, options = time.perf_counter(), PairOptions(fields=("text",))
    for name, word in (("en.jsonl", "dog"), ("fr.jsonl", "chien")):
        with (folder / name).open("w", encoding="utf-8") as file:
            for number in range(count):
                text = (
                    f"{'*' if number % 5 == 0 else ''}{word} number {number} runs over the green hill behind the house"
                )
                file.write(json.dumps({"id": f"row {number}", "text": text}) + "\n")
    paired = read_pairs(folder / "en.jsonl", folder / "fr.jsonl", options)
    audit(paired.pairs, Telling())
    gate(paired, Telling(), GateSettings(), folder / "kept.jsonl")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, time.perf_counter() - began


def by_size(folder: Path, counts: list[int]) -> dict[str, Any]:
    """Measure the memory of audit and gate by the number of pairs, each in a process of its own."""
    found = dict[str, Any]()
    for count in counts:
        with ProcessPoolExecutor(1, get_context("spawn")) as one:
            peak, seconds = one.submit(peak_mb, folder, count).result()
        found[f"{count:,} pairs"] = {"peak_mb": round(peak), "seconds": round(seconds)}
    return found


def main() -> None:
    """Measure, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=0, help="compare so many with one")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--runner", choices=("local", "ray"), default="local")
    parser.add_argument("--memory", type=int, nargs="*", default=[], help="peak memory for so many pairs, by a fake")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if options.memory:
            print(json.dumps(by_size(Path(name), options.memory), indent=1))
            return
        pairs, truth = made_pairs(options.pairs)
        if options.workers:
            result = by_workers(Path(name), pairs, options.workers, options.rounds, [options.runner])
        else:
            result = by_checks(Path(name), pairs, truth)
    print(json.dumps({"pairs": len(pairs), **result, "cores": os.cpu_count()}, indent=1))


if __name__ == "__main__":
    main()
