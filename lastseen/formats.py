"""Reads ``ingest/``: what formats there are, what columns they give, and which one a file is of."""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from lastseen import columns, database, records, sqlfile
from lastseen.accounting import REASON
from lastseen.errors import Problem, UserError
from lastseen.parquet import DAY
from lastseen.project import Project
from lastseen.sqlfile import SqlFile

REQUIRED = ("title", "files", "sniff", "covers")
FIELDS = (*REQUIRED, "zone", "record", "skip", "general", "key")
COVERS = ("fleet", "host")
CACHE = ".lastseen.schemas"
"""The file that keeps what binding the formats gave; it may be deleted at any time."""
COMMON = {
    "ts": pa.timestamp("us", "UTC"),
    "host": pa.string(),
    "emitter": pa.string(),
    "level": pa.string(),
    "process": pa.string(),
    "message": pa.string(),
    "file": pa.string(),
    "line": pa.int64(),
}
RECORDS_VIEW = (
    "create or replace temp view records as select getvariable('file') as file, "
    "getvariable('emitter') as emitter, line, text from raw_records"
)


@dataclass(frozen=True)
class Format:
    """How the raw text of one kind of log becomes typed rows."""

    source: SqlFile
    title: str
    files: tuple[str, ...]
    """Globs on a file's name."""
    sniff: re.Pattern[str]
    """Found in the records that this format can read."""
    covers: str
    """``fleet``: its emitter would have told of any host; ``host``: it tells of its emitter alone."""
    zone: str
    """The zone of times that carry none."""
    record: re.Pattern[str] | None
    """Found in a line that begins a record, where records have several lines."""
    skip: re.Pattern[str] | None
    """Found in lines that are no records and no loss: banners, headers, trailers."""
    general: bool
    """It reads lines of any program, so a format that reads this program's own is the better one."""
    key: tuple[str, ...]
    """Columns that together name an event; without any, all it has does."""

    @property
    def name(self) -> str:
        """The file's name."""
        return self.source.name

    def claims(self, lines: Sequence[str]) -> tuple[float, int]:
        """Return the share, from 0 to 1, of lines in records this format can read, and their number.

        Lines that it would skip do not count; those that merely continue a record count half, for
        anything at all can stand after a first line.
        """
        records: list[list[str]] = []
        for line in lines:
            if not line.strip() or (
                self.skip and self.skip.search(line) and not self.sniff.search(line)
            ):
                continue
            if not records or self.record is None or self.record.search(line):
                records.append([])
            records[-1].append(line)
        counted = sum(map(len, records))
        mine = [record for record in records if self.sniff.search("\n".join(record))]
        claimed = sum(map(len, mine))
        return ((claimed + len(mine)) / 2 / counted if counted else 0.0), claimed

    def skips_all(self, lines: Sequence[str]) -> bool:
        """Say whether lines are just what surrounds this format's records: an export of nothing."""
        told = [line for line in lines if line.strip() and not line.startswith("##")]
        return bool(told) and self.skip is not None and all(map(self.skip.search, told))


def load(project: Project) -> dict[str, Format]:
    """Read every format of a project.

    Raises:
        UserError: a format's header is wrong.
    """
    return {
        path.stem: parse(sqlfile.read(path)) for path in project.content("ingest", "*.sql").values()
    }


def parse(file: SqlFile) -> Format:
    """Make a format of its file.

    Raises:
        UserError: a field is missing or is no regular expression.
    """
    if file["covers"] not in COVERS:
        raise UserError(f"{file.at('covers')}: covers is one of {' and '.join(COVERS)}")
    return Format(
        source=file,
        title=file["title"],
        files=tuple(glob.strip() for glob in file["files"].split(",")),
        sniff=_regex(file, "sniff"),
        covers=file["covers"],
        zone=file.fields.get("zone", "UTC"),
        record=_regex(file, "record") if "record" in file.fields else None,
        skip=_regex(file, "skip") if "skip" in file.fields else None,
        general=file.fields.get("general") == "yes",
        key=tuple(filter(None, map(str.strip, file.fields.get("key", "").split(",")))),
    )


def _regex(file: SqlFile, field: str) -> re.Pattern[str]:
    try:
        return re.compile(file[field])
    except re.error as error:
        raise UserError(f"{file.at(field)}: {field} is no regular expression: {error}") from None


def prepare(project: Project) -> duckdb.DuckDBPyConnection:
    """Return a database in which formats can run: the macros of ``ingest/macros`` and a view ``records``."""
    con = database.connect()
    # It would make a join of a list of words, and rows do not come out of a join in their order.
    con.execute("set disabled_optimizers = 'in_clause'")
    waiting = [sqlfile.read(path) for path in project.content("ingest/macros", "*.sql").values()]
    while waiting:
        failed = [(macro, error) for macro in waiting if (error := _create(con, macro))]
        if len(failed) == len(waiting):
            macro, error = failed[0]
            raise UserError(f"{macro.path}:{macro.query_line}: {error}")
        waiting = [macro for macro, _ in failed]
    describe_file(con, file="", emitter=None, zone="UTC", file_time=None)
    return con


def _create(con: duckdb.DuckDBPyConnection, macro: SqlFile) -> duckdb.Error | None:
    """Create a macro; one that uses another has to wait until that is there."""
    try:
        con.execute(macro.query)
    except duckdb.Error as error:
        return error
    return None


def describe_file(con: duckdb.DuckDBPyConnection, **values: object) -> None:
    """Set what a format may ask about its file: file, emitter, zone, file_time."""
    database.set_variables(con, values)
    con.execute("set variable emitter = cast(getvariable('emitter') as varchar)")
    con.execute("set variable file_time = cast(getvariable('file_time') as timestamptz)")


def query(form: Format) -> str:
    """Return a format's query with the partition column."""
    return f"select *, cast(ts as date) as {DAY} from ({form.source.query})"


def schema(con: duckdb.DuckDBPyConnection, form: Format) -> Any:
    """Bind a format and return the Arrow schema of its table, the partition column last.

    Raises:
        UserError: the query does not bind, or its columns are not those every format has.
    """
    con.register("raw_records", records.SCHEMA.empty_table())
    con.execute(RECORDS_VIEW)
    try:
        bound = con.sql(query(form)).to_arrow_table().schema
    except duckdb.Error as error:
        raise UserError(f"{form.source.path}:{form.source.query_line}: {error}") from None
    found = (*_column_problems(form, bound), *_key_problems(form, bound))
    wrong = [str(problem) for problem in found]
    if wrong:
        raise UserError("\n".join(wrong))
    try:
        return columns.delta_schema([field for field in bound if field.name != REASON])
    except UserError as error:
        raise UserError(f"{form.source.path}:{form.source.query_line}: {error}") from None


def _column_problems(form: Format, bound: Any) -> Iterator[Problem]:
    given = {field.name: field.type for field in bound}
    place = form.source.path, form.source.query_line
    if list(given)[: len(COMMON)] != list(COMMON):
        yield Problem(
            *place, f"the first columns must be {', '.join(COMMON)}; they are {', '.join(given)}"
        )
        return
    for name, kind in COMMON.items():
        if given[name] != kind and not (
            kind == pa.string() and given[name] in (pa.null(), pa.string_view())
        ):
            yield Problem(*place, f'column "{name}" must be {kind}; it is {given[name]}')


def _key_problems(form: Format, bound: Any) -> Iterator[Problem]:
    line = form.source.field_lines.get("key", 1)
    for name in form.key:
        if name not in bound.names or name in (REASON, DAY):
            yield Problem(form.source.path, line, f'key: the query returns no column "{name}"')


def schemas(project: Project, forms: Mapping[str, Format]) -> dict[str, Any]:
    """Return the Arrow schema of every format's table, without the partition column.

    Binding all formats takes as long as many a query, so what it gave is kept in the project's folder.
    """
    key = _fingerprint(project, forms)
    cache = project.root / CACHE
    known = _kept(cache, key)
    if known is None:
        with prepare(project) as con:
            bound = {name: schema(con, form) for name, form in forms.items()}
        known = {
            name: pa.schema([f for f in kinds if f.name != DAY]) for name, kinds in bound.items()
        }
        _keep(cache, key, known)
    return known


def _fingerprint(project: Project, forms: Mapping[str, Format]) -> bytes:
    """Return what changes whenever a format could give other columns."""
    macros = project.content("ingest/macros", "*.sql")
    texts = [duckdb.__version__, *(form.source.query for form in forms.values())]
    texts += [*forms, *macros, *(path.read_text(encoding="utf-8") for path in macros.values())]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest().encode()


def _kept(cache: Path, key: bytes) -> dict[str, Any] | None:
    """Return the schemas that a run before this one found, where nothing changed since."""
    try:
        kept = pa.ipc.read_schema(pa.py_buffer(cache.read_bytes()))
    except (OSError, pa.ArrowException):
        return None
    if (kept.metadata or {}).get(b"of") != key:
        return None
    return {table.name: pa.schema(list(table.type)) for table in kept}


def _keep(cache: Path, key: bytes, found: Mapping[str, Any]) -> None:
    """Write the schemas down, each as a struct; a folder that cannot be written has no cache."""
    whole = pa.schema(
        [(name, pa.struct(list(kinds))) for name, kinds in found.items()], {"of": key}
    )
    beside = cache.with_name(f"{cache.name}.{os.getpid()}")
    try:
        beside.write_bytes(whole.serialize())
        beside.replace(cache)
    except OSError:
        beside.unlink(missing_ok=True)


def detect(forms: Mapping[str, Format], name: str, lines: Sequence[str]) -> Format:
    """Return the format of a file by its name and its first lines.

    The one that can read most of the lines wins; among equals one whose ``files`` fit, then one that
    skips fewer lines, then one that is made for this program rather than for any.

    Raises:
        UserError: none can, or several can and nothing tells them apart.
    """
    claims = {key: form.claims(lines) for key, form in forms.items()}
    best = max((share for share, _ in claims.values()), default=0.0)
    empty = [form for form in forms.values() if form.skips_all(lines)] if not best else []
    if len(empty) == 1:
        return empty[0]
    if not best:
        first = next((line for line in lines if line.strip()), "")[:120]
        raise UserError(
            f'{name}: no format in ingest/ recognises it; it begins "{first}". See ingest/README.md'
        )
    ranked = sorted(
        (
            not any(fnmatch(Path(name).name, glob) for glob in forms[key].files),
            -count,
            forms[key].general,
            key,
        )
        for key, (share, count) in claims.items()
        if share == best
    )
    if len(ranked) > 1 and ranked[0][:3] == ranked[1][:3]:
        names = " or ".join(key for *rank, key in ranked if tuple(rank) == ranked[0][:3])
        raise UserError(f"{name}: could be {names}; say which with --format")
    return forms[ranked[0][3]]
