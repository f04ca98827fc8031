"""The results of a comparison on one's own model, in the layout that reports read."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from passerelle.adaptation.settings import AdaptSettings
from passerelle.costs.ledger import Phase
from passerelle.costs.prices import prices
from passerelle.costs.summary import cost_of
from passerelle.provenance import hardware, versions
from passerelle.pictures.thumbnails import keep_picture
from passerelle.runs import content_hash
from passerelle.formats.conversations import read_conversations
from passerelle.comparison.settings import UNTRAINED, ZERO_SHOT, StudySettings
from passerelle.languages.codes import language

ENGLISH = "en"
EXAMPLES = 48
"""Pictures that the report shows."""

Row = Mapping[str, Any]

_TITLES = {
    "zero-shot": ("Zero-shot", "The base on the questions in {language}"),
    "prompted": ("Prompted", "The base, asked in English to answer in {language}"),
    "pipeline": ("Translation pipeline", "{language} → English → base → English → {language}, by Apertium"),
    "lora": ("LoRA", "Adapters on the language model, trained on {language} data"),
    "two-stage": ("Two-stage", "Language model on {language} text, then projector on {language} image data"),
    "full": ("Full finetuning", "All weights of the language model, trained on {language} data"),
    "text-regularized": ("LoRA, text-regularized", "LoRA with text-only {language} data in the mix"),
    "merged": ("LoRA, merged", "LoRA, then its language model merged with the base's"),
}
_PEOPLE = ("human-translation", "native")


@dataclass
class ArmRun:
    """What became of an arm.

    Attributes:
        name: Its name.
        records: What `adapt` did, by seed; empty for an arm that isn't trained.
        error: Why it failed; empty if it didn't.
    """

    name: str
    records: dict[int, dict[str, Any]] = field(default_factory=dict)
    error: str = ""


def collect(study: StudySettings, folder: Path, runs: Sequence[ArmRun], evaluation: Row) -> dict[str, Any]:
    """Put scores, comparisons, costs and examples together, as plain JSON types.

    Args:
        study: The settings.
        folder: The run folder.
        runs: What became of each arm.
        evaluation: What `passerelle.evaluation.run.evaluate` returned for the arms that didn't fail.
    """
    target = study.target
    benchmarks = list(dict.fromkeys(figure["benchmark"] for figure in evaluation["figures"]))
    keys = [_metric(f) for f in evaluation["figures"] if f["language"] == target and _is_key(f)]
    arms = [_arm(study, run, evaluation, target) for run in runs]
    if study.english:
        arms.insert(0, _english(evaluation))
    answers = [json.loads(line) for line in (folder / "evaluation" / "answers.jsonl").read_text("utf-8").splitlines()]
    asked = {(row["benchmark"], row["id"]): row["picture"] for row in answers if row["language"] == target}
    return {
        "schema": 1,
        "name": study.name,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "target": target,
        "target_name": language(target).name,
        "test_name": f"{language(target).name} test",
        "key_metrics": list(dict.fromkeys(keys)),
        "headline_metrics": benchmarks,
        "seeds": list(study.seeds),
        "config": study.model_dump(mode="json"),
        "versions": versions(),
        "hardware": hardware(),
        "data": {
            "base": study.model_name_or_path,
            "pictures": {"test": len({picture for picture in asked.values() if picture})},
            "questions": len(asked),
            "training": _training_files(runs),
            "notes": evaluation["notes"],
        },
        "arms": arms,
        "comparisons": list(_comparisons(evaluation, target)),
        "gaps": evaluation["gaps"],
        "examples": list(_examples(answers, folder, target)),
    }


def _is_key(figure: Row) -> bool:
    return not figure["subtask"] and (figure["headline"] or figure["metric"] == "fidelity")


def _metric(figure: Row) -> str:
    """Name a figure's metric: a benchmark's own by the benchmark."""
    return str(figure["benchmark"] if figure["headline"] else f"{figure['benchmark']} {figure['metric']}")


def _scores(evaluation: Row, system: str, spoken: str, test: str) -> Iterator[tuple[dict[str, Any], Sequence[float]]]:
    for figure in evaluation["figures"]:
        if (figure["system"], figure["language"]) != (system, spoken) or figure["subtask"]:
            continue
        if figure["parser"] == "published":
            continue
        kept = {key: figure[key] for key in ("value", "low", "high", "unit", "direction", "signature")}
        counts = {"items": figure["units"], "pictures": figure["clusters"]}
        yield {"metric": _metric(figure), "test": test, "source": "all", **kept, **counts}, figure["by_seed"]


def _english(evaluation: Row) -> dict[str, Any]:
    """The base on English questions."""
    return {
        "name": "english",
        "title": "English",
        "description": "The base on the English questions: what the others are held against",
        "trained_on": None,
        "seeds": [],
        "status": "done",
        "error": None,
        "scores": [score for score, _ in _scores(evaluation, ZERO_SHOT, ENGLISH, "english")],
        "seed_scores": [],
        "cost": _cost([list(_answering(evaluation, ZERO_SHOT, ENGLISH, 1))], evaluation, ZERO_SHOT, ENGLISH),
        "training": None,
    }


def _arm(study: StudySettings, run: ArmRun, evaluation: Row, target: str) -> dict[str, Any]:
    method = study.method(run.name)
    title, description = _TITLES[method]
    tests = [(target, "human")]
    if study.english and method not in UNTRAINED:
        tests.append((ENGLISH, "english"))
    scored = [pair for spoken, test in tests for pair in _scores(evaluation, run.name, spoken, test)]
    records = list(run.records.values())
    seeds = len(records) or 1
    languages = [spoken for spoken, _ in tests]
    answering = [phase for spoken in languages for phase in _answering(evaluation, run.name, spoken, seeds)]
    settings = study.adaptation(run.name, study.seeds[0], Path(run.name)) if run.name in study.trained else None
    people = list(_people(settings))
    phases = [[*people, *_training(record), *answering] for record in records] or [answering]
    trainable = max((s["record"]["trainable_parameters"] for r in records for s in r["stages"]), default=0)
    return {
        "name": run.name,
        "title": title if run.name == method else run.name,
        "description": description.format(language=language(target).name),
        "trained_on": _origin(settings),
        "seeds": list(run.records),
        "status": "failed" if run.error else "done",
        "error": run.error or None,
        "scores": [score for score, _ in scored],
        "seed_scores": [
            {**{key: score[key] for key in ("metric", "test", "source", "unit")}, "seed": seed, "value": value}
            for score, by_seed in scored
            if len(by_seed) > 1
            for seed, value in zip(run.records, by_seed, strict=False)
        ],
        "cost": {**_cost(phases, evaluation, run.name, *languages), "trainable_parameters": trainable},
        "training": {"stages": [_stage(stage) for stage in records[0]["stages"]]} if records else None,
    }


def _cost(phases: Sequence[Sequence[Phase]], evaluation: Row, system: str, *languages: str) -> dict[str, Any]:
    """Sum up what an arm cost; tokens and memory, which aren't measured while answering, are left open there."""
    rows = [row for row in evaluation["speed"] if row["system"] == system and row["language"] in languages]
    cost = cost_of(phases, sum(row["answers"] for row in rows) // max(1, len(phases)))
    open_ones = [{**phase, **{key: phase[key] or None for key in ("tokens", "peak_bytes")}} for phase in cost["phases"]]
    return {**cost, "phases": open_ones, "peak_bytes": cost["peak_bytes"] or None}


def _answering(evaluation: Row, system: str, spoken: str, seeds: int) -> Iterator[Phase]:
    for row in evaluation["speed"]:
        if (row["system"], row["language"]) == (system, spoken):
            name = f"answers, {row['benchmark']} ({spoken})"
            yield Phase(name, row["seconds"] / seeds, row["flops"] / seeds)


def _training(record: Row) -> Iterator[Phase]:
    for stage in record["stages"]:
        done = stage["record"]
        yield Phase(
            "training" if stage["name"] == "training" else f"training, {stage['name']} stage",
            stage["seconds"],
            done["flops"],
            done["tokens"],
            stage["peak_bytes"],
        )


def _stage(stage: Row) -> dict[str, Any]:
    done = stage["record"]
    return {**done, "learning_rate": max(done["learning_rates"].values(), default=None)}


def _origin(settings: AdaptSettings | None) -> str | None:
    """Say what kind of target-language text an arm learnt from: the least of its origins."""
    if settings is None:
        return None
    origins = {entry.origin for entry in settings.data if entry.language != ENGLISH}
    if origins <= set(_PEOPLE):
        return "human-translation"
    return "machine" if "machine" in origins else "repaired"


def _people(settings: AdaptSettings | None) -> Iterator[Phase]:
    """Charge what people wrote or translated of an arm's data, by the table of prices."""
    minutes = 0.0
    for entry in settings.data if settings else ():
        if entry.origin in _PEOPLE and entry.language != ENGLISH:
            found, _ = read_conversations(entry.path, images=entry.images, language=entry.language, origin=entry.origin)
            minutes += prices().translation_minutes({m.text for each in found for m in each.messages})
    if minutes:
        yield Phase("training data, people's work", expert_minutes=minutes)


def _training_files(runs: Sequence[ArmRun]) -> list[dict[str, Any]]:
    files = [file for run in runs for record in run.records.values() for file in record["data"]]
    kept = ("path", "language", "origin", "samples")
    return list({file["sha256"]: {key: file[key] for key in kept} for file in files}.values())


def _comparisons(evaluation: Row, target: str) -> Iterator[dict[str, Any]]:
    tests = {target: "human", ENGLISH: "english"}
    for found in evaluation["comparisons"]:
        if found["language"] in tests:
            kept = {key: found[key] for key in ("difference", "low", "high", "p", "holm_p")}
            names = {"arm": found["first"], "against": found["second"], "metric": found["benchmark"]}
            yield {**names, "test": tests[found["language"]], "source": "all", **kept}


def _examples(answers: Sequence[Row], folder: Path, target: str) -> Iterator[dict[str, Any]]:
    """Show questions about different pictures with what each arm said, first seeds only."""
    asked: dict[tuple[str, str], list[Row]] = {}
    for row in answers:
        if row["language"] == target and row["seed"] == 1 and row["picture"]:
            asked.setdefault((row["benchmark"], row["id"]), []).append(row)
    shown: set[str] = set()
    for (benchmark, identifier), rows in asked.items():
        picture = rows[0]["picture"]
        if picture in shown or len(shown) == EXAMPLES:
            continue
        shown.add(picture)
        first = rows[0]
        picked = {row["system"]: _picked(row) for row in rows}
        yield {
            "picture": f"{benchmark} {identifier}",
            "image": keep_picture(Path(picture), folder, content_hash(picture)[:16]),
            "source": benchmark,
            "caption": {"human": first["prompt"]},
            "choice": {
                "options": {"human": first["options"]},
                "correct": first["correct"],
                "picked": {name: place for name, place in picked.items() if place is not None},
            }
            if first["options"]
            else None,
            "captions": {row["system"]: row["text"] for row in rows if row["text"]},
            "yes_no": [],
        }


def _picked(row: Row) -> int | None:
    """Return the place of the option that an answer was read as."""
    read = json.loads(row["read"]) if row["read"] else None
    return read if isinstance(read, int) and not isinstance(read, bool) and row["options"] else None
