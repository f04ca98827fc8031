"""What must not change in a correction: cut out for the page, looked for in what is saved and in what is put back."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image
from sqlalchemy import select

from passerelle.cli import main
from passerelle.review.putting_back.retranslate import retranslate
from passerelle.review.store.campaign import Plan, create_campaign
from passerelle.review.store.database import Database
from passerelle.review.store.items import NewItem
from passerelle.review.store.parts import Piece, broken, fitted, fixed_spans, frame, has_parts_of, pieces
from passerelle.review.store.schema import Assignment, Item
from passerelle.translation.dataset.job import Job
from passerelle.translation.memory.memory import TranslationMemory
from review_server import HttpExpert, passerelle

ASKED, BAD, GOOD = "<image>\nDescribe this picture.", "<image>\nIl décrit ce tableau.", "<image>\nDécrivez cette image."
OPTIONS = "What is it?\nA. a cat\nB. a dog"


def test_a_text_is_cut_into_what_people_write_and_what_stays() -> None:
    assert pieces(ASKED) == [("<image>", "fixed"), ("\n", "break"), ("Describe this picture.", "text")]
    assert pieces(OPTIONS)[1:4] == [("\n", "break"), ("A.", "fixed"), (" a cat", "text")]
    box = "Is 3 in <box>[1, 2]</box> or {name}?"
    assert pieces(box) == [
        ("Is 3 in ", "text"), ("<box>[1, 2]</box>", "word"), (" or ", "text"), ("{name}", "word"), ("?", "text")
    ]  # fmt: skip
    for text in (ASKED, OPTIONS, box, "", "plain", "3", "🐈 `x`\t|"):
        assert "".join(piece.text for piece in pieces(text)) == text
    assert fixed_spans("🐈 <image>é") == [(2, 9)]


def test_a_correction_is_written_among_the_translations_parts_or_else_the_sources() -> None:
    assert frame(ASKED, BAD) == pieces(BAD)
    assert frame(ASKED, "Il décrit ce tableau.") == [("<image>", "fixed"), ("\n", "break"), ("", "text")]
    assert frame("a {x}", "{x} b") == [Piece("{x}", "word"), Piece(" b", "text")]


@pytest.mark.parametrize(
    ("source", "written", "code", "part"),
    [
        (ASKED, "Décrivez cette image.", "lost-placeholder", "<image>"),
        (ASKED, "<image> Décrivez cette image.", "line-breaks", ""),
        (ASKED, "Décrivez\n<image> cette image.", "moved-part", ""),
        (OPTIONS, "Qu'est-ce ?\nA. un chat\nun chien", "lost-placeholder", "B."),
        ("The answer is B.", "La réponse est C.", "lost-placeholder", "B"),
        ("See https://example.org now", "Voyez https://example.com", "lost-placeholder", "https://example.org"),
        ("Hello {name}", "Bonjour", "lost-placeholder", "{name}"),
        ("It has 3 legs", "Il a des pattes", "lost-placeholder", "3"),
        ("A red car. It is fast.", "Une voiture rouge", "sentence-count", ""),
        ("B", "C", "lost-placeholder", "B"),
        ("A cat", "Un chat <image>", "added-part", "<image>"),
        ("A cat __1__", "Un chat __2__", "leftover-placeholder", "__2__"),
    ],
)
def test_what_a_correction_may_not_lose(source: str, written: str, code: str, part: str) -> None:
    found = broken(source, written, "en")
    assert found is not None and (found.code, found.part) == (code, part)


def test_a_number_may_take_another_unit() -> None:
    assert broken("It leaves at 3 pm.", "Il part à 3 h.", "en") is None
    for text in ("Il part à 4 h.", "Il part à 15 h.", "Il part.", "Il part à 3 h, https://example.org/3."):
        assert broken("It leaves at 3 pm.", text, "en") is not None


def test_blanks_at_the_ends_are_the_sources() -> None:
    assert fitted("  A cat\n", "Un chat ") == "  Un chat\n"
    assert broken("  A cat\n", "Un chat", "en") is None
    assert fitted(" ", "x") == "x"


def translation(name: str, source: str, machine: str) -> NewItem:
    return NewItem("translation", name, {"source": source, "translation": machine}, {"row": name, "place": "text"})


def test_a_correction_that_lost_a_part_is_kept_but_not_finished(tmp_path: Path) -> None:
    items = [translation("1", ASKED, BAD)]
    with Database(tmp_path / "review.sqlite") as database:
        tokens = create_campaign(database, Plan("c", ("Ann",), "fr", "fr"), [items], {})
        ann = HttpExpert(database, tokens["Ann"])
        item = ann.current()
        assert item is not None
        without = {"score": 20, "correction": "Décrivez cette image."}
        answer = ann.save(item["key"], without)
        assert answer.status_code == 422 and answer.json()["missing"]
        assert answer.json()["error"] == "Dans votre traduction, il manque : <image>"
        assert ann.save(item["key"], without, finish=False).status_code == 200, "what isn't finished is saved"
        assert ann.save(item["key"], {**without, "skipped": True}, 1).status_code == 200
        assert ann.save(item["key"], {"score": 100, "correction": BAD}, 2).status_code == 200, "it says the same"
        assert ann.save(item["key"], {"score": 20, "correction": GOOD}, 3).status_code == 200


@pytest.fixture
def many_rows(tmp_path: Path) -> dict[str, Any]:
    """63 rows with one question and a caption each, translated badly; a campaign of them, in which nobody worked."""
    rows: dict[str, list[dict[str, str]]] = {"en": [], "fr": []}
    for number in range(63):
        rows["en"].append({"id": "twice" if number < 2 else f"r{number}", "q": ASKED, "c": f"A cat, {number}"})
        rows["fr"].append({**rows["en"][-1], "q": BAD if number else GOOD, "c": f"Un chat, {number}"})
    for name, lines in rows.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    where = str(tmp_path / "review.sqlite")
    data = ["--data", str(tmp_path / "en.jsonl"), "--translated", str(tmp_path / "fr.jsonl"), "--fields", "q,c"]
    options = ["--experts", "Ann,Bob", "--attention", "0", "--repeats", "0", "--overlap", "1", "--items", "500"]
    made = passerelle("review", "create", "c", "--db", where, *data, *options)
    TranslationMemory(tmp_path / "tm.sqlite").close()
    apply = ["review", "apply", "--db", where, "--memory", str(tmp_path / "tm.sqlite"), "--engine", "memory"]
    return {"made": made, "where": where, "apply": [*apply, "--out", str(tmp_path / "out")]}


def finish(where: str, source: str, corrections: dict[str, str]) -> None:
    """Write corrections of a text into the database as an older page would have: nobody looked at them."""
    with Database(where) as database, database.write() as session:
        query = select(Assignment, Item).join(Item, Item.id == Assignment.item_id).order_by(Assignment.id)
        for assignment, item in session.execute(query):
            if item.shown["source"] == source and item.shown["translation"] == BAD and corrections:
                expert = next(iter(corrections))
                assignment.content, assignment.is_done = {"score": 10, "correction": corrections.pop(expert)}, True


def test_one_correction_reaches_all_rows_that_hold_the_text(many_rows: dict[str, Any], tmp_path: Path) -> None:
    assert many_rows["made"]["items"]["translation"] == 65, "the question once for each translation, each caption once"
    assert many_rows["made"]["left_out"] == {"said-again, translation": 61}
    empty = CliRunner().invoke(main, [*many_rows["apply"], "--dry-run"])
    assert empty.stdout == "no text goes into any row: nothing was corrected\n"
    finish(many_rows["where"], ASKED, {"Ann": GOOD})
    listed = CliRunner().invoke(main, [*many_rows["apply"], "--dry-run"])
    assert listed.exit_code == 0
    assert "62 rows (twice, r2, r3, r4, r5, …): '<image>\\nDescribe this picture.'" in listed.stdout
    assert not (tmp_path / "out").exists()
    with TranslationMemory(tmp_path / "tm.sqlite") as memory:
        assert list(memory.entries()) == [], "a list writes nothing"

    done = passerelle(*many_rows["apply"])
    after = [json.loads(line) for line in (tmp_path / "out" / "fr.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {row["q"] for row in after} == {GOOD}
    assert [row["c"] for row in after] == [f"Un chat, {number}" for number in range(63)], "nothing else changes"
    assert done["rows"] == {"all": 63, "touched": 63, "changed": 62, "refused": 0}
    said = [json.loads(line) for line in (tmp_path / "out" / "corrections.jsonl").read_text("utf-8").splitlines()]
    assert sorted(len(one["rows"]) for one in said) == [1, 62]


def test_a_correction_that_lost_a_part_goes_nowhere(many_rows: dict[str, Any], tmp_path: Path) -> None:
    finish(many_rows["where"], ASKED, {"Ann": "Décrivez cette image."})
    done = passerelle(*many_rows["apply"])
    assert done["corrections"] == 0 and "rows" not in done
    assert [(one["reason"], one["text"]) for one in done["left_out"]] == [("lost-placeholder", "Décrivez cette image.")]
    # Another expert's that kept it stands, whoever was first.
    finish(many_rows["where"], ASKED, {"Ann": "Décrivez cette image.", "Bob": GOOD})
    done = passerelle(*many_rows["apply"])
    assert done["corrections"] == 1 and done["rows"]["changed"] == 62 and len(done["left_out"]) == 1


def test_a_caption_of_ones_own_may_say_other_things_but_keeps_the_parts() -> None:
    assert has_parts_of("A cat, 3 of 4", "Un chat qui dort. Il est roux.")
    assert has_parts_of("<image> A cat", "<image> Un chat") and not has_parts_of("<image> A cat", "Un chat")
    assert not has_parts_of("A cat", "Un chat\nroux") and has_parts_of("A cat\n", "Un chat")


def test_a_correction_finds_its_row_where_another_has_no_translation(tmp_path: Path) -> None:
    texts = {"en": {"a": "A cat", "b": "A dog", "c": "A cow"}, "fr": {"a": "Un chat", "c": "Un cow"}}
    for name, rows in texts.items():
        lines = "".join(json.dumps({"id": key, "t": text}) + "\n" for key, text in rows.items())
        (tmp_path / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    job = Job(
        tmp_path / "en.jsonl", tmp_path / "out.jsonl", "fr", tmp_path / "tm.sqlite", engine="memory", fields=("t",)
    )
    TranslationMemory(tmp_path / "tm.sqlite").close()
    found = retranslate(job, tmp_path / "fr.jsonl", {"A cow": "Une vache", "A dog": "Un chien"})
    written = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert written == [{"id": "a", "t": "Un chat"}, {"id": "c", "t": "Une vache"}]
    assert (found.rows, found.touched, found.changed) == (2, 1, 1)


def test_options_that_would_become_the_same_stay(tmp_path: Path) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (1, 1)).save(picture, "PNG")
    image = base64.b64encode(picture.getvalue()).decode()

    def table(name: str, *rows: tuple[str, ...]) -> None:
        head = ("index", "question", "A", "B", "answer", "image")
        text = "".join("\t".join(cells) + "\n" for cells in (head, *((*row, image) for row in rows)))
        (tmp_path / name).write_text(text, encoding="utf-8")

    table("en.tsv", ("1", "Which?", "a cat", "a kitten", "A"), ("2", "Which?", "a cat", "a dog", "B"))
    table("fr.tsv", ("1", "Quoi ?", "un chat", "un chaton", "A"), ("2", "Quoi ?", "un chat", "un chien", "B"))
    with TranslationMemory(tmp_path / "tm.sqlite") as memory:
        memory.store([("Which?", "Lequel ?")], "en", "fr", "x", "human-translation")
        memory.store([("a dog", "un chien"), ("a cat", "un chaton")], "en", "fr", "x", "human-translation")
    job = Job(
        tmp_path / "en.tsv", tmp_path / "out.tsv", "fr", tmp_path / "tm.sqlite", engine="memory", format="mmbench"
    )
    found = retranslate(job, tmp_path / "fr.tsv", {"a cat": "un chaton"})
    after = (tmp_path / "out.tsv").read_text(encoding="utf-8").splitlines()
    assert "un chat\tun chaton" in after[1] and "un chaton\tun chien" in after[2]
    assert (found.touched, found.changed, found.refused) == (2, 1, 1)
