"""The share that is lost by a few labels and the estimate together, and which pairs are best labelled."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from passerelle.errors import InputError
from passerelle.evaluation.statistics.prediction_powered import Labels, PoweredShare, labels_to_halve, powered_share
from passerelle.evaluation.statistics.significance import FloatArray
from passerelle.quality.base import Pair
from passerelle.quality.estimate.calibrate import Labelled

RIGHT = 1.0
"""Probability of what is right by definition: nobody is asked about it."""


@dataclass(frozen=True)
class Texts:
    """Different pairs of texts that somebody can be asked about.

    Attributes:
        places: Of each by its two texts, below.
        loss: One minus the estimate of each [texts].
        sizes: In how many pairs each stands [texts].
        clusters: The picture or row of each; its own where it stands in several [texts].
        part: What part of all pairs they are, 0..1; the others are right by definition.
    """

    places: dict[tuple[str, str], int]
    loss: FloatArray
    sizes: FloatArray
    clusters: list[str]
    part: float

    @property
    def mean(self) -> float:
        """Mean loss, each text as often as it stands; 0 without texts."""
        return float(self.loss @ self.sizes / self.sizes.sum()) if len(self.loss) else 0.0


@dataclass(frozen=True)
class LabelledShares:
    """What labels say of all pairs.

    Attributes:
        alone: The share that is lost by labels alone.
        both: The same by labels and the estimate.
        labels: How many labels count.
        unused: Labels by why they don't count.
        halve: How many labels in all would halve the interval; ``None``: no number would.
        chances_known: Whether the labels hold the chances with which they were drawn.
    """

    alone: PoweredShare
    both: PoweredShare
    labels: int
    unused: dict[str, int]
    halve: int | None
    chances_known: bool


def texts_of(pairs: Collection[Pair], probabilities: Sequence[float]) -> Texts:
    """Bring alike pairs together, without what is right by definition.

    Args:
        pairs: All pairs.
        probabilities: The estimate of each.
    """
    places: dict[tuple[str, str], int] = {}
    losses, sizes, clusters = list[float](), list[float](), list[str]()
    for number, (pair, probability) in enumerate(zip(pairs, probabilities, strict=True)):
        if probability == RIGHT:
            continue
        cluster, key = pair.cluster or str(number), (pair.source, pair.target)
        place = places.setdefault(key, len(places))
        if place == len(losses):
            losses.append(0.0)
            sizes.append(0.0)
            clusters.append(cluster)
        losses[place] += 1 - probability
        sizes[place] += 1
        if clusters[place] != cluster:
            clusters[place] = f"{key}"
    count = np.array(sizes)
    return Texts(places, np.array(losses) / count, count, clusters, float(count.sum()) / max(1, len(pairs)))


def labelled_shares(
    pairs: Collection[Pair], probabilities: Sequence[float], labelled: Labelled, *, is_draw: bool = False
) -> LabelledShares:
    """Say what share of pairs is lost by labels of some of them.

    Args:
        pairs: All pairs.
        probabilities: The estimate of each.
        labelled: Labels; a text with the same translation is the same pair. One that is labelled twice counts once,
            by the mean. Without chances all are taken to have been drawn alike.
        is_draw: Whether the pairs are a draw from a larger data set, which is asked about.

    Raises:
        InputError: Too few labels are of these pairs.
    """
    texts = texts_of(pairs, probabilities)
    known = {(pair.source, pair.target) for pair in pairs}
    said: dict[int, list[float]] = {}
    chance: dict[int, float] = {}
    unused = {"not among the pairs": 0, "right by definition": 0, "said again": 0}
    given = labelled.chances
    for number, (pair, accepted) in enumerate(zip(labelled.pairs, labelled.accepted, strict=True)):
        key = pair.source, pair.target
        place = texts.places.get(key)
        if place is None:
            unused["right by definition" if key in known else "not among the pairs"] += 1
            continue
        unused["said again"] += place in said
        said.setdefault(place, []).append(1.0 - float(accepted))
        chance[place] = len(texts.loss) if given is None else float(given[number])
    unused = {reason: count for reason, count in unused.items() if count}
    if not said:
        raise InputError(
            "none of the labels is of these pairs: source and target must stand in them as in the data. "
            "`passerelle review create --for-audit 100` draws pairs to label."
        )
    places = np.array(list(said))
    drawn = _chances(np.array([chance[place] for place in said]), len(texts.loss), given is not None)
    truth = np.array([float(np.mean(values)) for values in said.values()])
    # Who drew with chances drew one by one; others may have labelled all that is of one picture.
    clusters = [texts.clusters[place] if given is None else str(place) for place in said]
    labels = Labels(truth, texts.loss[places], texts.sizes[places], drawn, clusters)
    pictures = len({pair.cluster or str(number) for number, pair in enumerate(pairs)}) if is_draw else 0
    alone, both = (powered_share(labels, texts.mean, power=power, drawn_from=pictures) for power in (0.0, None))
    fixed = (both.value * (1 - both.value) / pictures) ** 0.5 if pictures else 0.0
    halve = labels_to_halve(len(said), len(texts.loss), both.error, fixed)
    return LabelledShares(
        _of_all(alone, texts.part), _of_all(both, texts.part), len(said), unused, halve, given is not None
    )


def _chances(given: FloatArray, texts: int, are_known: bool) -> FloatArray:
    """Return the chance that each label came about, the same for all if they aren't known.

    Where only a part of what was drawn has been labelled, all are as much less likely.
    """
    if not are_known:
        return np.full(len(given), len(given) / texts)
    return np.asarray(given * min(1.0, float((1 / given).sum()) / texts), dtype=np.float64)


def _of_all(share: PoweredShare, part: float) -> PoweredShare:
    """Return a share of all pairs: the others are right by definition."""
    return PoweredShare(share.value * part, share.low * part, share.high * part, share.error * part, share.power)
