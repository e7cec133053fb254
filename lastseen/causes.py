"""The causes that ``lastseen why`` can answer with: fixed names, and what each of them can explain."""

from dataclasses import dataclass

HEARTBEAT = frozenset({"late", "silent", "asleep"})
"""States of a host that is not heard of."""
PROFILE = frozenset({"waiting", "pending", "verifying", "failed"})
"""States of a host that is heard of, but has not got what it should."""
ENROLLMENT = frozenset({"enrollment-pending", "mdm-off"})
"""States of a host that no profile can reach."""


@dataclass(frozen=True)
class Cause:
    """Why a host is as it is."""

    name: str
    short: str
    """What it is, for a sentence: "push certificate"."""
    explains: frozenset[str]
    """The states that it can bring about."""
    follows: tuple[str, ...] = ()
    """Causes that bring this one about: where one of them is accused too, this one is its consequence."""
    implies: str | None = None
    """A cause that this one brings with it: where that one is ruled out, so is this one."""
    lasting: bool = False
    """One occurrence holds a trouble up. What does not last is tried again, and heals unless it goes on."""


_DELIVERY = frozenset({"waiting", "pending", "failed"})
_ANY = HEARTBEAT | PROFILE
_ALL = (
    Cause("enrollment-pending", "enrollment", ENROLLMENT, lasting=True),
    Cause("mdm-off", "MDM turned off", ENROLLMENT | PROFILE, lasting=True),
    Cause("host-asleep", "sleep", _ANY, implies="host-offline"),
    Cause("host-offline", "host offline", _ANY, (
        "host-asleep", "network", "agent-crash-loop", "tls-trust", "clock-skew", "server-error",
        "request-storm", "lock-contention",
    )),
    Cause("network", "network", _ANY),
    Cause("agent-crash-loop", "agent crash loop", _ANY, (
        "clock-skew", "network", "lock-contention",
    )),
    Cause("osquery-stalled", "osquery stalled", PROFILE | {"late"}, (
        "agent-crash-loop", "lock-contention", "tls-trust", "request-storm", "server-error",
    )),
    Cause("mdm-channel", "MDM channel", _DELIVERY, (
        "push-certificate", "identity-certificate", "network", "tls-trust", "clock-skew", "mdm-off",
        "server-error",
    ), lasting=True),
    Cause("push-certificate", "push certificate", _DELIVERY),
    Cause("identity-certificate", "identity certificate", _DELIVERY, (
        "request-storm", "clock-skew",
    ), lasting=True),
    Cause("tls-trust", "TLS trust", _ANY, ("clock-skew",)),
    Cause("lock-contention", "lock contention", _ANY, ("request-storm",)),
    Cause("request-storm", "request storm", _ANY),
    Cause("not-now", "NotNow", _DELIVERY, lasting=True),
    Cause("queue-blocked", "queue blocked", _DELIVERY, (
        "not-now", "mdm-channel", "push-certificate",
    ), lasting=True),
    Cause("command-failed", "command failed", PROFILE, (
        "identity-certificate", "request-storm",
    ), lasting=True),
    Cause("declaration-stuck", "declaration stuck", PROFILE, (
        "mdm-channel", "push-certificate", "not-now",
    ), lasting=True),
    Cause("verification-stalled", "verification stalled", PROFILE, (
        "osquery-stalled", "lock-contention", "agent-crash-loop",
    ), lasting=True),
    Cause("server-error", "server error", _ANY | {"unknown"}, ("lock-contention", "request-storm")),
    Cause("clock-skew", "clock skew", _ANY),
    Cause("collection-gap", "collection gap", frozenset({"unknown"})),
)  # fmt: skip

CAUSES = {cause.name: cause for cause in _ALL}
"""Every cause by its name."""
