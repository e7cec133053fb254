"""Logs of many hosts over SSH, some hosts at a time: what a command prints there, or what files have grown by.

A host that is asleep, gone or out of reach is absent and no failure, and is asked again at the next pull. What
needs somebody to mend it is a problem of that host alone.
"""

import asyncio
import logging
import random
import time
from collections import deque
from pathlib import Path
from typing import Any

import asyncssh

from lastseen import targets
from lastseen.errors import Exit, UserError
from lastseen.period import spell
from lastseen.pull import ssh_command
from lastseen.pull.remote_files import RemoteFiles
from lastseen.pull.source import Errand, Outcome, pauses
from lastseen.pull.spool import Spool
from lastseen.pull.ssh_connect import AbsentError, Connections, LostError, answered, close
from lastseen.pull.ssh_trust import RefusedError, said
from lastseen.sources import Ssh
from lastseen.targets import Target

_TICK = 0.1
"""Seconds between looks at whether to end."""
_GRACE = 1.0
"""Seconds in which a host that is being asked may still bring something to its end."""
_NEXT = "next host"
"""Remembers with which host to begin after a deadline came before all were asked."""


def pull(source: Ssh, spool: Spool, errand: Errand) -> Outcome:
    """Ask each host of a source for what is new.

    Raises:
        UserError: the list of hosts or a key cannot be used, the jump host cannot be reached, or the disk is full.
    """
    hosts = _hosts(source)
    # What a host says goes into problems, made harmless, and not to the terminal.
    logging.getLogger("asyncssh").setLevel(logging.CRITICAL)
    return asyncio.run(_Pull(source, spool, errand, hosts).run())


def _hosts(source: Ssh) -> list[Target]:
    """Return each host once.

    Raises:
        UserError: one of them is none, or the file cannot be read.
    """
    if source.hosts_file:
        found = targets.of_file(Path(source.hosts_file).expanduser())
    else:
        try:
            found = [targets.target(host) for host in source.hosts]
        except UserError as error:
            raise UserError(f"sources.{source.name}: hosts: {error}") from None
    return list({host.text: host for host in found}.values())


def _unheard(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Pass over what reads under way say when their connection goes: who waits for them is told already."""
    if not isinstance(context.get("exception"), asyncssh.Error | OSError):
        loop.default_exception_handler(context)


class _Pull:
    """One pull of one source."""

    def __init__(self, source: Ssh, spool: Spool, errand: Errand, hosts: list[Target]) -> None:
        self._source = source
        self._spool = spool
        self._errand = errand
        self._hosts = hosts
        first = spool.recall(_NEXT)
        start = next((place for place, host in enumerate(hosts) if host.text == first), 0)
        self._queue = deque(hosts[start:] + hosts[:start])
        self._problems: dict[Target, list[str]] = {}
        self._absent: set[Target] = set()
        self._done: set[Target] = set()

    async def run(self) -> Outcome:
        asyncio.get_running_loop().set_exception_handler(_unheard)
        connections = Connections(self._source)
        workers: set[asyncio.Task[None]] = set()
        try:
            await self._jump(connections)
            for _ in range(min(self._source.at_once, len(self._hosts))):
                workers.add(asyncio.create_task(self._work(connections)))
            await self._wait(workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            await connections.close()
        return self._outcome()

    async def _wait(self, workers: set[asyncio.Task[None]]) -> None:
        """Wait until all hosts were asked, or the errand is over."""
        ends: float | None = None
        waiting = workers
        while waiting:
            ready, waiting = await asyncio.wait(
                waiting, timeout=_TICK, return_when=asyncio.FIRST_EXCEPTION
            )
            for worker in ready:
                worker.result()
            if self._errand.over:
                ends = ends or time.monotonic() + _GRACE
                if time.monotonic() >= ends:
                    return

    async def _work(self, connections: Connections) -> None:
        """Ask one host after the other."""
        while self._queue and not self._errand.over:
            host = self._queue.popleft()
            await self._host(connections, host)
            if not self._errand.over:
                self._done.add(host)
            self._errand.told(len(self._done), len(self._hosts))

    async def _host(self, connections: Connections, host: Target) -> None:
        """Ask one host; where the connection breaks, again after a pause."""
        waits = pauses(self._source, random.Random())  # noqa: S311 - it spreads load, it keeps no secret
        while True:
            try:
                self._problems[host] = await self._attempt(connections, host)
            except LostError:
                pause = next(waits, None)
                if pause is not None and pause < self._errand.left:
                    await asyncio.sleep(pause)
                    continue
                self._absent.add(host)
            except AbsentError:
                self._absent.add(host)
            except RefusedError as error:
                self._problems[host] = [str(error)]
            return

    async def _attempt(self, connections: Connections, host: Target) -> list[str]:
        """Ask one host over one connection; return what went wrong with some of its files."""
        connection = await connections.open(host)
        try:
            if self._source.paths:
                return await self._files(connection, host)
            await ssh_command.run(self._source, host, self._spool, self._errand, connection)
            return []
        finally:
            await close(connection)

    async def _files(self, connection: asyncssh.SSHClientConnection, host: Target) -> list[str]:
        seconds = self._source.timeout.total_seconds()
        try:
            sftp = await answered(connection.start_sftp_client(), seconds)
        except asyncssh.SFTPError as error:
            raise RefusedError(f"does not let its files be read: {said(error)}") from None
        try:
            return await RemoteFiles(self._source, host, self._spool, self._errand, sftp).read()
        finally:
            sftp.exit()

    async def _jump(self, connections: Connections) -> None:
        """Reach the jump host before any other, for without it there is none.

        Raises:
            UserError: it cannot be reached, or does not let us in.
        """
        waits = pauses(self._source, random.Random())  # noqa: S311 - as above
        while True:
            try:
                await connections.jump()
            except AbsentError as error:
                pause = next(waits, None)
                if pause is None or pause >= self._errand.left or self._errand.stopped():
                    raise UserError(f"sources.{self._source.name}: {error}", Exit.PARTIAL) from None
                await asyncio.sleep(pause)
            except RefusedError as error:
                raise UserError(f"sources.{self._source.name}: {error}", Exit.PARTIAL) from None
            else:
                return

    def _outcome(self) -> Outcome:
        outcome = Outcome(wanted=len(self._hosts))
        for host in self._hosts:
            problems = self._problems.get(host, [])
            outcome.problems += [f"{host.shown}: {problem}" for problem in problems]
        outcome.absent = [host.name for host in self._hosts if host in self._absent]
        asked = (
            self._done | self._absent | {host for host in self._problems if self._problems[host]}
        )
        undone = [host for host in self._hosts if host not in asked]
        if undone and not self._errand.stopped():
            outcome.problems.append(
                f"the deadline of {spell(self._source.deadline)} came before {len(undone)} of "
                f"{len(self._hosts)} hosts were done; what came until then is kept, and the next pull "
                "begins with them"
            )
            first = next(host for host in (*self._queue, *undone) if host in undone)
            self._spool.remember({_NEXT: first.text})
        return outcome
