"""An object store, whatever its kind: opened by its URL, asked with patience, and its errors in one sentence."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from random import SystemRandom
from typing import Any, TypeVar

from fsspec import asyn
from fsspec.core import url_to_fs

from lastseen.errors import UserError
from lastseen.hostpath import shown
from lastseen.pull.source import Errand, pauses
from lastseen.sources import Bucket

T = TypeVar("T")
_EXTRAS = {
    "s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs", "az": "az", "abfs": "az", "abfss": "az", "adl": "az",
}  # fmt: skip
"""What to install for a scheme."""
_SECRET = re.compile(
    r"""(?ix) (?<=://) [^/@\s]+ @                                    # name and password of a URL
    | \? [^\s"']+                                                    # what follows its path: signatures
    | \b (?:AKIA|ASIA) [A-Z0-9]{12,}                                 # the names of keys
    | [\w-]* (?:secret|signature|credential|token|password|key) [\w-]* ["']? \s* [=:] \s* ["']? [^\s"',;&]+
    | [A-Za-z0-9+/=_-]{40,}                                          # keys and tokens themselves"""
)


class StoreError(UserError):
    """What a store answered, in a sentence."""

    def __init__(self, message: str, *, missing: bool = False) -> None:
        super().__init__(message)
        self.missing = missing
        """There is nothing of that name."""


@dataclass(frozen=True)
class Store:
    """An open store."""

    source: Bucket
    files: Any
    """fsspec's file system. Its types say nothing."""
    path: str
    """What the URL names, as the file system writes paths: a folder, an object or a glob."""
    scheme: str
    """What makes a URL of a path again."""

    @property
    def at_once(self) -> int:
        """How many objects may be fetched at the same time: one where the client is not made for several."""
        return self.source.at_once if self.files.async_impl else 1

    def url(self, path: str) -> str:
        """Return an object's whole URL, as rows may hold it."""
        return shown(self.scheme + path.removeprefix("/"))

    def ask(self, errand: Errand, what: str, *given: Any, seconds: float = 0, **named: Any) -> Any:
        """Call a method of the file system, again after a pause where that may help.

        Args:
            errand: Until when.
            what: The method's name.
            given: Its arguments.
            seconds: How long one attempt may take; left out, ``timeout``.
            named: Its arguments by name.

        Raises:
            StoreError: it failed, each time.
        """
        return _patiently(
            self.source, errand, lambda: self._call(errand, seconds, what, *given, **named)
        )

    def read(self, errand: Errand, path: str, start: int, end: int) -> bytes:
        """Return a piece of an object.

        Raises:
            StoreError: it did not come whole, each time it was asked for.
        """

        def act() -> bytes:
            data: bytes = self._call(errand, 0, "cat_file", path, start=start, end=end)
            if len(data) != end - start:
                raise ConnectionError("cut off")
            return data

        return _patiently(self.source, errand, act)

    def _call(self, errand: Errand, seconds: float, what: str, *given: Any, **named: Any) -> Any:
        limit = max(0.1, min(seconds or self.source.timeout.total_seconds(), errand.left))
        if self.files.async_impl:
            method = getattr(self.files, f"_{what}")
            return asyn.sync(self.files.loop, method, *given, timeout=limit, **named)
        return getattr(self.files, what)(*given, **named)


def open_store(source: Bucket) -> Store:
    """Open the store of a source; nothing is asked of it yet.

    Raises:
        UserError: its client is not installed, or refuses the options.
    """
    scheme = source.url.partition("://")[0]
    try:
        # A client that another pull left behind may hold a listing of then.
        files, path = url_to_fs(source.url, skip_instance_cache=True, **source.options)
    except ImportError:
        extra = _EXTRAS.get(scheme)
        how = (
            f"pip install 'lastseen[{extra}]'" if extra else f"install fsspec's client for {scheme}"
        )
        raise UserError(
            f"{source.url}: the client for {scheme}:// is not installed; {how}"
        ) from None
    except Exception as error:  # noqa: BLE001 - each store's client has errors of its own
        raise UserError(f"{source.url}: {_answer(error)[0]}") from None
    path = str(path)
    whole = source.url.rstrip("/")
    bare = path.strip("/")
    known = whole.endswith(bare)
    return Store(source, files, path, whole.removesuffix(bare) if known else f"{scheme}://")


def _patiently(source: Bucket, errand: Errand, act: Callable[[], T]) -> T:
    waits: Iterator[float | None] = chain(pauses(source, SystemRandom()), [None])
    for pause in waits:
        try:
            return act()
        except Exception as error:  # noqa: BLE001 - each store's client has errors of its own
            why, again = _answer(error)
            if pause is None or not again or errand.over or errand.left <= pause:
                raise StoreError(why, missing=why == _NOTHING) from None
            time.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


_NOTHING = "there is nothing of that name"
_ANSWERS: tuple[tuple[set[str], str, bool], ...] = (
    ({"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "DefaultCredentialsError",
      "ProfileNotFound", "TokenRetrievalError", "UnauthorizedSSOTokenError", "SSOTokenLoadError"},
     "no credentials were found; set them in the environment or the client's own files", False),
    ({"NoSuchBucket"}, "there is no such bucket", False),
    ({"PermissionError", "ClientAuthenticationError", "Forbidden"},
     "access denied; may its credentials list and read there?", False),
    ({"FileNotFoundError", "NotADirectoryError", "ResourceNotFoundError"}, _NOTHING, False),
    ({"FSTimeoutError", "TimeoutError", "EndpointConnectionError", "ConnectionError", "ConnectTimeoutError",
      "ReadTimeoutError", "ClientConnectionError", "HTTPClientError", "ServiceRequestError", "gaierror"},
     "the store cannot be reached, or does not answer in time", True),
)  # fmt: skip
"""How exceptions are called, by any client; what that means; whether another attempt may help."""


def _answer(error: BaseException) -> tuple[str, bool]:
    """Return what an exception means, and whether another attempt may help; no secret is in it."""
    names: set[str] = set()
    cause: BaseException | None = error
    while cause is not None:
        names |= {kind.__name__ for kind in type(cause).__mro__}
        cause = cause.__cause__
    for known, means, again in _ANSWERS:
        if known & names:
            return means, again
    return f"the store's client says: {scrubbed(str(error)) or type(error).__name__}", True


def scrubbed(text: str) -> str:
    """Return a client's message without what could be a secret, and not too long.

    >>> scrubbed("no https://ada:pw@example.com/a?X-Amz-Signature=1 for AKIAIOSFODNN7EXAMPLE")
    'no https://…example.com/a… for …'
    """
    return shown(_SECRET.sub("…", " ".join(text.split())))[:200]
