"""Who is let in, on both sides: host keys, our own keys, and the way through a jump host."""

import getpass
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest
from ssh_server import Site, openssh, site

from lastseen.errors import UserError
from lastseen.project import Project
from lastseen.settings import load

ECHO = ("printf", "one\\ntwo\\n")


@pytest.fixture
def macs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with site(tmp_path, monkeypatch) as found:
        yield found


def encrypted_key(file: Path) -> None:
    words = ["-q", "-t", "ed25519", "-N", "hush", "-f", str(file)]
    subprocess.run([openssh("ssh-keygen"), *words], check=True)


def test_a_host_whose_key_nobody_knows_is_refused_and_it_is_said_how_to_add_it(macs: Site) -> None:
    stranger, friend = macs.server("stranger", trusted=False), macs.server("friend")
    outcome = macs.pull(hosts=(stranger.host, friend.host), command=ECHO)

    assert outcome.problems == [
        (
            f"{stranger.host}: its host key {stranger.key.get_fingerprint()} is not in known_hosts; compare that on "
            "the host itself (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), then add it: "
            f"ssh-keyscan -p {stranger.port} 127.0.0.1 >> ~/.ssh/known_hosts"
        )
    ]
    assert (stranger.commands, macs.text(), outcome.absent) == ([], "one\ntwo\n", [])


def test_a_host_whose_key_changed_is_refused_loudly(macs: Site) -> None:
    server = macs.server(trusted=False)
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    macs.trust(f"[127.0.0.1]:{server.port} {other}")
    (problem,) = macs.pull(hosts=(server.host,), command=ECHO).problems

    assert problem.startswith(
        f"{server.host}: ITS HOST KEY HAS CHANGED, it is now {server.key.get_fingerprint()}; "
    )
    assert problem.endswith(f"(ssh-keygen -R '[127.0.0.1]:{server.port}')")
    assert server.commands == []


def test_a_host_that_shows_another_kind_of_key_has_changed_too(macs: Site) -> None:
    server = macs.server(trusted=False)
    other = asyncssh.generate_private_key("ecdsa-sha2-nistp256").export_public_key().decode()
    macs.trust(f"[127.0.0.1]:{server.port} {other}")
    (problem,) = macs.pull(hosts=(server.host,), command=ECHO).problems

    assert "ITS HOST KEY HAS CHANGED: it shows none of the kind" in problem
    assert server.commands == []


def test_a_revoked_host_key_is_refused(macs: Site) -> None:
    server = macs.server()
    macs.trust(f"@revoked {server.known}")
    (problem,) = macs.pull(hosts=(server.host,), command=ECHO).problems

    assert "its host key is refused: Host key is revoked" in problem


@pytest.mark.parametrize(
    "line", ["UserKnownHostsFile none", "UserKnownHostsFile /dev/null", "StrictHostKeyChecking no"]
)
def test_no_setting_of_ssh_switches_the_check_off(macs: Site, line: str) -> None:
    server = macs.server(trusted=False)
    (macs.config / "config").write_text(f"Host *\n{line}\n")
    outcome = macs.pull(hosts=(server.host,), command=ECHO)

    assert (len(outcome.problems), server.commands) == (1, [])


def test_a_file_of_known_hosts_of_its_own_is_the_only_one(macs: Site) -> None:
    server = macs.server()
    own = macs.root / "known"
    own.write_text("")
    refused = macs.pull(hosts=(server.host,), command=ECHO, known_hosts=str(own))
    own.write_text(server.known)
    (macs.config / "known_hosts").unlink()
    trusted = macs.pull(hosts=(server.host,), command=ECHO, known_hosts=str(own))

    assert (len(refused.problems), trusted.problems, macs.text()) == (1, [], "one\ntwo\n")


def test_what_to_do_about_a_key_names_the_file_of_known_hosts_that_the_source_has(
    macs: Site,
) -> None:
    server = macs.server(trusted=False)
    own = macs.root / "known"
    own.write_text("")
    (stranger,) = macs.pull(hosts=(server.host,), command=ECHO, known_hosts=str(own)).problems
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    own.write_text(f"[127.0.0.1]:{server.port} {other}\n")
    (changed,) = macs.pull(hosts=(server.host,), command=ECHO, known_hosts=str(own)).problems

    assert stranger.endswith(f"ssh-keyscan -p {server.port} 127.0.0.1 >> {own}")
    assert changed.endswith(f"(ssh-keygen -R '[127.0.0.1]:{server.port}' -f {own})")


def test_a_file_of_known_hosts_that_is_not_there_fails_the_source(macs: Site) -> None:
    with pytest.raises(UserError, match=r"known_hosts .*/none: cannot be read: No such file"):
        macs.pull(hosts=("mac-015",), command=ECHO, known_hosts=str(macs.root / "none"))


def test_a_key_that_a_host_does_not_take_is_a_problem_of_that_host(macs: Site) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519")
    closed, open_ = macs.server("closed", client=other), macs.server("open")
    outcome = macs.pull(hosts=(f"admin@{closed.host}", open_.host), command=ECHO)

    assert outcome.problems == [
        (
            f"{closed.host}: does not let admin in with the agent's keys and the usual ones of ~/.ssh; add the public "
            "key to that user's authorized_keys (a key with a passphrase counts only while an agent holds it)"
        )
    ]
    assert (outcome.absent, macs.text()) == ([], "one\ntwo\n")


def test_a_key_file_is_used_instead_of_the_usual_ones(macs: Site) -> None:
    server = macs.server()
    (macs.config / "id_ed25519").rename(macs.root / "key")
    outcome = macs.pull(hosts=(server.host,), command=ECHO, key_file=str(macs.root / "key"))

    assert (outcome.problems, macs.text()) == ([], "one\ntwo\n")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("encrypted", "is protected by a passphrase, and nobody is there to type it; hold it in"),
        ("nonsense", "is no private key that can be used"),
        ("", "cannot be read: No such file or directory"),
    ],
)
def test_a_key_file_that_cannot_be_used_fails_the_source(
    macs: Site, written: str, said: str
) -> None:
    file = macs.root / "key"
    if written == "encrypted":
        encrypted_key(file)
    elif written:
        file.write_text(written)

    with pytest.raises(UserError) as refused:
        macs.pull(hosts=("mac-015",), command=ECHO, key_file=str(file))

    assert str(refused.value).startswith(f"sources.macs: key_file {file}: {said}")


def test_a_key_with_a_passphrase_is_used_while_an_agent_holds_it(
    macs: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = macs.root / "key"
    encrypted_key(file)
    server = macs.server(client=asyncssh.read_public_key(f"{file}.pub"))
    answer = macs.root / "answer"
    answer.write_text("#!/bin/sh\necho hush\n")
    answer.chmod(0o700)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(macs.root / "agent"))
    asked = {**os.environ, "SSH_ASKPASS": str(answer), "SSH_ASKPASS_REQUIRE": "force"}
    with subprocess.Popen(
        [openssh("ssh-agent"), "-D", "-a", macs.root / "agent"], stdout=subprocess.PIPE
    ) as agent:
        try:
            assert agent.stdout
            agent.stdout.readline()
            subprocess.run([openssh("ssh-add"), "-q", file], check=True, env=asked)
            outcome = macs.pull(hosts=(server.host,), command=ECHO, key_file=str(file))
        finally:
            agent.terminate()

    assert (outcome.problems, macs.text()) == ([], "one\ntwo\n")


def test_a_key_that_the_settings_of_ssh_name_and_is_not_there_is_passed_over(macs: Site) -> None:
    server = macs.server()
    (macs.config / "id_ed25519").rename(macs.config / "other")
    (macs.config / "config").write_text(
        "Host *\nIdentityFile ~/.ssh/none\nIdentityFile ~/.ssh/other\n"
    )
    outcome = macs.pull(hosts=(server.host,), command=ECHO)

    assert (outcome.problems, outcome.absent, macs.text()) == ([], [], "one\ntwo\n")


def test_settings_of_ssh_that_cannot_be_read_are_a_problem_of_each_host(macs: Site) -> None:
    (macs.config / "config").write_text("Host *\nPort many\n")
    outcome = macs.pull(hosts=("mac-015",), command=ECHO)

    assert (len(outcome.problems), outcome.absent) == (1, [])
    assert outcome.problems[0].startswith("mac-015: ~/.ssh/config cannot be used: ")


def test_the_user_and_port_of_the_hosts_are_not_those_of_the_jump_host(macs: Site) -> None:
    gate, server = macs.server("gate"), macs.server()
    (macs.config / "config").write_text(f"Host gate\nHostName 127.0.0.1\nPort {gate.port}\n")
    outcome = macs.pull(
        hosts=("127.0.0.1",), command=ECHO, jump="gate", port=server.port, user="logs"
    )

    assert (outcome.problems, macs.text()) == ([], "one\ntwo\n")
    assert (gate.users, server.users) == ([getpass.getuser()], ["logs"])


def test_hosts_behind_a_jump_host_share_the_way_to_it(macs: Site) -> None:
    gate, first, second = macs.server("gate"), macs.server("first"), macs.server("second")
    outcome = macs.pull(hosts=(first.host, second.host), command=ECHO, jump=gate.host)

    assert (outcome.problems, macs.text()) == ([], "one\ntwo\n" * 2)
    assert (gate.connections, gate.commands) == (1, [])


def test_a_jump_host_of_the_settings_of_ssh_is_gone_through(macs: Site) -> None:
    gate, server = macs.server("gate"), macs.server()
    (macs.config / "config").write_text(
        f"Host mac-*\nHostName 127.0.0.1\nPort {server.port}\nProxyJump {gate.host}\n"
    )
    outcome = macs.pull(hosts=("mac-015",), command=ECHO)

    assert (outcome.problems, gate.connections, macs.text()) == ([], 1, "one\ntwo\n")


def test_a_host_that_a_jump_host_does_not_reach_is_absent(macs: Site) -> None:
    gate = macs.server("gate")
    outcome = macs.pull(hosts=(macs.closed(),), command=ECHO, jump=gate.host)

    assert (outcome.absent, outcome.problems) == (["127.0.0.1"], [])


@pytest.mark.parametrize("setting", ["", "Host *\nUserKnownHostsFile none\n"])
def test_the_key_of_a_jump_host_is_checked_too(macs: Site, setting: str) -> None:
    gate, server = macs.server("gate", trusted=False), macs.server()
    (macs.config / "config").write_text(setting)

    with pytest.raises(UserError, match=r"the jump host .* is not in known_hosts"):
        macs.pull(hosts=(server.host,), command=ECHO, jump=gate.host)

    assert server.connections == 0


def test_a_jump_host_that_is_gone_fails_the_source(macs: Site) -> None:
    gone = macs.closed()

    with pytest.raises(UserError, match=f"sources.macs: the jump host {gone}: cannot be reached"):
        macs.pull(hosts=("mac-015",), command=ECHO, jump=gone)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('hosts = ["mac-015", "a/b"]', '4: hosts: "a/b" is no host; write'),
        ('hosts = ["mac-015"]\njump = "a b"', '5: jump: "a b" is no host; write'),
        ('hosts = ["mac-015"]\nuser = "x;y"', '5: user: "x;y@host" is no host; write'),
        ('hosts = ["mac-015"]\nport = 0', "5: port must be from 1 to 65535"),
    ],
)
def test_a_name_that_is_none_is_refused_with_its_line(
    project: Project, line: str, said: str
) -> None:
    project.config.write_text(f'[sources.macs]\nkind = "ssh"\ncommand = ["true"]\n{line}\n')

    with pytest.raises(UserError) as refused:
        load(project.config)

    assert str(refused.value).startswith(f"{project.config}:{said}")
