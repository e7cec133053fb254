"""The tables of the state file, version by version; what a file holds is kept when it is brought up to date."""

_FIRST = """
create table if not exists unit (
    source text not null, number integer not null, file text not null, name text not null,
    format text, emitter text, zone text, line integer not null, pulled_at integer not null,
    problem text, primary key (source, number)
) strict, without rowid;
create table if not exists seen (
    source text not null, origin text not null, at integer not null, primary key (source, origin)
) strict, without rowid;
create table if not exists memory (
    source text not null, key text not null, value text not null, primary key (source, key)
) strict, without rowid;
create table if not exists run (
    id integer primary key, kind text not null, name text not null, started integer not null,
    finished integer not null, problem text, detail text not null
) strict;
create index if not exists run_by_name on run (kind, name, finished);
"""
_INCIDENTS = """
create table if not exists incident (
    id integer primary key, rule text not null, cause text, labels text not null,
    severity text not null, title text not null, stage text not null, base text not null,
    since integer not null, until integer not null, seen integer not null, changed integer not null,
    summary text not null, inhibited_by integer references incident (id), doubt text, noticed integer
) strict;
create index if not exists incident_by_stage on incident (stage, changed);
create table if not exists incident_host (
    incident integer not null references incident (id), host text not null, fingerprint text not null,
    since integer not null, until integer not null, joined integer not null, left_at integer,
    severity text not null, summary text not null, primary key (incident, host)
) strict, without rowid;
create unique index if not exists one_live_incident on incident_host (fingerprint) where left_at is null;
create index if not exists incident_host_by_fingerprint on incident_host (fingerprint, incident);
create table if not exists transition (
    id integer primary key, incident integer not null references incident (id), at integer not null,
    was text, stage text not null, reason text not null, who text not null
) strict;
create index if not exists transition_by_incident on transition (incident, id);
create trigger if not exists transition_stays before update on transition
    begin select raise(abort, 'transitions are only added'); end;
create trigger if not exists transition_remains before delete on transition
    begin select raise(abort, 'transitions are only added'); end;
create table if not exists notice (
    key text primary key, incident integer not null references incident (id), kind text not null,
    at integer not null, summary text not null
) strict, without rowid;
create table if not exists mute (
    id integer primary key, made integer not null, who text not null, reason text not null,
    rule text, host text, cause text, since integer not null, until integer not null
) strict;
create table if not exists judged (at integer not null) strict;
"""
STEPS = (_FIRST, _INCIDENTS)
"""What brings a file from each version to the next; a new file takes all of them."""
VERSION = len(STEPS)
"""What of these tables a file holds; a later version of lastseen may have others."""


def script(version: int) -> str:
    """Return the statements that bring a file of a version up to date; two processes may run them at once."""
    steps = (
        f"begin immediate; {step} pragma user_version = {number}; commit;"
        for number, step in enumerate(STEPS, 1)
        if number > version
    )
    return "\n".join(steps)
