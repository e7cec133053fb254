"""Asks Fleet which hosts there are, which of them wait for something, and for each one's details.

The API tells a profile's status but not since when, so snapshots are the only history: of every host now and
then, of a suspect at each pull.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from lastseen.errors import UserError
from lastseen.pull.fleet_api import Answer, Over, Unanswered
from lastseen.pull.fleet_roster import Known, Roster
from lastseen.pull.fleet_turns import Turns
from lastseen.pull.fleet_visit import Visit

HOSTS = "/api/v1/fleet/hosts"
WAITING = ("pending", "verifying", "failed")
"""What a profile is until it is verified; what the filter ``os_settings`` takes."""
INCOMPLETE = "incomplete"
"""Marks the first page of a list that broke off, so that nobody takes the hosts of later pages for deleted."""
_IN_A_ROW = 3
"""Hosts without an answer after which no more are asked."""


@dataclass
class Listed:
    """What the list of hosts told."""

    hosts: set[int] = field(default_factory=set)
    suspects: set[int] = field(default_factory=set)
    teams: set[int] = field(default_factory=set)
    nameless: int = 0
    """Hosts without an id that can be asked for."""
    whole: bool = False
    """All its pages came."""


def list_hosts(visit: Visit) -> Listed:
    """Fetch the list of all hosts.

    Raises:
        Over: there was no time for all of it.
        UserError: its first page did not come, so nothing of this server will.
    """
    listed = Listed()
    try:
        visit.keep(("fleet_hosts",), HOSTS, _list_lines(visit, listed), dict)
        listed.whole = True
    except Unanswered as error:
        if not listed.hosts and not error.refused:
            raise UserError(str(error)) from None
        visit.outcome.problems.append(f"the list of hosts could not be read to its end: {error}")
    if listed.nameless:
        visit.outcome.problems.append(
            f"{visit.api.base}: listed {listed.nameless} hosts whose id is no number; "
            "their details cannot be asked for"
        )
    return listed


def _list_lines(visit: Visit, listed: Listed) -> Iterator[bytes]:
    """Yield the pages of the list, the first one last: who reads it knows by it that all the others came."""
    first: Answer | None = None
    try:
        for answer, found in visit.pages(f"{HOSTS}?order_key=id", "hosts"):
            _take(visit, listed, answer.request, found)
            if first is None:
                first = answer
            elif found:
                yield visit.api.line(answer)
            visit.errand.told(len(listed.hosts), 0)
    except (Unanswered, Over, UserError):
        if first is not None:
            yield visit.api.line(first, remark=INCOMPLETE)
        raise
    if first is not None:
        yield visit.api.line(first)


def _take(visit: Visit, listed: Listed, request: str, found: list[dict[str, Any]]) -> None:
    """Note the hosts of a page.

    Raises:
        Unanswered: none of them is new, so the pages go round.
    """
    before = len(listed.hosts) + listed.nameless
    for entry in found:
        host = _ident(entry.get("id"))
        if host is None:
            listed.nameless += 1
            continue
        listed.hosts.add(host)
        team = _ident(entry.get("team_id", entry.get("fleet_id")))
        if team:
            listed.teams.add(team)
        if entry.get("refetch_requested") is True:
            listed.suspects.add(host)
    if found and len(listed.hosts) + listed.nameless == before:
        raise Unanswered(
            f"{visit.api.base}: repeats its pages: {request} has no host that was on none before it"
        )


def _ident(value: object) -> int | None:
    """Return an id that can stand in a path; nothing else may."""
    return value if type(value) is int and 0 <= value < 2**63 else None


def filter_hosts(visit: Visit, listed: Listed) -> None:
    """Add the hosts that Fleet itself lists as waiting to the suspects.

    With Fleet Premium the filter lists a team's hosts, or without one those of no team; so each team is asked about.

    Raises:
        Over: there was no time for all of it.
    """
    try:
        for team in ("", *(f"&team_id={team}" for team in sorted(listed.teams))):
            for status in WAITING:
                path = f"{HOSTS}?order_key=id&os_settings={status}{team}"
                for _, found in visit.pages(path, "hosts"):
                    hosts = {_ident(entry.get("id")) for entry in found} - {None}
                    listed.suspects |= hosts  # type: ignore[arg-type] # None was taken out
    except Unanswered as error:
        told = visit.outcome.notes if error.refused else visit.outcome.problems
        told.append(f"hosts that wait were not all found: {error}")


def details(visit: Visit, listed: Listed) -> None:
    """Fetch the details of suspects, and of those that were not asked for a while.

    Raises:
        Over: there was no time for all of it.
        UserError: the server can no longer be reached.
    """
    roster = Roster(visit.spool)
    wanted = Turns(visit, roster, listed.hosts, listed.suspects, whole=listed.whole)
    if not wanted.count:
        return
    visit.outcome.wanted = wanted.count
    try:
        visit.keep(
            ("fleet_hosts", "fleet_profiles"),
            f"{HOSTS}/:id",
            _details_lines(visit, roster, wanted),
            roster.changes,
        )
    finally:
        if wanted.later:
            visit.outcome.notes.append(
                f"the details of {wanted.later} hosts are left for the next pull, "
                "so that this one ends before that is due"
            )


def _details_lines(visit: Visit, roster: Roster, wanted: Turns) -> Iterator[bytes]:
    """Yield the answers, and note of each host when it was asked and whether it waits for something."""
    failed: list[Unanswered] = []
    row = done = 0
    try:
        for host, answer in _in_turn(visit, wanted.hosts()):
            done += 1
            visit.errand.told(done, visit.outcome.wanted)
            asked = visit.api.clock().timestamp()
            line = _line(visit, answer)
            if isinstance(line, bytes) and isinstance(answer, Answer):
                roster.note(host, Known(asked, in_trouble(answer.body["host"])))
                row = 0
                yield line
            elif isinstance(line, Unanswered) and line.status == 404:  # noqa: PLR2004 - deleted since it was listed
                roster.forget(host)
            elif isinstance(line, Unanswered):
                roster.note(host, Known(asked, roster.known(host).trouble, failed=True))
                failed.append(line)
                row += 1
                if line.refused or row == _IN_A_ROW:
                    return
    finally:
        if failed:
            ended = failed[-1].refused or row == _IN_A_ROW
            whose = "one host" if len(failed) == 1 else f"{len(failed)} hosts"
            visit.outcome.problems.append(
                f"the details of {whose} did not come: {failed[0]}" + "; no more are asked" * ended
            )


def _line(visit: Visit, answer: Answer | Unanswered) -> bytes | Unanswered:
    """Return an answer as the spool has it, or why it is none."""
    if isinstance(answer, Unanswered):
        return answer
    host = answer.body.get("host") if isinstance(answer.body, dict) else None
    if not isinstance(host, dict):
        return visit.api.unusable(answer.request, "JSON without host")
    try:
        return visit.api.line(answer)
    except Unanswered as error:
        return error


def _in_turn(visit: Visit, hosts: Iterable[int]) -> Iterator[tuple[int, Answer | Unanswered]]:
    """Ask for hosts' details, some at once, and yield the answers in order.

    Raises:
        Over: there is no time for more; what was on its way has been yielded.
        UserError: no request can succeed.
    """
    if visit.source.at_once == 1:
        yield from ((host, _ask(visit, host)) for host in hosts)
        return
    waiting: deque[tuple[int, Future[Answer | Unanswered]]] = deque()
    ended: Exception | None = None
    queue = iter(hosts)
    with ThreadPoolExecutor(visit.source.at_once) as pool:
        while ended is None or waiting:
            host = next(queue, None) if ended is None else None
            if host is not None:
                waiting.append((host, pool.submit(_ask, visit, host)))
            elif not waiting:
                break
            if host is None or len(waiting) == visit.source.at_once:
                asked, answer = waiting.popleft()
                try:
                    yield asked, answer.result()
                except (Over, UserError) as error:
                    ended = ended or error
    if ended is not None:
        raise ended


def _ask(visit: Visit, host: int) -> Answer | Unanswered:
    try:
        return visit.api.get(f"{HOSTS}/{host}?exclude_software=true")
    except Unanswered as error:
        return error


def in_trouble(host: Mapping[str, Any]) -> bool:
    """Say whether a host waits for something: a profile that is not verified, or its vitals.

    >>> in_trouble({"mdm": {"profiles": [{"status": "verified"}, {"status": "pending"}]}})
    True
    >>> in_trouble({"mdm": {"profiles": None}, "refetch_requested": False})
    False
    """
    mdm = host.get("mdm")
    profiles = mdm.get("profiles") if isinstance(mdm, dict) else None
    states = [
        one.get("status") or "pending"  # queued, but no command was made yet
        for one in (profiles if isinstance(profiles, list) else ())
        if isinstance(one, dict)
    ]
    return host.get("refetch_requested") is True or any(state in WAITING for state in states)
