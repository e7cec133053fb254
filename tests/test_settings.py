"""lastseen.toml, spans and moments, and the examples that stand in docstrings."""

import doctest
import importlib
import pkgutil
import re
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import lastseen
from lastseen import norms, settings
from lastseen.errors import UserError
from lastseen.period import Cron
from lastseen.sources import KINDS
from lastseen.template import TEMPLATE

MODULES = [module.name for module in pkgutil.walk_packages(lastseen.__path__, "lastseen.")]


@pytest.mark.parametrize("name", [name for name in MODULES if not name.endswith("__main__")])
def test_the_examples_of_a_module_are_true(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def load(tmp_path: Path, text: str) -> settings.Settings:
    path = tmp_path / "lastseen.toml"
    path.write_text(text, encoding="utf-8")
    return settings.load(path)


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(UserError) as error:
        load(tmp_path, text)
    return str(error.value).replace(f"{tmp_path}/", "").splitlines()


def test_a_project_without_settings_has_the_defaults(tmp_path: Path) -> None:
    assert settings.load(tmp_path / "none.toml") == settings.Settings()


def test_the_template_sets_nothing_but_the_defaults(tmp_path: Path) -> None:
    assert load(tmp_path, TEMPLATE) == settings.Settings()


def test_the_template_is_right_with_each_line_uncommented(tmp_path: Path) -> None:
    """What begins with # and no space is a setting."""
    read = load(tmp_path, re.sub(r"(?m)^#(?=\S)", "", TEMPLATE))

    assert {source.kind for source in read.sources.values()} == set(KINDS)
    assert read.keep == timedelta(days=90)
    assert read.policy.keys() == {f.name for f in fields(norms.Policy)} - {"heartbeat_calendar"}
    assert read.platforms == {
        "windows": {
            "heartbeat_period": timedelta(seconds=10), "heartbeat_grace": timedelta(minutes=30),
        },
        "ubuntu": {
            "heartbeat_calendar": "*-*-* 02:00 Europe/Berlin", "heartbeat_grace": timedelta(hours=1),
        },
    }  # fmt: skip
    assert read.hosts == {"mac-015": {"pending_after": timedelta(minutes=45)}}
    assert read.reports == {"nightly": settings.Report(at="06:00", zone="Europe/Berlin")}
    assert read.schedule == settings.Schedule(ping_env="LASTSEEN_PING")


def test_no_setting_of_the_template_hides_behind_a_space() -> None:
    hidden = re.findall(r"(?m)^# (?:\[|[\w-]+ = ).*", TEMPLATE)

    assert hidden == []


def test_the_templates_policy_is_what_holds_without_it(tmp_path: Path) -> None:
    read = load(tmp_path, re.sub(r"(?m)^#(?=\S)", "", TEMPLATE))

    assert dict(read.policy) | {"heartbeat_calendar": ""} == vars(norms.Policy())
    assert read.schedule.tidy == settings.Schedule().tidy


def test_nearer_policies_are_kept_apart(tmp_path: Path) -> None:
    read = load(
        tmp_path,
        '[policy]\npending_after = "1 hour"\nheartbeat = { period = "10 s", grace = "5 min" }\n'
        '[policy.windows]\npending_after = "2 hours"\n'
        '[policy.host."mac-015"]\npending_after = "45 minutes"\n',
    )

    assert read.policy["pending_after"] == timedelta(hours=1)
    assert read.policy["heartbeat_grace"] == timedelta(minutes=5)
    assert read.platforms == {"windows": {"pending_after": timedelta(hours=2)}}
    assert read.hosts == {"mac-015": {"pending_after": timedelta(minutes=45)}}


def test_all_that_is_wrong_is_said_at_once_each_with_its_line(tmp_path: Path) -> None:
    text = '[lake]\npth = "x"\nkeep = "soon"\n\n[polcy]\nx = 1\n[policy]\npending_aftr = "1 hour"\n'

    assert problems(tmp_path, text) == [
        "lastseen.toml:2: unknown key of [lake] 'pth'; did you mean 'path'?",
        'lastseen.toml:3: "soon" is no span of time; write "30 seconds", "5 minutes" or "1h 30m"',
        "lastseen.toml:5: unknown section 'polcy'; did you mean 'policy'?",
        "lastseen.toml:8: unknown policy 'pending_aftr'; did you mean 'pending_after'?",
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("lake = 3\n", "lastseen.toml:1: [lake] must be a section"),
        ("[policy]\nhost = 3\n", "lastseen.toml:2: [policy.host] must be a section"),
        ('[policy.host]\nmac-015 = "1 hour"\n', 'lastseen.toml:2: [policy.host."mac-015"] must be a section'),
        ("[lake]\npath = 3\n", "lastseen.toml:2: path must be text"),
        ("[policy.windows]\npending_after = { a = 1 }\n",
         "lastseen.toml:2: unknown policy 'pending_after_a'; did you mean 'pending_after'?"),
        ('[policy]\npending_after = "0 s"\n',
         'lastseen.toml:2: "0 s" is no time at all; a span must be longer than zero'),
        ('[policy]\npending_after = "9999999999 weeks"\n',
         'lastseen.toml:2: "9999999999 weeks" is longer than any log; write a shorter span'),
        ("[policy]\npending_after = 15\n",
         'lastseen.toml:2: "15" is no span of time; write "30 seconds", "5 minutes" or "1h 30m"'),
        ("[policy]\nstorm_requests = 0\n", "lastseen.toml:2: storm_requests must be 1 at least"),
        ('[policy]\nerror_percent = "5 %"\n',
         "lastseen.toml:2: error_percent must be a whole number"),
        ("[lake\n", "lastseen.toml:1: Expected ']' at the end of a table declaration"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_its_line(text: str, says: str, tmp_path: Path) -> None:
    assert problems(tmp_path, text) == [says]


def test_files_of_a_source_are_relative_to_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "a [b]"
    root.mkdir()
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.chdir("/")

    sources: Any = load(
        root,
        '[sources.a]\nkind = "files"\npaths = ["logs/*.log", "/var/log/{host}/*", "~/x.log"]\n'
        '[sources.b]\nkind = "inbox"\npath = "inbox/{host}"\n'
        '[sources.c]\nkind = "fleet"\nurl = "https://fleet.example.com"\ntoken_file = "~/token"\n'
        '[sources.d]\nkind = "ssh"\nhosts_file = "hosts.txt"\npaths = ["logs/*.log"]\n',
    ).sources

    assert sources["a"].paths == (
        f"{tmp_path}/a [[]b]/logs/*.log",
        "/var/log/{host}/*",
        "/home/ada/x.log",
    )
    assert sources["b"].path == f"{root}/inbox/{{host}}"
    assert (sources["c"].token_file, sources["c"].ca_file) == ("/home/ada/token", None)
    assert sources["d"].hosts_file == f"{root}/hosts.txt"
    assert sources["d"].paths == ("logs/*.log",)


def test_a_home_that_is_nobodys_is_a_problem_of_its_line(tmp_path: Path) -> None:
    text = '[sources.b]\nkind = "inbox"\npath = "~nobody-of-this-name/inbox"\n'

    assert problems(tmp_path, text) == [
        "lastseen.toml:3: path: there is no such user, so ~ has no folder"
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('kind = "bucket"\nurl = "s3://"\n',
         'lastseen.toml:3: url is missing or has no scheme: url = "s3://bucket/prefix/"'),
        ('kind = "bucket"\nurl = "s3://b/{host}/{host}"\n', "lastseen.toml:3: url may hold {host} once"),
        ('kind = "inbox"\npath = "{host}/{host}"\n', "lastseen.toml:3: path may hold {host} once"),
    ],
)  # fmt: skip
def test_a_place_that_cannot_be_meant_is_a_problem(text: str, says: str, tmp_path: Path) -> None:
    assert problems(tmp_path, f"[sources.a]\n{text}") == [says]


FILES = '[sources.a]\nkind = "files"\npaths = ["/x.log"]\n'
FLEET = '[sources.a]\nkind = "fleet"\ntoken_env = "T"\nurl = '
BUCKET = '[sources.a]\nkind = "bucket"\nurl = '


def test_all_that_is_wrong_with_sources_is_said_at_once(tmp_path: Path) -> None:
    text = """\
[sources.fleet]
kind = "fleet"
url = "http://fleet.example.com"
token_env = "T"
token_file = "t"
evry = "5 minutes"
timeout = "0 s"
retries = -1
[sources.macs]
kind = "shh"
[sources.uploads]
kind = "inbox"
path = ""
zone = "Mars/Olympus"
[schedule]
at_once = 0
"""

    assert problems(tmp_path, text) == [
        "lastseen.toml:3: url must begin with https://, for the token goes there; http:// is for this machine only",
        'lastseen.toml:4: say either token_env = "FLEET_TOKEN" or token_file = "/etc/lastseen/token"',
        "lastseen.toml:6: unknown key of [sources.fleet] 'evry'; did you mean 'every'?",
        'lastseen.toml:7: "0 s" is no time at all; a span must be longer than zero',
        "lastseen.toml:8: retries must be from 0 to 100",
        "lastseen.toml:10: there is no kind 'shh'; did you mean 'ssh'?",
        'lastseen.toml:13: path is missing: path = "inbox/{host}"',
        'lastseen.toml:14: there is no zone "Mars/Olympus"; write one like Europe/Berlin',
        "lastseen.toml:16: at_once must be from 1 to 64",
    ]


NO_SPAN = 'is no span of time; write "30 seconds", "5 minutes" or "1h 30m"'
NO_NAME = (
    "a source's name is letters, digits, '.', - and _, the first a letter or digit, 64 at most;"
)
ALL_KINDS = "known are files, command, ssh, fleet, bucket, inbox"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (FILES.replace('"files"', '"file"'), "2: there is no kind 'file'; did you mean 'files'?"),
        (FILES.replace('"files"', '["x"]'), f"2: there is no kind '['x']'; {ALL_KINDS}"),
        ("[sources.a]\n", f"1: kind is missing; {ALL_KINDS}"),
        ("[sources]\na = 3\n", "2: [sources.a] must be a section"),
        (FILES + 'every = "-5 minutes"\n', f'4: "-5 minutes" {NO_SPAN}'),
        (FILES + "every = 3\n", f'4: "3" {NO_SPAN}'),
        (FILES + 'every = "5 s"\n', "4: every must be at least 10 seconds"),
        (FILES + 'every = "61 * * * *"\n',
         '4: "61 * * * *": "61" is no minute; it goes from 0 to 59, as in "*/5", "1-5" or "0,30"'),
        (FILES + 'every = "0 6 * *"\n',
         '4: "0 6 * *" is no cron line; it has five fields and may end in a zone: "0 6 * * 1-5 Europe/Berlin"'),
        (FILES + 'every = "0 6 30 2 *"\n', '4: every never comes: no month has the days of "0 6 30 2 *"'),
        (FILES + 'every = "0 6 * * 1 Europe/Belrin"\n',
         '4: there is no zone "Europe/Belrin"; write one like Europe/Berlin'),
        (FILES.replace('["/x.log"]', "[]"), '3: paths is missing: which files? paths = ["/var/log/fleet/*.log"]'),
        (FILES.replace('"/x.log"', '""'), "3: paths must not hold an empty text; leave it out"),
        (FILES + 'host = ""\n', "4: host must not hold an empty text; leave it out"),
        (FILES + FILES, "4: Cannot declare ('sources', 'a') twice"),
        (FILES + FILES.replace("sources.a", "sources.A"), "4: 'A' and 'a' would share a folder of the spool"),
        (FILES.replace("sources.a", 'sources."a/b"'), f"1: {NO_NAME} 'a/b' is not"),
        (FILES.replace("sources.a", 'sources.".."'), f"1: {NO_NAME} '..' is not"),
        (FLEET + '""\n', '4: url is missing: url = "https://fleet.example.com"'),
        (FLEET + '"fleet.example.com"\n', '4: url is not whole; it is like "https://fleet.example.com"'),
        (FLEET + '"https://[::1"\n', '4: url is not whole; it is like "https://fleet.example.com"'),
        (FLEET + '"https://fleet.example.com:99999"\n',
         '4: url is not whole; it is like "https://fleet.example.com"'),
        (FLEET + '"https://x:hush@fleet.example.com"\n',
         "4: url must not hold a name, a password or a token; the token goes into token_env or token_file"),
        (FLEET + '"https://fleet.example.com/?token=hush"\n',
         "4: url must not hold a name, a password or a token; the token goes into token_env or token_file"),
        (BUCKET + '"s3://key:hush@logs/x"\n',
         "3: url must not hold a secret; the store's client finds its own credentials"),
        (BUCKET + '"az://logs/x?sv=1&sig=hush"\n',
         "3: url must not hold a secret; the store's client finds its own credentials"),
        (BUCKET + '"s3://logs/x"\noptions = { secret = "hush" }\n',
         "4: options must not hold 'secret'; the store's client finds its own credentials"),
        ('[sources.a]\nkind = "command"\npreset = "unifiedlog"\n',
         "3: there is no preset 'unifiedlog'; known are unified_log, journald"),
        ('[sources.a]\nkind = "ssh"\nhosts = ["x"]\npreset = "journald"\nknown_hosts = "none"\n',
         "5: known_hosts must name a file: a host whose key nobody knows could be anyone"),
        ('[reports.nightly]\nat = "06:00"\nevery = "1 day"\n', "3: say either at or every"),
        ('[reports.nightly]\nat = "25:00"\n', '2: at is a time of day, "06:00"; it is "25:00"'),
        ('[schedule]\nping = "ftp://x"\n', "2: ping must begin with https://"),
    ],
)  # fmt: skip
def test_a_wrong_source_is_named_with_its_line_and_no_secret(
    text: str, says: str, tmp_path: Path
) -> None:
    assert problems(tmp_path, text) == [f"lastseen.toml:{says}"]
    assert "hush" not in says


def test_a_question_mark_in_a_buckets_url_is_a_glob(tmp_path: Path) -> None:
    (source,) = load(tmp_path, BUCKET + '"s3://logs/2026-03-1?/*.gz"\n').sources.values()

    assert vars(source)["url"] == "s3://logs/2026-03-1?/*.gz"


def test_a_report_may_have_a_rhythm_instead_of_a_time(tmp_path: Path) -> None:
    read = load(tmp_path, '[reports.weekly]\nevery = "0 6 * * 1 Europe/Berlin"\n')

    assert read.reports["weekly"].rhythm == Cron("0 6 * * 1", "Europe/Berlin")
