"""LoRA finetuning on target-language image data (Hu et al., 2106.09685)."""

from __future__ import annotations

from passerelle.adaptation.loop import StageRecord
from passerelle.adaptation.optimizer import ParameterGroup
from passerelle.methods.base import Training
from passerelle.methods.stages import run_stage
from passerelle.models.adapters import add_lora, lora_parameters, merge_lora, projector_parameters


def adapt(job: Training) -> list[StageRecord]:
    """Train an adapter on the language model, and the projector too where its learning rate isn't 0."""
    settings = job.experiment.lora
    wrapped = add_lora(job.model, rank=settings.rank, alpha=settings.alpha, seed=job.seed)
    groups = [ParameterGroup("adapter", lora_parameters(job.model), settings.learning_rate)]
    if settings.projector_learning_rate:
        groups.append(ParameterGroup("projector", projector_parameters(job.model), settings.projector_learning_rate))
    record = run_stage(job, "training", groups, job.schedule(), after=lambda: merge_lora(job.model, wrapped))
    return [record]
