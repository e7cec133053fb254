"""One .sql file of content: a header of ``-- field: value`` lines, prose, one query."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from lastseen.errors import Problem, UserError

_FIELD = re.compile(r"--\s+([a-z_]+):(?:\s+(.*))?$")
_NAME = re.compile(r"[a-z][a-z0-9_]*$")


@dataclass(frozen=True)
class SqlFile:
    """A content file, split into its parts."""

    path: Path
    fields: Mapping[str, str]
    field_lines: Mapping[str, int]
    """The line of each field, counted from 1."""
    prose: str
    query: str
    query_line: int
    """The line at which the query begins, counted from 1."""

    @property
    def name(self) -> str:
        """The file's name is the name of what it defines."""
        return self.path.stem

    def __getitem__(self, field: str) -> str:
        """Return a required field.

        Raises:
            UserError: the field is not there.
        """
        try:
            return self.fields[field]
        except KeyError:
            raise UserError(
                f"{self.path}:1: the header lacks `{field}:`; see the folder's README.md"
            ) from None

    def at(self, field: str) -> str:
        """Return ``path:line`` of a field, for messages."""
        return f"{self.path}:{self.field_lines.get(field, 1)}"


def read(path: Path) -> SqlFile:
    """Read a content file; its text is UTF-8.

    Raises:
        UserError: it cannot be read or has no query.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from None
    fields: dict[str, str] = {}
    field_lines: dict[str, int] = {}
    row = 0
    while row < len(lines) and (match := _FIELD.match(lines[row])):
        row += 1
        fields[match[1]] = (match[2] or "").strip()
        field_lines[match[1]] = row
    prose_from = row
    while row < len(lines) and lines[row].startswith("--"):
        row += 1
    prose = "\n".join(line.removeprefix("--").strip() for line in lines[prose_from:row]).strip()
    while row < len(lines) and not lines[row].strip():
        row += 1
    query = "\n".join(lines[row:]).strip().removesuffix(";")
    if not query:
        raise UserError(f"{path}:{row + 1}: there is no query below the header")
    return SqlFile(path, fields, field_lines, prose, query, row + 1)


def problems(file: SqlFile, known: Collection[str], required: Collection[str]) -> Iterator[Problem]:
    """Yield what is wrong with a file's name, header and prose."""
    if not _NAME.match(file.name):
        yield Problem(
            file.path, 0, f'the name "{file.name}" must be lower-case letters, digits and _'
        )
    for field in file.fields:
        if field not in known:
            near = get_close_matches(field, known, n=1)
            hint = (
                f"; did you mean '{near[0]}'?"
                if near
                else f"; known are {', '.join(sorted(known))}"
            )
            yield Problem(file.path, file.field_lines[field], f"unknown field '{field}'{hint}")
    for field in required:
        if not file.fields.get(field):
            yield Problem(file.path, 1, f"the header lacks `{field}:`")
    if not file.prose:
        yield Problem(
            file.path, file.query_line, "there is no prose between the header and the query"
        )
    for number, line in enumerate(file.path.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("--") and len(line) > 100:  # noqa: PLR2004 - sqlfmt breaks longer comment lines
            yield Problem(
                file.path,
                number,
                "a comment line over 100 characters; the formatter would break it",
            )
