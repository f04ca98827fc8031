"""The audit's shares are means with intervals; its page shows every text as a text."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from passerelle.cli import main
from passerelle.errors import InputError
from passerelle.quality.assessing import FakeAssess
from passerelle.quality.audit import audit
from passerelle.quality.base import Pair
from passerelle.quality.estimate import calibrated
from passerelle.quality.estimate.labels import read_labels
from passerelle.report.audit_page import audit_text, render_audit, write_audit_page

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


def test_the_table_fits_a_terminal() -> None:
    from rich.console import Console

    console = Console(file=io.StringIO(), width=80)
    with console.capture() as capture:
        render_audit(audit(pairs(), FakeAssess(), ["bon", *[None] * 19]), console)
    assert "45.0%" in capture.get() and "unknown-word" in capture.get() and "19 without" in capture.get()
    assert max(map(len, capture.get().splitlines())) <= 80


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
    page_path = write_audit_page(audit(shown, FakeAssess()), "demo", "fr", tmp_path / "audit.html")
    asked, said = [], []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 390, "height": 800})
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.goto(page_path.as_uri())
        assert page.title() == "demo: what its translation loses, audited by Passerelle"
        assert page.locator("#worst .card").count() == 2
        assert page.evaluate("document.querySelector('#worst img').naturalWidth") == 160
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
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
