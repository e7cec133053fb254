"""lastseen.toml, spans and moments, and the examples that stand in docstrings."""

import doctest
import importlib
import pkgutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import lastseen
from lastseen import settings
from lastseen.errors import UserError

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
    assert load(tmp_path, settings.TEMPLATE) == settings.Settings()


def test_the_template_is_right_with_each_line_uncommented(tmp_path: Path) -> None:
    uncommented = "\n".join(
        line.removeprefix("# ")
        if line.startswith(("# [", "# keep", "# h", "# p", "# v", "# c"))
        else line
        for line in settings.TEMPLATE.splitlines()
    )

    assert load(tmp_path, uncommented).hosts == {
        "mac-015": {"pending_after": timedelta(minutes=45)}
    }


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
        ("[lake\n", "lastseen.toml: Expected ']' at the end of a table declaration (at line 1, column 6)"),
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
