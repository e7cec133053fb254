"""What `soak.py` pulls from over the network: hosts over SSH, Fleet's API, and a bucket; each a real server."""

import asyncio
import gzip
import json
import logging
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import asyncssh
import boto3
from kill import Log
from moto.server import ThreadedMotoServer
from soak_sides import SLACK_S, Side

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from ssh_server import Server

HERE = Path(__file__).resolve().parent
TOKEN = "very-secret-token-of-an-API-only-user"  # noqa: S105 - the server's of the tests
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "FLEET_TOKEN": TOKEN,
}
"""What pulls need to be let in."""


class OrbitLog(Log):
    """The log of Fleet's agent; any text is a line of it, so none is broken."""

    def _line(self) -> str:
        message = f"{self.path.stem} {len(self.lines)} end"
        self.lines.append(message)
        return f"{datetime.now(UTC).isoformat(timespec='seconds')} INF {message}\n"


class Ssh(Side):
    """Five hosts with a log each; now and then some hang or refuse, which is no failure."""

    format = "orbit"
    every_s = 30
    HOSTS = 5
    ROTATION_S = 25.0

    def __init__(self, root: Path, seed: int, stack: ExitStack) -> None:
        super().__init__("ssh", root, seed)
        self.config_folder = root / "home" / ".ssh"
        self.config_folder.mkdir(parents=True)
        client = asyncssh.generate_private_key("ssh-ed25519")
        client.write_private_key(str(self.config_folder / "id_ed25519"))
        self.servers = [
            stack.enter_context(
                Server(root / f"mac-{number}", client, asyncssh.generate_private_key("ssh-ed25519"))
            )
            for number in range(self.HOSTS)
        ]
        self.logs = [
            OrbitLog(server.file(f"var/log/ssh-{number}.log"), Random(f"{seed} ssh {number}"))
            for number, server in enumerate(self.servers)
        ]
        self._rotate = [time.monotonic() + self.ROTATION_S * (1 + n / 5) for n in range(self.HOSTS)]
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self._silent = listener.getsockname()[1]
        self.away: str | None = None
        """The host that hangs or refuses, if any does."""
        self.away_since = 0.0
        self._known(self.servers)
        self._away(None)

    def config(self) -> str:
        hosts = json.dumps([f"mac-{number}" for number in range(self.HOSTS)])
        return (
            f'kind = "ssh"\nhosts = {hosts}\npaths = ["/var/log/ssh-*.log"]\n'
            f'known_hosts = "{self.config_folder}/known_hosts"\nuser = "logs"\n'
        )

    def _known(self, servers: list[Server]) -> None:
        lines = [server.known for server in servers]
        (self.config_folder / "known_hosts").write_text("\n".join(lines) + "\n")

    def _lead(self, ports: list[int]) -> None:
        """Say which port each host's name leads to."""
        text = "".join(
            f"Host mac-{number}\n  HostName 127.0.0.1\n  Port {port}\n"
            for number, port in enumerate(ports)
        )
        aside = self.config_folder / "config.new"
        aside.write_text(text)
        aside.rename(self.config_folder / "config")

    def write(self) -> None:
        place = self.chance.randrange(self.HOSTS)
        self.logs[place].grow()
        if time.monotonic() > self._rotate[place]:
            self._rotate[place] = time.monotonic() + self.ROTATION_S
            self.logs[place].rotate()

    def break_off(self) -> None:
        self._known(self.servers[1:])
        self._away(None)  # a host that is not even reached shows no key

    def mend(self) -> None:
        self._known(self.servers)

    def trouble(self) -> None:
        """Let one host hang or refuse, and the others answer; or all answer."""
        if not self.down and self.chance.random() < 0.3:  # noqa: PLR2004 - about once a minute
            self._away(self.chance.choice([None, *range(self.HOSTS)]))

    def _away(self, host: int | None) -> None:
        ports = [server.port for server in self.servers]
        for server in self.servers:
            server.on_read = _at_once
        if host is not None:
            way = self.chance.choice(("refuses", "is silent", "stops while it is read"))
            if way == "stops while it is read":
                self.servers[host].on_read = _in_a_while
            else:
                ports[host] = self._silent if way == "is silent" else 1
        self.away = None if host is None else f"mac-{host}"
        self.away_since = time.monotonic()
        self._lead(ports)

    def wrong(self, absent: list[str], disturbed: float) -> str | None:
        """Return what is wrong with the hosts that are said to be absent, if they have been so for long enough."""
        seconds = time.monotonic() - max(self.away_since, disturbed)
        settled = not self.down and seconds > 2 * self.every_s + SLACK_S
        wanted = [self.away] if self.away else []
        if settled and absent != wanted:
            return f"of the hosts {wanted} are away for {seconds:.0f} s, and status says {absent}"
        return None

    def end(self) -> None:
        self._away(None)
        for log in self.logs:
            log.file.write(log.half.encode())
            log.file.close()
        self.lines = Counter(line for log in self.logs for line in log.lines)


def _at_once() -> None:
    """Let a read be answered."""


async def _in_a_while() -> None:
    """Let a read wait for longer than anybody does."""
    await asyncio.sleep(60)


class Fleet(Side):
    """Fleet's API with a hundred hosts; commands and activities are numbered."""

    format = "fleet_activities"
    every_s = 30
    retries = 2

    def __init__(self, root: Path, seed: int, stack: ExitStack) -> None:
        super().__init__("fleet", root, seed)
        self._process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, str(HERE / "soak_fleet.py"), str(seed)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                stderr=stack.enter_context((root / "fleet_server.log").open("w")),
            )
        )  # fmt: skip
        self.url = self._answer()
        self._next = 0.0

    def _answer(self) -> str:
        assert self._process.stdout is not None  # noqa: S101 - it was asked for
        return self._process.stdout.readline().strip()

    def _tell(self, **words: object) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it was asked for
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        self._answer()

    def config(self) -> str:
        return (
            f'kind = "fleet"\nurl = "{self.url}"\ntoken_env = "FLEET_TOKEN"\n'
            'per_page = 40\nat_once = 2\ndetails_every = "2 minutes"\n'
        )

    def write(self) -> None:
        if time.monotonic() > self._next:
            self._next = time.monotonic() + self.chance.random()
            number = self.number()
            self._tell(number=number)
            self.lines[f"fleet {number} end"] += 1

    def break_off(self) -> None:
        self._tell(mode=self.chance.choice(("refuses", "down")))

    def mend(self) -> None:
        self._tell(mode="well")

    def trouble(self) -> None:
        if not self.down:
            self._tell(mode=self.chance.choice(("well", "faulty")))

    def end(self) -> None:
        self._tell(mode="well")

    def close(self) -> None:
        self._process.communicate()

    def wanted(self) -> dict[str, Counter[str]]:
        return {"fleet_activities": self.lines, "fleet_commands": self.lines}


class Bucket(Side):
    """A store into which a proxy's access logs are put, some late and under earlier names."""

    format = "nginx_access"
    every_s = 30
    PAUSE_S = 3.0

    def __init__(self, root: Path, seed: int) -> None:
        super().__init__("bucket", root, seed)
        self._port = 0
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._serve()
        self._client: Any = boto3.client(
            "s3", endpoint_url=self.endpoint, region_name="us-east-1",
            aws_access_key_id="testing", aws_secret_access_key="testing",  # noqa: S106
        )  # fmt: skip
        self._client.create_bucket(Bucket="logs")
        self._next = 0.0

    def _serve(self) -> None:
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=self._port, verbose=False)
        self._server.start()
        _, self._port = self._server.get_host_and_port()
        self.endpoint = f"http://127.0.0.1:{self._port}"

    def config(self) -> str:
        return (
            'kind = "bucket"\nurl = "s3://logs/in"\n'
            f'options = {{ endpoint_url = "{self.endpoint}" }}\n'
        )

    def _line(self) -> str:
        number = self.number()
        if self.is_broken() and number > 1:
            self.broken[f"bucket {number} is cut off"] += 1
            return f"bucket {number} is cut off\n"
        at = datetime.now(UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")
        self.lines[f"GET /bucket-{number} HTTP/1.1"] += 1
        return (
            f'192.0.2.15 - - [{at}] "GET /bucket-{number} HTTP/1.1" 200 67 "-" "osquery/5.17.0"\n'
        )

    def write(self) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self.PAUSE_S * 2 * self.chance.random()
        data = "".join(self._line() for _ in range(self.chance.randint(5, 50))).encode()
        now = datetime.now(UTC).timestamp()
        late = self.chance.random() * 3600 if self.chance.random() < 0.2 else 0.0  # noqa: PLR2004
        hour = datetime.fromtimestamp(now - late, UTC).strftime("%Y/%m/%d/%H%M%S")
        packed = self.chance.random() < 0.5  # noqa: PLR2004 - half of them
        self._client.put_object(
            Bucket="logs",
            Key=f"in/{hour}-access-{self._count}.log" + ".gz" * packed,
            Body=gzip.compress(data) if packed else data,
        )

    def close(self) -> None:
        if not self.down:
            self._server.stop()

    def break_off(self) -> None:
        self._server.stop()

    def mend(self) -> None:
        self._serve()
