"""Peak memory doesn't grow with the number of rows."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from passerelle.formats.base import Format, Row
from passerelle.formats.registry import formats, open_format

ROWS = 4000
TEXT = "What are the colours of the bus in the image? " * 60  # 3 KB


class Sink:
    """Takes what is written and keeps nothing."""

    written = 0

    def write(self, data: bytes) -> int:
        self.written += len(data)
        return len(data)


def llava(rows: int) -> Iterable[str]:
    row = {"id": "1", "conversations": [{"from": "human", "value": TEXT}]}
    for number in range(rows):
        yield ("[\n" if number == 0 else ",\n") + json.dumps(row)
    yield "\n]\n"


def messages(rows: int) -> Iterable[str]:
    for _ in range(rows):
        yield json.dumps({"messages": [{"role": "user", "content": TEXT}]}) + "\n"


def scienceqa(rows: int) -> Iterable[str]:
    for number in range(rows):
        problem = {"question": TEXT, "choices": ["a", "b"], "answer": 0}
        yield ("{" if number == 0 else ", ") + f'"{number}": {json.dumps(problem)}'
    yield "}"


def coco(rows: int) -> Iterable[str]:
    yield '{"licenses": ['
    for number in range(rows):
        yield ("," if number else "") + json.dumps({"url": TEXT})
    yield '], "annotations": ['
    for number in range(rows):
        yield ("," if number else "") + json.dumps({"caption": TEXT, "image_id": 1})
    yield "]}"


def table(rows: int) -> Iterable[str]:
    yield "id,caption\n"
    for number in range(rows):
        yield f'{number},"{TEXT}\n{TEXT}"\n'


def peak(data_format: Format, path: Path) -> int:
    """Return the most bytes that were held at once while a file was read and written."""

    def pairs() -> Iterable[tuple[Row, dict[str, str]]]:
        for row in data_format.rows(path):
            assert isinstance(row, Row)
            yield row, {field.place: "court" for field in row.fields}

    sink: Any = Sink()
    tracemalloc.start()
    try:
        data_format.write(path, sink, pairs())
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("name", "content"),
    [("llava", llava), ("messages", messages), ("scienceqa", scienceqa), ("coco-captions", coco), ("csv", table)],
)
def test_memory_is_flat(tmp_path: Path, name: str, content: Any) -> None:
    peaks = []
    for rows in (ROWS // 2, ROWS):
        path = tmp_path / "data"
        with path.open("w") as file:
            file.writelines(content(rows))
        data_format = open_format(path, fields=["caption"]) if name == "csv" else formats()[name]
        peaks.append(peak(data_format, path))
    assert path.stat().st_size > 10_000_000
    assert peaks[1] < 1.1 * peaks[0] < 10_000_000, f"{peaks[0]:,} and {peaks[1]:,} bytes"
