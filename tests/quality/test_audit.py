"""The audit's shares are means with intervals; its page shows every text as a text."""

from __future__ import annotations

import io
import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from accessibility import findings
from passerelle.cli import main
from passerelle.errors import InputError
from passerelle.quality.assessing import Assessment, FakeAssess
from passerelle.quality.audit import Audit, audit
from passerelle.quality.base import ERROR_CLASSES, Finding, Pair
from passerelle.quality.estimate import calibrated
from passerelle.quality.estimate.labels import read_labels
from passerelle.quality.kinds import kind_of, kinds
from passerelle.quality.unsaid import Unsaid
from passerelle.report.audited.page import audit_text, render_audit, write_audit_page

HOSTILE = "<script>document.title='broken'</script>"


def pairs(count: int = 20) -> list[Pair]:
    return [
        Pair("text", "un *mot" if n % 2 else "bon", field="caption" if n < 10 else "answer", cluster=f"{n // 2}.png")
        for n in range(count)
    ]


def test_the_share_is_the_mean_of_what_is_missing_to_one() -> None:
    found = audit(pairs(), FakeAssess())
    assert found.lost.value == pytest.approx((0.8 + 0.1) / 2)
    assert (found.lost.pairs, found.lost.clusters) == (20, 10)
    assert found.errors[0].name == "unknown-word" and found.errors[0].value == pytest.approx(0.4)
    assert [(share.name, share.pairs) for share in found.fields] == [("answer", 10), ("caption", 10)]
    assert found.categories == ()


def test_pictures_are_drawn_not_pairs() -> None:
    # Each picture has a good and a bad pair, so that every draw of pictures gives the same mean.
    found = audit(pairs(), FakeAssess())
    assert found.lost.low == pytest.approx(found.lost.value) and found.lost.high == pytest.approx(found.lost.value)


def test_the_calibrations_doubt_is_in_the_interval() -> None:
    assess = FakeAssess()
    assess.slack = 0.05
    found = audit(pairs(), assess)
    assert found.lost.high - found.lost.value == pytest.approx(1.96 * 0.05)
    assert found.lost.value - found.lost.low == pytest.approx(1.96 * 0.05)


def test_references_stand_beside_and_their_gap_is_stated() -> None:
    references = ["bon" if n < 10 else None for n in range(20)]
    found = audit([replace(pair, source="a text") for pair in pairs()], FakeAssess(), references)
    assert found.truth is not None
    assert (found.truth.true.pairs, found.truth.missing) == (10, 10)
    # "bon" is the reference itself; "un *mot" has a chrF of 18.5, too little for two words.
    assert found.truth.true.value == pytest.approx(0.5)
    assert found.truth.estimated.value == pytest.approx(0.45)


def test_the_worst_come_first_and_typical_ones_are_spread() -> None:
    assess = FakeAssess({f"t{n}": n / 100 for n in range(100)})
    found = audit([Pair("s", f"t{n}", cluster=str(n)) for n in range(100)], assess)
    assert [example.target for example in found.worst[:3]] == ["t0", "t1", "t2"]
    assert len(found.typical) == 12 and found.typical[0].probability < 0.1 and found.typical[-1].probability > 0.9


def test_equal_pairs_are_shown_once_and_weigh_by_their_rows() -> None:
    often = [Pair("Describe it.", "Il le décrit.", cluster=f"{n}.png") for n in range(9)]
    rare = [Pair("A dog.", "Un *dog.", cluster="x.png")]
    found = audit([*rare, *often], FakeAssess({"Il le décrit.": 0.6, "Un *dog.": 0.05}))
    assert [(example.target, example.count) for example in found.worst] == [("Il le décrit.", 9), ("Un *dog.", 1)]
    assert [(example.target, example.count) for example in found.typical] == [("Un *dog.", 1), ("Il le décrit.", 9)]
    assert found.lost.value == pytest.approx((0.95 + 9 * 0.4) / 10)
    assert "in 9 places" in audit_text(found, "demo", "fr")


def test_kinds_add_up_to_what_is_lost_and_hold_what_no_check_names() -> None:
    table = {
        "seul": Assessment(0.5, error="dropped"),
        "plus": Assessment(0.2, error="added"),
        "dur": Assessment(0.6),
    }

    class Naming(FakeAssess):
        def _one(self, pair: Pair) -> Assessment:
            return table.get(pair.target, Assessment(1.0))

    found = audit([Pair("s", text, cluster=text) for text in ("seul", "plus", "dur", "bon")], Naming())
    assert {share.name: pytest.approx(share.value) for share in found.kinds if share.value} == {
        "dropped": 0.125, "added": 0.2, "not-named": 0.1,
    }  # fmt: skip
    assert sum(share.value for share in found.kinds) == pytest.approx(found.lost.value)
    assert [share.name for share in found.kinds][0::7] == ["added", "not-named"], "the largest first, the unnamed last"
    assert all(share.low <= share.value <= share.high for share in found.kinds)
    assert {kind_of(name) for name in ERROR_CLASSES} == set(kinds())
    assert [example.kind for example in found.worst] == ["added", "dropped", "", ""]
    text = audit_text(found, "demo", "fr")
    assert "No loss is put down to wrong sense, grammar, untranslated, structure or style." in text


def test_the_calibrations_doubt_of_a_kind_is_of_its_pairs_alone() -> None:
    assess = FakeAssess()
    assess.slack = 0.04
    untranslated = audit(pairs(), assess).kinds[0]
    assert untranslated.name == "untranslated" and untranslated.value == pytest.approx(0.4)
    assert untranslated.high - untranslated.value == pytest.approx(1.96 * 0.04 / 2)


def conversations() -> list[Pair]:
    """Ten pictures, each with an instruction, a question, and their answers."""
    rows = []
    for n in range(10):
        cluster = f"{n}.png"
        rows += [
            Pair("Describe it.", "Il le décrit.", field="question", cluster=cluster),
            Pair(f"a thing {n}", f"chose {n}", field="answer", cluster=cluster),
            Pair("What is it?" if n < 8 else "Who?", "Quoi ?" if n < 8 else "Qui ?", field="question", cluster=cluster),
            Pair("a cat", "un chat", field="answer", cluster=cluster),
        ]
    return rows


def test_the_most_frequent_texts_of_each_field_and_what_they_would_give() -> None:
    assess = FakeAssess({"Il le décrit.": 0.2, "Quoi ?": 0.5, "Qui ?": 1.0, "un chat": 1.0})
    found = audit(conversations(), assess)
    answers, instructions, questions = found.frequent
    assert [one.field for one in found.frequent] == ["answer", "instruction", "question"]
    assert [share.name for share in found.fields] == ["answer", "instruction", "question"]
    assert (answers.different, [one.count for one in answers.texts]) == (11, [10, *[1] * 9])
    # The answer that stands ten times is right; nine of the ten others, each lost by a tenth, are among the ten.
    assert answers.gain.value == pytest.approx(9 * 0.1 / 20) and answers.of_all.value == pytest.approx(9 * 0.1 / 40)
    assert instructions.gain.value == pytest.approx(0.8) and instructions.of_all.value == pytest.approx(0.2)
    assert [(one.source, one.count) for one in questions.texts] == [("What is it?", 8), ("Who?", 2)]
    assert questions.gain.value == pytest.approx(0.4) and questions.gain.low <= 0.4 <= questions.gain.high
    assert found.worst_gain.value == pytest.approx(found.lost.value)
    json.dumps(found.as_dict())
    said = [
        "About 80.0% [80.0, 80.0] of 10 instructions lose meaning. All are the same text with the same translation. ",
        "Putting it right would mend 80.0 [80.0, 80.0] points of the instructions, 20.0 [20.0, 20.0] points of all",
        "They are 2 different texts with their translations; one of them stands in 8 places. ",
        "Putting these two right would mend 40.0",
    ]
    text = audit_text(found, "demo", "fr")
    assert [part for part in said if part not in text.replace("<strong>", "")] == []
    lines = printed(found)
    assert "Instructions: in all 10 places “Describe it.” is “Il le décrit.”. Putting it right would mend 80.0" in lines
    assert "Questions: 2 different texts; in 8 places “What is it?” is “Quoi ?”. Putting the two most frequent" in lines


def printed(found: Audit) -> str:
    from rich.console import Console

    console = Console(file=io.StringIO(), width=80)
    with console.capture() as capture:
        render_audit(found, console)
    assert max(map(len, capture.get().splitlines())) <= 80
    return " ".join(capture.get().split())


@pytest.mark.parametrize(
    ("texts", "page", "line"),
    [
        (["A dog."], "There is one caption; it loses meaning with a probability of 10%.", "of 1 pair "),
        (
            ["A dog.", "A cat."],
            "Each stands once; those that lose most come first. <strong>Putting these two right would mend 10.0",
            "Captions: each of the 2 texts stands once. Putting the two that lose most right would mend 10.0 "
            "[10.0, 10.0] points of the captions. Calibrated",
        ),
        (
            ["bon", "bon"],
            "<strong>Putting it right would change next to nothing: the estimate doesn&#39;t doubt it.",
            "in all 2 places “bon” is “bon”. Putting it right would change next to nothing",
        ),
        (
            ["bon\x1b[31m\n" + 99 * "bon ", "bon\x1b[31m\n" + 99 * "bon "],
            "All are the same text",
            "in all 2 places “bon[31m bon bon bon bon bon bon bon bon bon bon bon bon bon bon bon bon bon bon…” is",
        ),
        (["bon", "bon", "mal"], "Putting these two right would change next to", "doesn't doubt them."),
    ],
)  # fmt: skip
def test_what_is_said_of_a_field_in_every_case(texts: list[str], page: str, line: str) -> None:
    assess = FakeAssess({"bon": 1.0, "mal": 1.0})
    found = audit([Pair(text, text if "b" in text or "m" in text else f"fr {text}", cluster=str(n))
                   for n, text in enumerate(texts)], assess)  # fmt: skip
    assert page in audit_text(found, "demo", "fr") and line in printed(found)


def test_what_a_check_could_not_say_stands_first() -> None:
    unread = Finding(math.nan, "its reply can't be read")

    class Silent(FakeAssess):
        def _one(self, pair: Pair) -> Assessment:
            partly = Finding(math.nan, "nothing to compare", values={"odd": 1.0})
            return Assessment(0.5, {"llm": unread if pair.source == "a" else Finding(1.0), "dictionary": partly})

    found = audit([Pair(text, "x") for text in "aab"], Silent())
    assert found.unsaid == (Unsaid("llm", "its reply can't be read", 2, 3),)
    said = "The check llm says nothing about 2 of 3 pairs: its reply can't be read."
    text = audit_text(found, "demo", "fr")
    assert text.index(said.replace("'", "&#39;")) < text.index('<dl class="facts">')
    assert printed(found).index(said) < printed(found).index("Kind")
    assert "about any of the 2 pairs: no" in str(Unsaid("x", "no", 2, 2)) and "the only pair" in str(
        Unsaid("x", "no", 1, 1)
    )


def test_the_table_fits_a_terminal() -> None:
    said = printed(audit(pairs(), FakeAssess(), ["bon", *[None] * 19]))
    assert "45.0%" in said and "untranslated" in said and "With a reference: 1 pair, 19 without." in said


def picture(path: Path) -> Path:
    Image.new("RGB", (300, 200), "red").save(path)
    return path


def test_texts_are_escaped(tmp_path: Path) -> None:
    shown = [Pair(HOSTILE, f"*{HOSTILE}", picture=picture(tmp_path / "a.png"), category=HOSTILE)]
    text = audit_text(audit(shown, FakeAssess(), [HOSTILE]), HOSTILE, "fr")
    assert HOSTILE not in text and "&lt;script&gt;" in text
    assert text.count("data:image/jpeg") == 2 and str(tmp_path) not in text


CHROMIUM = shutil.which("chromium")


@pytest.mark.skipif(CHROMIUM is None, reason="chromium isn't installed")
def test_the_page_in_a_browser(tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    shown = [Pair(HOSTILE, "un *mot", picture=picture(tmp_path / "a.png"), cluster="a"), Pair("ok", "bon", cluster="b")]
    shown += conversations()
    page_path = write_audit_page(audit(shown, FakeAssess()), "demo", "fr", tmp_path / "audit.html")
    asked, said = [], []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 375, "height": 800})
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.goto(page_path.as_uri())
        assert page.title() == "demo: what its translation loses, audited by Passerelle"
        assert page.locator("#worst .card").count() == 12
        assert page.evaluate("document.querySelector('#worst img').naturalWidth") == 160
        assert page.evaluate("document.documentElement.scrollWidth") <= 375
        for scheme in ("light", "dark"):
            looked = browser.new_context(bypass_csp=True, color_scheme=scheme).new_page()
            looked.goto(page_path.as_uri())
            assert findings(looked) == []
        browser.close()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert said == []


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibrated, "open_assess", lambda *given, **more: FakeAssess())
    (tmp_path / "a.txt").write_text("A frog.\nA cow.\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("Une *frog.\nUne vache.\n", encoding="utf-8")
    given = [
        "audit",
        str(tmp_path / "a.txt"),
        str(tmp_path / "b.txt"),
        "--to",
        "fr",
        "--out",
        str(tmp_path / "o"),
        "--json",
    ]
    result = CliRunner().invoke(main, given)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["lost"]["value"] == pytest.approx(0.45)
    assert json.loads((tmp_path / "o" / "audit.json").read_text())["seconds_per_1000"] == {"fake": 0.0}
    assert (tmp_path / "o" / "audit.html").is_file()


def labelled_csv(path: Path, count: int, lost: int, more: str = "") -> Path:
    rows = [f"text {n},bon {n},{int(n % count >= lost)}{more}" for n in range(count)]
    path.write_text("\n".join(["source,target,accepted" + (",chance" if more else ""), *rows]) + "\n", encoding="utf-8")
    return path


def many_pairs(count: int = 200) -> list[Pair]:
    return [Pair(f"text {n}", f"bon {n}", cluster=f"{n}.png") for n in range(count)]


def test_labels_put_a_wrong_estimate_right_and_say_so(tmp_path: Path) -> None:
    labels = read_labels(labelled_csv(tmp_path / "labels.csv", 50, 20), "en", "fr")
    found = audit(many_pairs(), FakeAssess(), labels=labels)
    said = found.labelled
    assert said is not None and found.headline is said.both
    assert found.lost.value == pytest.approx(0.1)  # the fake's
    assert said.both.value == pytest.approx(0.4) and said.both.low < 0.4 < said.both.high
    assert (said.labels, said.chances_known, said.unused, said.followed) == (50, False, {}, 0)
    assert said.halve is not None and 100 < said.halve < 200
    assert "too low here: these data are unlike" in said.says
    text = audit_text(found, "demo", "fr")
    assert "labels and estimate" in text and said.says in text and "named no" not in text
    assert "as likely to be drawn" in text and f"{said.halve:,} labels in all would halve" in text


def test_a_text_that_stands_often_weighs_by_its_places_and_others_are_counted(tmp_path: Path) -> None:
    often = [Pair("Describe it.", "Il décrit.", cluster=f"often {n}.png") for n in range(200)]
    path = labelled_csv(tmp_path / "labels.csv", 50, 0)
    with path.open("a", encoding="utf-8") as file:
        file.write("Describe it.,Il décrit.,0\ntext 1,bon 1,1\nnobody,personne,1\ntext 199,bon 199,1\n")
    assess = FakeAssess({"bon 199": 1.0})
    said = audit([*often, *many_pairs()], assess, labels=read_labels(path, "en", "fr")).labelled
    assert said is not None and said.labels == 51
    assert said.unused == {"not among the pairs": 1, "right by definition": 1, "said again": 1}
    # 50 labels stand for one pair each, one for 200: by labels alone that is four fifths of what was labelled.
    assert said.alone.value == pytest.approx(200 / 250 * 399 / 400)


def test_the_doubt_of_a_draw_is_in_the_interval(tmp_path: Path) -> None:
    labels = read_labels(labelled_csv(tmp_path / "labels.csv", 100, 40), "en", "fr")
    whole = audit(many_pairs(), FakeAssess(), labels=labels).labelled
    drawn = audit(many_pairs(), FakeAssess(), labels=labels, is_draw=True).labelled
    assert whole is not None and drawn is not None
    assert drawn.both.high - drawn.both.low > 1.2 * (whole.both.high - whole.both.low)


@pytest.mark.parametrize(
    ("more", "said"), [(",0", "'chance' is '0'"), (",2", "'chance' is '2'"), (",x", "row 1: 'chance' is 'x'")]
)
def test_a_chance_that_is_none_is_named(tmp_path: Path, more: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_labels(labelled_csv(tmp_path / "labels.csv", 30, 3, more), "en", "fr")


def test_labels_of_other_data_are_refused(tmp_path: Path) -> None:
    labels = read_labels(labelled_csv(tmp_path / "labels.csv", 30, 3), "en", "fr")
    with pytest.raises(InputError, match="none of the labels is of these pairs"):
        audit(pairs(), FakeAssess(), labels=labels)
    with pytest.raises(InputError, match="label at least 20"):
        audit(many_pairs(10), FakeAssess(), labels=labels)


def test_the_command_takes_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibrated, "open_assess", lambda *given, **more: FakeAssess())
    (tmp_path / "a.txt").write_text("".join(f"text {n}\n" for n in range(60)), encoding="utf-8")
    (tmp_path / "b.txt").write_text("".join(f"bon {n}\n" for n in range(60)), encoding="utf-8")
    labels = labelled_csv(tmp_path / "labels.csv", 40, 10, ",0.5")
    files = [str(tmp_path / name) for name in ("a.txt", "b.txt")]
    given = ["audit", *files, "--to", "fr", "--labels", str(labels), "--out", str(tmp_path / "o")]
    result = CliRunner().invoke(main, [*given, "--json"])
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)["labelled"]
    assert said["both"]["value"] == pytest.approx(0.25) and said["labels"] == 40 and said["chances_known"]
    table = CliRunner().invoke(main, given).stdout
    assert "By 40 labels and the estimate 25.0%" in table and "would halve the interval" in table
