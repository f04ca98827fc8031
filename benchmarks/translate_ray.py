"""Two workers against one on Ray, with an engine that is bound by the processor.

Run: python benchmarks/translate_ray.py [--sentences 20000] [--rounds 3] [--engine ctranslate2|apertium]

Each engine has one thread. The time of starting Ray and of opening engines is that of a run of one row; it's taken off.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

from translation_data import convert, make_marian, sentences, write_rows

from passerelle.translation.dataset.job import Job
from passerelle.translation.dataset.local import open_local
from passerelle.translation.dataset.ray_runner import open_ray
from passerelle.translation.dataset.run import translate


def run(job: Job, workers: int) -> float:
    """Translate with an empty memory; return the seconds. Without workers it's done here, without Ray."""
    job.memory.unlink(missing_ok=True)
    began = time.perf_counter()
    translate(job, open_runner=partial(open_ray, workers=workers) if workers else open_local)
    return time.perf_counter() - began


def main() -> None:
    """Measure and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engine", choices=("ctranslate2", "apertium"), default="ctranslate2")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["PASSERELLE_CACHE"] = str(folder / "cache")
        spec, options = "apertium", {}
        if asked.engine == "ctranslate2":
            spec = f"ctranslate2:{convert(make_marian(folder / 'marian'), folder / 'converted')}"
            options = {"threads": 1}
        texts = sentences(asked.sentences)
        sources = {"one": write_rows(folder / "one.jsonl", texts[:1]), "all": write_rows(folder / "all.jsonl", texts)}
        times: dict[tuple[str, int], list[float]] = {}
        written: dict[int, bytes] = {}
        for _ in range(asked.rounds):
            for workers in (0, 1, 2):
                for size, source in sources.items():
                    out = folder / "fr.jsonl"
                    memory = folder / "memory.sqlite"
                    job = Job(source, out, "fr", memory, engine=spec, engine_options=options, fields=("text",))
                    times.setdefault((size, workers), []).append(run(job, workers))
                    if size == "all":
                        written[workers] = out.read_bytes()
    assert len(set(written.values())) == 1, "the runners wrote different bytes"
    medians = {key: statistics.median(values) for key, values in times.items()}
    net = {workers: medians["all", workers] - medians["one", workers] for workers in (0, 1, 2)}
    print(
        json.dumps(
            {
                "engine": asked.engine,
                "sentences": len(texts),
                "local_seconds": round(net[0], 2),
                "one_worker_seconds": round(net[1], 2),
                "two_workers_seconds": round(net[2], 2),
                "times_faster_with_two": round(net[1] / net[2], 2),
                "start_seconds": round(medians["one", 2], 2),
            }
        )
    )


if __name__ == "__main__":
    main()
