"""What users install: one import name, and the content in it, from a wheel, an editable install, a checkout."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONTENT = ("ingest", "rules", "reports", "sample_logs")


def git_files(*folders: str) -> set[str]:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(
        [git, "-C", str(ROOT), "ls-files", "-z", *folders],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(filter(None, listed.stdout.split("\0")))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what git knows, so that nothing is built beside the checkout."""
    target = tmp_path_factory.mktemp("source")
    for name in git_files():
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    return target


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(source)],
        capture_output=True, check=True, timeout=300,
    )  # fmt: skip
    (built,) = out.glob("*.whl")
    return built


def test_the_wheel_carries_the_content_folders(wheel: Path) -> None:
    prefix = "lastseen/shipped/"
    with zipfile.ZipFile(wheel) as packed:
        carried = {n.removeprefix(prefix) for n in packed.namelist() if n.startswith(prefix)}

    assert carried == git_files(*CONTENT)


def test_the_wheel_installs_one_import_name(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        top = {name.split("/")[0] for name in packed.namelist() if ".dist-info/" not in name}

    assert top == {"lastseen"}


def shipped_from(path: Path) -> Path:
    """Where the tool finds its content when it is imported from a folder."""
    code = "from lastseen import project; print(project.shipped())"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(path)!r}); {code}"],
        capture_output=True, text=True, check=True, cwd="/", timeout=60,
    )  # fmt: skip
    return Path(done.stdout.strip())


def test_content_is_found_from_a_wheel(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(tmp_path)

    assert shipped_from(tmp_path) == tmp_path / "lastseen" / "shipped"


def test_content_is_found_from_a_checkout_and_an_editable_install(source: Path) -> None:
    assert shipped_from(source) == source
    assert (shipped_from(source) / "ingest").is_dir()
