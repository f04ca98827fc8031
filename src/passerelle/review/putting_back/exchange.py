"""Judgments out of a database and into another, and as labels for the estimate."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from passerelle.errors import InputError
from passerelle.formats.base import BadRow
from passerelle.formats.values.rows import read_values
from passerelle.quality.estimate.labels import neutral
from passerelle.review.findings.judged import Judged, first_looks
from passerelle.review.page.judgments import TASKS, is_finished, read_judgment
from passerelle.review.store.campaign import log
from passerelle.review.store.schema import Assignment, Campaign, Expert, Item, Save


def export_lines(campaign: str, judged: Sequence[Judged]) -> str:
    """Return judgments as JSON lines, with the arms' names put back."""
    lines = []
    for one in judged:
        row: dict[str, Any] = {
            "campaign": campaign,
            "expert": one.expert,
            "task": one.task,
            "item": one.item,
            "occasion": one.occasion,
            "is_attention": one.is_attention,
            "passes": one.passes,
            "shown": one.shown,
            "hidden": one.hidden,
            "content": one.content,
            "seconds": round(one.seconds, 1),
            "finished": None if one.finished is None else one.finished.isoformat(timespec="seconds"),
        }
        duel = one.duel()
        if duel is not None:
            row["preferred"] = None if one.preferred is None else one.arms[one.preferred]
        # The side on which an answer stood goes with its verdict: a copy must not turn left into right.
        row["is_flipped"] = one.is_flipped
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    return "".join(lines)


def label_rows(judged: Sequence[Judged]) -> list[dict[str, Any]]:
    """Return translations that were scored, each once, with the mean score: what `passerelle quality fit` reads.

    Those of a campaign for an audit hold the chance with which each was drawn, for `passerelle audit --labels`.
    """
    scores: dict[str, list[float]] = defaultdict(list)
    items: dict[str, Judged] = {}
    for one in first_looks(judged):
        if one.task == "translation" and isinstance(one.value, float):
            scores[one.item].append(one.value)
            items[one.item] = one
    return [
        {
            "source": one.shown["source"],
            "target": one.shown["translation"],
            "score": round(sum(scores[name]) / len(scores[name]), 2),
            "cluster": one.cluster,
            **({"chance": one.hidden["chance"]} if "chance" in one.hidden else {}),
        }
        for name, one in items.items()
    ]


def labels_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write labels as CSV; texts that a spreadsheet would run as a formula get an apostrophe before them."""
    written = io.StringIO()
    columns = ("source", "target", "score", "cluster", *(("chance",) if rows and "chance" in rows[0] else ()))
    writer = csv.DictWriter(written, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: neutral(value) for name, value in row.items()} for row in rows)
    return written.getvalue()


class Imported(NamedTuple):
    """What became of the judgments of a file."""

    new: int = 0
    known: int = 0
    kept: int = 0


def import_lines(session: Session, campaign: Campaign, path: Path) -> Imported:
    """Take in judgments that `export_lines` wrote, for the same campaign in another database: all or none.

    What was imported before isn't imported again, and what an expert finished here stays as it is.

    Raises:
        InputError: The file can't be read, or a line is for another expert or item; the message names it.
    """
    query = (
        select(Expert.name, Item, Assignment)
        .join(Assignment, Assignment.expert_id == Expert.id)
        .join(Item, Item.id == Assignment.item_id)
        .where(Expert.campaign_id == campaign.id)
    )
    places = {
        (name, item.task, item.name, assignment.occasion): (item, assignment)
        for name, item, assignment in session.execute(query)
    }
    counts = {"new": 0, "known": 0, "kept": 0}
    for number, row in read_values(path):
        if isinstance(row, BadRow):
            why = row.detail.removeprefix(f"line {number}: ")
            raise InputError(f"{path.name}, line {number}: no exported judgment: {why}")
        try:
            found = places[row["expert"], row["task"], row["item"], row["occasion"]]
            counts[_take(session, *found, row)] += 1
        except KeyError:
            raise InputError(f"{path.name}, line {number}: no such item in the queue of that expert here.") from None
        except (ValueError, TypeError, AttributeError) as error:
            raise InputError(f"{path.name}, line {number}: no exported judgment: {error}") from None
        except InputError as error:
            raise InputError(f"{path.name}, line {number}: {error}") from None
    log(session, "import", campaign.id, detail=f"{path.name}: {counts}")
    return Imported(**counts)


def _take(session: Session, item: Item, assignment: Assignment, row: dict[str, Any]) -> str:
    client_id = f"import-{hashlib.sha256(json.dumps(row, sort_keys=True).encode()).hexdigest()[:40]}"
    query = select(Save.id).where(Save.assignment_id == assignment.id, Save.client_id == client_id)
    if session.scalar(query) is not None:
        return "known"
    if assignment.is_done:
        return "kept"
    judgment = read_judgment(item.task, row["content"], item.shown)
    if item.task not in TASKS or not is_finished(judgment):
        raise InputError("the judgment isn't finished")
    content = judgment.model_dump(mode="json", exclude_defaults=True)
    assignment.version += 1
    assignment.content, assignment.is_done, assignment.is_flipped = content, True, bool(row["is_flipped"])
    assignment.seconds = float(row["seconds"])
    assignment.finished = datetime.fromisoformat(row["finished"]) if row["finished"] else None
    session.add(
        Save(
            assignment_id=assignment.id,
            client_id=client_id,
            version=assignment.version,
            action="import",
            content=content,
        )
    )
    return "new"
