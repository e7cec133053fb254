"""Causes that have to do with certificates and clocks."""

from lab import central, mdm, noise, own, server
from lab.central import moment
from lab.scene import Scene, variant
from lab.world import HOUR, MINUTE, NOW, Host, World

_TRUST = ("trustd", "Error", "com.apple.securityd", "SecError")


def _push_fails(scene: Scene, why: str) -> None:
    """Let each push fail at Apple, and the pusher tell of it once a run."""
    refused: list[Host] = []

    def say(_world: World, host: Host, _: str) -> None:
        if host not in refused:
            refused.append(host)

    def told(world: World, _host: Host, _: str) -> None:
        if not refused:
            return
        token = f"{world.dice.getrandbits(256):064x}"
        said = why.replace("TOKEN", token)
        lines = "\n".join(f"UUID: {host.key}, Error: {said}" for host in refused)
        details = (
            f"sending push notifications: APNS delivery failed with the following errors:\n{lines}"
        )
        extra = {"err": "running job", "details": details, "jobID": "apns_pusher"}
        server.scheduled(world, "apple_mdm_apns_pusher", "", extra, scene.cause)
        central.keep_error(world, why.rpartition("\\: ")[2], "sending push notification")
        refused.clear()

    scene.fail("push", "refused", say)
    scene.fail("pushed", "told", told)


_EXPIRED = (
    'Post "https://api.push.apple.com/3/device/TOKEN": remote error: tls: expired certificate'
)


@variant("push-certificate", reach="server", shows=("fleet_apns",))
def expired(scene: Scene) -> None:
    """Nobody renewed the push certificate in time."""
    scene.world.push.ends = scene.at
    _push_fails(scene, _EXPIRED)


def _renewed(world: World, name: str) -> None:
    world.push.ends = NOW + 365 * 24 * HOUR
    world.push.serial = world.dice.getrandbits(60)
    world.push.name = name


@variant("push-certificate", reach="server")
def stale_after_renewal(scene: Scene) -> None:
    """The certificate was renewed in time, but Fleet pushes with the old one until it is restarted."""
    world = scene.world
    world.push.ends = scene.at
    world.at(scene.at - 90 * MINUTE, _renewed, world, world.push.name)
    _push_fails(scene, _EXPIRED)


@variant("push-certificate", reach="server", shows=("fleet_apns",))
def wrong_topic(scene: Scene) -> None:
    """The certificate was renewed under another Apple account, so its topic is not that of the Macs."""
    world = scene.world
    world.at(scene.at, _renewed, world, f"APSP:{world.uuid().lower()}")
    reason = (
        f"push HTTP status: 400: APNs push error: DeviceTokenNotForTopic: timestamp {int(scene.at)}"
    )
    _push_fails(scene, reason)


def _unauthorized(scene: Scene, server_says: str | None = None) -> None:
    def say(world: World, host: Host, what: str) -> None:
        own.unified(world, host, mdm.HTTP, f">>>>> Sending HTTP request (PUT) [{what}] >>>>>")
        central.request(world, host, mdm.PUT, mdm.AGENT, 401, scene.cause)
        said = f"<<<<< Received HTTP response (401) [{what}] <<<<<"
        own.unified(world, host, mdm.HTTP, said, scene.cause)
        if server_says:
            fields = {
                "component": "scep",
                "err": server_says.format(host=host.key),
                "host_uuid": host.key,
            }
            central.fleet(world, "error", fields, host, scene.cause)

    scene.fail("mdm", "401", say)


@variant("identity-certificate", shows=("osquery_results",))
def identity_expired(scene: Scene) -> None:
    """The Mac's identity ran out; osquery's inventory of certificates tells so."""

    def inventory(world: World, host: Host) -> None:
        rows = [{"common_name": "FleetDM Identity", "not_valid_after": str(int(scene.at))}]
        own.results(world, host, "identity_certificate", rows, scene.cause)

    _unauthorized(scene)
    scene.every(50 * MINUTE, inventory)


@variant("identity-certificate", reach="some")
def renewal_refused(scene: Scene) -> None:
    """The SCEP server does not renew the Macs' identities."""

    def renew(world: World, host: Host) -> None:
        scep = ("mdmclient", "Default", "com.apple.ManagedClient", "Cert_PI")
        url = "https://fleet.example.com/mdm/apple/scep"
        own.unified(
            world,
            host,
            scep,
            f"[0:Cert_PI:SCEP:<0x8b46>] Processing MDM_SCEP_Enroll for server: {url}",
        )
        failed = "[ERROR] <: [MDM_SCEP_Enroll] Calling SCEPRequestCertSignature --> <NSOSStatusErrorDomain:-603>"
        own.unified(world, host, ("mdmclient", "Error", *scep[2:]), failed, scene.cause)
        said = f"[ERROR] MDM-SCEP (15002): Unable to obtain certificate from SCEP server at {url}"
        own.unified(world, host, ("mdmclient", "Error", *scep[2:]), said, scene.cause)

    _unauthorized(scene, "profile status (null) is not 'pending' for host:{host}")
    scene.every(15 * MINUTE, renew)


@variant("identity-certificate", shows=("fleet_profiles",))
def challenge_gone(scene: Scene) -> None:
    """Fleet's SCEP proxy does not find the challenge of the Mac's certificate profile."""

    def say(world: World, host: Host, _: str) -> None:
        said = "custom scep proxy: failed to handle fleet challenge"
        err = f"{said}: custom scep proxy: validating challenge: challenge not found: sql: no rows in result set"
        fields = {"msg": said, "component": "scep-proxy-service", "host_uuid": host.key,
                  "profile_uuid": f"a{world.uuid().lower()}", "err": err}  # fmt: skip
        central.fleet(world, "error", fields, host, scene.cause)

    scene.fail("answer", "Error", say, only={"InstallProfile"})
    url = "https://fleet.example.com/mdm/scep/proxy"
    scene.fail(
        "detail", f"MDM-SCEP (15002): Unable to obtain certificate from SCEP server at {url}"
    )


def _distrust(scene: Scene, x509: str, alert: str, *, clock: bool = False) -> None:
    """Let each connection of the agent fail for its certificate; both ends say so.

    That the clock is to blame only the line shows that tells the time: an alert may come from any distrust.
    """
    proof = scene.cause
    shake = None if clock else proof

    def say(world: World, host: Host, what: str) -> None:
        if what == "orbit":
            shown = moment(world.now + host.drift_s)
            why = "tls: failed to verify certificate: x509: " + x509.replace(
                "CURRENT", f"{shown:%Y-%m-%dT%H:%M:%SZ}"
            )
            own.orbit(world, host, noise.orbit_failed(why), proof)
        elif world.chance(0.1):
            url = "https://fleet.example.com/api/osquery/enroll"
            said = f"Failed enrollment request to {url} (Request error: certificate verify failed) retrying..."
            own.osqueryd(world, host, "W", f"tls_enroll.cpp:101] {said}", shake)
        central.handshake(world, host, host.address, alert, shake)

    scene.fail("contact", "distrusted", say)
    scene.fail("mdm", "distrusted")


@variant("tls-trust", reach="some")
def unknown_authority(scene: Scene) -> None:
    """Fleet's certificate comes from an authority that older agents do not know."""
    _distrust(
        scene,
        "certificate signed by unknown authority",
        "remote error: tls: unknown certificate authority",
    )


@variant("tls-trust", reach="server")
def server_expired(scene: Scene) -> None:
    """Nobody renewed the certificate of Fleet's own name."""
    ended = f"{moment(scene.at):%Y-%m-%dT%H:%M:%SZ}"
    _distrust(
        scene,
        f"certificate has expired or is not yet valid: current time CURRENT is after {ended}",
        "remote error: tls: expired certificate",
    )


@variant("tls-trust")
def inspecting_proxy(scene: Scene) -> None:
    """A proxy opens TLS, with a certificate that the Mac does not trust."""

    def evaluated(world: World, host: Host) -> None:
        own.unified(
            world, host, _TRUST, "Trust evaluate failure: [leaf AnchorTrusted]", scene.cause
        )
        network = ("mdmclient", "Error", "com.apple.CFNetwork", "Default")
        said = (
            "Task <2C0>.<4> finished with error [-1202] Error Domain=NSURLErrorDomain Code=-1202 "
            '"The certificate for this server is invalid." UserInfo={_kCFStreamErrorCodeKey=-9813}'
        )
        own.unified(world, host, network, said, scene.cause)

    _distrust(
        scene, "certificate signed by unknown authority", "remote error: tls: bad certificate"
    )
    scene.every(10 * MINUTE, evaluated)


@variant("tls-trust")
def bundle_missing(scene: Scene) -> None:
    """The file with the authority's certificate is gone from the host."""

    def said(world: World, host: Host) -> None:
        path = "/opt/orbit/certs.pem"
        text = f"tls.cpp:101] Cannot read TLS server certificate(s): {path}"
        own.osqueryd(world, host, "W", text, scene.cause)

    _distrust(
        scene, "certificate signed by unknown authority", "remote error: tls: bad certificate"
    )
    scene.every(5 * MINUTE, said)


def _clock(scene: Scene, step: float, x509: str) -> None:
    def jump(world: World, host: Host) -> None:
        host.drift_s = step
        applied = f"cmd,apply,src,settimeofday,adjust,{step:.9f},success,"
        own.unified(
            world, host, ("timed", "Default", "com.apple.timed", "text"), applied, scene.cause
        )
        own.clock_moved(world, host, scene.cause)

    for host in scene.hosts:
        scene.world.at(scene.at - 1, jump, scene.world, host)
    _distrust(scene, x509, "remote error: tls: bad certificate", clock=True)


@variant("clock-skew", reach="some")
def behind(scene: Scene) -> None:
    """The clock fell three hours back, to before Fleet's certificate was renewed."""
    began = f"{moment(scene.at - HOUR):%Y-%m-%dT%H:%M:%SZ}"
    x509 = f"certificate has expired or is not yet valid: current time CURRENT is before {began}"
    _clock(scene, -5 * HOUR, x509)


@variant("clock-skew")
def ahead(scene: Scene) -> None:
    """The clock is a month ahead, after the end of Fleet's certificate."""
    ended = f"{moment(scene.at + 20 * 24 * HOUR):%Y-%m-%dT%H:%M:%SZ}"
    x509 = f"certificate has expired or is not yet valid: current time CURRENT is after {ended}"
    _clock(scene, 31 * 24 * HOUR, x509)


@variant("clock-skew")
def reset(scene: Scene) -> None:
    """The clock lost its time and began again years ago."""
    began = f"{moment(scene.at - 30 * 24 * HOUR):%Y-%m-%dT%H:%M:%SZ}"
    x509 = f"certificate has expired or is not yet valid: current time CURRENT is before {began}"
    _clock(scene, moment(scene.at).replace(year=2019).timestamp() - scene.at, x509)
