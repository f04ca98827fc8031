"""Two-stage finetuning: first the language, then the vision.

The language stage trains an adapter on the language model with target-language text alone. The vision stage
freezes the language model and trains the projector on target-language image data.
"""

from __future__ import annotations

from passerelle.adaptation.loop import StageRecord
from passerelle.adaptation.optimizer import ParameterGroup
from passerelle.methods.base import Training
from passerelle.methods.stages import run_stage
from passerelle.models.adapters import add_lora, lora_parameters, merge_lora, projector_parameters


def adapt(job: Training) -> list[StageRecord]:
    """Train the language stage, merge it, train the vision stage; both within the one budget."""
    settings = job.experiment.two_stage
    adapter = settings.language
    wrapped = add_lora(job.model, rank=adapter.rank, alpha=adapter.alpha, seed=job.seed)
    language = run_stage(
        job,
        "language stage",
        [ParameterGroup("adapter", lora_parameters(job.model), adapter.learning_rate)],
        job.schedule(settings.language_share),
        pictured=False,
        after=lambda: merge_lora(job.model, wrapped),
    )
    vision = run_stage(
        job,
        "vision stage",
        [ParameterGroup("projector", projector_parameters(job.model), settings.projector_learning_rate)],
        job.schedule(1 - settings.language_share),
    )
    return [language, vision]
