"""`lastseen incidents`, and what `lastseen check` makes of them: real logs, real processes, real output."""

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from conftest import Runner
from support import TINY, add, command, ingest_format, process, tiny

from lastseen import lock
from lastseen.project import Project

AT = "2026-03-10T02:00Z"
MISSING = """-- title:    Missing
-- severity: high
-- explains: host-offline
-- window:   24 hours
-- alert:    {host} has said nothing for long
-- together: {hosts} {have} been missing {when}
--
-- A rule of tests.
--
select host, max(ts) as since, getvariable('until') as until
from tiny
where ts < getvariable('until')
group by host
having max(ts) < getvariable('until') - interval 30 minutes
"""
Told = Callable[..., Any]


@pytest.fixture
def quiet(tiny_project: Project) -> Project:
    """A project where six of seven hosts fell silent within seconds, at 01:00."""
    ingest_format(tiny_project, TINY.replace("covers: host", "covers: fleet"))
    rules = tiny_project.root / "rules"
    rules.mkdir()
    (rules / "missing.sql").write_text(MISSING)
    log = tiny_project.root / "a.tiny"
    log.write_text("".join(map(tiny, range(3580, 3600))))
    on = "".join(f"2026-03-10T01:{m:02}:00Z mac-0 on {m}\n" for m in range(0, 60, 5))
    add(tiny_project, log, host="proxy")
    (tiny_project.root / "b.tiny").write_text(on)
    add(tiny_project, tiny_project.root / "b.tiny", host="proxy")
    return tiny_project


def listed(run: Runner, project: Project, *words: str) -> list[dict[str, Any]]:
    ran = run("-C", project.root, "incidents", "--json", *words)
    assert (ran.code, ran.err) == (0, "")
    found: list[dict[str, Any]] = json.loads(ran.out)["incidents"]
    return found


def check(run: Runner, project: Project, *words: str) -> Any:
    return run("-C", project.root, "check", "missing", "--now", AT, *words)


def test_a_check_brings_incidents_up_and_their_json_has_the_shape_that_others_rely_on(
    quiet: Project, run: Runner
) -> None:
    ran = check(run, quiet)

    assert ran.err == "note: incidents: 1 opened; lastseen incidents\n"
    (one,) = listed(run, quiet)
    named = ("id", "state", "severity", "rule", "cause", "hosts", "since", "until", "summary")
    assert {name: one[name] for name in named} == {
        "id": 1, "state": "open", "severity": "high", "rule": "missing", "cause": "host-offline",
        "hosts": ["mac-1", "mac-2", "mac-3", "mac-4", "mac-5", "mac-6"],
        "since": "2026-03-10T00:59:53.000000Z", "until": "2026-03-10T02:00:00.000000Z",
        "summary": "6 hosts have been missing since 00:59",
    }  # fmt: skip


def test_the_same_check_again_changes_nothing_and_one_of_the_past_says_so(
    quiet: Project, run: Runner
) -> None:
    check(run, quiet)
    before = run("-C", quiet.root, "incidents", "1", "--json", "--now", AT).out

    again = check(run, quiet)
    past = run("-C", quiet.root, "check", "--now", "2026-03-10T01:00Z")

    assert again.err == ""
    assert (
        "incidents were left as they are: they were brought up to 2026-03-10 02:00:00" in past.err
    )
    assert run("-C", quiet.root, "incidents", "1", "--json", "--now", AT).out == before


def test_a_dry_run_says_what_would_be_told_and_changes_nothing(quiet: Project, run: Runner) -> None:
    ran = check(run, quiet, "--dry-run", "--json")

    assert json.loads(ran.out)["incidents"] == [{
        "incident": 1, "kind": "opened", "at": "2026-03-10T02:00:00.000000Z", "severity": "high",
        "rule": "missing", "summary": "6 hosts have been missing since 00:59",
    }]  # fmt: skip
    assert ran.err == "note: incidents: 1 opened (a dry run)\n"
    assert listed(run, quiet, "--all") == []


def test_a_look_further_back_leaves_incidents_alone(quiet: Project, run: Runner) -> None:
    assert check(run, quiet, "--since", "T-3d").err == ""
    assert listed(run, quiet, "--all") == []


def test_the_past_is_replayed_with_the_moments_at_which_people_would_have_been_told(
    quiet: Project, run: Runner
) -> None:
    ran = check(run, quiet, "--since", "T-1h", "--dry-run", "--json")

    told = json.loads(ran.out)
    assert [(one["kind"], one["at"]) for one in told["notices"]] == [
        ("opened", "2026-03-10T01:30:00.000000Z")
    ]
    assert (told["step_s"], told["moments"]) == (300.0, 13)
    assert [one["state"] for one in told["incidents"]] == ["open"]
    assert listed(run, quiet, "--all") == []


def test_the_replay_as_a_table_says_how_it_was_done(quiet: Project, run: Runner) -> None:
    ran = check(run, quiet, "--since", "T-1h", "--dry-run")

    lines = ran.out.splitlines()
    assert lines[2].split() == [
        "2026-03-10", "01:30", "1", "opened", "high", "missing", "6", "hosts", "have", "been", "missing",
        "since", "00:59",
    ]  # fmt: skip
    assert (
        lines[-1] == "1 incident in 1 h, of which 1 would not be over; replayed in steps of 5 min"
    )


def test_an_incident_shows_its_hosts_and_every_step(quiet: Project, run: Runner) -> None:
    check(run, quiet)
    ran = run(
        "-C", quiet.root, "incidents", "ack", "1", "--reason", "on it", "--now", "2026-03-10T02:01Z"
    )
    assert (ran.code, ran.out) == (0, "incident 1 is acknowledged\n")

    shown = run("-C", quiet.root, "incidents", "1", "--now", AT).out

    assert shown.startswith(
        "1: 6 hosts have been missing since 00:59\nhigh, missing, cause host-offline; "
    )
    assert "acknowledged since 2026-03-10 02:01 UTC" in shown
    assert "\nmac-3 " in shown
    assert "first found" in shown
    assert shown.rstrip().endswith("on it")


def test_it_is_resolved_by_hand_only_with_a_reason(quiet: Project, run: Runner) -> None:
    check(run, quiet)
    resolve = ("-C", quiet.root, "incidents", "resolve", "1", "--now", "2026-03-10T02:01Z")

    assert run(*resolve).code == 2
    assert run(*resolve, "--reason", " ").err == "error: --reason is empty; say how it ended\n"
    assert run(*resolve, "--reason", "new switch").code == 0

    assert run("-C", quiet.root, "incidents").out == "no open incidents\n"
    assert [one["state"] for one in listed(run, quiet, "--all")] == ["resolved"]
    again = run(*resolve, "--reason", "x")
    assert (again.code, again.err) == (
        2, "error: incident 1 is over: it was resolved at 2026-03-10 02:01 UTC\n",
    )  # fmt: skip


def test_hosts_that_are_back_leave_once_newer_logs_prove_it(quiet: Project, run: Runner) -> None:
    check(run, quiet)
    log = quiet.root / "c.tiny"
    log.write_text("".join(f"2026-03-10T02:{m:02}:00Z mac-{m % 7} on {m}\n" for m in range(60)))
    add(quiet, log, host="proxy")

    ran = run("-C", quiet.root, "check", "missing", "--now", "2026-03-10T03:00Z")

    assert ran.err == "note: incidents: 1 resolved; lastseen incidents\n"


def test_without_newer_logs_an_incident_stays_open_and_says_why(
    quiet: Project, run: Runner
) -> None:
    check(run, quiet)
    rule = quiet.root / "rules" / "missing.sql"
    rule.write_text(MISSING.replace("having ", "having false and "))

    run("-C", quiet.root, "check", "missing", "--now", "2026-03-10T03:00Z")

    assert run("-C", quiet.root, "incidents").out.splitlines()[-1] == (
        "1: not seen since 2026-03-10 02:00 UTC, but nothing collected since of tiny from proxy"
    )


def test_maintenance_is_muted_for_a_time(quiet: Project, run: Runner) -> None:
    mute = ("-C", quiet.root, "incidents", "mute", "--now", "2026-03-10T01:50Z")

    ran = run(*mute, "--host", "mac-*", "--for", "2h", "--reason", "new switch")

    assert ran.out == "mute 1, until 2026-03-10 03:50 UTC; lastseen incidents unmute 1 ends it\n"
    assert check(run, quiet).err == ""
    assert [one["state"] for one in listed(run, quiet)] == ["muted"]
    told = json.loads(run("-C", quiet.root, "incidents", "mutes", "--json", "--now", AT).out)[
        "mutes"
    ]
    assert [(one["id"], one["host"], one["reason"], one["holds"]) for one in told] == [
        (1, "mac-*", "new switch", True)
    ]
    assert run("-C", quiet.root, "incidents", "unmute", "1", "--now", AT).out == "mute 1 is over\n"
    assert [one["state"] for one in listed(run, quiet)] == ["open"]
    assert run("-C", quiet.root, "incidents", "mutes", "--now", AT).out == "no mutes\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["mute", "--host", "a"], "say how long: --for 2h, or --until T"),
        (["mute", "--host", "a", "--for", "1h", "--until", AT], "say how long"),
        (["mute", "--for", "1h"], "say what to mute"),
        (["mute", "--rule", "mising", "--for", "1h"], "there is no rule mising"),
        (["mute", "--cause", "netwrok", "--for", "1h"], "did you mean 'network'?"),
        (["mute", "--host", "a", "--until", "2020-01-01"], "must end after it begins"),
        (["unmute", "3"], "there is no mute 3 that is not over"),
        (["ack", "7"], "there is no incident 7"),
        (["#7"], "there is no incident 7"),
    ],
)
def test_what_cannot_be_meant_is_one_line(
    quiet: Project, run: Runner, words: list[str], says: str
) -> None:
    ran = run("-C", quiet.root, "incidents", *words)

    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert says in ran.err


@pytest.mark.parametrize(
    "words", [[], ["show"], ["ack"], ["resolve"], ["mute"], ["unmute"], ["mutes"]]
)
def test_each_command_has_help(run: Runner, words: list[str]) -> None:
    ran = run("incidents", *words, "--help")

    assert (ran.code, ran.err) == (0, "")


def test_nothing_found_and_nothing_known_makes_no_file(tiny_project: Project, run: Runner) -> None:
    run("-C", tiny_project.root, "check", "--now", AT)
    ran = run("-C", tiny_project.root, "incidents")

    assert ran.out == "no open incidents\n"
    assert not tiny_project.state.exists()


def test_who_changes_them_keeps_others_out_and_is_named(
    quiet: Project, monkeypatch: pytest.MonkeyPatch, run: Runner
) -> None:
    monkeypatch.setattr("lastseen.handling.WAIT", datetime.resolution)
    with lock.writing(quiet.incidents_lock, "incidents ack"):
        ran = check(run, quiet)

    assert ran.code == 75
    assert "error: `lastseen incidents ack` (process " in ran.err


def test_checks_of_many_processes_at_once_make_each_incident_once(
    quiet: Project, run: Runner
) -> None:
    words = command(quiet, "check", "missing", "--now", AT)
    running = [
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)
    ]
    codes = [one.wait(120) for one in running]
    said = sorted(one.communicate()[1].decode() for one in running)

    assert codes == [0, 0, 0]
    assert said == ["", "", "note: incidents: 1 opened; lastseen incidents\n"]
    assert [one["id"] for one in listed(run, quiet, "--all")] == [1]


def test_run_brings_incidents_up_too(quiet: Project) -> None:
    ran = process(quiet, "run", "--now", AT)

    assert "incident 1 opened: high missing: 6 hosts have been missing since 00:59" in ran.out


def test_the_moment_of_an_incident_is_not_the_machines_zone(quiet: Project, run: Runner) -> None:
    check(run, quiet)

    (one,) = listed(run, quiet)
    assert datetime.fromisoformat(one["seen"]) == datetime(2026, 3, 10, 2, tzinfo=UTC)
    assert Path(quiet.state).is_file()
