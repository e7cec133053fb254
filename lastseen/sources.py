"""What lastseen.toml may say of a source, one dataclass a kind."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from lastseen import addresses, targets
from lastseen.source import Problems, Source, either, one_host, unless_read


@dataclass(frozen=True, kw_only=True)
class Files(Source):
    """Logs on this machine that grow and rotate."""

    kind = "files"
    places = ("paths",)
    paths: tuple[str, ...] = ()
    """Globs; ``{host}`` in one names the host. What was rotated from such a file belongs to it."""
    since: timedelta = timedelta(days=1)
    """Files that were rotated away longer ago than this when the source was first pulled are left alone."""

    def problems(self) -> Problems:
        """Yield what is wrong with it beyond each key by itself."""
        yield from super().problems()
        if not self.paths:
            yield "paths", 'paths is missing: which files? paths = ["/var/log/fleet/*.log"]'


@dataclass(frozen=True, kw_only=True)
class Command(Source):
    """What a command of this machine prints."""

    kind = "command"
    command: tuple[str, ...] = ()
    """The program and its arguments, not a line for a shell.

    ``{since}`` and ``{until}`` stand for the window, as RFC 3339 in UTC; ``{since:%Y-%m-%d %H:%M:%S}`` is
    written as strftime would. ``{cursor}`` stands for the ``__CURSOR`` of the last line of JSON that the program
    printed; an argument that holds it is left out until there is one. Any exit status but 0 is a failure.
    """
    preset: str | None = None
    """A command that comes with lastseen: ``unified_log`` or ``journald``."""
    since: timedelta = timedelta(days=1)
    """How far back the first pull looks."""
    overlap: timedelta = timedelta(minutes=5)
    """How far each window reaches back into the one before; what comes twice is kept once.

    More than a clock of what is asked may be behind this machine's, and than its log is late.
    """

    @property
    def repeats(self) -> bool:
        """Say that it may: each window reaches back into the one before."""
        return True

    def problems(self) -> Problems:
        """Yield what is wrong with it beyond each key by itself."""
        yield from super().problems()
        yield from either(self.command, self.preset)


@dataclass(frozen=True, kw_only=True)
class Ssh(Source):
    """Commands and files of many hosts, over SSH."""

    kind = "ssh"
    places = ("hosts_file", "key_file", "known_hosts")
    hosts: tuple[str, ...] = ()
    """``name``, ``user@name`` or ``name:port``; a name of ``~/.ssh/config`` works too."""
    hosts_file: str | None = None
    """A file with one host a line, instead."""
    paths: tuple[str, ...] = ()
    """Files to read on from where the last pull ended; globs on the other side."""
    command: tuple[str, ...] = ()
    preset: str | None = None
    since: timedelta = timedelta(days=1)
    overlap: timedelta = timedelta(minutes=5)
    user: str | None = None
    port: int = 22
    key_file: str | None = None
    """A private key; left out, the agent's keys and the usual files are tried."""
    known_hosts: str | None = None
    """Whose keys are trusted; left out, ~/.ssh/known_hosts."""
    jump: str | None = None
    """A host to go through, ``user@name:port``."""
    at_once: int = 20
    """Hosts that are asked at the same time."""

    @property
    def repeats(self) -> bool:
        """Say whether it may: windows of a command overlap, of files each byte comes once."""
        return not self.paths

    def problems(self) -> Problems:
        """Yield what is wrong with it beyond each key by itself."""
        yield from super().problems()
        if bool(self.hosts) == bool(self.hosts_file):
            yield "hosts", 'say either hosts = ["mac-015", "mac-016"] or hosts_file = "hosts.txt"'
        if not self.paths:
            yield from either(self.command, self.preset)
        elif self.command or self.preset:
            yield "paths", "say either paths or a command; two sources may name the same hosts"
        if not 1 <= self.at_once <= 1000:  # noqa: PLR2004 - each takes a socket and some memory
            yield "at_once", "at_once must be from 1 to 1000"
        if not 1 <= self.port <= 65_535:  # noqa: PLR2004 - the last port there is
            yield "port", "port must be from 1 to 65535"
        for host in self.hosts:
            yield from unless_read("hosts", targets.target, host)
        if self.user is not None:
            yield from unless_read("user", targets.target, f"{self.user}@host")
        if self.jump is not None:
            yield from unless_read("jump", targets.chain, self.jump)
        if self.known_hosts is not None and self.known_hosts.lower() in (
            "any",
            "none",
            "/dev/null",
        ):
            yield (
                "known_hosts",
                "known_hosts must name a file: a host whose key nobody knows could be anyone",
            )


@dataclass(frozen=True, kw_only=True)
class Fleet(Source):
    """Fleet's REST API."""

    kind = "fleet"
    places = ("token_file", "ca_file")
    url: str = ""
    token_env: str | None = None
    """The environment variable that holds the token."""
    token_file: str | None = None
    """The file that holds the token."""
    ca_file: str | None = None
    """Certificates (PEM) to trust besides the usual ones: a private CA."""
    per_page: int = 100
    at_once: int = 1
    """Requests in flight."""
    details_every: timedelta = timedelta(hours=1)
    """How often each host's profiles are asked for; those of a suspect at each pull."""
    debug: bool = False
    """Also ask for Fleet's lock waits and errors (/debug), for which the token must be an admin's."""

    def problems(self) -> Problems:
        """Yield what is wrong with it beyond each key by itself."""
        yield from super().problems()
        if self.format is not None:
            yield "format", "format must be left out: each of Fleet's answers has its own"
        if wrong := addresses.wrong_with_api(self.url):
            yield "url", wrong
        if bool(self.token_env) == bool(self.token_file):
            yield (
                "token_env",
                'say either token_env = "FLEET_TOKEN" or token_file = "/etc/lastseen/token"',
            )
        if not 1 <= self.per_page <= 1000:  # noqa: PLR2004 - larger pages hit Fleet's database hard
            yield "per_page", "per_page must be from 1 to 1000"
        if not 1 <= self.at_once <= 32:  # noqa: PLR2004 - lastseen must not be the request storm it looks for
            yield "at_once", "at_once must be from 1 to 32"


@dataclass(frozen=True, kw_only=True)
class Bucket(Source):
    """Objects of a store that others write to: S3, Google, Azure, any path that fsspec knows."""

    kind = "bucket"
    url: str = ""
    """``s3://bucket/prefix/*.gz``; ``{host}`` in it names the host."""
    since: timedelta | None = None
    """Objects last changed longer ago than this are left alone; left out, all are read."""
    at_once: int = 4
    """Objects that are fetched at the same time."""
    options: Mapping[str, str | int | bool] = field(default_factory=dict)
    """Passed to the store's client as they are: ``endpoint_url``, ``anon``, ``profile``; no secrets."""

    def problems(self) -> Problems:
        """Yield what is wrong with it beyond each key by itself."""
        yield from super().problems()
        yield from one_host("url", self.url)
        if wrong := addresses.wrong_with_store(self.url):
            yield "url", wrong
        secret = re.compile(
            r"secret|password|token|(?<!_)key$|connection_string|sas", re.IGNORECASE
        )
        for key in self.options:
            if secret.search(key):
                yield (
                    "options",
                    f"options must not hold '{key}'; the store's client finds its own credentials",
                )
        if not 1 <= self.at_once <= 64:  # noqa: PLR2004 - each holds a part of an object
            yield "at_once", "at_once must be from 1 to 64"


@dataclass(frozen=True, kw_only=True)
class Inbox(Source):
    """A folder to which hosts upload exports and archives."""

    kind = "inbox"
    places = ("path",)
    path: str = ""
    """The folder; ``{host}`` in it names the host: ``inbox/{host}``."""
    settle: timedelta = timedelta(minutes=1)
    """A file changed more recently than this may still be on its way."""
    then: str = "keep"
    """What becomes of a file that was read: ``keep`` or ``delete``, with all of an archive that is no log."""
    max_files: int = 10_000
    """Files that one archive may hold."""
    max_megabytes: int = 4096
    """What one archive may unpack to."""

    @property
    def repeats(self) -> bool:
        """Say that it may: two exports may show the same time."""
        return True

    def problems(self) -> Problems:
        """Yield what is wrong with it beyond each key by itself."""
        yield from super().problems()
        yield from one_host("path", self.path)
        if not self.path:
            yield "path", 'path is missing: path = "inbox/{host}"'
        if self.then not in ("keep", "delete"):
            yield "then", 'then is "keep" or "delete"'
        if self.max_files < 1 or self.max_megabytes < 1:
            yield "max_files", "max_files and max_megabytes must be at least 1"


KINDS: Mapping[str, type[Source]] = {
    kind.kind: kind for kind in (Files, Command, Ssh, Fleet, Bucket, Inbox)
}
