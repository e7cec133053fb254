"""Pulls Fleet's API: which hosts there are and how they stand, and what explains a host that waits."""

from lastseen.pull import fleet_feeds, fleet_hosts
from lastseen.pull.fleet_api import Api, Over
from lastseen.pull.fleet_visit import Visit
from lastseen.pull.source import Errand, Outcome
from lastseen.pull.spool import Spool
from lastseen.sources import Fleet


def pull(source: Fleet, spool: Spool, errand: Errand) -> Outcome:
    """Fetch snapshots into the spool; every answer is a line with its own ``pulled_at``.

    First the list of hosts, then what is one request each, then hosts' details for the rest of the time: who
    was asked longest ago comes first, so a pull that is cut short does not leave the same ones out again.

    Raises:
        UserError: nothing can be fetched: nobody is there, or the token or the certificate is refused.
    """
    outcome = Outcome()
    with Api(source, errand) as api:
        visit = Visit(source, spool, errand, api, outcome)
        try:
            listed = fleet_hosts.list_hosts(visit)
            fleet_feeds.pull(visit)
            if listed.hosts:
                fleet_hosts.filter_hosts(visit, listed)
            if listed.hosts or listed.whole:
                fleet_hosts.details(visit, listed)
        except Over as over:
            if str(over):
                outcome.problems.append(str(over))
    return outcome
