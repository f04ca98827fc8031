"""Sampling, dealing, checks and repeats: reproducible, balanced, and nothing that gives an arm away."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from benchmark_files import write_spots
from passerelle.cli import main
from passerelle.errors import ConfigError
from passerelle.formats.base import Row
from passerelle.quality.assessing import FakeAssess
from passerelle.quality.base import Pair, PairedRow
from passerelle.quality.pairs import Paired
from passerelle.quality.plain_text import PlainText
from passerelle.review.findings.status import campaign_status
from passerelle.review.putting_back.reach import pair_options
from passerelle.review.store.campaign import Plan, create_campaign, find_campaign
from passerelle.review.store.database import Database
from passerelle.review.store.items import (
    Answered,
    NewItem,
    attention_checks,
    distinct,
    judge_items,
    label_items,
    left_out,
    prefilled,
    translation_items,
)
from passerelle.review.store.sampling import deal, for_audit, stratified
from passerelle.review.store.schema import StoredPicture
from review_server import HttpExpert


def items(count: int, stratum: str = "", checks: int = 0) -> list[NewItem]:
    made = [NewItem("label", f"{stratum}{n}", {"question": "?", "answer": str(n)}, {"arm": "a"}, stratum, value=n)
            for n in range(count)]  # fmt: skip
    return made + [NewItem("label", f"check{n}", {}, is_attention=True) for n in range(checks)]


def answered(count: int, arms: str = "abc") -> list[Answered]:
    return [
        Answered(f"q{n}", "?", {arm: f"{arm}{n}" for arm in arms}, None, "k", f"p{n}", f"right {n}",
                 {arm: float(10 * place) for place, arm in enumerate(arms)})
        for n in range(count)
    ]  # fmt: skip


def pairs(*texts: tuple[str, str]) -> Paired:
    rows = [
        PairedRow(Row(n, f"r{n}", (), ()), ("caption",), (Pair(source, target, cluster=str(n)),))
        for n, (source, target) in enumerate(texts, 1)
    ]
    return Paired(PlainText(), Path("x"), tuple(rows))


def test_each_stratum_has_its_share() -> None:
    pool = [*items(60, "a"), *items(30, "b"), *items(10, "c")]
    drawn = stratified(pool, 21, seed=1)
    assert Counter(item.stratum for item in drawn) in ({"a": 13, "b": 6, "c": 2}, {"a": 12, "b": 7, "c": 2})
    assert [i.name for i in drawn] == [i.name for i in stratified(list(reversed(pool)), 21, seed=1)]
    assert [i.name for i in drawn] != [i.name for i in stratified(pool, 21, seed=2)]
    assert len(stratified(pool, 1000, seed=1)) == 100 and stratified([], 5, seed=1) == []


def test_the_most_valuable_come_first_where_asked() -> None:
    drawn = stratified([*items(50, "a"), *items(50, "b")], 10, seed=1, by_value=True)
    assert [item.value for item in drawn] == [49, 49, 48, 48, 47, 47, 46, 46, 45, 45]
    (queue,) = deal(drawn, 1, 0.0, 0.0, 1, by_value=True)
    assert [place.item for place in queue] == list(range(10))


def test_dealing_overlaps_and_leaves_nothing_out() -> None:
    queues = deal(items(100, checks=4), 4, 0.3, 0.1, seed=3)
    seen = Counter(place.item for queue in queues for place in queue if place.occasion == 1)
    assert sum(seen[n] == 4 for n in range(100)) == 30
    assert sum(seen[n] == 1 for n in range(100)) == 70
    assert all(seen[n] == 4 for n in range(100, 104)), "everybody gets the checks"
    lengths = [sum(place.occasion == 1 and place.item < 100 for place in queue) for queue in queues]
    assert max(lengths) - min(lengths) <= 1
    for queue in queues:
        again = [place.item for place in queue if place.occasion == 2]
        assert len(again) == round(0.1 * lengths[0]) and len(set(again)) == len(again)
        order = [(place.item, place.occasion) for place in queue]
        assert all(order.index((n, 2)) - order.index((n, 1)) >= 3 for n in again)
    flips = [place.is_flipped for queue in queues for place in queue]
    assert 0.3 < sum(flips) / len(flips) < 0.7


def test_pairs_of_arms_are_balanced_and_equal_answers_left_out() -> None:
    rows = answered(30)
    made, same = judge_items([*rows, Answered("same", "?", {"a": "x", "b": "x", "c": "x"})], ["a", "b", "c"], 1)
    assert same == 1
    assert Counter(tuple(item.hidden["arms"]) for item in made) == {("a", "b"): 10, ("a", "c"): 10, ("b", "c"): 10}
    assert all(set(item.shown) == {"question", "answers"} for item in made)
    assert made[0].value == pytest.approx(
        1 - abs(made[0].hidden["automatic"][0] - made[0].hidden["automatic"][1]) / 100
    )
    alone, _ = judge_items(rows, ["a"], 1)
    assert len(alone[0].shown["answers"]) == 1
    assert Counter(item.hidden["arm"] for item in label_items(rows, ["a", "b"], 1)) == {"a": 15, "b": 15}
    with pytest.raises(ConfigError, match="unknown arm 'd'"):
        judge_items(rows, ["a", "d"], 1)


def test_items_are_distinct_and_come_with_question_and_rows() -> None:
    texts = [("What is it?", "Quoi ?"), ("A cat", "Un chat"), ("Is it?", "Est-ce ?"), ("No", "Non")]
    fields = ("question", "answer", "question", "answer")
    rows = [
        PairedRow(
            Row(n, f"r{n}", (), ()), ("0", "1", "2", "3"),
            tuple(Pair(*text, field=field) for text, field in zip(texts, fields, strict=True)),
        )
        for n in range(16)
    ]  # fmt: skip
    other = ("No", "Nº"), ("B", "B"), ("3", "3"), ("<image>", "<image>"), ("x y", " "), ("long", "l" * 20_001)
    rows.append(PairedRow(Row(17, "last", (), ()), tuple("abcdef"), tuple(Pair(*text) for text in other)))
    paired = Paired(PlainText(), Path("x"), tuple(rows))
    made = translation_items(paired)
    seen = [(item.shown["source"], item.shown["translation"]) for item in made]
    assert seen == [*texts, ("No", "Nº")] and [item.name for item in made[:4]] == ["r0#0", "r0#1", "r0#2", "r0#3"]
    assert [item.shown.get("about", {}).get("source") for item in made] == [None, "What is it?", None, "Is it?", None]
    assert [item.shown.get("rows") for item in made] == [16, 16, 16, 17, 17]
    assert left_out(paired) == {"said-again": 60, "nothing-to-translate": 3, "untranslated": 1, "too-long": 1}
    again = [Answered(f"q{n}", "?", {"a": "Oui", "b": "Non"} if n % 2 else {"a": "Non", "b": "Oui"}) for n in range(9)]
    for items, count in ((judge_items(again, ["a", "b"], 1)[0], 1), (label_items(again, ["a"], 1), 2)):
        assert len(distinct(items)) == count
    assert len(distinct(label_items([*again, Answered("p", "?", {"a": "Oui"}, Path("p.png"))], ["a"], 1))) == 3


def test_checks_are_known_and_different() -> None:
    rows = answered(20)
    judged, _ = judge_items(rows, ["a", "b"], 1)
    for check in attention_checks(judged, rows, 5, 1):
        right, wrong = check.shown["answers"]
        assert right == f"right {check.name.removeprefix('check/q')}" and wrong != right
        assert check.hidden == {"expected": {"verdict": 0}}
    translated = translation_items(pairs(*((f"source {n}", f"mot{n} chose{n}") for n in range(10))))
    checks = attention_checks(translated, [], 3, 1)
    assert len(checks) == 3
    own = {item.name: item.shown["translation"] for item in translated}
    assert all(check.shown["translation"] != own[check.name.removeprefix("check/")] for check in checks)
    assert attention_checks(translated, [], 0, 1) == [] and attention_checks([], [], 5, 1) == []


def test_what_is_doubtful_and_frequent_is_worth_most() -> None:
    assess = FakeAssess({"sure": 0.99, "doubtful": 0.5})
    made = translation_items(
        pairs(("ant", "sure"), ("bee", "doubtful"), ("cow", "doubtful"), ("cow", "doubtful")), assess
    )
    assert [round(item.value, 2) for item in made] == [0.04, 1.0, 2.0]


def test_for_an_audit_what_helps_is_drawn_with_its_chance() -> None:
    texts = [("cow", "doubtful"), *[(f"ant {n}", "sure") for n in range(100)], *[("bee", "often")] * 80, ("x", "right")]
    assess = FakeAssess({"sure": 0.99, "doubtful": 0.5, "often": 0.6, "right": 1.0})
    made = translation_items(pairs(*texts), assess)
    drawn = for_audit(made, 30, 1)
    chance = {item.shown["translation"]: item.hidden["chance"] for item in drawn}
    assert len(drawn) == 30 and chance["often"] == 1 and chance["sure"] < 0.3 and "right" not in chance
    assert [item.name for item in drawn] == [item.name for item in for_audit(made, 30, 1)]
    doubtful = [item for seed in range(20) for item in for_audit(made, 30, seed) if item.shown["source"] == "cow"]
    assert len(doubtful) > 10 and {item.hidden["chance"] > 0.5 for item in doubtful} == {True}


def test_prefilled_spans_are_the_words_that_checks_name() -> None:
    paired = pairs(("A zyzzyva", "Un zyzzyva"))

    class Naming(FakeAssess):
        def _one(self, pair: Pair) -> Any:
            from passerelle.quality.assessing import Assessment
            from passerelle.quality.base import Finding

            return Assessment(0.3, {"unknown": Finding(0.5, "the engine doesn't know 'zyzzyva'", "unknown-word")})

    (item,) = prefilled(translation_items(paired), paired, Naming())
    assert item.shown["spans"] == [{"start": 3, "end": 10, "severity": "minor", "category": "unknown-word"}]


def test_status_says_who_failed_checks_and_who_stands_apart(tmp_path: Path, serving: Any) -> None:
    where = str(tmp_path / "review.sqlite")
    rows = answered(12, "ab")
    judged, _ = judge_items(rows, ["a", "b"], 1)
    tasks = [[*judged, *attention_checks(judged, rows, 2, 1)]]
    with Database(where) as database:
        plan = Plan("c", ("Ann", "Bob", "Cy", "Dot"), "en", "fr", overlap=1.0, repeats=0.2)
        tokens = create_campaign(database, plan, tasks, {})
        server = serving(where)
        for name in plan.experts:
            expert = HttpExpert(server.url, tokens[name])
            while (item := expert.current()) is not None:
                left = item["page"].index(">Answer 1 <")
                # Arm a is better on even questions; references are better than others. Dot says the contrary.
                text = item["page"][left : item["page"].index(">Answer 2 <")]
                number = int("".join(c for c in text.split('lang="fr">')[1].split("<")[0] if c.isdigit()))
                wants_a = number % 2 == 0
                is_a = f">a{number}<" in text
                verdict = "left" if (wants_a == is_a) != (name == "Dot") else "right"
                assert expert.save(item["key"], {"verdict": verdict}, item["version"]).status_code == 200
        with database.read() as session:
            found = campaign_status(session, find_campaign(session, "c"))
    by_name = {one.name: one for one in found.experts}
    assert all(one.done == one.total == 12 + 2 + 2 for one in found.experts)
    assert all(one.self_agreement == 100 for one in found.experts), "sides changed, what was meant didn't"
    assert [one.name for one in found.experts if one.is_apart] == ["Dot"]
    assert by_name["Dot"].with_others["judge"] < -0.5
    assert all(one.checks == 2 for one in found.experts)
    (agreement,) = found.agreement
    assert agreement.units == 12 and agreement.percent == pytest.approx(50) and 0 <= agreement.alpha < 0.2
    (rate,) = found.rates
    assert rate.rate.value == pytest.approx(50) and rate.wins + rate.losses == 48
    # Half of the questions go against the automatic score, which always prefers b; three of four experts do so.
    assert {one.experts for one in found.contrary} == {"a"} and len(found.contrary) == 6
    assert found.as_dict()["correlation"] is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--tasks", "judge"], "the task 'judge' needs --run or --answers."),
        (["--tasks", "jugde"], "unknown task 'jugde'. Did you mean 'judge'?"),
        ([], "say what is reviewed"),
        (["--overlap", "130%"], "no share"),
        (["--data", "none.json"], "give the translation of the data too"),
        (["--interface", "xx", "--answers", "none.jsonl"], "unknown language of the page 'xx'"),
        (["--answers", "none.jsonl"], "can't read 'none.jsonl'"),
        (["--run", "nowhere"], "no folder 'nowhere': give the folder of a run"),
        (["--experts", "Ann,Ann", "--answers", "ANSWERS"], "each expert needs a name of their own"),
        (["--for-audit", "30", "--tasks", "judge"], "with --for-audit give no other tasks"),
        (["--for-audit", "30", "--order", "value"], "leave --order value out"),
        (["--arms", "a,x", "--answers", "ANSWERS"], "unknown arm 'x'"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, options: list[str], said: str) -> None:
    answers = tmp_path / "answers.jsonl"
    answers.write_text('{"id": "1", "question": "?", "answers": {"a": "x", "b": "y"}}\n', encoding="utf-8")
    given = [str(answers) if option == "ANSWERS" else option for option in options]
    result = CliRunner().invoke(main, ["review", "create", "c", "--db", str(tmp_path / "c.sqlite"), *given])
    assert result.exit_code == 2
    assert said in result.output and "Traceback" not in result.output


def test_pictures_elsewhere_are_shown_where_it_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "here").mkdir()
    picture = write_spots(tmp_path / "far" / "a.png", 1)
    for name, caption in (("en", "A dog near a red house."), ("fr", "Un chien près d'une maison rouge.")):
        row = {"id": "1", "image": str(picture), "caption": caption}
        (tmp_path / "here" / f"{name}.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    files = ["--data", str(tmp_path / "here" / "en.jsonl"), "--translated", str(tmp_path / "here" / "fr.jsonl")]
    fields = ["--fields", "caption", "--image-fields", "image", "--images", str(tmp_path / "here")]
    given = ["review", "create", "c", "--db", str(tmp_path / "c.sqlite"), *files, *fields]
    refused = CliRunner().invoke(main, given)
    assert refused.exit_code == 2 and "lies outside of" in refused.output
    assert CliRunner().invoke(main, [*given, "--images-anywhere"]).exit_code == 0
    with Database(str(tmp_path / "c.sqlite")) as database, database.read() as session:
        campaign = find_campaign(session, "c")
        assert pair_options(campaign.settings).images_anywhere
        assert session.query(StoredPicture).count() == 1


def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from passerelle.commands import review

    monkeypatch.setattr(review, "NEEDED", ("sqlalchemy", "no_such_package"))
    result = CliRunner().invoke(main, ["review", "status"])
    assert result.exit_code == 2
    assert (
        "reviewing needs no_such_package: passerelle setup review, or pip install 'passerelle[review]'" in result.output
    )


def test_the_page_speaks_every_language_in_full() -> None:
    from passerelle.quality.base import ERROR_CLASSES
    from passerelle.review.store.texts import interfaces, texts

    def keys(table: dict[str, Any], above: str = "") -> set[str]:
        return {
            key
            for name, value in table.items()
            for key in (keys(value, f"{above}{name}.") if isinstance(value, dict) else {above + name})
        }

    assert interfaces() == ("fr", "en")
    assert keys(texts("fr")) == keys(texts("en"))
    assert set(texts("fr")["categories"]) == set(ERROR_CLASSES)


def test_no_database_no_campaign(tmp_path: Path) -> None:
    for command in ("status", "serve", "export"):
        result = CliRunner().invoke(main, ["review", command, "--db", str(tmp_path / "none.sqlite")])
        assert result.exit_code == 2 and "no review database at" in result.output
    (tmp_path / "text.sqlite").write_text("this is a text, long enough to be no database" * 40)
    with contextlib.closing(sqlite3.connect(tmp_path / "other.sqlite")) as other:
        other.execute("CREATE TABLE theirs (x)")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for name in ("text.sqlite", "other.sqlite"):
        result = CliRunner().invoke(main, ["review", "status", "--db", str(tmp_path / name)])
        assert result.exit_code == 2 and "is no review database" in result.output
        assert (tmp_path / name).read_bytes() == before[tmp_path / name], "looking changed it"
    result = CliRunner().invoke(main, ["review", "status", "--db", "mysql://x/y"])
    assert result.exit_code == 2 and "no database of the kind 'mysql'" in result.output
    result = CliRunner().invoke(main, ["review", "status", "--db", "postgresql://x@127.0.0.1:1/y"])
    assert result.exit_code == 1 and "can't be used" in result.output
