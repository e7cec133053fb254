"""Fetches what is new from sources into the spool, one module a kind of source."""
