"""Put experts' work back: into the memory, the data set, the calibration; and say what that changed."""

from __future__ import annotations

import json
from collections import Counter
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
from passerelle.review.putting_back.corrections import Correction, Native, corrections_of, memory_pairs, natives_of
from passerelle.review.putting_back.exchange import label_rows, labels_csv
from passerelle.review.putting_back.retranslate import Retranslated, retranslate
from passerelle.review.store.schema import Assignment, Campaign, Expert, StoredPicture
from passerelle.runs import write_atomically, write_json
from passerelle.translation.dataset.job import Job
from passerelle.translation.dataset.rejects import rejected_rows
from passerelle.translation.memory.memory import Stored, TranslationMemory

SIGNATURE = "review {campaign}"
RECORD = "applied.json"


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


def apply_campaign(session: Session, campaign: Campaign, how: Application) -> dict[str, Any]:
    """Put a campaign's work back.

    Applying again does the same again: what is in the memory already stays as it is.

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
    corrections, natives = corrections_of(judged), natives_of(judged)
    how.out.mkdir(parents=True, exist_ok=True)
    fixed = {(one.row, one.place): one.text for one in corrections}
    alone = _alone(natives, settings["sources"], languages)
    with TranslationMemory(how.memory) as memory:
        pairs = [
            pair for source, text in _agreed(corrections).items() for pair in memory_pairs(source, text, *languages)
        ]
        signature = SIGNATURE.format(campaign=campaign.name)
        stored = memory.store(pairs, *languages, signature, "human-translation")
        kept = memory.store([(one.source, one.texts["caption"]) for one in alone], *languages, signature, "native")
    fixed |= {(one.row, one.place): one.texts["caption"] for one in alone}
    done: dict[str, Any] = {
        "campaign": campaign.name,
        "languages": list(languages),
        "memory": str(how.memory.resolve()),
        "expert_hours": round(hours, 4),
        "judgments": len(judged),
        "corrections": len(corrections),
        "disputed": [vars(one) for one in corrections if one.agreeing * 2 <= one.experts and one.experts > 1],
        "memory_entries": _entries(stored, kept),
        "native": _write_natives(session, campaign, natives, how.out),
        "corrected_sources": sorted({one.source for one in corrections} | {one.source for one in alone}),
    }
    data = settings["sources"].get("data")
    if data and (corrections or alone):
        done |= _data_again(
            settings, how, {source for source, _ in pairs} | {one.source for one in alone}, fixed, hours
        )
    done["calibration"] = _calibration(judged, how, languages)
    write_json(how.out / RECORD, done)
    return done


def _counted(session: Session, campaign: Campaign, without: Sequence[str]) -> tuple[list[Judged], float]:
    """Return the judgments that count, and the hours of the experts who made them."""
    query = select(Expert.name, Assignment.seconds).join(Assignment, Assignment.expert_id == Expert.id)
    times = session.execute(query.where(Expert.campaign_id == campaign.id)).all()
    for name in without:
        if name not in {expert for expert, _ in times}:
            raise InputError(f"no expert {name!r} worked in this campaign: {', '.join(sorted({e for e, _ in times}))}.")
    judged = [one for one in read_judged(session, campaign.id) if one.expert not in without]
    return judged, sum(seconds for expert, seconds in times if expert not in without) / 3600


def _agreed(corrections: Sequence[Correction]) -> dict[str, str]:
    """Return one text for each source: what stands in several rows may have been corrected in several ways."""
    votes: dict[str, Counter[str]] = {}
    for one in corrections:
        votes.setdefault(one.source, Counter())[one.text] += one.agreeing
    return {source: counts.most_common(1)[0][0] for source, counts in votes.items()}


def _alone(natives: Sequence[Native], sources: Mapping[str, Any], languages: tuple[str, str]) -> list[Native]:
    """Return captions that may stand for a translation: those of a source text that only one picture has.

    A caption says what is in its own picture. In place of the translation of a text that other pictures have too,
    it would be wrong there; those are in ``native.jsonl`` only.
    """
    if not sources.get("data"):
        return []
    latest = {(one.row, one.place): one for one in natives if "caption" in one.texts and one.source}
    paired = read_pairs(*_files(sources), _options(sources, languages), rejected_rows(Path(sources["translated"])))
    often = Counter(pair.source for pair in paired.pairs)
    return [one for one in latest.values() if often[one.source] == 1]


def _files(sources: Mapping[str, Any]) -> tuple[Path, Path]:
    return Path(sources["data"]), Path(sources["translated"])


def _options(sources: Mapping[str, Any], languages: tuple[str, str]) -> PairOptions:
    return PairOptions(
        source_language=languages[0],
        target_language=languages[1],
        format=sources.get("format", ""),
        fields=tuple(sources.get("fields", ())),
        image_fields=tuple(sources.get("image_fields", ())),
        images=Path(sources["images"]) if sources.get("images") else None,
    )


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


def _data_again(
    settings: Mapping[str, Any],
    how: Application,
    sentences: set[str],
    fixed: Mapping[tuple[str, str], str],
    hours: float,
) -> dict[str, Any]:
    sources = settings["sources"]
    data, translated = _files(sources)
    options = _options(sources, (settings["source_language"], settings["target_language"]))
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
    )
    left_out = rejected_rows(translated)
    found = retranslate(job, translated, sentences, fixed, left_out)
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
    places = [(row.row.id, place) for row in paired.rows for place in row.places]
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
