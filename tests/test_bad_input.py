"""Bad input gets one clear line, the right exit code, and loses nothing."""

import codecs
import gzip
import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Runner
from support import (
    TINY,
    add,
    command,
    ingest_format,
    lake_of,
    lines_of,
    messages,
    process,
    rejected,
    rows,
    tiny,
)

from lastseen.project import Project

FIRST, SECOND = tiny(1).strip(), tiny(2).strip()


@pytest.mark.parametrize(
    ("content", "expected", "rejects"),
    [
        (tiny(1) + SECOND, [FIRST, SECOND], []),
        (tiny(1) + SECOND[:25], [FIRST, SECOND[:25]], []),
        (f"{FIRST}\r\n{SECOND}\r\n", [FIRST, SECOND], []),
        ("\ufeff" + tiny(1), [FIRST], []),
        (b"2026-03-10T00:00:01Z mac-1 is\0 here 1\n", [FIRST], []),
        (b"2026-03-10T00:00:01Z mac-1 \xff\xe9t\xe9\n", [r"2026-03-10T00:00:01Z mac-1 \xff\xe9t\xe9"], []),
        (codecs.BOM_UTF16_LE + (tiny(1) + "no time ü\n").encode("utf-16-le"), [FIRST], ["no time ü"]),
        (codecs.BOM_UTF16_BE + tiny(1).encode("utf-16-be"), [FIRST], []),
        (tiny(1).encode("utf-16-le"), [FIRST], []),
        (tiny(1) + "\n\n  \n" + tiny(2), [FIRST, SECOND], ["  "]),
        (tiny(1) + "2026-02-30T00:00:00Z mac-1 x\n", [FIRST], ["2026-02-30T00:00:00Z mac-1 x"]),
    ],
    ids=[
        "no newline at the end", "truncated last line", "CRLF", "BOM", "NUL inside", "invalid UTF-8",
        "UTF-16 little endian", "UTF-16 big endian", "UTF-16 without BOM", "empty lines", "no such day",
    ],
)  # fmt: skip
def test_odd_bytes_are_read_or_rejected(
    content: str | bytes,
    expected: list[str],
    rejects: list[str],
    tiny_project: Project,
    tmp_path: Path,
) -> None:
    log = tmp_path / "app.tiny"
    log.write_bytes(content if isinstance(content, bytes) else content.encode())

    (result,) = add(tiny_project, log)

    assert result.problem is None
    assert (messages(tiny_project), rejected(tiny_project)) == (expected, rejects)


def test_lines_are_counted_as_an_editor_counts_them(tiny_project: Project, tmp_path: Path) -> None:
    log = tmp_path / "app.tiny"
    log.write_bytes(b"\n\n" + tiny(1).encode() + b"\r\n" + b"\xff bad\n" + tiny(2).encode())
    add(tiny_project, log)

    assert rows(lake_of(tiny_project), "tiny", "line") == [(3,), (6,)]
    assert rows(lake_of(tiny_project), "rejects", "line, text") == [(5, r"\xff bad")]


def test_a_line_of_50_mb_is_a_reject_kept_whole_in_bounded_memory(
    tiny_project: Project, tmp_path: Path
) -> None:
    log = tmp_path / "app.tiny"
    log.write_text(tiny(1) + tiny(2, "x" * 50_000_000) + tiny(3) + "y" * 50_000_000 + "\n")
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss

    ran = process(tiny_project, "add", str(log))

    assert (ran.code, ran.err.count("note: 2 rejects, kept")) == (0, 1)
    assert rows(lake_of(tiny_project), "tiny", "line") == [(1,), (3,)]
    assert rows(lake_of(tiny_project), "rejects", "line, length(text), reason") == [
        (2, 50_000_029, "over 32 MB long; nothing that writes logs writes such a line"),
        (4, 50_000_000, "over 32 MB long; nothing that writes logs writes such a line"),
    ]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert max(before, peak) < 900 << 10


def unreadable(tmp_path: Path, kind: str) -> Path:
    """A path of which nothing can be added."""
    path = tmp_path / "odd.tiny"
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "only NULs":
        path.write_bytes(b"\0" * 100_000)
    elif kind == "binary":
        path.write_bytes(bytes(range(256)) * 100)
    elif kind == "picture":
        path.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + os.urandom(5000))
    elif kind == "symlink loop":
        path.symlink_to(path)
    elif kind == "dangling symlink":
        path.symlink_to(tmp_path / "gone")
    elif kind == "gzip cut in its header":
        path.write_bytes(gzip.compress(b"x")[:5])
    elif kind == "gzip of nonsense":
        path.write_bytes(b"\x1f\x8b\x08\0\0\0\0\0\0\0nonsense")
    elif kind == "device":
        return Path("/dev/zero")
    return path


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("missing", "no such file"),
        ("empty", "is empty; nothing to add"),
        ("only NULs", "is empty; nothing to add"),
        ("binary", "is a binary file, not a log"),
        ("picture", "is a binary file, not a log"),
        ("symlink loop", "too many levels of symbolic links"),
        ("dangling symlink", "no such file"),
        ("gzip cut in its header", "the compressed data is damaged"),
        ("gzip of nonsense", "the compressed data is damaged"),
        ("device", "is a device, not a log"),
    ],
)
def test_what_cannot_be_read_is_one_clear_line(
    kind: str, says: str, tiny_project: Project, tmp_path: Path, run: Runner
) -> None:
    path = unreadable(tmp_path, kind)

    for options in ([], ["--format", "tiny"]):
        ran = run("-C", tiny_project.root, "add", path, *options)

        assert (ran.code, ran.out) == (2, "")
        assert ran.err.startswith(f"error: {path}: ")
        assert says in ran.err
        assert ran.err.count("\n") == 1


def test_an_empty_folder_says_so(tiny_project: Project, tmp_path: Path, run: Runner) -> None:
    (tmp_path / "logs").mkdir()

    ran = run("-C", tiny_project.root, "add", tmp_path / "logs")

    assert (ran.code, ran.err) == (2, f"error: {tmp_path}/logs: is a folder without files\n")


def test_a_file_of_an_unknown_format_says_how_it_begins(
    tiny_project: Project, tmp_path: Path, run: Runner
) -> None:
    log = tmp_path / "odd.txt"
    log.write_text("wholly \x1b[31munknown\nmore\n")

    ran = run("-C", tiny_project.root, "add", log)

    assert ran.code == 2
    assert ran.err == (
        f"error: {log}: no format in ingest/ recognises it; it begins "
        '"wholly \\x1b[31munknown". See ingest/README.md\n'
    )


def test_an_unknown_format_names_the_nearest(
    tiny_project: Project, tmp_path: Path, run: Runner
) -> None:
    ran = run("-C", tiny_project.root, "add", tmp_path, "--format", "tinny")

    assert ran.code == 2
    assert ran.err.startswith(
        "error: --format tinny: there is no such format; did you mean 'tiny'?"
    )


def test_one_bad_file_does_not_keep_the_others_out(
    tiny_project: Project, tmp_path: Path, run: Runner
) -> None:
    (tmp_path / "good.tiny").write_text(tiny(1))
    (tmp_path / "empty.tiny").write_text("")

    ran = run("-C", tiny_project.root, "add", tmp_path / "good.tiny", tmp_path / "empty.tiny")

    assert (ran.code, messages(tiny_project)) == (3, [FIRST])


def test_a_missing_file_does_not_keep_the_others_out(
    tiny_project: Project, tmp_path: Path, run: Runner
) -> None:
    (tmp_path / "good.tiny").write_text(tiny(1))

    ran = run("-C", tiny_project.root, "add", tmp_path / "gone.tiny", tmp_path / "good.tiny")

    assert (ran.code, messages(tiny_project)) == (3, [FIRST])
    assert ran.err == f"error: {tmp_path}/gone.tiny: no such file\n"


def as_nobody(project: Project, *words: str) -> tuple[int, str]:
    """Run the tool as a user without rights; root gives up its own first."""
    code = (
        "import os, sys; from lastseen.cli import main; import lastseen.lint, lastseen.printing; "
        "os.geteuid() or (os.setgroups([]), os.setgid(65534), os.setuid(65534)); "
        "sys.argv = ['lastseen', *sys.argv[1:]]; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "-C", str(project.root), *words],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr


def open_for_all(folder: Path) -> None:
    """Let another user come as far as a test's folder."""
    for parent in (folder, *folder.parents):
        if parent.stat().st_uid != os.geteuid() or parent == Path(parent.anchor):
            break
        parent.chmod(parent.stat().st_mode | stat.S_IXOTH | stat.S_IROTH)


@pytest.mark.skipif(sys.platform == "win32", reason="rights are another thing there")
def test_a_file_without_permission_is_one_clear_line(tiny_project: Project, tmp_path: Path) -> None:
    log = tmp_path / "app.tiny"
    log.write_text(tiny(1))
    log.chmod(0)
    open_for_all(tiny_project.root)
    tiny_project.root.chmod(0o777)

    code, err = as_nobody(tiny_project, "add", str(log))

    assert (code, err) == (2, f"error: {log}: cannot be read: permission denied\n")


def test_a_read_only_project_is_one_clear_line(tiny_project: Project, tmp_path: Path) -> None:
    log = tmp_path / "app.tiny"
    log.write_text(tiny(1))
    open_for_all(tiny_project.root)
    tiny_project.root.chmod(0o555)

    code, err = as_nobody(tiny_project, "add", str(log))

    tiny_project.root.chmod(0o755)
    assert code == 2
    assert err == f"error: {tiny_project.lock}: permission denied; may this user write here?\n"


def test_times_of_1970_and_2099_are_kept_noted_and_stretch_no_span(
    tiny_project: Project, tmp_path: Path, run: Runner
) -> None:
    log = tmp_path / "app.tiny"
    log.write_text("1970-01-01T00:00:00Z mac-1 x\n" + tiny(1) + "2099-01-01T00:00:00Z mac-1 x\n")

    ran = run("-C", tiny_project.root, "add", log, "--now", "2026-03-11")

    assert ran.err == (
        f"note: {log}: 2 rows are dated before 2001 or after tomorrow; is its clock right?\n"
    )
    assert len(messages(tiny_project)) == 3
    spans = rows(lake_of(tiny_project), "coverage", "since::varchar, until::varchar", "1")
    assert spans == [("2026-03-10 00:00:01+00", "2026-03-10 00:00:01+00")]


ZONED = TINY.replace(
    "try_cast(split_part(text, ' ', 1) as timestamptz)",
    "timezone(getvariable('zone'), try_cast(rtrim(split_part(text, ' ', 1), 'Z') as timestamp))",
)


def test_a_log_of_another_zone_is_read_across_a_clock_change(
    project: Project, tmp_path: Path
) -> None:
    ingest_format(project, ZONED)
    log = tmp_path / "app.tiny"
    log.write_text("".join(f"{at}Z mac-1 x\n" for at in (
        "2026-03-29T01:59:59", "2026-03-29T02:30:00", "2026-03-29T03:00:00",
        "2026-10-25T01:59:59", "2026-10-25T02:30:00", "2026-10-25T03:00:00",
    )))  # fmt: skip
    add(project, log, zone="Europe/Berlin")

    assert (
        [at for (at,) in rows(lake_of(project), "tiny", "ts::varchar", "line")]
        == [
            "2026-03-29 00:59:59+00",
            "2026-03-29 01:30:00+00",  # the clock never showed it: read as if it had not been changed yet
            "2026-03-29 01:00:00+00",
            "2026-10-24 23:59:59+00",
            "2026-10-25 01:30:00+00",  # the clock showed it twice: the second time is taken
            "2026-10-25 02:00:00+00",
        ]
    )


def test_an_unknown_zone_is_a_usage_error(
    tiny_project: Project, tmp_path: Path, run: Runner
) -> None:
    (tmp_path / "app.tiny").write_text(tiny(1))

    ran = run("-C", tiny_project.root, "add", tmp_path / "app.tiny", "--zone", "Europe/Berln")

    assert (ran.code, messages(tiny_project)) == (2, [])
    assert (
        ran.err
        == "error: --zone Europe/Berln: there is no such zone; write one like Europe/Berlin\n"
    )


def test_standard_input_is_a_file_without_a_name(tiny_project: Project) -> None:
    data = lines_of(range(5)).encode()

    first = process(tiny_project, "add", "-", stdin=data)
    again = process(tiny_project, "add", "-", "--json", stdin=data)

    assert first.code == 0
    assert '"already": true' in again.out
    assert rows(lake_of(tiny_project), "tiny", "distinct file") == [("-",)]
    assert sorted(path.name for path in tiny_project.root.iterdir()) == [
        ".lastseen.lock", "ingest", "lake",
    ]  # fmt: skip


def test_empty_standard_input_is_one_clear_line(tiny_project: Project) -> None:
    ran = process(tiny_project, "add", "-")

    assert (ran.code, ran.err) == (2, "error: -: is empty; nothing to add\n")


def test_a_pipe_with_a_name_is_read_as_standard_input_is(
    tiny_project: Project, tmp_path: Path
) -> None:
    fifo = tmp_path / "pipe.tiny"
    os.mkfifo(fifo)
    with subprocess.Popen(
        command(tiny_project, "add", str(fifo)), stdout=subprocess.PIPE
    ) as adding:
        fifo.write_text(lines_of(range(5)))
        adding.communicate(timeout=60)

    assert adding.returncode == 0
    assert len(messages(tiny_project)) == 5


def test_a_gzip_cut_short_gives_what_it_holds_and_the_whole_one_the_rest(
    tiny_project: Project, tmp_path: Path, run: Runner
) -> None:
    log = tmp_path / "app.tiny.gz"
    packed = gzip.compress(lines_of(range(5000)).encode())
    log.write_bytes(packed[: len(packed) // 2])

    cut = run("-C", tiny_project.root, "add", log, "--json")
    had = len(messages(tiny_project))
    log.write_bytes(packed)
    whole = run("-C", tiny_project.root, "add", log, "--json")

    assert (cut.code, whole.code) == (3, 0)
    assert "ends before its end" in cut.out
    assert 1000 < had < 4999
    assert len(messages(tiny_project)) + len(rejected(tiny_project)) in {5000, 5001}


@pytest.mark.parametrize(
    "name", ["with space", "new\nline", "\x1b[31mred", "quo'te\"", "caf\udce9"]
)
def test_any_name_a_file_can_have_is_read_and_shown_harmless(
    name: str, tiny_project: Project, tmp_path: Path
) -> None:
    log = tmp_path / f"{name}.tiny"
    try:
        log.write_text(tiny(1))
    except OSError:
        pytest.skip("this file system has no such names")

    ran = process(tiny_project, "add", str(log))

    assert (ran.code, len(messages(tiny_project))) == (0, 1)
    assert "\x1b" not in ran.out + ran.err


def test_hostile_text_is_shown_and_not_obeyed(
    tiny_project: Project, tmp_path: Path, run: Runner
) -> None:
    (tmp_path / "app.tiny").write_text(tiny(1, "\x1b[2J\x07\u202egnp"))
    add(tiny_project, tmp_path / "app.tiny")

    ran = run("-C", tiny_project.root, "sql", "select message from tiny")

    assert r"\x1b[2J\x07\u202egnp" in ran.out
    assert "\x1b" not in ran.out
