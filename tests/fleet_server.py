"""A server that speaks Fleet's API, with pages, and that misbehaves as a test tells it to.

``python tests/fleet_server.py HOSTS DELAY_S`` runs one by itself, for the benchmark, and prints its address.
"""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "very-secret-token-of-an-API-only-user"  # noqa: S105 - a server of tests knows no secrets


@dataclass(frozen=True)
class Reply:
    """What a server sends instead of what it should."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    claimed: int | None = None
    """The Content-Length it gives, where that is not so."""
    slow_s: float = 0.0
    """Seconds between the parts of the body."""
    parts: int = 1


@dataclass
class Fleet:
    """What a server has, and what it was asked for."""

    hosts: dict[int, dict[str, Any]] = field(default_factory=dict)
    commands: list[dict[str, Any]] = field(default_factory=list)
    activities: list[dict[str, Any]] = field(default_factory=list)
    apns: Any = field(
        default_factory=lambda: {
            "common_name": "APSP:1",
            "serial_number": "17",
            "issuer": "Apple",
            "renew_date": "2026-09-30T00:00:00Z",
        }
    )
    locks: Any = field(default_factory=list)
    errors: Any = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """Every request, in the order they came."""
    refused: list[str] = field(default_factory=list)
    """Authorization headers that were not the token's."""
    instead: Callable[[str], Reply | None] = lambda _: None
    """Given a request, what is sent instead."""
    delay_s: float = 0.0
    date: str = ""
    """What its clock says; the machine's unless given."""
    url: str = ""

    def add(self, *numbers: int, **values: Any) -> None:
        """Add hosts with a verified profile."""
        for number in numbers:
            self.hosts[number] = host(number, **values)

    def details(self) -> list[int]:
        """Return the ids of hosts whose details were asked for, in order."""
        paths = [urlsplit(one).path.rpartition("/") for one in self.asked]
        return [int(last) for head, _, last in paths if head.endswith("/hosts")]

    def answer(self, request: str) -> Any:
        """Return what Fleet would; None where there is no such thing."""
        parts = urlsplit(request)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        name = parts.path.removeprefix("/api/v1/fleet")
        if name.startswith("/hosts/"):
            found = self.hosts.get(int(name.rpartition("/")[2]))
            return found and {"host": found}
        whole = {
            "/apns": self.apns,
            "/debug/db/locks": self.locks,
            "/debug/errors": self.errors,
        }
        if name in whole:
            return whole[name]
        lists: dict[str, tuple[str, Callable[[dict[str, str]], list[dict[str, Any]]]]] = {
            "/hosts": ("hosts", self._listed),
            "/commands": ("results", lambda _: self.commands),
            "/activities": ("activities", lambda _: self.activities),
        }
        if name not in lists:
            return None
        key, found_by = lists[name]
        entries = found_by(query)
        entries.sort(
            key=lambda entry: entry[query["order_key"]],
            reverse=query.get("order_direction") == "desc",
        )
        size, page = int(query["per_page"]), int(query["page"])
        return {key: entries[page * size : (page + 1) * size]}

    def _listed(self, query: dict[str, str]) -> list[dict[str, Any]]:
        found = list(self.hosts.values())
        if "os_settings" in query:
            team = int(query["team_id"]) if "team_id" in query else None
            found = [
                one
                for one in found
                if one["team_id"] == team and _state(one) == query["os_settings"]
            ]
        return [
            {key: value for key, value in one.items() if key != "mdm"}
            | {"mdm": {key: value for key, value in one["mdm"].items() if key != "profiles"}}
            for one in found
        ]


def _state(one: dict[str, Any]) -> str:
    return str(one["mdm"]["profiles"][0]["status"])


def host(number: int, status: str = "verified", team: int | None = None, **more: Any) -> Any:
    """Return a host as the API gives it in detail."""
    profile = {
        "profile_uuid": f"a{number}",
        "name": "FileVault",
        "status": status,
        "operation_type": "install",
        "detail": "",
    }
    return {
        "id": number,
        "uuid": f"UUID-{number}",
        "hostname": f"mac-{number:03}",
        "platform": "darwin",
        "status": "online",
        "seen_time": "2026-03-10T11:59:55Z",
        "refetch_requested": False,
        "team_id": team,
        "mdm": {"enrollment_status": "On (automatic)", "profiles": [profile]},
        **more,
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "_Server"

    def do_GET(self) -> None:
        fleet = self.server.fleet
        with self.server.lock:
            fleet.asked.append(self.path)
        time.sleep(fleet.delay_s)
        given = self.headers.get("Authorization", "")
        reply = fleet.instead(self.path)
        if reply is None and given != f"Bearer {TOKEN}":
            fleet.refused.append(given)
            reply = Reply(401, b'{"message": "Authentication required"}')
        if reply is None:
            with self.server.lock:
                body = fleet.answer(self.path)
            missing = body is None and "/debug/" not in self.path
            reply = Reply(404 if missing else 200, json.dumps(body).encode())
        self._send(reply)

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", "application/json")
        length = len(reply.body) * reply.parts if reply.claimed is None else reply.claimed
        self.send_header("Content-Length", str(length))
        for key, value in reply.headers.items():
            self.send_header(key, value)
        self.end_headers()
        try:
            for _ in range(reply.parts):
                self.wfile.write(reply.body)
                self.wfile.flush()
                time.sleep(reply.slow_s)
        except OSError:
            self.close_connection = True
        if reply.claimed is not None:
            self.close_connection = True

    def date_time_string(self, timestamp: float | None = None) -> str:
        return self.server.fleet.date or super().date_time_string(timestamp)

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    fleet: Fleet
    lock: threading.Lock


@contextmanager
def serving(fleet: Fleet, secure: Callable[[Any], Any] | None = None) -> Iterator[Fleet]:
    """Serve until the block ends; ``fleet.url`` says where. ``secure`` wraps the socket into TLS."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.fleet, server.lock = fleet, threading.Lock()
    if secure:
        server.socket = secure(server.socket)
    fleet.url = f"http{'s' if secure else ''}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield fleet
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def main() -> None:
    """Serve until standard input ends; then print how many requests came."""
    fleet = Fleet(delay_s=float(sys.argv[2]))
    fleet.add(*range(1, int(sys.argv[1]) + 1))
    with serving(fleet):
        print(fleet.url, flush=True)  # noqa: T201 - whoever started it reads the address
        sys.stdin.read()
        print(len(fleet.asked), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
