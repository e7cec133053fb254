"""Writes what the servers log: Fleet, nginx, MySQL, and osquery's lines that Fleet writes on."""

import json
from datetime import UTC, datetime
from typing import Any

from lab.world import ROTATED, Host, World

FAILURE = 500
"""HTTP's statuses from here on say that the server failed."""


def moment(at: float) -> datetime:
    """Return a moment as a date, UTC."""
    return datetime.fromtimestamp(at, UTC)


def compact(value: object) -> str:
    """Return JSON on one line, as Go writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def fleet(
    world: World,
    level: str,
    fields: dict[str, Any],
    host: Host | None = None,
    proof: str | None = None,
) -> None:
    """Write a line of Fleet's own; ``took`` is in seconds, and is written as this Fleet writes it."""
    if world.now < ROTATED or (level == "debug" and not world.habits.debug):
        return
    if "took" in fields:
        fields = {**fields, "took": _took(world.habits.generation, fields["took"])}
    if world.habits.generation == "go-kit":
        line = {**fields, "level": level, "ts": _nanoseconds(world)}
        text = compact(dict(sorted(line.items())))
    else:
        first = {"ts": f"{moment(world.now):%Y-%m-%dT%H:%M:%SZ}", "level": level}
        said = {"msg": fields["msg"]} if "msg" in fields else {}
        text = compact({**first, **said, **fields})
    world.journal.write("fleet_server", world.now, text, host.name if host else None, proof)


def _nanoseconds(world: World) -> str:
    """Return now as go-kit writes it; lines of one moment follow each other by microseconds."""
    at = max(int(world.now * 1e9), world.told_at + world.dice.randrange(20_000, 400_000))
    world.told_at = at
    return f"{moment(at // 10**9):%Y-%m-%dT%H:%M:%S}.{at % 10**9:09d}Z"


def _took(generation: str, seconds: float) -> str | int:
    if generation == "slog A":
        return round(seconds * 1e9)
    minutes, rest = divmod(seconds, 60)
    if minutes:
        return f"{minutes:.0f}m{rest:.6f}s"
    return f"{seconds:.6f}s" if seconds >= 1 else f"{seconds * 1000:.6f}ms"


def keep_error(world: World, cause: str, around: str) -> None:
    """Let ``/debug/errors`` remember an error."""
    count, _, _ = world.errors.get(cause, (0, 0.0, ""))
    world.errors[cause] = (count + 1, world.now, around)


def handshake(world: World, host: Host | None, address: str, alert: str, proof: str | None) -> None:
    """Write a TLS handshake that failed: in nginx's log, or in Fleet's if no proxy stands before it."""
    name = host.name if host else None
    if world.habits.proxy:
        number, said = _ALERTS[alert]
        text = f"SSL_do_handshake() failed (SSL: error:{number}:SSL routines::{said}) while SSL handshaking"
        nginx_error(world, "info", f"{text}, client: {address}, server: 0.0.0.0:443", name, proof)
        return
    port = world.dice.randrange(20000, 65000)
    text = f"{moment(world.now):%Y/%m/%d %H:%M:%S} http: TLS handshake error from {address}:{port}: {alert}"
    world.journal.write("fleet_server", world.now, text, name, proof)


_ALERTS = {
    "remote error: tls: bad certificate": (
        "0A000412", "sslv3 alert bad certificate:SSL alert number 42"),
    "remote error: tls: unknown certificate authority": (
        "0A000418", "tlsv1 alert unknown ca:SSL alert number 48"),
    "remote error: tls: expired certificate": (
        "0A000415", "sslv3 alert certificate expired:SSL alert number 45"),
    "local error: tls: bad record MAC": (
        "0A000119", "decryption failed or bad record mac"),
    "tls: client offered only unsupported versions: [301]": (
        "0A000102", "unsupported protocol"),
    "EOF": ("0A000126", "unexpected eof while reading"),
}  # fmt: skip
"""What Go says of a handshake, and the number and words of OpenSSL for the same."""


def nginx_error(
    world: World, level: str, said: str, host: str | None = None, proof: str | None = None
) -> None:
    """Write a line of nginx's error log."""
    if world.habits.proxy and world.now >= ROTATED:
        text = f"{moment(world.now):%Y/%m/%d %H:%M:%S} [{level}] 1201#1201: *{world.dice.randrange(10**6)} {said}"
        world.journal.write("nginx_error", world.now, text, host, proof)


def upstream_failed(world: World, host: Host, request: str, why: str, proof: str | None) -> None:
    """Write that nginx could not get an answer out of Fleet."""
    nginx_error(
        world,
        "error",
        f'{why}, client: {host.address}, server: fleet.example.com, request: "{request}", upstream: '
        f'"http://203.0.113.10:8080{request.split()[1]}", host: "fleet.example.com"',
        host.name,
        proof,
    )


def request(
    world: World, host: Host, line: str, agent: str, status: int = 200, proof: str | None = None
) -> None:
    """Write a request of a host to nginx's access log, and with debug on to Fleet's if it came so far."""
    if world.now < ROTATED:
        return
    if world.habits.proxy:
        size = world.dice.randrange(40, 900) if status < FAILURE else 157
        world.journal.write(
            "nginx_access",
            world.now,
            f"{host.address} - - [{moment(world.now):%d/%b/%Y:%H:%M:%S} +0000] "
            f'"{line}" {status} {size} "-" "{agent}"',
            host.name,
            proof,
        )
    if world.habits.debug and status < FAILURE:
        _debug_request(world, host, line)


def _debug_request(world: World, host: Host, line: str) -> None:
    method, uri, _ = line.split()
    if uri.startswith("/mdm/"):
        return
    proxy = "203.0.113.20" if world.habits.proxy else host.address
    fields = {
        "component": "http", "method": method, "uri": uri, "took": world.dice.uniform(0.002, 0.03),
        "ip_addr": proxy, "x_for_ip_addr": host.address if world.habits.proxy else "",
        "host_id": host.number,
    }  # fmt: skip
    fleet(world, "debug", fields, host)


def mysql(world: World, said: str, proof: str | None = None) -> None:
    """Write to MySQL's error log; ``said`` begins with the thread, and may have many lines."""
    world.journal.write(
        "mysql_error",
        world.now,
        f"{moment(world.now):%Y-%m-%dT%H:%M:%S.%f}Z {said}",
        None,
        proof,
    )


def deadlock(world: World, table: str, statements: tuple[str, str], proof: str | None) -> None:
    """Write a deadlock as MySQL dumps it with innodb_print_all_deadlocks."""
    note = "0 [Note] [MY-012469] [InnoDB]"
    mysql(
        world,
        "0 [Note] [MY-012468] [InnoDB] Transactions deadlock detected, dumping detailed information.",
        proof,
    )
    for number, statement in enumerate(statements, 1):
        thread = world.dice.randrange(400, 999)
        mysql(
            world,
            f"{note} *** ({number}) TRANSACTION:\n"
            f"TRANSACTION {world.dice.randrange(10**6)}, ACTIVE 1 sec starting index read\n"
            f"mysql tables in use 1, locked 1\n"
            f"LOCK WAIT 5 lock struct(s), heap size 1128, 3 row lock(s)\n"
            f"MySQL thread id {thread}, query id {world.dice.randrange(10**7)} 203.0.113.10 fleet updating\n"
            f"{statement}",
            proof,
        )
        mysql(
            world,
            f"{note} *** ({number}) WAITING FOR THIS LOCK TO BE GRANTED:\n"
            f"RECORD LOCKS space id 211 page no 5 n bits 80 index PRIMARY of table `fleet`.`{table}` "
            f"trx id {world.dice.randrange(10**6)} lock_mode X locks rec but not gap waiting",
            proof,
        )
    mysql(world, f"{note} *** WE ROLL BACK TRANSACTION (2)", proof)
