"""The host that a name means: any of its aliases, in any case."""

from difflib import get_close_matches

from lastseen import database
from lastseen.errors import UserError
from lastseen.views import Views


def resolve(views: Views, name: str) -> str:
    """Return the host that is called so.

    Raises:
        UserError: nobody knows the name; it says which one is near.
    """
    exact = views.rows(
        "select host from aliases where alias = lower(" + database.literal(name) + ") "
        "union select host from contacts where lower(host) = lower(" + database.literal(name) + ")"
    )
    hosts = sorted({row["host"] for row in exact})
    if len(hosts) == 1:
        return str(hosts[0])
    if hosts:
        raise UserError(f'"{name}" may be {" or ".join(hosts)}; name one of them')
    names = [
        row["alias"] for row in views.rows("select distinct alias from aliases order by alias")
    ]
    near = get_close_matches(name.lower(), names, n=1)
    hint = f'; did you mean "{near[0]}"?' if near else "; `lastseen sql 'from hosts'` lists them"
    raise UserError(f'no host is called "{name}"{hint}')
