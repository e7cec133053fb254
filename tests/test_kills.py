"""Pulls that are killed at random moments lose nothing and repeat nothing; benchmarks/kill.py does more of it."""

import re
import subprocess
import sys
from pathlib import Path

KILL = Path(__file__).resolve().parents[1] / "benchmarks" / "kill.py"


def test_twenty_killed_pulls_of_growing_and_rotating_logs_lose_and_repeat_no_line() -> None:
    done = subprocess.run(
        [sys.executable, str(KILL), "--kills", "20", "--seed", "7"],
        capture_output=True, timeout=240, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr.decode()) == (0, "")
    (row,) = re.findall(r"(?m)^\| \d.*$", done.stdout.decode())
    killed, _, _, files, lines, *wrong = (
        int(cell.replace(",", "")) for cell in row.strip("| ").split(" | ")
    )
    assert killed == 20
    assert files > 3 + 3 * 5
    assert lines > 1000
    lost, repeated, broken, rejects_lost, rejects_repeated, covered = wrong
    assert covered == lines + broken
    assert broken > 0
    assert (lost, repeated, rejects_lost, rejects_repeated) == (0, 0, 0, 0)
