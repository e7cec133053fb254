"""How Fleet's API may be reached: the token, and whose certificates are trusted."""

import os
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from lastseen.errors import UserError
from lastseen.sources import Fleet

_LONGEST = 8192
"""Characters; a token has about a hundred, and what is longer is another file."""


def base(source: Fleet) -> str:
    """Return the address that every request begins with, without a slash at its end."""
    parts = urlsplit(source.url)
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def place(source: Fleet) -> str:
    """Return where the token is configured, in words; never the token."""
    if source.token_file:
        return f"token_file {Path(source.token_file).expanduser()}"
    return f"the environment variable {source.token_env}"


def token(source: Fleet) -> str:
    """Return the token; a header can be made of it as it is.

    Raises:
        UserError: there is none, or what is there cannot be one.
    """
    where = place(source)
    text = (
        _from_file(source.token_file, where) if source.token_file else _from_variable(source, where)
    )
    found = text.strip()
    if not found:
        raise UserError(f"{where} is empty; put the token of an API-only user there")
    if len(found.splitlines()) > 1:
        raise UserError(f"{where} has several lines; it must hold the token and nothing else")
    if len(found) > _LONGEST or not all("!" <= letter <= "~" for letter in found):
        raise UserError(f"{where} holds what no token has: a space, a control character or more")
    return found


def _from_file(name: str, where: str) -> str:
    try:
        with Path(name).expanduser().open("rb") as file:
            return file.read(_LONGEST + 3).decode("latin-1")
    except OSError as error:
        raise UserError(
            f"{where} cannot be read: {error.strerror}; lastseen runs as a user who must be able to"
        ) from None


def _from_variable(source: Fleet, where: str) -> str:
    text = os.environ.get(source.token_env or "")
    if text is None:
        raise UserError(f"{where} is not set; set it to the token of an API-only user")
    return text


def trust(source: Fleet) -> ssl.SSLContext:
    """Return what certificates are trusted: the usual ones, this machine's, and those of ``ca_file``.

    Raises:
        UserError: ``ca_file`` cannot be read or holds no certificate.
    """
    context = httpx.create_ssl_context()
    context.load_default_certs()
    if source.ca_file:
        file = Path(source.ca_file).expanduser()
        try:
            context.load_verify_locations(cafile=file)
        except (ssl.SSLError, OSError) as error:
            why = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
            raise UserError(f"ca_file {file}: {why}; it must hold certificates as PEM") from None
    return context
