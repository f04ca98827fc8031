"""Euros and points for them: tables of numbers worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from passerelle.comparison.gains import gains, spent
from passerelle.costs.ledger import Phase
from passerelle.costs.prices import known_prices, prices
from passerelle.costs.summary import cost_of
from passerelle.endpoints.budget import prices_of
from passerelle.errors import ConfigError


def test_euros_are_core_hours_device_hours_and_people(tmp_path: Path) -> None:
    own = tmp_path / "prices.toml"
    own.write_text("[compute]\ncore_hour_eur = 0.1\n[devices.Own]\nhour_eur = 7\nwatts = 100\n", encoding="utf-8")
    with known_prices(own):
        assert prices().euros(3600, 0, 10) == pytest.approx(0.10 + 6.0)
        assert prices().device("An Own One").hour_eur == 7 and prices().device("NVIDIA H100 80GB HBM3").watts == 700
        assert prices().euros(0, 3600, 0) == prices().devices[""].hour_eur
        assert prices().translation_minutes(["a red frog", "a", "two dogs"]) == pytest.approx(1.0)
        assert prices().watt_hours(3600, 0) == pytest.approx(prices().compute.watts_per_core)
        assert prices().device("NVIDIA H100 PCIe").watts == 350
    people = prices().people
    assert people.expert_hour_eur / people.words_per_hour == pytest.approx(0.10), "as the docs say"
    assert prices().compute.core_hour_eur == 0.05 and prices().as_of and prices().sources


def test_tokens_cost_what_was_given_or_what_the_table_says_of_a_model_at_its_host(tmp_path: Path) -> None:
    own = tmp_path / "prices.toml"
    own.write_text('[api."small@llm.example.org"]\ninput_eur = 0.5\noutput_eur = 2\n', encoding="utf-8")
    here, elsewhere = "https://llm.example.org:8000/v1", "http://localhost:8000/v1"
    with known_prices(own):
        assert prices_of("small", here, None, None).cost(2_000_000, 1_000_000) == 3.0
        assert prices_of("small", here, 1.0, None).cost(1_000_000, 1_000_000) == 1.0, "what is given goes before"
        assert prices_of("small", here, 0.0, 0.0) == prices_of("small", elsewhere, None, None), "free"
        assert prices_of("gpt-4o-mini", "https://api.openai.com/v1", None, None).input > 0
    assert prices_of("small", here, None, None).cost(10**6, 10**6) == 0


@pytest.mark.parametrize(("text", "told"), [("[compute]\ncore_eur = 1", "core_eur"), ("[compute", "can't be read")])
def test_prices_that_cannot_be_used_are_named(text: str, told: str, tmp_path: Path) -> None:
    own = tmp_path / "prices.toml"
    own.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=told), known_prices(own):
        pass


def test_answers_are_not_what_the_data_cost() -> None:
    phases = [
        Phase("training data", expert_minutes=5, processor_seconds=3600),
        Phase("training", processor_seconds=3600),
        Phase("answers, human test", processor_seconds=9e9, kind="answers", language="fr"),
    ]
    assert spent(cost_of([phases], {"fr": 10}, "fr")["make"]) == (pytest.approx(3.1), 5)


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
