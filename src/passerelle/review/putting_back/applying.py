"""Put experts' work back: into the memory, the data set, the calibration; and say what that changed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from passerelle.errors import InputError, MissingDependency
from passerelle.evaluation.metrics.captions import chrf_from_sums, chrf_statistics
from passerelle.evaluation.statistics.significance import corpus_of, paired_difference
from passerelle.quality.estimate.calibrate import FEWEST
from passerelle.quality.estimate.fitting import fit_calibration, write_calibration
from passerelle.quality.estimate.labels import read_labels
from passerelle.quality.pairs import PairOptions, read_pairs, read_references
from passerelle.review.findings.judged import Judged, read_judged
from passerelle.review.putting_back.corrections import Native, memory_pairs
from passerelle.review.putting_back.exchange import label_rows, labels_csv
from passerelle.review.putting_back.reach import Plan, data_files, pair_options, plan_putting_back
from passerelle.review.putting_back.retranslate import Retranslated, retranslate
from passerelle.review.store.schema import Assignment, Campaign, Expert, StoredPicture
from passerelle.runs import make_folder, write_atomically, write_json
from passerelle.translation.dataset.job import Job
from passerelle.translation.dataset.rejects import rejected_rows
from passerelle.translation.memory.memory import Stored, TranslationMemory

SIGNATURE = "review {campaign}"
RECORD = "applied.json"
LIST = "corrections.jsonl"


@dataclass(frozen=True)
class Application:
    """How a campaign's work is put back.

    Attributes:
        out: Folder for what is written.
        memory: The translation memory.
        engine: Translates the touched rows.
        references: People's translations, to say by how much chrF changes.
        without: Experts whose work is left out.
        refit: Fit the estimate on their scores.
    """

    out: Path
    memory: Path
    engine: str = "apertium"
    references: Path | None = None
    without: tuple[str, ...] = ()
    refit: bool = True


def plan_campaign(session: Session, campaign: Campaign, how: Application) -> Plan:
    """Say what `apply_campaign` would put where, and change nothing.

    Raises:
        InputError: An unknown expert is left out, or the data aren't there any more.
    """
    return plan_putting_back(_counted(session, campaign, how.without)[0], campaign.settings)


def apply_campaign(session: Session, campaign: Campaign, how: Application, plan: Plan | None = None) -> dict[str, Any]:
    """Put a campaign's work back.

    Applying again does the same again: what is in the memory already stays as it is.

    Args:
        session: Of the database.
        campaign: The campaign.
        how: How.
        plan: What `plan_campaign` said; ``None``: ask it.

    Returns:
        What was done, as it is written to ``applied.json``.

    Raises:
        InputError: An unknown expert is left out, or the data aren't there any more.
        EngineStopped: The engine can't go on.
        StorageError: The disk is full, or a file can't be written.
    """
    judged, hours = _counted(session, campaign, how.without)
    settings = campaign.settings
    languages = settings["source_language"], settings["target_language"]
    plan = plan or plan_putting_back(judged, settings)
    make_folder(how.out)
    # The list comes first: whatever happens then, it says what was meant to be written.
    write_atomically(how.out / LIST, plan.lines())
    stored, kept = _remember(plan, how.memory, languages, SIGNATURE.format(campaign=campaign.name))
    done: dict[str, Any] = {
        "campaign": campaign.name,
        "languages": list(languages),
        "memory": str(how.memory.resolve()),
        "expert_hours": round(hours, 4),
        "judgments": len(judged),
        "corrections": len(plan.corrections),
        "left_out": [vars(one) for one in plan.left_out],
        "disputed": [vars(one) for one in plan.corrections if one.agreeing * 2 <= one.experts and one.experts > 1],
        "reached": {"rows": len({row for one in plan.reaches for row in one.rows}), "file": str(how.out / LIST)},
        "memory_entries": _entries(stored, kept),
        "native": _write_natives(session, campaign, plan.natives, how.out),
        "corrected_texts": plan.by_source,
    }
    if settings["sources"].get("data") and plan.by_source:
        done |= _data_again(settings, how, plan, hours)
    done["calibration"] = _calibration(judged, how, languages)
    write_json(how.out / RECORD, done)
    return done


def _remember(plan: Plan, memory: Path, languages: tuple[str, str], signature: str) -> tuple[Stored, Stored]:
    """Put corrections and captions into the memory; say of each how many were new."""
    alone = {one.source for one in plan.alone}
    corrected = {source: text for source, text in plan.by_source.items() if source not in alone}
    pairs = [pair for source, text in corrected.items() for pair in memory_pairs(source, text, *languages)]
    with TranslationMemory(memory) as opened:
        stored = opened.store(pairs, *languages, signature, "human-translation")
        captions = [(one.source, one.texts["caption"]) for one in plan.alone]
        return stored, opened.store(captions, *languages, signature, "native")


def _counted(session: Session, campaign: Campaign, without: Sequence[str]) -> tuple[list[Judged], float]:
    """Return the judgments that count, and the hours of the experts who made them."""
    query = select(Expert.name, Assignment.seconds).join(Assignment, Assignment.expert_id == Expert.id)
    times = session.execute(query.where(Expert.campaign_id == campaign.id)).all()
    for name in without:
        if name not in {expert for expert, _ in times}:
            raise InputError(f"no expert {name!r} worked in this campaign: {', '.join(sorted({e for e, _ in times}))}.")
    judged = [one for one in read_judged(session, campaign.id) if one.expert not in without]
    return judged, sum(seconds for expert, seconds in times if expert not in without) / 3600


def _entries(corrected: Stored, native: Stored) -> dict[str, dict[str, int]]:
    return {"human-translation": corrected._asdict(), "native": native._asdict()}


def _write_natives(session: Session, campaign: Campaign, natives: Sequence[Native], out: Path) -> dict[str, Any]:
    """Write what experts wrote as a data set with its pictures, each row with licence and consent."""
    people = {one.name: one for one in session.scalars(select(Expert).where(Expert.campaign_id == campaign.id))}
    writers = sorted(name for name, person in people.items() if not person.is_admin)
    numbers = {name: f"expert-{number}" for number, name in enumerate(writers, 1)}
    folder, lines = out / "native-images", []
    for one in natives:
        agreed = people[one.expert].agreed
        if one.picture is not None and not (folder / f"{one.picture}.jpg").is_file():
            jpeg = session.scalars(select(StoredPicture.jpeg).where(StoredPicture.key == one.picture)).one()
            write_atomically(folder / f"{one.picture}.jpg", jpeg)
        row = {
            "id": f"{campaign.name}/{one.row}/{numbers[one.expert]}",
            "image": f"{one.picture}.jpg" if one.picture else None,
            **one.texts,
            "language": campaign.settings["target_language"],
            "origin": "native",
            "licence": campaign.settings["licence"],
            "consent": None if agreed is None else agreed.isoformat(timespec="seconds"),
            "writer": numbers[one.expert],
        }
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    path = out / "native.jsonl"
    write_atomically(path, "".join(lines))
    return {"texts": len(lines), "file": str(path)}


def _data_again(settings: Mapping[str, Any], how: Application, plan: Plan, hours: float) -> dict[str, Any]:
    data, translated = data_files(settings["sources"])
    options = pair_options(settings)
    job = Job(
        source=data,
        out=how.out / translated.name,
        target_language=options.target_language,
        source_language=options.source_language,
        memory=how.memory,
        engine=how.engine,
        format=options.format,
        fields=options.fields,
        image_fields=options.image_fields,
        images=options.images,
        images_anywhere=options.images_anywhere,
    )
    left_out = rejected_rows(translated)
    found = retranslate(job, translated, plan.by_source, plan.texts, left_out)
    changed: dict[str, Any] = {
        "data": str(job.out),
        "rows": {"all": found.rows, "touched": found.touched, "changed": found.changed, "refused": found.refused},
    }
    if how.references is not None:
        changed["chrf"] = _chrf_change(data, translated, options, how.references, found, left_out, hours)
    return changed


def _chrf_change(
    data: Path, translated: Path, options: PairOptions, references: Path, found: Retranslated,
    left_out: frozenset[int], hours: float,
) -> dict[str, Any]:  # fmt: skip
    """Say by how much corpus chrF against people's translations changed, with a paired interval over pictures."""
    paired = read_pairs(data, translated, options, left_out)
    known = read_references(references, paired)
    places = [(row.row.number, place) for row in paired.rows for place in row.places]
    rows = [
        (pair.target, found.texts.get(place, pair.target), reference, pair.cluster)
        for pair, place, reference in zip(paired.pairs, places, known, strict=True)
        if reference is not None
    ]
    before, after, texts, clusters = (list(column) for column in zip(*rows, strict=True))
    counts = [chrf_statistics(side, texts) for side in (before, after)]
    first, second = (corpus_of(table, chrf_from_sums) for table in counts)
    change = paired_difference(second, first, clusters, bounds=(-100.0, 100.0))
    totals = [float(chrf_from_sums(table.sum(axis=0, keepdims=True))[0]) for table in counts]
    per_hour = {key: round(value / hours, 3) for key, value in _ends(change).items()} if hours else None
    return {
        "before": round(totals[0], 2),
        "after": round(totals[1], 2),
        "change": {key: round(value, 3) for key, value in _ends(change).items()},
        "per_expert_hour": per_hour,
        "texts": len(rows),
        "without_reference": len(known) - len(rows),
    }


def _ends(change: Any) -> dict[str, float]:
    return {"value": change.value, "low": change.low, "high": change.high}


def _calibration(judged: Sequence[Judged], how: Application, languages: tuple[str, str]) -> dict[str, Any]:
    """Write the experts' scores as labels, and fit the estimate on them if there are enough."""
    rows = label_rows(judged)
    labels = how.out / "labels.csv"
    write_atomically(labels, labels_csv(rows))
    state: dict[str, Any] = {"labels": len(rows), "file": str(labels), "calibration": None}
    if not how.refit:
        return {**state, "reason": "not asked for"}
    if len(rows) < FEWEST:
        return {**state, "reason": f"{len(rows)} scored translations, at least {FEWEST} are needed"}
    try:
        labelled = read_labels(labels, *languages)
        content = fit_calibration(lambda engines: labelled, *languages, data=f"review: {len(rows)} scores")
    except (InputError, MissingDependency) as error:
        return {**state, "reason": str(error)}
    path = how.out / "calibration.json"
    write_calibration(path, content)
    return {**state, "calibration": str(path), "out_of_fold": content["provenance"]["out_of_fold"]}
