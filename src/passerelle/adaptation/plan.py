"""What an adaptation would train, and in how many steps: known before any weight is read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from passerelle.adaptation.audit import describe_parts, found_parts, print_parts
from passerelle.adaptation.data import Pool, read_pool
from passerelle.adaptation.loop import StageRecord, make_trainable
from passerelle.adaptation.mix import draw
from passerelle.adaptation.processes import Launched
from passerelle.adaptation.settings import AdaptSettings
from passerelle.adaptation.stages import adapted_modules, attach
from passerelle.errors import InputError
from passerelle.models.conversing import Encoder
from passerelle.models.families import OWN_FILE, Mixture, describe, known_families
from passerelle.models.fitting import without_weights
from passerelle.models.names import local_folder
from passerelle.models.pretrained import PretrainedModel, outline
from passerelle.models.vision_cache import level_for
from passerelle.progress import quiet, say


def plan(settings: AdaptSettings) -> dict[str, Any]:
    """Say what `adapt` would do with these settings; no weight is read, nothing is computed, nothing is written.

    Returns:
        The family, whether it was found out, its row, where its parts are, its image processor, how many samples there
        are and how many can't be read, and for each stage its steps, how many samples it is shown, how many different
        pictures with held ones, what is kept of pictures, the table of parts and what adapters are on.

    Raises:
        UserError: Something that the user can put right.
    """
    quiet()
    with known_families(settings.families):
        pool, processes = read_pool(settings), Launched()
        pretrained = outline(
            settings.model_name_or_path,
            dtype=settings.dtype,
            device=processes.device,
            trust_remote_code=settings.trust_remote_code,
        )
        steps = steps_of(settings, pool, Encoder(pretrained, settings.max_length), processes.count)
        return {
            "family": pretrained.family.name,
            "detected": pretrained.family.detected,
            "row": describe(pretrained.family),
            "parts": found_parts(pretrained),
            "image_processor": type(pretrained.processor.image_processor).__name__,
            "samples": len(pool.train),
            "rejected": len(pool.rejected),
            "stages": [
                {
                    **_stage(settings, pretrained, number, count),
                    **_shown(settings, pool, number, count, processes.count),
                }
                for number, count in enumerate(steps)
            ],
        }


def _stage(settings: AdaptSettings, pretrained: PretrainedModel, number: int, steps: int) -> dict[str, Any]:
    stage = settings.stages[number]
    where = str(local_folder(Path(pretrained.path)))
    # A new one for each stage: what an earlier one added is merged by then.
    model = without_weights(where, settings.trust_remote_code).to(pretrained.bare.dtype)
    fresh = replace(pretrained, model=model)
    groups = attach(fresh, stage, settings.seed)
    make_trainable(fresh.model, groups, StageRecord(stage.name))
    return {
        "name": stage.name,
        "steps": steps,
        "features": level_for(fresh, set(stage.train)),
        "parts": describe_parts(fresh, groups),
        "adapted": adapted_modules(fresh),
        "experts": bool(Mixture.of(fresh.bare).experts),
    }


def _shown(settings: AdaptSettings, pool: Pool, number: int, steps: int, processes: int) -> dict[str, int]:
    """Return how many samples a stage is shown, and how many different pictures with those of the alarms."""
    count = steps * settings.per_device_train_batch_size * settings.gradient_accumulation_steps * processes
    drawn = draw(pool.train, count, settings.stages[number].samples, settings.mix, settings.seed)
    return {"shown": count, "pictures": len({c.images for c in [*drawn, *pool.held] if c.images})}


def tell_family(pretrained: PretrainedModel) -> None:
    """Say where a model's parts are and how large; of one whose type is in no table, as a row to put right."""
    if pretrained.family.detected:
        say(_found_out(describe(pretrained.family)))
    say(found_parts(pretrained))
    say(f"pictures by {type(pretrained.processor.image_processor).__name__}")


def _found_out(row: str) -> str:
    return f"models of this type aren't in the table of families; found out, and to be put right in {OWN_FILE}:\n{row}"


def steps_of(settings: AdaptSettings, pool: Pool, encoder: Encoder, processes: int) -> list[int]:
    """Return the steps of each stage.

    Args:
        settings: What to do.
        pool: The samples.
        encoder: Of the model, which a budget in tokens asks for.
        processes: How many there are.

    Raises:
        InputError: There are more stages than steps.
    """
    shares = [stage.share for stage in settings.stages]
    batch = settings.per_device_train_batch_size * settings.gradient_accumulation_steps * processes
    if settings.max_tokens and not settings.max_steps:
        parts = (settings.max_tokens * share / sum(shares) for share in shares)
        lengths = (pool.mean_length(stage, settings, encoder) for stage in settings.stages)
        return [max(1, round(part / (length * batch))) for part, length in zip(parts, lengths, strict=True)]
    total = settings.max_steps or max(1, round(settings.num_train_epochs * pool.targets / batch))
    if total < len(shares):
        raise InputError(f"{total} steps are fewer than the {len(shares)} stages: raise max_steps or num_train_epochs.")
    ends = [round(total * sum(shares[: index + 1]) / sum(shares)) for index in range(len(shares))]
    return [max(1, end - start) for start, end in zip([0, *ends], ends, strict=False)]


def print_plan(planned: dict[str, Any]) -> None:
    """Print what would be done on stdout."""
    if planned["detected"]:
        print(_found_out(planned["row"]))
    print(planned["parts"])
    print(f"pictures by {planned['image_processor']}")
    print(f"{planned['samples']} samples, {planned['rejected']} rejected")
    for stage in planned["stages"]:
        shown = f"{stage['steps']} steps, {stage['pictures']} pictures, vision features: {stage['features']}"
        title = f"stage {stage['name']!r}: {shown}"
        print_parts(stage["parts"], title, stage["adapted"], stage["experts"], stderr=False)
