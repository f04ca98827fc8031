"""Pearmut's campaign files (Zouhar and Kocmi, 2601.02933), in and out: translations with error spans and scores."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from passerelle.errors import InputError
from passerelle.formats.base import Row
from passerelle.quality.base import Pair, PairedRow
from passerelle.quality.pairs import Paired
from passerelle.quality.plain_text import PlainText
from passerelle.review.store.schema import Assignment, Campaign, Expert, Item

PROTOCOL = "ESA"
_MACHINE = "translation"


def read_pearmut(path: Path, source: str, target: str) -> Paired:
    """Read the items of a campaign file, whoever they are assigned to there; each model's output is one pair.

    Args:
        path: The file.
        source: BCP-47 code of the sources.
        target: BCP-47 code of the translations.

    Raises:
        InputError: The file can't be read, or isn't such a campaign.
    """
    try:
        campaign = json.loads(path.read_text(encoding="utf-8"))
        items = list(_items(campaign["data"], campaign["info"]["assignment"] == "task-based"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"can't read {str(path)!r}: {error}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{str(path)!r} is no campaign of Pearmut: {error!r}") from error
    rows, seen = [], set[tuple[str, str]]()
    for number, item in enumerate(items, 1):
        name = str(item.get("item_id", number))
        _check_item(item, f"{str(path)!r}, item {number}")
        for model, text in item["tgt"].items():
            if (name, model) in seen or "validation" in item:
                continue
            seen.add((name, model))
            pair = Pair(item["src"], text, source, target, "text", cluster=name)
            rows.append(PairedRow(Row(number, name, (), ()), (model,), (pair,)))
    if not rows:
        raise InputError(f"{str(path)!r} has no item with 'src' and 'tgt'.")
    return Paired(PlainText(), path, tuple(rows))


def _check_item(item: dict[str, Any], place: str) -> None:
    """Make sure that an item has a source, and translations by model, that are texts."""
    found = item["tgt"]
    if not isinstance(item.get("src"), str) or not isinstance(found, dict):
        raise InputError(f"{place}: 'src' must be a text, and 'tgt' texts by model.")
    if not all(isinstance(text, str) for text in found.values()):
        raise InputError(f"{place}: a translation in 'tgt' isn't a text.")
    try:
        "".join((item["src"], *found, *found.values())).encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{place}: a text holds half a character, which can't be kept: {error.reason}.") from None


def _items(data: Sequence[Any], is_by_task: bool) -> Iterator[dict[str, Any]]:
    """Yield items: lists of documents, which are lists of items; by-task data are lists of these."""
    for documents in data if is_by_task else [data]:
        for document in documents:
            for item in document:
                if not isinstance(item, dict):
                    raise TypeError(f"an item is a {type(item).__name__}")
                if "tgt" in item:
                    yield item


def translation_campaign(session: Session, campaign: Campaign) -> dict[str, Any]:
    """Return a campaign's translations as a campaign for Pearmut, with the protocol ESA.

    Each expert gets what is in their queue here, without checks and repeats; what was marked and scored already
    comes along under ``passerelle``, a key that Pearmut keeps and ignores.

    Raises:
        InputError: The campaign has no translations.
    """
    query = (
        select(Expert.name, Item, Assignment)
        .join(Assignment, Assignment.expert_id == Expert.id)
        .join(Item, Item.id == Assignment.item_id)
        .where(Expert.campaign_id == campaign.id, Item.task == "translation", Item.is_attention.is_(False))
        .where(Assignment.occasion == 1)
        .order_by(Expert.id, Assignment.position)
    )
    queues: dict[str, list[list[dict[str, Any]]]] = {}
    for name, item, assignment in session.execute(query):
        document: dict[str, Any] = {
            "item_id": item.name,
            "src": item.shown["source"],
            "tgt": {_MACHINE: item.shown["translation"]},
        }
        if assignment.is_done:
            document["passerelle"] = {
                "score": assignment.content.get("score"),
                "error_spans": _spans(assignment.content.get("spans", [])),
                "correction": assignment.content.get("correction", ""),
            }
        queues.setdefault(name, []).append([document])
    if not queues:
        raise InputError(f"{campaign.name!r} has no translations, and Pearmut's protocol is of translations.")
    languages = "_".join(campaign.settings[key] for key in ("source_language", "target_language"))
    info = {"assignment": "task-based", "protocol": PROTOCOL, "textfield": "visible"}
    return {"campaign_id": f"{campaign.name}_{languages}", "info": info, "data": list(queues.values())}


def _spans(spans: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return marked errors as Pearmut writes them: there the last character is part of the span."""
    return [
        {
            "start_i": span["start"],
            "end_i": max(span["start"], span["end"] - 1),
            "severity": span.get("severity", "minor"),
            "category": span.get("category"),
        }
        for span in spans
    ]
