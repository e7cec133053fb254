"""Real SSH servers for tests: asyncssh's in a thread of its own, over a folder; and a port where nobody speaks."""

import asyncio
import inspect
import os
import shutil
import signal
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, Self

import asyncssh
import pytest

from lastseen.pull import ssh
from lastseen.pull.source import Errand, Outcome
from lastseen.pull.spool import Spool
from lastseen.sources import Ssh
from lastseen.state import State

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


class Server:
    """An SSH server on this machine; what it serves as ``/`` is a folder."""

    def __init__(self, root: Path, client: asyncssh.SSHKey, key: asyncssh.SSHKey) -> None:
        self.root = root
        self.key = key
        self.commands: list[str] = []
        self.connections = 0
        self.users: list[str] = []
        self.on_read: Callable[[], object] = lambda: None
        self.sftp = True
        self.endless = False
        """Its folders never end."""
        self.cut_after: int | None = None
        """Bytes of a command's output after which the connection breaks."""
        self._client = client
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self.open: set[asyncssh.SSHServerConnection] = set()
        self.files: list[Any] = []

    def __enter__(self) -> Self:
        self.root.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        self._acceptor = self._run(self._listen())
        self.port: int = self._acceptor.get_port()
        return self

    def __exit__(self, *error: object) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def known(self) -> str:
        """Its line in a file of known hosts."""
        return f"[127.0.0.1]:{self.port} {self.key.export_public_key().decode()}"

    def file(self, name: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _run(self, what: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(20)

    async def _listen(self) -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=partial(_Conversation, self),
            server_host_keys=[self.key],
            authorized_client_keys=asyncssh.import_authorized_keys(
                self._client.export_public_key().decode()
            ),
            process_factory=self._process,
            sftp_factory=partial(_Files, self) if self.sftp else None,
            encoding=None,
        )

    async def _process(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        self.commands.append(process.command or "")
        ran = await asyncio.create_subprocess_shell(
            process.command or "",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self.root,
            start_new_session=True,
        )
        try:
            out, err = await ran.communicate()
        except asyncio.CancelledError:
            os.killpg(ran.pid, signal.SIGKILL)
            await ran.communicate()
            raise
        process.stdout.write(out[: self.cut_after])
        if self.cut_after is not None:
            await process.stdout.drain()
            process.get_extra_info("connection").abort()
            return
        process.stderr.write(err)
        process.exit(ran.returncode or 0)

    async def _close(self) -> None:
        self._acceptor.close()
        for connection in self.open:
            connection.abort()
            await connection.wait_closed()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for file in self.files:  # a client that went away closed none
            file.close()
        await asyncio.sleep(0.05)  # transports are closed one turn of the loop later


class _Conversation(asyncssh.SSHServer):
    """One connection to a server."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._server.connections += 1
        self._server.open.add(conn)

    def begin_auth(self, username: str) -> bool:
        self._server.users.append(username)
        return True

    def connection_requested(self, *to: object) -> bool:
        del to
        return True


class _Files(asyncssh.SFTPServer):
    """The folder of a server."""

    def __init__(self, server: Server, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        super().__init__(chan, chroot=os.fsencode(server.root))
        self._server = server

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
        self._server.files.append(super().open(path, pflags, attrs))
        return self._server.files[-1]

    async def read(self, file_obj: object, offset: int, size: int) -> bytes:
        told = self._server.on_read()
        if inspect.isawaitable(told):
            await told
        found: Any = super().read(file_obj, offset, size)
        return bytes(found)

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        async for entry in super().scandir(path):
            yield entry
        while self._server.endless:
            yield asyncssh.SFTPName(os.urandom(8).hex().encode())


class Site:
    """A home of its own with a key, and servers that know it."""

    def __init__(self, root: Path, stack: ExitStack) -> None:
        self.root = root
        self.config = root / "home" / ".ssh"
        self.config.mkdir(parents=True)
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.key.write_private_key(str(self.config / "id_ed25519"))
        self._stack = stack
        self._state = stack.enter_context(State(root / "state.sqlite"))

    def server(
        self,
        name: str = "server",
        *,
        trusted: bool = True,
        sftp: bool = True,
        client: asyncssh.SSHKey | None = None,
    ) -> Server:
        key = asyncssh.generate_private_key("ssh-ed25519")
        server = Server(self.root / name, client or self.key, key)
        server.sftp = sftp
        self._stack.enter_context(server)
        if trusted:
            self.trust(server.known)
        return server

    def trust(self, line: str) -> None:
        with (self.config / "known_hosts").open("a") as file:
            file.write(line.rstrip("\n") + "\n")

    def silent(self) -> str:
        """A host that takes a connection and never says anything."""
        listener = self._stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        return f"127.0.0.1:{listener.getsockname()[1]}"

    def closed(self) -> str:
        """A host that refuses connections."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            return f"127.0.0.1:{listener.getsockname()[1]}"

    def spool(self) -> Spool:
        return Spool(self._state, self.root / "spool", "macs")

    def pull(self, *, now: datetime = NOW, errand: Errand | None = None, **keys: Any) -> Outcome:
        source = Ssh(name="macs", **{"timeout": timedelta(seconds=5), "retries": 0, **keys})
        begun = errand or Errand(now, monotonic() + source.deadline.total_seconds())
        return ssh.pull(source, self.spool(), begun)

    def take(self) -> list[tuple[str, int, str]]:
        """What waits in the spool: each unit's name, first line and text. It is gone then, as if it were read."""
        spool = self.spool()
        units = spool.waiting()
        found = [(unit.file.name, unit.file.line, unit.file.path.read_text()) for unit in units]
        spool.done(units)
        return found

    def text(self) -> str:
        return "".join(text for _, _, text in self.take())


class Mac:
    """One host with a log."""

    LOG = "/var/log/orbit.log"

    def __init__(self, macs: Site) -> None:
        self.site = macs
        self.server: Server = macs.server()
        self.log = self.server.file("var/log/orbit.log")

    def beside(self, ending: str) -> Path:
        return self.log.with_name(self.log.name + ending)

    def append(self, text: str) -> None:
        with self.log.open("a") as file:
            file.write(text)

    def pull(self, *paths: str, **keys: Any) -> Outcome:
        return self.site.pull(hosts=(self.server.host,), paths=paths or (self.LOG,), **keys)

    def new(self, *paths: str) -> str:
        """Pull, and return what came."""
        assert self.pull(*paths).problems == []
        return self.site.text()


def aged(path: Path, days: float) -> None:
    """Make a file look as if it was changed some days before the pull."""
    when = NOW.timestamp() - days * 86_400
    os.utime(path, (when, when))


@contextmanager
def site(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Keep the keys, the agent and the settings of whoever runs the tests out of them."""
    with ExitStack() as stack:
        monkeypatch.setenv("HOME", str(root / "home"))
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
        yield Site(root, stack)


def openssh(program: str) -> str:
    """Where a program of OpenSSH is."""
    found = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if found is None:
        package = "openssh-server" if program == "sshd" else "openssh-client"
        pytest.skip(f"{program} is not here: apt-get install {package}")
    return found
