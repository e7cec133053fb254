"""Runs a command on one host and keeps what it prints: all of a run that went well, nothing of another."""

import asyncio
from dataclasses import replace
from shlex import join

import asyncssh

from lastseen.pull.source import Errand
from lastseen.pull.spool import Draft, Spool
from lastseen.pull.ssh_connect import LostError, answered
from lastseen.pull.ssh_trust import RefusedError, said
from lastseen.pull.window import kept, last_cursor, next_window, note, wants_cursor, words
from lastseen.sources import Ssh
from lastseen.targets import Target

_PIECE = 1 << 18
_TOLD = 4096
"""Bytes of what it says on standard error that are looked at."""


async def run(
    source: Ssh,
    target: Target,
    spool: Spool,
    errand: Errand,
    connection: asyncssh.SSHClientConnection,
) -> None:
    """Run the source's command for the time since the last run on this host that went well.

    Raises:
        RefusedError: it failed or took too long; the next pull asks for the same time again.
        AbsentError: the connection broke; likewise.
        UserError: the disk is full.
    """
    window = next_window(source, spool, errand, target.text)
    line = join(words(source, window))
    seconds = source.timeout.total_seconds()
    name = f"ssh://{target.shown}#{source.name}"
    try:
        async with asyncio.timeout(seconds):
            with spool.draft() as draft:
                # Within the draft no OSError may pass that is not the disk's, so it is all turned into others there.
                await answered(_run(connection, line, draft), None)
                found = last_cursor(draft.file) if wants_cursor(source) else None
                done = replace(window, cursor=found or window.cursor)
                draft.keep([note(source, name, target.name)], errand.now, kept(done, target.text))
    except TimeoutError:
        raise RefusedError(
            f"the command did not end within {seconds:g} seconds; nothing of it was kept"
        ) from None


async def _run(connection: asyncssh.SSHClientConnection, line: str, draft: Draft) -> None:
    process = await connection.create_process(
        line, stdin=asyncssh.DEVNULL, encoding=None, request_pty=False
    )
    errors = asyncio.create_task(_first(process.stderr))
    try:
        while data := await process.stdout.read(_PIECE):
            draft.write(data)
        first = await errors
        await process.wait_closed()
    finally:
        errors.cancel()
        process.close()
    if process.exit_status is None:
        raise LostError("the connection broke")
    if process.exit_status or process.exit_signal:
        raise RefusedError(f"the command {_how(process)}{first}; nothing of it was kept")


async def _first(errors: asyncssh.SSHReader[bytes]) -> str:
    """Return the first line of what a command says of its failure, as the end of a sentence; read it all."""
    told = b""
    while data := await errors.read(_PIECE):
        told = (told + data)[:_TOLD]
    lines = told.decode(errors="replace").strip().splitlines()
    return f": {said(Exception(lines[0]))}" if lines else ""


def _how(process: asyncssh.SSHClientProcess[bytes]) -> str:
    if process.exit_signal:
        return f"was ended by SIG{said(Exception(process.exit_signal[0]))}"
    return f"ended with exit status {process.exit_status}"
