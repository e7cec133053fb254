"""`lastseen why`: the cause, what it was not, and what nobody can know, on the sample logs' own story."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import Runner

from lastseen import demo

NOW = "2026-03-10T10:05:00Z"
RULE = """-- title:    Door open
-- severity: low
-- window:   24 hours
-- explains: {cause}
-- needs:    {needs}
-- alert:    {{host}} left a door open
--
-- Made up.
--
select host, timestamptz '2026-03-10 09:00:00+00' as since, timestamptz '2026-03-10 10:00:00+00' as until
from hosts
where host = '{host}'
"""


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of the demo; tests only ask it."""
    return demo.run(
        tmp_path_factory.mktemp("samples") / "demo", lambda *_: None
    ).workspace.project.root


@pytest.fixture
def own(samples: Path, tmp_path: Path) -> Path:
    """A copy to write a rule into."""
    return Path(shutil.copytree(samples, tmp_path / "own"))


def ask(run: Runner, project: Path, host: str, *more: str) -> dict[str, Any]:
    ran = run("-C", project, "why", host, "--now", NOW, "--json", *more)
    assert ran.code == 0, ran.err
    answer: dict[str, Any] = json.loads(ran.out)
    return answer


def named(answer: dict[str, Any], part: str) -> set[str]:
    return {one["cause"] for one in answer[part]}


@pytest.mark.parametrize("host", ["mac-014", "mac-015"])
def test_the_founding_question_is_answered(host: str, samples: Path, run: Runner) -> None:
    answer = ask(run, samples, host)

    assert (answer["host"], answer["state"], answer["normal_within_s"]) == (host, "pending", 900)
    assert answer["since"].startswith("2026-03-10T09:13:1")
    first = answer["causes"][0]
    assert (first["cause"], first["scope"], first["score"]) == ("push-certificate", "server", 1.0)
    assert first["since"] < answer["since"]
    assert "expired certificate" in first["evidence"][0]["message"]
    assert first["evidence"][0]["table"] == "fleet_server"
    assert first["evidence"][0]["line"] > 0
    assert "host-offline" in named(answer, "ruled_out")


def test_a_lock_that_has_passed_is_no_more_than_a_hint(samples: Path, run: Runner) -> None:
    causes = {one["cause"]: one["score"] for one in ask(run, samples, "mac-015")["causes"]}

    assert causes["lock-contention"] < 0.5


def test_each_cause_stands_in_one_part_of_the_answer_alone(samples: Path, run: Runner) -> None:
    answer = ask(run, samples, "mac-015")
    parts = [named(answer, part) for part in ("causes", "ruled_out", "unknown")]

    assert sum(map(len, parts)) == len(set.union(*parts))


def test_a_host_is_found_by_any_of_its_names(samples: Path, run: Runner) -> None:
    assert ask(run, samples, "MAC-015")["host"] == "mac-015"


def test_a_name_nobody_knows_gets_the_nearest(samples: Path, run: Runner) -> None:
    ran = run("-C", samples, "why", "mac-15", "--now", NOW)

    assert ran.code == 2
    assert 'no host is called "mac-15"; did you mean "mac-015"?' in ran.err


def test_a_healthy_host_is_accused_of_nothing(samples: Path, run: Runner) -> None:
    answer = ask(run, samples, "mac-011")

    assert (answer["state"], answer["causes"]) == ("ok", [])


def test_the_past_knows_nothing_of_what_came_later(samples: Path, run: Runner) -> None:
    answer = ask(run, samples, "mac-015", "--at", "2026-03-10T08:30:00Z")

    assert (answer["state"], answer["causes"]) == ("ok", [])


def test_a_silent_host_is_not_blamed_on_the_push_certificate(samples: Path, run: Runner) -> None:
    answer = ask(run, samples, "linux-01")

    assert answer["state"] == "silent"
    assert answer["causes"][0]["cause"] == "host-offline"
    assert "push-certificate" not in named(answer, "causes")


def test_long_after_the_last_line_the_state_is_unknown(samples: Path, run: Runner) -> None:
    answer = ask(run, samples, "mac-011", "--at", "2026-03-11T10:05:00Z")

    assert answer["state"] == "unknown"
    assert answer["ruled_out"] == []


def test_the_text_says_the_state_the_cause_and_where_to_see_it(samples: Path, run: Runner) -> None:
    ran = run("-C", samples, "why", "mac-015", "--at", NOW, "--timeline")
    lines = ran.out.splitlines()

    assert lines[0] == (
        'mac-015 (macOS 15.5) is Pending (profile "FileVault") since 09:13, 51 min 44 s; '
        "15 min is normal for an online host."
    )
    assert lines[1].startswith("Cause: push certificate (1, every host).")
    assert any(line.startswith("Ruled out:") for line in lines)
    lanes = {line[:17].strip(): line[17:] for line in lines}
    assert "?" in lanes["own log"]
    assert "!" in lanes["push certificate"]


def write(project: Path, cause: str, host: str, needs: str) -> None:
    (project / "rules").mkdir(exist_ok=True)
    (project / "rules" / "door_open.sql").write_text(
        RULE.format(cause=cause, host=host, needs=needs), encoding="utf-8"
    )


def test_a_users_rule_takes_part(own: Path, run: Runner) -> None:
    write(own, "not-now", "mac-015", "fleet_server")

    answer = ask(run, own, "mac-015")

    door = next(one for one in answer["causes"] if one["cause"] == "not-now")
    assert (door["scope"], door["score"]) == ("host", 1.0)
    assert door["rules"] == ["door_open"]
    assert door["summary"] == "mac-015 left a door open"


def test_what_a_rule_needs_and_lacks_makes_its_cause_unknown(own: Path, run: Runner) -> None:
    write(own, "clock-skew", "mac-011", "unified_log")
    answer = ask(run, own, "mac-015")

    missing = {one["cause"]: one["missing"] for one in answer["unknown"]}
    assert missing["clock-skew"] == "nothing of unified_log was collected from mac-015 after 07:59"
