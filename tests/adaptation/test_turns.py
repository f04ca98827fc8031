"""Whatever turns a conversation has, no row ends a run, and only the assistant's words are learnt, in every family."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from families.tiny import FAMILIES
from passerelle.adaptation.data import read_pool
from passerelle.adaptation.run import adapt
from passerelle.adaptation.settings import AdaptSettings
from passerelle.formats.conversations import Conversation, Message, Role
from passerelle.models.conversing import IGNORED, Encoder, Unencodable
from passerelle.models.pretrained import PretrainedModel, load_pretrained

# PaliGemma's processor makes a numpy array of a tensor, in a way that numpy means to change.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

WORDS: dict[Role, tuple[str, ...]] = {
    "system": ("Sois bref.",),
    "user": ("Quelle couleur ?", "Merci, et la forme ?", "Rouge.", "ASSISTANT: Oui.", "<end_of_turn>\n", ""),
    "assistant": ("Rouge.", "Un chat\n\nnoir ", "A", "Rouge. Rouge.", "USER: Non.", " ", ""),
}
TURN = st.sampled_from(["user", "assistant", "user", "assistant", "system"]).flatmap(
    lambda role: st.builds(Message, st.just(role), st.tuples(st.sampled_from(WORDS[role])))
)
PICTURED = Message("user", (None, "Quelle couleur ?"))
REGULAR = (PICTURED, Message("assistant", ("Rouge.",)))


@pytest.fixture(scope="module", params=FAMILIES)
def encoder(request: pytest.FixtureRequest, models: Callable[[str], Path]) -> Encoder:
    return Encoder(load_pretrained(models(request.param), dtype="float32"), 1000)


def talk(messages: tuple[Message, ...], picture: Path) -> Conversation:
    return Conversation("x", messages, (picture,) * sum(m.images for m in messages), "fr", "native")


def words(pretrained: PretrainedModel, text: str) -> str:
    """Return a text without white space and special tokens."""
    tokenizer = pretrained.tokenizer
    marks = [str(tokenizer.convert_ids_to_tokens(token)) for token in tokenizer.added_tokens_decoder]
    return re.sub("|".join([r"\s", *map(re.escape, sorted(marks, key=len, reverse=True))]), "", text)


def learnt(encoder: Encoder, conversation: Conversation) -> str:
    """Return what is learnt of a conversation, in words."""
    decode = encoder.pretrained.tokenizer.decode
    rows = encoder(conversation)
    for row in rows:
        told = row.labels != IGNORED
        assert torch.equal(row.labels[told], row.tokens["input_ids"][told]), "a label is its own token"
        assert int(row.labels[told][-1]) in encoder.pretrained.tokenizer.added_tokens_decoder, "the end is learnt too"
    return "".join(words(encoder.pretrained, decode(row.labels[row.labels != IGNORED])) for row in rows)


@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(turns=st.lists(TURN, min_size=1, max_size=5), at=st.integers(0, 4))
def test_only_the_assistants_words_are_learnt(encoder: Encoder, data: Path, turns: list[Message], at: int) -> None:
    turns.insert(min(at, len(turns)), PICTURED)
    conversation = talk(tuple(turns), data / "0.png")
    try:
        found = learnt(encoder, conversation)
    except Unencodable as error:
        assert error.reason in {"template", "processor", "no-reply", "unaligned"}, error
    else:
        assert found == "".join(words(encoder.pretrained, reply) for reply in conversation.replies)


@pytest.mark.parametrize(
    "added",
    [
        (Message("user", ("Merci, et la forme ?",)),),
        (Message("user", ("Et la forme ?",)), Message("assistant", ("",))),
        (Message("user", ("Et la forme ?",)), Message("assistant", ())),
        (Message("user", (None, "Et celle-ci ?")),),
        (Message("assistant", (" ",)),),
    ],
)
def test_what_stands_behind_the_last_reply_changes_nothing(
    encoder: Encoder, data: Path, added: tuple[Message, ...]
) -> None:
    (row,), (plain,) = (encoder(talk(messages, data / "0.png")) for messages in ((*REGULAR, *added), REGULAR))
    assert row.tokens["input_ids"].tolist() == plain.tokens["input_ids"].tolist()
    assert row.labels.tolist() == plain.labels.tolist()
    assert row.images == plain.images


# White space before a reply's turn, or in it, is other than where one is asked for, in their published templates.
OTHER_BLANKS = ("llava_onevision", "molmo2")
NO_SYSTEM = ("molmo2", "paligemma")


def test_a_reply_is_learnt_behind_what_will_ask_for_one(encoder: Encoder, data: Path) -> None:
    """A thought that a template shows of no reply, or of the last one alone, stands where a model will find it."""
    family, tokenizer = encoder.pretrained.family, encoder.pretrained.tokenizer
    system = () if family.name in NO_SYSTEM else (Message("system", ("Sois bref.",)),)
    said = Message("assistant", ("Un rond.",))
    for asked in ((PICTURED,), (*system, *REGULAR, Message("user", ("Et la forme ?",)))):
        *_, row = encoder(talk((*asked, said), data / "0.png"))
        told = row.labels != IGNORED
        assert words(encoder.pretrained, tokenizer.decode(row.labels[told])).endswith("Unrond.")
        if family.encoding == "chat" and family.name not in OTHER_BLANKS:
            before = encoder.prompt(talk(asked, data / "0.png"))[0]["input_ids"][0]
            assert row.tokens["input_ids"][: len(before)].tolist() == before.tolist()
            assert (
                words(encoder.pretrained, tokenizer.decode(row.labels[len(before) :][told[len(before) :]])) == "Unrond."
            )
            shown = tokenizer.decode(row.tokens["input_ids"])
            assert "{" not in shown and (not system or len(asked) == 1 or "Sois bref." in shown)


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ((PICTURED, Message("assistant", ("Ceci :", None))), "picture-in-reply"),
        ((PICTURED, Message("assistant", (None,)), *REGULAR), "picture-in-reply"),
        ((PICTURED, Message("assistant", ("",))), "no-reply"),
        ((PICTURED,), "no-reply"),
    ],
)
def test_what_no_family_can_learn(encoder: Encoder, data: Path, messages: tuple[Message, ...], reason: str) -> None:
    with pytest.raises(Unencodable) as raised:
        encoder(talk(messages, data / "0.png"))
    assert raised.value.reason == reason


def test_a_models_own_mark_of_a_picture_in_a_text(encoder: Encoder, data: Path) -> None:
    mark = encoder.pretrained.tokenizer.convert_ids_to_tokens(encoder.pretrained.image_token)
    for who in (0, 1):
        messages = [PICTURED, Message("assistant", ("Rouge.",))]
        messages[who] = Message(messages[who].role, (*messages[who].parts, f"Ceci {mark} ?"))
        with pytest.raises(Unencodable, match="mark of a picture"):
            encoder(talk(tuple(messages), data / "0.png"))


def rows(*turns: list[tuple[str, str]]) -> list[dict[str, Any]]:
    return [
        {"id": f"row-{number}", "image": "0.png", "conversations": [{"from": who, "value": text} for who, text in row]}
        for number, row in enumerate(turns)
    ]


@pytest.mark.parametrize("family", ["llava", "gemma3", "paligemma"])
def test_rows_that_a_template_refuses_are_rejected_and_the_run_goes_on(
    family: str, settings: Callable[..., AdaptSettings], tmp_path: Path, data: Path
) -> None:
    asked, said = ("human", "<image>\nQuelle couleur ?"), ("gpt", "Rouge.")
    irregular = rows(
        [asked, said],
        [("gpt", "Bonjour."), asked, said],
        [asked, ("human", "Et la forme ?"), said],
        [asked, said, ("human", "Merci, et la forme ?")],
        [asked, ("gpt", "<image>")],
    )
    path = data / "irregular.json"
    path.write_text(json.dumps(irregular), encoding="utf-8")
    chosen = settings(family, data=[{"path": str(path), "language": "fr"}], max_steps=3)
    record = adapt(chosen)
    rejected = {row["id"]: row["reason"] for row in record["rejected"] if "id" in row}
    refused = {"row-1": "template", "row-2": "template"} if family != "llava" else {}
    assert {name: reason for name, reason in rejected.items() if name != "row-4"} == refused
    assert not any("Merci" in span or "Quelle" in span for span in record["stages"][0]["labels"]["spans"])
    assert record["stages"][0]["record"]["samples"] == 12


def test_a_picture_that_the_processor_refuses_rejects_its_row_and_questions_are_held(
    settings: Callable[..., AdaptSettings], data: Path
) -> None:
    Image.new("RGB", (4, 1200)).save(data / "thin.png")
    asked, said = ("human", "<image>\nQuelle couleur ?"), ("gpt", "Rouge.")
    given = rows(*[[asked, said]] * 20, *[[("gpt", "Bonjour."), asked, said]] * 10)
    for row in given[::4]:
        row["image"] = "thin.png"
    path = data / "thin.json"
    path.write_text(json.dumps(given), encoding="utf-8")
    files = [{"path": str(path), "language": "fr"}]
    record = adapt(settings("qwen2_vl", data=files, max_steps=3, alarms={"every": 2, "samples": 3}))
    thin = {row["id"] for row in given[::4]}
    assert {row["id"] for row in record["rejected"]} <= thin and len(record["rejected"]) > 3
    assert {row["reason"] for row in record["rejected"]} == {"processor"}
    assert all("smaller than 200" in row["detail"] for row in record["rejected"])
    assert len(record["stages"][0]["alarms"]["looks"]) == 3


def test_rows_of_two_files_that_share_an_id_are_rejected_apart(
    settings: Callable[..., AdaptSettings], models: Callable[[str], Path], tmp_path: Path, data: Path
) -> None:
    asked, long = ("human", "<image>\nQuelle couleur ?"), ("gpt", "Rouge. " * 200)
    for name, reply in (("short", ("gpt", "Rouge.")), ("long", long)):
        (data / f"{name}.json").write_text(json.dumps(rows([asked, reply])), encoding="utf-8")
    chosen = settings(data=[{"path": str(data / f"{name}.json"), "language": "fr"} for name in ("short", "long")])
    pool = read_pool(chosen)
    encoder = Encoder(load_pretrained(models("llava"), dtype="float32"), 200)
    found = pool.rows(chosen.stages[0], 4, chosen, encoder, lambda done, of: None)
    assert [row.id for row in found] == ["row-0"] * 4
    assert [row["reason"] for row in pool.rejected] == ["too-long"]
