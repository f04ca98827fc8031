"""What the whole command `passerelle translate` takes, against the bare engine on the very texts that it is asked.

Run: python benchmarks/translate_overhead.py [--kind captions|conversations] [--engine apertium|ctranslate2]
     [--rows 5000] [--rounds 3]

Each side is processes of its own, from their start to their end; both by the clock and by the processor time of all of
them, in turns. The command begins with an empty memory; which placeholders the engine keeps it knows from before. Bare
Apertium is the programs of its own modes, joined by pipes, given all texts at once, each ended by a null. Another
engine by itself is a Python process that loads it and gives it all texts at once. The estimate of `--dry-run` is
compared with the command's time.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from translation_data import captions, convert, make_marian, write_conversations, write_rows

from passerelle.translation.base import FakeTranslator
from passerelle.translation.dataset.job import Job
from passerelle.translation.dataset.run import translate
from passerelle.translation.engines import registry
from passerelle.translation.engines.apertium import ApertiumTranslator
from passerelle.translation.engines.apertium_stream import encode_segment

KINDS = {"captions": ("jsonl", ["--fields", "text"]), "conversations": ("json", [])}
BARE = """
import json, sys
from passerelle.translation.engines.registry import make_engine
make_engine(sys.argv[1], "en", "fr").translate(json.load(open(sys.argv[2])))
"""


def asked_texts(source: Path, folder: Path, fields: tuple[str, ...]) -> list[str]:
    """Return what an engine is asked for a data set, each text once."""
    engine = FakeTranslator()
    registry.ENGINES["recording"] = lambda *given: engine
    translate(Job(source, folder / "recorded", "fr", folder / "recorded.sqlite", engine="recording", fields=fields))
    return list(dict.fromkeys(engine.received))


def timed(work: Callable[[], Any]) -> tuple[tuple[float, float], Any]:
    """Do something by other processes; return seconds by the clock and of processor time, and what came of it."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    result = work()
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return (seconds, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime), result


def bare_apertium(texts: list[str], folder: Path) -> Callable[[], object]:
    """Make what translates texts by Apertium's programs, as its own modes name them, and nothing else."""
    stream = folder / "stream"
    stream.write_bytes(b"".join(encode_segment(text, number) for number, text in enumerate(texts)))
    wrapped = ApertiumTranslator("en", "fr")._commands()
    commands = [command[4:] if command[0] == sys.executable else command for command in wrapped]

    def work() -> None:
        with stream.open("rb") as given, (folder / "translated").open("wb") as out:
            running: list[subprocess.Popen[bytes]] = []
            for command in commands:
                source = running[-1].stdout if running else given
                sink = out if command is commands[-1] else subprocess.PIPE
                running.append(subprocess.Popen(command, stdin=source, stdout=sink, stderr=subprocess.DEVNULL))
                if len(running) > 1:
                    source.close()
            for process in running:
                process.wait()
        found = (folder / "translated").read_bytes().count(b"]\0")
        assert found == len(texts), f"{found} translations of {len(texts)} texts"

    return work


def bare_other(spec: str, texts: list[str], folder: Path) -> Callable[[], object]:
    """Make what translates texts by another engine in a process of its own."""
    (folder / "texts.json").write_text(json.dumps(texts))
    command = [sys.executable, "-c", BARE, spec, str(folder / "texts.json")]
    return lambda: subprocess.run(command, check=True)


def ours(source: Path, spec: str, options: list[str], folder: Path, *more: str) -> dict[str, Any]:
    """Run the command with an empty memory; return its summary."""
    memory = folder / f"memory-{time.monotonic_ns()}.sqlite"
    command = [sys.executable, "-m", "passerelle", "translate", str(source), "--to", "fr", "--engine", spec, *options]
    command += ["--memory", str(memory), "--out", str(folder / f"{memory.stem}.out"), "--json", *more]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def main() -> None:
    """Measure and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=KINDS, default="captions")
    parser.add_argument("--engine", choices=("apertium", "ctranslate2"), default="apertium")
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["PASSERELLE_CACHE"] = str(folder / "cache")
        suffix, options = KINDS[asked.kind]
        source = folder / f"en.{suffix}"
        if asked.kind == "captions":
            write_rows(source, captions(asked.rows))
        else:
            write_conversations(source, asked.rows, captions(5000, seed=3))
        spec = asked.engine
        if spec == "ctranslate2":
            spec = f"ctranslate2:{convert(make_marian(folder / 'marian'), folder / 'converted')}"
        texts = asked_texts(source, folder, ("text",) if asked.kind == "captions" else ())
        bare = bare_apertium(texts, folder) if spec == "apertium" else bare_other(spec, texts, folder)
        ours(source, spec, options, folder, "--limit", "20")  # finds out which placeholders the engine keeps
        rounds = []
        for _ in range(asked.rounds):
            alone, _ = timed(bare)
            whole, summary = timed(lambda: ours(source, spec, options, folder))
            assert summary["from_memory"] == 0 and summary["written"] == asked.rows
            estimate = ours(source, spec, options, folder, "--dry-run")["estimated_seconds"]
            rounds.append((*alone, *whole, estimate / whole[0]))
    medians = [statistics.median(values) for values in zip(*rounds, strict=True)]
    print(
        json.dumps(
            {
                "kind": asked.kind,
                "engine": asked.engine,
                "rows": asked.rows,
                "texts": len(texts),
                "bare_seconds": round(medians[0], 2),
                "our_seconds": round(medians[2], 2),
                "added_percent": round(100 * (statistics.median(each[2] / each[0] for each in rounds) - 1), 1),
                "bare_processor_seconds": round(medians[1], 2),
                "our_processor_seconds": round(medians[3], 2),
                "added_processor_percent": round(
                    100 * (statistics.median(each[3] / each[1] for each in rounds) - 1), 1
                ),
                "estimate_by_truth": round(medians[4], 2),
                "rounds": [[round(value, 2) for value in each] for each in rounds],
            }
        )
    )


if __name__ == "__main__":
    main()
