"""Euros and points for them: tables of numbers worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from passerelle.comparison.gains import gains, spent
from passerelle.costs.ledger import Phase
from passerelle.costs.prices import Prices, prices

PRICES = Prices(core_hour_eur=0.05, expert_hour_eur=36.0, words_per_hour=360.0)


def test_euros_are_core_hours_and_people() -> None:
    assert PRICES.euros(3600, 0, cores=2) == pytest.approx(0.10)
    assert PRICES.euros(0, 10) == pytest.approx(6.0)
    assert PRICES.translation_minutes(["a red frog", "a", "two dogs"]) == pytest.approx(1.0)
    assert prices().expert_hour_eur / prices().words_per_hour == pytest.approx(0.10), "as the docs say"


def test_answers_are_not_what_the_data_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    phases = [
        Phase("training data", 1800, expert_minutes=5),
        Phase("training", 1800),
        Phase("answers, human test", 9e9),
    ]
    assert spent(phases, PRICES) == (pytest.approx(3.1), 5)


def difference(arm: str, against: str = "lora-mt", test: str = "human") -> dict[str, Any]:
    names = {"arm": arm, "against": against, "metric": "choice", "test": test}
    return {**names, "difference": 2.0, "low": -1.0, "high": 4.0, "p": 0.2}


def test_points_are_divided_by_what_is_paid_more() -> None:
    spendings = {"lora-mt": (1.0, 0.0), "lora-human": (5.0, 8.0), "lora-filtered": (1.001, 0.0)}
    found = gains(
        spendings,
        [difference("lora-human"), difference("lora-filtered"), difference("lora-human", test="english"),
         difference("lora-human", against="zero-shot"), difference("zero-shot")],
        "lora-mt",
    )  # fmt: skip
    assert [(row["arm"], row["test"]) for row in found] == [
        ("lora-human", "human"),
        ("lora-filtered", "human"),
        ("lora-human", "english"),
    ]
    assert found[0]["per_euro"] == {"value": 0.5, "low": -0.25, "high": 1.0}
    assert found[0]["per_expert_minute"] == {"value": 0.25, "low": -0.125, "high": 0.5}
    assert found[1]["per_euro"] is None, "less than half a cent more"
    assert found[1]["per_expert_minute"] is None
