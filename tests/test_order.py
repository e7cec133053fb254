"""Each row stays with its file and line, whatever a format's query does, and however many files it reads at once."""

from pathlib import Path

import pytest
from support import TINY, add, ingest_format, lake_of, rows, tiny

from lastseen import formats
from lastseen.project import Project, shipped

JOINED = TINY.replace("'info' as level", "level").replace(
    "from records",
    "from records join (values ('mac-0', 'info'), ('mac-1', 'warn')) as known(name, level) "
    "on split_part(text, ' ', 2) = name",
)


def test_a_format_that_joins_keeps_each_row_with_its_file(project: Project, tmp_path: Path) -> None:
    ingest_format(project, JOINED)
    long, short = tmp_path / "long.tiny", tmp_path / "short.tiny"
    long.write_text("".join(tiny(number * 7, "x" * 20_000) for number in range(300)))
    short.write_text("".join(tiny(number * 7, "y") for number in range(40)))

    results = add(project, long, short)

    assert [(one.rows, one.rejects) for one in results] == [(300, 0), (40, 0)]
    told = [line for name, line in rows(lake_of(project), "tiny", "file, line") if "long" in name]
    assert told == list(range(1, 301))


@pytest.mark.parametrize("name", sorted(formats.load(Project(shipped()))))
def test_no_shipped_format_has_to_be_sorted_for_it(name: str, project: Project) -> None:
    form = formats.load(project)[name]
    with formats.prepare(project) as con:
        con.execute("create temp table records (file text, emitter text, line bigint, text text)")
        ((_, plan),) = con.execute(f"explain {formats.query(form)}").fetchall()

    assert "Join" not in plan
