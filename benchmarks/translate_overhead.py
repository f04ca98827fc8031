"""What `passerelle translate` adds to an engine's own time on sentences that are all different.

Run: python benchmarks/translate_overhead.py [--engine apertium|ctranslate2] [--sentences 5000] [--rounds 5]

Both sides open the engine, translate, and close it. Ours also reads rows, protects, remembers, checks, and writes.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

from translation_data import convert, make_marian, sentences, write_rows

from passerelle.translation.dataset.job import Job
from passerelle.translation.dataset.run import translate
from passerelle.translation.engines.registry import make_engine


def bare(spec: str, texts: list[str]) -> float:
    """Give an engine all sentences; return the seconds."""
    began = time.perf_counter()
    engine = make_engine(spec, "en", "fr")
    engine.translate(texts)
    close = getattr(engine, "close", None)
    if close is not None:
        close()
    return time.perf_counter() - began


def ours(spec: str, source: Path, folder: Path) -> tuple[float, int]:
    """Translate the rows with an empty memory; return the seconds and the rows that were written."""
    folder.mkdir()
    began = time.perf_counter()
    summary = translate(Job(source, folder / "fr.jsonl", "fr", folder / "memory.sqlite", engine=spec, fields=("text",)))
    assert summary.needed.from_memory == 0
    return time.perf_counter() - began, summary.tally.written


def main() -> None:
    """Measure and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", choices=("apertium", "ctranslate2"), default="apertium")
    parser.add_argument("--sentences", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    texts = sentences(asked.sentences)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["PASSERELLE_CACHE"] = str(folder / "cache")
        spec = asked.engine
        if spec == "ctranslate2":
            spec = f"ctranslate2:{convert(make_marian(folder / 'marian'), folder / 'converted')}"
        source = write_rows(folder / "en.jsonl", texts)
        bare(spec, texts[:50])  # warms the disk's cache
        rounds = [(bare(spec, texts), *ours(spec, source, folder / str(n))) for n in range(asked.rounds)]
    alone, whole, written = (statistics.median(values) for values in zip(*rounds, strict=True))
    print(
        json.dumps(
            {
                "engine": asked.engine,
                "sentences": len(texts),
                "rows_written": written,
                "bare_seconds": round(alone, 2),
                "our_seconds": round(whole, 2),
                "added_percent": round(100 * (whole / alone - 1), 1),
                "rounds": [[round(seconds, 2) for seconds in each[:2]] for each in rounds],
            }
        )
    )


if __name__ == "__main__":
    main()
