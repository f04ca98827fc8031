"""Campaigns: made once from items, for so many experts, each with a secret link."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from passerelle.errors import ConfigError, InputError, unknown
from passerelle.review.store.database import Database
from passerelle.review.store.items import NewItem
from passerelle.review.store.pictures import store_picture
from passerelle.review.store.sampling import deal
from passerelle.review.store.schema import Assignment, Campaign, Event, Expert, Item, now
from passerelle.review.store.tokens import make_token, new_key

ADMIN = "admin"
_LONGEST_NAME = 450


@dataclass(frozen=True)
class Plan:
    """How a campaign is dealt out and what is promised to experts.

    Attributes:
        name: What commands call the campaign.
        experts: Names of the experts.
        interface: Language of the page.
        target_language: BCP-47 code of the language that is judged and written.
        source_language: The other one.
        overlap: Share of the items that every expert gets, 0..1.
        repeats: Share of a queue that comes again, 0..1.
        seed: Of all draws.
        by_value: The most valuable items come first.
        prefill: Spans that the checks found are marked already.
        licence: Of what experts write.
    """

    name: str
    experts: tuple[str, ...]
    interface: str
    target_language: str
    source_language: str = "en"
    overlap: float = 0.3
    repeats: float = 0.05
    seed: int = 1
    by_value: bool = False
    prefill: bool = False
    licence: str = "CC0-1.0"

    def settings(self) -> dict[str, Any]:
        """Return what is kept with the campaign."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in vars(self).items()}


def create_campaign(
    database: Database, plan: Plan, tasks: Sequence[Sequence[NewItem]], sources: dict[str, Any]
) -> dict[str, str]:
    """Make a campaign: all of it, or nothing.

    Args:
        database: Where.
        plan: How.
        tasks: The items of each task, checks among them, in order.
        sources: What the items were made of, to find the data again.

    Returns:
        The token of each expert and of the organiser, by name. They are shown once: only digests are kept.

    Raises:
        ConfigError: The name is taken, or two experts have one name.
        InputError: There is nothing to review, or a picture can't be read.
    """
    if not any(tasks):
        raise InputError("there is nothing to review: every item was left out, or the data are empty.")
    names = [*plan.experts, ADMIN]
    if len(set(names)) < len(names) or not all(name.strip() for name in names):
        raise ConfigError(f"each expert needs a name of their own, and none may be {ADMIN!r}.")
    with database.write() as session:
        if session.scalar(select(Campaign.id).where(Campaign.name == plan.name)) is not None:
            raise ConfigError(f"there is a campaign {plan.name!r} already: choose another name.")
        campaign = Campaign(name=plan.name, settings={**plan.settings(), "sources": sources})
        session.add(campaign)
        session.flush()
        tokens = {name: _add_expert(session, campaign.id, name, plan.interface) for name in names}
        experts = [expert for expert, _ in tokens.values() if not expert.is_admin]
        positions = dict.fromkeys(range(len(experts)), 0)
        for items in tasks:
            stored = _store(session, campaign.id, items)
            queues = deal(items, len(experts), plan.overlap, plan.repeats, plan.seed, by_value=plan.by_value)
            for number, queue in enumerate(queues):
                for place in queue:
                    positions[number] += 1
                    session.add(
                        Assignment(
                            key=new_key(),
                            expert_id=experts[number].id,
                            item_id=stored[place.item].id,
                            position=positions[number],
                            occasion=place.occasion,
                            is_flipped=place.is_flipped,
                        )
                    )
        count = sum(map(len, tasks))
        log(session, "create", campaign.id, detail=f"{count} items, {len(experts)} experts")
        return {name: token for name, (_, token) in tokens.items()}


def _add_expert(session: Session, campaign: int, name: str, interface: str) -> tuple[Expert, str]:
    token, key, digest = make_token()
    expert = Expert(
        campaign_id=campaign, name=name, key=key, digest=digest, is_admin=name == ADMIN, interface=interface
    )
    session.add(expert)
    session.flush()
    return expert, token


def _store(session: Session, campaign: int, items: Sequence[NewItem]) -> list[Item]:
    stored, taken = [], set[str]()
    for item in items:
        name = _unique(item.name, taken)
        picture = None if item.picture is None else store_picture(session, campaign, item.picture)
        stored.append(
            Item(
                campaign_id=campaign,
                task=item.task,
                name=name,
                stratum=item.stratum,
                cluster=item.cluster or name,
                value=item.value,
                shown=dict(item.shown),
                hidden=dict(item.hidden),
                picture_id=picture,
                is_attention=item.is_attention,
            )
        )
    session.add_all(stored)
    session.flush()
    return stored


def _unique(name: str, taken: set[str]) -> str:
    """Shorten a name that is too long for a database, and tell apart those that data sets use twice."""
    if len(name) > _LONGEST_NAME:
        name = f"{name[: _LONGEST_NAME - 20]}…{hashlib.sha256(name.encode()).hexdigest()[:16]}"
    again, number = name, 1
    while again in taken:
        number += 1
        again = f"{name} ({number})"
    taken.add(again)
    return again


def find_campaign(session: Session, name: str | None) -> Campaign:
    """Return a campaign by its name; without a name the only one.

    Raises:
        ConfigError: There is none of that name, or several and no name.
    """
    campaigns = {campaign.name: campaign for campaign in session.scalars(select(Campaign).order_by(Campaign.id))}
    if not campaigns:
        raise ConfigError("there is no campaign in this database: make one with `passerelle review create`.")
    if name is None and len(campaigns) == 1:
        return next(iter(campaigns.values()))
    if name is None:
        raise ConfigError(f"say which campaign: {', '.join(campaigns)}.")
    if name not in campaigns:
        raise ConfigError(unknown("campaign", name, campaigns))
    return campaigns[name]


def replace_token(database: Database, campaign: str | None, name: str, *, revoke: bool = False) -> str:
    """Withdraw somebody's link, and give a new one unless told otherwise; the work stays.

    Raises:
        ConfigError: There is no such campaign or person.
    """
    with database.write() as session:
        found = find_campaign(session, campaign)
        people = {one.name: one for one in session.scalars(select(Expert).where(Expert.campaign_id == found.id))}
        if name not in people:
            raise ConfigError(unknown("expert", name, people))
        expert = people[name]
        token, expert.key, expert.digest = make_token()
        expert.revoked = now() if revoke else None
        log(session, "revoke" if revoke else "new-link", found.id, expert.id)
        return "" if revoke else token


def count_items(session: Session, campaign: int) -> dict[str, int]:
    """Count a campaign's items by task, checks included."""
    query = select(Item.task, func.count()).where(Item.campaign_id == campaign).group_by(Item.task)
    return {task: count for task, count in session.execute(query)}


def log(
    session: Session, action: str, campaign: int | None = None, expert: int | None = None, detail: str = ""
) -> None:
    """Write a line of the audit log. Tokens and texts of experts never go there."""
    session.add(Event(campaign_id=campaign, expert_id=expert, action=action, detail=detail))
