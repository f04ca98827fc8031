"""All benchmarks by name, and which of them a row belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from passerelle.errors import ConfigError, InputError, unknown
from passerelle.evaluation.benchmarks import (
    ai2d,
    coco,
    gqa,
    llava_bench,
    maxm,
    mmbench,
    mme,
    mmmu,
    multi30k,
    pope,
    scienceqa,
    vqav2,
    xm3600,
)
from passerelle.evaluation.benchmarks.base import Benchmark

BENCHMARKS: dict[str, Benchmark] = {
    "ai2d": ai2d.BENCHMARK,
    "coco": coco.BENCHMARK,
    "gqa": gqa.BENCHMARK,
    "llava-bench": llava_bench.BENCHMARK,
    "maxm": maxm.BENCHMARK,
    "mmbench": mmbench.BENCHMARK,
    "mme": mme.BENCHMARK,
    "mmmu": mmmu.BENCHMARK,
    "multi30k": multi30k.BENCHMARK,
    "pope": pope.BENCHMARK,
    "scienceqa": scienceqa.BENCHMARK,
    "vqav2": vqav2.BENCHMARK,
    "xm3600": xm3600.BENCHMARK,
}


def find_benchmark(name: str) -> Benchmark:
    """Return the benchmark of a name.

    Raises:
        ConfigError: There is none.
    """
    if name not in BENCHMARKS:
        raise ConfigError(unknown("benchmark", name, BENCHMARKS) + " Write it as in --benchmark mmbench=dev.tsv.")
    return BENCHMARKS[name]


def recognise(row: Mapping[str, Any], where: str) -> Benchmark:
    """Find out which benchmark a row is of, by its fields: the one that asks for most of them.

    Raises:
        InputError: It is of none, or of several.
    """
    fitting = [b for b in BENCHMARKS.values() if all(name in row for name in b.require)]
    most = max((len(b.require) for b in fitting), default=0)
    best = [b.name for b in fitting if len(b.require) == most]
    if len(best) == 1:
        return BENCHMARKS[best[0]]
    fields = ", ".join(name for name in row if not name.startswith("_"))
    what = f"may be {' or '.join(best)}" if best else "is of no benchmark that is known"
    raise InputError(
        f"{where} {what}: its rows have {fields or 'no fields'}. "
        f"Say which: --benchmark {(best or ['mmbench'])[0]}={where}"
    )
