"""Each benchmark reads its rows and scores them; figures worked out by hand."""

import dataclasses

import numpy as np
import pytest

from passerelle.errors import ConfigError, InputError
from passerelle.evaluation import reading
from passerelle.evaluation.asking.prompts import prompt_of
from passerelle.evaluation.benchmarks import (
    ai2d,
    captioning,
    coco,
    gqa,
    llava_bench,
    maxm,
    mmbench,
    mme,
    mmmu,
    multi30k,
    pope,
    scienceqa,
    vqav2,
    xm3600,
)
from passerelle.evaluation.benchmarks.base import BadItem
from passerelle.evaluation.benchmarks.languages import consistency_measure, fidelity_measures
from passerelle.evaluation.benchmarks.registry import BENCHMARKS, find_benchmark, recognise
from passerelle.evaluation.reading import read_test
from passerelle.evaluation.specification import Planned, Source
from passerelle.records import Answer


def value(measure):
    return float(measure.statistic(np.ones((1, len(measure.units))))[0])


def figures(measures, subtask=""):
    return {(m.metric, m.parser): round(value(m), 2) for m in measures if m.subtask == subtask}


def said(items, *texts):
    return [Answer(item.id, text=text) for item, text in zip(items, texts, strict=True)]


def items_of(module, rows, language="fr"):
    return [item for row in rows for item in module.read({"_number": 1, **row}, language)]


MMB = {"index": "7", "question": "Qu'est-ce ?", "hint": "nan", "A": "un chat", "B": "un chien", "C": "un âne", "D": ""}


def test_mmbench_rotates_as_its_authors():
    items = mmbench.complete(items_of(mmbench, [{**MMB, "answer": "B", "category": "x"}]), "generate")
    assert [item.id for item in items] == ["7", "1000007", "2000007"]
    assert [item.options[item.correct] for item in items] == ["un chien"] * 3
    assert items[1].options == ("un chien", "un âne", "un chat")
    hit = figures(mmbench.score(items, said(items, "B", "A", "C."), "generate"))
    assert hit[("circular", "localised")] == 100
    miss = figures(mmbench.score(items, said(items, "B", "B", "C"), "generate"))
    assert (miss[("circular", "localised")], miss[("vanilla", "localised")]) == (0, pytest.approx(66.67))


def test_mmbench_keeps_the_rotations_and_pictures_that_a_file_has():
    rows = [
        {**MMB, "answer": "B", "image": "QUJD" * 60},
        {**MMB, "index": "1000007", "A": "un chien", "B": "un âne", "C": "un chat", "answer": "A", "image": "7"},
    ]
    items = mmbench.complete(items_of(mmbench, rows), "generate")
    assert [item.id for item in items] == ["7", "1000007"]
    assert items[0].picture == items[1].picture == "QUJD" * 60
    assert [item.id for item in mmbench.complete(items_of(mmbench, rows), "sum")] == ["7"]


@pytest.mark.parametrize("nothing", ["", "nan", "NaN", None, float("nan"), "N/A", "null", "<NA>"])
def test_an_option_that_is_not_there_keeps_its_letter_free(nothing):
    items = mmbench.complete(items_of(mmbench, [{**MMB, "B": nothing, "D": "un bœuf", "answer": "D"}]), "generate")
    assert [item.options for item in items] == [
        ("un chat", "", "un âne", "un bœuf"),
        ("un âne", "", "un bœuf", "un chat"),
        ("un bœuf", "", "un chat", "un âne"),
    ]
    assert prompt_of(items[0], mmbench.BENCHMARK, False).split("\n")[1:4] == ["A. un chat", "C. un âne", "D. un bœuf"]
    found = mmbench.score(items, said(items, "D", "C", "A."), "generate")
    assert figures(found)[("circular", "localised")] == figures(found)[("circular", "published")] == 100
    gap = mmbench.score(items, said(items, "D", "B", "A"), "generate")
    assert {m.unmatched for m in gap if m.metric == "vanilla"} == {1}
    (closed,) = mmbench.complete(items_of(mmbench, [{**MMB, "B": nothing, "D": "un bœuf", "answer": "D"}]), "sum")
    assert (closed.options, closed.correct) == (("un chat", "un âne", "un bœuf"), 2)


@pytest.mark.parametrize(
    ("options", "answer", "there"),
    [
        ("None Two One Three", "A", "ABCD"),
        ("None Two One Three", "B", "ABCD"),
        ("Two One Three None", "D", "ABCD"),
        ("Two One Three None", "A", "ABC"),
        ("Two One None None", "A", "AB"),
        ("Na NA K N/A", "B", "ABC"),
    ],
)
def test_the_word_none_is_an_option_where_it_is_meant(options, answer, there):
    row = {**MMB, **dict(zip("ABCD", options.split(), strict=True)), "answer": answer, "hint": "None"}
    (item,) = mmbench.read(row, "en")
    assert "".join(letter for letter, option in zip("ABCD", item.options, strict=False) if option) == there
    assert item.hint == ""


def test_likelihoods_choose_without_a_parser():
    items = mmbench.complete(items_of(mmbench, [{**MMB, "answer": "B"}]), "sum")
    answers = [Answer("7", logprobs=(-3.0, -1.0, -2.0), tokens=(1, 1, 1))]
    measures = mmbench.score(items, answers, "sum")
    assert figures(measures) == {("accuracy", ""): 100.0}
    assert measures[0].definition == "method:sum"
    tied = mmbench.score(items, [Answer("7", logprobs=(-1.0, -1.0, -2.0), tokens=(1, 1, 1))], "sum")
    assert (value(tied[0]), tied[0].unmatched) == (0, 1)


def test_scienceqa_reads_keyed_problems_with_their_pictures():
    row = {"_key": "12", "question": "?", "choices": ["oui", "non"], "answer": 1, "image": "image.png", "split": "test"}
    item = items_of(scienceqa, [row])[0]
    assert (item.id, item.picture, item.correct) == ("12", "test/12/image.png", 1)
    assert items_of(scienceqa, [{**row, "image": None}])[0].picture is None
    measures = scienceqa.score([item], said([item], "La réponse est B."), "generate")
    assert figures(measures) == {("accuracy", "localised"): 100.0, ("accuracy", "published"): 0.0}


def test_ai2d_takes_places_and_letters():
    rows = [{"id": i, "question": "?", "options": ["a1", "b1", "c1"], "answer": a} for i, a in ((1, "2"), (2, "C"))]
    rows[0]["options"] += [None, float("nan"), "nan"]
    items = items_of(ai2d, rows)
    assert items[0].options == ("a1", "b1", "c1")
    assert [item.correct for item in items] == [2, 2]
    assert figures(ai2d.score(items, said(items, "C. c1", "c"), "generate"))[("accuracy", "published")] == 100


def test_mmmu_reads_options_as_text_and_open_questions():
    choice = {"id": "validation_Art_1", "question": "<image 1> Qui ?", "options": "['Monet', 'Manet']", "answer": "B"}
    open_one = {"id": "validation_Art_2", "question": "Combien ? <image 1>", "options": "[]", "answer": "1,5"}
    rows = [{**choice, "question_type": "multiple-choice"}, {**open_one, "question_type": "open"}]
    items = items_of(mmmu, rows)
    assert [(item.question, item.subtask) for item in items] == [("Qui ?", "Art"), ("Combien ?", "Art")]
    found = figures(mmmu.score(items, said(items, "B", "Le résultat est 1,5."), "generate"))
    assert found[("accuracy", "localised")] == 100
    with pytest.raises(BadItem, match="2 pictures"):
        mmmu.read({**rows[0], "question": "<image 1> et <image 2>"}, "fr")


def test_pope_counts_predictions():
    rows = [{"question_id": i, "image": "a.png", "text": "?", "label": "yes" if i % 2 else "no"} for i in range(4)]
    items = items_of(pope, rows)
    found = figures(pope.score(items, said(items, "Non", "Oui", "Oui.", "Je ne sais pas"), "generate"))
    localised = {metric: number for (metric, parser), number in found.items() if parser == "localised"}
    assert localised == {"accuracy": 50.0, "precision": 50.0, "recall": 50.0, "f1": 50.0, "yes-rate": 50.0}
    assert found[("accuracy", "published")] == 50.0  # "Non" and "Oui" are both yes there
    assert found[("yes-rate", "published")] == 100.0


def test_mme_adds_accuracy_and_accuracy_plus_over_subtasks():
    rows = [
        {"category": c, "question_id": p, "question": "?", "answer": a, "image": p}
        for c in ("count", "code_reasoning")
        for p in ("1", "2")
        for a in ("Yes", "No")
    ]
    items = items_of(mme, rows)
    texts = ["Oui", "Non", "Oui", "Oui", "Oui", "Non", "Oui", "Non"]
    measures = mme.score(items, said(items, *texts), "generate")
    assert figures(measures)[("total", "localised")] == pytest.approx(75 + 50 + 100 + 100)
    assert figures(measures, "perception")[("total", "localised")] == pytest.approx(125)
    assert figures(measures, "count")[("accuracy+", "localised")] == 50
    assert figures(measures)[("total", "published")] < 200  # MME's own parser takes Oui for neither


def test_vqa_reads_annotations_and_scores_them():
    answers = [{"answer": text, "answer_id": i} for i, text in enumerate(["deux"] * 2 + ["2"] * 2 + ["trois"] * 6)]
    row = {"question_id": 5, "question": "Combien ?", "image_id": 42, "_data_subtype": "val2014", "answers": answers}
    item = items_of(vqav2, [row])[0]
    assert item.picture == "COCO_val2014_000000000042.jpg"
    found = figures(vqav2.score([item], said([item], "Deux."), "generate"))
    # Localised, four annotators say 2: those who do see three others. Published, two do, with "deux" alone.
    assert found[("accuracy", "localised")] == 100
    assert found[("accuracy", "published")] == pytest.approx(100 * (2 * 1 / 3 + 8 * 2 / 3) / 10)


def test_gqa_and_maxm_match_references():
    item = items_of(gqa, [{"_key": "q1", "question": "?", "answer": "à gauche", "imageId": "n5"}])[0]
    assert item.picture == "n5.jpg"
    found = figures(gqa.score([item], said([item], "A gauche."), "generate"))
    assert found == {("accuracy", "localised"): 100.0, ("accuracy", "published"): 0.0}
    pairs = [{"question_id": "a", "question": "?", "answers": ["vélo", "bicyclette"]}]
    items = items_of(maxm, [{"image_id": "9", "qa_pairs": pairs}])
    assert (items[0].picture, len(items)) == ("9.jpg", 1)
    assert figures(maxm.score(items, said(items, "Une bicyclette"), "generate"))[("accuracy", "localised")] == 100


def test_captions_of_three_kinds():
    rows = {
        coco: {"image_id": 1, "image": "1.jpg", "captions": ["un chat noir", "le chat"]},
        multi30k: {"image": "1.jpg", "en": "a cat", "fr": ["un chat noir"]},
        xm3600: {"image/key": "1", "fr": {"caption": ["un chat noir", "un chat"]}},
    }
    for module, row in rows.items():
        item = items_of(module, [row])[0]
        assert item.picture == "1.jpg" and item.references[0] == "un chat noir"
        found = figures(module.BENCHMARK.score([item], said([item], "un chat noir"), "generate"))
        assert found[("chrf", "")] == 100
        with pytest.raises(BadItem, match="no caption in 'es'"):
            module.read({**row, "captions": []}, "es")


def test_captions_that_are_a_yes_or_a_no_are_counted():
    texts = ["Oui", "non.", "Oui, un chat", "Yes", "Un chat noir", "Nonchalant", "oui-oui", ""]
    items = [item for i in range(len(texts)) for item in coco.read({"image_id": i, "captions": ["un chat"]}, "fr")]
    found = captioning.score(items, said(items, *texts), "generate")[2]
    assert (found.metric, found.direction) == ("yes-or-no", "none")
    assert found.right == (True, True, True, True, False, False, False, False) and value(found) == 50
    assert found.definition == "first-clause:no,non,oui,yes"


def test_a_test_is_known_by_another_metric_where_it_can_be(tmp_path):
    (tmp_path / "c.json").write_text('[{"image_id": 1, "captions": ["un chat noir"]}]', encoding="utf-8")
    source = Source("coco", (str(tmp_path / "c.json"),), "fr")

    def headline(metric):
        plan = Planned((source,), "generate", metric=metric)
        test = read_test(plan, source, tmp_path, with_pictures=False)
        measures = test.benchmark.score(test.items, said(test.items, "un chat"), "generate", "")
        return [measure.metric for measure in measures if measure.headline]

    assert (headline(""), headline("chrf")) == (["cider-d"], ["chrf"])
    with pytest.raises(ConfigError, match=r"coco: unknown metric 'chrff'. Did you mean 'chrf'\?"):
        headline("chrff")
    with pytest.raises(ConfigError, match="pope: leave metric out"):
        reading._known_by(pope.BENCHMARK, "f1")


def test_llava_bench_keeps_what_a_judge_needs():
    row = {"question_id": 1, "question": "?", "category": "conv", "caption": ["a", "b"], "gpt_answer": "ref"}
    item = llava_bench.read(row, "fr")[0]
    assert (item.references, item.extra["context"]) == (("ref",), "a\nb")
    assert llava_bench.score([item], said([item], "x"), "generate") == []


def test_fidelity_counts_the_unknowable_apart():
    row = {"_key": "q", "question": "?", "answer": "x", "imageId": "1"}
    items = [dataclasses.replace(items_of(gqa, [row])[0], id=str(i)) for i in range(4)]
    measures = fidelity_measures(items, said(items, "rouge", "red", "12", "à gauche"), ["?"] * 4)
    assert {m.metric: round(value(m), 1) for m in measures} == {"fidelity": 66.7, "unknowable": 25.0}
    assert measures[0].unmatched == 1
    nobody_knows = [dataclasses.replace(item, language="iu") for item in items]
    assert fidelity_measures(nobody_knows, said(items, "a", "b", "c", "d"), ["?"] * 4) == []


def test_consistency_is_the_same_option_whether_right_or_wrong():
    rows = [{"id": i, "question": "?", "options": ["a1", "b1"], "answer": 0} for i in range(4)]
    french, english = items_of(ai2d, rows), items_of(ai2d, rows, "en")
    one = ai2d.score(french, said(french, "A", "B", "A", "?"), "generate")[0]
    two = ai2d.score(english, said(english, "A", "B", "B", "?"), "generate")[0]
    found = consistency_measure(one, two, ("fr", "en"))
    assert value(found) == 50
    assert found.definition.startswith("same-answer|between:fr-en|")


@pytest.mark.parametrize(
    ("module", "row", "reason"),
    [
        (mmbench, {**MMB, "answer": "E"}, "the right answer 'E' is none of the 3 options"),
        (mmbench, {**MMB, "answer": ""}, "no right answer"),
        (mmbench, {**MMB, "A": "", "B": "nan", "answer": "C"}, "1 options"),
        (mmbench, {**MMB, "B": "nan", "answer": "B"}, "'B' is none of the 2 options"),
        (mmbench, {**MMB, "index": "x", "answer": "B"}, "index 'x' is no number"),
        (mmbench, {**MMB, "question": " ", "answer": "B"}, "no question"),
        (scienceqa, {"_key": "1", "question": "?", "choices": ["a"], "answer": 0}, "1 options"),
        (scienceqa, {"_key": "1", "question": "?", "choices": "a", "answer": 0}, "options are no list"),
        (pope, {"question_id": 1, "text": "?", "label": "peut-être"}, "neither yes nor no"),
        (vqav2, {"question_id": 1, "question": "?", "answers": []}, "no right answer"),
        (gqa, {"_key": "1", "question": "?", "imageId": "1"}, "no answer"),
        (maxm, {"question_id": 1, "question": "?", "answers": [""]}, "no right answer"),
    ],
)
def test_a_row_that_cannot_be_asked_says_why(module, row, reason):
    with pytest.raises(BadItem, match=reason):
        module.read(row, "fr")


def test_every_benchmark_is_under_its_own_name_and_found_by_its_fields():
    for name, benchmark in BENCHMARKS.items():
        assert benchmark.name == name
        assert benchmark.source.startswith("https://")
        assert recognise({**dict.fromkeys(benchmark.require, "x")}, "f").name == name
    with pytest.raises(ConfigError, match="Did you mean 'mmbench'"):
        find_benchmark("mmbnech")
    with pytest.raises(InputError, match="is of no benchmark that is known: its rows have a, b"):
        recognise({"a": 1, "b": 2}, "f")
