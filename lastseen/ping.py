"""Tells a dead man's switch that the night was good: whoever listens there notices when it stays silent."""

import os
import time
from urllib.parse import urlsplit

import httpx

from lastseen.errors import UserError
from lastseen.settings import Schedule

_TIMEOUT = 10.0
"""Seconds for each step of a request."""
_PAUSES = (0.0, 1.0, 3.0)
"""Seconds before each attempt."""


def address(schedule: Schedule) -> str | None:
    """Return the URL to ask for; None where there is to be no ping. It is a secret: whoever has it can ping.

    Raises:
        UserError: the environment variable that should hold it does not.
    """
    if schedule.ping_env is None:
        return schedule.ping
    url = os.environ.get(schedule.ping_env, "").strip()
    if not url.startswith(("https://", "http://")):
        raise UserError(
            f"ping_env: the environment variable {schedule.ping_env} "
            f"{'holds no URL' if url else 'is not set'}; put the URL there, https://…"
        )
    return url


def host(url: str) -> str:
    """Return the part of a URL that may be shown."""
    return urlsplit(url).hostname or "?"


def ping(url: str, pauses: tuple[float, ...] = _PAUSES) -> str | None:
    """Ask for a URL until it answers well; return why it did not, without the URL.

    Args:
        url: What to ask for.
        pauses: Seconds before each attempt.
    """
    why = None
    for pause in pauses:
        time.sleep(pause)
        why = _attempt(url)
        if why is None:
            return None
    return why


def _attempt(url: str) -> str | None:
    try:
        with httpx.stream("GET", url, timeout=_TIMEOUT) as answer:
            return None if answer.is_success else f"it answered {answer.status_code}"
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # The text of these errors may hold the URL; their names do not.
        return f"it could not be reached ({type(error).__name__})"
