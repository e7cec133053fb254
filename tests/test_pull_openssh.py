"""The same against OpenSSH's own server, which most hosts run; and all the way into the lake."""

import getpass
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from conftest import Runner
from ssh_server import Site, openssh, site
from support import lake_of, lines_of, rows

from lastseen.project import Project

PRIVILEGE_SEPARATION = Path("/run/sshd")
"""Without this folder sshd does not start as root; Debian's service makes it at every start too."""


class OpenSsh:
    """OpenSSH's server, a process for each connection: so it needs no port of its own choice."""

    def __init__(self, macs: Site, folder: Path) -> None:
        folder.mkdir()
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(str(folder / "host_key"))
        (folder / "host_key").chmod(0o600)
        macs.key.write_public_key(str(folder / "authorized_keys"))
        lines = (
            f"HostKey {folder}/host_key",
            f"AuthorizedKeysFile {folder}/authorized_keys",
            "StrictModes no",
            "PermitRootLogin prohibit-password",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "UsePAM no",
            "Subsystem sftp internal-sftp",
            "PidFile none",
        )
        (folder / "config").write_text("\n".join(lines) + "\n")
        self._words = [openssh("sshd"), "-i", "-e", "-f", str(folder / "config")]
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._running: list[subprocess.Popen[bytes]] = []
        self._log = (folder / "log").open("wb")
        self.host = f"{getpass.getuser()}@127.0.0.1:{self._listener.getsockname()[1]}"
        macs.trust(
            f"[127.0.0.1]:{self._listener.getsockname()[1]} {key.export_public_key().decode()}"
        )
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection:
                    self._running.append(
                        subprocess.Popen(
                            self._words,
                            stdin=connection.fileno(),
                            stdout=connection.fileno(),
                            stderr=self._log,
                        )
                    )

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for process in self._running:
            process.terminate()
            process.wait()
        self._log.close()


@pytest.fixture
def macs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with site(tmp_path, monkeypatch) as found:
        yield found


@pytest.fixture
def server(macs: Site, tmp_path: Path) -> Iterator[OpenSsh]:
    openssh("sshd")
    if os.geteuid() == 0:
        PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
    running = OpenSsh(macs, tmp_path / "sshd")
    yield running
    running.close()


def test_a_command_runs_under_openssh(macs: Site, server: OpenSsh) -> None:
    good = macs.pull(hosts=(server.host,), command=("printf", "%s\\n", "it's $HOME; {since}"))
    bad = macs.pull(hosts=(server.host,), command=("sh", "-c", "echo no such log >&2; exit 3"))

    assert (good.problems, macs.text()) == ([], "it's $HOME; 2026-03-09T12:00:00Z\n")
    assert bad.problems[0].endswith(
        ": the command ended with exit status 3: no such log; nothing of it was kept"
    )


def test_files_are_read_on_under_openssh(macs: Site, server: OpenSsh) -> None:
    log = macs.root / "logs" / "orbit.log"
    log.parent.mkdir()
    log.write_text("one\n" * 700_000 + "hal")
    ask: dict[str, Any] = {"hosts": (server.host,), "paths": (f"{log.parent}/*.log",)}
    macs.pull(**ask)
    first = macs.text()
    with log.open("a") as file:
        file.write("f\n")
    log.rename(log.with_name("orbit.log.1"))
    log.write_text("new\n")
    outcome = macs.pull(**ask)

    assert first == "one\n" * 700_000
    assert (outcome.problems, macs.text()) == ([], "half\nnew\n")


def test_pull_brings_a_log_of_a_host_into_the_lake_once(
    macs: Site, server: OpenSsh, tiny_project: Project, run: Runner
) -> None:
    log = macs.root / "app.tiny"
    log.write_text(lines_of(range(3)))
    host = server.host.partition("@")[2]
    tiny_project.config.write_text(
        f'[sources.macs]\nkind = "ssh"\nhosts = ["{server.host}", "mac.invalid"]\npaths = ["{log}"]\n'
        "retries = 0\n"
    )
    first = run("-C", tiny_project.root, "pull", "macs")
    with log.open("a") as file:
        file.write(lines_of(range(3, 5)))
    run("-C", tiny_project.root, "pull", "macs")
    run("-C", tiny_project.root, "pull", "macs")

    assert first.code == 0
    assert rows(lake_of(tiny_project), "tiny", "file, line, emitter") == [
        (f"ssh://{host}{log}", line, "127.0.0.1") for line in range(1, 6)
    ]
