"""A conversation in tokens: all of its row, what of it is learnt, what a prompt is, and why it may be refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from passerelle.adaptation import encoding
from passerelle.adaptation.encoding import Refused, encode_all
from passerelle.errors import InputError
from passerelle.formats.conversations import Conversation, Message
from passerelle.models.conversing import IGNORED, Encoded, Encoder, Unencodable, _placed
from passerelle.models.pretrained import PretrainedModel, load_pretrained

# PaliGemma's processor makes a numpy array of a tensor, in a way that numpy means to change.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

ASKED = Message("user", (None, "Quelle couleur ?"))
SAID = Message("assistant", ("Rouge.",))
AGAIN = Message("user", ("Et la forme ?",))
ROUND = Message("assistant", ("Un rond.",))
PLAIN = Message("user", ("Bonjour ?",))


@pytest.fixture(scope="module", params=["llava", "gemma3", "paligemma", "qwen2_vl"])
def pretrained(request: pytest.FixtureRequest, models: Callable[[str], Path]) -> PretrainedModel:
    return load_pretrained(models(request.param), dtype="float32")


@pytest.fixture
def encoder(pretrained: PretrainedModel) -> Encoder:
    return Encoder(pretrained, 1000)


@pytest.fixture(scope="module")
def llava(models: Callable[[str], Path]) -> Encoder:
    return Encoder(load_pretrained(models("llava"), dtype="float32"), 1000)


def talk(data: Path, *messages: Message, **changes: Any) -> Conversation:
    images = tuple(data / f"{number}.png" for number in range(sum(message.images for message in messages)))
    return replace(Conversation("x", messages, images, "fr", "native"), **changes)


def decoded(encoder: Encoder, row: Encoded) -> str:
    return str(encoder.pretrained.tokenizer.decode(row.labels[row.labels != IGNORED]))


def test_a_row_holds_all_of_its_conversation(encoder: Encoder, data: Path) -> None:
    given = talk(data, ASKED, SAID, AGAIN, ROUND, id="seven", language="en", origin="machine")
    rows = encoder(given)
    single = encoder.pretrained.family.encoding == "prefix-suffix"
    assert len(rows) == (2 if single else 1)
    for row in rows:
        assert (row.id, row.language, row.origin, row.images) == ("seven", "en", "machine", given.images)
        assert {len(values) for values in row.tokens.values()} == {len(row)} and "attention_mask" in row.tokens
        assert row.targets == int((row.labels != IGNORED).sum()) and row.labels[0] == IGNORED
        assert not any(name.startswith("pixel") for name in row.described)
    said = [decoded(encoder, row) for row in rows]
    # Where a template ends no turn before the last, the blanks behind it do.
    ends = {"paligemma": "<eos>", "gemma3": "<end_of_turn>", "qwen2_vl": "<|im_end|>", "llava": "</s>"}
    end = ends[encoder.pretrained.model.config.model_type]
    assert "".join(said) == f"Rouge.{end if end != '</s>' else '  '}Un rond.{end}"


@pytest.mark.parametrize(
    "said", ["<image> rouge.", "rouge. \n\n", "ASSISTANT: rouge.", "Et la forme ?", "a", "s", "end"]
)
def test_all_of_a_reply_is_learnt_and_nothing_else(encoder: Encoder, data: Path, said: str) -> None:
    """Also where a reply says what the question or the template says."""
    reply = Message("assistant", (said,))
    for messages in ((ASKED, reply), (PLAIN, SAID, AGAIN, reply), (ASKED, reply, AGAIN, reply)):
        try:
            rows = encoder(talk(data, *messages))
        except Unencodable as error:
            assert "<image>" in said and error.reason == "picture-mark", error
            continue
        found = "".join(decoded(encoder, row) for row in rows)
        marks = [str(token) for token in encoder.pretrained.tokenizer.added_tokens_decoder.values()]
        for mark in marks:
            found = found.replace(mark, " ")
        assert found.split() == " ".join(message.text for message in messages[1::2]).split()


def test_a_prompt_is_what_stands_before_the_reply(encoder: Encoder, data: Path) -> None:
    for messages in ((ASKED, SAID), (PLAIN, SAID), (ASKED, SAID, AGAIN, ROUND)):
        if encoder.pretrained.family.encoding == "prefix-suffix" and len(messages) > 2:
            continue
        (row,) = encoder(talk(data, *messages))
        asked = talk(data, *messages[:-1])
        found, images = encoder.prompt(asked)
        before = len(found["input_ids"][0])
        for name in ("input_ids", "attention_mask"):
            assert found[name].tolist() == [row.tokens[name][:before].tolist()], name
        reply = [token for token in row.labels[before:].tolist() if token != IGNORED]
        assert decoded(encoder, row).endswith(encoder.pretrained.tokenizer.decode(reply)) and messages[-1].text in (
            encoder.pretrained.tokenizer.decode(reply)
        )
        assert found.keys() == row.tokens.keys() | row.described.keys() and images == asked.images
        assert all(torch.equal(found[name], row.described[name]) for name in row.described)


def test_a_template_is_given_parts_and_begins_a_text_once(
    encoder: Encoder, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (row,) = encoder(talk(data, ASKED, SAID))
    begin = encoder.pretrained.tokenizer.bos_token_id
    for tokens in (row.tokens["input_ids"].tolist(), encoder.prompt(talk(data, ASKED))[0]["input_ids"][0].tolist()):
        assert begin is None or tokens.count(begin) <= 1
    if encoder.pretrained.family.encoding == "prefix-suffix":
        return
    given: list[Any] = []

    def render(turns: Any, **options: Any) -> str:
        given.append((turns, options))
        raise ValueError("seen")

    monkeypatch.setattr(encoder.pretrained.processor, "apply_chat_template", render)
    with pytest.raises(Unencodable, match="the model's template refuses it: .*seen"):
        encoder(talk(data, ASKED, Message("user", ()), SAID))
    said = [[{"type": "image"}, {"type": "text", "text": "Quelle couleur ?"}], [{"type": "text", "text": ""}]]
    turns = [{"role": "user", "content": each} for each in said]
    turns.append({"role": "assistant", "content": [{"type": "text", "text": "Rouge."}]})
    assert given[0] == (turns, {"tokenize": False, "add_generation_prompt": False})


def test_a_question_and_its_reply_without_a_template(models: Callable[[str], Path], data: Path) -> None:
    encoder = Encoder(load_pretrained(models("paligemma"), dtype="float32"), 1000)
    tokenizer = encoder.pretrained.tokenizer
    question = tokenizer("Bonjour ?\n", add_special_tokens=False)["input_ids"]
    reply = tokenizer("Rouge.", add_special_tokens=False)["input_ids"]
    system = Message("system", ("Sois bref.",))
    (row,) = encoder(talk(data, system, PLAIN, SAID))
    before, after = len(question) + 1, len(reply) + 1
    assert row.tokens["input_ids"].tolist() == [tokenizer.bos_token_id, *question, *reply, tokenizer.eos_token_id]
    assert row.labels.tolist() == [IGNORED] * before + [*reply, tokenizer.eos_token_id]
    assert row.tokens["attention_mask"].tolist() == [1] * (before + after)
    if "token_type_ids" in row.tokens:
        assert row.tokens["token_type_ids"].tolist() == [0] * before + [1] * after
    found, images = encoder.prompt(talk(data, PLAIN))
    assert found["input_ids"].tolist() == [[tokenizer.bos_token_id, *question]] and images == ()
    assert {len(values[0]) for values in found.values()} == {before}
    # All pictures stand before each question.
    two = encoder(talk(data, Message("user", (None, "Quoi ?", None)), SAID, system, AGAIN, ROUND))
    assert [row.images for row in two] == [(data / "0.png", data / "1.png")] * 2
    marks = [int((row.tokens["input_ids"] == encoder.pretrained.image_token).sum()) for row in two]
    (one,) = encoder(talk(data, ASKED, SAID))
    assert marks == [2 * int((one.tokens["input_ids"] == encoder.pretrained.image_token).sum())] * 2
    assert decoded(encoder, two[1]) == "Un rond.<eos>"
    assert len(encoder(talk(data, ASKED, Message("assistant", ("",)), AGAIN, ROUND))) == 1, (
        "nothing is said to the first"
    )
    for messages in ((SAID, ASKED, SAID), (ASKED, AGAIN, SAID), (ASKED, SAID, ROUND)):
        with pytest.raises(Unencodable, match="must alternate") as raised:
            encoder(talk(data, *messages))
        assert raised.value.reason == "template"


def test_a_conversation_is_as_long_as_it_may_be(encoder: Encoder, data: Path) -> None:
    (row,) = encoder(talk(data, ASKED, SAID))
    (again,) = Encoder(encoder.pretrained, len(row))(talk(data, ASKED, SAID))
    assert torch.equal(again.labels, row.labels)
    with pytest.raises(Unencodable, match=f"has {len(row)} tokens; max_length is {len(row) - 1}") as raised:
        Encoder(encoder.pretrained, len(row) - 1)(talk(data, ASKED, SAID))
    assert raised.value.reason == "too-long"


def test_what_a_processor_refuses_is_asked_once(models: Callable[[str], Path], data: Path, tmp_path: Path) -> None:
    Image.new("RGB", (4, 1200)).save(tmp_path / "thin.png")
    encoder = Encoder(load_pretrained(models("qwen2_vl"), dtype="float32"), 1000)
    assert encoder.refusal(data / "0.png") == ""
    refused = encoder.refusal(tmp_path / "thin.png")
    assert refused.startswith("the model's processor refuses it: ") and "smaller than 200" in refused
    with pytest.raises(InputError, match=r"none\.png"):
        encoder.refusal(tmp_path / "none.png")
    encoder._pictures = None  # type: ignore[assignment]  # it isn't asked again
    assert (encoder.refusal(data / "0.png"), encoder.refusal(tmp_path / "thin.png")) == ("", refused)


def test_many_are_encoded_in_their_order(llava: Encoder, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good, other = talk(data, ASKED, SAID), talk(data, AGAIN, ROUND)
    given = [good, replace(good, images=(data / "none.png",)), talk(data, ASKED), other, *[good, other] * 20]
    watched: list[tuple[int, int]] = []
    outcomes = {
        workers: list(encode_all(given, llava, workers, lambda done, of: watched.append((done, of))))
        for workers in (0, 2, None)
    }
    assert watched == [(done, len(given)) for done in range(1, len(given) + 1)] * 3
    for found in outcomes.values():
        assert [each.reason if isinstance(each, Refused) else "" for each in found[:4]] == [
            "",
            "bad-image",
            "no-reply",
            "",
        ]
        assert "none.png" in found[1].detail and "nobody answers" in found[2].detail  # type: ignore[union-attr]
        for each, conversation in zip(found, given, strict=True):
            if isinstance(each, list):
                (row,), (wanted,) = each, llava(conversation)
                assert (row.id, row.images, row.described.keys()) == (wanted.id, wanted.images, wanted.described.keys())
                assert torch.equal(row.labels, wanted.labels) and row.tokens.keys() == wanted.tokens.keys()
                assert all(torch.equal(row.tokens[name], wanted.tokens[name]) for name in row.tokens)
    work = encoding._Work(given, llava)
    assert len(work) == len(given) and work[2] == outcomes[0][2] and encoding._can_fork()
    assert work[0][0].labels.tolist() == llava(good)[0].labels.tolist()
    monkeypatch.setattr(encoding, "_by_workers", None)
    assert len(list(encode_all(given, llava, 0, lambda done, of: None))) == len(given), "none but this process"
    monkeypatch.setattr(encoding, "_can_fork", lambda: False)
    assert len(list(encode_all(given, llava, 2, lambda done, of: None))) == len(given), "nothing to begin them with"


@pytest.mark.parametrize(
    ("conversations", "cores", "beside", "workers"),
    [
        (511, 16, 1, 0),
        (512, 16, 1, 8),
        (9999, 2, 1, 2),
        (9999, 1, 1, 0),
        (9999, 8, 2, 4),
        (9999, 3, 2, 0),
        (512, 7.5, 1, 7),
    ],
)
def test_processes_are_started_where_they_are_worth_it(
    conversations: int, cores: float, beside: int, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "usable_cores", lambda: cores)
    monkeypatch.setattr(encoding, "processes_beside", lambda: beside)
    assert encoding._fitting(conversations) == workers


P = 9  # a picture's mark, or each of its tokens


@pytest.mark.parametrize(
    ("learnt", "expanded", "labels"),
    [
        ("1 2 3* 4*", [1, 2, 3, 4], [0, 0, 3, 4]),
        ("1 9 2 3*", [1, P, P, P, 2, 3], [0, 0, 0, 0, 0, 3]),
        ("1* 3 9 2*", [1, 3, P, P, P, 2], [1, 0, 0, 0, 0, 2]),
        ("1* 2* 9 3 9 4* 5*", [1, 2, 7, P, P, 8, 3, 7, P, P, P, 8, 4, 5], [1, 2, *[0] * 10, 4, 5]),
        ("1 2* 3", [1, 2, 3], [0, 2, 0]),
        ("1 2 3", [7, 7], [0, 0]),
        ("9 1*", [5, 6, 1], [0, 0, 1]),
        ("1* 9", [1], [1]),
        ("1* 2", [5, 1], [0, 1]),
        ("1* 5 9 2*", [1, 6, P, 2], [1, 0, 0, 2]),
        ("1* 9 2*", [1, P, P, P, 2], None),
        ("1* 2*", [1, 3], None),
        ("1* 9 2*", [P, P, 2], None),
        ("1* 2*", [2], None),
    ],
)
def test_labels_find_their_places_among_pictures(learnt: str, expanded: list[int], labels: list[int] | None) -> None:
    tokens = [(int(each.rstrip("*")), each.endswith("*")) for each in learnt.split()]
    if labels is None:
        with pytest.raises(Unencodable) as raised:
            _placed(tokens, expanded)
        assert raised.value.reason == "unaligned"
    else:
        assert _placed(tokens, expanded).tolist() == [label or IGNORED for label in labels]


def test_a_tokenizer_without_what_training_needs_is_refused(llava: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = llava.pretrained.tokenizer
    end, tokenizer.eos_token = tokenizer.eos_token, None
    try:
        with pytest.raises(InputError, match="names no eos_token"):
            Encoder(llava.pretrained, 100)
    finally:
        tokenizer.eos_token = end
    for token in (-1, 10**6):
        with monkeypatch.context() as patch:
            patch.setattr(type(llava.pretrained), "image_token", token)
            with pytest.raises(InputError, match=f"has no token {token}"):
                Encoder(llava.pretrained, 100)
