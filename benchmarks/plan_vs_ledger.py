"""How far off a plan is: what `passerelle plan` says of the demo's data, in a small form, against the ledger after.

    python benchmarks/plan_vs_ledger.py [TOKENS] [PICTURES] [QUESTIONS]

Two arms on the embedded base, zero-shot and LoRA on people's captions, asked yes and no and captions in both languages,
with so many tokens of training, so many pictures in each test, and about so many questions of each that the plan asks.
Caches are empty at the start of both, so that features are computed by both.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from passerelle.comparison.planning.plan import PlanOptions, plan_comparison
from passerelle.comparison.run import compare
from passerelle.comparison.settings import load_experiment
from passerelle.runs import cache_folder

DEMO = Path(__file__).resolve().parents[1] / "experiments" / "demo.yaml"
KEPT = ("base-*", "example*", "dictionaries", "fluency")
"""What takes long to make and costs nothing that is compared."""


def main(tokens: int = 6000, pictures: int = 40, questions: int = 12) -> None:
    """Plan, compare, and print both with their ratio."""
    usual = cache_folder()
    with tempfile.TemporaryDirectory() as folder:
        experiment = load_experiment(DEMO, {"train": {"max_tokens": tokens}}, ["zero-shot", "lora-human"])
        tests = tuple(test.model_copy(update={"pictures": pictures}) for test in experiment.tests[1:])
        experiment = experiment.model_copy(update={"tests": tests})
        _empty_cache(usual, Path(folder) / "planned")
        planned = plan_comparison(experiment, Path(folder) / "run", PlanOptions(questions))
        _empty_cache(usual, Path(folder) / "compared")
        results = compare(experiment, Path(folder) / "run")
    costs = {arm["name"]: arm["cost"] for arm in results["arms"]}
    print("| arm | what | planned | ledger | planned / ledger |\n|---|---|---|---|---|")
    for arm in planned["arms"]:
        for what in ("make", "per_1000"):
            for amount in ("flops", "tokens", "processor_seconds", "seconds"):
                _print(f"{arm['name']} | {what}, {amount}", arm[what][amount], costs[arm["name"]][what][amount])
    for amount in ("processor_seconds", "seconds"):
        _print(f"all | {amount}", planned["whole"][amount], results["ledger"]["whole"][amount])
    tried = planned["tried"]
    print(f"\nthe plan itself took {tried['seconds']:.0f} s, {tried['processor_seconds']:.0f} s of processors")


def _empty_cache(usual: Path, folder: Path) -> None:
    """Let what follows begin with a cache that has only what is in every one."""
    folder.mkdir()
    for pattern in KEPT:
        for path in usual.glob(pattern):
            if path.is_dir():
                shutil.copytree(path, folder / path.name, symlinks=True)
    os.environ["PASSERELLE_CACHE"] = str(folder)


def _print(name: str, planned: Any, known: float) -> None:
    low, value, high = planned if isinstance(planned, list) else [planned] * 3
    ends = f" [{low:.3g}, {high:.3g}]" if isinstance(planned, list) else ""
    if known:
        print(f"| {name} | {value:.4g}{ends} | {known:.4g} | {value / known:.2f} |")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
