"""Scores translations with a learned estimator: run by Passerelle in an environment of its own, never imported.

    python learned_scorer.py cometkiwi|metricx MODEL

Reads JSON lines and answers each with one, in order: first, unasked, {"ready": MODEL, "version": TEXT}; then for
{"pairs": [[source, translation], ...]} {"scores": [number, ...]}, or {"error": TEXT}. It ends with its input. What the
libraries print goes to stderr, so that stdout holds the protocol only.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
from collections.abc import Callable
from typing import Any

Score = Callable[[list[list[str]]], list[float]]


def load_cometkiwi(model: str) -> tuple[Score, str]:
    """Load COMETKiwi; its scores are between 0 and 1, higher is better."""
    import torch
    from comet import download_model, load_from_checkpoint

    loaded = load_from_checkpoint(download_model(model))
    gpus = 1 if torch.cuda.is_available() else 0

    def score(pairs: list[list[str]]) -> list[float]:
        rows = [{"src": source, "mt": translation} for source, translation in pairs]
        found: Any = loaded.predict(rows, batch_size=16, gpus=gpus, num_workers=1, progress_bar=False)
        return [float(value) for value in found.scores]

    return score, importlib.metadata.version("unbabel-comet")


def load_metricx(model: str) -> tuple[Score, str]:
    """Load MetricX-24 without references; its scores are errors between 0 and 25, lower is better.

    The program is no package: it lies in the environment's folder.
    """
    sys.path.insert(0, os.path.join(sys.prefix, "metricx"))
    import torch
    from metricx24 import models
    from transformers import AutoTokenizer

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    tokenizer = AutoTokenizer.from_pretrained("google/mt5-xl")
    loaded = models.MT5ForRegression.from_pretrained(model, torch_dtype="auto").to(device).eval()

    def score(pairs: list[list[str]]) -> list[float]:
        scores = []
        for source, translation in pairs:
            text = f"source: {source} candidate: {translation}"
            encoded = tokenizer(text, max_length=1536, truncation=True, return_tensors="pt")
            # As the authors' own script does: the end-of-sequence token is taken off.
            inputs = {key: encoded[key][:, :-1].to(device) for key in ("input_ids", "attention_mask")}
            with torch.no_grad():
                scores.append(float(loaded(**inputs).predictions[0]))
        return scores

    return score, importlib.metadata.version("transformers")


LOADERS = {"cometkiwi": load_cometkiwi, "metricx": load_metricx}


def main(name: str, model: str) -> None:
    """Answer requests until the input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print to stdout isn't an answer

    def say(content: dict[str, Any]) -> None:
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    score, version = LOADERS[name](model)
    say({"ready": model, "version": version})
    for line in sys.stdin:
        try:
            say({"scores": score(json.loads(line)["pairs"])})
        except Exception as error:  # the caller says what to do; the process goes on
            say({"error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main(*sys.argv[1:3])
