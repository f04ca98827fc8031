"""A realistic results dictionary, of the kind that `results.json` holds."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from passerelle.report import page
from passerelle.report.contents import Contents

ARMS: list[tuple[str, str, str | None, float, float, float, float]] = [
    # name, title, trained on, choice on the human test, gap of the machine test, seconds, FLOPs
    ("english", "English base", None, 68.3, 0.0, 21.0, 3.1e13),
    ("zero-shot", "Zero-shot", None, 41.1, 2.6, 24.0, 4.2e13),
    ("prompted", "Prompted", None, 43.0, 2.2, 26.0, 4.9e13),
    ("pipeline", "Translation pipeline", None, 59.7, 6.1, 38.0, 3.4e13),
    ("lora-mt", "LoRA on machine translations", "machine", 44.6, 5.2, 441.0, 1.9e15),
    ("lora-human", "LoRA on human translations", "human-translation", 48.4, 1.1, 452.0, 1.9e15),
    ("two-stage-mt", "Two stages, machine translations", "machine", 46.2, 4.9, 770.0, 3.3e15),
    ("two-stage-human", "Two stages, human translations", "human-translation", 47.8, 1.4, 792.0, 3.4e15),
]
BASES = {
    "choice": -5.0,
    "choice-random": 0.0,
    "choice-category": -11.0,
    "yes-no": 12.0,
    "yes-no-auc": 17.0,
    "yes-rate": 5.0,
    "caption-chrf": -35.0,
    "fidelity": 38.0,
}
THINGS = [
    ("a blackbird", "un merle", "un blackbird"),
    ("a red apple", "une pomme rouge", "une pomme rouge"),
    ("a snowflake", "un flocon de neige", "un snowflake"),
    ("a fire engine", "un camion de pompiers", "un moteur de feu"),
]


def make_score(metric: str, test: str, value: float, **more: Any) -> dict[str, Any]:
    """Write one score as it is stored."""
    signature = f"{metric}|rule:pmi|test:{test}|interval:bootstrap-picture-1000|passerelle:0.1.0"
    score = {"metric": metric, "test": test, "value": round(value, 1), "items": 552}
    score |= {
        "low": round(value - 4.2, 1),
        "high": round(min(value + 4.3, 100), 1),
        "pictures": 552,
        "unread": 3,
        "unit": "%",
    }
    return score | {"direction": "higher", "signature": signature} | more


def make_scores(name: str, choice: float, gap: float, shift: float = 0.0) -> list[dict[str, Any]]:
    """Write all scores of one arm."""
    scores = []
    tests = {"english": 0.0} if name == "english" else {"human": 0.0, "machine": gap}
    if name.startswith(("lora", "two")):
        tests["english"] = 61.0 - choice
    for test, extra in tests.items():
        for metric, base in BASES.items():
            value = min(max(choice + base + extra + shift, 1.0), 99.4)
            direction = {"direction": "none"} if metric == "yes-rate" else {}
            scores.append(make_score(metric, test, value, **direction))
    return scores


def make_arm(row: tuple[str, str, str | None, float, float, float, float]) -> dict[str, Any]:
    """Write one arm as it is stored."""
    name, title, trained_on, choice, gap, seconds, flops = row
    answering = {"phase": "answering", "seconds": 21.0, "flops": 3.1e13, "peak_bytes": 1.1e9, "tokens": 51234}
    phases = [answering]
    if trained_on:
        phases.insert(0, {**answering, "phase": "finetuning", "seconds": seconds - 21, "flops": flops - 3.1e13})
    stages = [
        {"name": s, "samples": 2560, "tokens": 197120, "steps": 80, "learning_rate": 2e-4,
         "loss": [[i, 4.2 * 0.97**i + 1.1] for i in range(0, 80, 4)]}
        for s in (["language stage", "vision stage"] if name.startswith("two") else ["finetuning"])
    ]  # fmt: skip
    return {
        "name": name, "title": title, "description": f"What {title} does, in one line.",
        "trained_on": trained_on, "seeds": [1, 2], "status": "done", "error": None,
        "scores": make_scores(name, choice, gap),
        "seed_scores": [
            {**s, "seed": seed} for seed in (1, 2) for s in make_scores(name, choice, gap, seed - 1.5)
        ],
        "cost": {
            "phases": phases, "total_seconds": seconds, "total_flops": flops, "peak_bytes": 2.1e9,
            "seconds_per_answer": 0.0214, "sentences_translated": 1234 if name == "pipeline" else 0,
            "trainable_parameters": 4884480 if trained_on else 0,
        },
        "training": {"stages": stages} if trained_on else None,
    }  # fmt: skip


def make_example(number: int, image: str) -> dict[str, Any]:
    """Write one example; arms agree on every fourth."""
    english, human, machine = THINGS[number % len(THINGS)]
    chance = random.Random(number)
    names = [row[0] for row in ARMS]
    options = {
        "human": [thing[1] for thing in THINGS],
        "machine": [thing[2] for thing in THINGS],
        "english": [thing[0] for thing in THINGS],
    }
    correct = number % len(THINGS)
    picked = {name: correct if number % 4 == 0 or chance.random() < 0.5 else chance.randrange(4) for name in names}
    said = {name: chance.choice(["Yes", "No"] if name == "english" else ["Oui", "Non"]) for name in names}
    return {
        "picture": f"{'stamps/animals/birds' if number % 2 else 'emoji/nature'}/thing-{number:02d}",
        "image": image,
        "source": "stamps" if number % 2 else "emoji",
        "caption": {
            "english": english.capitalize() + ".",
            "human": human.capitalize() + ".",
            "machine": machine,
        },
        "choice": {"options": options, "correct": correct, "picked": picked},
        "captions": {name: english if name == "english" else chance.choice(THINGS)[1] for name in names},
        "yes_no": [{"question": {"human": f"Est-ce {human} ?"}, "correct": "Oui", "said": said}],
    }


def make_results(images: list[str]) -> dict[str, Any]:
    """Write the results of a whole comparison with 44 examples."""
    names = [row[0] for row in ARMS if row[0] not in ("english", "pipeline")]
    choice = {row[0]: row[3] for row in ARMS}
    comparisons = [
        {"arm": name, "against": "pipeline", "metric": metric, "test": "human",
         "difference": round(choice[name] - 59.7, 1), "low": round(choice[name] - 64.0, 1),
         "high": round(choice[name] - 55.5, 1), "p": 0.0004, "holm_p": 0.002}
        for name in names
        for metric in ("choice", "choice-random", "choice-category", "yes-no", "caption-chrf")
    ]  # fmt: skip
    comparisons.append(
        {"arm": "lora-human", "against": "lora-mt", "metric": "choice", "test": "human",
         "difference": 3.8, "low": -0.2, "high": 7.4, "p": 0.062, "holm_p": 0.12}
    )  # fmt: skip
    return {
        "schema": 2, "name": "demo", "created": "2026-03-02T10:11:12+00:00",
        "target": "fr", "target_name": "French", "seeds": [1, 2],
        "config": {"name": "demo", "target": "fr", "arms": choice, "training": {"steps": 80}},
        "versions": {"passerelle": "0.1.0", "torch": "2.9.1", "python": "3.11.7"},
        "hardware": {"cpu": "AMD EPYC", "cores": 2, "memory_bytes": 8.2e9},
        "data": {
            "pictures": {"train": 2593, "development": 200, "test": 552}, "questions": 2208,
            "hashes": {"splits": "sha256:0f343b0931126a20f133d67c2b018a3b"},
            "machine_translation": {"signature": "apertium|eng-fra|3.8.2", "chrf": 48.6},
        },
        "arms": [make_arm(row) for row in ARMS],
        "comparisons": comparisons,
        "examples": [make_example(number, images[number % len(images)]) for number in range(44)],
    }  # fmt: skip


@pytest.fixture(autouse=True, scope="session")
def drawn_once() -> Iterator[None]:
    """Draw the plots of the same results once: they show nothing of the examples."""
    drawn: dict[str, dict[str, str]] = {}
    draw = page._plots

    def plots(contents: Contents) -> dict[str, str]:
        shown = {name: value for name, value in contents.raw.items() if name != "examples"}
        key = json.dumps(shown, sort_keys=True, default=repr)
        if key not in drawn:
            drawn[key] = draw(contents)
        return drawn[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "_plots", plots)
        yield


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A run folder with three pictures."""
    from PIL import Image, ImageDraw

    for number, colour in enumerate(("crimson", "seagreen", "steelblue")):
        picture = Image.new("RGBA", (400, 300 + 100 * number), (0, 0, 0, 0))
        ImageDraw.Draw(picture).ellipse((40, 40, 360, 260), fill=colour)
        picture.save(tmp_path / f"picture-{number}.png")
    return tmp_path


@pytest.fixture
def results() -> dict[str, Any]:
    """The results of a whole comparison, to be changed at will."""
    return make_results([f"picture-{number}.png" for number in range(3)])


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A real browser without a screen."""
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium isn't installed")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()
