"""What hosts with a trouble have in common that the others have not: counted, and told only where it is no chance."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from math import comb
from typing import Any

import pyarrow as pa

from lastseen.views import Views
from lastseen.wording import listed

CHANCE = 0.01
"""What is likelier than this to be chance, after the correction, is not told."""
FEWEST = 3
"""Hosts with the trouble that must share it."""
_UNION = 3
"""Values that together may be what they share: macOS 14 and 15."""
_SHOWN = 3
CORRECTION = "Fisher's exact test, one-sided, Bonferroni"
_COUNTED = """
with
    known as (
        select
            h.host,
            h.platform,
            h.os_version as "OS version",
            regexp_extract(h.os_version, '^\\D*\\d+') as "OS",
            h.team,
            n.network,
            h.orbit_version as "agent version",
            h.hardware_model as model
        from hosts as h
        left join networks as n on n.address = h.primary_ip
    ),
    traits as (
        unpivot known
        on platform, "OS version", "OS", team, network, "agent version", model
        into name trait value value
    )
select
    trait,
    value,
    count(*) filter (host in (select host from stricken)) as stricken,
    count(*) filter (host not in (select host from stricken)) as others
from traits
where value <> ''
group by all
order by all
"""


@dataclass(frozen=True)
class Contrast:
    """One thing that sets hosts apart."""

    trait: str
    """What was compared: platform, OS, team, …"""
    values: Sequence[str]
    """What those hosts have, one of them each."""
    stricken: int
    """Hosts with the trouble that have it."""
    having: int
    """All hosts that have it."""
    rest_stricken: int
    """Hosts with the trouble that have it not."""
    rest: int
    """All hosts that have it not."""
    p: float
    """How likely it is chance, after the correction."""
    comparisons: int
    """How many were possible: what the correction counts."""

    @property
    def odds_ratio(self) -> float | None:
        """How much higher the odds of the trouble are with it; None where that has no bound."""
        against = (self.having - self.stricken) * self.rest_stricken
        return self.stricken * (self.rest - self.rest_stricken) / against if against else None

    def __str__(self) -> str:
        """Return it as a sentence."""
        return (
            f"{self.trait}: {spoken(self.values)}: {self.stricken} of {self.having} have the trouble; "
            f"of the others {self.rest_stricken} of {self.rest} (p = {self.p:.1g}, {CORRECTION} over "
            f"{self.comparisons:,} comparisons)"
        )


def contrast(views: Views, hosts: Collection[str]) -> list[Contrast]:
    """Return what sets hosts apart from the others in the inventory, the surest first.

    Args:
        views: The database, its window set: it says which hosts there are.
        hosts: Those with the trouble.
    """
    if len(hosts) < FEWEST:
        return []
    addresses = [row["primary_ip"] for row in views.rows("select distinct primary_ip from hosts")]
    views.con.register("stricken", pa.table({"host": pa.array(sorted(hosts), pa.string())}))
    views.con.register("networks", _networks(addresses))
    counts: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in views.rows(_COUNTED):
        counts[row["trait"]].append(row)
    comparisons = sum(comb(len(rows), n) for rows in counts.values() for n in range(1, _UNION + 1))
    found = [
        best
        for name, rows in counts.items()
        if (best := _best(name, rows, comparisons)) is not None
    ]
    return list(_distinct(sorted(found, key=lambda one: (one.p, len(one.values)))))[:_SHOWN]


def _best(trait: str, rows: Sequence[Mapping[str, Any]], comparisons: int) -> Contrast | None:
    """Return the values of a trait, few together, that set the stricken apart; None where none do."""
    stricken, others = (sum(row[side] for row in rows) for side in ("stricken", "others"))

    def together(chosen: Sequence[Mapping[str, Any]]) -> Contrast:
        hit, missed = (sum(row[side] for row in chosen) for side in ("stricken", "others"))
        chance = _fisher(hit, missed, stricken - hit, others - missed)
        return Contrast(
            trait, sorted(row["value"] for row in chosen), hit, hit + missed, stricken - hit,
            stricken + others - hit - missed, min(1.0, chance * comparisons), comparisons,
        )  # fmt: skip

    suspects = [row for row in rows if row["stricken"]]
    suspects.sort(
        key=lambda row: (together([row]).p, -row["stricken"] / (row["stricken"] + row["others"]))
    )
    tried = [together(suspects[:size]) for size in range(1, min(_UNION, len(suspects)) + 1)]
    told = [one for one in tried if one.stricken >= FEWEST and one.p < CHANCE]
    return min(told, key=lambda one: one.p, default=None)


def _fisher(a: int, b: int, c: int, d: int) -> float:
    """Return how likely it is by chance that so many of the stricken, or more, are in the first row."""
    from scipy.stats import fisher_exact  # noqa: PLC0415 - most incidents are of hosts too few to compare

    return float(fisher_exact([[a, b], [c, d]], alternative="greater").pvalue)


def _distinct(found: Sequence[Contrast]) -> Iterator[Contrast]:
    """Yield what says something of its own: a platform says no more than the OS with the same hosts."""
    seen: set[tuple[int, int]] = set()
    for one in found:
        if (one.stricken, one.having) not in seen:
            yield one
        seen.add((one.stricken, one.having))


def _networks(addresses: Sequence[str | None]) -> Any:
    """Return the network of each address: /24 of the old protocol, /64 of the new one."""
    pairs = [(text, found) for text in addresses if text and (found := _network(text))]
    columns = {"address": [text for text, _ in pairs], "network": [found for _, found in pairs]}
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def _network(text: str) -> str | None:
    """Return the network of an address; None where it is none.

    >>> _network("192.0.2.17"), _network("2001:db8::1:2"), _network("?")
    ('192.0.2.0/24', '2001:db8::/64', None)
    """
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return str(ip_network((address, 24 if address.version == 4 else 64), strict=False))  # noqa: PLR2004


def spoken(values: Sequence[str]) -> str:
    """Say several values; what they begin with is said once.

    >>> spoken(["macOS 14", "macOS 15"]), spoken(["192.0.2.0/24"]), spoken(["IT", "Sales"])
    ('macOS 14 and 15', '192.0.2.0/24', 'IT and Sales')
    """
    first = {value.split(" ")[0] for value in values}
    if len(values) > 1 and len(first) == 1 and all(" " in value for value in values):
        return listed([values[0], *(value.partition(" ")[2] for value in values[1:])])
    return listed(list(values))
