"""`passerelle translate`: what it prints, what it writes, what it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from passerelle.cli import main
from passerelle.endpoints.budget import Spent
from passerelle.translation.base import FakeTranslator
from passerelle.translation.engines import registry as engines

ROWS = [{"id": 1, "text": "A dog."}, {"id": 2, "text": "A dog. A cat."}, {"id": 3, "text": "Yes"}]


class Paid(FakeTranslator):
    """An engine that costs something."""

    spent = Spent(1, 10, 20, 0.5)

    def estimate(self, texts: int, characters: int) -> Spent:
        return Spent(texts, characters, characters, 0.25)

    def translate(self, texts: Any) -> list[str]:
        assert self.target == "fr", "a dry run asked an engine that costs something"
        return super().translate(texts)


class Beaming(FakeTranslator):
    """An engine with options."""

    def __init__(self, source: str, target: str, *, beams: int = 1, name: str = "") -> None:
        super().__init__(source, target, signature=f"beaming {beams} {name}")


def _beaming(place: str, source: str, target: str, options: dict[str, Any]) -> Beaming:
    return Beaming(source, target, **engines._checked("beaming", Beaming, options))


@pytest.fixture(autouse=True)
def fake(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> FakeTranslator:
    engine = FakeTranslator()
    monkeypatch.setitem(engines.ENGINES, "fake", lambda place, source, target, options: engine)
    monkeypatch.setitem(engines.ENGINES, "paid", lambda place, source, target, options: Paid(source, target))
    monkeypatch.setitem(
        engines.ENGINES,
        "beaming",
        lambda p, s, t, options: Beaming(s, t, **engines._checked("beaming", Beaming, options)),
    )
    return engine


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with data, which is the current one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "en.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["translate", *arguments])


GOOD = ("en.jsonl", "--to", "fr", "--out", "fr.jsonl", "--fields", "text", "--engine", "fake")


def changed(*changes: str, leave_out: str = "nothing") -> list[str]:
    """The good command with other values for some options, without another."""
    given = {"": GOOD[0], **dict(zip(GOOD[1::2], GOOD[2::2], strict=True))}
    given.pop(leave_out, None)
    given |= dict(zip(changes[::2], changes[1::2], strict=True))
    return [word for option, value in given.items() for word in (option, value) if word]


def test_the_summary_for_people_and_for_programs(data: Path) -> None:
    done = run(*GOOD)
    assert done.exit_code == 0, done.output
    assert [line.split() for line in done.stdout.splitlines()][:3] == [
        "rows 3: 3 written, 0 rejected".split(),
        "texts 3, 22 characters, 0 repaired".split(),
        "segments 3, 2 different".split(),
    ]
    assert "Bar" not in done.stderr
    said = json.loads(run(*GOOD, "--json").stdout)
    assert (said["rows"], said["written"], said["from_memory"], said["engine"]) == (3, 3, 2, "fake 1")
    assert sorted(path.name for path in data.iterdir()) == [
        "cache", "en.jsonl", "fr.jsonl", "fr.jsonl.README.md", "fr.jsonl.rejects.jsonl",
    ]  # fmt: skip


def test_reasons_are_listed(data: Path) -> None:
    (data / "en.jsonl").write_text('{"text": "A dog."}\n{\n[\n')
    done = run(*GOOD)
    assert "1 written, 2 rejected" in done.stdout
    assert ["broken-json", "2"] in [line.split() for line in done.stdout.splitlines()]


def test_languages_have_many_names(data: Path, fake: FakeTranslator) -> None:
    for name in ("fra", "fr-CA", "fra_Latn", "French"):
        said = json.loads(run(*changed("--to", name), "--json").stdout)
        assert (said["source_language"], said["target_language"]) == ("en", "fr")


def test_a_dry_run_writes_nothing_and_counts_what_is_known(
    data: Path, fake: FakeTranslator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("passerelle.commands.translate.time", SimpleNamespace(process_time=lambda: 42.0))
    (data / "one.jsonl").write_text(json.dumps(ROWS[0]) + "\n{\n")
    run(*changed("", "one.jsonl", "--out", "one.fr.jsonl"))
    before = sorted(data.iterdir())
    said = json.loads(run(*changed(leave_out="--out"), "--dry-run", "--json").stdout)
    assert sorted(data.iterdir()) == before
    assert 42 <= said.pop("estimated_seconds") < 50, "with what the program took to start"
    assert said == {
        "engine": "fake 1", "rows": 3, "rejected": {}, "texts": 3, "segments": 3, "characters": 22, "unique": 2,
        "from_memory": 1, "to_translate": 1, "characters_to_translate": 6, "estimated_spent": None,
    }  # fmt: skip
    printed = run(*changed(leave_out="--out"), "--dry-run").stdout
    # What was translated to see how fast the engine is isn't kept.
    assert "1 known, 1 to translate: 6 characters" in printed and "about 42 seconds" in printed


def test_a_dry_run_begins_no_memory(data: Path) -> None:
    assert run(*changed("--memory", "mine.sqlite", leave_out="--out"), "--dry-run").exit_code == 0
    assert not list(data.glob("mine.sqlite*"))


def test_what_stands_in_most_rows_is_shown_at_the_end(data: Path) -> None:
    rows = [{"text": f"<image>\nDescribe the image.\nDog {letter}."} for letter in "abc"]
    (data / "en.jsonl").write_text("".join(json.dumps(row) + "\n" for row in [*rows, *ROWS[:2]]))
    for _ in range(2):  # the second time nothing is written
        assert [line.split() for line in run(*GOOD).stdout.splitlines()[-2:]] == [
            "3 times Describe the image.".split(),
            "→ Décrivez l'image.".split(),
        ]
    said = json.loads(run(*GOOD, "--json").stdout)
    assert said["frequent"] == [{"text": "Describe the image.", "translation": "Décrivez l'image.", "times": 3}]
    assert said["ways"] == {"engine": 5}


def test_a_phrasebook_of_ones_own(data: Path) -> None:
    (data / "own.toml").write_text('[phrases]\n"A dog." = "Un toutou."\n')
    said = json.loads(run(*GOOD, "--phrasebook", "own.toml", "--json").stdout)
    assert json.loads((data / "fr.jsonl").read_text().splitlines()[0])["text"] == "Un toutou."
    assert said["ways"] == {"phrasebook": 1, "engine": 1, "lexicon": 1}
    assert "own.toml" in (data / "fr.jsonl.README.md").read_text()
    assert run(*GOOD).exit_code == 0
    assert json.loads((data / "fr.jsonl").read_text().splitlines()[0])["text"] == "[fr] A dog."
    assert "none.toml" in run(*GOOD, "--phrasebook", "none.toml").stderr


def test_a_dry_run_asks_nothing_of_an_engine_that_costs(data: Path) -> None:
    (data / "en.jsonl").write_text(json.dumps({"text": "See cat.jpg now."}) + "\n")
    arguments = changed("--to", "es", "--engine", "paid")
    said = json.loads(run(*arguments, "--dry-run", "--json").stdout)
    assert said["estimated_seconds"] is None
    assert said["estimated_spent"]["cost"] == 0.25
    assert "at most" in run(*arguments, "--dry-run").stdout
    assert "0.5000 by the prices given" in run(*changed("--engine", "paid")).stdout


def test_options_of_the_engine(data: Path) -> None:
    arguments = changed("--engine", "beaming")
    said = json.loads(run(*arguments, "--engine-option", "beams=4", "--engine-option", "name=x", "--json").stdout)
    assert said["engine"] == "beaming 4 x"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (changed("", "none.jsonl"), "no file at 'none.jsonl'"),
        (changed("--to", "frenhc"), "Did you mean 'French' (fr)?"),
        (changed("--from", "xx"), "unknown language 'xx'"),
        (changed("--to", "en-GB"), "the data are in English already"),
        (changed("--out", "en.jsonl"), "'en.jsonl' is the source itself"),
        (changed("--out", "./cache/../en.jsonl"), "is the source itself"),
        (changed("--out", "en.jsonl/fr.jsonl"), "one lies inside the other"),
        (changed("--out", "."), "one lies inside the other"),
        (changed("--memory", "en.jsonl"), "can't be the memory and a data file"),
        (changed("--memory", "fr.jsonl"), "can't be the memory and a data file"),
        (changed("--format", "lava"), "unknown format 'lava'. Did you mean 'llava'?"),
        (changed("--format", "jsonl", leave_out="--fields"), "needs the places of the texts"),
        (changed(leave_out="--fields"), "is in no format that is known"),
        (changed("--fields", "txt"), "no text at txt"),
        (changed("--images", "none"), "no folder at 'none'"),
        (changed("--glossary", "none.csv"), "can't read the glossary 'none.csv'"),
        (changed("--engine", "apertum"), "unknown engine 'apertum'. Did you mean 'apertium'?"),
        (changed("--engine", "apertium", "--to", "ja"), "no installed Apertium pair translates en to ja"),
        (changed("--engine", "ctranslate2:none"), "no model folder 'none'. Make one"),
        (changed("--engine", "memory", "--memory", "none.sqlite"), "no translation memory at 'none.sqlite'"),
        (changed("--engine", "memory:x.sqlite"), "write '--engine memory --memory x.sqlite'"),
        (changed("--engine-option", "beams"), "'beams' is no option of an engine"),
        (changed("--engine", "beaming", "--engine-option", "beam=4"), "Did you mean 'beams'?"),
        (changed("--engine", "beaming", "--engine-option", "beams=many"), "option 'beams' of beaming can't be 'many'"),
        (changed(leave_out="--out"), "--out FILE"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(data: Path, arguments: list[str], said: str) -> None:
    done = run(*arguments)
    assert done.exit_code == 2, done.output
    (line,) = done.stderr.strip().splitlines()
    assert said in line
    assert done.stdout == ""
    assert (data / "en.jsonl").read_text().startswith('{"id": 1')
    assert not (data / "fr.jsonl").exists()


def test_a_folder_that_holds_something_is_not_written_into(data: Path) -> None:
    (data / "full").mkdir()
    (data / "full" / "kept.txt").touch()
    done = run(*changed("--out", "full"))
    assert (done.exit_code, "'full' is a folder with something in it" in done.stderr) == (2, True)


def test_strict(data: Path) -> None:
    (data / "en.jsonl").write_text('{"text": "A dog."}\n{\n')
    done = run(*GOOD, "--strict")
    assert done.exit_code == 2
    assert "en.jsonl, row 2: broken-json: " in done.stderr
    assert not (data / "fr.jsonl").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize("name", ["fr.jsonl", "fr.jsonl.rejects.jsonl"])
def test_a_full_disk_is_one_line_and_the_next_run_goes_on(data: Path, name: str) -> None:
    (data / "en.jsonl").write_text((data / "en.jsonl").read_text() + "{\n")
    beside = data / f".{name}.{os.getpid()}.part"
    beside.symlink_to("/dev/full")
    done = run(*GOOD)
    assert done.exit_code == 1
    (line,) = done.stderr.strip().splitlines()
    assert "the disk is full" in line and "what is finished is kept" in line
    assert not beside.is_symlink() and not (data / "fr.jsonl").exists()
    said = json.loads(run(*GOOD, "--json").stdout)
    assert (said["written"], said["translated"]) == (3, 0)


def test_help_is_light() -> None:
    code = "import sys; from passerelle.cli import main; main(['translate', '--help'], standalone_mode=False)"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; sys.exit('passerelle.translation.dataset' in sys.modules)"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "--fallback-engine" in done.stdout


def test_a_run_that_writes_nothing_fails_and_says_why(data: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for folder in (data, elsewhere):
        Image.new("RGB", (8, 8)).save(folder / "a.png")
    turns = [{"from": "human", "value": "<image>\nWhat is it?"}, {"from": "gpt", "value": "A dog."}]
    places = (data / "a.png", elsewhere / "a.png", data / "none.png")
    rows = [{"id": str(place), "image": str(place), "conversations": turns} for place in places]
    (data / "en.json").write_text(json.dumps(rows))
    words = ("en.json", "--to", "fr", "--out", "fr.json", "--engine", "fake", "--json")
    for more, written, reasons in (
        ((), 1, {"outside-folder": 1, "missing-image": 1}),
        (("--images", str(data)), 1, {"outside-folder": 1, "missing-image": 1}),
        (("--images-anywhere",), 2, {"missing-image": 1}),
    ):
        done = run(*words, *more)
        said = json.loads(done.stdout)
        assert (done.exit_code, said["written"], said["rejected"]) == (0, written, reasons)
    done = run(*words, "--images", str(elsewhere))
    assert done.exit_code == 0  # the picture there is inside that folder
    (data / "en.json").write_text(json.dumps(rows[2:]))
    done = run(*words)
    assert done.exit_code == 2 and json.loads(done.stdout)["written"] == 0
    assert "none of 1 rows could be written; 1 for missing-image" in done.stderr
    assert (data / "fr.json.rejects.jsonl").read_text()
