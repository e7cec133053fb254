"""The samples are made, small, and nobody's: anyone may publish them, and make them again."""

import re
import subprocess
import sys
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

GENERATOR = Path(__file__).with_name("make_samples.py")
SAMPLES = GENERATOR.parents[1] / "sample_logs"
DOCUMENTATION = [IPv4Network(n) for n in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]
UNSPECIFIED = IPv4Address("0.0.0.0")  # noqa: S104 - listened on, no one's address
NAMED_BY_PROGRAMS = {"api.push.apple.com"}
"""What Fleet itself calls, in its own log."""
FURNITURE = ("Timestamp  ", "-----")
"""Lines that `log show` prints around every export, the same for everybody."""


def files(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != "README.md")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def text() -> str:
    return "".join(content.decode() for content in files(SAMPLES).values())


def test_the_generator_gives_exactly_the_committed_files(tmp_path: Path) -> None:
    subprocess.run([sys.executable, GENERATOR, tmp_path], check=True)

    made, committed = files(tmp_path), files(SAMPLES)
    assert sorted(made) == sorted(committed)
    assert [name for name in made if made[name] != committed[name]] == []


def test_all_samples_together_stay_under_two_megabytes() -> None:
    assert sum(map(len, files(SAMPLES).values())) < 2_000_000


def test_only_documentation_addresses_occur(text: str) -> None:
    found = {
        IPv4Address(a) for a in re.findall(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])", text)
    }

    strangers = {a for a in found if not any(a in network for network in DOCUMENTATION)}
    assert strangers <= {UNSPECIFIED}


def test_only_names_of_example_com_occur(text: str) -> None:
    urls = set(re.findall(r"https?:(?:\\?/){2}([a-z][\w.-]*)", text))
    mails = set(re.findall(r"[\w.]+@([\w-]+\.[\w.-]+)", text))

    assert {n for n in urls | mails if not n.endswith("example.com")} <= NAMED_BY_PROGRAMS


def test_no_line_of_a_real_log_occurs(text: str, real_logs: Path) -> None:
    paths = [p for p in real_logs.rglob("*") if p.suffix in {".log", ".ndjson", ".txt", ".json"}]
    real = {
        line for path in paths for line in path.read_text("utf-8").splitlines() if len(line) > 20
    }

    same = {line for line in real & set(text.splitlines()) if not line.startswith(FURNITURE)}
    assert same == set()
