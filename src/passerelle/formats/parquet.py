"""Parquet, through pyarrow: read a few rows at a time, written row group by row group."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from passerelle.errors import InputError, MissingDependency, to_install
from passerelle.formats.base import BadRow, Row
from passerelle.formats.found import Found
from passerelle.formats.layout import Layout
from passerelle.formats.places import parse_place
from passerelle.formats.probing import looks_like
from passerelle.formats.selection import Selection

if TYPE_CHECKING:
    import pyarrow
    import pyarrow.parquet

_READ_ROWS = 64
_WRITTEN_ROWS = 1024
_KEPT_CHARACTERS = 10_000


class Parquet:
    """Rows of a Parquet file, strings inside lists and structures too."""

    is_folder = False

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.name = layout.name

    def detects(self, path: Path) -> bool:
        """Say whether a file looks like this format, from its first rows."""
        if not is_parquet(path):
            return False
        return looks_like(self._rows(path))

    def rows(self, path: Path) -> Iterator[Row | BadRow]:
        """Read the rows one after the other; columns that aren't wanted aren't read.

        Raises:
            InputError: The file is no Parquet file, or is broken.
            MissingDependency: pyarrow isn't installed.
        """
        return self._rows(path)

    def _rows(self, path: Path) -> Generator[Row | BadRow, None, None]:
        with parquet_file(path) as file:
            tree = self.layout.tree
            columns = [name for name in file.schema_arrow.names if tree.child(name) is not None]
            for number, value in enumerate(parquet_values(file, columns), 1):
                if value is None:
                    yield BadRow(number, "invalid-utf-8", "a text of the row isn't encoded in UTF-8", b"")
                    continue
                found = Found()
                found.visit(tree, value)
                raw = repr(value)[:_KEPT_CHARACTERS].encode("utf-8", "backslashreplace")
                yield self.layout.row(number, found, raw)

    def write(self, source: Path, out: BinaryIO, rows: Iterable[tuple[Row, Mapping[str, str]]]) -> None:
        """Write the file again with other texts: the same schema, metadata, compression and row groups.

        Raises:
            InputError: The source changed since the rows were read.
            MissingDependency: pyarrow isn't installed.
        """
        selection = Selection(rows)
        with parquet_file(source) as file, _writer(file, out) as writer:
            number = 0
            for group in range(file.num_row_groups):
                table = file.read_row_group(group)
                slices = []
                for start in range(0, table.num_rows, _WRITTEN_ROWS):
                    part = table.slice(start, _WRITTEN_ROWS)
                    texts = [selection.take(number + 1 + index) for index in range(part.num_rows)]
                    number += part.num_rows
                    slices.append(_rewritten(part, texts))
                kept = _joined(slices, table.schema)
                if kept.num_rows:
                    writer.write_table(kept, row_group_size=kept.num_rows)
        selection.finish()


def is_parquet(path: Path) -> bool:
    """Say whether a file begins as Parquet files do."""
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PAR1"
    except OSError:
        return False


@contextmanager
def parquet_file(path: Path) -> Iterator[pyarrow.parquet.ParquetFile]:
    """Open a Parquet file; what pyarrow finds broken, here or while it is read, becomes an `InputError`.

    Raises:
        InputError: It is no Parquet file, or is broken.
        MissingDependency: pyarrow isn't installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingDependency(
            f"reading {str(path)!r} needs pyarrow, which isn't installed. Install it: {to_install('parquet')}"
        ) from None
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            yield file
    except pyarrow.ArrowException as error:
        raise InputError(f"{str(path)!r} is a broken Parquet file, or none: {error}") from None
    except OSError as error:
        raise InputError(f"can't read {str(path)!r}: {error}") from None


def parquet_values(file: pyarrow.parquet.ParquetFile, columns: Sequence[str] | None = None) -> Iterator[Any]:
    """Yield the rows as dictionaries; ``None`` for one with a string that isn't UTF-8, which Parquet doesn't forbid.

    Args:
        file: The open file.
        columns: Those to read; all by default.
    """
    for batch in file.iter_batches(batch_size=_READ_ROWS, columns=columns):
        # Without any wanted column the rows are counted all the same.
        yield from [{}] * batch.num_rows if columns == [] else _plain_rows(batch)


def _plain_rows(batch: pyarrow.RecordBatch) -> list[Any]:
    try:
        return batch.to_pylist()  # type: ignore[no-any-return]
    except UnicodeDecodeError:
        return (
            [None]
            if batch.num_rows == 1
            else [row for index in range(batch.num_rows) for row in _plain_rows(batch.slice(index, 1))]
        )


@contextmanager
def _writer(file: pyarrow.parquet.ParquetFile, out: BinaryIO) -> Iterator[pyarrow.parquet.ParquetWriter]:
    import pyarrow.parquet

    metadata = file.metadata
    codecs = {}
    if metadata.num_row_groups:
        chunks = (metadata.row_group(0).column(index) for index in range(metadata.num_columns))
        codecs = {chunk.path_in_schema: chunk.compression.replace("UNCOMPRESSED", "NONE") for chunk in chunks}
    with pyarrow.parquet.ParquetWriter(
        out,
        file.schema_arrow,
        compression=codecs or "NONE",
        version=metadata.format_version,
        # Older files call the members of lists "item" instead of "element".
        use_compliant_nested_type=not any(".list.item" in path for path in codecs),
        store_schema=b"ARROW:schema" in (metadata.metadata or {}),
    ) as writer:
        yield writer


def _rewritten(part: pyarrow.Table, texts: list[Mapping[str, str] | None]) -> pyarrow.Table:
    """Put new texts into some rows of a table and leave others out."""
    import pyarrow

    if None in texts:  # first, as what isn't written may hold what can't be read
        part = part.filter(pyarrow.array([new is not None for new in texts]))
        texts = [new for new in texts if new is not None]
    columns = {parse_place(place)[0] for new in texts if new for place in new}
    for column in columns:
        index = part.schema.get_field_index(column)
        if index < 0:
            raise InputError(f"the rows have no column {column!r}: the file changed since it was read.")
        field = part.schema.field(index)
        values = part.column(index).to_pylist()
        for row, new in enumerate(texts):
            for place, text in (new or {}).items():
                keys = parse_place(place)
                if keys[0] == column:
                    values[row] = _replaced(values[row], keys[1:], text, place)
        part = part.set_column(index, field, pyarrow.array(values, type=field.type))
    return part


def _replaced(value: Any, keys: tuple[str | None, ...], text: str, place: str) -> Any:
    """Return a value with a text in the place of the one below some keys."""
    if not keys:
        if not isinstance(value, str):
            raise InputError(f"the row has no text at {place!r}: the file changed since it was read.")
        return text
    key: Any = int(keys[0] or 0) if isinstance(value, list) else keys[0]
    try:
        value[key] = _replaced(value[key], keys[1:], text, place)
    except (IndexError, KeyError, TypeError):
        raise InputError(f"the row has no text at {place!r}: the file changed since it was read.") from None
    return value


def _joined(slices: list[pyarrow.Table], schema: pyarrow.Schema) -> pyarrow.Table:
    import pyarrow

    return pyarrow.concat_tables(slices) if slices else schema.empty_table()
