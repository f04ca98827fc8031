from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from reading import png, read

from passerelle.errors import InputError, StorageError
from passerelle.formats.base import Row
from passerelle.formats.registry import formats, open_format
from passerelle.formats.saving import save

Written = Callable[[str, bytes | str], Path]


def test_a_file_is_whole_or_as_before(written: Written, tmp_path: Path) -> None:
    source, target = written("a.jsonl", '{"caption": "a"}\n{"caption": "b"}\n'), written("out/b.jsonl", "before")
    data_format = open_format(source, fields=["caption"])
    rows, _ = read(data_format, source)

    def dying() -> Iterator[tuple[Row, dict[str, str]]]:
        yield rows[0], {"caption": "x"}
        raise RuntimeError("the engine died")

    with pytest.raises(RuntimeError):
        save(data_format, source, target, dying())
    assert [(p.name, p.read_text()) for p in target.parent.iterdir()] == [("b.jsonl", "before")]
    save(data_format, source, target, [(row, {"caption": "é"}) for row in rows])
    assert [(p.name, p.read_text("utf-8")) for p in target.parent.iterdir()] == [("b.jsonl", '{"caption": "é"}\n' * 2)]


def test_an_empty_folder_is_written_empty(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    save(formats()["mme"], tmp_path / "m", tmp_path / "out", [])
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("place", "said"), [("file/x.jsonl", "is a file"), ("n" * 250, "name is too long"), (f"d/{'é' * 130}", "too long")]
)
def test_a_place_where_nothing_can_be_is_told(written: Written, tmp_path: Path, place: str, said: str) -> None:
    source = written("a.jsonl", '{"caption": "a"}\n')
    written("file", "")
    data_format = open_format(source, fields=["caption"])
    with pytest.raises(InputError, match=said):
        save(data_format, source, tmp_path / place, [(row, {}) for row in read(data_format, source)[0]])


def test_a_folder_is_whole_or_not_there(written: Written, tmp_path: Path) -> None:
    written("m/t/0.txt", "Is it?\tYes\n")
    written("m/t/0.jpg", png())
    mme = formats()["mme"]
    rows, _ = read(mme, tmp_path / "m")
    with pytest.raises(InputError, match="isn't where it was"):
        save(mme, tmp_path / "m", tmp_path / "out", [(rows[0], {}), (rows[0], {})])
    assert [path.name for path in tmp_path.iterdir()] == ["m"]
    save(mme, tmp_path / "m", tmp_path / "out", [(rows[0], {"question": "Est-ce ?"})])
    assert (tmp_path / "out/t/0.txt").read_text() == "Est-ce ?\tYes\n"
    with pytest.raises(InputError, match="folder with something in it"):
        save(mme, tmp_path / "m", tmp_path / "out", [])


def test_a_full_disk(written: Written, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = written("a.jsonl", '{"caption": "a"}\n')
    data_format = open_format(source, fields=["caption"])
    full = OSError(errno.ENOSPC, "No space left on device")

    def fsync(descriptor: int) -> None:
        raise full

    monkeypatch.setattr("os.fsync", fsync)
    with pytest.raises(StorageError, match="the disk is full"):
        save(data_format, source, tmp_path / "b.jsonl", [])
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]
