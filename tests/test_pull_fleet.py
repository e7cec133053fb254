"""Fleet's API is pulled from a real HTTP server that behaves, and that does not."""

import json
import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from conftest import Runner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fleet_server import TOKEN, Fleet, Reply, host, serving
from support import lake_of, rows

from lastseen import formats, sources
from lastseen.errors import UserError
from lastseen.ingest import Ingest
from lastseen.project import Project
from lastseen.pull import fleet as fleet_kind
from lastseen.pull.source import Errand, Outcome
from lastseen.pull.spool import Spool
from lastseen.state import State

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
AGAIN = timedelta(minutes=5)
LIST = "/api/v1/fleet/hosts?page="


class Puller:
    """A source, and the spool that its pulls fill."""

    def __init__(self, server: Fleet, root: Path) -> None:
        self.server = server
        self.state = State(root / "state.sqlite")
        self.folder = root / "spool"
        self.spool = Spool(self.state, self.folder, "fleet")
        self.now = NOON
        self.told: list[tuple[int, int]] = []

    def pull(
        self, *, left: float = 60.0, stopped: Callable[[], bool] = lambda: False, **options: Any
    ) -> Outcome:
        """Pull once; each pull is five minutes after the one before."""
        values: dict[str, Any] = {
            "url": self.server.url,
            "token_env": "FLEET_TOKEN",
            "retries": 1,
        } | options
        source = sources.Fleet(name="fleet", **values)
        assert [key for key, _ in source.problems() if key != "every"] == []
        self.server.asked.clear()
        errand = Errand(
            self.now, time.monotonic() + left, stopped, lambda *done: self.told.append(done)
        )
        self.now += AGAIN
        return fleet_kind.pull(source, self.spool, errand)

    def units(self, form: str) -> list[list[dict[str, Any]]]:
        """What waits in the spool of one format, a list of lines for each unit."""
        return [
            [json.loads(line) for line in unit.file.path.read_bytes().splitlines()]
            for unit in self.spool.waiting()
            if unit.format == form
        ]

    def lines(self, form: str) -> list[dict[str, Any]]:
        return [line for unit in self.units(form) for line in unit]

    def take(self) -> None:
        """Do as if all that waits were in the lake."""
        self.spool.done(self.spool.waiting())

    def listed(self) -> set[int]:
        return {
            one["id"] for line in self.lines("fleet_hosts") for one in line["body"].get("hosts", ())
        }

    def detailed(self) -> set[int]:
        return {line["body"]["host"]["id"] for line in self.lines("fleet_profiles")}


@pytest.fixture
def puller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Puller]:
    monkeypatch.setenv("FLEET_TOKEN", TOKEN)
    with serving(Fleet()) as server:
        made = Puller(server, tmp_path)
        yield made
        made.state.close()


def only(where: str, reply: Reply, times: int = 10**6) -> Callable[[str], Reply | None]:
    """Send a reply instead, the first times a request has these words."""
    counted = Counter[str]()

    def instead(request: str) -> Reply | None:
        counted[where] += where in request
        return reply if where in request and counted[where] <= times else None

    return instead


# --- What is asked for ----------------------------------------------------------------------------


def test_every_host_is_listed_and_detailed_as_a_snapshot_with_its_own_time(puller: Puller) -> None:
    puller.server.add(*range(1, 8))

    outcome = puller.pull(per_page=3)

    assert outcome == Outcome(wanted=7)
    assert puller.listed() == puller.detailed() == {1, 2, 3, 4, 5, 6, 7}
    lines = puller.lines("fleet_profiles")
    assert list(lines[0]) == ["pulled_at", "source", "request", "body"]
    assert lines[0]["source"] == "fleet"
    assert lines[0]["request"] == "/api/v1/fleet/hosts/1?exclude_software=true"
    times = [line["pulled_at"] for line in lines]
    assert times == sorted(set(times))
    assert times[0].startswith("2026-03-10T12:00:0")


def test_the_same_details_are_a_unit_of_both_formats(puller: Puller) -> None:
    puller.server.add(1)

    puller.pull()

    units = {unit.format: unit.file for unit in puller.spool.waiting()}
    details = [u for u in puller.spool.waiting() if u.file.name.endswith("/hosts/:id")]
    assert [unit.format for unit in details] == ["fleet_hosts", "fleet_profiles"]
    assert details[0].file.path.read_bytes() == details[1].file.path.read_bytes()
    assert units["fleet_profiles"].emitter == "127.0.0.1"


def test_the_first_page_is_kept_last_so_that_it_says_that_the_list_is_whole(puller: Puller) -> None:
    puller.server.add(*range(1, 8))

    puller.pull(per_page=3)

    requests = [line["request"] for line in puller.units("fleet_hosts")[0]]
    assert requests == [f"{LIST}{page}&per_page=3&order_key=id" for page in (1, 2, 0)]


def test_details_are_asked_for_again_after_details_every(puller: Puller) -> None:
    puller.server.add(1, 2)
    puller.pull(details_every=timedelta(minutes=9))
    puller.pull(details_every=timedelta(minutes=9))
    before = puller.server.details()
    puller.pull(details_every=timedelta(minutes=9))

    assert before == []
    assert puller.server.details() == [1, 2]


def test_a_suspect_is_asked_at_each_pull_until_it_is_verified(puller: Puller) -> None:
    puller.server.add(*range(1, 5))
    puller.server.add(5, status="pending")
    puller.server.add(6, refetch_requested=True)
    asked = Counter[int]()
    for _ in range(4):
        puller.pull()
        asked.update(puller.server.details())
    puller.server.add(5, 6)
    puller.pull()
    puller.pull()

    assert asked == {1: 1, 2: 1, 3: 1, 4: 1, 5: 4, 6: 4}
    assert puller.server.details() == []


def test_the_filter_finds_a_suspect_of_a_team_before_its_details_are_due(puller: Puller) -> None:
    puller.server.add(1, 2, team=7)
    puller.server.add(3)
    puller.pull()
    puller.server.add(2, team=7, status="failed")

    puller.pull()

    assert puller.server.details() == [2]
    assert f"{LIST}0&per_page=100&order_key=id&os_settings=failed&team_id=7" in puller.server.asked


def test_a_team_that_is_called_fleet_is_asked_about_too(puller: Puller) -> None:
    puller.server.add(1, team=8)
    named = json.dumps({"hosts": [{"id": 1, "hostname": "a", "fleet_id": 8}]}).encode()
    puller.server.instead = only("page=0&per_page=100&order_key=id", Reply(body=named), 1)

    puller.pull()

    assert any(request.endswith("os_settings=pending&team_id=8") for request in puller.server.asked)


def test_many_suspects_do_not_keep_the_others_waiting(puller: Puller) -> None:
    puller.server.add(*range(1, 10), refetch_requested=True)
    puller.server.add(10, 11)

    puller.pull()

    assert puller.server.details() == [1, 2, 3, 10, 4, 5, 6, 11, 7, 8, 9]


def test_two_pulls_of_the_same_state_are_two_snapshots(puller: Puller) -> None:
    puller.server.add(1, status="verifying")
    puller.pull()
    puller.pull()

    first, second = (line["pulled_at"][:16] for line in puller.lines("fleet_profiles"))
    assert (first, second) == ("2026-03-10T12:00", "2026-03-10T12:05")


def test_a_deleted_host_is_asked_for_once_more_and_then_forgotten(puller: Puller) -> None:
    puller.server.add(1, 2)
    puller.pull()
    del puller.server.hosts[2]
    gone = puller.pull()
    after_that = puller.server.details()
    puller.pull()

    assert gone.problems == []
    assert after_that == [2]
    assert puller.server.details() == []


def test_a_host_that_slipped_between_two_pages_is_not_lost(puller: Puller) -> None:
    puller.server.add(*range(1, 7))
    puller.pull(per_page=3)
    puller.take()

    def delete_while_listing(request: str) -> None:
        if f"{LIST}1&per_page=3&order_key=id" == request:
            puller.server.hosts.pop(1, None)

    puller.server.instead = delete_while_listing
    puller.pull(per_page=3)

    assert 4 not in puller.listed()
    assert 4 in puller.detailed()


def test_commands_and_activities_come_once(puller: Puller) -> None:
    def command(number: int, status: str) -> dict[str, str]:
        at = f"2026-03-10T11:00:{number:02}Z"
        return {"host_uuid": "U", "command_uuid": str(number), "status": status, "updated_at": at}

    puller.server.commands = [command(n, "Pending") for n in range(7)]
    puller.server.activities = [{"id": n, "created_at": "2026-03-10T11:00:00Z"} for n in range(5)]
    puller.pull(per_page=3)
    puller.server.commands[2] = command(2, "Acknowledged") | {"updated_at": "2026-03-10T12:01:00Z"}
    puller.server.activities.append({"id": 9, "created_at": "2026-03-10T12:00:30Z"})
    puller.take()
    puller.pull(per_page=3)

    results = [line["body"]["results"] for line in puller.lines("fleet_commands")]
    acts = [line["body"]["activities"] for line in puller.lines("fleet_activities")]
    assert [[one["command_uuid"] for one in page] for page in results] == [["2"]]
    assert [[one["id"] for one in page] for page in acts] == [[9]]
    assert sum("/commands" in request for request in puller.server.asked) == 1


def test_the_first_pull_brings_all_pages_of_commands(puller: Puller) -> None:
    puller.server.commands = [
        {"command_uuid": str(n), "updated_at": f"2026-03-10T11:00:{n:02}Z"} for n in range(7)
    ]

    puller.pull(per_page=3)

    found = [
        one["command_uuid"]
        for line in puller.lines("fleet_commands")
        for one in line["body"]["results"]
    ]
    assert found == ["6", "5", "4", "3", "2", "1", "0"]


def test_the_push_certificate_is_asked_for_as_often_as_details(puller: Puller) -> None:
    for _ in range(13):
        puller.pull()

    assert [line["pulled_at"][:16] for line in puller.lines("fleet_apns")] == [
        "2026-03-10T12:00",
        "2026-03-10T13:00",
    ]


def test_debug_is_left_alone_unless_it_is_wanted_and_never_flushed(puller: Puller) -> None:
    puller.server.locks = [{"waiting_trx_id": "1"}]
    puller.server.errors = [{"count": "1", "chain": [{"message": "a"}]}]
    puller.pull()
    quiet = [request for request in puller.server.asked if "debug" in request]
    puller.pull(debug=True)
    puller.server.errors = [*puller.server.errors, {"count": "1", "chain": [{"message": "b"}]}]
    puller.pull(debug=True)

    assert quiet == []
    assert [r for r in puller.server.asked if "debug" in r] == [
        "/debug/db/locks",
        "/debug/errors?flush=false",
    ]
    assert len(puller.lines("fleet_db_locks")) == 2
    kept = [
        [e["chain"][0]["message"] for e in line["body"]] for line in puller.lines("fleet_errors")
    ]
    assert kept == [["a"], ["b"]]


def test_requests_are_one_at_a_time_unless_more_are_allowed(puller: Puller) -> None:
    puller.server.add(*range(1, 21))
    running, most = [], []

    def watch(_: str) -> None:
        running.append(1)
        most.append(len(running))
        time.sleep(0.01)
        running.pop()

    puller.server.instead = watch
    puller.pull()
    alone = max(most)
    puller.take()
    most.clear()
    puller.pull(at_once=4, details_every=timedelta(0))

    assert alone == 1
    assert 1 < max(most) <= 4
    assert [line["body"]["host"]["id"] for line in puller.lines("fleet_profiles")] == list(
        range(1, 21)
    )


def test_progress_is_told(puller: Puller) -> None:
    puller.server.add(*range(1, 5))

    puller.pull(per_page=3)

    assert puller.told == [(3, 0), (4, 0), (1, 4), (2, 4), (3, 4), (4, 4)]


def test_hundreds_of_details_are_a_few_units(puller: Puller) -> None:
    puller.server.add(*range(1, 701))

    puller.pull(at_once=4)

    assert [len(unit) for unit in puller.units("fleet_profiles")] == [300, 300, 100]


# --- What the lake makes of it --------------------------------------------------------------------


def ingest(puller: Puller, project: Project) -> list[str]:
    """Read all that waits into the project's lake; return the rejects' reasons."""
    lake = lake_of(project)
    forms = formats.load(project)
    with formats.prepare(project) as con:
        for unit in puller.spool.waiting():
            assert unit.format is not None
            reading = Ingest(con, forms[unit.format], lake, puller.now)
            (result,) = reading.add([unit.file], None, lambda _: None)
            assert result.problem is None
    puller.take()
    return [f"{row[0]} {row[1]}" for row in rows(lake, "rejects", "reason, text", "line")]


def inventory(project: Project, run: Runner) -> list[str]:
    done = run("-C", project.root, "sql", "--format", "csv", "select host from hosts order by host")
    assert done.code == 0, done.err
    return done.out.split()[1:]


def test_all_that_is_pulled_is_read_without_a_reject(puller: Puller, project: Project) -> None:
    puller.server.add(*range(1, 5))
    puller.server.hosts[4]["mdm"]["profiles"] = None
    puller.server.commands = [
        {"command_uuid": "c", "status": "", "updated_at": "2023-04-04:00:00Z", "hostname": "a"}
    ]
    puller.server.activities = [{"id": 1, "created_at": "2026-03-10T11:00:00Z", "type": "x"}]
    puller.server.locks = [{"waiting_trx_id": "1", "waiting_thread": 2, "blocking_trx_id": "3"}]
    puller.server.errors = [{"count": "2", "chain": [{"message": "a"}]}]
    puller.pull(per_page=3, debug=True)

    assert ingest(puller, project) == []
    tables = ("hosts", "profiles", "commands", "activities", "apns", "db_locks", "errors")
    counted = [len(rows(lake_of(project), f"fleet_{name}", "ts", "ts")) for name in tables]
    assert counted == [8, 3, 1, 1, 1, 1, 1]


def test_the_command_pulls_it_and_a_missing_right_is_told_but_no_failure(
    puller: Puller, project: Project, run: Runner
) -> None:
    puller.server.add(1, 2)
    puller.server.instead = only("/apns", Reply(403))
    project.config.write_text(
        f'[sources.fleet]\nkind = "fleet"\nurl = "{puller.server.url}"\ntoken_env = "FLEET_TOKEN"\n'
    )

    ran = run("-C", project.root, "pull")

    assert (ran.code, ran.err.count("note: fleet: http://127.0.0.1:")) == (0, 1)
    assert "without it nobody is told that the push certificate ends" in ran.err
    assert len(rows(lake_of(project), "fleet_profiles", "ts", "ts")) == 2
    with State(project.state) as state:
        (noted,) = state.runs()
    assert len(noted.detail["notes"]) == 1


def test_deleted_hosts_leave_the_inventory_though_the_pages_shift(
    puller: Puller, project: Project, run: Runner
) -> None:
    puller.server.add(*range(1, 8))
    puller.pull(per_page=3)
    ingest(puller, project)
    before = inventory(project, run)
    for number in (2, 7):
        del puller.server.hosts[number]
    puller.pull(per_page=3)
    ingest(puller, project)

    assert before == [f"mac-00{number}" for number in range(1, 8)]
    assert inventory(project, run) == ["mac-001", "mac-003", "mac-004", "mac-005", "mac-006"]


def test_a_list_that_broke_off_deletes_nobody(
    puller: Puller, project: Project, run: Runner
) -> None:
    puller.server.add(*range(1, 8))
    puller.pull(per_page=3)
    puller.server.instead = only(f"{LIST}1&", Reply(403))
    puller.pull(per_page=3)

    assert ingest(puller, project) == []
    assert len(inventory(project, run)) == 7


# --- What the token may and may not ---------------------------------------------------------------


def test_a_refused_token_fails_the_source_and_says_where_it_is_configured(
    puller: Puller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_TOKEN", "another-token-that-nobody-knows")

    with pytest.raises(UserError) as raised:
        puller.pull()

    assert str(raised.value) == (
        f"{puller.server.url}: refused the token (401) that comes from the environment variable FLEET_TOKEN; "
        "put a valid one there"
    )
    assert puller.server.refused == ["Bearer another-token-that-nobody-knows"]


def test_what_came_before_the_token_was_refused_is_kept(puller: Puller) -> None:
    puller.server.add(1, 2, 3)
    puller.server.instead = only("/hosts/3", Reply(401))

    with pytest.raises(UserError, match="401"):
        puller.pull()

    assert puller.detailed() == {1, 2}


def test_hosts_that_the_token_may_not_list_are_a_problem_and_the_rest_is_done(
    puller: Puller,
) -> None:
    puller.server.instead = only("/fleet/hosts", Reply(403))

    outcome = puller.pull()

    assert outcome.problems == [
        (
            "the list of hosts could not be read to its end: "
            f"{puller.server.url}: the token's role may not ask for /api/v1/fleet/hosts (403)"
        )
    ]
    assert len(puller.lines("fleet_apns")) == 1


@pytest.mark.parametrize(
    ("status", "words"),
    [(403, "the token's role may not ask for"), (404, "has no"), (402, "needs Fleet Premium for")],
)
def test_an_optional_part_that_is_refused_is_a_note_and_seldom_asked_again(
    puller: Puller, status: int, words: str
) -> None:
    puller.server.instead = only("/apns", Reply(status))
    first = puller.pull()
    second = puller.pull()
    asked_again = [request for request in puller.server.asked if "apns" in request]
    puller.now += timedelta(hours=1)
    puller.server.instead = lambda _: None
    third = puller.pull()

    note = (
        f"{puller.server.url}: {words} /api/v1/fleet/apns ({status}); "
        "without it nobody is told that the push certificate ends"
    )
    assert (first.notes, first.problems) == ([note], [])
    assert (second.notes, second.problems, asked_again) == ([note], [], [])
    assert third.notes == []
    assert len(puller.lines("fleet_apns")) == 1


def test_debug_without_the_right_is_told_in_notes(puller: Puller) -> None:
    puller.server.instead = only("/debug/", Reply(403))

    outcome = puller.pull(debug=True)

    assert outcome.problems == []
    assert [note.partition(" (403)")[0].rpartition(" ")[2] for note in outcome.notes] == [
        "/debug/db/locks",
        "/debug/errors",
    ]


def test_a_filter_that_the_server_does_not_know_is_a_note(puller: Puller) -> None:
    puller.server.add(1)
    puller.server.instead = only("os_settings", Reply(422))

    outcome = puller.pull()

    assert outcome.problems == []
    assert outcome.notes == [
        (
            f"hosts that wait were not all found: {puller.server.url}: does not take the request "
            "/api/v1/fleet/hosts (422)"
        )
    ]
    assert puller.detailed() == {1}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read: No such file or directory"),
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("one\ntwo\n", "has several lines"),
        ("one two", "holds what no token has"),
        ("one\x00two", "holds what no token has"),
        ("tökén", "holds what no token has"),
        ("x" * 9000, "holds what no token has"),
    ],
)
def test_a_token_file_that_cannot_be_right_is_refused_with_its_path(
    puller: Puller, tmp_path: Path, text: str | None, words: str
) -> None:
    file = tmp_path / "token"
    if text is not None:
        file.write_text(text, encoding="utf-8")

    with pytest.raises(UserError) as raised:
        puller.pull(token_env=None, token_file=str(file))

    assert str(raised.value).startswith(f"token_file {file} {words}")
    assert "tökén" not in str(raised.value)
    assert puller.server.asked == []


def test_a_line_end_after_the_token_is_fine(puller: Puller, tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(TOKEN.encode() + b"\r\n")

    assert puller.pull(token_env=None, token_file=str(tmp_path / "token")).problems == []


def test_a_token_cannot_add_a_header(puller: Puller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_TOKEN", f"{TOKEN}\r\nX-Evil: yes")

    with pytest.raises(UserError, match="FLEET_TOKEN has several lines"):
        puller.pull()

    assert puller.server.asked == []


def test_a_token_that_is_not_set_is_named(puller: Puller) -> None:
    with pytest.raises(UserError, match="the environment variable NO_SUCH_TOKEN is not set"):
        puller.pull(token_env="NO_SUCH_TOKEN")  # noqa: S106 - a variable's name


def test_the_token_is_written_down_nowhere_even_if_the_server_repeats_it(
    puller: Puller, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    puller.server.add(1, hostname=f"echo {TOKEN}")
    puller.server.commands = [{"command_uuid": TOKEN, "updated_at": TOKEN, "status": TOKEN}]
    puller.server.activities = [{"id": 1, "type": f"Bearer {TOKEN}"}]
    puller.server.instead = only("/apns", Reply(403, TOKEN.encode()))

    outcome = puller.pull()

    assert "echo [token]" in json.dumps(puller.lines("fleet_profiles"))
    assert TOKEN not in repr(outcome)
    assert TOKEN not in caplog.text
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 3
    assert [path for path in written if TOKEN.encode() in path.read_bytes()] == []


def test_a_redirect_is_not_followed(puller: Puller) -> None:
    with serving(Fleet()) as other:
        reply = Reply(302, headers={"Location": f"{other.url}/api/v1/fleet/hosts"})
        puller.server.instead = only("/", reply)

        with pytest.raises(UserError) as raised:
            puller.pull()

        assert str(raised.value) == (
            f"{puller.server.url}: wants to redirect to {other.url}, where the token must not go; "
            "put the right url into [sources.fleet]"
        )
        assert other.asked == []


@pytest.mark.parametrize("where", [f"https://{TOKEN}/", "/login", "https://[bad", "javascript:1"])
def test_a_redirect_to_nowhere_sound_is_not_repeated(puller: Puller, where: str) -> None:
    puller.server.instead = only("/", Reply(301, headers={"Location": where}))

    with pytest.raises(UserError, match="wants to redirect to another address, where"):
        puller.pull()


# --- Certificates ---------------------------------------------------------------------------------


@pytest.fixture
def secure(tmp_path: Path) -> tuple[Callable[[Any], Any], Path]:
    """What wraps a socket into TLS with a certificate that nobody knows, and that certificate's file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "fleet.example.com")])
    now = datetime.now(UTC)
    own = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    built = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    built = built.not_valid_before(now - timedelta(hours=1)).not_valid_after(
        now + timedelta(days=1)
    )
    certificate = built.add_extension(own, critical=False).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    (tmp_path / "ca.pem").write_bytes(certificate.public_bytes(pem))
    plain = serialization.NoEncryption()
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    (tmp_path / "key.pem").write_bytes(private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ca.pem", tmp_path / "key.pem")
    return lambda socket: context.wrap_socket(
        socket, server_side=True, do_handshake_on_connect=False
    ), tmp_path / "ca.pem"


def test_an_unknown_certificate_is_refused_and_ca_file_makes_it_known(
    puller: Puller, secure: tuple[Callable[[Any], Any], Path]
) -> None:
    wrap, ca_file = secure
    with serving(Fleet(), wrap) as server:
        server.add(1)
        puller.server = server
        with pytest.raises(UserError) as raised:
            puller.pull()
        trusted = puller.pull(ca_file=str(ca_file))

    assert str(raised.value) == (
        f"{server.url}: its certificate is not trusted (self-signed certificate); "
        'if it is a private CA\'s, say ca_file = "ca.pem" in [sources.fleet]'
    )
    assert trusted.problems == []
    assert puller.detailed() == {1}


@pytest.mark.parametrize(
    ("text", "words"),
    [(None, "No such file or directory"), ("no certificate", "it holds no certificate")],
)
def test_a_ca_file_that_is_none_is_named(
    puller: Puller, tmp_path: Path, text: str | None, words: str
) -> None:
    file = tmp_path / "ca.pem"
    if text is not None:
        file.write_text(text, encoding="utf-8")

    with pytest.raises(UserError) as raised:
        puller.pull(url="https://127.0.0.1:9", ca_file=str(file))

    assert str(raised.value) == f"ca_file {file}: {words}; it must hold certificates as PEM"


# --- A server that misbehaves ---------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_fault_that_passes_is_asked_again(puller: Puller, status: int) -> None:
    puller.server.add(1)
    puller.server.instead = only(f"{LIST}0", Reply(status, headers={"Retry-After": "0"}), 1)

    outcome = puller.pull()

    assert outcome.problems == []
    assert puller.detailed() == {1}
    assert puller.server.asked[0] == puller.server.asked[1]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(500, headers={"Retry-After": "0"}), "answered {} with 500"),
        (
            Reply(body=b"<html>Welcome</html>"),
            "answered {} with something that is no JSON; is url the address of Fleet?",
        ),
        (
            Reply(body=b'{"hosts": [1, 2'),
            "answered {} with something that is no JSON; is url the address of Fleet?",
        ),
        (
            Reply(body=b'{"message": "hello"}'),
            "answered {} with JSON without hosts; is url the address of Fleet?",
        ),
        (Reply(body=b"[]"), "answered {} with JSON without hosts; is url the address of Fleet?"),
        (
            Reply(body=b"[" * 100_000),
            "answered {} with something that is no JSON; is url the address of Fleet?",
        ),
        (
            Reply(body=b'{"hosts": ["\x01"]}'),
            "answered {} with something that is no JSON; is url the address of Fleet?",
        ),
        (
            Reply(body=b"x" * 1024**2, parts=17),
            "answered {} with more than 16 MB; is url the address of Fleet?",
        ),
    ],
)
def test_a_server_that_answers_nonsense_fails_with_one_sentence(
    puller: Puller, reply: Reply, words: str
) -> None:
    puller.server.instead = only("/", reply)

    with pytest.raises(UserError) as raised:
        puller.pull()

    request = f"{LIST}0&per_page=100&order_key=id"
    assert str(raised.value) == f"{puller.server.url}: {words.format(request)}"
    assert puller.spool.waiting() == []


def test_an_answer_that_is_cut_off_is_asked_again(puller: Puller) -> None:
    puller.server.add(1)
    puller.server.instead = only("/hosts/1", Reply(body=b'{"host": {"id": 1', claimed=900), 1)

    assert puller.pull().problems == []
    assert puller.detailed() == {1}


def test_an_answer_that_drips_is_given_up_after_the_timeout(puller: Puller) -> None:
    puller.server.add(1)
    puller.server.instead = only("/hosts/1", Reply(body=b" ", parts=100, slow_s=0.05))
    began = time.monotonic()

    outcome = puller.pull(timeout=timedelta(seconds=0.5), retries=0)

    assert time.monotonic() - began < 4
    assert outcome.problems == [
        (
            "the details of one host did not come: "
            f"{puller.server.url}: did not answer /api/v1/fleet/hosts/1?exclude_software=true within 0.5 seconds"
        )
    ]


def test_ten_megabytes_in_an_answer_are_kept(puller: Puller) -> None:
    puller.server.add(1, notes="ü\u2028\x07" * 600_000)

    assert puller.pull().problems == []
    (line,) = puller.lines("fleet_profiles")
    assert line["body"]["host"]["notes"] == "ü\u2028\x07" * 600_000


def test_a_number_that_json_does_not_have_is_refused_with_a_sentence(puller: Puller) -> None:
    puller.server.add(1, 2)
    puller.server.instead = only("/hosts/1", Reply(body=b'{"host": {"id": NaN}}'))

    outcome = puller.pull()

    assert [problem[-82:] for problem in outcome.problems] == [
        "/hosts/1?exclude_software=true with JSON that cannot be kept; is url the address of Fleet?"[
            -82:
        ]
    ]
    assert puller.detailed() == {2}


def test_a_hosts_name_and_id_lead_nowhere(puller: Puller) -> None:
    puller.server.add(1, hostname="../../etc/passwd", display_name="a/b?c#d")
    page = {"hosts": [host(1), host(2) | {"id": "../../users"}, host(3) | {"id": True}, None]}
    puller.server.instead = only(
        f"{LIST}0&per_page=100&order_key=id", Reply(body=json.dumps(page).encode()), 1
    )

    outcome = puller.pull()

    assert outcome.problems == [
        f"{puller.server.url}: listed 2 hosts whose id is no number; their details cannot be asked for"
    ]
    assert puller.server.details() == [1]
    assert sorted(path.name.isdigit() for path in (puller.folder / "fleet").iterdir()) == [True] * 4


def test_a_server_that_repeats_its_pages_is_noticed(puller: Puller) -> None:
    page = json.dumps({"hosts": [host(n) for n in range(1, 4)]}).encode()
    puller.server.instead = only(LIST, Reply(body=page))

    outcome = puller.pull(per_page=3)

    assert outcome.problems[0] == (
        "the list of hosts could not be read to its end: "
        f"{puller.server.url}: repeats its pages: {LIST}1&per_page=3&order_key=id is the page before it"
    )
    assert len([r for r in puller.server.asked if r.endswith("order_key=id")]) == 2


def test_a_list_that_breaks_off_is_kept_as_incomplete(puller: Puller) -> None:
    puller.server.add(*range(1, 8))
    puller.server.instead = only(f"{LIST}2", Reply(500, headers={"Retry-After": "0"}))

    outcome = puller.pull(per_page=3)

    requests = [line["request"] for line in puller.units("fleet_hosts")[0]]
    assert requests == [
        f"{LIST}1&per_page=3&order_key=id",
        f"{LIST}0&per_page=3&order_key=id#incomplete",
    ]
    assert len(outcome.problems) == 1
    assert puller.detailed() == {1, 2, 3, 4, 5, 6}


def test_an_empty_server_is_no_failure(puller: Puller) -> None:
    assert puller.pull() == Outcome()


def test_a_last_page_that_is_empty_ends_the_list(puller: Puller) -> None:
    puller.server.add(*range(1, 7))

    assert puller.pull(per_page=3).problems == []
    assert puller.listed() == {1, 2, 3, 4, 5, 6}


def test_after_three_hosts_without_an_answer_no_more_are_asked(puller: Puller) -> None:
    puller.server.add(*range(1, 10))
    puller.server.instead = only("/hosts/", Reply(500))

    outcome = puller.pull(retries=0)

    assert puller.server.details() == [1, 2, 3]
    assert outcome.problems == [
        (
            f"the details of 3 hosts did not come: {puller.server.url}: answered "
            "/api/v1/fleet/hosts/1?exclude_software=true with 500; no more are asked"
        )
    ]


def test_hosts_that_never_answer_do_not_keep_the_others_out(puller: Puller) -> None:
    puller.server.add(*range(1, 7))
    broken = ("/hosts/1?", "/hosts/2?", "/hosts/3?")
    puller.server.instead = lambda request: (
        Reply(500) if any(b in request for b in broken) else None
    )
    puller.pull(retries=0)

    puller.pull(retries=0)

    assert puller.detailed() >= {4}


def test_nobody_there_is_said_in_one_sentence(puller: Puller) -> None:
    with serving(Fleet()) as gone:
        pass

    with pytest.raises(
        UserError, match=r"^http://127\.0\.0\.1:\d+: cannot be reached: .*; is url right"
    ):
        puller.pull(url=gone.url, retries=0)


# --- Time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["seconds", "date"])
def test_retry_after_is_waited_for(puller: Puller, kind: str) -> None:
    seen_at: list[float] = []
    date = datetime(2026, 3, 10, 12, tzinfo=UTC)
    headers = {
        "seconds": {"Retry-After": "1"},
        "date": {
            "Retry-After": format_datetime(date + timedelta(seconds=1), usegmt=True),
        },
    }[kind]

    def instead(request: str) -> Reply | None:
        if "/commands" not in request:
            return None
        seen_at.append(time.monotonic())
        return Reply(429, headers=headers) if len(seen_at) == 1 else None

    puller.server.instead = instead
    puller.server.date = format_datetime(date, usegmt=True)

    assert puller.pull().problems == []
    assert 0.99 <= seen_at[1] - seen_at[0] < 5


@pytest.mark.parametrize("seconds", ["3600", "999999999"])
def test_retry_after_beyond_the_deadline_ends_the_pull_with_a_sentence(
    puller: Puller, seconds: str
) -> None:
    puller.server.add(1, 2, 3)
    puller.server.instead = only("/hosts/2", Reply(429, headers={"Retry-After": seconds}))

    outcome = puller.pull()

    assert outcome.problems == [
        (
            f"{puller.server.url}: answered /api/v1/fleet/hosts/2?exclude_software=true with 429; "
            f"the next attempt would be in {seconds} seconds, after this pull's deadline"
        )
    ]
    assert puller.detailed() == {1}


def test_a_deadline_keeps_what_came_and_the_next_pull_goes_on_where_it_ended(
    puller: Puller,
) -> None:
    puller.server.add(*range(1, 41))
    puller.server.instead = lambda request: time.sleep(0.05 * ("/hosts/" in request))
    first = puller.pull(left=1.5)
    asked = puller.server.details()
    puller.pull(left=1.5)

    assert first.problems == [
        (
            f"{puller.server.url}: the pull was cut short by its deadline of 30 minutes; what came is kept, "
            "and the next pull goes on with what was asked longest ago"
        )
    ]
    assert asked == list(range(1, len(asked) + 1))
    assert 2 < len(asked) < 40
    following = puller.server.details()[0]
    assert len(asked) <= following <= len(asked) + 1
    assert puller.detailed() >= set(range(1, following + 2))


def test_a_pull_that_is_told_to_stop_ends_without_a_problem(puller: Puller) -> None:
    puller.server.add(*range(1, 41))

    outcome = puller.pull(stopped=lambda: len(puller.server.details()) >= 5)

    assert outcome.problems == []
    assert puller.detailed() == {1, 2, 3, 4, 5}


def test_hosts_that_are_no_suspects_are_left_for_the_next_pull_when_that_is_due(
    puller: Puller,
) -> None:
    puller.server.add(*range(1, 6), status="pending")
    puller.server.add(*range(6, 41))
    puller.server.instead = lambda request: time.sleep(0.9 * ("/hosts/8?" in request))

    outcome = puller.pull(every=timedelta(seconds=0.8))

    asked = puller.server.details()
    assert asked == [1, 2, 3, 6, 4, 5, 7, 8][: max(6, len(asked))]
    assert outcome.problems == []
    assert outcome.notes == [
        f"the details of {40 - len(asked)} hosts are left for the next pull, so that this one ends before that is due"
    ]
