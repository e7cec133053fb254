"""What the READMEs say is so: commands, fields, views, and the output of the first screen."""

import re
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lastseen import formats, rulefile, sqlfile
from lastseen.cli.app import app
from lastseen.norms import Policy
from lastseen.period import period
from lastseen.project import shipped
from lastseen.settings import Incidents
from lastseen.source import Source
from lastseen.sources import KINDS

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def table(folder: str, after: str) -> list[str]:
    """The first column of the first table below a heading's words."""
    text = (shipped() / folder / "README.md").read_text(encoding="utf-8").partition(after)[2]
    rows = text[text.index("|---") :].split("\n\n")[0].splitlines()[1:]
    return [name for row in rows for name in re.findall(r"`([a-z_]+)`", row.split("|")[1])]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project that `lastseen demo` makes."""
    folder = tmp_path_factory.mktemp("demo") / "project"
    made = CliRunner().invoke(app, ["demo", "--into", str(folder)])
    assert made.exit_code == 0, made.output
    return folder


def test_every_command_stands_in_the_readme() -> None:
    missing = [
        name
        for command in app.registered_commands
        if (name := command.name or getattr(command.callback, "__name__", ""))
        and f"lastseen {name}" not in README
    ]

    assert missing == []


def test_every_header_field_of_a_format_is_explained() -> None:
    assert sorted(table("ingest", "## The file")) == sorted(formats.FIELDS)


def test_every_header_field_of_a_rule_is_explained() -> None:
    assert sorted(table("rules", "## The file")) == sorted(rulefile.FIELDS)


def test_every_shared_view_is_listed_with_its_title() -> None:
    readme = (shipped() / "rules" / "README.md").read_text(encoding="utf-8")
    missing = [
        line
        for path in sorted((shipped() / "rules" / "views").glob("*.sql"))
        if (line := f"| `{path.stem}` | {sqlfile.read(path)['title']} |") not in readme
    ]

    assert missing == [], "put these lines into rules/README.md"


def test_every_shipped_format_and_rule_is_listed_in_the_readme() -> None:
    names = [
        path.stem for folder in ("ingest", "rules") for path in (shipped() / folder).glob("*.sql")
    ]

    assert [name for name in names if f"`{name}`" not in README] == []


def keys_told(first: str) -> dict[str, str]:
    """The keys of the table of README's sources whose heading begins so, and what they are unless told."""
    text = README[README.index("### Sources") : README.index("### What is normal")]
    lines = text[text.index(f"| {first}") :].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.split("|")[1:3]] for line in lines]
    return {name: default for keys, default in cells for name in re.findall(r"`(\w+)`", keys)}


def test_every_key_of_any_source_stands_in_the_readme() -> None:
    own = {field.name for field in fields(Source)} - {"name"} | {"kind"}

    assert keys_told("of any kind").keys() == own


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_of_a_kind_stands_in_the_readme_with_its_default(kind: str) -> None:
    common = {field.name for field in fields(Source)}
    own = {field.name: field.default for field in fields(KINDS[kind]) if field.name not in common}
    told = keys_told(f"`{kind}`:")

    assert told.keys() == own.keys()
    for key, default in own.items():
        if told[key] and isinstance(default, timedelta):
            assert period(told[key]) == default
        elif told[key] and isinstance(default, int):
            assert told[key] == str(default).lower()


def test_every_policy_stands_in_the_readme_with_what_it_is_unless_told() -> None:
    text = README[README.index("| policy | unless") :].split("\n\n")[0]
    told = dict(re.findall(r"\| `(\w+)` \| *(.*?) *\|", text))

    assert told.keys() == {field.name for field in fields(Policy)}
    for field in fields(Policy):
        known = told[field.name]
        if isinstance(field.default, timedelta):
            assert period(known) == field.default
        else:
            assert known == str(field.default).lower().replace("utc", "UTC")


@pytest.mark.parametrize("command", ["why", "check"])
def test_a_command_on_the_samples_prints_what_the_readme_shows(command: str, demo: Path) -> None:
    block = re.search(rf"\$ lastseen ({command} [^\n]*--\w[^\n]*)\n(.*?)```", README, re.DOTALL)
    assert block

    shown = CliRunner().invoke(app, ["-C", str(demo), *block[1].split()])

    assert [line.rstrip() for line in shown.stdout.splitlines()] == block[2].splitlines()


def test_the_incidents_of_the_readme_are_those_of_the_sample_logs(tmp_path: Path) -> None:
    block = re.search(
        r"\$ lastseen check ([^\n]*)\n\$ lastseen incidents\n(.*?)```", README, re.DOTALL
    )
    assert block
    project = ["-C", str(tmp_path / "demo")]
    runner = CliRunner()
    assert runner.invoke(app, ["demo", "--into", project[1]]).exit_code == 0
    assert runner.invoke(app, [*project, "check", *block[1].split()]).exit_code == 0

    shown = runner.invoke(app, [*project, "incidents"])

    assert [line.rstrip() for line in shown.stdout.splitlines()] == block[2].splitlines()


def test_every_key_of_incidents_stands_in_the_readme_with_its_default_and_its_reason() -> None:
    text = README[README.index("| `[incidents]` |") :].split("\n\n")[0]
    told = [[cell.strip() for cell in row.split("|")[1:4]] for row in text.splitlines()[2:]]
    source = (ROOT / "lastseen" / "settings.py").read_text(encoding="utf-8")

    assert {key.strip("`"): period(default) for key, default, _ in told} == {
        field.name: field.default for field in fields(Incidents)
    }
    assert [reason for _, _, reason in told if f'"""{reason}"""' not in source] == []


def test_the_first_screens_rule_is_sound_and_runs(tmp_path: Path) -> None:
    block = re.search(r"```sql\n(-- title:.*?)```", README, re.DOTALL)
    assert block
    project = tmp_path / "demo"
    runner = CliRunner()
    assert runner.invoke(app, ["demo", "--into", str(project)]).exit_code == 0
    (project / "rules").mkdir()
    (project / "rules" / "old_system.sql").write_text(block[1], encoding="utf-8")

    linted = runner.invoke(app, ["-C", str(project), "lint"])
    ran = runner.invoke(
        app, ["-C", str(project), "check", "old_system", "--now", "2026-03-10T10:05Z"]
    )

    assert (linted.exit_code, ran.exit_code) == (0, 0)
    assert "mac-014 runs macOS 14.7.4, the newest here is macOS 15.5" in ran.stdout


def test_no_line_names_a_path_of_a_machine() -> None:
    found = [
        str(path.relative_to(ROOT))
        for folder in ("lastseen", "ingest", "rules", "reports", "benchmarks")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".sql", ".md", ".j2"}
        and re.search(r"/(?:root|work|home/\w+)/", path.read_text(encoding="utf-8"))
    ]

    assert found == []
