"""Draw what is reviewed and deal it out: strata, overlap, repeats, checks, order; the same for the same seed."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from passerelle.evaluation.statistics.prediction_powered import chances, draw
from passerelle.quality.estimate.by_labels import RIGHT
from passerelle.review.store.items import NewItem


@dataclass(frozen=True)
class Place:
    """A place in an expert's queue.

    Attributes:
        item: Index of the item.
        occasion: 1, or 2 for a repeat.
        is_flipped: The second answer stands on the left.
    """

    item: int
    occasion: int
    is_flipped: bool


def stratified(items: Sequence[NewItem], count: int, seed: int, *, by_value: bool = False) -> list[NewItem]:
    """Draw items so that each stratum has its share, by the method of largest remainders.

    Args:
        items: All that could be reviewed.
        count: How many to draw; all if there are fewer.
        seed: Of the draw.
        by_value: Take those that are worth most in each stratum, not any.

    Returns:
        The drawn items, in order of value where asked, else in random order.
    """
    draw = random.Random(f"sample/{seed}")
    strata: dict[str, list[NewItem]] = defaultdict(list)
    for item in sorted(items, key=lambda item: item.name):
        strata[item.stratum].append(item)
    count = min(count, len(items))
    exact = {name: count * len(members) / len(items) for name, members in strata.items()} if items else {}
    quota = {name: int(share) for name, share in exact.items()}
    ties = {name: draw.random() for name in sorted(exact)}
    for name in sorted(exact, key=lambda name: (quota[name] - exact[name], ties[name]))[: count - sum(quota.values())]:
        quota[name] += 1
    drawn: list[NewItem] = []
    for name in sorted(strata):
        members = strata[name]
        draw.shuffle(members)
        if by_value:
            members.sort(key=lambda item: -item.value)
        drawn += members[: quota[name]]
    draw.shuffle(drawn)
    return sorted(drawn, key=lambda item: -item.value) if by_value else drawn


def for_audit(items: Sequence[NewItem], count: int, seed: int) -> list[NewItem]:
    """Draw translations whose labels help an audit most, with a known chance each: `hidden` holds it as ``chance``.

    What is right by definition isn't drawn.

    Args:
        items: Translations with their probability, and the number of pairs that they are.
        count: How many to draw; all if there are fewer.
        seed: Of the draw.

    Returns:
        The drawn items, in random order.
    """
    asked = [item for item in items if item.hidden["probability"] != RIGHT]
    loss = [1 - item.hidden["probability"] for item in asked]
    chance = chances(loss, [item.hidden["pairs"] for item in asked], count)
    drawn = [(asked[place], float(chance[place])) for place in draw(chance, seed)]
    return [replace(item, hidden={**item.hidden, "chance": found}) for item, found in drawn]


def deal(
    items: Sequence[NewItem], annotators: int, overlap: float, repeats: float, seed: int, *, by_value: bool = False
) -> list[list[Place]]:
    """Deal items of one task, checks among them, to annotators.

    Everybody gets `overlap` of the items and all checks; the others are dealt one by one. Of what an annotator
    got in the first half, `repeats` comes a second time in the second half.

    Args:
        items: The items, checks included, in order.
        annotators: How many.
        overlap: Share of the items that everybody gets, 0..1.
        repeats: Share of a queue that comes again, 0..1.
        seed: Of all draws.
        by_value: Keep the items' order, so that what is worth most comes first.

    Returns:
        A queue for each annotator.
    """
    draw = random.Random(f"deal/{seed}/{items[0].task if items else ''}")
    own = [index for index, item in enumerate(items) if not item.is_attention]
    checks = [index for index, item in enumerate(items) if item.is_attention]
    shared = set(draw.sample(own, round(overlap * len(own)))) if annotators > 1 else set()
    dealt = {index: turn % annotators for turn, index in enumerate(index for index in own if index not in shared)}
    queues = []
    for number in range(annotators):
        mine = [index for index in own if dealt.get(index, number) == number]
        if not by_value:
            draw.shuffle(mine)
        queues.append(_queue(mine, checks, repeats, draw))
    return queues


def _queue(mine: Sequence[int], checks: Sequence[int], repeats: float, draw: random.Random) -> list[Place]:
    order = [(index, 1) for index in mine]
    first_half = list(mine[: (len(mine) + 1) // 2])
    again = draw.sample(first_half, min(len(first_half), round(repeats * len(mine))))
    for index in again:
        order.insert(draw.randint((len(order) + 1) // 2 + 1, len(order)) if len(order) > 2 else len(order), (index, 2))
    for index in checks:
        order.insert(draw.randint(min(1, len(order)), len(order)), (index, 1))
    return [Place(index, occasion, draw.random() < 0.5) for index, occasion in order]
