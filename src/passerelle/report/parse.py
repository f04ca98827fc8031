"""Read the plain results tolerantly: older and failed runs lack fields, and a report must still open."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from passerelle.report.contents import Amounts, Arm, Contents, Cost, Difference, Look, Phase, Score, Stage
from passerelle.report.damage import damage_of

LARGEST = 1e300


def as_number(value: object) -> float | None:
    """Return a finite number, keeping integers whole; ``None`` for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Whole numbers of JSON have no limit; floats, which the plots need, have one.
    return value if abs(value) < LARGEST and math.isfinite(value) else None


def as_text(value: object, default: str = "") -> str:
    """Return a text; numbers are written out, and anything else gives `default`."""
    if isinstance(value, str):
        return value
    return default if as_number(value) is None else str(value)


def as_mapping(value: object) -> Mapping[str, Any]:
    """Return a mapping, empty where `value` isn't one."""
    return value if isinstance(value, Mapping) else {}


def as_list(value: object) -> Sequence[Any]:
    """Return a list, empty where `value` isn't one."""
    return value if isinstance(value, list | tuple) else ()


def as_texts(value: object) -> dict[str, str]:
    """Return the texts of a mapping of names to texts, without what isn't a text."""
    return {str(key): text for key, text in as_mapping(value).items() if isinstance(text, str)}


def as_whole_numbers(value: object) -> tuple[int, ...]:
    """Return the whole numbers of a list."""
    return tuple(item for item in as_list(value) if isinstance(item, int) and not isinstance(item, bool))


def mappings(value: object) -> list[Mapping[str, Any]]:
    """Return the mappings of a list, without what isn't a mapping."""
    return [item for item in as_list(value) if isinstance(item, Mapping)]


def read_results(results: Mapping[str, Any]) -> Contents:
    """Read the results of a run.

    Args:
        results: What ``results.json`` holds. Any field may be missing or of another type.

    Returns:
        The same as records; what couldn't be read is left empty.
    """
    target = as_text(results.get("target"))
    return Contents(
        name=as_text(results.get("name"), "Untitled comparison"),
        created=as_text(results.get("created")),
        target=target,
        target_name=as_text(results.get("target_name"), target or "the target language"),
        seeds=as_whole_numbers(results.get("seeds")),
        arms=tuple(_read_arm(arm, results) for arm in mappings(results.get("arms"))),
        differences=tuple(_read_difference(item) for item in mappings(results.get("comparisons"))),
        raw=results,
        damage=damage_of(results),
    )


def _read_arm(arm: Mapping[str, Any], results: Mapping[str, Any]) -> Arm:
    name = as_text(arm.get("name"), "unnamed")
    trained_on = arm.get("trained_on")
    return Arm(
        name=name,
        title=as_text(arm.get("title")) or name,
        description=as_text(arm.get("description")),
        trained_on=trained_on if isinstance(trained_on, str) else None,
        is_untrained="trained_on" in arm and trained_on is None,
        failed=arm.get("status") == "failed",
        error=as_text(arm.get("error")),
        seeds=as_whole_numbers(arm.get("seeds")),
        scores=tuple(read_score(score) for score in mappings(arm.get("scores"))),
        seed_scores=tuple(read_score(score) for score in mappings(arm.get("seed_scores"))),
        cost=_read_cost(as_mapping(arm.get("cost"))),
        stages=tuple(_read_stage(s) for s in mappings(as_mapping(arm.get("training")).get("stages"))),
        main_test="machine" if results.get("main_test") == "machine" else "human",
        translated_by=tuple(map(str, as_list(arm.get("translated_by")))),
    )


def read_score(score: Mapping[str, Any]) -> Score:
    """Read a score."""
    direction = as_text(score.get("direction"), "higher")
    seed = score.get("seed")
    return Score(
        metric=as_text(score.get("metric")),
        test=as_text(score.get("test"), "human"),
        value=as_number(score.get("value")),
        low=as_number(score.get("low")),
        high=as_number(score.get("high")),
        items=as_number(score.get("items")),
        pictures=as_number(score.get("pictures")),
        unread=as_number(score.get("unread")),
        unit=as_text(score.get("unit")),
        higher_is_better={"higher": True, "lower": False}.get(direction),
        signature=as_text(score.get("signature")),
        seed=seed if isinstance(seed, int) else None,
        unread_share=_read_share(as_mapping(score.get("unread_share"))),
    )


def _read_share(share: Mapping[str, Any]) -> tuple[float, float, float] | None:
    value, low, high = (as_number(share.get(name)) for name in ("value", "low", "high"))
    return None if value is None or low is None or high is None else (value, low, high)


def read_phases(phases: object) -> tuple[Phase, ...]:
    """Read the phases of an arm, or those that all arms share."""
    return tuple(
        Phase(
            name=as_text(phase.get("phase"), "unnamed"),
            seconds=as_number(phase.get("seconds")),
            flops=as_number(phase.get("flops")),
            peak_bytes=as_number(phase.get("peak_bytes")),
            written_bytes=as_number(phase.get("written_bytes")),
            tokens=as_number(phase.get("tokens")),
            shared_by=as_number(phase.get("shared_by")),
            processor_seconds=as_number(phase.get("processor_seconds")),
            device_seconds=as_number(phase.get("device_seconds")),
        )
        for phase in mappings(phases)
    )


def read_amounts(amounts: object) -> Amounts | None:
    """Read what something takes; ``None`` where that isn't known."""
    if not isinstance(amounts, Mapping):
        return None
    paid, holds = as_mapping(amounts.get("paid")), amounts.get("clock_holds")
    own = [field.name for field in fields(Amounts) if field.name != "clock_holds" and not field.name.startswith("paid")]
    numbers = {name: as_number(amounts.get(name)) for name in own}
    numbers |= {f"paid_{name}": as_number(paid.get(name)) for name in ("seconds", "processor_seconds", "euros")}
    return Amounts(**numbers, clock_holds=holds if isinstance(holds, bool) else None)


def _read_cost(cost: Mapping[str, Any]) -> Cost:
    return Cost(
        phases=read_phases(cost.get("phases")),
        make=read_amounts(cost.get("make")),
        asking=read_amounts(cost.get("per_1000")),
        measuring=read_amounts(cost.get("measuring")),
        seconds=as_number(cost.get("total_seconds")),
        paid_seconds=as_number(cost.get("paid_seconds")),
        flops=as_number(cost.get("total_flops")),
        peak_bytes=as_number(cost.get("peak_bytes")),
        seconds_per_answer=as_number(cost.get("seconds_per_answer")),
        sentences_translated=as_number(cost.get("sentences_translated")),
        characters_translated=as_number(cost.get("characters_translated")),
        engine_eur=as_number(cost.get("engine_eur")),
        trainable_parameters=as_number(cost.get("trainable_parameters")),
    )


def _read_stage(stage: Mapping[str, Any]) -> Stage:
    pairs = [as_list(pair) for pair in as_list(stage.get("loss"))]
    numbers = [(as_number(pair[0]), as_number(pair[1])) for pair in pairs if len(pair) == 2]
    alarms = as_mapping(stage.get("alarms"))
    return Stage(
        name=as_text(stage.get("name"), "unnamed"),
        samples=as_number(stage.get("samples")),
        tokens=as_number(stage.get("tokens")),
        steps=as_number(stage.get("steps")),
        learning_rate=as_number(stage.get("learning_rate")),
        loss=tuple((step, loss) for step, loss in numbers if step is not None and loss is not None),
        looks=tuple(_read_look(look) for look in mappings(alarms.get("looks"))),
        stopped=as_text(alarms.get("stopped")),
    )


def _read_look(look: Mapping[str, Any]) -> Look:
    return Look(
        step=as_number(look.get("step")) or 0,
        target_loss=as_number(look.get("target_loss")),
        english_loss=as_number(look.get("english_loss")),
        english_drop=as_number(look.get("english_drop")),
        fidelity=as_number(look.get("fidelity")),
        answer=as_text(look.get("answer")),
    )


def _read_difference(item: Mapping[str, Any]) -> Difference:
    return Difference(
        arm=as_text(item.get("arm"), "unnamed"),
        against=as_text(item.get("against"), "unnamed"),
        metric=as_text(item.get("metric")),
        test=as_text(item.get("test"), "human"),
        value=as_number(item.get("difference")),
        low=as_number(item.get("low")),
        high=as_number(item.get("high")),
        p=as_number(item.get("p")),
        holm_p=as_number(item.get("holm_p")),
    )
