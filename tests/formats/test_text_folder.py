from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from reading import png, read

from passerelle.errors import InputError
from passerelle.formats.base import FolderFormat
from passerelle.formats.images import check_images
from passerelle.formats.layout import layouts
from passerelle.formats.text_folder import TextFolder

Written = Callable[[str, bytes | str], Path]


@pytest.fixture
def mme() -> TextFolder:
    return TextFolder(layouts()["mme"])


@pytest.fixture
def folder(written: Written, tmp_path: Path) -> Path:
    written("mme/existence/000.txt", "Is it red?\tYes\r\n\r\nIs it blue?\tNo\r\n")
    written("mme/existence/000.jpg", png())
    written("mme/posters/questions_answers_YN/a.txt", "\ufeffIs it here?\tYes\nbroken\nIs it there?\tNo")
    written("mme/posters/images/a.png", png())
    written("mme/README.txt", "No rows here.\n")
    written("outside.txt", "Is it secret?\tYes\n")
    (tmp_path / "mme" / "link.txt").symlink_to("../outside.txt")
    return tmp_path / "mme"


def test_rows(mme: TextFolder, folder: Path) -> None:
    assert mme.detects(folder)
    assert isinstance(mme, FolderFormat)
    rows, (bad, linked) = read(mme, folder)
    assert (linked.number, linked.reason) == (6, "outside-folder")
    assert [(row.number, row.id, row.fields[0].text) for row in rows] == [
        (1, "existence/000#1", "Is it red?"),
        (2, "existence/000#3", "Is it blue?"),
        (3, "posters/questions_answers_YN/a#1", "Is it here?"),
        (5, "posters/questions_answers_YN/a#3", "Is it there?"),
    ]
    assert [row.images[0] for row in rows] == ["existence/000.jpg"] * 2 + ["posters/images/a.png"] * 2
    assert all(check_images(row, folder) is None for row in rows)
    assert (bad.number, bad.reason) == (4, "wrong-column-count")
    assert "line 2 of 'posters/questions_answers_YN/a.txt' has 1 cells; mme has 2" in bad.detail


def test_writing(mme: TextFolder, folder: Path, tmp_path: Path) -> None:
    rows, _ = read(mme, folder)
    out = tmp_path / "out"
    mme.write_folder(folder, out, [(row, {"question": "Est-ce\tici\n?"} if row.number == 1 else {}) for row in rows])
    assert (out / "existence/000.txt").read_bytes() == b"Est-ce ici ?\tYes\r\n\r\nIs it blue?\tNo\r\n"
    a = (out / "posters/questions_answers_YN/a.txt").read_bytes()
    assert a == "\ufeffIs it here?\tYes\nIs it there?\tNo".encode()
    assert (out / "README.txt").read_bytes() == b"No rows here.\n"
    assert (out / "posters/images/a.png").read_bytes() == png()
    assert (out / "link.txt").is_symlink()
    assert sorted(p.relative_to(folder) for p in folder.rglob("*")) == sorted(
        p.relative_to(out) for p in out.rglob("*")
    )


def test_rows_that_come_late_or_are_all_broken_are_counted(mme: TextFolder, written: Written, tmp_path: Path) -> None:
    written("m/t/a.txt", "note\n" * 20 + "Is it?\tYes\n")
    written("m/t/b.txt", "Is it? Yes\n")
    written("m/t/b.jpg", png())
    rows, bad = read(mme, tmp_path / "m")
    assert (len(rows), [row.reason for row in bad]) == (1, ["wrong-column-count"] * 21)


def test_bad_bytes_and_a_missing_image(mme: TextFolder, written: Written, tmp_path: Path) -> None:
    written("m/t/b.txt", b"caf\xe9?\tYes\nIs it?\tNo\n")
    (row,), (bad,) = read(mme, tmp_path / "m")
    assert (bad.reason, row.images) == ("invalid-utf-8", ("t/b.jpg",))
    problem = check_images(row, tmp_path / "m")
    assert problem is not None
    assert problem[0] == "missing-image"


def test_a_folder_is_no_file(mme: TextFolder, written: Written, tmp_path: Path) -> None:
    assert not mme.detects(tmp_path)
    with pytest.raises(InputError, match="is no folder"):
        mme.rows(written("a.txt", "x"))
    with pytest.raises(InputError, match="is written into a folder"):
        mme.write(tmp_path, io.BytesIO(), [])
