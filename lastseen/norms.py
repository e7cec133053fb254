"""What is normal for a host and for the server, unless lastseen.toml says otherwise."""

from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True)
class Policy:
    """What is normal; a `[policy]` in lastseen.toml changes any of it.

    The numbers and their reasons: Fleet's own intervals (osquery checks in every 10 s, details every
    hour with 10 % jitter, profiles are pushed at once and again each minute). Those of the server and
    its database hold for all: only `[policy]` itself sets them.
    """

    heartbeat_period: timedelta | str = timedelta(seconds=10)
    """How often a host checks in; `"learned"`: as its own past says."""
    heartbeat_grace: timedelta = timedelta(minutes=5)
    """How much later than its period a check-in may come before it counts as missed."""
    heartbeat_calendar: str = ""
    """Instead of a period, the moments at which it checks in: a cron line or an OnCalendar."""
    heartbeat_hours: str = "always"
    """The hours of the week in which it is expected; outside them its silence is not judged."""
    heartbeat_zone: str = "UTC"
    """The zone of a calendar, hours or a day that name none."""
    heartbeat_paused: bool | date = False
    """Whether it is put away, or until which day; its silence is not judged."""
    pending_after: timedelta = timedelta(minutes=15)
    """How long a profile of an online host may be pending."""
    verifying_after: timedelta = timedelta(hours=2, minutes=6)
    """How long a delivered profile may be unverified: details each hour, 10 % jitter, an hour's grace."""
    mdm_after: timedelta = timedelta(hours=48)
    """How long a host that is online may go without an MDM check-in."""
    queue_after: timedelta = timedelta(minutes=30)
    """How long the oldest MDM command of a host that fetches commands may wait: twice what one alone may."""
    pushed_for: timedelta = timedelta(days=7)
    """How old a command gets before Fleet pushes it no more, so that it waits until the host asks by itself."""
    declaration_after: timedelta = timedelta(hours=1)
    """How long a declaration may be unverified: the Mac reports it by itself, within minutes."""
    enrollment_after: timedelta = timedelta(hours=24)
    """How long a host that reports already may be called not enrolled: Fleet asks Apple all the time."""
    collection_after: timedelta = timedelta(hours=1)
    """How long a log may bring nothing new before the collection itself is in doubt."""
    details_after: timedelta = timedelta(hours=2)
    """How long a host that stays online may keep old details, labels or policies: osquery refreshes them each hour."""
    refetch_after: timedelta = timedelta(minutes=10)
    """How long a host that stays online may leave a refetch unanswered: Fleet's own page gives up after 140 seconds."""
    enrolled_after: timedelta = timedelta(minutes=15)
    """How long an enrolled host may take until its first details are there."""
    crash_within: timedelta = timedelta(minutes=10)
    """Three starts of an agent within this are a crash loop; an update is one."""
    watchdog_within: timedelta = timedelta(hours=1)
    """Three workers of osqueryd stopped within this are no accident: their queries are never answered."""
    network_after: timedelta = timedelta(minutes=5)
    """How long an agent may fail to reach Fleet: a laptop that wakes does for some seconds."""
    reads_after: timedelta = timedelta(minutes=10)
    """How long a host that sends may go without asking for queries, which it does every 10 seconds."""
    clock_after: timedelta = timedelta(minutes=5)
    """How wrong a clock may be: as much as Kerberos bears."""
    certificate_notice: timedelta = timedelta(days=30)
    """How long before its end a certificate is worth a word: Fleet renews a Mac's identity well before."""
    certificate_urgent: timedelta = timedelta(days=7)
    """How long before its end it is urgent: a week holds a weekend, and a push certificate needs people."""
    burst_gap: timedelta = timedelta(minutes=15)
    """How far apart two errors may lie and still be one trouble: what is tried again is, within minutes."""
    outage_after: timedelta = timedelta(minutes=2)
    """How long Fleet may answer with errors before it is an outage: a restart for an upgrade takes half a minute."""
    slow_after: timedelta = timedelta(seconds=10)
    """How long an answer of Fleet may take: most take less than a third of a second."""
    storm_within: timedelta = timedelta(minutes=5)
    """How soon trouble must follow many requests to be theirs: MySQL gives up a wait after 50 seconds."""
    storm_requests: int = 10
    """How many requests in one minute can be a storm at all; fewer are what one person clicks."""
    storm_times: int = 10
    """How many times the usual requests of a minute make a storm."""
    error_percent: int = 5
    """How many of a hundred requests may fail before it is Fleet that fails, and not those requests."""
    error_count: int = 10
    """How many errors of the server there must be at least: a few in a hundred of a few are chance."""
