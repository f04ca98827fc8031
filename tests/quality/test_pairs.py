"""Pairs are read from aligned files, and files that don't belong together are refused by row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from passerelle.errors import ConfigError, InputError
from passerelle.quality.pairs import PairOptions, read_pairs, read_references, sample


def texts(path: Path, *lines: str) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def table(path: Path, rows: list[tuple[str, ...]]) -> Path:
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return path


def llava(path: Path, *rows: tuple[str, str, str, str]) -> Path:
    content = [
        {
            "id": name,
            "image": image,
            "conversations": [{"from": "human", "value": asked}, {"from": "gpt", "value": said}],
        }
        for name, image, asked, said in rows
    ]
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_lines_are_paired(tmp_path: Path) -> None:
    ours, theirs = (
        texts(tmp_path / "a.txt", "A frog.", "", "A cow."),
        texts(tmp_path / "b.txt", "Une grenouille.", "", "V"),
    )
    paired = read_pairs(ours, theirs, PairOptions())
    assert [(p.source, p.target, p.cluster) for p in paired.pairs] == [
        ("A frog.", "Une grenouille.", "1"),
        ("A cow.", "V", "3"),
    ]
    assert [row.number for row in paired.without_text] == [2]


def test_conversations_are_questions_and_answers(tmp_path: Path) -> None:
    ours = llava(tmp_path / "a.json", ("1", "x.png", "What?", "A frog."), ("2", "x.png", "Who?", "Me."))
    theirs = llava(tmp_path / "b.json", ("1", "x.png", "Quoi ?", "Une grenouille."), ("2", "x.png", "Qui ?", "Moi."))
    pairs = read_pairs(ours, theirs, PairOptions()).pairs
    assert [pair.field for pair in pairs] == ["question", "answer"] * 2
    assert {pair.cluster for pair in pairs} == {"x.png"}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("Une grenouille.",), r"has a row 2 and .* has only 1"),
        (("Une grenouille.", ""), r"row 2 \(id '2'\): 'text' is empty"),
        (("Une grenouille.", "Une vache.", "De trop."), r"has a row 3"),
    ],
)
def test_misaligned_lines_are_refused(tmp_path: Path, lines: tuple[str, ...], said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_pairs(texts(tmp_path / "a.txt", "A frog.", "A cow."), texts(tmp_path / "b.txt", *lines), PairOptions())


def test_an_empty_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a.txt, row 1 .*missing, but translated"):
        read_pairs(texts(tmp_path / "a.txt", "", "b"), texts(tmp_path / "b.txt", "A", "B"), PairOptions())


def test_other_ids_are_refused(tmp_path: Path) -> None:
    ours = llava(tmp_path / "a.json", ("1", "x.png", "What?", "A frog."))
    theirs = llava(tmp_path / "b.json", ("7", "x.png", "Quoi ?", "Une grenouille."))
    with pytest.raises(InputError, match="row 1: id '1' in .* '7' in"):
        read_pairs(ours, theirs, PairOptions())


def test_a_picture_outside_the_folder_is_refused(tmp_path: Path) -> None:
    ours = llava(tmp_path / "a.json", ("1", "../x.png", "What?", "A frog."))
    with pytest.raises(InputError, match="row 1 .*outside-folder"):
        read_pairs(ours, ours, PairOptions(images=tmp_path))


def test_an_unknown_language_is_refused(tmp_path: Path) -> None:
    ours = texts(tmp_path / "a.txt", "x")
    with pytest.raises(ConfigError, match="q9"):
        read_pairs(ours, ours, PairOptions(target_language="q9"))


def test_two_columns_are_paired(tmp_path: Path) -> None:
    path = table(tmp_path / "a.tsv", [("source", "target"), ("A frog.", "Une grenouille.")])
    pairs = read_pairs(path, None, PairOptions(columns=("source", "target"))).pairs
    assert [(pair.source, pair.target) for pair in pairs] == [("A frog.", "Une grenouille.")]


def test_one_file_without_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--columns source,target"):
        read_pairs(texts(tmp_path / "a.txt", "x"), None, PairOptions())


def test_categories_are_read(tmp_path: Path) -> None:
    head = ("index", "image", "question", "A", "B", "answer", "category")
    ours = table(tmp_path / "a.tsv", [head, ("0", "", "What is it?", "cat", "dog", "A", "animals")])
    theirs = table(tmp_path / "b.tsv", [head, ("0", "", "Qu'est-ce ?", "chat", "chien", "A", "animals")])
    pairs = read_pairs(ours, theirs, PairOptions(format="mmbench")).pairs
    assert {pair.category for pair in pairs} == {"animals"}
    assert [pair.field for pair in pairs] == ["question", "option", "option"]


def test_references_for_some_rows_leave_a_gap(tmp_path: Path) -> None:
    ours, theirs = texts(tmp_path / "a.txt", "a", "b"), texts(tmp_path / "b.txt", "A", "B")
    paired = read_pairs(ours, theirs, PairOptions())
    assert read_references(texts(tmp_path / "r.txt", "", "R"), paired) == [None, "R"]
    with pytest.raises(InputError, match="no reference for any row"):
        read_references(texts(tmp_path / "n.txt", ""), paired)


def test_a_sample_takes_whole_pictures_and_is_the_same_again(tmp_path: Path) -> None:
    rows = [(str(n), f"{n // 2}.png", f"q{n}", f"a{n}") for n in range(20)]
    path = llava(tmp_path / "a.json", *rows)
    paired = read_pairs(path, path, PairOptions())
    drawn = sample(paired, 8, seed=3)
    assert len(drawn.pairs) == 8 and len({pair.cluster for pair in drawn.pairs}) == 2
    assert drawn == sample(paired, 8, seed=3)
    assert {sample(paired, 8, seed=s).rows[0].row.id for s in range(9)} != {"0"}
    assert sample(paired, 999).rows == paired.rows


def test_rows_of_any_kind_have_pictures(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "dog.png")
    for name, text in (("en.jsonl", "A dog."), ("fr.jsonl", "Un chien.")):
        (tmp_path / name).write_text(json.dumps({"caption": text, "image": "dog.png"}) + "\n")
    how = PairOptions(fields=("caption",), image_fields=("image",), images=tmp_path)
    (pair,) = read_pairs(tmp_path / "en.jsonl", tmp_path / "fr.jsonl", how).pairs
    assert (pair.picture, pair.cluster) == (tmp_path / "dog.png", "dog.png")
