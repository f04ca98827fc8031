"""Workers read, find and write the lines whose texts are known: the same bytes and counts as without them."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passerelle.cli import main
from passerelle.crews.base import do_piece
from passerelle.formats.base import Format
from passerelle.formats.lines import Rewritten, Span, lines, spans
from passerelle.formats.registry import open_format
from passerelle.formats.window import opened
from passerelle.translation.base import FakeTranslator
from passerelle.translation.dataset import known_lines
from passerelle.translation.dataset.job import Job
from passerelle.translation.dataset.known_lines import CrewRunner, FindingKnown, Known, open_with_workers
from passerelle.translation.dataset.local import open_as, open_local
from passerelle.translation.dataset.run import translate
from passerelle.translation.dataset.runner import OpenRunner, Progress
from passerelle.translation.dataset.summary import Summary
from passerelle.translation.memory.memory import TranslationMemory

MakeJob = Callable[..., Job]


class OneWorker:
    """A crew of one that works in this process, and keeps what it found."""

    size = 1

    def __init__(self) -> None:
        self.found: list[Any] = []

    def work(self, tools: Any, pieces: Iterable[Any]) -> Iterator[Any]:
        for piece in pieces:
            self.found.append(do_piece(tools, piece))
            yield self.found[-1]


@pytest.fixture
def crew(monkeypatch: pytest.MonkeyPatch) -> OneWorker:
    monkeypatch.setattr("passerelle.crews.base._opened", [])
    return OneWorker()


@pytest.fixture
def by_one(crew: OneWorker) -> OpenRunner:
    """Open a job with a worker in this process."""

    @contextmanager
    def opened_job(job: Job, data_format: Format) -> Iterator[CrewRunner]:
        with open_as(CrewRunner, job, data_format) as runner:
            runner.crew = crew
            yield runner

    return opened_job


def counts(summary: Summary) -> dict[str, Any]:
    return {key: value for key, value in summary.as_dict().items() if key not in ("seconds", "out", "rejects", "card")}


def row(number: int, text: str) -> dict[str, Any]:
    return {"id": number, "text": text, "other": "é/"}


def both(work: Job, by_one: OpenRunner, tmp_path: Path) -> tuple[Summary, Summary]:
    """Run a job with a copy of its memory in this process, then with workers: bytes and counts are the same."""
    memory = tmp_path / "copy.sqlite"
    with TranslationMemory(memory) as copy, TranslationMemory(work.memory) as known:
        assert known._connection is not None and copy._connection is not None
        known._connection.backup(copy._connection)
    alone = replace(work, out=tmp_path / "alone" / "fr.jsonl", memory=memory)
    alone.out.parent.mkdir(exist_ok=True)
    one, several = translate(alone), translate(work, open_runner=by_one)
    assert not several.unchanged
    assert work.out.read_bytes() == alone.out.read_bytes()
    assert work.rejects.read_bytes() == alone.rejects.read_bytes()
    assert counts(several) == counts(one)
    return one, several


KNOWN = ["A dog sleeps.", "Yes", "A cat. It sees 3 dogs.", "Two lines.\nOf one text, <image> here.", "B"]


def test_what_is_known_never_meets_the_engine(
    job: MakeJob, fake: FakeTranslator, crew: OneWorker, by_one: OpenRunner, tmp_path: Path
) -> None:
    translate(job([row(number, text) for number, text in enumerate(KNOWN)]))
    work = job([row(number, KNOWN[number % len(KNOWN)]) for number in range(500)])
    fake.received.clear()
    _, several = both(work, by_one, tmp_path)
    assert fake.received == []
    assert [type(piece) for found in crew.found for piece in found] == [Known]
    assert several.tally.written == 500 and several.needed.unique == several.needed.from_memory == 5
    assert translate(work).unchanged, "a job that workers finished is finished without them too"


def test_unknown_rows_bad_rows_and_blank_lines_stay_in_their_places(
    job: MakeJob, fake: FakeTranslator, crew: OneWorker, by_one: OpenRunner, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(known_lines, "SPAN_BYTES", 9000)
    translate(job([row(number, text) for number, text in enumerate(KNOWN)]))
    rows: list[Any] = [row(number, KNOWN[number % len(KNOWN)]) for number in range(1000)]
    rows[140] = row(140, "A new bird. A dog sleeps.")
    rows[143] = b'{"id": 5, "text": "broken'
    rows[300] = b""
    rows[301] = b'{"text": "\\ud800"}'
    rows[777] = b'{"id": 777, "text": "A dog sleeps."}\r'
    rows[999] = row(999, "Another new bird.")
    fake.received.clear()
    _, several = both(job(rows), by_one, tmp_path)
    assert sorted(fake.received) == sorted(2 * ["A new bird.", "Another new bird."]), "asked by each run once"
    kinds = [type(piece) for found in crew.found for piece in found]
    assert kinds.count(Known) > kinds.count(Span) > 2
    assert several.tally.rejected.total() == 2


TEXTS = st.sampled_from([*KNOWN, "A new bird.", "Another new bird. A cat.", "No", " "])
LINES = st.one_of(
    TEXTS.map(lambda text: json.dumps({"text": text, "a": {"text": "No."}}).encode()),
    TEXTS.map(lambda text: json.dumps({"text": text}).encode() + b"\r"),
    st.sampled_from(
        [b"", b"  ", b"{", b"[1]", b'{"text": "\xff"}', b'{"text": "A dog\\u0020sleeps."}', b'{"text": 5}']
    ),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(many=st.lists(LINES, max_size=40), size=st.integers(1, 900), fewest=st.integers(1, 6), bom=st.booleans())
def test_any_lines(
    job: MakeJob, by_one: OpenRunner, tmp_path: Path, many: list[bytes], size: int, fewest: int, bom: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(known_lines, "SPAN_BYTES", size)
        patch.setattr(known_lines, "_FEWEST_LINES", fewest)
        patch.setattr("passerelle.crews.base._opened", [])
        for path in (tmp_path / "memory.sqlite", tmp_path / "copy.sqlite"):
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)
        translate(job([row(number, text) for number, text in enumerate(KNOWN)]))
        first = json.dumps({"text": "A dog sleeps.", "a": {}}).encode()
        both(job([b"\xef\xbb\xbf" * bom + first, *many], format=""), by_one, tmp_path)


@given(content=st.lists(st.sampled_from([b"\n", b"a", b"bc\r\n", b"\r"]), max_size=30), least=st.integers(1, 9))
def test_spans_are_the_lines_of_a_file(tmp_path_factory: Any, content: list[bytes], least: int) -> None:
    path = tmp_path_factory.mktemp("spans") / "lines"
    path.write_bytes(b"".join(content))
    with opened(path) as file:
        wanted = list(lines(file))
    found = []
    for span in spans(path, least):
        with opened(path, span.size, span.begin) as file:
            inside = list(lines(file, span.number))
        assert len(inside) == span.lines
        found += inside
    assert found == wanted


def test_lines_that_are_rewritten_already_take_the_place_of_the_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"".join(b'{"text": "%d"}\n' % number for number in range(9)))
    data_format = open_format(path, "", ("text",), ())
    parts = list(spans(path, 30))
    rows = {found.number: found for found in data_format.rows(path)}
    kept = [(Rewritten(parts[1], b"new\n"), {}), (rows[parts[2].number], {"text": "x"})]
    with (tmp_path / "out").open("wb") as out:
        data_format.write(path, out, kept)  # type: ignore[arg-type]
    assert (tmp_path / "out").read_bytes() == b'new\n{"text": "x"}\n'


def test_processes_write_the_same_bytes(tmp_path: Path, fake: FakeTranslator, job: MakeJob) -> None:
    translate(job([row(number, text) for number, text in enumerate(KNOWN)]))
    work = job([row(number, KNOWN[number % len(KNOWN)]) for number in range(300)])
    summary = translate(work, open_runner=partial(open_with_workers, workers=2))
    written = work.out.read_bytes()
    work.out.unlink()
    alone = translate(work, open_runner=open_local)
    assert work.out.read_bytes() == written
    assert counts(summary) == counts(alone)


def test_interrupted_it_leaves_nothing_behind_and_goes_on(
    fake: FakeTranslator, job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_lines, "SPAN_BYTES", 2000)
    translate(job([row(number, text) for number, text in enumerate(KNOWN)]))
    work = job([row(number, KNOWN[number % len(KNOWN)]) for number in range(500)])
    work.out.unlink()

    def interrupt(progress: Progress) -> None:
        if 0 < progress.tally.rows < 500:
            raise KeyboardInterrupt

    with_workers = partial(open_with_workers, workers=2)
    with pytest.raises(KeyboardInterrupt):
        translate(work, interrupt, with_workers)
    assert not work.out.exists() and not multiprocessing.active_children()
    assert translate(work, open_runner=with_workers).tally.written == 500


def test_workers_are_for_json_lines(tmp_path: Path, fake: FakeTranslator) -> None:
    source = tmp_path / "en.csv"
    source.write_text("id,text\n1,A dog sleeps.\n")
    command = ["translate", str(source), "--to", "fr", "--out", str(tmp_path / "fr.csv"), "--fields", "text"]
    found = CliRunner().invoke(main, [*command, "--engine", "fake", "--workers", "2"])
    assert found.exit_code == 2
    assert "for JSON Lines" in found.output


def test_a_worker_asks_no_engine(job: MakeJob) -> None:
    work = job([row(1, "A new bird.")])
    translate(work)
    work.memory.unlink()
    TranslationMemory(work.memory).close()
    (span,) = spans(work.source, 1 << 20)
    assert FindingKnown(work, ("en", "fr", "fake 1", "", "", ""))()(span) == [span]
