"""The command from end to end: a real small model, predictions, resuming, and bad input."""

import json
import shutil
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from click.testing import CliRunner

from benchmark_files import write_lines
from passerelle.cli import main
from passerelle.errors import ConfigError, InputError
from passerelle.evaluation.asking import asking, members
from passerelle.evaluation.asking.suspects import read_suspects
from passerelle.evaluation.run import Options, evaluate
from passerelle.evaluation.writing import read_answers
from passerelle.quality.assessing import FakeAssess
from passerelle.quality.suspects import audited
from passerelle.report.evaluation_table import tables_of
from passerelle.report.several.together import as_json, put_together

WORDS = {"en": ("Yes", "No"), "fr": ("Oui", "Non")}


def predictions(bench, languages=("en", "fr"), wrong=(), name="said.jsonl"):
    rows = []
    for language in languages:
        for line in (bench / f"pope-{language}.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            right = row["question_id"] not in wrong
            word = WORDS[language][0 if (row["label"] == "yes") == right else 1]
            rows.append({"question_id": row["question_id"], "language": language, "text": f"{word}."})
    return write_lines(bench / name, rows)


def figure(results, metric, language, system=None, parser=None):
    found = [f for f in results["figures"] if (f["metric"], f["language"], f["subtask"]) == (metric, language, "")]
    found = [f for f in found if system in (None, f["system"]) and (parser is None or f["parser"] == parser)]
    return found[0]


def options(bench, **changes):
    given = {
        "models": (),
        "benchmarks": (f"pope={bench}/pope-{{language}}.jsonl",),
        "languages": "fr,en",
        "out": bench / "out",
    }
    return Options(**{**given, **changes})


def test_raw_scores_are_by_the_rules_that_are_named(bench, capsys):
    given = options(bench, predictions=(str(predictions(bench)),), languages="en")
    found = {}
    for rules in ("", "lmms-eval", "vlmevalkit"):
        results = evaluate(replace(given, rules=rules))
        raw = figure(results, "accuracy", "en", parser="published")
        found[next(p for p in raw["signature"].split("|") if p.startswith("parser:"))] = raw["value"]
    # lmms-eval's POPE wants the bare word: "Yes." is wrong there.
    assert found == {"parser:authors": 100, "parser:lmms-eval-0.7.3": 0, "parser:vlmevalkit-2026-08-18": 100}
    with pytest.raises(ConfigError, match="vlmevalkit"):
        evaluate(replace(given, rules="vlmeval"))
    assert "raw: vlmevalkit-2026-08-18" in next(tables_of(results))[0]


def test_a_benchmark_without_the_named_rules_keeps_its_own_and_says_so(bench, capsys):
    write_lines(bench / "maxm.jsonl", [{"question_id": "1", "question": "What?", "answers": ["a dog"]}])
    said = write_lines(bench / "a.jsonl", [{"question_id": "1", "text": "A dog."}])
    given = options(bench, predictions=(str(said),), languages="en", benchmarks=(f"maxm={bench}/maxm.jsonl",))
    results = evaluate(replace(given, rules="vlmevalkit"))
    assert "parser:exact-match" in figure(results, "accuracy", "en", parser="published")["signature"]
    assert "maxm: vlmevalkit has no rules for it; raw scores are by exact-match." in capsys.readouterr().err


def test_predictions_are_scored_by_both_parsers(bench):
    results = evaluate(options(bench, predictions=(str(predictions(bench)),)))
    assert figure(results, "accuracy", "fr", parser="localised")["value"] == 100
    # POPE's own rule takes Oui and Non for yes: 4 of 16 are.
    assert figure(results, "accuracy", "fr", parser="published")["value"] == 25
    assert figure(results, "accuracy", "en", parser="published")["value"] == 100
    assert figure(results, "fidelity", "fr")["value"] == 100
    gap = results["gaps"][0]
    assert gap["parts"]["total"][0] == gap["parts"]["parser"][0] == 75
    assert gap["parts"]["model"][0] == 0
    assert figure(results, "consistency", "fr-en")["value"] == 100
    signature = figure(results, "accuracy", "fr", parser="localised")["signature"]
    assert signature == (
        "pope|accuracy|method:generate|parser:localised-fr-5|lang:fr|n:16|clusters:4|missing:0|seeds:1"
        "|ci:korn-graubard|v:3"
    )


def unreadable(bench, ids, name="unreadable.jsonl"):
    """Write predictions in French of which some are neither yes nor no."""
    rows = [json.loads(line) for line in predictions(bench, ("fr",)).read_text(encoding="utf-8").splitlines()]
    return write_lines(bench / name, [{**row, "text": "Bof."} if row["question_id"] in ids else row for row in rows])


def test_unread_answers_are_said_beside_the_score_and_in_the_headline(bench):
    said = unreadable(bench, (2, 6, 7))
    results = evaluate(options(bench, predictions=(f"mine={said}",), languages="fr"))
    share = figure(results, "accuracy", "fr", parser="localised")["unread"]
    assert share["value"] == 100 * 3 / 16 and share["low"] < 7 and share["high"] > 40
    assert figure(results, "fidelity", "fr")["unread"] is None
    assert results["unread"] == [
        {"system": "mine", "benchmark": "pope", "language": "fr", "reasons": {"nothing said": 3}}
    ]
    sentence, advice = results["warnings"]
    assert sentence.startswith("pope (fr): more than 5% of the answers couldn't be read: mine 18.8% [")
    assert "--method mean" in advice and "passerelle review create --unread" in advice and "--reader llm:" in advice
    arguments = ["evaluate", "--predictions", f"mine={said}", "--benchmark", f"pope={bench}/pope-fr.jsonl"]
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(
        main, [*arguments, "--language", "fr", "--out", str(bench / "out")]
    )
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.startswith(sentence) and "16 → 3" in shown.stdout and "18.8% [" in shown.stdout
    fewer = unreadable(bench, ())
    assert evaluate(options(bench, predictions=(f"mine={fewer}",), languages="fr"))["warnings"] == []


def test_the_headline_is_by_the_reading_that_leaves_fewer_unread(bench, monkeypatch):
    given = options(bench, predictions=(f"a={predictions(bench)}",))
    results = evaluate(given)
    assert {f["parser"] for f in results["figures"] if f["headline"]} == {"localised"}
    monkeypatch.setattr("passerelle.evaluation.metrics.answer_reading.yes_or_no", lambda *_: None)
    results = evaluate(given)
    readings = {row["language"]: row for row in results["readings"]}
    # Of English answers POPE's rule reads all, of French ones it guesses all.
    assert (readings["en"]["parser"], readings["en"]["localised"], readings["en"]["published"]) == ("published", 16, 0)
    assert (readings["fr"]["parser"], readings["fr"]["localised"], readings["fr"]["published"]) == ("localised", 16, 16)
    headlines = {(f["language"], f["parser"]) for f in results["figures"] if f["headline"]}
    assert headlines == {("en", "published"), ("fr", "localised")}
    assert results["warnings"][0] == (
        "pope (en): scores are by the benchmark's published rule, which leaves 0 of 16 answers unread, where the rules "
        "of the language leave 16."
    )
    rows = [json.loads(line) for line in (bench / "out" / "answers.jsonl").read_text(encoding="utf-8").splitlines()]
    assert all(row["right"] for row in rows if row["language"] == "en")
    compared = next(c for c in results["comparisons"] if c["language"] == "fr-en")
    assert compared["difference"] == -100


def test_answers_keep_what_each_scores_and_two_runs_are_compared_by_it(bench):
    questions = [{"question_id": n, "question": "What?", "answers": ["dog"] * 2 + ["cat"] * 8} for n in range(8)]
    captions = [{"image_id": n, "captions": ["a cat on a red mat", f"thing {n} on a mat"]} for n in range(8)]
    asked = {"vqav2": write_lines(bench / "vqa.jsonl", questions), "coco": write_lines(bench / "coco.jsonl", captions)}
    runs = {}
    for run, (right, caption) in {"one": ("dog", "a dog"), "two": ("cat", "a cat on a red mat")}.items():
        said = [{"question_id": n, "benchmark": "vqav2", "text": right if n % 2 else "dog"} for n in range(8)]
        said += [{"question_id": n, "benchmark": "coco", "text": caption if n % 2 else f"thing {n}"} for n in range(8)]
        given = options(
            bench,
            predictions=(f"mine={write_lines(bench / f'{run}.jsonl', said)}",),
            benchmarks=tuple(f"{name}={path}" for name, path in asked.items()),
            languages="en",
            out=bench / run,
        )
        runs[run] = evaluate(given), read_answers(bench / run / "answers.jsonl")
    for results, rows in runs.values():
        for name in asked:
            (headline,) = (f for f in results["figures"] if f["benchmark"] == name and f["headline"])
            scores = [row["score"] for row in rows if row["benchmark"] == name]
            assert len(scores) == 8 and np.mean(scores) == pytest.approx(headline["value"])
            assert "|ci:korn-graubard|" in headline["signature"] and headline["low"] < headline["value"]
    found = as_json(put_together([("", bench / run) for run in runs]))
    assert not found["not_comparable"]
    gaps = {each["metric"]: each["difference"] for each in found["comparisons"]}
    figures = {f["benchmark"]: f["value"] for f in runs["one"][0]["figures"] if f["headline"]}
    now = {f["benchmark"]: f["value"] for f in runs["two"][0]["figures"] if f["headline"]}
    assert sorted(gaps.values()) == pytest.approx(sorted(now[name] - figures[name] for name in asked))
    assert now["vqav2"] > figures["vqav2"] > 0


def test_a_refusal_that_a_published_rule_takes_for_an_answer_is_unread_by_it_too(bench):
    file = predictions(bench)
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    rows[0]["text"] = "I'm not sure, I can't see that."
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    results = evaluate(options(bench, predictions=(f"a={file}",)))
    reading = next(row for row in results["readings"] if row["language"] == rows[0]["language"])
    assert (reading["parser"], reading["localised"], reading["published"]) == ("localised", 1, 1)
    assert not any("published rule" in warning for warning in results["warnings"])


def test_two_systems_are_compared_on_the_same_questions(bench):
    first = predictions(bench, wrong=(1,), name="first.jsonl")
    second = predictions(bench, wrong=(1, 2, 6, 7, 11, 12), name="second.jsonl")
    results = evaluate(options(bench, predictions=(f"a={first}", f"b={second}"), languages="fr"))
    found = next(c for c in results["comparisons"] if c["language"] == "fr")
    assert (found["first"], found["second"]) == ("a", "b")
    assert found["difference"] == pytest.approx(100 * 5 / 16)
    assert (found["only_first"], found["only_second"]) == (5, 0)
    assert found["mcnemar_p"] == pytest.approx(2 * 0.5**5)
    assert found["holm_p"] >= found["p"]
    assert found["detectable"] > 0


def test_suspect_items_are_left_out_and_the_gap_is_divided(bench):
    said = predictions(bench, wrong=())
    rows = [json.loads(line) for line in said.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        if row["language"] == "fr" and row["question_id"] in (1, 2, 3):
            row["text"] = "Non." if row["text"] == "Oui." else "Oui."
    write_lines(said, rows)
    suspects = bench / "suspects.txt"
    suspects.write_text("1\n2\n")
    results = evaluate(options(bench, predictions=(str(said),), suspects=suspects))
    gap = results["gaps"][0]
    assert gap["suspects"] == 2
    assert gap["localised"] == pytest.approx(100 * 13 / 16)
    assert gap["without_suspects"] == pytest.approx(100 * 13 / 14)
    parts = {name: value[0] for name, value in gap["parts"].items()}
    assert parts["total"] == pytest.approx(parts["parser"] + parts["items"] + parts["model"])
    assert parts["items"] == pytest.approx(100 * (13 / 14 - 13 / 16))
    assert parts["model"] == pytest.approx(100 / 14)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('[{"id": 1, "probability": "x"}]', "row 1: 'probability' is 'x'; write a number from 0 to 1"),
        ('[{"id": 1, "probability": [1]}]', "'probability' is a list"),
        ('[{"id": 1, "probability": NaN}]', "'probability' is nan"),
        ('[{"id": 2}, {"id": {"a": 1}}]', "row 2: an id or a benchmark is a dict"),
        ('[{"id": 1, "benchmark": ["pope"]}]', "row 1: an id or a benchmark is a list"),
        pytest.param('[{"id": 1, "x": ' + "[" * 3000, "ested too deeply", id="deep"),
        pytest.param('{"id": 1, "x": ' + "[" * 3000, "ested too deeply", id="deep object"),
        ("3", "not an object"),
        ("[null]", "row 1: not an object"),
        ('[{"id": "\\ud800"}]', "half of a surrogate pair"),
        ('["\\ud800", "b"]', "half of a surrogate pair"),
        ("[]", "names no items"),
    ],
)
def test_suspects_of_wrong_types_are_told(tmp_path, content, said):
    (tmp_path / "suspects.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as raised:
        read_suspects(tmp_path / "suspects.json")
    assert said in str(raised.value)


def test_a_list_of_ids_is_enough(tmp_path):
    (tmp_path / "suspects.json").write_text('[1, "b"]', encoding="utf-8")
    assert read_suspects(tmp_path / "suspects.json") == {"": {"1", "b"}}


def test_predictions_with_half_a_character_are_told(bench):
    said = predictions(bench, ("en",))
    lines = said.read_text(encoding="utf-8").splitlines()
    lines[0] = '{"question_id": 1, "language": "en", "text": "Yes \\ud83d"}'
    lines[1] = lines[1].replace("{", '{"seconds": "x", ', 1)
    said.write_text("\n".join(lines), encoding="utf-8")
    results = evaluate(options(bench, predictions=(str(said),), languages="en"))
    assert figure(results, "accuracy", "en", parser="localised")["missing"] == 1
    assert "line 1: a text holds half of a surrogate pair" in " ".join(results["notes"])


@pytest.mark.parametrize(
    ("out", "said"), [("file/x", "a part of its path"), ("file", "is a file where"), ("n" * 300, "name is too long")]
)
def test_an_out_that_cant_be_is_told(bench, out, said):
    (bench / "file").touch()
    with pytest.raises(InputError, match=said):
        evaluate(options(bench, predictions=(str(predictions(bench)),), out=bench / out))


def test_the_audit_flags_suspect_items(bench):
    audit = partial(audited, assess=FakeAssess({"Est-ce bleu ?": 0.1}))
    results = evaluate(options(bench, predictions=(str(predictions(bench)),)), audit)
    assert results["suspects"] == {"pope": ["10", "14", "2", "6"]}
    assert results["gaps"][0]["suspects"] == 4


def test_the_shipped_estimate_flags_a_translation_that_is_wrong(bench):
    french = bench / "pope-fr.jsonl"
    rows = [json.loads(line) for line in french.read_text(encoding="utf-8").splitlines()]
    rows[0]["text"] = "Le gouvernement a refusé de répondre à la question."
    write_lines(french, rows)
    command = [
        "evaluate",
        "--predictions",
        str(predictions(bench)),
        "--benchmark",
        f"pope={bench}/pope-{{language}}.jsonl",
    ]
    command += ["--images", str(bench), "--language", "fr,en", "--audit", "--out", str(bench / "out"), "--json"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    suspects = json.loads(done.stdout)["suspects"]["pope"]
    assert "1" in suspects and len(suspects) < len(rows)


def test_a_model_answers_resumes_and_is_never_asked_again(bench, model_folder, monkeypatch, empty_cache):
    asked = []
    answer = members.LocalModel.answer

    def counted(self, questions, pictures, max_new_tokens):
        if len(asked) >= stop:
            raise KeyboardInterrupt
        asked.append([q.id for q in questions])
        return answer(self, questions, pictures, max_new_tokens)

    monkeypatch.setattr(asking, "QUESTIONS_PER_CHUNK", 8)
    monkeypatch.setattr(members.LocalModel, "answer", counted)
    given = options(bench, models=(f"tiny={model_folder}",), method="sum", languages="fr")
    stop = 1
    with pytest.raises(KeyboardInterrupt):
        evaluate(given)
    journal = next((bench / "out" / "answers").rglob("*.jsonl"))
    with journal.open("ab") as file:
        file.write(b'{"key": "torn')
    stop = 99
    results = evaluate(given)
    assert sorted(i for chunk in asked for i in chunk) == sorted(str(i) for i in range(1, 17))
    assert figure(results, "accuracy", "fr")["units"] == 16
    asked.clear()
    again = evaluate(given)
    assert asked == []
    assert again["figures"] == results["figures"]
    rows = [json.loads(line) for line in (bench / "out" / "answers.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 16
    assert all(len(row["logprobs"]) == 2 and row["seconds"] > 0 and row["options"] == ["Oui", "Non"] for row in rows)


def test_circular_questions_are_asked_in_every_rotation(bench, model_folder, empty_cache):
    benchmarks = (f"mmbench={bench}/mmb-{{language}}.tsv",)
    given = options(bench, models=(f"tiny={model_folder}",), benchmarks=benchmarks)
    results = evaluate(given)
    assert figure(results, "circular", "fr", parser="localised")["units"] == 4
    assert figure(results, "vanilla", "fr", parser="localised")["units"] == 16
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(bench / "out" / "answers.parquet")
    assert table.num_rows == 32
    assert set(table["text"].to_pylist()) != {""}


def test_pictures_are_computed_once_for_both_languages(bench, model_folder, empty_cache, monkeypatch):
    from passerelle.models.vision_cache import VisionFeatures

    computed = []
    compute = VisionFeatures._compute
    monkeypatch.setattr(VisionFeatures, "_compute", lambda self, s, f: computed.append(s.key) or compute(self, s, f))
    evaluate(options(bench, models=(f"tiny={model_folder}",), method="sum"))
    assert len(computed) == len(set(computed)) == 4


def test_seeds_are_pooled(bench):
    """Two seeds of one arm: the figure is their mean, the spread is beside it."""
    from passerelle.evaluation.asking.predictions import answers_to, read_predictions
    from passerelle.evaluation.reading import read_test
    from passerelle.evaluation.results import Said, put_together
    from passerelle.evaluation.specification import Planned, Source

    source = Source("pope", (str(bench / "pope-fr.jsonl"),), "fr")
    test = read_test(Planned((source,), "generate"), source, bench, with_pictures=False)
    files = [predictions(bench, ("fr",), wrong=w, name=n) for w, n in (((1,), "1.jsonl"), ((1, 2, 3), "2.jsonl"))]
    seeds = tuple(answers_to(read_predictions(file), test, ["fr"], True) for file in files)
    results = put_together({"arm": {"pope": {"fr": Said(test, seeds)}}}, {}, ())
    found = next(f for f in results.figures if f.metric == "accuracy" and f.parser == "localised")
    assert found.by_seed == (100 * 15 / 16, 100 * 13 / 16)
    assert found.value == pytest.approx(100 * 14 / 16)
    assert "|seeds:2|" in found.signature


def test_bad_rows_are_left_out_and_the_gap_is_stated(bench, model_folder, empty_cache):
    rows = [json.loads(line) for line in (bench / "pope-en.jsonl").read_text(encoding="utf-8").splitlines()]
    rows[0]["image"] = "gone.png"
    rows[1]["label"] = "perhaps"
    rows[2]["question_id"] = 4
    rows[4]["image"] = "broken.png"
    rows[5]["image"] = "../model/config.json"
    (bench / "broken.png").write_bytes((bench / "red.png").read_bytes()[:60])
    write_lines(bench / "pope-en.jsonl", rows)
    with (bench / "pope-en.jsonl").open("a", encoding="utf-8") as file:
        file.write("{broken\n")
    results = evaluate(options(bench, models=(f"tiny={model_folder}",), method="sum", languages="en"))
    found = figure(results, "accuracy", "en")
    assert (found["units"], found["missing"]) == (11, 6)
    said = " ".join(results["notes"])
    assert "left out" in said
    lines = (bench / "out" / "results.json").read_text(encoding="utf-8")
    assert "|missing:6|" in lines


def test_choices_without_a_right_or_with_an_empty_option_are_named(bench):
    text = (bench / "mmb-en.tsv").read_text(encoding="utf-8").splitlines()
    cells = [line.split("\t") for line in text]
    cells[1][7], cells[2][4], cells[3][3] = "", "", "black"
    (bench / "mmb-en.tsv").write_text("\n".join("\t".join(row) for row in cells) + "\n", encoding="utf-8")
    said = write_lines(bench / "said.jsonl", [{"index": 4 + k * 1_000_000, "text": "D"} for k in range(4)])
    benchmarks = (f"mmbench={bench}/mmb-en.tsv",)
    results = evaluate(options(bench, benchmarks=benchmarks, languages="en", predictions=(str(said),)))
    assert (
        "3 left out: 1: no right answer; 2: the right answer 'B' is none of the 3 options; 3: two options are 'black'"
        in results["notes"][0]
    )
    assert figure(results, "circular", "en", parser="localised")["value"] == 0
    assert figure(results, "vanilla", "en", parser="localised")["value"] == 25


def test_answers_to_no_whole_question_are_told(bench):
    said = write_lines(bench / "said.jsonl", [{"index": index, "text": "D"} for index in range(1, 5)])
    benchmarks = (f"mmbench={bench}/mmb-en.tsv",)
    results = evaluate(options(bench, benchmarks=benchmarks, languages="en", predictions=(f"mine={said}",)))
    assert results["figures"] == []
    assert any(note.startswith("mine: mmbench (en) has no score") for note in results["notes"])


def test_predictions_for_other_questions_are_told(bench):
    said = predictions(bench, ("fr",))
    rows = [json.loads(line) for line in said.read_text(encoding="utf-8").splitlines()][2:]
    rows += [{"question_id": "stranger", "language": "fr", "text": "Oui"}, dict(rows[0], text="Oui")]
    write_lines(said, rows)
    results = evaluate(options(bench, predictions=(str(said),), languages="fr"))
    said = " ".join(results["notes"])
    assert "1 answers are to other questions, for example stranger" in said
    assert "3: answered twice; the first counts" in said
    assert "2 of 16 questions have no answer, for example 1: no prediction" in said
    assert figure(results, "accuracy", "fr", parser="localised")["missing"] == 2
    write_lines(bench / "none.jsonl", [{"question_id": "x", "text": "Oui"}])
    with pytest.raises(InputError, match=r"answers no question of pope \(fr\): its ids are 'x'"):
        evaluate(options(bench, predictions=(str(bench / "none.jsonl"),), languages="fr"))


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"benchmarks": ("popee=x.jsonl",)}, ConfigError, "unknown benchmark 'popee'. Did you mean 'pope'"),
        ({"benchmarks": ()}, ConfigError, "no benchmark: write --benchmark"),
        ({"languages": "fr,xx"}, ConfigError, "xx"),
        ({"languages": "sw"}, InputError, "no file at"),
        ({"predictions": ()}, ConfigError, "nothing to evaluate"),
        ({"models": ("nowhere",)}, InputError, "no model 'nowhere'"),
        ({"method": "pmi2"}, ConfigError, "unknown scoring rule 'pmi2'"),
        ({"references": ("nobody",)}, ConfigError, "unknown model for --against 'nobody'"),
        ({"benchmarks": ("pope:fr=a.jsonl",)}, ConfigError, "pope has no source in 'en'"),
        ({"benchmarks": ("pope=gone-{language}.jsonl",)}, InputError, "no file at 'gone-fr.jsonl'"),
    ],
)
def test_mistakes_are_told_in_one_line(bench, changes, error, message):
    given = options(bench, **{"predictions": (str(predictions(bench)),), **changes})
    with pytest.raises(error) as raised:
        evaluate(given)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_folder_that_is_no_vision_language_model_is_refused(bench, model_folder):
    (model_folder / "config.json").write_text('{"model_type": "gpt2"}', encoding="utf-8")
    with pytest.raises(InputError, match="can't load .* as a vision-language model"):
        evaluate(options(bench, models=(str(model_folder),)))


def test_rows_without_a_language_are_refused_where_there_are_two(bench):
    write_lines(bench / "said.jsonl", [{"question_id": 1, "text": "Oui"}])
    with pytest.raises(InputError, match="rows without a language, and fr and en are asked for"):
        evaluate(options(bench, predictions=(str(bench / "said.jsonl"),)))


@pytest.mark.parametrize("language", ["is", "hu", "ga"])
def test_likelihoods_need_no_words_of_a_language(bench, language):
    shutil.copy(bench / "pope-fr.jsonl", bench / f"pope-{language}.jsonl")
    scored = [{"question_id": n, "logprobs": [-1.0, -2.0], "priors": [-1.5, -1.5]} for n in range(1, 17)]
    given = options(bench, languages=language, method="pmi")
    results = evaluate(replace(given, predictions=(str(write_lines(bench / "scored.jsonl", scored)),)))
    found = figure(results, "accuracy", language)
    assert (found["value"], found["unread"], results["warnings"]) == (25, None, [])
    with pytest.raises(ConfigError, match=f"how answers are read isn't known in '{language}'.*--method pmi"):
        evaluate(replace(given, predictions=(str(bench / "scored.jsonl"),), method="generate"))


def test_letters_that_others_were_told_are_read_in_any_language(bench):
    shutil.copy(bench / "mmb-fr.tsv", bench / "mmb-is.tsv")
    said = [{"index": n + k * 1_000_000, "text": "ABCD"[(n - 1 - k) % 4]} for n in range(1, 5) for k in range(4)]
    given = options(bench, benchmarks=(f"mmbench={bench}/mmb-is.tsv",), languages="is")
    results = evaluate(replace(given, predictions=(str(write_lines(bench / "said.jsonl", said)),)))
    assert figure(results, "circular", "is", parser="localised")["value"] == 100


def test_command_prints_tables_and_json(bench):
    said = predictions(bench)
    arguments = ["evaluate", "--predictions", f"mine={said}", "--benchmark", f"pope={bench}/pope-{{language}}.jsonl"]
    arguments += ["--language", "fr,en", "--out", str(bench / "out")]
    shown = CliRunner(env={"COLUMNS": "200"}).invoke(main, arguments)
    assert shown.exit_code == 0, shown.output
    assert "25.0" in shown.output and "100.0" in shown.output and "parser:localised-fr-5" in shown.output
    found = CliRunner().invoke(main, [*arguments, "--json"])
    assert json.loads(found.stdout)["figures"][0]["system"] == "mine"


def test_a_data_set_folder_is_read_by_datasets(bench, tmp_path):
    import datasets

    rows = [json.loads(line) for line in (bench / "pope-en.jsonl").read_text(encoding="utf-8").splitlines()]
    folder = tmp_path / "dataset"
    datasets.Dataset.from_list(rows).save_to_disk(str(folder))
    said = predictions(bench, ("en",))
    given = options(bench, benchmarks=(f"pope=datasets:{folder}",), languages="en", predictions=(str(said),))
    assert figure(evaluate(given), "accuracy", "en", parser="localised")["value"] == 100
    shutil.rmtree(folder)
    with pytest.raises(InputError, match="`datasets` can't load"):
        evaluate(given)


def test_a_benchmark_is_recognised_by_its_rows(bench):
    given = options(bench, benchmarks=(f"{bench}/pope-fr.jsonl",), languages="fr")
    results = evaluate(Options(**{**vars(given), "predictions": (str(predictions(bench, ("fr",))),)}))
    assert results["figures"][0]["benchmark"] == "pope"
