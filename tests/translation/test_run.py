"""A data set from its first row to its last: nothing lost, nothing paid for twice, the same bytes each time."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from passerelle.costs import clocks
from passerelle.errors import EngineStopped, InputError, RunError
from passerelle.translation.base import FakeTranslator
from passerelle.translation.dataset import rows as rows_module
from passerelle.translation.dataset.job import Job
from passerelle.translation.dataset.run import translate
from passerelle.translation.dataset.survey import survey
from passerelle.translation.engines import registry as engines
from passerelle.translation.protection.placeholders import probe

MakeJob = Callable[..., Job]
DOG, CAT = {"id": "d", "text": "A dog."}, {"id": "c", "text": "A cat. <image> A cat."}


def read(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_rows_come_out_translated_and_counted(job: MakeJob, fake: FakeTranslator) -> None:
    work = job([DOG, CAT, {**DOG, "text": "Yes"}, DOG, {"id": 4}])
    summary = translate(work)
    assert [row.get("text") for row in read(work.out)] == [
        "[fr] A dog.", "[fr] A cat. <image> [fr] A cat.", "Oui", "[fr] A dog.",
    ]  # fmt: skip
    assert [row["id"] for row in read(work.out)] == ["d", "c", "d", "d"]
    assert [row["reason"] for row in read(work.rejects)] == ["unknown-shape"], "no text where one should be"
    assert fake.received == ["A dog.", "A cat."]
    found = summary.as_dict()
    wanted = {
        "rows": 5, "written": 4, "rejected": {"unknown-shape": 1}, "texts": 4, "segments": 4, "unique": 2,
        "from_memory": 0, "translated": 2, "characters": 36, "characters_unknown": 12, "characters_translated": 12,
        "repaired": 0, "frequent": [{"text": "A dog.", "translation": "[fr] A dog.", "times": 2}],
        "ways": {"engine": 3, "lexicon": 1}, "engine": "fake 1", "fallback": "", "glossary": "", "format": "jsonl",
        "source_language": "en", "target_language": "fr", "spent": None, "source": str(work.source),
        "out": str(work.out), "rejects": str(work.rejects), "card": str(work.card), "unchanged": False,
    }  # fmt: skip
    assert {key: value for key, value in found.items() if key != "seconds"} == wanted
    assert found["seconds"] > 0
    json.dumps(found)


def test_what_stays_the_same_keeps_its_bytes(job: MakeJob) -> None:
    line = '{"text": "5\\u00a0km", "other": "é \\/", "n": 1.50}'.encode()
    work = job([line, DOG])
    translate(work)
    assert work.out.read_bytes().splitlines()[0] == line


def test_an_engine_gets_ready_only_where_it_is_sure_to_be_asked(
    job: MakeJob, fake: FakeTranslator, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready: list[int] = []
    monkeypatch.setattr(fake, "start", lambda: ready.append(len(fake.received)), raising=False)
    survey(job([DOG]))
    assert not ready, "an estimate is no run"
    asked = len(fake.received)
    translate(job([DOG, CAT]))
    assert ready == [asked], "before it was asked for anything of the run"
    translate(job([CAT, DOG]))
    translate(job([CAT, {**DOG, "text": "A bird."}]))
    assert len(ready) == 1, "the memory knows some of its work: perhaps all that is wanted"


@pytest.mark.parametrize("is_there", [True, False])
def test_a_second_run_asks_the_engine_nothing_and_writes_the_same(
    job: MakeJob, fake: FakeTranslator, is_there: bool
) -> None:
    work = job([DOG, CAT, DOG, b"{"])
    first = translate(work)
    written = work.out.read_bytes(), work.rejects.read_bytes()
    if not is_there:
        work.out.unlink()
    fake.received.clear()
    again = translate(work)
    assert fake.received == []
    assert (work.out.read_bytes(), work.rejects.read_bytes()) == written
    assert (again.needed.unique, again.needed.from_memory, again.needed.translated) == (2, 2, 0)
    assert again.tally == first.tally


def test_texts_are_paid_once_and_counted_once_however_rows_are_cut(
    job: MakeJob, fake: FakeTranslator, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"text": f"A dog sleeps {'very ' * (number % 3)}well."} for number in range(12)]
    whole = translate(job(rows))
    written = whole.as_dict()
    output = Path(whole.out).read_bytes()
    fake.received.clear()
    monkeypatch.setattr(rows_module, "CHUNK_BYTES", 100)
    cut = translate(job(rows, memory=Path(whole.source).with_name("other.sqlite")))
    assert len(fake.received) == 3
    assert Path(cut.out).read_bytes() == output
    assert {**cut.as_dict(), "seconds": 0} == {**written, "seconds": 0}


def test_chunks_are_bounded_in_rows_and_in_bytes(job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    work = job([{"text": "x" * length} for length in (1, 1, 1, 500, 1)])
    monkeypatch.setattr(rows_module, "CHUNK_ROWS", 2)
    monkeypatch.setattr(rows_module, "CHUNK_BYTES", 400)
    cut = rows_module.chunks(work.open_format().rows(work.source))
    assert [[row.number for row in chunk] for chunk in cut] == [[1, 2], [3, 4], [5]]


@pytest.fixture
def bad_rows(tmp_path: Path) -> list[tuple[str, Any]]:
    """Rows with what is wrong about each; empty for good ones."""
    images = tmp_path / "images"
    images.mkdir()
    Image.new("RGB", (8, 8)).save(images / "good.png")
    Image.new("1", (10_000, 6_000)).save(images / "bomb.png")
    (images / "text.png").write_text("no picture")
    row = {"text": "A dog.", "image": "good.png"}
    return [
        ("", row),
        ("broken-json", b'{"text": "A dog."'),
        ("missing-image", {**row, "image": "none.png"}),
        ("outside-folder", {**row, "image": "../../etc/passwd"}),
        ("outside-folder", {**row, "image": "/etc/passwd"}),
        ("bad-image", {**row, "image": "text.png"}),
        ("image-bomb", {**row, "image": "bomb.png"}),
        ("too-long", {**row, "text": "dog " * 1_250_000}),
        ("invalid-utf-8", b'{"text": "\xff"}'),
        ("", {**row, "text": "A cat."}),
    ]


def test_bad_rows_are_kept_apart_as_they_were(job: MakeJob, tmp_path: Path, bad_rows: list[tuple[str, Any]]) -> None:
    given = [row for _, row in bad_rows]
    work = job(given, image_fields=("image",), images=tmp_path / "images")
    summary = translate(work)
    assert [row["text"] for row in read(work.out)] == ["[fr] A dog.", "[fr] A cat."]
    rejects = read(work.rejects)
    assert [entry["reason"] for entry in rejects] == [reason for reason, _ in bad_rows if reason]
    assert [entry["row"] for entry in rejects] == [n for n, (reason, _) in enumerate(bad_rows, 1) if reason]
    lines = work.source.read_bytes().splitlines()
    for entry in rejects[:-1]:
        assert entry["source"].encode() == lines[entry["row"] - 1]
    assert rejects[-1]["source_base64"] == "eyJ0ZXh0IjogIv8ifQ=="
    assert summary.tally.rejected.total() == len(rejects)
    assert "| image-bomb | 1 |" in work.card.read_text("utf-8")


def test_without_an_image_folder_only_paths_are_looked_at(job: MakeJob, bad_rows: list[tuple[str, Any]]) -> None:
    work = job([row for _, row in bad_rows[2:5]], image_fields=("image",))
    translate(work)
    assert [entry["reason"] for entry in read(work.rejects)] == ["outside-folder"] * 2
    assert "weren't looked at" in work.card.read_text("utf-8")


@pytest.mark.parametrize("numbers", [(2,), (3,), (2, 3), (3, 2), (6, 9), (9, 6)])
def test_strict_stops_at_the_first_bad_row(
    job: MakeJob, fake: FakeTranslator, tmp_path: Path, bad_rows: list[tuple[str, Any]], numbers: tuple[int, ...]
) -> None:
    given = [bad_rows[number - 1][1] for number in (1, *numbers)]
    work = job(given, image_fields=("image",), images=tmp_path / "images", strict=True)
    with pytest.raises(InputError, match=rf"en.jsonl, row 2: {bad_rows[numbers[0] - 1][0]}: .*--strict"):
        translate(work)
    assert not work.out.exists() and not list(work.out.parent.glob(".*"))
    assert not fake.received  # it's known before anything is paid for


def test_a_row_that_is_not_kept_whole_is_no_bad_row_for_strict(job: MakeJob, nasty: None) -> None:
    work = job([DOG, {"text": "5 km"}], engine="nasty:empties", strict=True)
    translate(work)
    (reject,) = read(work.rejects)
    assert (reject["row"], reject["id"], reject["reason"], reject["place"]) == (1, "d", "not-translated", "text")
    assert json.loads(reject["source"]) == DOG


def test_what_one_engine_can_not_do_the_other_does(job: MakeJob, nasty: None) -> None:
    work = job([DOG], engine="nasty:empties", fallback="fake")
    summary = translate(work)
    assert read(work.out) == [{"id": "d", "text": "[fr] A dog."}]
    assert (summary.engine, summary.fallback) == ("nasty empties", "fake 1")
    assert "| fallback engine | fake 1 |" in work.card.read_text("utf-8")


class Stopping(FakeTranslator):
    """Stops for good at the third text of its life; what it did comes with the error."""

    def translate(self, texts: Sequence[str]) -> list[str]:
        left = 3 - len(self.received)
        done = super().translate(texts[: max(left, 0)])
        if len(texts) > left:
            raise EngineStopped("no more", dict(zip(texts, done, strict=False)))
        return done


def test_a_stopped_engine_leaves_no_output_and_the_next_run_goes_on(
    job: MakeJob, fake: FakeTranslator, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"text": f"Dog {word}."} for word in ("one", "two", "three", "four", "five")]
    monkeypatch.setitem(engines.ENGINES, "stopping", lambda *given: Stopping())
    with pytest.raises(EngineStopped):
        translate(job(rows, engine="stopping"))
    work = job(rows)
    assert not work.out.exists()
    translate(work)
    assert fake.received == ["Dog four.", "Dog five."]
    assert len(read(work.out)) == 5


class Failing(FakeTranslator):
    """Fails at some texts."""

    bad = "bad"

    def translate(self, texts: Sequence[str]) -> list[str]:
        if any(self.bad in text for text in texts):
            raise RunError("it died")
        return super().translate(texts)


def test_a_row_at_which_the_engine_fails_is_set_apart(job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(engines.ENGINES, "failing", lambda *given: Failing())
    work = job([DOG, {"text": "A bad dog."}, CAT, {"text": "A bad cat."}], engine="failing")
    translate(work)
    assert [(entry["row"], entry["reason"], entry["detail"]) for entry in read(work.rejects)] == [
        (2, "engine-failed", "it died"), (4, "engine-failed", "it died"),
    ]  # fmt: skip


def test_an_engine_that_fails_at_everything_ends_the_run(job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(engines.ENGINES, "failing", lambda *given: Failing())
    with pytest.raises(RunError, match="it died"):
        translate(job([{"text": f"bad {number}"} for number in range(30)], engine="failing"))


def test_a_limit_takes_the_first_rows_only(job: MakeJob) -> None:
    work = job([DOG, b"{", CAT, DOG], limit=2)
    summary = translate(work)
    assert [row["id"] for row in read(work.out)] == ["d"]
    assert (summary.tally.rows, summary.tally.rejected.total()) == (2, 1)
    assert "by --limit" in work.card.read_text("utf-8")


def test_a_file_that_grows_meanwhile_is_noticed(job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    work = job([DOG, CAT])

    class Writing(FakeTranslator):
        def translate(self, texts: Sequence[str]) -> list[str]:
            with work.source.open("a") as file:
                file.write(json.dumps(DOG) + "\n")
            return super().translate(texts)

    monkeypatch.setattr(rows_module, "CHUNK_ROWS", 1)
    monkeypatch.setitem(engines.ENGINES, "fake", lambda *given: Writing())
    with pytest.raises(InputError, match="had 2 rows at first, then [34]"):
        translate(work)
    assert not work.out.exists() and not work.rejects.exists()


def test_progress_is_told_while_the_engine_works(job: MakeJob, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    rows = [{"text": f"Dog {chr(97 + number // 26)}{chr(97 + number % 26)}."} for number in range(600)]
    translate(
        job(rows), lambda progress: seen.append((progress.total, progress.tally.rows, progress.needed.translated))
    )
    assert seen[:2] == [(None, 0, 0), (600, 0, 0)] and seen[-1] == (600, 600, 600)
    assert (600, 0, 256) in seen
    seen.clear()
    job(rows).out.unlink()
    translate(job(rows), lambda progress: seen.append((progress.total, progress.tally.rows)))
    assert seen == [(None, 0), (None, 600)]  # nothing is to be paid for, so the rows are read but once


def test_the_memory_alone(job: MakeJob) -> None:
    rows = [DOG, {"text": "A cow."}]
    work = job(rows, engine="memory")
    with pytest.raises(InputError, match="no translation memory at"):
        translate(work)
    translate(job([DOG]))
    assert survey(work).needed.from_memory == 1
    summary = translate(job(rows, engine="memory"))
    assert (summary.needed.unique, summary.needed.from_memory, summary.needed.translated) == (2, 1, 0)
    assert [entry["reason"] for entry in read(work.rejects)] == ["not-translated"]


def test_glossaries_have_their_own_translations(job: MakeJob, tmp_path: Path) -> None:
    (tmp_path / "terms.csv").write_text("term,translation\ndog,toutou\n")
    translate(job([DOG]))
    work = job([DOG], glossary=tmp_path / "terms.csv")
    summary = translate(work)
    assert "toutou" in read(work.out)[0]["text"]
    assert summary.needed.from_memory == 0
    assert summary.glossary and f"digest {summary.glossary}" in work.card.read_text("utf-8")


class _Clock:
    """A clock that an engine moves on: two seconds to start, and some for each text."""

    def __init__(self, seconds_a_text: float) -> None:
        self.now, self.asked, self.seconds_a_text = 0.0, 0, seconds_a_text

    def perf_counter(self) -> float:
        return self.now

    process_time = perf_counter

    def translate(self, texts: Sequence[str]) -> list[str]:
        self.now += self.seconds_a_text * len(texts) + (0 if self.asked else 2)
        self.asked += len(texts)
        return [f"[fr] {text}" for text in texts]


@pytest.mark.parametrize("seconds_a_text, asked", [(0.01, 400), (0.1, 100)])
def test_the_estimate_has_the_engines_start_and_the_speed_of_many_texts(
    job: MakeJob, fake: FakeTranslator, monkeypatch: pytest.MonkeyPatch, seconds_a_text: float, asked: int
) -> None:
    clock = _Clock(seconds_a_text)
    texts = [f"Dog {''.join(letters)}." for letters in itertools.product("abcdefghij", repeat=3)]
    work = job([{"text": text} for text in texts])
    probe(fake)
    monkeypatch.setattr(fake, "translate", clock.translate)
    monkeypatch.setattr(clocks, "time", clock)
    assert survey(work).seconds == pytest.approx(2 + 1000 * seconds_a_text, rel=0.02)
    assert clock.asked == asked
    assert survey(work, start_seconds=50).seconds == pytest.approx(50 + 1000 * seconds_a_text, rel=0.02)
