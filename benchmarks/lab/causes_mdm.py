"""Causes on the MDM side: not enrolled, turned off, deaf, putting off, refusing, never confirmed."""

from lab import central, fleet, mdm, own, server
from lab.scene import SLOW, Scene, variant
from lab.world import MINUTE, Delivery, Host, Profile, World

_MANAGED = ("mdmclient", "Error", "com.apple.ManagedClient", "MDMDaemon")


@variant("enrollment-pending", shows=("fleet_hosts",))
def never_set_up(scene: Scene) -> None:
    """Apple Business Manager gave the Mac to Fleet; it lies in its box."""
    for host in scene.hosts:
        host.seen = 0
        fleet.never_enrolled(host)


@variant("enrollment-pending", reach="some", shows=("fleet_hosts",))
def agent_but_no_mdm(scene: Scene) -> None:
    """Osquery reports, but the Mac never enrolled in MDM."""
    for host in scene.hosts:
        host.enrollment, host.mdm_seen, host.deliveries = "Pending", None, []


def _gone(scene: Scene) -> None:
    scene.fail("mdm", "gone")
    scene.fail("wake", "gone")


@variant("mdm-off", shows=("fleet_hosts",))
def profile_removed(scene: Scene) -> None:
    """The user removed the MDM profile."""

    def remove(world: World, host: Host) -> None:
        said = "Removed configuration profile: MDM Profile (com.fleetdm.fleet.mdm.apple) Source: Manual"
        own.unified(world, host, mdm.CLIENT, said, scene.cause)
        host.enrollment = "Off"
        server.activity(world, "mdm_unenrolled", _whose(host), "Fleet")

    scene.each(remove)
    _gone(scene)


def _whose(host: Host) -> dict[str, object]:
    return {"host_serial": host.serial, "host_display_name": host.name, "installed_from_dep": True}


@variant("mdm-off", reach="some", shows=("fleet_hosts",))
def another_server(scene: Scene) -> None:
    """The Macs enrolled with another MDM server and still run Fleet's agent."""

    def move(_world: World, host: Host) -> None:
        host.connected, host.server_url = False, "https://mdm.example.net/checkin"

    scene.each(move)
    _gone(scene)


@variant("mdm-off", shows=("fleet_hosts",))
def token_dead(scene: Scene) -> None:
    """Apple calls the Mac's push token dead, and Fleet turns MDM off for it."""

    def refuse(world: World, host: Host) -> None:
        err = (
            "sending push notifications: APNS delivery failed with the following errors:\n"
            f"UUID: {host.key}, Error: device token is inactive for the specified topic"
        )
        extra = {"err": "running job", "details": err, "jobID": "apns_pusher"}
        server.scheduled(world, "apple_mdm_apns_pusher", "", extra, scene.cause)
        host.enrollment = "Off"
        server.activity(world, "mdm_unenrolled", _whose(host), "Fleet")

    scene.each(refuse)
    _gone(scene)


@variant("mdm-channel", shows=("fleet_hosts",))
def key_not_migrated(scene: Scene) -> None:
    """Migration Assistant copied the MDM profile to another Mac, without its private key."""
    for host in scene.hosts:
        host.mdm_seen = scene.world.now - 3 * 24 * 3600
        for channel in ("mdm", "wake"):
            scene.world.trouble(channel, host, scene.cause, lambda *_: "no key")


@variant("mdm-channel", reach="some", shows=("fleet_commands",))
def client_cannot_connect(scene: Scene) -> None:
    """A network filter lets osquery through and drops what mdmclient sends."""

    def say(world: World, host: Host, what: str) -> None:
        own.unified(world, host, mdm.HTTP, f">>>>> Sending HTTP request (PUT) [{what}] >>>>>")
        said = (
            "[ERROR] [0:MDMDaemon:HTTPUtil:<0x1f2>] HTTP request failed: Error Domain=NSURLErrorDomain Code=-1001 "
            '"The request timed out." UserInfo={NSErrorFailingURLStringKey=https://fleet.example.com/mdm/apple/mdm}'
        )
        own.unified(world, host, ("mdmclient", "Error", *mdm.HTTP[2:]), said, scene.cause)

    scene.fail("mdm", "filtered", say)


@variant("mdm-channel", shows=("fleet_commands",))
def push_port_blocked(scene: Scene) -> None:
    """The way to Apple's push servers is blocked, so no push arrives."""

    def lost(world: World, host: Host) -> None:
        courier = ("apsd", "Error", "com.apple.apsd", "connection")
        own.unified(
            world, host, courier, "APS Connection status did change to connected: NO", scene.cause
        )
        said = "<private> Delivering connectionStatusChange from apsd: NO"
        own.unified(world, host, ("apsd", "Default", *courier[2:]), said, scene.cause)

    scene.fail("wake", "no push")
    scene.fail("mdm", "no push")
    scene.every(10 * MINUTE, lost)


def _put_off(scene: Scene, reason: str) -> None:
    def say(world: World, host: Host, what: str) -> None:
        said = f"Responding 'NotNow' to server request: {what} for: <Device> reason: {reason}"
        own.unified(world, host, mdm.CLIENT, said, scene.cause)

    scene.fail("answer", "NotNow", say)


@variant("not-now", shows=("fleet_commands",))
def dark_wake_answer(scene: Scene) -> None:
    """The Mac was in a dark wake when it was asked, and nobody asks again."""
    _put_off(scene, "Not supported during DarkWake")


@variant("not-now", reach="some", shows=("fleet_commands",))
def keeps_putting_off(scene: Scene) -> None:
    """Macs at the login window put off whatever they are asked, each time they connect."""
    _put_off(scene, "Device is locked")
    scene.every(12 * MINUTE, mdm.connect)


def _in_front(scene: Scene, kind: str) -> None:
    def queue(world: World, host: Host) -> None:
        server.command(world, host, kind)
        mdm.push(world, host)

    scene.each(queue)


@variant("queue-blocked", shows=("fleet_commands",))
def app_install_in_front(scene: Scene) -> None:
    """The Mac checks in, is handed an installation that it never answers, and gets nothing behind it."""
    scene.fail("answer", "silent", only={"InstallApplication", "InstallProfile"})
    _in_front(scene, "InstallApplication")


@variant("queue-blocked", reach="some")
def unknown_report(scene: Scene) -> None:
    """Macs report on a command of their former server, which Fleet cannot store; the queue stands still."""

    def say(world: World, host: Host, _: str) -> None:
        why = "Error 1452 (23000): Cannot add or update a child row: a foreign key constraint fails"
        err = f"storing command report: {why}"
        fields = {"component": "http-mdm-apple-mdm", "handler": "checkin-command", "id": host.key,
                  "type": "Device", "msg": "command report", "err": err}  # fmt: skip
        central.fleet(world, "error", fields, host, scene.cause)
        central.request(world, host, mdm.PUT, mdm.AGENT, 500)

    scene.fail("report", "not stored", say)
    _in_front(scene, "SecurityInfo")


def _refuse(scene: Scene, said: str, detail: str) -> None:
    def say(world: World, host: Host, what: str) -> None:
        own.unified(world, host, _MANAGED, said.format(kind=what), scene.cause)

    scene.fail("answer", "Error", say, only={"InstallProfile"})
    scene.fail("detail", detail)


@variant("command-failed", reach="some", shows=("fleet_profiles",))
def payload_invalid(scene: Scene) -> None:
    """A payload lacks what these Macs demand."""
    detail = (
        "ConfigProfilePluginDomain (-307): Some required information in the profile is missing."
    )
    chain = (
        "[ERROR] [506:MDMAgent:<0x19b>] [ErrorChain.0] ({kind}) [CPProfile:-102] The profile is either "
        "missing some required information or contains information in an invalid format.>"
    )
    _refuse(scene, chain, detail)


@variant("command-failed", shows=("fleet_profiles",))
def duplicate_identifier(scene: Scene) -> None:
    """A payload's identifier is taken already."""
    detail = "ConfigProfilePluginDomain (-107): The PayloadIdentifier is a duplicate."
    place = "[ERROR] [0:MDMDaemon:<0x77>] [ErrorChain.0] ({kind})"
    chain = f"{place} [ConfigProfilePluginDomain:-107] The PayloadIdentifier is a duplicate.>"
    _refuse(scene, chain, detail)


def _declaration(scene: Scene, name: str) -> Profile:
    """Roll a declaration out to those who are struck."""
    profile = Profile(name, scene.world.uuid().lower(), declaration=True)
    scene.world.at(scene.at + 4 * MINUTE, server.rollout, scene.world, profile, scene.hosts)
    return profile


@variant("declaration-stuck", age=SLOW, shows=("fleet_profiles",))
def no_status_report(scene: Scene) -> None:
    """The Mac acknowledges the command and fetches nothing."""
    scene.fail("declare", "silent")
    _declaration(scene, "Software update deadline")


@variant("declaration-stuck", reach="some", age=SLOW, shows=("fleet_profiles",))
def unknown_type(scene: Scene) -> None:
    """The Macs do not know the declaration's type; Fleet keeps it Verifying."""

    def say(world: World, host: Host, _: str) -> None:
        said = 'Unknown Declaration Type: "UnknownDeclarationType": "com.apple.configuration.audio-accessory.settings"'
        own.unified(
            world,
            host,
            ("remotemanagementd", "Error", "com.apple.remotemanagementd", "declarations"),
            said,
            scene.cause,
        )

    profile = _declaration(scene, "Audio accessories")
    scene.fail("declared", "unknown", say, only={profile.name})


@variant("declaration-stuck", age=SLOW, shows=("fleet_profiles",))
def removal_crossed(scene: Scene) -> None:
    """A declaration was added and taken back before the Mac had it; the removal stays pending."""
    profile = Profile("Background tasks", scene.world.uuid().lower(), declaration=True)

    def take_back(world: World, host: Host) -> None:
        host.deliveries.append(Delivery(profile, "pending", world.now, "remove"))

    scene.each(take_back, 120)


@variant("verification-stalled", age=SLOW, shows=("fleet_profiles",))
def profile_query_fails(scene: Scene) -> None:
    """The query by which osquery looks at profiles fails on this Mac; all others go well."""

    def say(world: World, host: Host, _: str) -> None:
        query = "fleet_detail_query_mdm_config_profiles_darwin_with_user"
        why = "error generating table: calling /usr/bin/profiles to get user-scope profile payloads: exit status 1"
        said = f"distributed.cpp:187] Error executing distributed query: {query}: {why}"
        own.osqueryd(world, host, "E", said, scene.cause)
        central.fleet(
            world,
            "debug",
            {"query": query, "message": why, "hostID": host.number},
            host,
            scene.cause,
        )

    scene.fail("verify", "query failed", say)


@variant("verification-stalled", reach="some", age=SLOW, shows=("fleet_profiles",))
def one_profile_never(scene: Scene) -> None:
    """One profile's payload is reported otherwise than Fleet expects; others are verified."""
    profile = Profile("Login window text", scene.world.uuid().lower())
    scene.fail("verify", "not as expected", only={profile.name})
    scene.world.at(scene.at + 2 * MINUTE, server.rollout, scene.world, profile, scene.hosts)
