"""Fetches what is new from sources into the spool, one module a kind of source."""

from importlib import import_module

from lastseen.pull.source import Errand, Outcome
from lastseen.pull.spool import Spool
from lastseen.source import Source


def fetch(source: Source, spool: Spool, errand: Errand) -> Outcome:
    """Pull a source by the module of its kind, which is imported only now: each has a library of its own.

    Raises:
        UserError: the source failed as a whole.
    """
    outcome: Outcome = import_module(f"lastseen.pull.{source.kind}").pull(source, spool, errand)
    return outcome
