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


ROWS = [(name, "x.png", f"What is {name}?", f"It is {name}.") for name in ("a", "b", "c", "d")]


def french(rows: list[tuple[str, str, str, str]]) -> list[tuple[str, str, str, str]]:
    return [(name, image, f"fr {asked}", f"fr {said}") for name, image, asked, said in rows]


@pytest.mark.parametrize("kept", ["acd", "ab", "d", "dca", "abcd", "cbad"])
@pytest.mark.parametrize("is_known", [True, False])
def test_rows_are_brought_together_by_their_ids(tmp_path: Path, kept: str, is_known: bool) -> None:
    ours = llava(tmp_path / "a.json", *ROWS)
    by_name = {row[0]: row for row in french(ROWS)}
    theirs = llava(tmp_path / "b.json", *(by_name[name] for name in kept))
    if is_known:
        rejects = [{"row": n, "id": row[0], "reason": "missing-image"} for n, row in enumerate(ROWS, 1)]
        lines = [json.dumps(reject) for reject in rejects if reject["id"] not in kept]
        (tmp_path / "b.json.rejects.jsonl").write_text("".join(f"{line}\n" for line in lines))
    paired = read_pairs(ours, theirs, PairOptions())
    assert [row.row.id for row in paired.rows] == list(kept)
    assert all(pair.target == f"fr {pair.source}" for pair in paired.pairs)
    missing = [name for name in "abcd" if name not in kept]
    assert [row.id for row in paired.unpaired] == missing
    assert {row.reason for row in paired.unpaired} == ({"missing-image" if is_known else ""} if missing else set())
    assert all(name in paired.gaps for name in missing) and bool(paired.gaps) == bool(missing)


def test_a_row_that_cannot_be_read_has_no_translation(tmp_path: Path) -> None:
    lines = [json.dumps({"id": name, "caption": f"A {name}."}) for name in "abc"]
    (tmp_path / "a.jsonl").write_text(f"{lines[0]}\n{{broken\n{lines[1]}\n{lines[2]}\n")
    (tmp_path / "b.jsonl").write_text("\n".join(line.replace("A ", "Un ") for line in (*lines[1:], lines[0])))
    paired = read_pairs(tmp_path / "a.jsonl", tmp_path / "b.jsonl", PairOptions(fields=("caption",)))
    assert [(pair.source, pair.target) for pair in paired.pairs] == [(f"A {n}.", f"Un {n}.") for n in "bca"]
    assert [(row.side, row.number, row.reason) for row in paired.unpaired] == [("source", 2, "broken-json")]


@pytest.mark.parametrize("gone", [1, 2, 3])
def test_rows_without_ids_need_to_know_which_is_missing(tmp_path: Path, gone: int) -> None:
    ours, kept = ["A.", "B.", "C."], [text for n, text in enumerate(("a.", "b.", "c."), 1) if n != gone]
    for name, texts_ in (("a.jsonl", ours), ("b.jsonl", kept)):
        (tmp_path / name).write_text("".join(json.dumps({"caption": text}) + "\n" for text in texts_))
    options = PairOptions(fields=("caption",))
    with pytest.raises(InputError, match=r"has a row 3 .* file of rejects"):
        read_pairs(tmp_path / "a.jsonl", tmp_path / "b.jsonl", options)
    (tmp_path / "b.jsonl.rejects.jsonl").write_text(json.dumps({"row": gone, "reason": "not-translated"}) + "\n")
    paired = read_pairs(tmp_path / "a.jsonl", tmp_path / "b.jsonl", options)
    assert all(pair.source.lower() == pair.target for pair in paired.pairs) and len(paired.pairs) == 2
    assert f"{gone} (not-translated)" in paired.gaps


def test_a_translation_without_rows_says_why(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"id": "x", "image": "x.png", "caption": "A frog."}]')
    (tmp_path / "b.json").write_text("[]")
    (tmp_path / "b.json.rejects.jsonl").write_text('{"row": 1, "id": "x", "reason": "missing-image"}\n')
    with pytest.raises(InputError, match="has no rows: nothing of .* Most were rejected as 'missing-image'"):
        read_pairs(tmp_path / "a.json", tmp_path / "b.json", PairOptions(fields=("caption",)))


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
