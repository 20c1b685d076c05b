"""The whole history in SQL: sealed audit files as Parquet files, read by DuckDB, which is an extra.

The Parquet files lie in `history/` of the data directory, one for each rotated audit file. Each holds the
SHA-256 of the file it was made from, and is made again if that is another; all can be deleted at any time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, Final

from mission_control.audit.stream.lines import LONGEST_LINE_BYTES
from mission_control.audit.stream.segments import rotated
from mission_control.errors import HistoryError
from mission_control.safe_paths.own_files import make_folder

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

COLUMNS: Final = {
    "timestamp": "TIMESTAMP",
    "task_id": "VARCHAR",
    "status": "VARCHAR",
    "duration_ms": "BIGINT",
    "output": "VARCHAR",
    "error": "VARCHAR",
    "execution_id": "VARCHAR",
    "scheduled_time": "TIMESTAMP",
    "attempt": "INTEGER",
    "final": "BOOLEAN",
    "trigger": "VARCHAR",
    "handler": "VARCHAR",
    "started_at": "TIMESTAMP",
    "lateness_ms": "BIGINT",
    "worker": "VARCHAR",
    "reason": "VARCHAR",
    "cause": "JSON",
    "revision": "INTEGER",
    "spent": "JSON",
    "writer": "VARCHAR",
    "seq": "BIGINT",
}
"""The columns of `records`, with their types; times are in UTC."""

_BEGINNING: Final = 4_096
_INSTALL: Final = "pip install 'mission-control[history]'"
_SAFE: Final[dict[str, str | bool | int | float | list[str]]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}


@dataclass(frozen=True)
class History:
    """Answers SQL about all audit records of the stream at `path`; `folder` is for the Parquet files."""

    path: Path
    folder: Path

    def build(self, *, rebuild: bool = False) -> list[Path]:
        """Make the Parquet files that are missing, or whose source has another digest, and remove all others.

        Each is complete or absent, and only its owner may read it. Returns the files that were made; with
        `rebuild` all are made.

        Raises:
            HistoryError: DuckDB is missing, or an audit file cannot be read.
        """
        with self._opened() as db:
            return self._build(db, rebuild=rebuild, is_checked=True)

    @contextmanager
    def answer(self, sql: str) -> Iterator[tuple[list[str], Iterator[tuple[Any, ...]]]]:
        """Give the columns and rows that a SELECT from the view `records` has.

        Parquet files are made first that are missing, or whose source has changed by its size or time. The
        statement can read these files and the live audit file, and nothing else: no other file, no network,
        no extension, no setting; and it changes nothing.

        Raises:
            HistoryError: DuckDB is missing, the text is not one SELECT, or it cannot be answered.
        """
        with self._opened() as db:
            kinds = [one.type.name for one in db.extract_statements(sql)]
            if kinds != ["SELECT"]:
                found = ", ".join(kinds) if kinds else "nothing"
                raise HistoryError(f"a query is one SELECT statement, this is {found}")
            self._build(db)
            self._lock(db)
            db.execute(sql)
            names = [str(one[0]) for one in db.description or ()]
            yield names, (row for some in iter(lambda: db.fetchmany(1_000), []) for row in some)

    @contextmanager
    def _opened(self) -> Iterator[DuckDBPyConnection]:
        try:
            import duckdb
        except ImportError as error:
            raise HistoryError(f"SQL needs DuckDB, which is not installed: {_INSTALL}") from error
        with duckdb.connect(config=_SAFE) as db:
            try:
                yield db
            except duckdb.Error as error:
                raise HistoryError(f"the query cannot be answered: {error}") from error

    def _build(
        self, db: DuckDBPyConnection, *, rebuild: bool = False, is_checked: bool = False
    ) -> list[Path]:
        make_folder(self.folder)
        made, wanted = list[Path](), set[str]()
        for source in rotated(self.path):
            target = self.folder / f"{_name_of(source)}.parquet"
            wanted.add(target.name)
            known = {} if rebuild else _metadata(db, target)
            changed_at = str(source.stat().st_mtime_ns)
            if not is_checked and known.get("changed_at") == changed_at:
                continue
            with source.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if known.get("sha256") != digest:
                self._make(db, source, target, {"sha256": digest, "changed_at": changed_at})
                made.append(target)
        for stale in self.folder.glob("*.parquet*"):
            if stale.name not in wanted:
                stale.unlink(missing_ok=True)
        return made

    def _make(self, db: DuckDBPyConnection, source: Path, target: Path, known: Mapping[str, str]) -> None:
        metadata = ", ".join(f"{name}: '{value}'" for name, value in known.items())
        with NamedTemporaryFile(dir=self.folder, suffix=".tmp", delete=False) as file:  # mode 0600
            made = Path(file.name)
        try:
            db.execute(
                f"COPY ({_read(source)}) TO {_quoted(made)} "
                f"(FORMAT parquet, COMPRESSION zstd, KV_METADATA {{{metadata}}})"
            )
            made.chmod(0o600)
            made.replace(target)
        finally:
            made.unlink(missing_ok=True)

    def _lock(self, db: DuckDBPyConnection) -> None:
        sealed = sorted(self.folder.glob("*.parquet"))
        parts = [f"SELECT * FROM read_parquet({_quoted(one)})" for one in sealed]  # noqa: S608  # quoted
        live = [self.path] if self.path.exists() else []
        parts += map(_read, live)
        nothing = ", ".join(f"NULL::{kind} AS {name}" for name, kind in COLUMNS.items())
        db.execute(f"CREATE VIEW records AS {' UNION ALL '.join(parts) or f'SELECT {nothing} WHERE false'}")
        allowed = ", ".join(map(_quoted, [*sealed, *live]))
        db.execute("SET memory_limit = '2GB'")
        db.execute("SET TimeZone = 'UTC'")
        db.execute(f"SET allowed_paths = [{allowed}]")
        db.execute("SET enable_external_access = false")
        db.execute("SET lock_configuration = true")


def _name_of(source: Path) -> str:
    """Return a name that a file keeps when it is rotated again: by its beginning and its size."""
    with source.open("rb") as file:
        return hashlib.sha256(f"{source.stat().st_size}:".encode() + file.read(_BEGINNING)).hexdigest()[:32]


def _metadata(db: DuckDBPyConnection, target: Path) -> dict[str, str]:
    """Return what a Parquet file says about its source; nothing if it is missing or damaged."""
    import duckdb

    if not target.exists():
        return {}
    try:
        found = db.execute("SELECT decode(key), decode(value) FROM parquet_kv_metadata(?)", [str(target)])
        return dict(found.fetchall())
    except duckdb.Error:
        return {}


def _read(source: Path) -> str:
    """Return the SELECT of the records of an audit file; lines that are none are passed over."""
    columns = ", ".join(f"{name}: '{kind}'" for name, kind in COLUMNS.items())
    how = f"format = 'newline_delimited', ignore_errors = true, maximum_object_size = {LONGEST_LINE_BYTES}"
    read = f"read_json({_quoted(source)}, {how}, columns = {{{columns}}})"
    return f"SELECT * FROM {read} WHERE task_id IS NOT NULL"  # noqa: S608  # a path of ours, quoted


def _quoted(path: Path) -> str:
    return "'" + str(path.absolute()).replace("'", "''") + "'"
