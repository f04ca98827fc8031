"""One stage of a method: train, save what was learnt, put it on disk so that a later run skips it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

from passerelle.adaptation.loop import StageRecord
from passerelle.adaptation.optimizer import ParameterGroup
from passerelle.costs.ledger import measured
from passerelle.methods.base import Training
from passerelle.methods.training import Schedule, train_stage
from passerelle.models.adapters import load_parameters, save_parameters
from passerelle.runs import read_json, write_json


def run_stage(
    job: Training,
    name: str,
    groups: Sequence[ParameterGroup],
    schedule: Schedule,
    *,
    pictured: bool = True,
    after: Callable[[], None] | None = None,
) -> StageRecord:
    """Train one stage, or load it where an earlier run finished it.

    Args:
        job: The arm's job.
        name: The stage's name; names its files.
        groups: What is trained.
        schedule: How long.
        pictured: Whether the samples keep their pictures.
        after: Done once the stage's parameters are in place, trained or loaded.
    """
    slug = name.replace(" ", "-")
    weights, written = job.folder / f"{slug}.safetensors", job.folder / f"{slug}.json"
    parameters = {key: value for group in groups for key, value in group.parameters.items()}
    saved = read_json(written)
    if saved is not None and load_parameters(weights, parameters):
        record = StageRecord(**saved["record"])
        phase = job.stage(name)
        for key, value in saved["phase"].items():
            setattr(phase, key, value)
    else:
        phase = job.stage(name)
        with measured(phase):
            examples = job.data.examples(job.model, schedule, job.seed, pictured=pictured)
            record = train_stage(
                job.model,
                name,
                groups,
                examples,
                job.data.features,
                schedule,
                checkpoint=job.folder / f"{slug}-checkpoint",
                watch=job.watch(name),
            )
        phase.flops, phase.tokens = record.flops, record.tokens
        phase.seconds += record.seconds_before
        save_parameters(weights, parameters)
        write_json(written, {"record": dataclasses.asdict(record), "phase": phase.to_dict()})
    job.model.model.requires_grad_(False)
    if after:
        after()
    return record
