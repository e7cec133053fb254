"""SQL from a user reads the lake and can do nothing else; what it answers is exact."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import Runner
from support import NOW, Ran, add, command, ingest_format, lake_of, lines_of, process

from lastseen import adhoc
from lastseen.errors import UserError
from lastseen.project import Project
from lastseen.views import Views
from lastseen.workspace import Workspace


@pytest.fixture
def filled(tiny_project: Project, tmp_path: Path) -> Project:
    """A project with a few rows."""
    log = tmp_path / "app.tiny"
    log.write_text(lines_of(range(3)))
    add(tiny_project, log)
    return tiny_project


WAYS_OUT = [
    "copy (select 1) to '{out}'",
    "copy tiny to '{out}' (format parquet)",
    "export database '{out}'",
    "attach '{out}' as other",
    "attach ':memory:' as other",
    "install httpfs",
    "load httpfs",
    "set enable_external_access = true",
    "set lock_configuration = false",
    "reset memory_limit",
    "pragma database_list",
    "pragma memory_limit = '10GB'",
    "call pragma_version()",
    "create table t as select 1",
    "create or replace view tiny as select 1",
    "create function f() as 1",
    "create secret s (type s3)",
    "drop view tiny",
    "insert into tiny select * from tiny",
    "delete from tiny",
    "update tiny set host = 'x'",
    "set variable now = 1",
    "prepare p as select 1",
    "checkpoint",
    "vacuum",
    "begin",
    "use memory",
    "select 1; select 2",
    "select 1; copy (select 1) to '{out}'",
    "explain analyze copy (select 1) to '{out}'",
    "explain copy (select 1) to '{out}' (use_tmp_file false)",
    "explain analyze copy (select 1) to '{out}' (use_tmp_file false)",
    "explain (analyze) copy (select 1) to '{out}' (use_tmp_file false)",
    "explain (analyze, format json) copy (select 1) to '{out}' (use_tmp_file false)",
    "explain /* x */ analyze copy (select 1) to '{out}' (use_tmp_file false)",
    "explain analyze -- x\n copy (select 1) to '{out}' (use_tmp_file false)",
    "/* x */ explain analyze copy (select 1) to '{out}' (use_tmp_file false)",
    "explain analyze create table t as select 1",
    "copy (select 1) to '{own}' (use_tmp_file false)",
    "explain analyze copy (select 1) to '{own}' (use_tmp_file false)",
    "from query('copy (select 1) to ''{out}''')",
    "select * from query('select 1; select 2')",
    "from '{secret}'",
    "from read_text('{secret}')",
    "from read_blob('{secret}')",
    "from read_csv('{secret}')",
    "from read_json('{secret}')",
    "from read_ndjson_objects('{secret}')",
    "from query('from read_text(''{secret}'')')",
    "from query_table('{secret}')",
    "from glob('{folder}/*')",
    "from 'https://example.com/x.parquet'",
    "from read_parquet('s3://bucket/x.parquet')",
    "from sniff_csv('{secret}')",
    "from parquet_metadata('{secret}')",
    "from read_duckdb('{secret}')",
    "select getenv('HOME')",
    "from python_object",
    "from json_execute_serialized_sql('{{}}')",
    "select * from duckdb_secrets(); attach '{out}'",
]


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Views, Path]]:
    """A database that is locked down, and its project's folder."""
    root = tmp_path_factory.mktemp("locked")
    project = Project(root)
    ingest_format(project)
    (root / "app.tiny").write_text(lines_of(range(3)))
    add(project, root / "app.tiny")
    (root / "secret").write_text("s3cret,value\n")
    with Workspace.open(root).views(NOW) as views:
        adhoc.lock_down(views, root / "spill")
        yield views, root


@pytest.mark.parametrize("query", WAYS_OUT)
def test_no_way_leads_out_of_the_lake(query: str, locked: tuple[Views, Path]) -> None:
    views, root = locked
    (own,) = lake_of(Project(root)).files("tiny")
    stored = Path(own).read_bytes()
    there = sorted(root.rglob("*"))
    text = query.format(out=root / "out", secret=root / "secret", folder=root, own=own)

    with pytest.raises(UserError):
        adhoc.run(views, text)

    assert sorted(root.rglob("*")) == there
    assert Path(own).read_bytes() == stored


def ask(project: Project, run: Runner, query: str, *words: str) -> Ran:
    return run("-C", project.root, "sql", query, *words)


def test_a_query_may_be_explained(filled: Project, run: Runner) -> None:
    assert ask(filled, run, "explain analyze select count(*) from tiny").code == 0


def test_with_from_and_comments_are_queries(filled: Project, run: Runner) -> None:
    for query in (
        "/* how many */ with t as -- all\n(from tiny) select count(*) as n from t;",
        "with t as (from tiny) select count(*) as n from t;",
        "from tiny select count(*) as n",
        "(select count(*) as n from tiny)",
    ):
        assert ask(filled, run, query, "--format", "csv").out == "n\r\n3\r\n"


def test_a_query_comes_from_standard_input(filled: Project) -> None:
    ran = process(filled, "sql", "-", "--format", "json", stdin=b"select count(*) as n from tiny")

    assert (ran.code, json.loads(ran.out)) == (0, [{"n": 3}])


def test_a_query_that_needs_too_long_is_stopped(filled: Project, run: Runner) -> None:
    slow = (
        "select count(*) from range(1000000) a, range(1000000) b where hash(a.range, b.range) = 1"
    )

    ran = ask(filled, run, slow, "--timeout", "1 second")

    assert ran.code == 2
    assert ran.err == (
        "error: the query was stopped after 1 s; narrow it by ts, or give --timeout\n"
    )


def test_a_query_that_needs_too_much_memory_is_stopped(filled: Project, run: Runner) -> None:
    greedy = "select list(range::varchar || 'xxxxxxxxxxxxxxxxxxxxxxxxx') as l from range(100000000)"

    ran = ask(filled, run, greedy, "--memory", "50MB")

    assert ran.code == 2
    assert ran.err.startswith("error: the query needs more memory than it may have: ")


def test_a_wrong_query_says_what_is_wrong(filled: Project, run: Runner) -> None:
    ran = ask(filled, run, "select hots from tiny")

    assert ran.code == 2
    assert 'Referenced column "hots" not found' in ran.err
    assert "Traceback" not in ran.err


VALUES = """
select
    timestamptz '2026-03-10 06:00:00.123456+01' as ts, timestamp '2026-03-10 06:00:00' as naive,
    date '2026-03-10' as day, interval '90 seconds' as span, null as nothing, true as yes,
    9223372036854775807::bigint as big, 18446744073709551615::decimal(20, 0) as id, 0.1 as share,
    'a''"é,⏎' as text, [1, 2] as list, {'a': timestamptz '2026-03-10 06:00:00Z'} as nested,
    map {'k': 1} as pairs, 'x'::blob as bytes, 'nan'::double as nan
"""


def test_json_is_exact(filled: Project, run: Runner) -> None:
    (row,) = json.loads(ask(filled, run, VALUES, "--format", "json").out)

    assert row == {
        "ts": "2026-03-10T05:00:00.123456Z",
        "naive": "2026-03-10T06:00:00",
        "day": "2026-03-10",
        "span": 90.0,
        "nothing": None,
        "yes": True,
        "big": 9223372036854775807,
        "id": 18446744073709551615,
        "share": 0.1,
        "text": "a'\"é,⏎",
        "list": [1, 2],
        "nested": {"a": "2026-03-10T06:00:00.000000Z"},
        "pairs": [["k", 1]],  # a key need be no text
        "bytes": "x",
        "nan": None,
    }


def test_csv_is_the_data_unaltered(filled: Project, run: Runner) -> None:
    query = "select '=1+1' as f, 'a,\"b\"' || chr(10) || 'c' as t, null as n, ts from tiny limit 1"
    ran = ask(filled, run, query, "--format", "csv")

    assert ran.out == ('f,t,n,ts\r\n=1+1,"a,""b""\nc",,2026-03-10T00:00:00.000000Z\r\n')


def test_safe_csv_holds_no_formula_for_a_spreadsheet(filled: Project, run: Runner) -> None:
    query = "select unnest(['=1+1', '+1', '-1', '@x', chr(9) || 'x', 'plain']) as \"=cell\""
    ran = ask(filled, run, query, "--format", "csv", "--safe")

    assert [row[0] for row in csv.reader(io.StringIO(ran.out))] == [
        "'=cell", "'=1+1", "'+1", "'-1", "'@x", "'\tx", "plain",
    ]  # fmt: skip


def test_markdown_cells_cannot_break_the_table(filled: Project, run: Runner) -> None:
    query = "select 'a|b' || chr(10) || 'c' as \"x|y\", 1 as n"
    ran = ask(filled, run, query, "--format", "markdown")

    assert ran.out == "| x\\|y | n |\n|---|---|\n| a\\|b ⏎ c | 1 |\n"


def test_parquet_comes_out_typed(filled: Project) -> None:
    done = subprocess.run(
        command(filled, "sql", "select ts, line from tiny order by line", "--format", "parquet"),
        capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    table = pq.read_table(pa.BufferReader(done.stdout))

    assert table.schema.field("ts").type == pa.timestamp("us", "UTC")
    assert table["line"].to_pylist() == [1, 2, 3]


def test_no_rows_are_an_empty_answer_in_each_form(filled: Project, run: Runner) -> None:
    nothing = "select host from tiny where false"

    assert json.loads(ask(filled, run, nothing, "--format", "json").out) == []
    assert ask(filled, run, nothing, "--format", "csv").out == "host\r\n"
    assert ask(filled, run, nothing).code == 0


def test_columns_of_one_name_are_all_shown(filled: Project, run: Runner) -> None:
    ran = ask(filled, run, "select 1 as a, 2 as a", "--format", "csv")

    assert ran.out == "a,a_1\r\n1,2\r\n"


def test_a_reader_that_closes_its_pipe_is_no_error(filled: Project) -> None:
    line = " ".join(
        f"'{word}'" for word in command(filled, "sql", "from range(200000)", "--format", "csv")
    )
    done = subprocess.run(
        ["/bin/bash", "-c", f"{line} | head -1; exit ${{PIPESTATUS[0]}}"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "range", "")


def test_connect_makes_the_same_views_in_another_duckdb(filled: Project, run: Runner) -> None:
    script = run("-C", filled.root, "connect").out.strip()
    code = (
        "import duckdb, sys; con = duckdb.connect(); con.execute(open(sys.argv[1]).read()); "
        "print(con.execute('select count(*) from tiny').fetchone()[0], "
        "con.execute('select count(*) from events').fetchone()[0], "
        "con.execute('select count(*) from checkins').fetchone()[0] >= 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, script],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.stdout, done.stderr) == ("3 3 True\n", "")


def test_an_empty_lake_has_empty_tables(tiny_project: Project, run: Runner) -> None:
    ran = ask(tiny_project, run, "select count(*) as n from tiny", "--format", "csv")

    assert (ran.code, ran.out) == (0, "n\r\n0\r\n")
