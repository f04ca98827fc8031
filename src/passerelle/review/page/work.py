"""An expert's work: what comes next, saving it once whatever the network does, taking it back."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from passerelle.errors import InputError
from passerelle.review.page.judgments import Judgment, Translation, is_finished, read_judgment
from passerelle.review.store.parts import broken
from passerelle.review.store.schema import Assignment, Campaign, Expert, Item, Save, StoredPicture, now
from passerelle.review.store.tokens import is_key
from passerelle.translation.protection.verify import Violation

TYPICAL_SECONDS = {"judge": 25.0, "translation": 60.0, "write": 75.0, "label": 12.0}
"""What an item of each task takes, until an expert's own times are known."""
MOST_SECONDS = 600.0
"""Longest time that one saving may add: a page that claims more was left open."""
_FEW = 5


class Conflict(InputError):
    """The judgment was changed elsewhere since the page was loaded."""


class Broken(InputError):
    """A correction can't stand for a translation.

    Attributes:
        violation: What it breaks.
    """

    def __init__(self, violation: Violation) -> None:
        super().__init__(f"correction: {violation.code}: {violation.detail}")
        self.violation = violation


class NotTheirs(InputError):
    """There is no such assignment in this expert's queue."""


@dataclass(frozen=True)
class Shown:
    """What a page shows of an assignment."""

    key: str
    task: str
    shown: dict[str, Any]
    picture: str | None
    width: int
    height: int
    content: dict[str, Any]
    version: int
    is_done: bool
    is_flipped: bool
    position: int
    is_first_of_task: bool
    saved: str


@dataclass(frozen=True)
class Progress:
    """How far an expert is."""

    done: int
    total: int
    minutes_left: int

    @property
    def percent(self) -> int:
        """Share that is done, 0..100."""
        return round(100 * self.done / self.total) if self.total else 100


@dataclass(frozen=True)
class Saving:
    """What a page sends to be saved.

    Attributes:
        client_id: Made by the page for this saving; the same when the request is sent again.
        version: The version that the page began from.
        content: The judgment.
        finish: Whether the expert is through with the item.
        seconds: Time at the item since the last saving.
        after: The saving that this one follows, where the page didn't hear what version that made.
    """

    client_id: str
    version: int
    content: dict[str, Any]
    finish: bool = False
    seconds: float = 0.0
    after: str | None = None


def next_key(session: Session, expert: Expert) -> str | None:
    """Return the first assignment of the queue that isn't finished; ``None`` when all are."""
    query = select(Assignment.key).where(Assignment.expert_id == expert.id, Assignment.is_done.is_(False))
    return session.scalar(query.order_by(Assignment.position).limit(1))


def neighbour(session: Session, expert: Expert, key: str, step: int) -> str:
    """Return the assignment before (-1) or after (1) one in the queue; itself at the ends."""
    here = _own(session, expert, key)[0].position
    query = select(Assignment.key).where(Assignment.expert_id == expert.id)
    if step < 0:
        query = query.where(Assignment.position < here).order_by(Assignment.position.desc())
    else:
        query = query.where(Assignment.position > here).order_by(Assignment.position)
    return session.scalar(query.limit(1)) or key


def show(session: Session, expert: Expert, key: str) -> Shown:
    """Return what the page shows of an assignment.

    Raises:
        NotTheirs: There is none of that key in the expert's queue.
    """
    assignment, item = _own(session, expert, key)
    picture = session.get(StoredPicture, item.picture_id) if item.picture_id is not None else None
    first = session.scalar(
        select(func.min(Assignment.position))
        .join(Item, Item.id == Assignment.item_id)
        .where(Assignment.expert_id == expert.id, Item.task == item.task)
    )
    return Shown(
        key,
        item.task,
        item.shown,
        picture.key if picture else None,
        picture.width if picture else 0,
        picture.height if picture else 0,
        assignment.content,
        assignment.version,
        assignment.is_done,
        assignment.is_flipped,
        assignment.position,
        assignment.position == first,
        _last_saving(session, assignment) or "",
    )


def save(session: Session, expert: Expert, key: str, saving: Saving) -> int:
    """Save a judgment, once however often the request comes; return its new version.

    The caller's transaction takes the database's lock (SQLite) or the row's (PostgreSQL), so that of two
    requests at the same moment one sees what the other did.

    Raises:
        NotTheirs: There is no such assignment in the expert's queue.
        Conflict: It was changed elsewhere since the page was loaded.
        InputError: The content isn't valid, or is to be finished and lacks something.
        Broken: It is to be finished, and its correction lost something that must stay, as an engine's may not.
    """
    assignment, item = _own(session, expert, key, lock=True)
    query = select(Save.version).where(Save.assignment_id == assignment.id, Save.client_id == saving.client_id)
    known = session.scalar(query)
    if known is not None:
        return known
    if saving.version != assignment.version and (
        saving.after is None or saving.after != _last_saving(session, assignment)
    ):
        raise Conflict("this item was changed in another window: load the page again")
    judgment = read_judgment(item.task, saving.content, item.shown)
    if saving.finish and not is_finished(judgment):
        raise InputError(f"missing: {judgment.missing()}")
    if saving.finish and not judgment.skipped:
        _check_correction(session, expert, judgment, item.shown)
    content = judgment.model_dump(mode="json", exclude_defaults=True)
    _record(session, assignment, saving.client_id, "finish" if saving.finish else "save", content)
    assignment.seconds += min(max(saving.seconds, 0.0), MOST_SECONDS)
    assignment.is_done = saving.finish
    assignment.finished = now() if saving.finish else None
    return assignment.version


def _check_correction(session: Session, expert: Expert, judgment: Judgment, shown: Mapping[str, Any]) -> None:
    """Make sure that a correction can stand for the translation; one that says the same isn't one."""
    written = judgment.correction.strip() if isinstance(judgment, Translation) else ""
    if not written or written == shown["translation"].strip():
        return
    settings = session.get_one(Campaign, expert.campaign_id).settings
    violation = broken(shown["source"], written, settings["source_language"])
    if violation is not None:
        raise Broken(violation)


def take_back(session: Session, expert: Expert, client_id: str) -> str | None:
    """Open the item again that was finished last, as it was; return its key, ``None`` if there is none.

    A request that comes twice opens one item.
    """
    query = select(Save.assignment_id).join(Assignment, Assignment.id == Save.assignment_id)
    session.execute(select(Expert.id).where(Expert.id == expert.id).with_for_update())
    again = session.scalar(query.where(Assignment.expert_id == expert.id, Save.client_id == client_id))
    if again is not None:
        return session.scalars(select(Assignment.key).where(Assignment.id == again)).one()
    last = session.scalar(
        select(Assignment)
        .where(Assignment.expert_id == expert.id, Assignment.is_done.is_(True))
        .order_by(Assignment.finished.desc(), Assignment.position.desc())
        .limit(1)
    )
    if last is None:
        return None
    _record(session, last, client_id, "reopen", last.content)
    last.is_done, last.finished = False, None
    return last.key


def progress_of(session: Session, expert: Expert) -> Progress:
    """Say how far an expert is, and how long the rest will take at their own pace."""
    query = (
        select(Item.task, Assignment.is_done, Assignment.seconds)
        .join(Item, Item.id == Assignment.item_id)
        .where(Assignment.expert_id == expert.id)
    )
    rows = session.execute(query).all()
    taken: dict[str, list[float]] = {}
    for task, is_done, seconds in rows:
        if is_done and seconds > 0:
            taken.setdefault(task, []).append(seconds)
    pace = {
        task: statistics.median(taken[task]) if len(taken.get(task, ())) >= _FEW else typical
        for task, typical in TYPICAL_SECONDS.items()
    }
    left = sum(pace[task] for task, is_done, _ in rows if not is_done)
    done = sum(is_done for _, is_done, _ in rows)
    return Progress(done, len(rows), round(left / 60 + 0.49) if left else 0)


def _own(session: Session, expert: Expert, key: str, *, lock: bool = False) -> tuple[Assignment, Item]:
    query = (
        select(Assignment, Item)
        .join(Item, Item.id == Assignment.item_id)
        .where(Assignment.key == key, Assignment.expert_id == expert.id)
    )
    known = is_key(key)
    row = session.execute(query.with_for_update(of=Assignment) if lock else query).one_or_none() if known else None
    if row is None:
        raise NotTheirs("there is no such item in your queue")
    return row[0], row[1]


def _last_saving(session: Session, assignment: Assignment) -> str | None:
    query = select(Save.client_id).where(Save.assignment_id == assignment.id, Save.version == assignment.version)
    return session.scalar(query)


def _record(session: Session, assignment: Assignment, client_id: str, action: str, content: dict[str, Any]) -> None:
    assignment.version += 1
    assignment.content = content
    session.add(
        Save(
            assignment_id=assignment.id,
            client_id=client_id,
            version=assignment.version,
            action=action,
            content=content,
        )
    )
