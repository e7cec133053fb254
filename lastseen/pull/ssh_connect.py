"""Connections to hosts over SSH: only to those whose key is known, and never with a question asked.

What ssh would do with ~/.ssh/config, the agent and the usual keys is done here too, but for two things: no setting
switches off the check of a host's key, and no password is sent.
"""

import asyncio
import errno
import os
import socket
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import asyncssh

from lastseen.errors import UserError
from lastseen.pull.ssh_trust import (
    USUAL_PORT,
    Door,
    RefusedError,
    check_known_hosts,
    files,
    known_hosts,
    said,
)
from lastseen.sources import Ssh
from lastseen.targets import Target, chain

T = TypeVar("T")
_BEAT, _BEATS = 15, 3
"""Seconds after which a silent host is asked whether it is there, and how often before it counts as gone."""
_FAREWELL = 2.0
"""Seconds that a host has to close its side."""
_OURS = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
"""What fails on this machine and says nothing of the host."""

_FIXED: Mapping[str, Any] = {
    "x509_trusted_certs": None,
    "preferred_auth": "publickey",
    "password_auth": False,
    "kbdint_auth": False,
    "host_based_auth": False,
    "gss_host": None,
    "agent_forwarding": False,
    "keepalive_interval": _BEAT,
    "keepalive_count_max": _BEATS,
}
"""What no setting of a source or of ssh changes."""


class AbsentError(Exception):
    """The host is asleep, gone or out of reach; nothing is wrong with what was asked."""


class LostError(AbsentError):
    """The connection broke; another may hold."""


class Connections:
    """Opens connections for one source; hosts behind the same jump host share the way to it."""

    def __init__(self, source: Ssh) -> None:
        """Read the keys.

        Raises:
            UserError: the private key or the file of known hosts cannot be used.
        """
        self._source = source
        self._timeout = source.timeout.total_seconds()
        self._ways: dict[str, asyncio.Task[asyncssh.SSHClientConnection]] = {}
        self._known = cache(known_hosts)
        if source.known_hosts:
            check_known_hosts(source)
        self._identity = _identity(source)

    async def open(self, target: Target) -> asyncssh.SSHClientConnection:
        """Connect to a host, through its jump host where it has one.

        Raises:
            AbsentError: it cannot be reached.
            LostError: it hung up.
            RefusedError: its key is not the known one, or it takes none of ours.
        """
        return await self._open(target, chain(self._source.jump) if self._source.jump else None)

    async def jump(self) -> None:
        """Connect to the source's own jump host, if it has one, so that hosts find the way open.

        Raises:
            AbsentError: it cannot be reached.
            LostError: it hung up.
            RefusedError: its key is not the known one, or it takes none of ours.
        """
        if self._source.jump:
            await self._way(chain(self._source.jump))

    async def close(self) -> None:
        """Close the connections to jump hosts."""
        for way in self._ways.values():
            way.cancel()
        for done in await asyncio.gather(*self._ways.values(), return_exceptions=True):
            if isinstance(done, asyncssh.SSHClientConnection):
                await close(done)

    async def _way(self, hops: list[Target]) -> asyncssh.SSHClientConnection:
        """Return the connection to the last of some jump hosts; one that broke is made anew."""
        name = ",".join(hop.text for hop in hops)
        way = self._ways.get(name)
        if way is None or (way.done() and not way.exception() and way.result().is_closed()):
            way = asyncio.create_task(self._open(hops[-1], hops[:-1], is_hop=True))
            self._ways[name] = way
        try:
            return await asyncio.shield(way)
        except (AbsentError, RefusedError) as error:
            if self._ways.get(name) is way and isinstance(error, LostError):
                del self._ways[name]
            raise type(error)(f"the jump host {hops[-1].shown}: {error}") from None

    async def _open(
        self, target: Target, hops: list[Target] | None, *, is_hop: bool = False
    ) -> asyncssh.SSHClientConnection:
        """Connect to a host through others; None leaves that to ~/.ssh/config."""
        # As with ssh, what is said of the hosts' user and port is not said of those on the way.
        user = None if is_hop else self._source.user
        port = None if is_hop or self._source.port == USUAL_PORT else self._source.port
        asked = {
            "host": target.name,
            "port": target.port or port or (),
            "username": target.user or user or (),
        }
        try:
            options = asyncssh.SSHClientConnectionOptions(**asked, config=(), client_keys=None)
        except (ValueError, OSError) as error:
            raise RefusedError(f"~/.ssh/config cannot be used: {said(error)}") from None
        if hops is None and isinstance(options.tunnel, str):
            hops = _jumps(options.tunnel)
        tunnel = await self._way(hops) if hops else None
        known = self._known(files(self._source, options))
        door = Door(options, known, self._source.known_hosts)
        try:
            connecting = asyncssh.connect(
                **asked,
                tunnel=tunnel,
                known_hosts=door.known,
                client_factory=lambda: door,
                **self._identity,
                **(_existing(options) if self._source.key_file is None else {}),
                **_FIXED,
                login_timeout=self._timeout,
            )
            return await answered(connecting, self._timeout)
        except asyncssh.HostKeyNotVerifiable as error:
            raise RefusedError(door.untrusted(error.reason)) from None
        except asyncssh.KeyExchangeFailed as error:
            raise RefusedError(door.no_agreement(error.reason)) from None
        except asyncssh.PermissionDenied:
            raise RefusedError(_not_let_in(self._source, options.username)) from None
        except ValueError as error:
            raise RefusedError(f"cannot be asked: {said(error)}") from None


async def answered(asked: Awaitable[T], seconds: float | None) -> T:
    """Wait for a host's answer.

    What a host says no to, and who it is, is for the caller: ``asyncssh.PermissionDenied``, ``KeyExchangeFailed``
    and ``HostKeyNotVerifiable`` pass through, and so does ``asyncssh.SFTPError``.

    Raises:
        AbsentError: there was none in that time, or no way to the host.
        LostError: the connection broke.
        RefusedError: the host ended the conversation, or this machine cannot hold one more.
    """
    try:
        async with asyncio.timeout(seconds):
            return await asked
    except (asyncssh.ConnectionLost, asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection):
        raise LostError("the connection broke") from None
    except (ConnectionResetError, BrokenPipeError, ConnectionAbortedError):
        raise LostError("the connection broke") from None
    except TimeoutError:
        raise AbsentError(f"no answer within {seconds or 0:g} seconds") from None
    except asyncssh.ChannelOpenError as error:
        if error.code == asyncssh.OPEN_CONNECT_FAILED:
            raise AbsentError(f"cannot be reached: {said(error)}") from None
        raise RefusedError(f"refuses what was asked: {said(error)}") from None
    except OSError as error:
        if error.errno in _OURS and not isinstance(error, socket.gaierror):
            raise RefusedError(
                f"not asked, for this machine has no room for a connection: {error.strerror}; lower at_once"
            ) from None
        raise AbsentError(f"cannot be reached: {said(error)}") from None
    except (asyncssh.PermissionDenied, asyncssh.KeyExchangeFailed, asyncssh.HostKeyNotVerifiable):
        raise
    except asyncssh.DisconnectError as error:
        raise RefusedError(f"ended the conversation: {said(error)}") from None


async def close(connection: asyncssh.SSHClientConnection) -> None:
    """Close a connection; one whose other side does not answer is dropped."""
    connection.close()
    with suppress(TimeoutError):
        async with asyncio.timeout(_FAREWELL):
            await connection.wait_closed()
            return
    connection.abort()
    await connection.wait_closed()


def _jumps(text: str) -> list[Target]:
    try:
        return chain(text)
    except UserError as error:
        raise RefusedError(f"ProxyJump in ~/.ssh/config: {error}") from None


def _identity(source: Ssh) -> Any:
    """Return which keys asyncssh is to show: the source's own, or those that ssh would.

    A host lets a client try a few keys only, so the agent's others are left out where one is named.

    Raises:
        UserError: the source's own cannot be used.
    """
    if source.key_file is None:
        return {"ignore_encrypted": True}
    file = Path(source.key_file).expanduser()
    place = f"sources.{source.name}: key_file {file}"
    try:
        return {"client_keys": asyncssh.load_keypairs(str(file)), "agent_path": None}
    except OSError as error:
        raise UserError(f"{place}: cannot be read: {error.strerror}") from None
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        if "passphrase" not in str(error).lower():
            raise UserError(f"{place}: is no private key that can be used: {error}") from None
    if not os.environ.get("SSH_AUTH_SOCK"):
        raise UserError(
            f"{place}: is protected by a passphrase, and nobody is there to type it; hold it in an agent "
            "(ssh-add), or make a key without one that may do nothing but read logs"
        )
    public = file.with_name(file.name + ".pub")
    only = {"agent_identities": [str(public)]} if public.is_file() else {}
    return {"client_keys": [str(file)], "ignore_encrypted": True, **only}


def _existing(options: asyncssh.SSHClientConnectionOptions) -> Any:
    """Return the keys that ~/.ssh/config names for a host; like ssh, without those that are not there."""
    named: Any = options.config.get("IdentityFile", ())
    there = [file for file in named if Path(file).expanduser().is_file()]
    return {"client_keys": there} if named else {}


def _not_let_in(source: Ssh, user: str) -> str:
    tried = source.key_file or "the agent's keys and the usual ones of ~/.ssh"
    return (
        f"does not let {user} in with {tried}; add the public key to that user's authorized_keys "
        "(a key with a passphrase counts only while an agent holds it)"
    )
