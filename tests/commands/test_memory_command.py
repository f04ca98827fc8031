"""`passerelle memory`: what it prints, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from passerelle.cli import main
from passerelle.commands.memory import ORIGINS
from passerelle.translation.memory.memory import ORIGINS_BY_RANK, TranslationMemory


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(main, ["memory", *map(str, arguments)])


@pytest.fixture
def filled(empty_cache: Path) -> Path:
    """Fill the memory in the cache."""
    with TranslationMemory(empty_cache / "translations.sqlite") as memory:
        memory.store([("a black dog", "un chien noir"), ("a cat", "un chat")], "en", "fr", "fake 1", "machine")
        memory.store([("a black dog", "un chien noir !")], "en", "fr", "fake 2", "native")
        memory.store([("a cat", "un gato")], "en", "es", "fake 1", "machine", "g1")
    return empty_cache


def test_the_origins_are_those_of_the_memory() -> None:
    assert ORIGINS == ORIGINS_BY_RANK


def test_stats(filled: Path) -> None:
    said = json.loads(run("stats", "--json").stdout)
    assert (said["entries"], Path(said["memory"])) == (4, filled / "translations.sqlite")
    assert said["bytes"] > 1000 and len(said["parts"]) == 3
    printed = run("stats").stdout
    assert "en → es" in printed and "glossary g1" in printed and "4 entries in 0.0 MB" in printed


@pytest.mark.parametrize("kind", ["tmx", "csv"])
def test_export_and_import(filled: Path, tmp_path: Path, kind: str) -> None:
    file, other = tmp_path / f"memory.{kind}", tmp_path / "other.sqlite"
    assert json.loads(run("export", file, "--target", "fra", "--json").stdout) == {"file": str(file), "entries": 3}
    said = json.loads(run("import", file, "--memory", other, "--json").stdout)
    assert (said["new"], said["replaced"], said["kept"], said["rejected"]) == (3, 0, 0, {})
    assert run("import", file, "--memory", other).stdout == "0 new, 0 replaced, 3 kept as they were\n"
    assert "3 entries written" in run("export", tmp_path / "again.csv", "--memory", other).stdout


def test_an_import_says_what_it_rejects(empty_cache: Path, tmp_path: Path) -> None:
    file = tmp_path / "pairs.csv"
    file.write_text("source,translation\ndog,chien\ncat,\n")
    done = run("import", file, "--source", "en", "--target", "fr", "--origin", "native")
    assert done.stdout == "1 new, 0 replaced, 0 kept as they were\n1 rejected: empty-text\n"
    assert done.stderr == "  line 3: empty-text: the translation is empty\n"
    assert json.loads(run("lookup", "dog", "--json").stdout)[0]["origin"] == "native"


def test_lookup(filled: Path) -> None:
    pytest.importorskip("rapidfuzz")
    first, second = json.loads(run("lookup", "a black dog", "--json").stdout)
    assert (first["score"], first["translation"], first["origin"]) == (100, "un chien noir !", "native")
    assert (second["score"], second["signature"]) == (100, "fake 1")
    (fuzzy,) = json.loads(run("lookup", "the black dogs", "--limit", 1, "--json").stdout)
    assert 60 < fuzzy["score"] < 100 and fuzzy["source"] == "a black dog"
    assert "un gato" in run("lookup", "a cat", "--target", "Spanish").stdout
    nothing = run("lookup", "zzz")
    assert (nothing.stdout, nothing.stderr) == ("", "nothing that is 60% alike from en to fr\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["stats"], "no translation memory at"),
        (["lookup", "dog", "--target", "frenhc"], "Did you mean 'French'"),
        (["export", "memory.txt"], "no translation memory at"),
        (["import", "none.tmx"], "no file at 'none.tmx'"),
        (["import", "none.tm"], "Allowed: .csv, .tmx"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(empty_cache: Path, arguments: list[str], said: str) -> None:
    done = run(*arguments)
    assert done.exit_code == 2 and "Traceback" not in done.output
    assert len(done.stderr.splitlines()) == 1 and said in done.stderr


TMX = """<?xml version="1.0" encoding="utf-8"?>
<tmx version="1.4"><header creationtool="x" creationtoolversion="1" segtype="sentence" o-tmf="x" adminlang="en"
 srclang="en-US" datatype="plaintext"/><body>{}</body></tmx>"""


def unit(**variants: str) -> str:
    texts = "".join(f'<tuv xml:lang="{c.replace("_", "-")}"><seg>{text}</seg></tuv>' for c, text in variants.items())
    return f'<tu srclang="en-GB">{texts}</tu>'


@pytest.fixture
def regions(tmp_path: Path) -> Path:
    file = tmp_path / "multi.tmx"
    units = [unit(en_GB="aim", de_DE="Ziel"), unit(en_GB="aim", fr_FR="objectif", fr_CA="but")]
    file.write_text(TMX.format("".join([*units, unit(en_GB="goal", fr_CA="but")])), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("target", "aim", "counts"),
    [("fr", "objectif", (3, 1)), ("fr-FR", "objectif", (3, 1)), ("fr-CA", "but", (2, 2))],
)
def test_what_is_said_in_another_country_replaces_nothing(
    empty_cache: Path, tmp_path: Path, regions: Path, target: str, aim: str, counts: tuple[int, int]
) -> None:
    said = json.loads(run("import", regions, "--source", "en", "--target", target, "--json").stdout)
    assert (said["new"], sum(said["rejected"].values())) == counts
    with TranslationMemory(empty_cache / "translations.sqlite") as memory:
        known = memory.lookup(["aim", "goal"], "en", "fr", "any engine")
        assert {text: found.translation for text, found in known.items()} == {"aim": aim, "goal": "but"}
        entries = list(memory.entries("en", "fr"))
    again, other = tmp_path / "again.tmx", tmp_path / "other.sqlite"
    run("export", again)
    run("import", again, "--memory", other)
    with TranslationMemory(other) as memory:
        assert list(memory.entries("en", "fr")) == entries


def test_an_import_that_takes_nothing_fails(empty_cache: Path, regions: Path) -> None:
    done = run("import", regions, "--source", "en", "--target", "es", "--json")
    assert done.exit_code == 2 and json.loads(done.stdout)["rejected"] == {"other-languages": 4}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize(("delimiter", "first"), [(";", ""), ("\t", ""), (",", ""), (";", "sep=;\r\n")])
def test_tables_as_excel_writes_them(
    empty_cache: Path, tmp_path: Path, encoding: str, delimiter: str, first: str
) -> None:
    file = tmp_path / "pairs.csv"
    rows = [["source", "translation"], ["a house, red", "une maison « à côté » ; l’œuf"]]
    lines = [delimiter.join(f'"{cell}"' for cell in row) for row in rows]
    file.write_bytes((first + "\r\n".join(lines)).encode(encoding))
    assert run("import", file, "--source", "en", "--target", "fr").exit_code == 0
    with TranslationMemory(empty_cache / "translations.sqlite") as memory:
        assert [(e.source, e.translation) for e in memory.entries()] == [tuple(rows[1])]
