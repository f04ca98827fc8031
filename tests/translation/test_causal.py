"""Language models in this process as translators: what they are told, what ends them, what of replies is taken."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from families.tiny import build
from passerelle.errors import ConfigError, InputError
from passerelle.translation.engines.causal import CausalTranslator
from passerelle.translation.engines.registry import make_engine
from passerelle.translation.protection.safe import SafeTranslator
from tiny_causal import CHATML, SAID, make_causal

TEMPLATES = Path(__file__).parent / "chat_templates"
TYPED_CODES = (TEMPLATES / "translategemma.jinja").read_text("utf-8")
TEXTS = [
    "A dog.",
    "The black dog sees the garden of the old house near the river.",
    "été 🦜",
    "x",
    "Is it a large boat?",
]
NO_SYSTEM = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}" + CHATML
)
DROPS_SYSTEM = CHATML.replace("{{", "{% if message.role == 'user' %}{{", 1).replace("}}", "}}{% endif %}", 1)
TYPED = CHATML.replace("message['content']", "(message['content'] | selectattr('type', 'eq', 'text') | first)['text']")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_causal(tmp_path_factory.mktemp("causal") / "tiny")


def with_template(folder: Path, to: Path, template: str) -> Path:
    shutil.copytree(folder, to)
    (to / "chat_template.jinja").write_text(template)
    return to


def spoken(engine: CausalTranslator, text: str, again: bool = False) -> str:
    """Return what the model gets for a text."""
    return str(engine._tokenizer.decode(engine._prompt(text, again=again)))


def told(monkeypatch: pytest.MonkeyPatch, engine: CausalTranslator, replies: dict[str, list[str]]) -> list[str]:
    """Make the model's replies to some texts those that are given, in order, and return the prompts that it gets."""
    prompts: list[str] = []
    ask = engine._generate

    def generate(given: list[list[int]], limit: int) -> list[tuple[str, bool]]:
        made = ask(given, limit)
        for row, prompt in enumerate(given):
            prompts.append(engine._tokenizer.decode(prompt))
            for text, left in replies.items():
                if text in prompts[-1] and left:
                    made[row] = (left.pop(0), False)
        return made

    monkeypatch.setattr(engine, "_generate", generate)
    return prompts


def test_a_batch_does_not_change_a_translation(folder: Path) -> None:
    alone = CausalTranslator(folder, "en", "fr", style="tower", batch_tokens=1)
    together = CausalTranslator(folder, "en", "fr", style="tower", batch_tokens=100_000)
    texts = [*TEXTS, *(f"{text} again" for text in TEXTS)]
    found = together.translate(texts)
    assert alone.translate(texts) == found and len(set(found)) > 4
    assert all(set(text) <= set("".join(SAID)) for text in found)


@pytest.mark.parametrize(
    ("template", "style", "says", "signed"),
    [
        (CHATML, "plain", "<|im_start|>system\nTranslate from English to French.", "style plain"),
        (NO_SYSTEM, "plain", "<|im_start|>user\nTranslate from English to French.", " no system"),
        (DROPS_SYSTEM, "plain", "<|im_start|>user\nTranslate from English to French.", " no system"),
        (TYPED, "plain", "<|im_start|>system\nTranslate from English to French.", "style plain"),
        (
            (TEMPLATES / "translategemma.jinja").read_text("utf-8"),
            "auto",
            "English (en) to French (fr)",
            "translategemma",
        ),
        ("", "auto", "Translate from English to French.", " no template"),
    ],
)
def test_a_model_is_told_in_the_way_that_its_template_takes(
    folder: Path, tmp_path: Path, template: str, style: str, says: str, signed: str
) -> None:
    engine = CausalTranslator(with_template(folder, tmp_path / "model", template), "en", "fr", style=style)
    prompt = spoken(engine, "A dog {sleeps}.")
    assert says in prompt and "A dog {sleeps}." in prompt and signed in engine.signature
    assert ("no system" in engine.signature) == (" no system" in signed)
    assert engine.translate(TEXTS) == engine.translate(TEXTS)


def test_the_name_tells_the_style_and_the_signature_holds_it(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "TowerInstruct-tiny")
    named = make_engine(f"causal:{tmp_path / 'TowerInstruct-tiny'}", "en", "fr")
    assert " style tower " in named.signature and str(tmp_path) not in named.signature
    usual = CausalTranslator(folder, "en", "fr")
    others = [CausalTranslator(folder, "en", "fr", system=False), CausalTranslator(folder, "en", "de")]
    assert " style plain " in usual.signature
    assert len({engine.signature for engine in (named, usual, *others)}) == 4
    assert usual.signature == CausalTranslator(folder, "en", "fr", style="plain", batch_tokens=7).signature


def test_a_template_that_takes_nothing_of_a_style_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"style 'plain' says: .*Name another style: .*translategemma"):
        CausalTranslator(with_template(folder, tmp_path / "gemma", TYPED_CODES), "en", "fr", style="plain")
    with pytest.raises(ConfigError, match="style 'translategemma' says: no such language"):
        CausalTranslator(tmp_path / "gemma", "en", "tlh")


def test_a_models_own_settings_for_sampling_do_not_count(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "tiny")
    settings = json.loads((folder / "generation_config.json").read_text())
    settings |= {"do_sample": True, "temperature": 2.0, "repetition_penalty": 5.0, "max_length": 3, "num_beams": 2}
    (tmp_path / "tiny" / "generation_config.json").write_text(json.dumps(settings))
    usual, other = (CausalTranslator(path, "en", "fr", style="tower") for path in (folder, tmp_path / "tiny"))
    assert other.translate(TEXTS) == usual.translate(TEXTS)
    assert other.signature != usual.signature


def test_replies_that_are_no_translations(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = CausalTranslator(folder, "en", "fr", style="tower")
    refusal, chat = "I'm sorry, but I can't help with that.", "Voici la traduction : le chat"
    replies = {"A cat.": [chat, "Le chat."], "A fox.": [chat, refusal], "A cow.": ["<think>\n\n</think>\n\nLa vache."]}
    prompts = told(monkeypatch, engine, replies)
    assert engine.translate(["A cat.", "A fox.", "A cow."]) == ["Le chat.", "", "La vache."]
    assert len(prompts) == 5 and sum("source text to French" in prompt for prompt in prompts) == 2
    lost = engine.why_lost("A fox.")
    assert lost is not None and lost.reason == "refusal"
    replies["A fox."] = [chat, refusal]
    (outcome,) = SafeTranslator(engine, forms=()).translate(["A fox."])
    assert (outcome.text, outcome.reason) == (None, "refusal")


def test_a_reply_that_finds_no_end_is_cut_off_and_not_taken(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "endless")
    (tmp_path / "endless" / "generation_config.json").write_text("{}")
    engine = CausalTranslator(tmp_path / "endless", "en", "fr", style="tower")
    assert engine.translate(["A dog."]) == [""]
    lost = engine.why_lost("A dog.")
    assert lost is not None and lost.reason == "truncated"


def test_a_text_that_does_not_fit_with_its_prompt_is_left_untranslated(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = CausalTranslator(folder, "en", "fr", style="tower")
    before, nothing, after = engine.translate(["A dog.", "The dog sees the river. " * 20, "A cat."])
    assert nothing == "" and [before, after] == engine.translate(["A dog.", "A cat."])
    assert "1 of 3 texts are longer than the model's" in caplog.text


def test_the_language_part_of_a_vision_language_model_translates(tmp_path: Path) -> None:
    folder = build("llava", tmp_path / "model")
    engine: Any = CausalTranslator(folder, "en", "fr")
    assert "A dog." in spoken(engine, "A dog.") and "style plain" in engine.signature
    engine._generate(
        [engine._prompt(text, again=False) for text in TEXTS], 4
    )  # a random model says no translation, but it speaks


def test_code_that_comes_with_a_model_is_never_run(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "tiny")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.Own", "AutoModelForCausalLM": "own.Model"}}
    (tmp_path / "tiny" / "config.json").write_text(json.dumps(config))
    (tmp_path / "tiny" / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(InputError, match="can't load"):
        CausalTranslator(tmp_path / "tiny", "en", "fr")
    assert not (tmp_path / "ran").exists()


def test_a_style_that_is_none_is_told_before_weights_are_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown prompt style 'towr'"):
        CausalTranslator(tmp_path / "not-there", "en", "fr", style="towr")
