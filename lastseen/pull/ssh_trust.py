"""Which hosts are who they say: the files of known hosts, and what is said of a key that is not in them."""

import shlex
from pathlib import Path
from typing import Any

import asyncssh

from lastseen.errors import UserError
from lastseen.sources import Ssh
from lastseen.terminal import harmless

USUAL_PORT = 22
_SHOWN = 300
_KNOWN_HOSTS = ("~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts")


class RefusedError(Exception):
    """The host, or what was asked of it, needs somebody to mend something; one sentence says what."""


class Door(asyncssh.SSHClient):
    """Sees which key a host shows, and says why it is not let pass."""

    def __init__(
        self,
        options: asyncssh.SSHClientConnectionOptions,
        known: asyncssh.SSHKnownHosts,
        own: str | None,
    ) -> None:
        """Begin with what is known; ``own`` is the source's own file of it, where it has one."""
        self.known = known
        self._own = own
        self._name = options.host_key_alias or options.host
        self._port = options.port
        self._address = ""
        self._fingerprint = ""

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        """Take note of a key that is not among the known; it stays unknown."""
        del host, port
        self._address = addr
        self._fingerprint = key.get_fingerprint()
        return False

    def untrusted(self, reason: str) -> str:
        """Say why its key was not trusted, and what to do."""
        if "not trusted" not in reason:
            return f"its host key is refused: {harmless(reason)[:_SHOWN]}"
        if self._has_others():
            return (
                f"ITS HOST KEY HAS CHANGED, it is now {self._fingerprint}; somebody may be in between, or the "
                "host was set up anew: find out which, and only then replace its line in known_hosts "
                f"({self._forget})"
            )
        port = "" if self._port == USUAL_PORT else f"-p {self._port} "
        return (
            f"its host key {self._fingerprint} is not in known_hosts; compare that on the host itself "
            "(ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), then add it: "
            f"ssh-keyscan {port}{self._name} >> {self._file}"
        )

    def no_agreement(self, reason: str) -> str:
        """Say why no common algorithms were found."""
        if "host key" in reason and self._has_others():
            return (
                "ITS HOST KEY HAS CHANGED: it shows none of the kind that known_hosts has of it; somebody may be in "
                "between, or the host was set up anew: find out which, and only then replace its line in "
                f"known_hosts ({self._forget})"
            )
        return f"no agreement on how to talk: {harmless(reason)[:_SHOWN]}"

    @property
    def _file(self) -> str:
        """The file that is to be mended, as a shell takes it."""
        return shlex.quote(self._own) if self._own else "~/.ssh/known_hosts"

    @property
    def _forget(self) -> str:
        """The command that removes what is known of the host."""
        return f"ssh-keygen -R '{self._entry}'" + f" -f {self._file}" * bool(self._own)

    @property
    def _entry(self) -> str:
        return self._name if self._port == USUAL_PORT else f"[{self._name}]:{self._port}"

    def _has_others(self) -> bool:
        port = None if self._port == USUAL_PORT else self._port
        trusted, authorities, *_ = asyncssh.match_known_hosts(
            self.known, self._name, self._address, port
        )
        return bool(trusted or authorities)


def files(source: Ssh, options: Any) -> tuple[str, ...]:
    """Return the files of known hosts that there are; no setting stands for "trust anyone"."""
    named = [source.known_hosts] if source.known_hosts else options.known_hosts
    paths = [Path(file).expanduser() for file in named or _KNOWN_HOSTS]
    return tuple(str(path) for path in paths if path.is_file())


def known_hosts(names: tuple[str, ...]) -> asyncssh.SSHKnownHosts:
    """Read files of known hosts.

    Raises:
        RefusedError: one of them cannot be used.
    """
    try:
        return asyncssh.read_known_hosts(list(names))
    except (OSError, ValueError) as error:
        raise RefusedError(f"{', '.join(names)}: cannot be used: {said(error)}") from None


def check_known_hosts(source: Ssh) -> None:
    """Read the source's own file of known hosts once.

    Raises:
        UserError: it cannot be used.
    """
    file = Path(source.known_hosts or "").expanduser()
    try:
        asyncssh.read_known_hosts(str(file))
    except OSError as error:
        raise UserError(
            f"sources.{source.name}: known_hosts {file}: cannot be read: {error.strerror}; "
            f"ssh-keyscan HOST >> {file} makes it, and ssh-keygen -lf {file} shows what to compare"
        ) from None
    except ValueError as error:
        raise UserError(f"sources.{source.name}: known_hosts {file}: {said(error)}") from None


def said(error: BaseException) -> str:
    """Return what went wrong, in one harmless line."""
    text = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
    return " ".join(harmless(str(text)).split())[:_SHOWN]
