"""What tests share: a project of their own, a moment, and the real logs where they are."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support import Ran, ingest_format

from lastseen import cli
from lastseen.project import Project

Runner = Callable[..., Ran]

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
REAL_LOGS = Path(__file__).resolve().parents[2] / "shared" / "real_logs"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write what came out as what is expected"
    )


@pytest.fixture(autouse=True)
def _stable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine elsewhere has another zone and a wider terminal; what is compared must not depend on it."""
    monkeypatch.setenv("TZ", "America/New_York")
    monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project over the shipped content."""
    root = tmp_path / "project"
    root.mkdir()
    return Project(root)


@pytest.fixture
def real_logs() -> Path:
    """Text that real systems wrote; it lies beside the checkout, where it is there at all."""
    if not REAL_LOGS.is_dir():
        pytest.skip(f"the real logs are not at {REAL_LOGS}")
    return REAL_LOGS


@pytest.fixture
def tiny_project(project: Project) -> Project:
    """A project with a format that a test can write by hand: a time, a host, words."""
    ingest_format(project)
    return project


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Runner:
    """The command line in this process, for what does not need one of its own."""

    def runs(*words: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["lastseen", *map(str, words)])
        capfdbinary.readouterr()
        try:
            cli.main()
            code: object = 0
        except SystemExit as ended:
            code = ended.code
        sys.stdout.flush()
        out, err = capfdbinary.readouterr()
        return Ran(int(str(code or 0)), out.decode(), err.decode())

    return runs
