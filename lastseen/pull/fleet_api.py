"""Asks Fleet's API, one request at a time: what to do about refusals, errors, slowness and nonsense."""

import json
import random
import re
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from lastseen.errors import UserError
from lastseen.pull import fleet_access
from lastseen.pull.source import Errand, pauses
from lastseen.sources import Fleet

LARGEST = 16 * 1024 * 1024
"""Bytes of one answer; a page of a thousand hosts has a fifth of that."""
_SHORTEST_SECRET = 16
"""Letters; a shorter token could be part of any word."""


class Unanswered(Exception):  # noqa: N818 - no error by itself: the caller knows whether it matters
    """A request that brought nothing to use; its text is the sentence to tell."""

    def __init__(self, sentence: str, status: int | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        """The HTTP status, where the server said no."""

    @property
    def refused(self) -> bool:
        """Whether asking again would bring the same: the right is missing, or the server has no such thing."""
        return self.status is not None and self.status < 500  # noqa: PLR2004


class Over(Exception):  # noqa: N818 - the end of a pull is no error
    """There is no time for this request; the text says why, and is empty if the pull was told to stop."""


class _Again(Exception):  # noqa: N818 - becomes an error when the attempts are used up
    """An attempt that failed in a way that may pass."""

    def __init__(self, sentence: str, wait: float | None = None, *, nobody: bool = False) -> None:
        super().__init__(sentence)
        self.wait = wait
        """Seconds that the server asks for."""
        self.nobody = nobody
        """Nobody is there at all."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    at: datetime
    """When it was asked for, UTC."""
    request: str
    body: Any
    """JSON, parsed."""


class Api:
    """A connection to one Fleet server, for the time of one pull."""

    def __init__(self, source: Fleet, errand: Errand) -> None:
        """Get ready; nothing is asked yet.

        Raises:
            UserError: the token or ``ca_file`` is not as it must be.
        """
        self.base = fleet_access.base(source)
        self._source = source
        self._errand = errand
        self._began = time.monotonic()
        self._token = fleet_access.token(source)
        self._chance = random.Random()  # noqa: S311 - spreads attempts, guards nothing
        secure = self.base.startswith("https:")
        self._client = httpx.Client(
            headers={
                "Authorization": f"Bearer {self._token}",
                "Accept": "application/json",
                "User-Agent": "lastseen",
            },
            verify=fleet_access.trust(source) if secure else True,
            trust_env=secure,  # a proxy on the way to this machine itself would read the token
            follow_redirects=False,
            limits=httpx.Limits(max_connections=source.at_once),
        )

    @property
    def elapsed(self) -> float:
        """Seconds since the pull began."""
        return time.monotonic() - self._began

    def clock(self) -> datetime:
        """Return what time it is: the errand's, and what passed since."""
        return self._errand.now + timedelta(seconds=self.elapsed)

    def get(self, request: str) -> Answer:
        """Ask, again after a pause where that may help, and return the answer.

        Raises:
            Unanswered: it brought nothing to use, though others may.
            Over: the time is up, or would be before the server wants to be asked again.
            UserError: no request can succeed: nobody is there, or the token or the certificate is refused.
        """
        waits = pauses(self._source, self._chance)
        while True:
            self._check_time()
            asked = self.clock()
            try:
                return Answer(asked, request, self._parse(request, self._fetch(request)))
            except _Again as failed:
                self._rest(failed, next(waits, None))

    def line(self, answer: Answer, body: Any = None, remark: str = "") -> bytes:
        """Return an answer as the spool has it: one line of JSON, its time first.

        Args:
            answer: What came back.
            body: What of it is kept; None for all.
            remark: Stands behind the request as a fragment, which no server is ever sent.

        Raises:
            Unanswered: it holds numbers or a depth that JSON cannot have.
        """
        at = answer.at.isoformat(timespec="microseconds").replace("+00:00", "Z")
        snapshot = {
            "pulled_at": at,
            "source": self._source.name,
            "request": answer.request + (remark and f"#{remark}"),
            "body": answer.body if body is None else body,
        }
        try:
            text = json.dumps(snapshot, ensure_ascii=False, allow_nan=False)
        except (ValueError, RecursionError):
            raise self.unusable(answer.request, "JSON that cannot be kept") from None
        if len(self._token) >= _SHORTEST_SECRET:
            text = text.replace(self._token, "[token]")
        return text.encode(errors="replace") + b"\n"

    def unusable(self, request: str, what: str) -> Unanswered:
        """Return what to say of an answer that is none."""
        return Unanswered(
            f"{self.base}: answered {request} with {what}; is url the address of Fleet?"
        )

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _check_time(self) -> None:
        if self._errand.stopped():
            raise Over
        if self._errand.left <= 0:
            minutes = self._source.deadline.total_seconds() / 60
            raise Over(
                f"{self.base}: the pull was cut short by its deadline of {minutes:g} minutes; what came is kept, "
                "and the next pull goes on with what was asked longest ago"
            )

    def _rest(self, failed: _Again, pause: float | None) -> None:
        """Wait until the next attempt, or say why there is none."""
        if pause is None:
            if failed.nobody:
                raise UserError(str(failed)) from None
            raise Unanswered(str(failed)) from None
        wait = pause if failed.wait is None else failed.wait
        if wait >= self._errand.left:
            raise Over(
                f"{failed}; the next attempt would be in {wait:.0f} seconds, after this pull's deadline"
            ) from None
        end = time.monotonic() + wait
        while (rest := end - time.monotonic()) > 0:
            if self._errand.stopped():
                raise Over
            time.sleep(min(rest, 0.2))

    def _fetch(self, request: str) -> bytes:
        """Return the bytes of an answer that says that all went well."""
        limit = max(0.001, min(self._source.timeout.total_seconds(), self._errand.left))
        ends = time.monotonic() + limit
        try:
            with self._client.stream("GET", self.base + request, timeout=limit) as response:
                self._judge(request, response)
                return b"".join(self._parts(request, response, ends))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            raise self._unreached(error) from None
        except httpx.TimeoutException:
            raise self._slow(request) from None
        except httpx.InvalidURL:  # httpx looks at where a redirect leads though it does not follow
            raise self._elsewhere("another address") from None
        except (httpx.RequestError, httpx.StreamError) as error:
            kind = "cut off" if isinstance(error, httpx.RemoteProtocolError) else "broken"
            raise _Again(f"{self.base}: the answer to {request} was {kind}") from None

    def _parts(self, request: str, response: httpx.Response, ends: float) -> Iterator[bytes]:
        size = 0
        for part in response.iter_bytes():
            size += len(part)
            if size > LARGEST:
                raise self.unusable(request, f"more than {LARGEST // 1024**2} MB")
            if time.monotonic() > ends:
                raise self._slow(request)
            yield part

    def _slow(self, request: str) -> _Again:
        self._check_time()
        limit = self._source.timeout.total_seconds()
        return _Again(f"{self.base}: did not answer {request} within {limit:g} seconds")

    def _judge(self, request: str, response: httpx.Response) -> None:
        """Raise what a status means, unless it means that all went well."""
        status = response.status_code
        if 200 <= status < 300:  # noqa: PLR2004 - as HTTP numbers them
            return
        if 300 <= status < 400:  # noqa: PLR2004
            raise self._elsewhere(self._origin(response))
        if status == 401:  # noqa: PLR2004
            raise UserError(
                f"{self.base}: refused the token (401) that comes from {fleet_access.place(self._source)}; "
                f"put a valid one there"
            )
        if status in (408, 429) or status >= 500:  # noqa: PLR2004
            raise _Again(
                f"{self.base}: answered {request} with {status}", self._retry_after(response)
            )
        what = {
            402: "needs Fleet Premium for",
            403: "the token's role may not ask for",
            404: "has no",
        }.get(status, "does not take the request")
        raise Unanswered(f"{self.base}: {what} {request.partition('?')[0]} ({status})", status)

    def _retry_after(self, response: httpx.Response) -> float | None:
        """Return the seconds that a server wants to be left alone, given as such or as a date."""
        text = response.headers.get("Retry-After", "").strip()
        if re.fullmatch(r"\d{1,9}", text):
            return float(text)
        try:
            until = parsedate_to_datetime(text)
            # Its own clock tells how far off that is, whatever ours says.
            date = response.headers.get("Date")
            now = parsedate_to_datetime(date) if date else self.clock()
            return max(0.0, (until - now).total_seconds())
        except (ValueError, TypeError):
            return None

    def _unreached(self, error: httpx.HTTPError) -> Exception:
        """Return what to say where no connection came about: a certificate will not mend itself."""
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLError):
                why = getattr(cause, "verify_message", "") or cause.reason or "no TLS"
                return UserError(
                    f"{self.base}: its certificate is not trusted ({why}); if it is a private CA's, say "
                    f'ca_file = "ca.pem" in [sources.{self._source.name}]'
                )
            cause = cause.__cause__ or cause.__context__
        why = "no connection in time" if isinstance(error, httpx.TimeoutException) else str(error)
        return _Again(
            f"{self.base}: cannot be reached: {why}; is url right, and does Fleet run?", nobody=True
        )

    def _parse(self, request: str, data: bytes) -> Any:
        try:
            return json.loads(data.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            raise self.unusable(request, "something that is no JSON") from None

    def _elsewhere(self, where: str) -> UserError:
        return UserError(
            f"{self.base}: wants to redirect to {where}, where the token must not go; "
            f"put the right url into [sources.{self._source.name}]"
        )

    def _origin(self, response: httpx.Response) -> str:
        """Return where a redirect points to, as far as that is safe to print."""
        try:
            parts = urlsplit(response.headers.get("Location", ""))
            where = f"{parts.scheme}://{parts.hostname}:{parts.port}".removesuffix(":None")
        except ValueError:
            return "another address"
        sound = re.fullmatch(r"https?://[\w.:-]{1,253}", where, re.ASCII)
        return where if sound and self._token.lower() not in where else "another address"
