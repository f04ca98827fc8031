"""Rows without end: peak memory, time for a row, and the speed of a run over texts that the memory knows.

The second run is over other rows with the same texts; the last one is the first again, when nothing has changed, and
stands beside the time of reading source and output.

Run: python benchmarks/translate_rows.py [--kind conversations|captions] [--rows 10000 1000000] [--rounds 3]
    [--workers 1]

The engine costs nothing, so the time is all our own: reading, protecting, remembering, checking, writing. Each run is a
process of its own, whose peak memory is measured; the time is without its start. With `--workers 2` the second run over
captions has two workers; its processor time is that of all.
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
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from translation_data import sentences, write_conversations

from passerelle.runs import file_hash
from passerelle.translation.base import FakeTranslator
from passerelle.translation.dataset.job import Job
from passerelle.translation.dataset.known_lines import open_with_workers
from passerelle.translation.dataset.local import open_local
from passerelle.translation.dataset.run import translate
from passerelle.translation.engines import registry as engines

POOL = 5000
RUNS = ("first", "second", "unchanged")


class Mirror(FakeTranslator):
    """Costs nothing, and gives sentences of the usual kind: letters, blanks, one full stop."""

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Translate each text into itself, with a word before it."""
        return [f"Voici {text}" for text in texts]


def write_captions(path: Path, rows: int, first: int) -> None:
    """Write a row of JSON Lines for each caption of one sentence, nearly all of them different."""
    draw = random.Random(0)
    pool = [sentence.removesuffix(".") for sentence in sentences(POOL, seed=3)]
    with path.open("w", encoding="utf-8") as file:
        for number in range(rows):
            caption = f"{draw.choice(pool)} and {draw.choice(pool).lower()}."
            file.write(json.dumps({"id": first + number, "image": f"{number:09}.jpg", "caption": caption}) + "\n")


KINDS = {
    "conversations": (
        lambda path, rows, first: write_conversations(path, rows, sentences(POOL, seed=3), first),
        "json",
        (),
    ),
    "captions": (write_captions, "jsonl", ("caption",)),
}


def processor_seconds() -> float:
    """Return the processor time of this process and of those that it began and that ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def run(source: Path, memory: Path, fields: tuple[str, ...], workers: int = 1) -> dict[str, float]:
    """Translate a file in this process, with workers if more than one is to work; return what it took."""
    engines.ENGINES["fake"] = lambda place, from_language, to_language, options: Mirror()
    opener = partial(open_with_workers, workers=workers) if workers > 1 else open_local
    began, processor = time.perf_counter(), processor_seconds()
    job = Job(source, source.with_suffix(".fr"), "fr", memory, engine="fake", fields=fields)
    summary = translate(job, open_runner=opener)
    assert summary.tally.written == summary.tally.rows
    return {
        "unchanged": summary.unchanged,
        "rows": summary.tally.rows,
        "segments": summary.tally.segments,
        "different": summary.needed.unique,
        "seconds": time.perf_counter() - began,
        "processor_seconds": processor_seconds() - processor,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def read(source: Path, out: Path, known: dict[str, float]) -> dict[str, float]:
    """Read what a job reads and what it wrote, for their digests; return what it took, with the counts of the job."""
    began, processor = time.perf_counter(), processor_seconds()
    for path in (source, out):
        file_hash(path)
    return {**known, "seconds": time.perf_counter() - began, "processor_seconds": processor_seconds() - processor}


def in_own_process(kind: str, source: Path, memory: Path, workers: int) -> dict[str, float]:
    """Run in a process of its own."""
    command = [sys.executable, __file__, "--kind", kind, "--source", str(source), "--memory", str(memory)]
    command += ["--workers", str(workers)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def report(rows: int, runs: list[dict[str, float]]) -> dict[str, float]:
    """Sum up some runs over one file, by medians."""
    median = statistics.median(each["seconds"] for each in runs)
    processor = statistics.median(each["processor_seconds"] for each in runs)
    return {
        "microseconds_per_row": round(median / rows * 1e6, 1),
        "processor_microseconds_per_row": round(processor / rows * 1e6, 1),
        "segments_per_second": round(runs[0]["segments"] / median),
        "segments_per_processor_second": round(runs[0]["segments"] / processor),
        "peak_megabytes": round(max(each["peak_bytes"] for each in runs) / 1e6, 1),
    }


def main() -> None:
    """Measure and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kind", choices=KINDS, default="conversations")
    parser.add_argument("--workers", type=int, default=1, help="processes that read what is known, for captions")
    parser.add_argument("--source", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--memory", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    write, suffix, fields = KINDS[asked.kind]
    if asked.source:
        print(json.dumps(run(asked.source, asked.memory, fields, asked.workers)))
        return
    runs: dict[tuple[int, str], list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as name:
        os.environ["PASSERELLE_CACHE"] = str(Path(name) / "cache")
        for rows in asked.rows:
            for run_name, first in (("first", 0), ("second", rows)):
                write(Path(name) / f"{rows}-{run_name}.{suffix}", rows, first)
        for number in range(asked.rounds):
            # The smaller ones before and behind the largest: the machine's own speed changes meanwhile.
            for rows in (*asked.rows, *asked.rows[-2::-1]):
                memory = Path(name) / f"{rows}-{number}.sqlite"
                for run_name in RUNS:
                    source = Path(name) / f"{rows}-{'second' if run_name == 'second' else 'first'}.{suffix}"
                    took = in_own_process(asked.kind, source, memory, asked.workers if run_name == "second" else 1)
                    assert took["unchanged"] == (run_name == "unchanged")
                    runs.setdefault((rows, run_name), []).append(took)
                runs.setdefault((rows, "reading"), []).append(read(source, source.with_suffix(".fr"), took))
                memory.unlink()
    for rows in asked.rows:
        whole = {name: report(rows, runs[rows, name]) for name in (*RUNS, "reading")}
        known = {key: runs[rows, "first"][0][key] for key in ("segments", "different")}
        print(json.dumps({"kind": asked.kind, "rows": rows, **known, **whole}), flush=True)


if __name__ == "__main__":
    main()
