"""The results of a comparison: scores, comparisons, costs and examples together, as reports read them."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from passerelle.comparison.arms import ArmRun, description_of, title_of
from passerelle.comparison.collected import Collected, key_metrics, scored, scores_of, spoken_by
from passerelle.comparison.examples import examples_of
from passerelle.comparison.gains import gains, spent
from passerelle.comparison.settings import MACHINE, Experiment
from passerelle.comparison.texts import PEOPLE
from passerelle.comparison.untrained import ELSEWHERE, PIPELINE, ZERO_SHOT
from passerelle.costs.flops import scaled
from passerelle.costs.ledger import Phase
from passerelle.costs.prices import prices
from passerelle.costs.summary import cost_of
from passerelle.evaluation.benchmarks.scoring import GENERATE
from passerelle.evaluation.specification import find_served
from passerelle.evaluation.writing import read_answers
from passerelle.languages.codes import language
from passerelle.provenance import hardware, versions
from passerelle.runs import RESULTS_SCHEMA
from passerelle.translation.both_ways import ENGLISH

Row = Mapping[str, Any]


def collect(found: Collected) -> dict[str, Any]:
    """Put everything together, as plain JSON types."""
    experiment, evaluation = found.experiment, found.evaluation
    smaller = {run.system for run in found.smaller}
    said = read_answers(found.folder / "evaluation" / "answers.jsonl")
    answers = [row for row in said if row["system"] not in smaller]
    engines = _engines(answers)
    arms = [{**_arm(found, run), "translated_by": engines.get(run.name, [])} for run in found.runs]
    if any(figure["language"] == ENGLISH for figure in evaluation["figures"]):
        arms.insert(0, _english(found))
    comparisons = list(_comparisons(found))
    asked = {(row["benchmark"], row["id"]): row["picture"] for row in answers if row["language"] == experiment.target}
    name = language(experiment.target).name
    return {
        "schema": RESULTS_SCHEMA,
        "name": experiment.name,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "target": experiment.target,
        "target_name": name,
        "main_test": found.main_test,
        "test_name": f"{name} test" + (", machine-translated" if found.main_test == "machine" else ""),
        "key_metrics": key_metrics(found),
        "headline_metrics": [test.name for test in found.tests],
        "seeds": list(experiment.seeds),
        "config": experiment.model_dump(mode="json"),
        "versions": versions(),
        "hardware": hardware(),
        "data": {
            "base": experiment.model,
            "pictures": {"test": len({picture for picture in asked.values() if picture})},
            "questions": len(asked),
            "training": _training_files(found.runs),
            "tests": evaluation["tests"],
            "training_text": found.texts.summary() if experiment.trained else {},
        },
        "warnings": evaluation["warnings"],
        "own_engine": [row for row in _machine_tests(experiment, found) if row["arms"]],
        "decided": evaluation["decided"],
        "readings": evaluation["readings"],
        "notes": [*_notes(found), *evaluation["notes"]],
        "prices": prices().model_dump(),
        "left_out": {run.system: run.error for run in (*found.runs, *found.smaller) if run.left_out},
        "shared_costs": [phase.to_dict() for phase in _shared(found)],
        "arms": arms,
        "comparisons": comparisons,
        "gains": _gains(found, arms, comparisons),
        "gaps": evaluation["gaps"],
        "examples": examples_of(answers, found.folder, experiment.target, experiment.examples, found.asked),
    }


def _shared(found: Collected) -> Iterator[Phase]:
    """Yield what measuring cost, whichever arms there are: translated tests, answers that a model read."""
    yield from (test.phase for test in found.tests if test.phase is not None)
    if reader := (found.evaluation["decided"] or {}).get("reader"):
        took = {"tokens": round(reader["tokens"]), "engine_eur": reader["engine_eur"]}
        yield Phase(f"tests, answers read by {reader['name']}", reader["seconds"], **took)


def _engines(answers: Sequence[Row]) -> dict[str, list[str]]:
    """Return by arm the signatures of the engines by whose work it answered; one, unless engines were changed."""
    found: dict[str, dict[str, None]] = {}
    for row in answers:
        if row["translated_by"]:
            found.setdefault(row["system"], {})[row["translated_by"]] = None
    return {arm: list(signatures) for arm, signatures in found.items()}


def _notes(found: Collected) -> Iterator[str]:
    """Warn of costs that aren't known, and of tests that a machine translated."""
    experiment = found.experiment
    elsewhere = [name for name in experiment.arms if experiment.is_elsewhere(name)]
    if elsewhere:
        yield f"{' and '.join(elsewhere)}: adapted elsewhere, from what data and at what cost isn't known here."
    if left_out := [run.system for run in (*found.runs, *found.smaller) if run.left_out]:
        yield (
            f"{', '.join(left_out)}: left out, for the limits of the comparison left no room; the same command with "
            "higher limits goes on."
        )
    if served := [name for name in experiment.arms if _is_served(experiment, name)]:
        yield f"{', '.join(served)}: answered by a server, whose operations and energy aren't known here."
        chosen = {f"{test.name} by {_choosing(plan.method)}": None for test in found.tests for plan in test.plans}
        yield f"How options are chosen, by all arms, the served ones too: {', '.join(chosen)}."
    for row in _machine_tests(experiment, found):
        if not row["arms"]:
            yield f"{row['test']}: the machine test was translated by {row['engine']}."


def _machine_tests(experiment: Experiment, found: Collected) -> list[dict[str, Any]]:
    """Return the tests that an engine translated, each with the pipelines that use it too: the test favours these."""
    engine = experiment.translation.engine
    pipelines = {name: experiment.engine(name) for name in experiment.arms if experiment.method(name) == PIPELINE}
    same = [name for name, used in pipelines.items() if engine in {way.engine for way in used.both}]
    return [{"test": test.name, "engine": engine, "arms": same} for test in found.tests if test.machine is not None]


def _choosing(method: str) -> str:
    return "what is written" if method == GENERATE else f"likelihood ({method})"


def _english(found: Collected) -> dict[str, Any]:
    """The base on English questions."""
    phases = list(_answering(found, ZERO_SHOT, ENGLISH, 1))
    return {
        "name": "english",
        "title": "English",
        "description": "The base on the English questions: what the others are held against",
        "trained_on": None,
        "seeds": [],
        "status": "done",
        "error": None,
        "scores": [score for score, _ in scores_of(found, ZERO_SHOT, ENGLISH)],
        "seed_scores": [],
        "cost": _cost([phases], found, ZERO_SHOT, ENGLISH, at_work=ENGLISH, served=_is_served(found.experiment)),
        "training": None,
    }


def _arm(found: Collected, run: ArmRun) -> dict[str, Any]:
    experiment = found.experiment
    spoken = spoken_by(experiment, run.name)
    records = list(run.records.values())
    trainable = max((s["record"]["trainable_parameters"] for r in records for s in r["stages"]), default=0)
    served = _is_served(experiment, run.name)
    cost = _cost(_phases(found, run), found, run.name, *spoken, at_work=experiment.target, served=served)
    if experiment.is_elsewhere(run.name):
        cost["make"] = _made_elsewhere(experiment, run.name, cost["make"])
    return {
        "name": run.name,
        "title": title_of(experiment, run.name),
        "description": description_of(experiment, run.name, language(experiment.target).name),
        "model": experiment.own_model(run.name) or experiment.model,
        "trained_on": _origin(experiment, run.name),
        "seeds": list(run.records),
        "status": "failed" if run.error else "done",
        "error": run.error or None,
        **scored(found, run),
        "cost": {**cost, "trainable_parameters": trainable, "left_bytes": run.left_bytes},
        "training": {"stages": [_stage(stage) for stage in records[0]["stages"]]} if records else None,
    }


def _is_served(experiment: Experiment, arm: str = "") -> bool:
    """Whether a server answers for an arm, or for the base."""
    model = (experiment.own_model(arm) if arm else "") or experiment.model
    return find_served(model)[1] is not None


def _made_elsewhere(experiment: Experiment, arm: str, make: dict[str, Any]) -> dict[str, Any] | None:
    """Return what making an arm took that was adapted elsewhere: its time, where the experiment says it."""
    return {**make, "flops": None, "tokens": None} if "training_seconds" in experiment.arms[arm] else None


def _phases(found: Collected, run: ArmRun) -> list[list[Phase]]:
    """Return what an arm cost, phase by phase, for each of its seeds."""
    experiment = found.experiment
    seeds = len(run.records) or 1
    answering = [p for code in (experiment.target, ENGLISH) for p in _answering(found, run.name, code, seeds)]
    if run.name not in experiment.trained:
        seconds = experiment.arms[run.name].get("training_seconds")
        unknown: dict[str, Any] = dict.fromkeys(("processor_seconds", "device_seconds", "written_bytes"))
        unmeasured = Phase("training, elsewhere", float(seconds or 0), **unknown)
        return [[unmeasured, *answering] if seconds else answering]
    return [[*made, *answering] for made in made_by_seed(found, run)] or [[]]


def made_by_seed(found: Collected, run: ArmRun) -> list[list[Phase]]:
    """Return what making a trained arm took, phase by phase, for each seed; of its texts the share that it uses."""
    texts = found.texts.phases(run.name) if run.records else []
    return [[*(phase.times(_share(record)) for phase in texts), *_training(record)] for record in run.records.values()]


def _share(record: Row) -> float:
    samples = record.get("samples") or {"used": 1, "of": 1}
    return samples["used"] / samples["of"] if samples["of"] else 1.0


def _cost(
    phases: Sequence[Sequence[Phase]], found: Collected, system: str, *languages: str, at_work: str, served: bool
) -> dict[str, Any]:
    """Sum up what an arm cost; what isn't measured while answering is left open: memory, and a server's operations."""
    rows = [r for r in found.evaluation["speed"] if r["system"] == system and r["language"] in languages]
    seeds = max(1, len(phases))
    answered = {code: sum(r["answers"] for r in rows if r["language"] == code) // seeds for code in languages}
    cost = cost_of(phases, answered, at_work)
    for phase in cost["phases"]:
        phase |= {key: phase[key] or None for key in ("tokens", "peak_bytes")}
        if served and phase["kind"] == "answers":
            phase |= dict.fromkeys(_SERVERS)
    for code, asked in cost["per_1000_by_language"].items():
        waits = [wait for row in rows if row["language"] == code for wait in row.get("asked_by_themselves", [])]
        asked |= {"asked_by_themselves": len(waits), "p50_seconds": _at(waits, 0.5), "p95_seconds": _at(waits, 0.95)}
    for asked in (*cost["per_1000_by_language"].values(), cost["measuring"]) if served else ():
        asked |= {**dict.fromkeys((*_SERVERS, "watt_hours", "grams_co2")), "euros": asked["engine_eur"] or None}
    return {**cost, "peak_bytes": cost["peak_bytes"] or None}


_SERVERS = ("flops", "processor_seconds", "device_seconds")
"""What only a server knows of its answers: what is measured here is the waiting."""


def _at(values: Sequence[float], share: float) -> float | None:
    """Return the smallest value that so large a share of them doesn't exceed; ``None`` where there is none."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)] if values else None


def _answering(found: Collected, system: str, spoken: str, seeds: int) -> Iterator[Phase]:
    for row in found.evaluation["speed"]:
        if (row["system"], row["language"]) == (system, spoken):
            phase = Phase(f"answers, {row['benchmark']} ({spoken})", kind="answers", language=spoken)
            for amount in _MEASURED:
                value = row.get(amount)
                setattr(phase, amount, None if value is None else value / seeds)
            for count in ("tokens", "sentences", "characters"):
                setattr(phase, count, round(row[count] / seeds))
            phase.flops_by_part = scaled(row.get("flops_by_part", {}), 1 / seeds)
            yield phase


_MEASURED = (
    "seconds", "flops", "engine_eur", "processor_seconds", "device_seconds", "others_core_seconds",
    "spared_seconds", "spared_processor_seconds", "spared_device_seconds", "written_bytes",
)  # fmt: skip


def _training(record: Row) -> Iterator[Phase]:
    for stage in record["stages"]:
        done = stage["record"]
        several = stage["name"] != "training"
        if features := stage.get("features_took"):
            yield replace(Phase.read(features), phase=f"features, {stage['name']} stage" if several else "features")
        name = f"training, {stage['name']} stage" if several else "training"
        older = {"seconds": stage["seconds"], "flops": done["flops"], "tokens": done["tokens"]}
        yield replace(
            Phase.read({"phase": name, **stage.get("took", older)}), phase=name, peak_bytes=stage["peak_bytes"]
        )


def _stage(stage: Row) -> dict[str, Any]:
    done = stage["record"]
    rate = max(done["learning_rates"].values(), default=None)
    return {**done, "learning_rate": rate, "alarms": stage["alarms"]}


def _origin(experiment: Experiment, arm: str) -> str | None:
    """Say what kind of target-language text an arm learnt from: the least of its origins."""
    if experiment.is_elsewhere(arm):
        return ELSEWHERE
    if arm not in experiment.trained:
        return None
    if MACHINE in experiment.texts(arm):
        return "repaired" if experiment.screened(arm) == "repair" else "machine"
    origins = {experiment.data[text].origin or "human-translation" for text in experiment.texts(arm)}
    if origins == {"native"}:
        return "native"
    return "human-translation" if origins <= set(PEOPLE) else "machine"


def _training_files(runs: Sequence[ArmRun]) -> list[dict[str, Any]]:
    files = [file for run in runs for record in run.records.values() for file in record["data"]]
    kept = ("path", "language", "origin", "samples", "sha256")
    return list({file["sha256"]: {key: file[key] for key in kept} for file in files}.values())


def _comparisons(found: Collected) -> Iterator[dict[str, Any]]:
    for row in found.evaluation["comparisons"]:
        if row["language"] not in (found.experiment.target, ENGLISH):
            continue
        test, who = found.asked(row["benchmark"], row["language"])
        kept = {key: row[key] for key in ("difference", "low", "high", "p", "holm_p")}
        names = {"arm": row["first"], "against": row["second"], "metric": test}
        yield {**names, "test": who, **kept}


def _gains(found: Collected, arms: Sequence[Row], comparisons: Sequence[Row]) -> list[dict[str, Any]]:
    """Say what the training data of each arm buys, where the arm that all are held against was trained too."""
    experiment = found.experiment
    if experiment.reference not in experiment.trained:
        return []
    done = {run.name for run in found.runs if run.records and not run.error}
    spendings = {arm["name"]: spent(arm["cost"]["make"]) for arm in arms if arm["name"] in done}
    known = {name: spending for name, spending in spendings.items() if spending is not None}
    return gains(known, comparisons, experiment.reference)
