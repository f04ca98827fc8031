"""What files become on an expert's page, value by value, and where a review database may lie."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select, text

from passerelle.errors import ConfigError, InputError
from passerelle.formats.base import Row
from passerelle.quality.base import Pair, PairedRow
from passerelle.quality.pairs import Paired
from passerelle.quality.plain_text import PlainText
from passerelle.review.store.database import Database, _parse, without_password
from passerelle.review.store.items import (
    Answered,
    NewItem,
    attention_checks,
    distinct,
    judge_items,
    label_items,
    read_answers,
    translation_items,
    write_items,
)
from passerelle.review.store.pictures import store_picture
from passerelle.review.store.sampling import Place, deal, stratified
from passerelle.review.store.schema import Campaign, StoredPicture
from passerelle.review.store.texts import best_interface, texts

FULL = {
    "id": 7, "question": "Quoi ?", "answers": {"a": "Un chat", "b": 2}, "picture": "p/cat.png", "stratum": "animal",
    "reference": "Un chat noir", "automatic": {"a": "50", "b": 20}, "cluster": "c",
}  # fmt: skip


def written(folder: Path, *rows: Any) -> Path:
    path = folder / "answers.jsonl"
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8"
    )
    return path


def test_answers_are_read_whole(tmp_path: Path) -> None:
    bare = {"id": "bare", "question": "?", "answers": {"a": "x"}}
    pictured = {**bare, "id": "pictured", "picture": "cat.png"}
    assert read_answers(written(tmp_path, FULL, bare, pictured)) == [
        Answered("7", "Quoi ?", {"a": "Un chat", "b": "2"}, tmp_path / "p" / "cat.png", "animal", "c", "Un chat noir",
                 {"a": 50.0, "b": 20.0}),
        Answered("bare", "?", {"a": "x"}, None, "", "bare", "", {}),
        Answered("pictured", "?", {"a": "x"}, tmp_path / "cat.png", "", "cat.png", "", {}),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"id": "1", "question": "?"}, r"answers\.jsonl, line 2: a row needs .*KeyError\('answers'\)"),
        ({**FULL, "answers": ["x"]}, "line 2: a row needs .*AttributeError"),
        ({**FULL, "automatic": {"a": "much"}}, "line 2: a row needs .*ValueError"),
        ({**FULL, "automatic": {"a": None}}, "line 2: a row needs .*TypeError"),
        ({**FULL, "picture": "../cat.png"}, r"line 2: the picture '\.\./cat\.png' lies outside of"),
        ("{broken", r"^answers\.jsonl, line 2: (?!.*line 2).+\.$"),
        ({"id": "first", "question": "?", "answers": {"a": "x"}}, r"answers\.jsonl: the id 'first' is there twice"),
    ],
)
def test_answers_that_arent_are_told_with_their_line(tmp_path: Path, row: Any, said: str) -> None:
    path = written(tmp_path, {"id": "first", "question": "?", "answers": {"a": "x"}}, row)
    with pytest.raises(InputError, match=said):
        read_answers(path)


def answered(*rows: tuple[str, str, str, str], stratum: str = "s") -> list[Answered]:
    """Questions by (id, answer of a, answer of b, reference), each about a picture of its own."""
    return [
        Answered(
            name,
            f"{name}?",
            {"a": a, "b": b},
            Path(f"{name}.png"),
            stratum,
            f"p{name}",
            reference,
            {"a": 60.0, "b": 20.0},
        )
        for name, a, b, reference in rows
    ]


def test_items_hold_what_is_seen_and_what_is_hidden() -> None:
    row = answered(("1", "x", "y", "z"))
    hidden = {"arms": ["a", "b"], "automatic": [60.0, 20.0], "question": "1"}
    seen = {"question": "1?", "answers": ["x", "y"]}
    assert judge_items(row, ["a", "b"], 1) == ([NewItem("judge", "1", seen, hidden, "s", "p1", Path("1.png"), 0.6)], 0)
    alone = {"arms": ["b"], "automatic": [20.0], "question": "1"}
    assert judge_items(row, ["b"], 1)[0] == [
        NewItem("judge", "1", {"question": "1?", "answers": ["y"]}, alone, "s", "p1", Path("1.png"), 1.0)
    ]
    label = {"arm": "a", "automatic": 60.0, "question": "1"}
    assert label_items(row, ["a"], 1) == [
        NewItem("label", "1", {"question": "1?", "answer": "x"}, label, "s", "p1", Path("1.png"), 1.0)
    ]
    (unscored,), _ = judge_items([Answered("1", "?", {"a": "x", "b": "y"}, automatic={"a": 1.0})], ["a", "b"], 1)
    assert (unscored.value, unscored.hidden["automatic"]) == (1.0, [1.0, None])
    assert judge_items([Answered("1", "?", {"a": "x"})], ["a"], 1)[1] == 0
    partly = [*row, Answered("2", "?", {"b": "x"}), *answered(("3", "x", "y", ""))]
    assert [item.name for item in judge_items(partly, ["a", "b"], 1)[0]] == ["1", "3"], "an arm that said nothing"
    assert [item.name for item in label_items(partly, ["a"], 1)] == ["1", "3"]
    doubled = [*label_items(row, ["a"], 1), *label_items(row, ["a"], 2)]
    assert distinct(doubled) == doubled[:1]


def test_checks_of_labels_are_the_reference_or_anothers() -> None:
    rows = answered(*((str(n), f"a{n}", f"b{n}", f"right {n % 7}") for n in range(20)), stratum="s")
    rows += answered(("t", "a", "b", "right t"), stratum="alone") + answered(("blank", "a", "b", " "))
    rows.append(Answered("same", "?", {"a": "x", "b": "y"}, None, "s", "p0", "right 0"))
    items = label_items(rows, ["a"], 1)
    checks = attention_checks(items, rows, 100, 1)
    by_name = {f"check/{row.id}": row for row in rows}
    assert len(checks) > 9 and attention_checks(items, rows, 3, 1) == checks[:3]
    assert attention_checks(items, rows, 100, 2) != checks == attention_checks(items, rows, 100, 1)
    said = set()
    for check in checks:
        row, label = by_name[check.name], check.hidden["expected"]["label"]
        assert check.hidden == {"expected": {"label": label}} and check.shown.keys() == {"question", "answer"}
        assert check.shown["question"] == row.question and check.is_attention and check.value == 0.0
        assert (check.shown["answer"] == row.reference) == (label == "right")
        assert row.stratum == "s" and row.reference.strip() and check.shown["answer"].strip()
        said.add(label)
    assert said == {"right", "wrong"}
    assert attention_checks(items[:2], rows, 100, 1) and len(attention_checks(items[:2], rows, 100, 1)) <= 2
    judged, _ = judge_items(rows, ["a", "b"], 1)
    both = attention_checks(judged, rows, 100, 1)
    assert both and all(check.shown["answers"][0] != check.shown["answers"][1] for check in both)
    assert attention_checks(judge_items(rows, ["a"], 1)[0], rows, 100, 1) == [], "one answer alone is no better"


def paired(*rows: tuple[Pair, ...]) -> Paired:
    made = [PairedRow(Row(n, f"r{n}", (), ()), ("f0", "f1")[: len(row)], row) for n, row in enumerate(rows)]
    return Paired(PlainText(), Path("x"), tuple(made))


def test_checks_of_translations_are_those_of_other_pictures() -> None:
    rows = paired(*((Pair(f"source {n}", f"mot{n} chose{n} un", cluster=f"c{n // 2}"),) for n in range(12)))
    items = translation_items(rows)
    own = {f"check/{item.name}": item for item in items}
    checks = attention_checks(items, [], 100, 1)
    assert checks and all(check.hidden == {"expected": {"score_below": 50}} for check in checks)
    for check in checks:
        item = own[check.name]
        (other,) = (each for each in items if each.shown["translation"] == check.shown["translation"])
        assert other.cluster != item.cluster and check.shown["source"] == item.shown["source"]
    near = paired(*((Pair(f"source {n}", f"un chat {n}", cluster=f"c{n}"),) for n in range(6)))
    assert attention_checks(translation_items(near), [], 100, 1) == [], "what is near may be right"


def test_translations_and_pictures_to_write_about() -> None:
    cat, dog = Path("cat.png"), Path("dog.png")
    question = Pair("What is it?", "Quoi ?", field="question", category="k", cluster="c", picture=cat)
    caption = Pair("A cat", "Un chat", field="caption", category="k", cluster="c", picture=cat)
    rows = paired(
        (question, caption), (caption,), (Pair("A dog", "Un chien", field="answer", picture=dog),), (Pair("x y", "z"),)
    )
    first, second, *_ = translation_items(rows)
    hidden = {"row": "r0", "place": "f0", "field": "question", "probability": None, "pairs": 1}
    assert first == NewItem(
        "translation", "r0#f0", {"source": "What is it?", "translation": "Quoi ?"}, hidden, "question/k", "c", cat
    )
    about = {"source": "What is it?", "translation": "Quoi ?"}
    assert second.shown == {"source": "A cat", "translation": "Un chat", "about": about, "rows": 2}
    assert second.hidden["pairs"] == 2
    hidden = {"row": "r0", "place": "f1", "field": "caption", "source": "A cat"}
    made = write_items(rows)
    assert made == [
        NewItem("write", "r0#f1", {}, hidden, "k", "c", cat),
        NewItem("write", "r2#f0", {}, {"row": "r2", "place": "f0", "field": "answer", "source": "A dog"},
                rows.rows[2].pairs[0].category, rows.rows[2].pairs[0].cluster, dog),
    ]  # fmt: skip


DRAWN = ["5", "8", "4", "0", "1"]
DEALT = [
    [
        (7, 1, True),
        (8, 1, True),
        (6, 1, True),
        (4, 1, False),
        (3, 1, False),
        (0, 1, False),
        (1, 1, False),
        (9, 1, True),
        (7, 2, False),
        (8, 2, False),
    ],
    [
        (8, 1, False),
        (9, 1, True),
        (2, 1, False),
        (3, 1, False),
        (1, 1, False),
        (2, 2, False),
        (7, 1, True),
        (5, 1, False),
        (3, 2, True),
    ],
]


def test_draws_are_those_that_campaigns_were_made_by() -> None:
    """The same seed gives the same queue in every version: who makes a campaign again compares it with the first."""
    pool = [NewItem("label", f"{n}", {}, {}, "ab"[n % 2], value=n) for n in range(9)]
    assert [item.name for item in stratified(pool, 5, 1)] == DRAWN
    queues = deal([*pool, NewItem("label", "check", {}, is_attention=True)], 2, 0.4, 0.3, 1)
    assert [[(each.item, each.occasion, each.is_flipped) for each in queue] for queue in queues] == DEALT
    assert deal([], 2, 0.4, 0.3, 1) == [[], []] and stratified([], 3, 1) == []
    assert deal(pool[:1], 1, 1.0, 1.0, 1)[0][1:] == [Place(0, 2, deal(pool[:1], 1, 1.0, 1.0, 1)[0][1].is_flipped)]
    for seed in range(30):
        (queue,) = deal([*pool, NewItem("label", "check", {}, is_attention=True)], 1, 1.0, 0.3, seed)
        assert queue[0].item != 9, "a check is never the first"
        places = [(each.item, each.occasion) for each in queue if each.item != 9]
        assert all(places.index((item, 2)) - places.index((item, 1)) >= 1 for item, occasion in places if occasion == 2)
        assert all(number >= 5 for number, (_, occasion) in enumerate(places) if occasion == 2)


@pytest.mark.parametrize(
    ("where", "url", "path"),
    [
        ("a/b.sqlite", "sqlite:///a/b.sqlite", Path("a/b.sqlite")),
        ("sqlite:///a.sqlite", "sqlite:///a.sqlite", Path("a.sqlite")),
        ("sqlite://", "sqlite://", Path("review.sqlite")),
        ("postgresql://me:a%40b@h:5/r", "postgresql+psycopg://me:a%40b@h:5/r", None),
        ("postgresql+psycopg://me@h/r?options=a@b@c", "postgresql+psycopg://me@h/r?options=a%40b%40c", None),
    ],
)
def test_where_a_database_may_lie(where: str, url: str, path: Path | None) -> None:
    assert _parse(where) == (url, path)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("postgresql://me:a@b@h/r", "write @ in its password as %40"),
        ("postgresql://me@h:port/r", r"write postgresql://user@host/name\.$"),
        ("mysql://h/r", "no database of the kind 'mysql'"),
    ],
)
def test_where_it_may_not(where: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        _parse(where)


@pytest.mark.parametrize(
    ("where", "printed"),
    [
        ("a.sqlite", "a.sqlite"),
        ("postgresql://me:s3cret@h/r", "postgresql://me:***@h/r"),
        ("postgresql://me@h/r?sslPassword=s3cret&x=1", "postgresql://me@h/r?sslPassword=%2A%2A%2A&x=1"),
        ("postgresql://me@h:port/r", "the database's URL"),
    ],
)
def test_a_database_is_printed_without_its_password(where: str, printed: str) -> None:
    assert without_password(where) == printed


def test_a_database_is_safe_and_other_files_stay(tmp_path: Path) -> None:
    with Database(tmp_path / "new" / "review.sqlite") as database, database.read() as session:
        found = {
            name: session.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    (tmp_path / "text").write_text("Not a database at all, but long enough to be one." * 9)
    with pytest.raises(InputError, match="is no review database, or is damaged.*It stays as it is"):
        Database(tmp_path / "text")
    with pytest.raises(InputError, match="review create` makes one"):
        Database(tmp_path / "none.sqlite", must_exist=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "text"]


def test_a_picture_is_kept_once_a_campaign(tmp_path: Path) -> None:
    Image.effect_noise((1500, 300), 90).convert("RGB").save(tmp_path / "noise.png")
    with Database(tmp_path / "review.sqlite") as database, database.write() as session:
        session.add_all([Campaign(name=name, settings={}) for name in "ab"])
        session.flush()
        numbers = [store_picture(session, campaign, tmp_path / "noise.png") for campaign in (1, 1, 2)]
        kept = session.scalars(select(StoredPicture)).all()
        assert numbers[0] == numbers[1] != numbers[2] and [one.campaign_id for one in kept] == [1, 2]
        assert len({one.key for one in kept}) == 2 and {(one.width, one.height) for one in kept} == {(1024, 205)}
        shown = Image.open(io.BytesIO(kept[0].jpeg))
        assert (shown.format, shown.size, shown.mode) == ("JPEG", (1024, 205), "RGB")
        assert shown.quantization[0][0] == 4, "quality 88"  # type: ignore[attr-defined]


def test_the_language_of_a_page() -> None:
    assert [best_interface(accepted) for accepted in ("fr-CA, en;q=0.5", "xx;q=1,EN-us;q=0.3", "", "xx")] == [
        "fr", "en", "en", "en",
    ]  # fmt: skip
    assert texts("xx") == texts("en") != texts("fr")
