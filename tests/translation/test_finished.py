"""A job that is finished isn't done again: unless anything that its output hangs on has changed."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from passerelle.formats.json_lines import JsonLines
from passerelle.translation.base import FakeTranslator
from passerelle.translation.dataset import finished as finished_module
from passerelle.translation.dataset.job import Job
from passerelle.translation.dataset.run import translate
from passerelle.translation.dataset.summary import Summary
from passerelle.translation.memory.memory import TranslationMemory

MakeJob = Callable[..., Job]
ROWS = [{"id": "d", "text": "A dog."}, {"id": "c", "text": "A cat. <image> A cat."}, b"{"]


def written(job: Job) -> list[bytes]:
    return [path.read_bytes() for path in (job.out, job.rejects, job.card)]


def counts(summary: Summary) -> dict[str, object]:
    mutable = {"seconds", "unchanged", "from_memory", "translated", "characters_unknown", "characters_translated"}
    return {key: value for key, value in summary.as_dict().items() if key not in mutable}


@pytest.fixture
def never_read(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Make reading rows an error from when this is called."""

    def refuse(*given: object) -> None:
        raise AssertionError("rows were read")

    return lambda: monkeypatch.setattr(JsonLines, "write", refuse)


def test_a_finished_job_is_not_done_again(job: MakeJob, fake: FakeTranslator, never_read: Callable[[], None]) -> None:
    work = job(ROWS)
    first, before = translate(work), written(job(ROWS))
    stamps = [path.stat().st_mtime_ns for path in (work.out, work.rejects, work.card)]
    fake.received.clear()
    never_read()
    told = []
    again = translate(work, told.append)
    assert (first.unchanged, again.unchanged) == (False, True)
    assert counts(again) == counts(first) and again.tally == first.tally
    assert (again.needed.unique, again.needed.from_memory, again.needed.translated) == (2, 2, 0)
    assert written(work) == before and fake.received == []
    assert [path.stat().st_mtime_ns for path in (work.out, work.rejects, work.card)] == stamps
    assert [(progress.total, progress.tally.rows) for progress in told] == [(3, 3)]


def edit(path: Path) -> None:
    stat = path.stat()
    content = path.read_bytes()
    path.write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.mark.parametrize("change", [Path.unlink, edit, lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize("which", ["out", "rejects", "card"])
def test_what_was_edited_or_is_gone_is_written_again(
    job: MakeJob, which: str, change: Callable[[Path], object]
) -> None:
    work = job(ROWS)
    translate(work)
    before = written(work)
    change(getattr(work, which))
    assert written(work) != before if getattr(work, which).exists() else True
    assert not translate(work).unchanged
    assert written(work) == before
    assert translate(work).unchanged


@pytest.mark.parametrize("origin", ["human-translation", "native", "repaired"])
def test_a_correction_is_in_the_output(job: MakeJob, origin: str) -> None:
    work = job(ROWS)
    translate(work)
    with TranslationMemory(work.memory) as memory:
        memory.store([("A dog.", "Un chien.")], "en", "fr", "fake 1", origin)
    assert not translate(work).unchanged
    assert b"Un chien." in work.out.read_bytes()
    assert translate(work).unchanged


def test_a_replaced_entry_is_in_the_output(job: MakeJob) -> None:
    work = job(ROWS)
    translate(work)
    with TranslationMemory(work.memory) as memory:
        memory.store([("A dog.", "Un chien.")], "en", "fr", "fake 1", "machine")
    assert not translate(work).unchanged
    assert b"Un chien." in work.out.read_bytes()


def test_a_correction_that_comes_meanwhile_is_not_lost(job: MakeJob, fake: FakeTranslator) -> None:
    work = job(ROWS)
    usual = fake.translate

    def correcting(texts: list[str]) -> list[str]:
        with TranslationMemory(work.memory) as memory:
            memory.store([("A bird.", "Un oiseau.")], "en", "fr", "fake 1", "native")
        return usual(texts)

    fake.translate = correcting  # type: ignore[method-assign]
    translate(work)
    fake.translate = usual  # type: ignore[method-assign]
    assert not translate(work).unchanged
    assert translate(work).unchanged


@pytest.mark.parametrize(
    "other",
    [
        {"source_language": "de"},
        {"target_language": "es"},
        {"fields": ("text", "id")},
        {"limit": 1},
        {"glossary": "terms.csv"},
        {"memory": "other.sqlite"},
        {"engine": "other"},
        {"out": "elsewhere.jsonl"},
    ],
    ids=str,
)
def test_other_settings_are_another_job(
    job: MakeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: dict[str, object]
) -> None:
    from passerelle.translation.engines import registry

    monkeypatch.setitem(registry.ENGINES, "other", lambda *given: FakeTranslator(signature="other 1"))
    (tmp_path / "terms.csv").write_text("term,translation\ndog,chien\n")
    work = job(ROWS)
    translate(work)
    paths = {name: tmp_path / str(value) for name, value in other.items() if name in ("glossary", "memory", "out")}
    assert not translate(dataclasses.replace(work, **{**other, **paths})).unchanged


def test_other_rows_are_another_job_and_the_first_is_known_when_they_are_back(job: MakeJob) -> None:
    translate(job(ROWS))
    assert not translate(job([*ROWS, ROWS[0]])).unchanged
    assert not translate(job(ROWS)).unchanged  # the output is that of the other rows
    assert translate(job(ROWS)).unchanged


def test_other_code_is_another_job(job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    work = job(ROWS)
    translate(work)
    monkeypatch.setattr(finished_module, "_code", lambda: ["others"])
    assert not translate(work).unchanged


def test_rows_that_were_rejected_for_a_text_are_tried_again(job: MakeJob, nasty: None) -> None:
    work = job([{"text": "A dog."}], engine="nasty:empties")
    assert translate(work).tally.rejected
    assert not translate(work).unchanged


def test_images_that_are_looked_at_may_change(job: MakeJob, tmp_path: Path) -> None:
    work = job([{"text": "A dog."}], images=tmp_path)
    translate(work)
    assert not translate(work).unchanged


def test_a_source_that_changed_meanwhile_is_not_noted(job: MakeJob, fake: FakeTranslator) -> None:
    work = job(ROWS)
    usual = fake.translate

    def changing(texts: list[str]) -> list[str]:
        os.utime(work.source, ns=(1, 1))
        return usual(texts)

    fake.translate = changing  # type: ignore[method-assign]
    translate(work)
    assert not translate(work).unchanged
