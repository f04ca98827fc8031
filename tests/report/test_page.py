"""The page: what it says, what it escapes, and that a real browser opens it without asking any network."""

from __future__ import annotations

import copy
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from accessibility import findings
from passerelle.errors import StorageError
from passerelle.report import page_text, table_text, write_page
from passerelle.report.explore_table import explore_table
from passerelle.report.parse import read_results

ATTACK = '<script>alert("x")</script><img src=x onerror=alert(1)>'


def test_every_score_is_in_the_page_unrounded(results: dict[str, Any], run_folder: Path) -> None:
    results["arms"][3]["scores"][1]["value"] = 59.7123456
    text = page_text(results, run_folder)
    for arm in results["arms"]:
        for score in arm["scores"]:
            attributes = (
                f'data-arm="{arm["name"]}" data-metric="{score["metric"]}" data-test="{score["test"]}" '
                f'data-value="{score["value"]}"'
            )
            assert attributes in text
    assert 'data-value="59.7123456"' in text


def with_ledger(results: dict[str, Any]) -> dict[str, Any]:
    """Give the arms the costs that results have now, in place of an older version's."""
    for number, arm in enumerate(results["arms"]):
        one = {"seconds": 9.0, "processor_seconds": 12.0 + number, "device_seconds": 0.0, "flops": 3e12, "tokens": 500}
        one |= {"euros": 0.02, "watt_hours": 0.1, "expert_minutes": 0, "others_cores": 1.5, "clock_holds": number != 2}
        one |= {"paid": {"seconds": 4.0, "processor_seconds": 6.0, "euros": 0.01}}
        nothing = {**one, "processor_seconds": 0.0, "euros": 0.0, "flops": 0.0, "seconds": 0.0, "clock_holds": True}
        asked = {**one, "p50_seconds": 0.2, "p95_seconds": 0.4, "asked_by_themselves": 10}
        older = arm["cost"]
        arm["cost"] = {
            "phases": [{**phase, "processor_seconds": 30.0, "written_bytes": 2.5e7} for phase in older["phases"]],
            "make": one if arm["trained_on"] else nothing,
            "per_1000": asked,
            "measuring": one,
            "peak_bytes": 2.1e9,
        }
    return results


def test_making_asking_and_measuring_stand_apart(results: dict[str, Any], run_folder: Path) -> None:
    text = page_text(with_ledger(results), run_folder)
    for row, value in (("make", "16.0"), ("per-1000", "16.0"), ("measuring", "16.0")):
        assert f'data-arm="lora-mt" data-sum="{row}" data-metric="processor-seconds" data-value="{value}"' in text
    assert "total-seconds" not in text and "older version" not in text
    assert (
        'data-arm="lora-mt" data-phase="finetuning" data-metric="written-bytes" data-value="25000000.0">25.0<' in text
    )
    assert text.count("not to be trusted: others, 1.5 cores") == 2, "of the arm whose clock can't be trusted"
    assert "Other processes held the machine while Prompted ran" in text
    assert ">200 ms, 400 ms<" in text and "Core time for 1\u202f000 answers" in text and ">nothing<" in text


def test_every_number_on_the_page_is_one_of_the_results(results: dict[str, Any], run_folder: Path) -> None:
    """Whatever the page carries unrounded is in the results, or comes of two numbers that are."""
    with_ledger(results)
    text = page_text(results, run_folder)
    shown = [float(value) for value in re.findall(r'data-value="([^"]+)"', text)]
    stored = np.array(sorted({abs(number) for number in numbers(results)} | {1.0, 60.0, 1e12, 1000.0}))
    differences, ratios = np.abs(stored[:, None] - stored), stored[:, None] / np.where(stored == 0, np.nan, stored)
    known = np.unique(np.concatenate([stored, differences.ravel(), ratios.ravel()]))
    known = known[~np.isnan(known)]
    marked = re.compile(r'data-(?:sum="per-right-answer"|volume=|number="cheaper-from")[^>]*data-value="([^"]+)"')
    computed = {float(value) for value in marked.findall(text)}  # checked by hand elsewhere
    places = np.searchsorted(known, [abs(value) for value in shown]).clip(1, len(known) - 1)
    pairs = zip(shown, known[places - 1], known[places], strict=True)
    off = [v for v, *near in pairs if v not in computed and not np.isclose(abs(v), near, rtol=1e-9, atol=1e-12).any()]
    assert len(shown) > 500 and off == []


def numbers(value: Any) -> Iterator[float]:
    """Yield every number of the results."""
    if isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from numbers(each)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield float(value)


def test_what_is_read_on_the_page_is_what_is_stored(results: dict[str, Any], run_folder: Path) -> None:
    """The text of each score's cell is its stored value, rounded: read as a person reads it."""
    text = page_text(with_ledger(results), run_folder)
    stored = {(a["name"], s["metric"], s["test"]): s for a in results["arms"] for s in a["scores"]}
    cells = re.findall(
        r'<td[^>]*data-arm="([^"]+)" data-metric="([^"]+)" data-test="([^"]+)" data-value="([^"]+)">([^<]+)<small>'
        r"\[([^,]+), ([^\]]+)\]",
        text,
    )
    assert len(cells) > 100
    for arm, metric, test, value, *written in cells:
        score = stored[arm, metric, test]
        assert float(value) == score["value"]
        assert [float(each) for each in written] == [
            pytest.approx(score[k], abs=0.051) for k in ("value", "low", "high")
        ]


def test_a_right_answer_is_dearer_where_fewer_are_right(results: dict[str, Any], run_folder: Path) -> None:
    with_ledger(results)
    text = page_text(results, run_folder)
    score = next(s["value"] for s in results["arms"][1]["scores"] if (s["metric"], s["test"]) == ("choice", "human"))
    for metric, took in (("tokens", 500), ("computing-seconds", 13.0), ("euros", 0.02)):
        cell = rf'data-arm="zero-shot" data-sum="per-right-answer" data-metric="{metric}" data-value="([^"]+)"'
        assert float(re.findall(cell, text)[0]) == pytest.approx(took / (10 * score))


def test_costs_by_volume_are_drawn_and_told(results: dict[str, Any], run_folder: Path) -> None:
    with_ledger(results)
    for arm in results["arms"]:
        arm["cost"]["make"]["euros"] = 8.0 if arm["trained_on"] else 0.0
        arm["cost"]["per_1000"]["euros"] = 0.4 if arm["trained_on"] else 2.0
    text = page_text(results, run_folder)
    cell = 'data-arm="lora-mt" data-number="cheaper-from" data-value="5000.0">5\u202f000 answers<'
    assert cell in text and 'data-arm="lora-mt" data-volume="100000" data-value="48.0">48.00\u00a0€<' in text
    assert 'aria-label="What each arm costs by the number of its answers."' in text and ">5\u202f000</text>" in text


def test_costs_of_an_older_version_say_what_they_lack(results: dict[str, Any], run_folder: Path) -> None:
    assert "These results are of an older version" in page_text(results, run_folder)


def test_costs_and_differences_are_in_the_page(results: dict[str, Any], run_folder: Path) -> None:
    text = page_text(results, run_folder)
    assert 'data-arm="lora-mt" data-metric="total-seconds" data-value="441.0"' in text
    assert 'data-arm="lora-mt" data-phase="finetuning" data-metric="seconds" data-value="420.0"' in text
    assert 'data-against="lora-mt" data-metric="choice" data-test="human" data-value="3.8"' in text
    assert "[−0.2, +7.4]" in text
    assert 'data-seed="2"' in text


def test_unread_answers_are_on_the_first_screen_and_beside_their_score(
    results: dict[str, Any], run_folder: Path
) -> None:
    plain = page_text(results, run_folder)
    assert 'class="warning"' not in plain and "% unread" not in plain
    results["warnings"] = ["choice (fr): more than 5% of the answers couldn't be read: lora-mt 9.0% [6.0, 12.9]."]
    results["arms"][4]["scores"][0]["unread_share"] = {"value": 9.0, "low": 6.0, "high": 12.9}
    text = page_text(results, run_folder)
    assert text.index('class="headline"') < text.index('<p class="warning">choice (fr): more') < text.index("<nav")
    assert text.count("<small>9.0\u00a0% unread [6.0, 12.9]</small>") >= 2, "in the key table and among all scores"


def test_provenance_is_in_the_page(results: dict[str, Any], run_folder: Path) -> None:
    text = page_text(results, run_folder)
    for part in (
        "torch: 2.9.1",
        "cpu: AMD EPYC",
        "sha256:0f343b09",
        "apertium|eng-fra|3.8.2",
        "steps: 80",
        "rule:pmi",
    ):
        assert part in text


def replace_texts(value: Any) -> Any:
    """Put an attack in the place of every text."""
    if isinstance(value, dict):
        kept = {
            "metric",
            "test",
            "source",
            "status",
            "direction",
            "arm",
            "against",
            "image",
            "target",
            "unit",
        }
        return {k: v if k in kept and isinstance(v, str) else replace_texts(v) for k, v in value.items()}
    if isinstance(value, list):
        return [replace_texts(item) for item in value]
    return ATTACK if isinstance(value, str) else value


def test_texts_of_users_and_models_are_escaped(results: dict[str, Any], run_folder: Path) -> None:
    attacked = replace_texts(results)
    attacked["target"] = '"><script>alert(2)</script>'
    for score in attacked["arms"][0]["scores"]:
        score["metric"] = ATTACK
    text = page_text(attacked, run_folder)
    assert text.count("<script>") == 1  # the page's own
    assert "<img src=x" not in text
    assert "&lt;script&gt;" in text


def test_pictures_outside_of_the_run_folder_are_not_read(results: dict[str, Any], run_folder: Path) -> None:
    inner = run_folder / "run"
    inner.mkdir()
    (inner / "link.png").symlink_to(run_folder / "picture-0.png")
    (inner / "broken.png").write_bytes(b"\x89PNG not really")
    names = [
        "../picture-0.png",
        str(run_folder / "picture-0.png"),
        "link.png",
        "broken.png",
        "none.png",
        "a\0b",
        "",
    ]
    results["examples"] = [dict(results["examples"][0], image=name) for name in names]
    text = page_text(results, inner)
    assert "data:image" not in text
    assert text.count("no picture") == len(names)


def test_thumbnails_are_small_jpegs(results: dict[str, Any], run_folder: Path) -> None:
    text = page_text(results, run_folder)
    sizes = re.findall(r'<img src="data:image/jpeg;base64,[^"]+" width="(\d+)" height="(\d+)" alt="([^"]+)"', text)
    assert len(sizes) == 44
    assert all(max(int(width), int(height)) == 160 for width, height, _ in sizes)


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every field; of lists, only the first two items."""
    items = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from paths(item, (*path, key))


@pytest.mark.parametrize("damage", ["missing", "none", "wrong type", "not finite"])
def test_any_field_may_be_missing(results: dict[str, Any], run_folder: Path, damage: str, monkeypatch: Any) -> None:
    # The plots have their own test and would take most of the time here.
    monkeypatch.setattr("passerelle.report.page._plots", lambda contents: {})
    for picture in run_folder.glob("*.png"):
        Image.new("RGB", (4, 3)).save(picture)
    results["examples"] = results["examples"][:2]
    results["comparisons"] = [*results["comparisons"][:2], results["comparisons"][-1]]
    results["arms"] = [results["arms"][index] for index in (0, 3, 4)]
    for arm in results["arms"]:
        arm["scores"] = [s for s in arm["scores"] if s["metric"] in ("choice", "yes-no")]
        arm["seed_scores"] = arm["seed_scores"][:1] + arm["seed_scores"][-1:]
    shapes = {re.sub(r"\d+", "0", str(path)): path for path in paths(results)}
    for path in shapes.values():
        damaged = copy.deepcopy(results)
        parent: Any = damaged
        for key in path[:-1]:
            parent = parent[key]
        if damage == "missing":
            del parent[path[-1]]
        else:
            parent[path[-1]] = {"none": None, "wrong type": [["?"]], "not finite": float("nan")}[damage]
        text = page_text(damaged, run_folder)
        assert "</html>" in text
        assert 'data-value="nan"' not in text
        assert table_text(damaged)


def test_an_empty_run_gives_a_page(tmp_path: Path) -> None:
    assert "No arm has a score" in page_text({}, tmp_path)


def test_a_failed_arm_is_shown_with_its_reason(results: dict[str, Any], run_folder: Path) -> None:
    results["arms"][4] |= {"status": "failed", "error": "out of memory at step 3", "scores": [], "cost": None}
    text = page_text(results, run_folder)
    assert "failed: out of memory at step 3" in text
    assert "LoRA on machine translations failed and is shown without scores." in text


def test_the_page_is_replaced_at_once(results: dict[str, Any], run_folder: Path) -> None:
    path = run_folder / "report.html"
    path.write_text("old")
    assert write_page(results, run_folder, path) == path
    assert "Translation pipeline" in path.read_text(encoding="utf-8")
    assert [p.name for p in run_folder.iterdir() if p.suffix != ".png"] == ["report.html"]


def test_a_folder_that_is_missing_is_named(results: dict[str, Any], run_folder: Path) -> None:
    with pytest.raises(StorageError, match="nowhere/report.html"):
        write_page(results, run_folder, run_folder / "nowhere/report.html")


CHROMIUM = shutil.which("chromium")


@pytest.fixture
def browser() -> Iterator[Any]:
    """A real browser without a screen."""
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("chromium isn't installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_opens_the_page(results: dict[str, Any], run_folder: Path, browser: Any, width: int) -> None:
    results["examples"][0]["captions"]["pipeline"] = ATTACK
    path = write_page(results, run_folder, run_folder / "report.html")
    page = browser.new_page(viewport={"width": width, "height": 900})
    complaints: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append("an alert ran"))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri())

    cell = page.locator('#key td[data-arm="pipeline"][data-metric="choice-random"][data-test="human"]')
    assert float(cell.get_attribute("data-value")) == 59.7
    assert cell.inner_text().split() == ["59.7", "[55.5,", "64.0]"]
    assert ATTACK in page.locator(".card").first.text_content()
    assert page.locator("figure svg[role=img]").count() == 7, (
        "quality by cost twice, the tests, the losses of four arms"
    )
    # The policy would block styles written into elements; a page that breaks it has no room for its own CSS.
    assert page.evaluate("getComputedStyle(document.querySelector('.card')).borderRadius") == "10px"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert complaints == []
    assert [url for url in requests if not url.startswith("data:")] == [path.as_uri()]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_for_everybody(results: dict[str, Any], run_folder: Path, browser: Any, scheme: str) -> None:
    page = browser.new_page(color_scheme=scheme)
    page.goto(write_page(with_ledger(results), run_folder, run_folder / "report.html").as_uri())
    assert findings(page) == []


@pytest.mark.parametrize("width", [1280, 390])
def test_any_two_numbers_are_set_against_each_other(
    results: dict[str, Any], run_folder: Path, browser: Any, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(write_page(with_ledger(results), run_folder, run_folder / "report.html").as_uri())
    page.select_option("#explore-y", label="English kept (%)")
    page.select_option("#explore-x", label="To make, core minutes")
    assert page.locator("#explorer .point").count() == 7, "an arm that trains nothing has the base's English"
    page.locator("#explorer .point", has_text="lora-mt").focus()
    read = "LoRA on machine translations: English kept (%) 56.0 [51.8, 60.3]; To make, core minutes 0.27"
    assert page.locator("#explore-said").inner_text() == read
    ends = page.evaluate(
        """() => { const frame = document.querySelector("#explorer svg").getBoundingClientRect();
        return [...document.querySelectorAll("#explorer text")].map((text) => text.getBoundingClientRect())
          .filter((box) => box.left < frame.left - 1 || box.right > frame.right + 1).length; }"""
    )
    assert ends == 0, "labels stand inside the figure"


def test_wide_intervals_stay_inside_the_figure(results: dict[str, Any], run_folder: Path, browser: Any) -> None:
    told = with_ledger(results)
    for arm in told["arms"]:
        for score in arm["scores"]:
            score |= {"unit": "points", "low": 0.0, "high": 602.4}
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(write_page(told, run_folder, run_folder / "report.html").as_uri())
    assert page.locator("#explore-y option:checked").inner_text().endswith("(points)")
    outside = page.evaluate(
        """() => { const frame = document.querySelector("#explorer svg").getBoundingClientRect();
        return [...document.querySelectorAll("#explorer .interval")].map((line) => line.getBoundingClientRect())
          .filter((box) => box.top < frame.top || box.bottom > frame.bottom).length; }"""
    )
    assert outside == 0 and page.locator("#explorer .interval").count() > 3


def test_older_results_have_the_axes_that_there_are(results: dict[str, Any], run_folder: Path, browser: Any) -> None:
    page = browser.new_page()
    page.goto(write_page(results, run_folder, run_folder / "report.html").as_uri())
    axes = page.locator("#explore-x option").all_inner_texts()
    assert axes[1:] == ["English kept (%)", "All of it, minutes", "All of it, TFLOP", "One answer, seconds"]
    assert page.locator("#explore-x option:checked").inner_text() == "All of it, minutes"
    page.locator("#explorer .point", has_text="lora-mt").focus()
    assert page.locator("#explore-said").inner_text().endswith("; All of it, minutes 7.35"), "441 seconds"
    assert "one sum of making, asking and measuring" in page.locator(".explorer figcaption").inner_text()


@pytest.mark.parametrize(("kept", "axes"), [("quality", []), ("English too", ["English kept (%)"])])
def test_where_there_are_no_costs_english_is_the_other_axis(
    results: dict[str, Any], run_folder: Path, kept: str, axes: list[str]
) -> None:
    for arm in results["arms"]:
        arm["cost"] = {}
        if kept == "quality":
            arm["scores"] = [score for score in arm["scores"] if score["test"] != "english"]
    table = explore_table(read_results(results))
    rows = [row for group in table.groups for row in group.rows]
    assert list(table.columns[1:]) == axes and bool(rows) == bool(axes)
    assert ('id="explorer"' in page_text(results, run_folder)) == bool(axes)


def test_filters_choose_the_examples(results: dict[str, Any], run_folder: Path, browser: Any) -> None:
    path = write_page(results, run_folder, run_folder / "report.html")
    page = browser.new_page()
    page.goto(path.as_uri())
    visible = page.locator(".card:visible")
    assert visible.count() == 44
    page.select_option("#filter-source", "stamps")
    assert visible.count() == 22
    page.select_option("#filter-outcome", "disagree")
    picks = [e["choice"]["picked"] for e in results["examples"] if e["source"] == "stamps"]
    differing = [p for p in picks if len({index for name, index in p.items() if name != "english"}) > 1]
    assert visible.count() == len(differing) > 0
    assert page.locator("#filter-count").inner_text() == f"{len(differing)} of 44 examples"
    page.select_option("#filter-outcome", "mended:pipeline")
    mended = page.locator(".card:visible td[data-arm=pipeline] .right")
    assert 0 < visible.count() < 22 and mended.count() <= visible.count()
    page.select_option("#filter-outcome", "")
    page.locator(".card:visible").first.focus()
    page.keyboard.press("j")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("k")
    focused = "(document.activeElement.querySelector('h3') || {}).id"
    assert page.evaluate(focused) == visible.nth(1).locator("h3").get_attribute("id")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.select_option("#filter-outcome", "all-wrong")
    assert page.locator(".none").is_visible() == (visible.count() == 0)
