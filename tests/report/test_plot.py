"""The plots: every arm named, labels apart, and SVG that the page's policy allows."""

from __future__ import annotations

import itertools
import random
from typing import Any
from xml.etree import ElementTree

import pytest

from passerelle.report import cost_plot, dumbbell_plot
from passerelle.report.labels import Box, place_labels
from passerelle.report.svg import inline_svg

ADAPTED = {"zero-shot", "prompted", "pipeline", "lora-mt", "lora-human", "two-stage-mt", "two-stage-human"}


def read_texts(svg: str) -> list[str]:
    """Read the texts of an SVG document."""
    return [
        "".join(element.itertext()).strip() for element in ElementTree.fromstring(svg).iter() if "text" in element.tag
    ]


@pytest.mark.parametrize("cost", ["seconds", "flops"])
def test_the_cost_plot_names_every_arm(results: dict[str, Any], cost: Any) -> None:
    texts = read_texts(cost_plot(results, cost))
    assert ADAPTED <= set(texts)
    assert "base on English questions: 63.3" in texts
    assert "machine-translated data" in texts


def test_the_key_knows_what_every_arm_learnt_from(results: dict[str, Any]) -> None:
    for arm, origin in zip(results["arms"][1:], ("repaired", "native", "elsewhere", "told by a parrot"), strict=False):
        arm["trained_on"] = origin
        arm["name"] = f"arm {origin}"
    texts = read_texts(cost_plot(results))
    learnt = {"machine-translated, repaired data", "native speakers' data", "adapted elsewhere", "told by a parrot"}
    assert learnt <= set(texts)


def test_the_key_stands_inside_the_figure(results: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[tuple[float, float, float, float]] = []

    def drawn(figure: Any) -> str:
        key = figure.axes[0].get_legend().get_window_extent()
        ends.append((key.x0, key.y0, figure.bbox.x1 - key.x1, figure.bbox.y1 - key.y1))
        return ""

    monkeypatch.setattr("passerelle.report.plot.as_svg", drawn)
    for origins in ((), ("repaired",), ("repaired", "native", "elsewhere")):
        for arm, origin in zip(results["arms"][1:], origins, strict=False):
            arm["trained_on"] = origin
        cost_plot(results)
    assert len(ends) == 3 and all(margin >= -1 for each in ends for margin in each), ends


def test_the_dumbbell_plot_names_every_arm(results: dict[str, Any]) -> None:
    assert ADAPTED | {"human test", "machine-translated test"} <= set(read_texts(dumbbell_plot(results)))


def test_plots_are_the_same_each_time(results: dict[str, Any]) -> None:
    assert cost_plot(results) == cost_plot(results)


def test_arms_without_scores_or_costs_are_left_out(results: dict[str, Any]) -> None:
    results["arms"][1]["cost"] = None
    results["arms"][2]["scores"] = []
    results["arms"][3]["cost"]["total_seconds"] = 0
    for score in results["arms"][4]["scores"]:
        score["low"] = None
    assert ADAPTED - set(read_texts(cost_plot(results))) == {"zero-shot", "prompted", "pipeline"}
    assert cost_plot({}) == dumbbell_plot({}) == ""


def test_names_are_no_formulas_and_no_markup(results: dict[str, Any]) -> None:
    results["arms"][3]["name"] = "a$b^{$<b>"
    assert "a$b^{$<b>" in read_texts(cost_plot(results))


def test_inline_svg_has_no_styles_and_no_shared_ids(results: dict[str, Any]) -> None:
    svg = inline_svg(cost_plot(results), "cost-", "A <plot>", {"#1f2a37": "ink"})
    root = ElementTree.fromstring(svg)
    assert root.get("aria-label") == "A <plot>"
    assert "style" not in {name for element in root.iter() for name in element.attrib}
    assert not [element for element in root.iter() if element.tag.endswith("style")]
    assert "var(--ink)" in svg
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert all(identifier and identifier.startswith("cost-") for identifier in ids)
    links = [value[1:] for e in root.iter() for name, value in e.attrib.items() if name.endswith("href")]
    assert links and set(links) <= set(ids)


def test_text_sizes_survive_in_either_form() -> None:
    document = (
        '<svg xmlns="http://www.w3.org/2000/svg">'
        "<text style=\"font: 9.5px 'DejaVu Sans'; fill: #abcdef\">a</text>"
        '<text style="font-size: 8px; font-family: Arial">b</text></svg>'
    )
    first, second = ElementTree.fromstring(inline_svg(document, "", "t", {}))
    assert first.attrib == {"font-size": "9.5", "fill": "#abcdef"}
    assert second.attrib == {"font-size": "8px"}


def test_labels_cover_nothing_where_there_is_room() -> None:
    for seed in range(20):
        chance = random.Random(seed)
        anchors = [(chance.uniform(100, 400), chance.uniform(60, 240)) for _ in range(8)]
        points = [Box(x - 4, y - 4, x + 4, y + 4) for x, y in anchors]
        boxes = place_labels(anchors, [(70.0, 11.0)] * 8, Box(0, 0, 500, 300), points)
        assert all(a.overlap(b) == 0 for a, b in itertools.combinations(boxes, 2))
        assert all(box.overlap(point) == 0 for box in boxes for point in points)
        assert all(box.outside(Box(0, 0, 500, 300)) == pytest.approx(0) for box in boxes)


def test_equal_points_get_labels_apart() -> None:
    first, second = place_labels([(50.0, 50.0)] * 2, [(40.0, 10.0)] * 2, Box(0, 0, 100, 100))
    assert first.overlap(second) == 0
