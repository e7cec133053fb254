"""What hosts of an incident share that the others have not: only where it is no chance."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest
from conftest import Runner
from support import add

from lastseen.contrast import Contrast, contrast
from lastseen.project import Project
from lastseen.workspace import Workspace

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
Fleet = list[dict[str, object]]
Compare = Callable[[Fleet, Sequence[str]], list[Contrast]]


def host(number: int, system: str, **more: object) -> dict[str, object]:
    return {
        "id": number, "hostname": f"mac-{number:03}", "computer_name": f"mac-{number:03}",
        "uuid": f"00000000-0000-4000-8000-{number:012}", "hardware_serial": f"SER{number:05}",
        "platform": "darwin", "os_version": system, "primary_ip": f"192.0.2.{number % 250}",
        "seen_time": "2026-03-10T11:59:00Z", "hardware_model": "Mac14,2", "team_name": "IT",
    } | more  # fmt: skip


@pytest.fixture
def compare(project: Project) -> Compare:
    def compares(fleet: Fleet, stricken: Sequence[str]) -> list[Contrast]:
        page = {
            "pulled_at": "2026-03-10T12:00:00Z", "source": "fleet",
            "request": "/api/v1/fleet/hosts?page=0", "body": {"hosts": fleet},
        }  # fmt: skip
        log = project.root / "hosts.ndjson"
        log.write_text(json.dumps(page) + "\n")
        add(project, log, format="fleet_hosts", now=NOW)
        with Workspace.open(project.root).views(datetime(2026, 3, 10, 13, tzinfo=UTC)) as views:
            return contrast(views, stricken)

    return compares


def names(numbers: Sequence[int]) -> list[str]:
    return [f"mac-{number:03}" for number in numbers]


def test_two_systems_that_share_a_trouble_are_named_together(compare: Compare) -> None:
    old = [host(n, "macOS 14.7.4") for n in range(6)] + [
        host(n, "macOS 15.5") for n in range(6, 11)
    ]
    new = [host(n, "macOS 26.1") for n in range(11, 215)]

    found = compare(old + new, names([0, 1, 2, 3, 4, 6, 7, 8, 9, 100]))

    first = found[0]
    assert (first.trait, first.values) == ("OS", ["macOS 14", "macOS 15"])
    assert (first.stricken, first.having, first.rest_stricken, first.rest) == (9, 11, 1, 204)
    assert str(first).startswith(
        "OS: macOS 14 and 15: 9 of 11 have the trouble; of the others 1 of 204 (p = "
    )
    assert first.p < 1e-9
    assert first.odds_ratio == pytest.approx(9 * 203 / (2 * 1))


def test_what_half_of_all_hosts_have_is_no_contrast(compare: Compare) -> None:
    fleet = [host(n, "macOS 14.7" if n % 2 else "macOS 15.5") for n in range(40)]

    assert compare(fleet, names([1, 3, 5, 6])) == []


def test_two_hosts_are_too_few_to_say_anything(compare: Compare) -> None:
    fleet = [host(n, "macOS 14.7" if n < 2 else "macOS 15.5") for n in range(200)]

    assert compare(fleet, names([0, 1])) == []


def test_the_correction_counts_what_could_have_been_compared(compare: Compare) -> None:
    """Three hosts of a model of their own: among 17 that is 1 in 680 by chance, but eight things were compared."""
    model = ("Mac15,3", "Mac14,2")
    fleet = [host(n, "macOS 15.5", hardware_model=model[n > 2]) for n in range(17)]

    assert compare(fleet, names([0, 1, 2])) == []


def test_the_correction_leaves_what_is_sure(compare: Compare) -> None:
    """Three of 200 are 1 in 1,313,400 by chance; there is one value of five traits, and of the model two, or both."""
    model = ("Mac15,3", "Mac14,2")
    fleet = [host(n, "macOS 15.5", hardware_model=model[n > 2]) for n in range(200)]

    (found,) = compare(fleet, names([0, 1, 2]))

    assert (found.trait, found.values, found.comparisons) == ("model", ["Mac15,3"], 8)
    assert found.p == pytest.approx(8 / 1_313_400)


def test_a_network_is_told_by_its_address_old_or_new(compare: Compare) -> None:
    here = [host(n, "macOS 15.5", primary_ip=f"2001:db8:0:7::{n}") for n in range(5)]
    there = [host(n, "macOS 15.5") for n in range(5, 100)]

    found = compare(here + there, names(range(5)))

    assert [(one.trait, one.values) for one in found] == [("network", ["2001:db8:0:7::/64"])]
    assert found[0].odds_ratio is None


def test_an_incident_says_what_its_hosts_share(
    project: Project, compare: Compare, run: Runner
) -> None:
    fleet = [host(n, "macOS 15.5", team_name="Lab" if n < 8 else "IT") for n in range(80)]
    compare(fleet, [])
    (project.root / "rules").mkdir()
    (project.root / "rules" / "lab.sql").write_text(
        "-- title:    Lab\n-- severity: low\n-- window:   24 hours\n-- alert:    {host} fails\n--\n"
        "-- A rule of tests.\n--\n"
        "select host, ts - interval 1 hour as since, ts as until from fleet_hosts where id < 8\n"
    )
    run("-C", project.root, "check", "lab", "--now", "2026-03-10T12:30Z")

    shown = run("-C", project.root, "incidents", "1", "--json", "--now", "2026-03-10T12:30Z")

    (one,) = json.loads(shown.out)["contrast"]
    assert (one["trait"], one["values"], one["stricken"], one["rest_stricken"]) == (
        "team",
        ["Lab"],
        8,
        0,
    )
    text = run("-C", project.root, "incidents", "1", "--now", "2026-03-10T12:30Z").out
    assert (
        "what they share: team: Lab: 8 of 8 have the trouble; of the others 0 of 72 (p = " in text
    )
