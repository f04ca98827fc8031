"""A pipeline's engines: how they are named, what is charged for them, what becomes of texts that none translates."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from passerelle.costs.ledger import Charge
from passerelle.endpoints.budget import Spent
from passerelle.errors import ConfigError, RunError
from passerelle.evaluation.asking.systems import open_system
from passerelle.evaluation.specification import parse_named
from passerelle.translation.base import FakeTranslator
from passerelle.translation.both_ways import BothWays, EngineSettings, TranslationSettings, signature_of
from passerelle.translation.engines import registry
from passerelle.translation.lent import close_engines
from passerelle.translation.memory.metered import Work, price

CHAT = {"engine": "openai:m@http://h:80/v1", "options": {"beams": 3}}


class Fake(FakeTranslator):
    """Knows no text with "unknown" in it; costs a cent a letter where it is a paid one."""

    def __init__(self, place: str, source: str, target: str, options: dict[str, Any]) -> None:
        super().__init__(source, target, signature=f"fake {place}")
        self.closed = False
        if place == "paid":
            self.spent = Spent()

    def close(self) -> None:
        self.closed = True

    def translate(self, texts: Any) -> list[str]:
        if hasattr(self, "spent"):
            self.spent += Spent(1, 0, 0, sum(map(len, texts)) / 100)
        return ["" if "unknown" in text else one for text, one in zip(texts, super().translate(texts), strict=True)]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, empty_cache: Path) -> list[Fake]:
    """Engines that were made as ``fake:…``, in order."""
    found: list[Fake] = []

    def make(*given: Any) -> Fake:
        found.append(Fake(*given))
        return found[-1]

    monkeypatch.setitem(registry.ENGINES, "fake", make)
    close_engines()
    return found


@pytest.mark.parametrize(
    ("own", "both"),
    [
        ({}, ("seq2seq:a", "openai:b")),
        ("apertium", ("apertium", "apertium")),
        ({"engine": "ctranslate2:d"}, ("ctranslate2:d", "ctranslate2:d")),
        ({"back": "apertium"}, ("seq2seq:a", "apertium")),
        ({"engine": "apertium", "into": "seq2seq:c"}, ("seq2seq:c", "apertium")),
    ],
)
def test_an_arms_own_engine_is_both_ways_unless_it_says_otherwise(own: Any, both: tuple[str, str]) -> None:
    usual = TranslationSettings.model_validate(
        {"engine": "openai:b", "options": {"x": 1}, "into": "seq2seq:a", "memory": "m"}
    )
    found = usual.changed(own, "arm")
    assert tuple(way.engine for way in found.both) == both
    assert found.memory == Path("m")
    assert all(way.options == ({"x": 1} if way.engine == "openai:b" else {}) for way in found.both)


def test_only_options_that_differ_are_given() -> None:
    usual = TranslationSettings(engine="seq2seq:a", options={"beams": 4, "dtype": "auto"})
    assert usual.changed({"options": {"beams": 1}}, "arm").options == {"beams": 1, "dtype": "auto"}


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"into_english": "seq2seq:a"}, "into_english is now into: write into: seq2seq:a"),
        ({"engin": "x"}, "arm: unknown key 'engin'"),
        ({"into": {"engin": "x"}}, "unknown key 'into.engin'"),
        (["apertium"], "arm: "),
    ],
)
def test_settings_that_cannot_be_used(own: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TranslationSettings().changed(own, "arm")


def test_a_record_of_an_older_run_is_read() -> None:
    assert TranslationSettings.model_validate({"engine": "memory", "into_english": ""}).both[0].engine == "memory"


@pytest.mark.parametrize(
    ("engines", "expected"),
    [
        ("apertium", ("apertium", "apertium")),
        ("ctranslate2:models/nllb-600M", ("ctranslate2:models/nllb-600M",) * 2),
        ("openai:m@http://h:80/v1", ("openai:m@http://h:80/v1",) * 2),
        ("into: apertium, back: seq2seq:a/b", ("apertium", "seq2seq:a/b")),
        ("engine: openai:m@http://h:80/v1, options: {beams: 3}", (EngineSettings(**CHAT),) * 2),
    ],
)
def test_the_command_line_names_engines_as_a_file_does(
    monkeypatch: pytest.MonkeyPatch, engines: str, expected: tuple[Any, Any]
) -> None:
    seen = []
    monkeypatch.setattr("passerelle.evaluation.asking.systems._opener", lambda *given: seen.append(given))
    named = parse_named(f"pipeline{{{engines}}}:runs/model")
    assert named.name == "model"
    open_system(named)
    ((model, method, settings),) = seen
    assert (model, method) == ("runs/model", "pipeline")
    asked = settings.both if isinstance(expected[0], EngineSettings) else tuple(way.engine for way in settings.both)
    assert asked == expected


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("pipeline{apertium}", "the braces end nowhere before a model"),
        ("pipeline{apertium}:", "pipeline of which model"),
        ("prompted{apertium}:embedded", "prompted translates nothing"),
        ("pipeline{into: apertium, bakc: apertium}:embedded", "unknown key 'bakc'. Did you mean 'back'"),
        ("pipeline{into: [}:embedded", "aren't written as in a file"),
    ],
)
def test_what_cannot_be_read_on_the_command_line(what: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        open_system(parse_named(f"x={what}"))
    assert "\n" not in str(raised.value)


def test_each_different_text_is_charged_once_whoever_translated_it(made: list[Fake]) -> None:
    settings = TranslationSettings(engine="fake:a", back=EngineSettings(engine="fake:b"))
    first = BothWays.open(settings, "fr")
    assert first.signature == "fr>en fake a; en>fr fake b"
    assert first.into.translate(["un chat", "un chat", "Oui"]) == ["[en] un chat"] * 2 + ["Yes"]
    first.back.translate(["a dog"])
    second = BothWays.open(settings, "fr")
    assert second.into.translate(["un chat"]) == ["[en] un chat"]
    assert [engine.received.count("un chat") for engine in made] == [1, 0], "the second one's came from the memory"
    assert len(made) == 2, "models are loaded once"
    counted = [(both.charged.sentences, both.charged.characters) for both in (first, second)]
    assert counted == [(2, len("un chat") + len("a dog")), (1, len("un chat"))]
    assert second.charged.engine_eur == 0 < second.charged.seconds


def test_engines_that_gave_way_are_closed_and_opened_again_when_they_are_asked(made: list[Fake]) -> None:
    def both(into: str, back: str) -> BothWays:
        ways = {"into": EngineSettings(engine=f"fake:{into}"), "back": EngineSettings(engine=f"fake:{back}")}
        return BothWays.open(TranslationSettings(**ways), "fr")

    first, second = both("a", "paid"), both("b", "c")
    assert [engine.closed for engine in made] == [True, False, False, False], "one with a budget holds no model"
    assert first.into.translate(["un chat"]) == ["[en] un chat"]
    assert [engine.signature for engine in made if not engine.closed] == ["fake paid", "fake c", "fake a"]
    second.into.translate(["un chien"])
    close_engines()
    assert all(engine.closed for engine in made)
    assert first.back.translate(["a cat"]) == ["[fr] a cat"]


def test_an_engine_is_not_loaded_to_say_what_it_is_called(made: list[Fake], tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    weights = tmp_path / "model" / "model.bin"
    weights.write_bytes(b"1")
    settings = TranslationSettings(engine=f"fake:{weights.parent}")
    said = signature_of(settings, "fr")
    assert (said.count(str(weights.parent)), len(made)) == (2, 2)
    close_engines()
    assert (signature_of(settings, "fr"), len(made)) == (said, 2)
    weights.write_bytes(b"22")
    assert (signature_of(settings, "fr"), len(made)) == (said, 4), "its files changed"
    close_engines()
    both = BothWays.open(settings, "fr")
    for engine in made:
        engine.signature = "another library's"
    with pytest.raises(RunError, match="is now another library's, and was fake"):
        both.into.translate(["un chat"])


def test_what_no_engine_can_translate_stays_and_is_counted(made: list[Fake]) -> None:
    both = BothWays.open(TranslationSettings(engine="fake:a"), "fr")
    assert both.into.translate(["unknown", "un chat", "unknown"]) == ["unknown", "[en] un chat", "unknown"]
    both.into.translate(["unknown"])
    assert both.charged.untranslated == 1


def test_a_paid_engine_is_charged_as_if_nothing_had_been_known(made: list[Fake]) -> None:
    settings = TranslationSettings(engine="fake:paid")
    first = BothWays.open(settings, "fr").into
    first.translate(["un chat", "deux petits chiens"])
    assert first.charged.engine_eur == pytest.approx(0.01 * len("un chatdeux petits chiens"))
    spent = made[0].spent
    again = BothWays.open(settings, "fr").into
    again.translate(["deux petits chiens"])
    assert made[0].spent == spent, "nothing is paid twice"
    assert again.charged.engine_eur == pytest.approx(0.01 * len("deux petits chiens"))
    assert again.charged.sentences == 1


def test_a_price_that_nobody_paid_yet_is_estimated(empty_cache: Path) -> None:
    engine: Any = SimpleNamespace(signature="new", estimate=lambda texts, characters: Spent(cost=characters / 10))
    assert price(engine, Work(0, 0, 0.0, 0.0), 3, 50) == Charge(3, 50, engine_eur=5.0)
    assert price(engine, Work(2, 20, 4.0, 1.0), 3, 50) == Charge(3, 50, 6.0, 2.5)
    assert price(engine, Work(0, 0, 0.0, 0.0), 3, 50) == Charge(3, 50, 6.0, 2.5), "the last time's rates"
    assert price(engine, Work(1, 10, 0.0, 0.0), 3, 50).engine_eur == 0, "what was done now tells best"
