"""Finished judgments with what was hidden from experts put back: which arm stood where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from passerelle.review.findings.ranking import Duel
from passerelle.review.store.schema import Assignment, Expert, Item, StoredPicture

SIDES = {"left": 0, "right": 1}


@dataclass(frozen=True)
class Judged:
    """A finished judgment.

    Attributes:
        expert: Who judged.
        task: The task.
        item: The item's name.
        occasion: 2 where the expert saw the item again.
        is_attention: The item checks that somebody reads.
        is_flipped: The second answer stood on the left.
        stratum: What the item was drawn by.
        cluster: Its picture or row.
        shown: What the expert saw.
        hidden: What they didn't see.
        content: What they said.
        seconds: How long they were at it.
        finished: When.
        picture: Key of the picture.
    """

    expert: str
    task: str
    item: str
    occasion: int
    is_attention: bool
    is_flipped: bool
    stratum: str
    cluster: str
    shown: dict[str, Any]
    hidden: dict[str, Any]
    content: dict[str, Any]
    seconds: float
    finished: datetime | None
    picture: str | None

    @property
    def arms(self) -> tuple[str, ...]:
        """Whose answers were shown, as stored: two or one of ``judge``, the one of ``label``; else none."""
        arm = self.hidden.get("arm")
        return tuple(self.hidden.get("arms", () if arm is None else (arm,)))

    @property
    def automatic(self) -> tuple[float | None, ...]:
        """The automatic score of each arm's answer, 0..100; ``None`` where there is none."""
        kept = self.hidden.get("automatic")
        scores = tuple(kept) if isinstance(kept, list | tuple) else (kept,)
        return scores if len(scores) == len(self.arms) else (None,) * len(self.arms)

    @property
    def preferred(self) -> int | None:
        """Index of the answer that is better, as stored; ``None`` without a preference."""
        side = SIDES.get(str(self.content.get("verdict")))
        return None if side is None else 1 - side if self.is_flipped else side

    @property
    def value(self) -> float | str | None:
        """What the judgment says in one value, for agreement; ``None`` where it says nothing."""
        if self.content.get("skipped"):
            return None
        if self.task == "judge":
            verdict = self.content.get("verdict")
            # The side is the page's affair: which answer it was is what people agree on.
            return verdict if self.preferred is None else f"answer {self.preferred + 1}"
        if self.task == "translation":
            return float(self.content["score"]) if "score" in self.content else None
        return self.content.get("label") if self.task == "label" else None

    @property
    def passes(self) -> bool | None:
        """Whether an attention check was passed; ``None`` if it is none, or was skipped."""
        expected = self.hidden.get("expected")
        if not self.is_attention or expected is None or self.content.get("skipped"):
            return None
        if "score_below" in expected:
            return bool(self.content.get("score", 0) < expected["score_below"])
        if "verdict" in expected:
            return bool(self.preferred == expected["verdict"])
        return bool(self.content.get("label") == expected["label"])

    def duel(self) -> Duel | None:
        """Return the judgment as one about two arms; ``None`` if it isn't one."""
        if self.task != "judge" or len(self.arms) != 2 or self.value is None:
            return None
        outcome = 0.5 if self.preferred is None else 1.0 - self.preferred
        return Duel(*self.arms, outcome, self.cluster)


def read_judged(session: Session, campaign: int) -> list[Judged]:
    """Return all finished judgments of a campaign, in the order of experts and their queues."""
    query = (
        select(Expert.name, Assignment, Item, StoredPicture.key)
        .join(Assignment, Assignment.expert_id == Expert.id)
        .join(Item, Item.id == Assignment.item_id)
        .outerjoin(StoredPicture, StoredPicture.id == Item.picture_id)
        .where(Expert.campaign_id == campaign, Assignment.is_done.is_(True))
        .order_by(Expert.id, Assignment.position)
    )
    return [
        Judged(
            name, item.task, item.name, assignment.occasion, item.is_attention, assignment.is_flipped, item.stratum,
            item.cluster, item.shown, item.hidden, assignment.content, assignment.seconds, assignment.finished, picture,
        )
        for name, assignment, item, picture in session.execute(query)
    ]  # fmt: skip


def first_looks(judged: Sequence[Judged]) -> list[Judged]:
    """Return what counts: neither checks nor second looks at an item."""
    return [one for one in judged if not one.is_attention and one.occasion == 1]
