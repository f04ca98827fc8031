"""The tables of a review database; `migrations/` holds how they came to be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, ForeignKey, Index, LargeBinary, String, Text, TypeDecorator, UniqueConstraint
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class UtcTime(TypeDecorator[datetime]):
    """A moment, in UTC: SQLite keeps no time zones, so that they are put back when a moment is read."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store in UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Read as UTC."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def now() -> datetime:
    """Return this moment in UTC."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """Base of all tables."""


class Campaign(Base):
    """What is to be reviewed, by whom, in which languages.

    Attributes:
        name: What commands call it.
        settings: What `passerelle review create` was told: languages, seed, overlap, licence, sources.
    """

    __tablename__ = "campaigns"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    settings: Mapped[dict[str, Any]] = mapped_column(JSON)
    created: Mapped[datetime] = mapped_column(UtcTime, default=now)


class Expert(Base):
    """Somebody with a link: an expert, or the organiser.

    Attributes:
        name: Whatever the organiser calls them.
        key: The public half of the token, by which it is found.
        digest: SHA-256 of the token; the token itself is nowhere kept.
        is_admin: Sees the status, and has no work.
        interface: Language of the page.
        agreed: When the expert agreed to the licence of what they write; ``None``: not yet.
        revoked: When the link was withdrawn.
    """

    __tablename__ = "experts"
    __table_args__ = (UniqueConstraint("campaign_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    name: Mapped[str] = mapped_column(String(100))
    key: Mapped[str] = mapped_column(String(32), unique=True)
    digest: Mapped[str] = mapped_column(String(64))
    is_admin: Mapped[bool] = mapped_column(default=False)
    interface: Mapped[str] = mapped_column(String(20))
    agreed: Mapped[datetime | None] = mapped_column(UtcTime)
    revoked: Mapped[datetime | None] = mapped_column(UtcTime)


class StoredPicture(Base):
    """A picture as the page shows it: encoded anew and bounded, so that no file is served from elsewhere."""

    __tablename__ = "pictures"
    __table_args__ = (UniqueConstraint("campaign_id", "source_hash"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    key: Mapped[str] = mapped_column(String(32), unique=True)
    source_hash: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(Text)
    jpeg: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    width: Mapped[int]
    height: Mapped[int]


class Item(Base):
    """One thing to review.

    Attributes:
        task: ``judge``, ``translation``, ``write`` or ``label``.
        name: Its id in the data that it comes from.
        stratum: What it was drawn by.
        cluster: Items that share one aren't independent: the picture, or the row.
        value: What reviewing it is worth, where items are ordered by that.
        shown: What experts see.
        hidden: What they must not see: the arms, what an attention check expects, automatic scores.
        is_attention: Whether it checks that somebody reads.
    """

    __tablename__ = "items"
    __table_args__ = (UniqueConstraint("campaign_id", "task", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign_id: Mapped[int] = mapped_column(ForeignKey("campaigns.id"))
    task: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(500))
    stratum: Mapped[str] = mapped_column(Text)
    cluster: Mapped[str] = mapped_column(Text)
    value: Mapped[float] = mapped_column(default=0.0)
    shown: Mapped[dict[str, Any]] = mapped_column(JSON)
    hidden: Mapped[dict[str, Any]] = mapped_column(JSON)
    picture_id: Mapped[int | None] = mapped_column(ForeignKey("pictures.id"))
    is_attention: Mapped[bool] = mapped_column(default=False)


class Assignment(Base):
    """An item in an expert's queue, with the judgment about it.

    Attributes:
        key: What the page calls it; nobody can guess it.
        position: Place in the queue.
        occasion: 1, or 2 where the same expert sees an item again.
        is_flipped: The second answer stands on the left.
        content: The judgment as it is now.
        version: How often it was saved.
        is_done: Whether the expert finished it.
        seconds: Time that the expert was at it.
        finished: When it was finished.
    """

    __tablename__ = "assignments"
    __table_args__ = (
        UniqueConstraint("expert_id", "item_id", "occasion"),
        UniqueConstraint("expert_id", "position"),
        Index("assignments_by_item", "item_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(32), unique=True)
    expert_id: Mapped[int] = mapped_column(ForeignKey("experts.id"))
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"))
    position: Mapped[int]
    occasion: Mapped[int] = mapped_column(default=1)
    is_flipped: Mapped[bool] = mapped_column(default=False)
    content: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    version: Mapped[int] = mapped_column(default=0)
    is_done: Mapped[bool] = mapped_column(default=False)
    seconds: Mapped[float] = mapped_column(default=0.0)
    finished: Mapped[datetime | None] = mapped_column(UtcTime)


class Save(Base):
    """One saving of a judgment: the history of each, and what tells a repeated request from a new one.

    Attributes:
        client_id: Made by the page for each saving; a request that comes twice carries the same.
        version: The judgment's version that it made.
        action: ``save``, ``finish``, ``reopen`` or ``import``.
    """

    __tablename__ = "saves"
    __table_args__ = (
        UniqueConstraint("assignment_id", "client_id"),
        UniqueConstraint("assignment_id", "version"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    assignment_id: Mapped[int] = mapped_column(ForeignKey("assignments.id"))
    client_id: Mapped[str] = mapped_column(String(64))
    version: Mapped[int]
    action: Mapped[str] = mapped_column(String(20))
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    at: Mapped[datetime] = mapped_column(UtcTime, default=now)


class Event(Base):
    """The audit log: who entered, who was refused, what organisers did. Savings are in `Save`."""

    __tablename__ = "events"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime, default=now)
    campaign_id: Mapped[int | None] = mapped_column(ForeignKey("campaigns.id"))
    expert_id: Mapped[int | None] = mapped_column(ForeignKey("experts.id"))
    action: Mapped[str] = mapped_column(String(40))
    detail: Mapped[str] = mapped_column(Text, default="")
