"""A language is one file: those that ship are whole, one's own is read like them, and what isn't known is said."""

from __future__ import annotations

import json
from importlib.resources import as_file, files
from pathlib import Path

import pytest
from click.testing import CliRunner

from passerelle.cli import main
from passerelle.errors import ConfigError, InputError
from passerelle.evaluation.benchmarks.base import BadItem
from passerelle.evaluation.benchmarks.pope import truth_of
from passerelle.evaluation.parsing.localised import option_of, reader_of, same_answer, yes_or_no
from passerelle.languages.knowledge import (
    known,
    known_languages,
    languages_beside,
    own_digest,
    read_language,
    shipped_codes,
)
from passerelle.languages.overview import WITHOUT, overview, start_file
from passerelle.languages.reading_words import Reading

ESPERANTO = """
name = "Esperanto"
[instructions]
letter = "Respondu per la litero."
[reading]
yes = ["jes"]
no = ["ne"]
negates = ['\\bne\\b']
exists = ["estas"]
[numbers]
decimal = ","
words = { du = 2, tri = 3, dek = 10, cent = 100 }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "languages").mkdir()
    (tmp_path / "languages" / "eo.toml").write_text(ESPERANTO, encoding="utf-8")
    return tmp_path / "languages"


def test_all_files_that_ship_are_right() -> None:
    for code in shipped_codes():
        assert known(code).code == code
        assert known(code).name
        file = files("passerelle.data").joinpath("languages", f"{code}.toml")
        with as_file(file) as path:  # with its patterns compiled, as those of one's own are
            assert read_language(path) == known(code)


def test_what_is_read_is_whole() -> None:
    """A language whose answers are read has all that the grammar needs."""
    needed = ("yes", "no", "refuses", "negates", "exists", "scene", "leads", "either", "option_words")
    for code in shipped_codes():
        knowledge = known(code)
        if knowledge.reading is not None:
            assert not [key for key in needed if not getattr(knowledge.reading, key)], code
            assert knowledge.open is not None and knowledge.numbers is not None, code
            assert knowledge.sources, code


def test_a_file_of_ones_own_is_read_like_those_that_ship(folder: Path) -> None:
    assert known("eo").reading is None
    with known_languages(folder):
        assert yes_or_no("Jes, estas hundo.", "eo") == "yes"
        assert yes_or_no("Hundo ne estas tie.", "eo", "Ĉu estas hundo?") == "no"
        assert same_answer("dek du", "12", "eo")
        assert option_of("B", ["a", "b"], "eo") == 1
        assert known("eo").length is not None, "parts that it hasn't are those that ship"
        assert reader_of("eo").endswith(own_digest("eo")) and own_digest("eo")
        assert reader_of("fr") == "localised-fr-5"
    assert reader_of("eo") == "localised-eo-5-letters"
    assert own_digest() == ""


def test_a_changed_file_is_read_anew(folder: Path) -> None:
    with known_languages(folder):
        before = reader_of("eo")
    (folder / "eo.toml").write_text(ESPERANTO.replace('yes = ["jes"]', 'yes = ["jes", "certe"]'), encoding="utf-8")
    with known_languages(folder):
        assert reader_of("eo") != before
        assert yes_or_no("Certe.", "eo") == "yes"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("eo.toml", "[reading]\nyes = []\nno = ['ne']", r"reading.yes"),
        ("eo.toml", "[reading]\nyess = ['jes']", r"reading.yess.*Did you mean 'reading.yes'"),
        ("eo.toml", "[reading]\nyes = ['jes']\nno = ['ne']\nnegates = ['(']", "no regular expression"),
        ("eo.toml", "[reading]\nyes = ['jes']\nno = ['ne']\nabsent = ['[']", "no regular expression"),
        ("eo.toml", "[reading", "not valid TOML"),
        ("epo.toml", "name = 'Esperanto'", r"called eo.toml"),
        ("xx.toml", "name = 'none'", "unknown language 'xx'"),
    ],
)
def test_a_file_that_is_wrong_is_refused(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError, match=said), known_languages(tmp_path):
        pass


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no file of a language"), known_languages(tmp_path):
        pass
    assert languages_beside(tmp_path / "experiment.yaml") is None


def test_the_folder_beside_an_experiment_is_found(folder: Path) -> None:
    assert languages_beside(folder.parent / "experiment.yaml") == folder


def test_what_is_missing_says_what_is_done_without_it() -> None:
    found = overview("Esperanto")
    assert found.code == "eo" and "reading" in found.missing and "pmi" in found.missing["reading"]
    assert {*found.known, *found.missing} == set(WITHOUT)


def test_a_begun_file_is_right_as_it_is_and_says_what_each_key_is(tmp_path: Path) -> None:
    for code in ("fr", "eo", "tlh"):
        start_file(code, tmp_path / f"{code}.toml")
    before = known("fr")
    with known_languages(tmp_path):
        assert known("fr") == before.model_copy(update={"sources": ()})
        assert known("tlh").reading is None
    text = (tmp_path / "eo.toml").read_text(encoding="utf-8")
    assert all(f"# {key}: " in text for key in Reading.model_fields)
    assert all(f"[{part}]" in text for part in WITHOUT), "every part"
    with pytest.raises(InputError, match="there already"):
        start_file("fr", tmp_path / "fr.toml")
    with pytest.raises(InputError, match=r"called fr.toml"):
        start_file("fr", tmp_path / "french.toml")


def test_the_command(folder: Path) -> None:
    run = CliRunner().invoke
    assert "fr " in run(main, ["languages"]).stdout
    said = run(main, ["languages", "eo"]).stdout
    assert "missing  reading" in said and "--start languages/eo.toml" in said
    found = json.loads(run(main, ["languages", "eo", "--languages", str(folder), "--json"]).stdout)
    assert "reading" in found["known"] and found["own"]
    started = run(main, ["languages", "ca", "--start", str(folder / "ca.toml")])
    assert started.exit_code == 0 and (folder / "ca.toml").is_file()
    assert run(main, ["languages", "--start", "x.toml"]).exit_code == 2


def test_labels_are_read_in_the_words_of_ones_own_file(tmp_path: Path) -> None:
    with pytest.raises(BadItem, match="neither yes nor no"):
        truth_of("jes")
    prompts = {"yes": "Jes", "no": "Ne", "caption": "Kio?", "yes_no": "{caption}?", "which": "{a} {b} {c} {d}"}
    lines = [f'{key} = "{words}"' for key, words in prompts.items()]
    (tmp_path / "eo.toml").write_text("\n".join(["[prompts]", *lines]), encoding="utf-8")
    with known_languages(tmp_path):
        assert truth_of("Jes.") is True and truth_of("ne") is False
    with pytest.raises(BadItem, match="neither yes nor no"):
        truth_of("jes")


def test_commands_know_ones_own_file_until_they_are_done(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "en.toml").write_text('[sentences]\nbefore_name = "zqx"\n', encoding="utf-8")
    (tmp_path / "own" / "eo.toml").write_text('[nouns]\nfoo = "bar"\n', encoding="utf-8")
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "A dog."}\n', encoding="utf-8")
    arguments = [str(rows), "--to", "eo", "--fields", "text", "--dry-run", "--languages", str(tmp_path / "own")]
    wrong = CliRunner().invoke(main, ["translate", *arguments])
    assert wrong.exit_code == 2 and "nouns.foo" in wrong.stderr
    assert own_digest() == ""


def test_answers_whose_meaning_is_known_are_tried(tmp_path: Path) -> None:
    rows = [
        {"kind": "yes_no", "question": "Is er een hond?", "answer": "Ja, een hond.", "meaning": "yes"},
        {"kind": "yes_no", "question": "Is er een hond?", "answer": "Ja, een hond.", "meaning": "no"},
        {"kind": "yes_no", "question": "Is er een hond?", "answer": "Nee.", "meaning": None},
        {"kind": "letter", "options": ["a", "b"], "answer": "B", "meaning": "B"},
        {"kind": "open", "question": "Hoeveel?", "reference": "12", "answer": "twaalf", "meaning": True},
    ]
    file = tmp_path / "answers.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    run = CliRunner().invoke
    said = run(main, ["languages", "nl", "--answers", str(file)]).stdout
    assert "all      3 of 5 read right" in said and "1 of 1 that answer nothing are taken" in said
    assert "'Ja, een hond.' is no, read yes" in said
    found = json.loads(run(main, ["languages", "nl", "--answers", str(file), "--json"]).stdout)
    assert found["taken"] == 1 and len(found["misread"]) == 2
    wrong = [
        ({"meaning": "perhaps"}, "'meaning' is 'perhaps': give one of yes, no, null"),
        ({"kind": "letter", "options": ["a", "b"], "meaning": "C"}, "give one of A, B, null"),
        ({"kind": "sentence"}, "kind"),
        ({"kind": "open", "meaning": True}, "no 'reference'"),
    ]
    for change, reason in wrong:
        file.write_text(json.dumps({**rows[0], **change}), encoding="utf-8")
        refused = run(main, ["languages", "nl", "--answers", str(file)])
        assert refused.exit_code == 2 and "row 1" in refused.stderr and reason in refused.stderr, refused.stderr
    file.write_text("", encoding="utf-8")
    assert "holds no answers" in run(main, ["languages", "nl", "--answers", str(file)]).stderr
    assert run(main, ["languages", "--answers", str(file)]).exit_code == 2
