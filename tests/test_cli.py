"""The command line: what is printed where, exit codes, and the shapes that others rely on."""

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest
from conftest import Runner
from support import TINY, command, ingest_format, messages, process, tiny

from lastseen import formats
from lastseen.project import Project

COMMANDS = (
    "add", "check", "connect", "demo", "gaps", "incidents", "init", "lint", "pull", "replay", "report",
    "run", "schedule", "sql", "tidy",
)  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help(name: str, run: Runner) -> None:
    ran = run(name, "--help")

    assert (ran.code, ran.err) == (0, "")
    assert f"lastseen {name}" in ran.out


def test_no_command_is_help_and_a_usage_error(run: Runner) -> None:
    assert run().code == 2


@pytest.mark.parametrize("words", [["ad"], ["add"], ["add", "--hst", "x", "y"], ["sql"]])
def test_wrong_usage_is_exit_2_and_no_traceback(words: list[str], run: Runner) -> None:
    ran = run(*words)

    assert ran.code == 2
    assert "Usage: " in ran.err
    assert "Traceback" not in ran.err


def test_add_json_has_the_shape_that_others_rely_on(
    tiny_project: Project, tmp_path: Path, run: Runner
) -> None:
    log = tmp_path / "app.tiny"
    log.write_text(tiny(1) + "no time\n" + tiny(2))
    (tmp_path / "empty.tiny").write_text("")

    ran = run(
        "-C",
        tiny_project.root,
        "add",
        log,
        tmp_path / "empty.tiny",
        "--json",
        "--now",
        "2026-03-11",
    )

    assert ran.code == 3
    assert json.loads(ran.out) == {
        "files": [
            {
                "file": str(log),
                "format": "tiny",
                "rows": 2,
                "rejects": 1,
                "since": "2026-03-10T00:00:01.000000Z",
                "until": "2026-03-10T00:00:02.000000Z",
                "already": False,
            }
        ],
        "failed": [
            {
                "file": f"{tmp_path}/empty.tiny",
                "problem": f"{tmp_path}/empty.tiny: is empty; nothing to add",
            }
        ],
    }


def test_check_json_has_the_shape_that_others_rely_on(project: Project, run: Runner) -> None:
    """One host checks in once, the other goes on for ten minutes."""
    log = project.root / "access.log"
    agent = '"POST /api/osquery/distributed/read HTTP/1.1" 200 9 "-" "osquery/5.16.0"'
    lines = [f"192.0.2.1 - - [10/Mar/2026:09:00:00 +0000] {agent}"]
    lines += [f"192.0.2.2 - - [10/Mar/2026:09:{m:02}:30 +0000] {agent}" for m in range(11)]
    log.write_text("\n".join(lines) + "\n", encoding="utf-8")
    root = str(project.root)
    assert run("-C", root, "add", str(log)).code == 0

    ran = run("-C", root, "check", "heartbeat_gap", "--json", "--now", "2026-03-10T09:11:00Z")

    told = json.loads(ran.out)
    assert list(told) == ["now", "findings", "coverage", "incidents"]
    (finding,) = told["findings"]
    assert list(finding) == ["rule", "severity", "host", "since", "until", "summary", "evidence"]
    assert (finding["host"], finding["since"]) == ("192.0.2.1", "2026-03-10T09:00:00.000000Z")
    assert told["coverage"]["newest"] == "2026-03-10T09:10:30.000000Z"
    assert [span["format"] for span in told["coverage"]["spans"]] == ["nginx_access"]


def test_a_file_added_before_says_so(tiny_project: Project, tmp_path: Path, run: Runner) -> None:
    log = tmp_path / "app.tiny"
    log.write_text(tiny(1))
    run("-C", tiny_project.root, "add", log)

    ran = run("-C", tiny_project.root, "add", log)

    assert (ran.code, ran.err) == (0, "")
    assert "added before" in ran.out


def test_a_host_for_files_of_hosts_is_taken_from_the_option(
    tiny_project: Project, tmp_path: Path, run: Runner
) -> None:
    log = tmp_path / "app.tiny"
    log.write_text(tiny(1))
    run("-C", tiny_project.root, "add", log, "--host", "mac-099")

    ran = run("-C", tiny_project.root, "sql", "select emitter, host from tiny", "--format", "csv")

    assert ran.out == "emitter,host\r\nmac-099,mac-1\r\n"


def test_init_makes_a_project_and_refuses_to_overwrite_one(tmp_path: Path, run: Runner) -> None:
    first = run("init", tmp_path / "new")
    (tmp_path / "new" / "lastseen.toml").write_text("# mine\n")

    second = run("init", tmp_path / "new")

    assert (first.code, second.code) == (0, 2)
    assert (
        second.err
        == f"error: {tmp_path}/new/lastseen.toml: is there already; nothing was changed\n"
    )
    assert (tmp_path / "new" / "lastseen.toml").read_text() == "# mine\n"


def test_init_where_a_file_stands_is_one_clear_line(tmp_path: Path, run: Runner) -> None:
    (tmp_path / "file").write_text("")

    ran = run("init", tmp_path / "file")

    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert ran.err.startswith(f"error: {tmp_path}/file")


def test_a_project_that_is_not_there_says_how_to_make_it(tmp_path: Path, run: Runner) -> None:
    ran = run("-C", tmp_path / "gone", "sql", "select 1")

    assert (ran.code, ran.err) == (
        2,
        f"error: {tmp_path}/gone: no such folder; `lastseen init {tmp_path}/gone` makes a project there\n",
    )


def test_the_project_is_found_from_a_folder_inside_it(
    tiny_project: Project, tmp_path: Path
) -> None:
    (tiny_project.root / "lastseen.toml").write_text('[lake]\npath = "data"\n')
    inside = tiny_project.root / "a" / "b"
    inside.mkdir(parents=True)
    (tmp_path / "app.tiny").write_text(tiny(1))

    assert process(inside, "add", str(tmp_path / "app.tiny")).code == 0
    assert (tiny_project.root / "data" / "tiny" / "_delta_log").is_dir()


def test_wrong_settings_are_exit_2_with_each_problem_on_its_line(
    tiny_project: Project, run: Runner
) -> None:
    (tiny_project.root / "lastseen.toml").write_text('[lake]\npth = "x"\n[polcy]\n')

    ran = run("-C", tiny_project.root, "sql", "select 1")

    assert ran.code == 2
    assert ran.err == (
        f"error: {tiny_project.config}:2: unknown key of [lake] 'pth'; did you mean 'path'?\n"
        f"{tiny_project.config}:3: unknown section 'polcy'; did you mean 'policy'?\n"
    )


def test_a_wrong_moment_is_exit_2(tiny_project: Project, run: Runner) -> None:
    for moment in ("yesterday", "2026-13-01", "T-", "T-99999999 weeks"):
        ran = run("-C", tiny_project.root, "check", "--now", moment)

        assert (ran.code, ran.err.count("\n")) == (2, 1)


def test_a_broken_format_is_named_with_its_line(
    tiny_project: Project, tmp_path: Path, run: Runner
) -> None:
    path = tiny_project.root / "ingest" / "tiny.sql"
    path.write_text(path.read_text().replace("from records", "from recrods"))
    (tmp_path / "app.tiny").write_text(tiny(1))

    ran = run("-C", tiny_project.root, "add", tmp_path / "app.tiny")

    assert ran.code == 2
    assert ran.err.startswith(f"error: {path}:9: Catalog Error: Table with name recrods")


def test_nothing_but_the_result_is_on_standard_output(
    tiny_project: Project, tmp_path: Path
) -> None:
    (tmp_path / "app.tiny").write_text(tiny(1) + "no time\n")

    ran = process(tiny_project, "add", str(tmp_path / "app.tiny"), "--json")

    assert json.loads(ran.out)["files"][0]["rejects"] == 1
    assert "\x1b" not in ran.out + ran.err


def test_progress_is_shown_on_a_terminal(tiny_project: Project, tmp_path: Path) -> None:
    (tmp_path / "app.tiny").write_text("".join(map(tiny, range(20_000))))
    ours, theirs = pty.openpty()
    done = subprocess.run(
        command(tiny_project, "add", str(tmp_path / "app.tiny"), "--json"),
        stdout=subprocess.PIPE, stderr=theirs, check=True, timeout=60,
        env={**os.environ, "TERM": "xterm"},
    )  # fmt: skip
    os.close(theirs)
    shown = os.read(ours, 1 << 16)
    os.close(ours)

    assert b"\x1b[" in shown
    assert json.loads(done.stdout)["files"][0]["rows"] == 20_000
    assert len(messages(tiny_project)) == 20_000


def test_replay_and_tidy_of_an_empty_lake_say_so(tiny_project: Project, run: Runner) -> None:
    assert run("-C", tiny_project.root, "replay").out == "there are no rejects\n"
    assert run("-C", tiny_project.root, "tidy").out == "the lake is empty\n"
    assert json.loads(run("-C", tiny_project.root, "tidy", "--json").out) == []


def test_a_projects_path_may_hold_any_character(tmp_path: Path, run: Runner) -> None:
    folder = tmp_path / "Müller & Söhne, it's #1?"
    folder.mkdir()
    ingest_format(Project(folder))
    (tmp_path / "app.tiny").write_text(tiny(1))

    added = run("-C", folder, "add", tmp_path / "app.tiny")
    ran = run("-C", folder, "sql", "--format", "csv", "select count(*) as n from tiny")

    assert (added.code, ran.out) == (0, "n\r\n1\r\n")


def test_kept_schemas_follow_the_formats(tiny_project: Project, run: Runner) -> None:
    query = ("-C", tiny_project.root, "sql", "--format", "csv", "select * exclude ts from tiny")
    first = run(*query)
    ingest_format(tiny_project, TINY.replace("    line\n", "    line,\n    1 as one\n"))

    second = run(*query)

    assert first.out.strip().endswith(",line")
    assert second.out.strip().endswith(",line,one")


def test_kept_schemas_that_are_damaged_are_found_again(tiny_project: Project, run: Runner) -> None:
    query = ("-C", tiny_project.root, "sql", "--format", "csv", "select * exclude ts from tiny")
    first = run(*query)
    (tiny_project.root / formats.CACHE).write_bytes(b"broken")

    second = run(*query)

    assert (first.code, first.out) == (0, second.out)
