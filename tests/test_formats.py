"""Every format reads its cases: `tests/formats/FORMAT/CASE.ext` gives `CASE.expected.json`.

An expected row lists the columns that are not NULL; `rejects` are [line, reason, text] and `skipped` counts
the lines that are no records. `pytest --update-golden` writes them: read the difference before you commit it.
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lastseen import formats
from lastseen.ingest import Ingest
from lastseen.lake import REJECTS, Lake
from lastseen.logfile import LogFile
from lastseen.project import Project

CASES = Path(__file__).parent / "formats"
WRITTEN = datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp()
"""When each case's file was last changed, for formats that take the year from it."""


def cases() -> list[Path]:
    return sorted(p for p in CASES.glob("*/*") if not p.name.endswith(".expected.json"))


@pytest.mark.parametrize("case", cases(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_format_reads_its_case(
    case: Path, project: Project, request: pytest.FixtureRequest
) -> None:
    expected = case.parent / f"{case.name.partition('.')[0]}.expected.json"
    got = read(case, project)
    if request.config.getoption("--update-golden"):
        lines = ",\n  ".join(json.dumps(row, ensure_ascii=False) for row in got["rows"])
        rejects = ",\n  ".join(json.dumps(row, ensure_ascii=False) for row in got["rejects"])
        expected.write_text(
            f'{{"skipped": {got["skipped"]},\n "rejects": [\n  {rejects}\n ],\n "rows": [\n  {lines}\n ]}}\n',
            encoding="utf-8",
        )

    assert got == json.loads(expected.read_text(encoding="utf-8"))


def read(case: Path, project: Project) -> dict[str, Any]:
    os.utime(case, (WRITTEN, WRITTEN))
    form = formats.load(project)[case.parent.name]
    lake = Lake(project.root / "lake")
    now = datetime(2026, 3, 11, tzinfo=UTC)
    with formats.prepare(project) as con:
        file = LogFile(case, case.name, "emitter-1")
        (result,) = Ingest(con, form, lake, now).add([file], None, lambda _: None)
        assert result.problem is None
        rows = _table(con, lake, form.name)
        rejects = _table(con, lake, REJECTS)
    return {
        "skipped": result.skipped,
        "rejects": [[row["line"], row["reason"], row["text"]] for row in rejects],
        "rows": [{k: v for k, v in row.items() if v is not None and k != "file"} for row in rows],
    }


def _table(con: Any, lake: Lake, name: str) -> list[dict[str, Any]]:
    files = lake.files(name)
    if not files:
        return []
    query = f"select to_json(t) as row from read_parquet({files!r}, hive_partitioning = false) as t order by line"
    return [json.loads(row) for (row,) in con.execute(query).fetchall()]
