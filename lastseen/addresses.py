"""What is wrong with the address of a source: no secret may stand in it, and a token goes over TLS alone."""

import re
from urllib.parse import urlsplit

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_SECRET_IN_URL = re.compile(
    r"//[^/]*:[^/]*@|[?&][\w.-]*(?:sig|signature|token|secret|key|password|credential)=",
    re.IGNORECASE,
)
"""A name with a password, or a signed address; a ? alone is a glob."""


def wrong_with_api(url: str) -> str | None:
    """Say what is wrong with the URL of an API that wants a token; None where nothing is."""
    try:
        parts = urlsplit(url)
        whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        whole = False
    if not url:
        return 'url is missing: url = "https://fleet.example.com"'
    if not whole:
        return 'url is not whole; it is like "https://fleet.example.com"'
    if parts.username or parts.password or parts.query or parts.fragment:
        return "url must not hold a name, a password or a token; the token goes into token_env or token_file"
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        return "url must begin with https://, for the token goes there; http:// is for this machine only"
    return None


def wrong_with_store(url: str) -> str | None:
    """Say what is wrong with the URL of a store of objects; None where nothing is."""
    if not re.match(r"[a-z][a-z0-9+.-]*:///?[^/]", url):
        return 'url is missing or has no scheme: url = "s3://bucket/prefix/"'
    if _SECRET_IN_URL.search(url):
        return "url must not hold a secret; the store's client finds its own credentials"
    return None
