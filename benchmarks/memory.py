"""The translation memory: how fast a second run over known data is, and what a large one takes.

Run: python benchmarks/memory.py [--entries 1000000] [--rounds 5] [--batch 1000]
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import tempfile
import time
from pathlib import Path

from passerelle.translation.base import FakeTranslator
from passerelle.translation.memory.matches import similar
from passerelle.translation.memory.memorized import MemorizedTranslator
from passerelle.translation.memory.memory import TranslationMemory

WORDS = "a the red black small large dog cat house street man woman with under near holding sees two of train".split()
STORED_AT_ONCE = 10_000
ASKED = 100_000


def sentence(number: int) -> str:
    """Make a caption of 8 to 16 words, the same for the same number."""
    draw = random.Random(number)
    return " ".join(draw.choices(WORDS, k=draw.randint(8, 16))) + f" {number}"


def fill(memory: TranslationMemory, entries: int) -> float:
    """Store so many entries and return the processor seconds that storing took."""
    seconds = 0.0
    for start in range(0, entries, STORED_AT_ONCE):
        batch = [sentence(number) for number in range(start, min(start + STORED_AT_ONCE, entries))]
        began = time.process_time()
        memory.store([(text, f"[fr] {text}") for text in batch], "en", "fr", "fake 1", "machine")
        seconds += time.process_time() - began
    return seconds


def second_run(path: Path, texts: list[str], batch: int) -> tuple[float, float]:
    """Translate known texts, batch by batch, from a file opened anew; return seconds and processor seconds."""
    engine = FakeTranslator()
    with TranslationMemory(path) as memory:
        translator = MemorizedTranslator(engine, memory)
        began = time.perf_counter(), time.process_time()
        for start in range(0, len(texts), batch):
            translator.translate(texts[start : start + batch])
        seconds = time.perf_counter() - began[0], time.process_time() - began[1]
    assert not engine.received, "the engine was asked for a text that the memory knows"
    return seconds


def main() -> None:
    """Measure and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=1000, help="texts in one call")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "memory.sqlite"
        with TranslationMemory(path) as memory:
            stored = fill(memory, asked.entries)
        numbers = random.Random(1).sample(range(asked.entries), min(ASKED, asked.entries))
        texts = [sentence(number) for number in numbers]
        rounds = [second_run(path, texts, asked.batch) for _ in range(asked.rounds)]
        seconds, processor_seconds = (sorted(times) for times in zip(*rounds, strict=True))
        peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        with TranslationMemory(path) as memory:
            began = time.process_time()
            matches = similar(memory, "two dog sees the smal red house near a train", "en", "fr")
            fuzzy = time.process_time() - began
        print(
            json.dumps(
                {
                    "entries": asked.entries,
                    "file_bytes": path.stat().st_size,
                    "stored_per_processor_second": round(asked.entries / stored),
                    "known_segments_per_second": round(len(texts) / statistics.median(seconds)),
                    "slowest_and_fastest_round": [round(len(texts) / seconds[end]) for end in (-1, 0)],
                    # on a machine that does other work too, this is the figure that can be compared
                    "known_segments_per_processor_second": round(len(texts) / statistics.median(processor_seconds)),
                    "peak_bytes": peak_bytes,
                    "fuzzy_lookup_processor_seconds": round(fuzzy, 2),
                    "best_score": matches[0].score if matches else None,
                }
            )
        )


if __name__ == "__main__":
    main()
