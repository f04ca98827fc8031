"""What models are told, by style: rendered by chat templates that take and refuse what the published ones do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from passerelle.errors import ConfigError
from passerelle.translation.prompting.styles import PLAIN, open_style, read_style, style_names, style_of_model

TEMPLATES = Path(__file__).parent / "chat_templates"
# As the models' own pages print them; the files of the styles name these.
PUBLISHED = {
    ("tower", "pt", "en"): (
        "<|im_start|>user\nTranslate the following text from Portuguese into English.\n"
        "Portuguese: Um grupo.\nEnglish:<|im_end|>\n<|im_start|>assistant\n"
    ),
    ("hunyuan-mt", "en", "fr"): (
        "<s>Translate the following segment into French, without additional explanation.\n\nUm grupo.<|extra_0|>"
    ),
    ("hunyuan-mt", "en", "zh"): "<s>把下面的文本翻译成中文，不要额外解释。\n\nUm grupo.<|extra_0|>",
    (
        "hunyuan-mt",
        "zh-Hant",
        "fr",
    ): "<s>把下面的文本翻译成法语，不要额外解释。\n\nUm grupo.<|extra_0|>",
    ("translategemma", "de", "en"): (
        "<s><start_of_turn>user\nYou are a professional German (de) to English (en) translator. Your goal is to "
        "accurately convey the meaning and nuances of the original German text while adhering to English grammar, "
        "vocabulary, and cultural sensitivities.\nProduce only the English translation, without any additional "
        "explanations or commentary. Please translate the following German text into English:\n\n\nUm grupo."
        "<end_of_turn>\n<start_of_turn>model\n"
    ),
}


def rendered(template: str, messages: list[dict[str, Any]], **options: Any) -> str:
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"a": 0})), bos_token="<s>")
    tokenizer.chat_template = template
    return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **options))


def template_of(style: str) -> str:
    return (TEMPLATES / f"{style}.jinja").read_text("utf-8")


@pytest.mark.parametrize(("style", "source", "target"), list(PUBLISHED))
def test_a_prompt_is_the_published_one(style: str, source: str, target: str) -> None:
    opened = open_style(style, source, target)
    messages = opened.messages("Um grupo.")
    assert rendered(template_of(style), messages, **opened.template) == PUBLISHED[style, source, target]
    again = rendered(template_of(style), opened.messages("Um grupo.", again=True), **opened.template)
    assert "Um grupo." in again
    assert (opened.again is None) == (style == "translategemma")


def test_translategemma_refuses_what_other_styles_say() -> None:
    for style in ("plain", "tower", "hunyuan-mt", "json"):
        for system in (True, False):
            with pytest.raises(Exception, match="exactly one entry|only user"):
                rendered(template_of("translategemma"), open_style(style, "en", "fr").messages("A dog.", system=system))
    with pytest.raises(Exception, match="no such language"):
        rendered(template_of("translategemma"), open_style("translategemma", "en", "tlh").messages("A dog."))


@pytest.mark.parametrize("name", style_names())
def test_without_a_system_prompt_the_user_says_all(name: str) -> None:
    style = open_style(name, "eng_Latn", "fr-CA")
    for again in (False, True):
        alone = style.messages("A {dog}", system=False, again=again)
        assert [message["role"] for message in alone] == ["user"]
        given = style.messages("A {dog}", again=again)
        if len(given) > 1:
            assert alone[0]["content"] == f"{given[0]['content']}\n\n{given[1]['content']}"
            assert "English" in given[0]["content"] and "French" in given[0]["content"]
        (part,) = style.messages("A {dog}", system=False, typed=True)[-1]["content"]
        assert part["type"] == "text" and "A {dog}" in part["text"]


def test_each_style_and_pair_has_a_digest_of_its_own() -> None:
    found = [open_style(name, "en", target).digest for name in style_names() for target in ("fr", "zh")]
    assert len(set(found)) == len(found)
    assert open_style("plain", "en", "fr").digest == open_style("plain", "eng", "French").digest


@pytest.mark.parametrize(
    ("template", "name", "style"),
    [
        ("{{ content['source_lang_code'] }} {{ content['target_lang_code'] }}", "gemma", "translategemma"),
        ("{{ messages }}", "Hunyuan-MT-7B", "hunyuan-mt"),
        ("{{ messages }}", "HY-MT1.5-1.8B", "hunyuan-mt"),
        ("{{ messages }}", "TowerInstruct-7B-v0.2", "tower"),
        ("{{ messages }}", "Hunyuan-7B-Instruct", PLAIN),
        ("", "model", PLAIN),
    ],
)
def test_what_a_model_tells_of_its_style(template: str, name: str, style: str) -> None:
    assert style_of_model(template, name) == style


def test_a_style_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('user = "{source_code}>{target_code}: {text}"\n')
    style = open_style(str(tmp_path / "mine.toml"), "en", "fr")
    assert style.messages("a") == [{"role": "user", "content": "en>fr: a"}]
    assert (style.name, style.again) == ("mine", None)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('user = "{texte}"', "KeyError.*texte.*{text}"),
        ('user = "translate"', "doesn't say {text}"),
        ('user = "{text} {"', "braces of its own doubled"),
        ('usr = "{text}"', "Did you mean 'user'"),
        ('texts = "two"', "texts: "),
        ('[again]\nuser = "x"', "doesn't say {text}"),
        ("user = [", "can't be read as a prompt style"),
    ],
)
def test_a_style_that_cannot_be_used(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "mine.toml").write_text(content)
    with pytest.raises(ConfigError, match=said):
        read_style(tmp_path / "mine.toml", "en", "fr")


def test_a_style_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'plain'.*TOML file of your own"):
        open_style("plan", "en", "fr")
    with pytest.raises(ConfigError, match="unknown prompt style"):
        open_style("/nowhere/mine.toml", "en", "fr")
