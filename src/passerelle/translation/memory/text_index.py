"""Where the entries of a text are: an index that grows by sorted heaps, and beside it those that came since.

Digests come in random order. An index that takes each at once changes a page of it for each, and each page is written
twice. So entries are only appended, and the last of them are listed in a table that each connection keeps in its own
memory. When there are many, they go into the index on the disk together, in its order.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

MOST_RECENT = 65_536
"""So many entries are taken into the index at once; a connection that is opened reads as many at most."""

_COLUMNS = (
    "(digest BLOB NOT NULL, place INTEGER NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (digest, place)) WITHOUT ROWID"
)
TABLE = f"CREATE TABLE text_index {_COLUMNS}"


def prepare(connection: sqlite3.Connection) -> None:
    """Make a connection's own list of the entries that aren't in the index; it is read when it is needed."""
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"CREATE TEMP TABLE recent {_COLUMNS}")
    connection.execute("CREATE TEMP TABLE listed (indexed INTEGER NOT NULL, last INTEGER NOT NULL)")
    connection.execute("INSERT INTO listed VALUES (0, 0)")


def update(connection: sqlite3.Connection) -> None:
    """Bring the list up to date with what this and other processes have stored."""
    # What was stored in between is in the index, in the list, or in both, but never in neither.
    indexed, last = _stored(connection)
    known_indexed, known_last = connection.execute("SELECT indexed, last FROM temp.listed").fetchone()
    if (indexed, last) == (known_indexed, known_last):
        return
    if indexed != known_indexed:
        connection.execute("DELETE FROM temp.recent WHERE id <= ?", (indexed,))
    connection.execute(
        "INSERT OR REPLACE INTO temp.recent SELECT digest, place, id FROM translations WHERE id > ? AND id <= ?",
        (max(indexed, known_last), last),
    )
    connection.execute("UPDATE temp.listed SET indexed = ?, last = ?", (indexed, last))


def _stored(connection: sqlite3.Connection) -> tuple[int, int]:
    """Return the last entry that is in the index, and the last that there is."""
    query = "SELECT indexed, (SELECT coalesce(max(id), 0) FROM translations) FROM state"
    indexed, last = connection.execute(query).fetchone()
    return int(indexed), int(last)


def entries(digests: Sequence[bytes], columns: str) -> tuple[str, list[bytes]]:
    """Return a query for the entries of some texts, to be used after `update`, and its values.

    Args:
        digests: At most half as many as SQLite takes values in a query.
        columns: What to select of ``translations`` and of ``found``, which has ``id``.
    """
    marks = ",".join("?" * len(digests))
    found = " UNION ALL ".join(
        f"SELECT id FROM {table} WHERE digest IN ({marks})" for table in ("temp.recent", "text_index")
    )
    return f"SELECT {columns} FROM ({found}) AS found CROSS JOIN translations ON translations.id = found.id", [
        *digests,
        *digests,
    ]


def grow(connection: sqlite3.Connection) -> None:
    """Take recent entries into the index, if they are many; in the transaction that stored the last of them."""
    indexed, last = _stored(connection)
    if last - indexed < MOST_RECENT:
        return
    connection.execute(
        "INSERT INTO text_index SELECT digest, place, id FROM translations WHERE id > ? ORDER BY digest, place",
        (indexed,),
    )
    connection.execute("UPDATE state SET indexed = ?", (last,))
