"""How close the memory that a training foresees comes to the peak that is measured.

Random weights of a shape, in fp32, on the embedded base's tower and processor; rows of about so many tokens with a
picture each, that don't begin alike. Each case is a process of its own that takes three steps. Measured is the highest
resident memory in them less that before: against what was foreseen beside the weights, at least and likely.

Run: python benchmarks/training_memory.py [--tokens 200] [--batch 4]
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SHAPES = {
    "wide": {"hidden_size": 1024, "intermediate_size": 2816, "num_hidden_layers": 4},
    "deep": {"hidden_size": 384, "intermediate_size": 1024, "num_hidden_layers": 24},
}
HEADS = {"num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": None}
CASES: dict[str, dict[str, Any]] = {
    "lora": {"method": "lora"},
    "lora, checkpointing": {"method": "lora", "gradient_checkpointing": True},
    "full": {"method": "full"},
    "full, checkpointing, 8 bits": {"method": "full", "gradient_checkpointing": True, "optim": "adamw_8bit"},
}
STEPS = 3


def write_model(shape: dict[str, Any], folder: Path) -> None:
    """Write a model of the shape with random weights."""
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor

    from passerelle.models.names import resolve

    base = resolve("embedded")
    config = AutoConfig.from_pretrained(base)
    for name, value in {**shape, **HEADS, "head_dim": shape["hidden_size"] // 8}.items():
        setattr(config.text_config, name, value)
    torch.manual_seed(1)
    AutoModelForImageTextToText.from_config(config, dtype=torch.float32).save_pretrained(folder)
    AutoProcessor.from_pretrained(base).save_pretrained(folder)


def write_data(folder: Path, rows: int, tokens: int) -> Path:
    """Write rows in LLaVA's layout with pictures of noise."""
    drawn = random.Random(1)
    words = ["boat", "cat", "tree", "red", "sea", "sky", "house", "ball", "small", "old"]
    found = []
    for number in range(rows):
        noise = np.random.default_rng(number).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{number}.png")
        asked, said = (" ".join(drawn.choices(words, k=count)) for count in (8, tokens))
        turns = [{"from": "human", "value": f"{asked}\n<image>"}, {"from": "gpt", "value": said}]
        found.append({"id": str(number), "image": f"{number}.png", "conversations": turns})
    path = folder / "rows.json"
    path.write_text(json.dumps(found), encoding="utf-8")
    return path


def measure(model: Path, data: Path, batch: int, case: str) -> dict[str, Any]:
    """Train and return what was foreseen and measured, in bytes."""
    from passerelle.adaptation import run
    from passerelle.adaptation.memory import StageMemory
    from passerelle.adaptation.settings import load_adaptation
    from passerelle.costs.ledger import forget_peak_memory, peak_memory_bytes

    held: list[int] = []
    train = run.train

    def watched(*given: Any, **how: Any) -> Any:
        forget_peak_memory()
        held.append(peak_memory_bytes())
        done = train(*given, **how)
        held.append(peak_memory_bytes())
        return done

    run.train = watched  # type: ignore[assignment]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "adapt.yaml"
        content = {
            "model_name_or_path": str(model),
            "output_dir": str(Path(folder) / "out"),
            "language": "fr",
            "data": [{"path": str(data), "language": "fr"}],
            "max_steps": STEPS,
            "per_device_train_batch_size": batch,
            "dtype": "float32",
            **CASES[case],
        }
        file.write_text(json.dumps(content), encoding="utf-8")
        told = dict(run.adapt(load_adaptation(file))["stages"][0]["memory"])
    checkpointing = told.pop("gradient_checkpointing")
    foreseen = StageMemory(**told)
    return {
        "weights": foreseen.weights,
        "measured": held[1] - held[0],
        "least": foreseen.least(checkpointing),
        "likely": foreseen.likely(checkpointing),
    }


def compare(asked: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure all cases, each in a process of its own."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        data = write_data(Path(folder), STEPS * asked.batch, asked.tokens)
        for name, shape in SHAPES.items():
            model = Path(folder) / name
            write_model(shape, model)
            for case in CASES:
                command = [sys.executable, __file__, "--case", case, "--model", str(model), "--data", str(data)]
                done = subprocess.run(
                    [*command, "--batch", str(asked.batch)], stdout=subprocess.PIPE, text=True, check=True
                )
                row = json.loads(done.stdout.splitlines()[-1])
                ratios = {key: round(row[key] / row["measured"], 2) for key in ("least", "likely")}
                gigabytes = {f"{key}_gb": round(value / 1e9, 2) for key, value in row.items()}
                found.append({"shape": name, "case": case, **gigabytes, **ratios})
                print(json.dumps(found[-1]), file=sys.stderr)
    return found


def main() -> None:
    """Compare, or measure one case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--case", choices=CASES)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--data", type=Path)
    asked = parser.parse_args()
    if asked.case:
        print(json.dumps(measure(asked.model, asked.data, asked.batch, asked.case)))
    else:
        print(json.dumps(compare(asked), indent=2))


if __name__ == "__main__":
    main()
