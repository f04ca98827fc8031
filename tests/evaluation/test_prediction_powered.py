"""A share by labels and predictions is unbiased; its interval holds the truth and is narrower than by labels alone."""

from __future__ import annotations

import numpy as np
import pytest

from passerelle.errors import InputError
from passerelle.evaluation.statistics.prediction_powered import (
    Labels,
    chances,
    draw,
    labels_to_halve,
    powered_share,
)

ITEMS = 600


def made(seed: int, off: float) -> tuple[np.ndarray, np.ndarray]:
    """Return truth and predictions, which are too high by `off` log-odds."""
    random = np.random.default_rng(seed)
    odds = random.normal(-1.0, 2.0, ITEMS)
    truth = (random.random(ITEMS) < 1 / (1 + np.exp(-odds))).astype(float)
    return truth, 1 / (1 + np.exp(-odds - off))


def labelled(truth: np.ndarray, predicted: np.ndarray, chance: np.ndarray, seed: int) -> Labels:
    places = draw(chance, seed)
    names = [str(place) for place in places]
    return Labels(truth[places], predicted[places], np.ones(len(places)), chance[places], names)


@pytest.mark.parametrize("off", [0.0, 1.5])
def test_it_is_unbiased_holds_the_truth_and_is_narrower(off: float) -> None:
    truth, predicted = made(1, off)
    chance = chances(predicted, np.ones(ITEMS), 100)
    both, alone = [], []
    for seed in range(200):
        both.append(powered_share(labelled(truth, predicted, chance, seed), predicted.mean()))
        even = labelled(truth, predicted, np.full(ITEMS, 100 / ITEMS), seed)
        alone.append(powered_share(even, predicted.mean(), power=0.0))
    assert np.mean([one.value for one in both]) == pytest.approx(truth.mean(), abs=0.01)
    for shares in (both, alone):
        assert 0.91 <= np.mean([one.low <= truth.mean() <= one.high for one in shares]) <= 0.99
    narrower = np.mean([one.high - one.low for one in both]) / np.mean([one.high - one.low for one in alone])
    assert narrower < 0.85


def test_predictions_that_tell_nothing_are_not_followed() -> None:
    truth = np.tile([0.0, 1.0], 50)
    labels = Labels(truth, np.full(100, 0.9), np.ones(100), np.full(100, 0.1), [str(n) for n in range(100)])
    found = powered_share(labels, 0.9)
    assert found.power == 0 and found.value == pytest.approx(0.5)
    assert found.low == pytest.approx(0.4, abs=0.02)


def test_chances_go_to_doubt_and_to_what_stands_often_and_add_up() -> None:
    chance = chances([0.5, 0.01, 0.5, *[0.1] * 97], [1, 1, 60, *[1] * 97], 20)
    assert chance[2] == 1 and chance[0] > chance[3] > chance[1] > 0
    assert chance.sum() == pytest.approx(20)
    assert chances([0.5, 0.2], [1, 1], 5).tolist() == [1, 1]
    drawn = np.zeros(100)
    for seed in range(400):
        places = draw(chance, seed)
        assert len(set(places)) == len(places) == 20
        drawn[places] += 1
    assert np.abs(drawn / 400 - chance).max() < 0.1


def test_all_alike_none_lost_still_has_a_width() -> None:
    labels = Labels(np.zeros(100), np.full(100, 0.1), np.ones(100), np.full(100, 0.1), [str(n) for n in range(100)])
    found = powered_share(labels, 0.1)
    assert (found.value, found.low) == (0, 0) and 0.02 < found.high < 0.05


def test_labels_of_one_picture_tell_less() -> None:
    truth = np.repeat(np.tile([0.0, 1.0], 15), 4)
    chance = np.full(120, 0.1)

    def width(clusters: list[str]) -> float:
        found = powered_share(Labels(truth, np.full(120, 0.5), np.ones(120), chance, clusters), 0.5)
        return found.high - found.low

    assert width([str(n // 4) for n in range(120)]) > 1.7 * width([str(n) for n in range(120)])


def test_few_labels_are_refused() -> None:
    labels = Labels(np.zeros(30), np.zeros(30), np.ones(30), np.ones(30), ["a"] * 30)
    with pytest.raises(InputError, match="label at least 20"):
        powered_share(labels, 0.5)


def test_how_many_labels_halve_it() -> None:
    assert labels_to_halve(100, 1_000_000, 0.04) == 400
    assert labels_to_halve(100, 200, 0.04) == 160  # the closer to all, the less is left unknown
    assert labels_to_halve(100, 1000, 0.04, 0.03) is None
