"""Open a review database: SQLite by default, PostgreSQL by URL."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from filelock import FileLock

from passerelle.errors import ConfigError, InputError, MissingDependency, StorageError, to_install
from passerelle.runs import storage

try:
    from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
    from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError, OperationalError
    from sqlalchemy.orm import Session
except ImportError as error:
    raise MissingDependency(f"reviewing needs more packages: {to_install('review')}") from error

DEFAULT = Path("review.sqlite")
_LOCK_KEY = 7_269_110_042
"""PostgreSQL's advisory lock while the tables are made: any number that nobody else uses."""
_WAIT_SECONDS = 30


class Database:
    """A review database with its tables up to date.

    Writers take SQLite's lock at once when their transaction begins, so that none finds half-way that another
    was first; within one process they queue for it, which is fairer and faster than to try again and again.
    """

    def __init__(self, where: str | Path = DEFAULT, *, must_exist: bool = False) -> None:
        """Open a database and bring its tables up to date.

        Args:
            where: Path of an SQLite file, or a URL like ``postgresql://user@host/name``.
            must_exist: Don't begin a new SQLite file.

        Raises:
            ConfigError: No URL of a database that is known.
            InputError: There is no such file, it is no review database, or a newer Passerelle made it.
            MissingDependency: psycopg isn't installed.
            StorageError: The database can't be reached, or the disk is full.
        """
        url, self._path = _parse(str(where))
        if self._path is not None:
            if must_exist and not self._path.is_file():
                raise InputError(
                    f"no review database at {str(self._path)!r}: `passerelle review create` makes one, "
                    "or name another with --db."
                )
            with storage(self._path):
                _check_file(self._path)
                self._path.parent.mkdir(parents=True, exist_ok=True)
        self.name = without_password(url)
        self._writing = threading.Lock() if self._path is not None else nullcontext()
        self._engine = _open(url)
        try:
            with self._errors():
                self._migrate()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Give a session for reading."""
        with self._errors(), Session(self._engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Give a session whose changes are kept together when the block ends well, and dropped when it doesn't."""
        with self._errors(), self._writing, Session(self._engine.execution_options(writes=True)) as session:
            with session.begin():
                yield session

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def __enter__(self) -> Database:
        """Use the database in a ``with`` block that closes it."""
        return self

    def __exit__(self, *failure: object) -> None:
        """Close all connections."""
        self.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            reason = str(error.orig).strip().splitlines()[0]
            if "full" in reason:
                raise StorageError(f"the disk is full: {self.name!r} can't be written. Free some space.") from error
            raise StorageError(f"the review database {self.name!r} can't be used: {reason}") from error
        except DatabaseError as error:
            if "not a database" in str(error.orig) or "malformed" in str(error.orig):
                raise InputError(f"{self.name!r} is no review database, or is damaged: {error.orig}.") from error
            raise

    def _migrate(self) -> None:
        from alembic import command
        from alembic.config import Config
        from alembic.util.exc import CommandError

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
        beside = FileLock(f"{self._path}.lock") if self._path is not None else nullcontext()
        with beside, self._engine.execution_options(writes=True).begin() as connection:
            if self._path is None:
                connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK_KEY})"))
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise InputError(f"{self.name!r} was made by a newer Passerelle: update this one. ({error})") from error


def without_password(where: str) -> str:
    """Return a database's path or URL as it may be printed."""
    try:
        url = make_url(where) if "://" in where else None
    except (ArgumentError, ValueError):
        return "the database's URL"
    if url is None:
        return where
    secret = {key: "***" for key in url.query if "pass" in key.lower()}
    return url.update_query_dict(secret).render_as_string(hide_password=True)


def _check_file(path: Path) -> None:
    """Make sure that a file that is there is a review database: any other stays as it is, with nothing beside it."""
    if not path.is_file() or path.stat().st_size == 0:
        return
    try:
        # Not `mode=ro`: that would leave the files of SQLite's journal beside it.
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except sqlite3.OperationalError:
        return  # whoever opens it next says what is wrong
    except sqlite3.DatabaseError as error:
        raise InputError(f"{str(path)!r} is no review database, or is damaged: {error}. It stays as it is.") from None
    if tables and "alembic_version" not in tables:
        raise InputError(f"{str(path)!r} is no review database, but another program's. It stays as it is.")


def _parse(where: str) -> tuple[str, Path | None]:
    """Return SQLAlchemy's URL, and the file of an SQLite database."""
    if "://" not in where:
        return f"sqlite:///{where}", Path(where)
    # What stands behind a second @ would be taken for the host, and named in errors.
    if where.partition("://")[2].partition("?")[0].count("@") > 1:
        raise ConfigError("the database's URL can't be read: write @ in its password as %40.")
    try:
        url = make_url(where)
    except (ArgumentError, ValueError):
        raise ConfigError("the database's URL can't be read: write postgresql://user@host/name.") from None
    backend = url.get_backend_name()
    if backend == "sqlite":
        return where, Path(url.database or "review.sqlite")
    if backend != "postgresql":
        raise ConfigError(f"no database of the kind {backend!r}: give a file's path, or postgresql://user@host/name.")
    return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False), None


def _open(url: str) -> Engine:
    try:
        if not url.startswith("sqlite"):
            return create_engine(url, pool_size=20, pool_pre_ping=True, connect_args={"connect_timeout": 10})
    except (ImportError, NoSuchModuleError) as error:
        raise MissingDependency(f"PostgreSQL needs psycopg: {to_install('postgres')}") from error
    engine = create_engine(url, pool_size=20, connect_args={"timeout": _WAIT_SECONDS})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, record: object) -> None:
    """Let SQLAlchemy begin transactions itself, write ahead, and flush each of them to the disk."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
