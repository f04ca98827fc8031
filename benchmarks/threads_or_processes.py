"""One process with two threads, or two processes with one each: samples a second of LoRA finetuning on two cores.

Ways: one process with one thread, which leaves a core idle; with two threads; two processes of one run, which
`torchrun` starts and each of which takes half of every batch; and two runs side by side, as the arms or seeds of a
comparison might be. All train the embedded base on the demo's captions, features known beforehand, in turns; what is
timed is the training as each run's record has it.

Run on a machine that does nothing else: python benchmarks/threads_or_processes.py [--rounds 3] [--steps 20] [--batch 8]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ALONE = [sys.executable, "-m", "passerelle", "adapt"]
TOGETHER = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", *ALONE[1:]]


def begin(command: list[str], settings: Path, out: Path, threads: int, batch: int) -> subprocess.Popen[bytes]:
    """Start a run."""
    given = ["--output_dir", str(out), "--per_device_train_batch_size", str(batch)]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    with out.with_suffix(".log").open("wb") as log:
        return subprocess.Popen([*command, str(settings), *given], env=environment, stdout=log, stderr=log)


def trained(out: Path) -> tuple[float, list[float]]:
    """Return the seconds of a run's training, and its losses."""
    (stage,) = json.loads((out / "run.json").read_text(encoding="utf-8"))["stages"]
    return stage["took"]["seconds"], [loss for _, loss in stage["record"]["loss"]]


def measure(settings: Path, folder: Path, steps: int, batch: int) -> dict[str, Any]:
    """Run each way once; return samples a second by way, and how far the losses are from those of one process."""
    ways = {
        "one process, one thread": (ALONE, 1, batch, 1),
        "one process, two threads": (ALONE, 2, batch, 1),
        "two processes of one run, one thread each": (TOGETHER, 1, batch // 2, 1),
        "two runs at once, one thread each": (ALONE, 1, batch, 2),
    }
    found: dict[str, Any] = {}
    losses: dict[str, list[float]] = {}
    folder.mkdir()
    for number, (name, (command, threads, each, runs)) in enumerate(ways.items()):
        outs = [folder / f"{number}-{run}" for run in range(runs)]
        for process in [begin(command, settings, out, threads, each) for out in outs]:
            if process.wait():
                raise SystemExit(f"{name}: " + "\n".join(out.with_suffix(".log").read_text() for out in outs))
        seconds, losses[name] = trained(outs[0])
        found[name] = runs * steps * batch / seconds
    first = losses["one process, one thread"]
    apart = {name: max(abs(a - b) for a, b in zip(first, each, strict=True)) for name, each in losses.items()}
    return {"samples_a_second": found, "losses_apart": apart}


def main() -> None:
    """Measure and print medians as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=8)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        command = [sys.executable, "-m", "passerelle", "export", "example-data", "--out", place]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        settings = folder / "adapt.yaml"
        settings.write_text(
            "model_name_or_path: embedded\nlanguage: fr\nmethod: lora\noutput_dir: unused\n"
            f"data: [{{path: {folder}/train-fr.json, language: fr, origin: machine}}]\n"
            f"max_steps: {given.steps}\n",
            encoding="utf-8",
        )
        measure(settings, folder / "first", given.steps, given.batch)  # features are computed here
        rounds = []
        for number in range(given.rounds):
            rounds.append(measure(settings, folder / str(number), given.steps, given.batch))
            print(json.dumps(rounds[-1]), file=sys.stderr, flush=True)
    names = list(rounds[0]["samples_a_second"])
    speeds = {name: round(statistics.median(each["samples_a_second"][name] for each in rounds), 2) for name in names}
    print(json.dumps({"samples_a_second": speeds, "losses_apart": rounds[-1]["losses_apart"]}, indent=2))


if __name__ == "__main__":
    main()
