"""Rows without end: peak memory, time for a row, and the speed of a second run over known data.

Run: python benchmarks/translate_rows.py [--rows 10000 1000000] [--rounds 3]

The engine costs nothing, so the time is all our own: reading, protecting, remembering, checking, writing. Each run is a
process of its own, whose peak memory is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from translation_data import sentences

from passerelle.dataset.job import Job
from passerelle.dataset.run import translate
from passerelle.translation import engines
from passerelle.translation.base import FakeTranslator

QUESTIONS = ("<image>\nWhat is in the picture?", "<image>\nDescribe it in one sentence.", "Is it a dog?")


def write_conversations(path: Path, rows: int) -> None:
    """Write rows as LLaVA has them; one answer in four is there already."""
    draw = random.Random(0)
    pool = sentences(5000, seed=3)
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        for number in range(rows):
            answer = (
                draw.choice(pool) if number % 4 == 0 else f"{draw.choice(pool)} {draw.choice(pool)} Number {number}."
            )
            turns = [{"from": "human", "value": draw.choice(QUESTIONS)}, {"from": "gpt", "value": answer}]
            row = {"id": f"{number:09}", "image": f"{number:09}.jpg", "conversations": turns}
            file.write((",\n" if number else "\n") + json.dumps(row))
        file.write("\n]\n")


def run(source: Path, memory: Path) -> dict[str, float]:
    """Translate a file in this process; return what it took."""
    engines.ENGINES["fake"] = lambda place, from_language, to_language, options: FakeTranslator()
    began, processor = time.perf_counter(), time.process_time()
    summary = translate(Job(source, source.with_suffix(".fr.json"), "fr", memory, engine="fake"))
    assert summary.tally.written == summary.tally.rows
    return {
        "rows": summary.tally.rows,
        "segments": summary.tally.segments,
        "different": summary.needed.unique,
        "seconds": time.perf_counter() - began,
        "processor_seconds": time.process_time() - processor,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def in_own_process(source: Path, memory: Path) -> dict[str, float]:
    """Run in a process of its own."""
    command = [sys.executable, __file__, "--source", str(source), "--memory", str(memory)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def measure(folder: Path, rows: int, rounds: int) -> dict[str, object]:
    """Measure first runs and second runs over a number of rows."""
    source = folder / f"{rows}.json"
    write_conversations(source, rows)
    firsts, seconds = [], []
    for number in range(rounds):
        memory = folder / f"{rows}-{number}.sqlite"
        firsts.append(in_own_process(source, memory))
        seconds.append(in_own_process(source, memory))
        memory.unlink()
    report: dict[str, object] = {"rows": rows, "segments": firsts[0]["segments"], "different": firsts[0]["different"]}
    for name, runs in (("first", firsts), ("second", seconds)):
        median = statistics.median(each["seconds"] for each in runs)
        processor = statistics.median(each["processor_seconds"] for each in runs)
        report[name] = {
            "microseconds_per_row": round(median / rows * 1e6, 1),
            "processor_microseconds_per_row": round(processor / rows * 1e6, 1),
            "segments_per_second": round(firsts[0]["segments"] / median),
            "peak_megabytes": round(max(each["peak_bytes"] for each in runs) / 1e6, 1),
        }
    return report


def main() -> None:
    """Measure and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--source", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--memory", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.source:
        print(json.dumps(run(asked.source, asked.memory)))
        return
    with tempfile.TemporaryDirectory() as name:
        os.environ["PASSERELLE_CACHE"] = str(Path(name) / "cache")
        for rows in asked.rows:
            print(json.dumps(measure(Path(name), rows, asked.rounds)), flush=True)


if __name__ == "__main__":
    main()
