"""Ask an arm about one's own picture."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import torch

from passerelle.compare.arms import ARMS, METHODS
from passerelle.compare.data import Translation
from passerelle.config import Experiment
from passerelle.costs.ledger import Phase
from passerelle.errors import ConfigError, InputError, unknown
from passerelle.evaluation.asking.answering import first_line
from passerelle.methods.base import Training, TrainingData
from passerelle.example.embedded import assemble
from passerelle.models.features import compute_features
from passerelle.models.vlm import VisionLanguageModel
from passerelle.progress import quiet
from passerelle.runs import read_json
from passerelle.pictures.opening import open_picture
from passerelle.languages.prompts import english
from passerelle.languages.codes import language


def ask(
    picture: Path, question: str, *, arm: str, folder: Path, seed: int | None, target: str, max_new_tokens: int
) -> str:
    """Return what an arm answers to a question about a picture.

    Args:
        picture: A picture file.
        question: The question, in the language that the arm expects.
        arm: Name of an arm.
        folder: Run folder that holds the arm, if it is a trained one.
        seed: The arm's seed; the one trained last otherwise.
        target: The language of the question, for arms that translate or are told to answer in it.
        max_new_tokens: Longest answer.

    Raises:
        ConfigError: No such arm.
        InputError: The picture can't be read, the question is empty, or the arm wasn't trained yet.
    """
    if arm not in ARMS:
        raise ConfigError(unknown("arm", arm, ARMS))
    if not question.strip():
        raise InputError("the question is empty.")
    spoken = language(target)
    image = open_picture(picture)
    trained = find_arm(arm, folder, seed) if ARMS[arm].method else None
    quiet()
    translation = Translation.open(spoken.bcp47) if arm == "pipeline" else None
    model = VisionLanguageModel.load(assemble())
    if trained:
        load_arm(model, trained)
    features = torch.stack(compute_features(model, [image]))
    if translation:
        question = translation.backward.translate([question])[0]
    elif arm == "prompted":
        question = f"{question} {english().in_language.format(language=spoken.name)}"
    said = first_line(model.generate([question], features, max_new_tokens)[0])
    return translation.forward.translate([said])[0] if translation else said


def find_arm(arm: str, folder: Path, seed: int | None) -> Path:
    """Return the folder of a trained arm in a run folder, the newest where there are several."""
    found = []
    for record in folder.glob(f"arms/{arm}-*/arm.json"):
        content = read_json(record) or {}
        if content.get("arm") == arm and seed in (None, content.get("seed")):
            found.append(record)
    if not found:
        which = f"{arm!r}" + ("" if seed is None else f" with seed {seed}")
        raise InputError(
            f"no arm {which} in {str(folder)!r}. Train it: passerelle compare experiments/demo.yaml --arms {arm}"
        )
    return max(found, key=lambda record: record.stat().st_mtime).parent


def load_arm(model: VisionLanguageModel, folder: Path) -> None:
    """Put what an arm learnt into a fresh base: its method finds every stage done.

    Raises:
        InputError: Its weights are missing or broken; says how to make them again.
    """
    record = read_json(folder / "arm.json") or {}

    def no_samples(epoch: int) -> NoReturn:
        raise InputError(f"weights in {str(folder)!r} are broken. Run the comparison again: they are made anew.")

    data = TrainingData(no_samples, torch.empty(0), {})
    experiment = Experiment.model_validate(record["experiment"])
    method = METHODS[ARMS[record["arm"]].method or ""]
    method(Training(model, data, experiment, record["seed"], folder, Phase, lambda name: lambda *step: None))
