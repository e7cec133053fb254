"""The drop folder: each upload once, archives whole or not at all, and nothing believed that an uploader says."""

import gzip
import io
import os
import random
import stat
import struct
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from conftest import Runner
from hypothesis import given, settings
from hypothesis import strategies as st
from support import lake_of, lines_of, rows

from lastseen.errors import UserError
from lastseen.project import Project
from lastseen.pull import inbox
from lastseen.pull.source import Errand, Outcome
from lastseen.pull.spool import Spool
from lastseen.sources import Inbox
from lastseen.state import State

LATER = datetime.now(UTC) + timedelta(hours=1)
"""Files that a test writes have settled by then; a file's time of change cannot be set."""
LINE = b"2026-03-10T00:00:01Z mac-015 is here\n"


@dataclass
class Drop:
    """A project with an inbox."""

    root: Path
    source: Inbox
    spool: Spool

    def put(self, name: str, data: bytes = LINE) -> Path:
        path = self.root / "inbox" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def pull(self, now: datetime = LATER, until: float = 60, **changed: object) -> Outcome:
        source = replace(self.source, **changed)  # type: ignore[arg-type]
        return inbox.pull(source, self.spool, Errand(now, time.monotonic() + until))

    def units(self) -> dict[str, bytes]:
        return {unit.file.name: unit.file.path.read_bytes() for unit in self.spool.waiting()}

    def names(self) -> list[str]:
        return [unit.file.name for unit in self.spool.waiting()]


@contextmanager
def opened(root: Path) -> Iterator[Drop]:
    (root / "inbox").mkdir(parents=True, exist_ok=True)
    with State(root / "lastseen.sqlite") as state:
        source = Inbox(name="drop", path=f"{root}/inbox/{{host}}")
        yield Drop(root, source, Spool(state, root / "spool", "drop"))


@pytest.fixture
def drop(tmp_path: Path) -> Iterator[Drop]:
    with opened(tmp_path) as made:
        yield made


def zipped(files: Mapping[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", how) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return made.getvalue()


def tarred(files: Mapping[str, bytes], mode: str = "w:gz") -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return made.getvalue()


def test_a_log_becomes_a_unit_of_its_host_as_it_is(drop: Drop) -> None:
    path = drop.put("mac-015/var/orbit.log.gz", gzip.compress(LINE))
    os.utime(path, (1_700_000_000, 1_700_000_000))

    assert drop.pull().problems == []

    (unit,) = drop.spool.waiting()
    assert (unit.file.name, unit.file.emitter) == ("inbox/mac-015/var/orbit.log.gz", "mac-015")
    assert unit.file.path.read_bytes() == path.read_bytes()
    # Where lines name no year, it comes from there.
    assert unit.file.path.stat().st_mtime == 1_700_000_000


def test_what_the_source_says_of_its_logs_is_on_the_unit(drop: Drop) -> None:
    drop.put("orbit.log")

    drop.pull(path=f"{drop.root}/inbox", host="mac-001", format="tiny", zone="Europe/Berlin")

    (unit,) = drop.spool.waiting()
    assert (unit.file.emitter, unit.format, unit.zone) == ("mac-001", "tiny", "Europe/Berlin")


def test_an_upload_is_read_once_whatever_it_is_called(drop: Drop) -> None:
    drop.put("mac-015/a.log")
    drop.pull()
    drop.put("mac-015/again.log")
    drop.put("mac-016/a.log")

    drop.pull()
    drop.pull()

    assert drop.names() == ["inbox/mac-015/a.log", "inbox/mac-016/a.log"]


def test_a_file_that_was_added_to_is_another_upload(drop: Drop) -> None:
    path = drop.put("mac-015/a.log")
    drop.pull()
    path.write_bytes(LINE + LINE)

    drop.pull()

    assert [unit.file.path.read_bytes() for unit in drop.spool.waiting()] == [LINE, LINE + LINE]


def test_a_kept_file_is_not_even_opened_again(drop: Drop) -> None:
    drop.put("mac-015/a.log")
    listening = True
    names: list[object] = []

    def hear(event: str, what: tuple[object, ...]) -> None:
        if listening and event == "open":
            names.append(what[0])

    sys.addaudithook(hear)
    drop.pull()
    assert names.count("a.log") == 1
    drop.pull()
    listening = False

    assert names.count("a.log") == 1


def test_a_file_that_is_being_written_waits(drop: Drop) -> None:
    drop.put("mac-015/a.log")

    drop.pull(now=datetime.now(UTC))
    assert drop.names() == []

    drop.pull()
    assert drop.names() == ["inbox/mac-015/a.log"]


def test_a_time_of_writing_in_the_future_keeps_no_file_waiting(drop: Drop) -> None:
    path = drop.put("mac-015/a.log")
    os.utime(path, (4_000_000_000, 4_000_000_000))

    drop.pull()

    assert drop.names() == ["inbox/mac-015/a.log"]


def test_a_clock_that_was_set_back_keeps_a_file_waiting_no_longer_than_it_must(drop: Drop) -> None:
    drop.put("mac-015/a.log")
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)

    drop.pull(now=long_ago)
    drop.pull(now=long_ago + timedelta(seconds=59))
    assert drop.names() == []

    drop.pull(now=long_ago + timedelta(seconds=60))
    assert drop.names() == ["inbox/mac-015/a.log"]


@pytest.mark.parametrize(
    "name", ["a.log.part", "a.tmp", "a.CRDOWNLOAD", ".a.log.x3Yz9Q", ".rsync-partial/a.log", "a~"]
)
def test_what_a_program_is_still_writing_is_left_alone(name: str, drop: Drop) -> None:
    drop.put(f"mac-015/{name}")

    assert (drop.pull().problems, drop.names()) == ([], [])


def test_then_delete_deletes_what_is_in_the_spool_and_nothing_else(drop: Drop) -> None:
    read = drop.put("mac-015/a.log")
    twice = drop.put("mac-015/b.log")
    binary = drop.put("mac-015/c.bin", random.Random(1).randbytes(5000))  # noqa: S311
    fresh = drop.put("mac-015/d.tmp")

    drop.pull(then="delete")

    assert drop.names() == ["inbox/mac-015/a.log"]
    assert [path.exists() for path in (read, twice, binary, fresh)] == [False, False, True, True]


def test_a_file_that_was_kept_is_deleted_once_the_user_wants_that(drop: Drop) -> None:
    path = drop.put("mac-015/a.log")
    drop.pull()

    drop.pull(then="delete")

    assert (path.exists(), len(drop.names())) == (False, 1)


def test_what_is_gone_from_the_inbox_is_gone_from_memory(drop: Drop) -> None:
    path = drop.put("mac-015/a.log")
    drop.pull()
    assert len(drop.spool.recall_all("file:")) == 1
    path.unlink()

    drop.pull()

    assert drop.spool.recall_all("file:") == {}


def test_links_are_told_once_and_not_followed(drop: Drop, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "secret.log").write_bytes(LINE)
    drop.put("mac-015/a.log")
    (drop.root / "inbox/mac-015/link.log").symlink_to(tmp_path / "elsewhere/secret.log")
    (drop.root / "inbox/mac-015/folder").symlink_to(tmp_path / "elsewhere")
    (drop.root / "inbox/mac-016").symlink_to(tmp_path / "elsewhere")

    assert drop.pull().problems == [
        "inbox/mac-016: is a symbolic link, which is not followed",
        "inbox/mac-015/folder: is a symbolic link, which is not followed",
        "inbox/mac-015/link.log: is a symbolic link, which is not followed",
    ]
    assert drop.pull().problems == []
    assert drop.names() == ["inbox/mac-015/a.log"]


def test_a_pipe_does_not_hold_a_pull_up(drop: Drop) -> None:
    drop.put("mac-015/a.log")
    os.mkfifo(drop.root / "inbox/mac-015/pipe.log")

    assert drop.pull().problems == ["inbox/mac-015/pipe.log: is no plain file"]
    assert drop.names() == ["inbox/mac-015/a.log"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_one_problem(drop: Drop) -> None:
    drop.put("mac-015/a.log").chmod(0)

    assert drop.pull().problems == ["inbox/mac-015/a.log: cannot be read: permission denied"]


def test_a_name_of_a_host_or_a_file_obeys_nobody(drop: Drop) -> None:
    drop.put("mac\x1b[2J/a\n.log")
    (drop.root / os.fsdecode(b"inbox/mac-015")).mkdir()
    (drop.root / os.fsdecode(b"inbox/mac-015/\xff.log")).write_bytes(LINE)

    drop.pull()

    assert [(unit.file.name, unit.file.emitter) for unit in drop.spool.waiting()] == [
        ("inbox/mac\\x1b[2J/a\\n.log", "mac\\x1b[2J"),
        ("inbox/mac-015/\\xff.log", "mac-015"),
    ]


def test_a_folder_whose_own_path_looks_like_a_glob_is_that_folder(tmp_path: Path) -> None:
    with opened(tmp_path / "a [b] *") as drop:
        drop.put("mac-015/a.log")

        drop.pull()

        assert drop.names() == ["inbox/mac-015/a.log"]


def test_files_beside_the_folders_of_hosts_are_nobodys(drop: Drop) -> None:
    drop.put("README.txt")

    assert (drop.pull().problems, drop.names()) == ([], [])


def test_a_missing_inbox_is_an_error_that_says_so(drop: Drop) -> None:
    (drop.root / "inbox").rmdir()

    with pytest.raises(UserError) as error:
        drop.pull()

    assert str(error.value) == f"{drop.root}/inbox: the folder is not there; make it"


def test_folders_too_deep_are_told(drop: Drop) -> None:
    drop.put("mac-015/" + "a/" * 20 + "x.log")

    assert drop.pull().problems == [
        "inbox/mac-015/" + "/".join("a" * 15) + ": folders lie too deep in one another"
    ]


def test_a_pull_without_time_says_so_and_forgets_nothing(drop: Drop) -> None:
    drop.put("mac-015/a.log")
    drop.pull()

    assert drop.pull(until=0).problems == [
        f"{drop.source.path}: the time was over before all of it was read; the rest comes with the next pull"
    ]
    assert len(drop.spool.recall_all("file:")) == 1


PACKED = gzip.compress(LINE)
TREE = {"var/log/orbit.log": LINE, "system.log.0.gz": PACKED, "empty.log": b""}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("u.zip", zipped(TREE)),
        ("u.zip", zipped(TREE, zipfile.ZIP_STORED)),
        ("u.tar", tarred(TREE, "w")),
        ("u.tgz", tarred(TREE)),
        ("u.tar.xz", tarred(TREE, "w:xz")),
        ("u.tar.bz2", tarred(TREE, "w:bz2")),
        ("upload", tarred(TREE)),
        ("upload.log", zipped(TREE)),
    ],
)
def test_each_log_of_an_archive_is_a_unit(name: str, data: bytes, drop: Drop) -> None:
    drop.put(f"mac-015/{name}", data)

    outcome = drop.pull()

    assert (outcome.problems, outcome.skipped) == ([], 1)
    assert drop.units() == {
        f"inbox/mac-015/{name}!/var/log/orbit.log": LINE,
        f"inbox/mac-015/{name}!/system.log.0.gz": PACKED,
    }
    assert {unit.file.emitter for unit in drop.spool.waiting()} == {"mac-015"}


def test_a_tar_packed_with_zstd_is_read(drop: Drop) -> None:
    made = pa.BufferOutputStream()
    with pa.CompressedOutputStream(made, "zstd") as packed:
        packed.write(tarred(TREE, "w"))
    drop.put("mac-015/u.tar.zst", made.getvalue().to_pybytes())

    assert drop.pull().problems == []
    assert len(drop.names()) == 2


def test_what_is_binary_in_an_archive_is_counted_and_left_out(drop: Drop) -> None:
    noise = random.Random(1).randbytes(5000)  # noqa: S311
    drop.put(
        "mac-015/u.zip",
        zipped({"a.log": LINE, "x.tracev3": noise, "__MACOSX/._a.log": LINE, "b/.DS_Store": LINE}),
    )

    outcome = drop.pull()

    assert (outcome.problems, outcome.skipped) == ([], 3)
    assert drop.names() == ["inbox/mac-015/u.zip!/a.log"]


def test_an_archive_without_a_log_stays_and_is_told_once(drop: Drop) -> None:
    path = drop.put("mac-015/u.zip", zipped({"x.bin": b"\0\1\2" * 100}))

    assert drop.pull(then="delete").problems == [
        "inbox/mac-015/u.zip: there is no log in it; nothing of it was taken"
    ]
    assert drop.pull(then="delete").problems == []
    assert path.exists()


def test_an_archive_in_an_archive_is_read_but_none_in_that(drop: Drop) -> None:
    inner = zipped({"deep.log": LINE, "deeper.tgz": tarred({"deepest.log": LINE})})
    drop.put("mac-015/u.tgz", tarred({"a.log": LINE, "in.zip": inner}))

    assert drop.pull().problems == [
        "inbox/mac-015/u.tgz: 1 members were left out that are archives, too deep inside one another"
    ]
    assert drop.names() == [
        "inbox/mac-015/u.tgz!/a.log",
        "inbox/mac-015/u.tgz!/in.zip!/deep.log",
    ]


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_members_of_one_name_are_kept_apart(drop: Drop) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a.log", b"one\n")
        archive.writestr("a.log", b"two\n")
    drop.put("mac-015/u.zip", made.getvalue())

    drop.pull()

    assert drop.units() == {
        "inbox/mac-015/u.zip!/a.log": b"one\n",
        "inbox/mac-015/u.zip!2/a.log": b"two\n",
    }


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_path_that_leads_out_of_an_archive_is_not_taken(pack: object, drop: Drop) -> None:
    outside = ["/etc/a.log", "../a.log", "x/../../a.log", "C:/a.log", "..\\a.log"]
    files = dict.fromkeys([*outside, "good..log", "a\x1b[2J.log"], LINE)
    drop.put("mac-015/u", pack(files))  # type: ignore[operator]

    assert drop.pull().problems == [
        "inbox/mac-015/u: 5 members were left out with a path that leads out of it"
    ]
    assert drop.names() == ["inbox/mac-015/u!/good..log", "inbox/mac-015/u!/a\\x1b[2J.log"]
    assert not list(drop.root.rglob("a.log"))


def test_links_and_devices_in_an_archive_are_not_taken(drop: Drop) -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            member = tarfile.TarInfo("x.log")
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
        whole = tarfile.TarInfo("a.log")
        whole.size = len(LINE)
        archive.addfile(whole, io.BytesIO(LINE))
    drop.put("mac-015/u.tar", made.getvalue())
    link = zipfile.ZipInfo("link.log")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as zipped_link:
        zipped_link.writestr(link, "/etc/passwd")
        zipped_link.writestr("b.log", LINE)
    drop.put("mac-015/v.zip", made.getvalue())

    assert drop.pull().problems == [
        "inbox/mac-015/u.tar: 4 members were left out that are links or devices",
        "inbox/mac-015/v.zip: 1 members were left out that are links or devices",
    ]
    assert drop.names() == ["inbox/mac-015/u.tar!/a.log", "inbox/mac-015/v.zip!/b.log"]


ZEROS = bytes(3 << 20)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("u.zip", zipped({"a.log": LINE, "z.log": ZEROS})),
        ("u.tgz", tarred({"a.log": LINE, "z.log": ZEROS})),
        ("u.tar.bz2", tarred({"a.log": LINE, "z.log": ZEROS}, "w:bz2")),
        ("u.zip", zipped({"in.zip": zipped({"z.log": ZEROS})})),
    ],
)
def test_an_archive_that_unpacks_to_too_much_is_refused_whole(
    name: str, data: bytes, drop: Drop
) -> None:
    drop.put(f"mac-015/{name}", data)

    outcome = drop.pull(max_megabytes=2)

    assert outcome.problems == [
        f"inbox/mac-015/{name}: unpacks to more than 2 MB (max_megabytes); nothing of it was taken"
    ]
    assert drop.names() == []
    assert list((drop.root / "spool/drop").iterdir()) == []


def test_a_raised_limit_has_a_refused_archive_tried_again(drop: Drop) -> None:
    drop.put("mac-015/u.zip", zipped({"a.log": LINE * 100_000}))
    assert len(drop.pull(max_megabytes=1).problems) == 1
    assert drop.pull(max_megabytes=1).problems == []

    assert drop.pull(max_megabytes=10).problems == []

    assert drop.names() == ["inbox/mac-015/u.zip!/a.log"]


def test_a_ratio_that_no_log_has_is_refused_below_the_limit(drop: Drop) -> None:
    drop.put("mac-015/u.tar.bz2", tarred({"z.log": bytes(20 << 20)}, "w:bz2"))

    assert drop.pull().problems == [
        "inbox/mac-015/u.tar.bz2: unpacks to more than 1000 times its size, as no logs do; nothing of it was taken"
    ]


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_an_archive_of_too_many_files_is_refused(pack: object, drop: Drop) -> None:
    data = pack({f"{number}.log": LINE for number in range(6)})  # type: ignore[operator]
    drop.put("mac-015/u", data)

    assert drop.pull(max_files=5).problems == [
        "inbox/mac-015/u: holds more than 5 files (max_files); nothing of it was taken"
    ]
    assert drop.pull(max_files=6).problems == []
    assert len(drop.names()) == 6


def test_entries_that_unpack_the_same_bytes_are_refused(drop: Drop) -> None:
    drop.put("mac-015/u.zip", _overlapping())

    assert drop.pull().problems == [
        "inbox/mac-015/u.zip: has entries that overlap, as those made to do harm do; nothing of it was taken"
    ]


def _overlapping() -> bytes:
    """A .zip with one member and two entries of its directory that name it."""
    whole = zipped({"a.log": LINE})
    end = whole.rindex(b"PK\x05\x06")
    (size, start) = struct.unpack("<II", whole[end + 12 : end + 20])
    entry = whole[start : start + size]
    tail = whole[end : end + 8] + struct.pack("<HHII", 2, 2, 2 * size, start) + whole[end + 20 :]
    return whole[:start] + entry + entry + tail


def test_a_header_of_gigabytes_is_not_taken_into_memory(drop: Drop) -> None:
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 3 << 30
    drop.put("mac-015/u.tar", header.tobuf(tarfile.GNU_FORMAT) + bytes(10_000))

    assert drop.pull().problems == [
        "inbox/mac-015/u.tar: is damaged (a header is larger than any name); nothing of it was taken, upload it again"
    ]


def test_an_encrypted_archive_is_refused_in_a_sentence(drop: Drop) -> None:
    data = bytearray(zipped({"a.log": LINE}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    drop.put("mac-015/u.zip", bytes(data))

    (problem,) = drop.pull().problems

    assert problem == (
        "inbox/mac-015/u.zip: is encrypted, and lastseen has no password for it; upload it without one; "
        "nothing of it was taken"
    )


def test_bzip2_inside_a_zip_is_refused_before_it_unpacks(drop: Drop) -> None:
    drop.put("mac-015/u.zip", zipped({"a.log": LINE}, zipfile.ZIP_BZIP2))

    (problem,) = drop.pull().problems

    assert problem == (
        "inbox/mac-015/u.zip: is packed in an uncommon way; pack it with deflate, as `zip` does; "
        "nothing of it was taken"
    )


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


NOISE = {f"{n}.log": random.Random(n).randbytes(4000).hex().encode() for n in range(3)}  # noqa: S311


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("u.zip", zipped(NOISE)[:-30]),
        ("u.zip", _flipped(zipped(NOISE), 60)),
        ("u.zip", b"not an archive\n"),
        ("u.tgz", tarred(NOISE)[:-30]),
        ("u.tgz", _flipped(tarred(NOISE), 300)),
        ("u.tar", tarred(NOISE, "w")[:-20_000]),
        ("u.tar", tarred({"a.log": LINE}, "w")[:1024]),
        ("u.tar", b"not an archive\n"),
        ("u.tar.xz", tarred(NOISE, "w:xz")[:-30]),
    ],
)
def test_of_a_damaged_archive_nothing_is_taken_until_it_changes(
    name: str, data: bytes, drop: Drop
) -> None:
    path = drop.put(f"mac-015/{name}", data)

    (problem,) = drop.pull(then="delete").problems

    assert problem.startswith(f"inbox/mac-015/{name}: is damaged (")
    assert problem.endswith("); nothing of it was taken, upload it again")
    assert drop.names() == []
    assert drop.pull(then="delete").problems == []
    path.write_bytes(zipped(NOISE) if name == "u.zip" else tarred(NOISE))
    assert drop.pull().problems == []
    assert len(drop.names()) == 3


def test_a_binary_file_by_itself_is_told_once(drop: Drop) -> None:
    drop.put("mac-015/x.tracev3", b"\0\1\2" * 1000)

    assert drop.pull().problems == [
        "inbox/mac-015/x.tracev3: is a binary file, not a log; nothing of it was added"
    ]
    assert drop.pull().problems == []


def test_a_damaged_log_is_told_by_its_own_name(drop: Drop) -> None:
    drop.put("mac-015/a.log.gz", b"\x1f\x8b\x08garbage and more of it")

    (problem,) = drop.pull().problems

    assert problem.startswith("inbox/mac-015/a.log.gz: the compressed data is damaged")


def test_a_crash_before_an_archive_counts_takes_nothing_of_it(drop: Drop) -> None:
    drop.put("mac-015/u.zip", zipped({"a.log": LINE, "b.log": LINE}))
    folder = drop.root / "spool/drop"
    # The second unit's name is taken, so the step fails between one unit and the next.
    number = int(LATER.timestamp() * 1_000_000) + 1
    folder.mkdir(parents=True)
    (folder / str(number)).write_bytes(b"")

    with pytest.raises(UserError, match="File exists"):
        drop.pull()
    assert drop.names() == []
    assert [path.name for path in folder.iterdir()] == [str(number)]

    (folder / str(number)).unlink()
    drop.pull()
    assert drop.names() == ["inbox/mac-015/u.zip!/a.log", "inbox/mac-015/u.zip!/b.log"]


_PART = st.text("abcäö ._-#!", min_size=1, max_size=8).filter(
    lambda part: part not in (".", "..") and not part.startswith("._")
)
_PATHS = st.lists(_PART, min_size=1, max_size=4).map("/".join)
_TREES = st.dictionaries(_PATHS, st.text("log line\n", min_size=1).map(str.encode), min_size=1)


@settings(max_examples=40, deadline=None)
@given(tree=_TREES, mode=st.sampled_from(["zip", "w", "w:gz", "w:xz"]))
def test_whatever_tree_goes_into_an_archive_comes_out(tree: dict[str, bytes], mode: str) -> None:
    data = zipped(tree) if mode == "zip" else tarred(tree, mode)
    with TemporaryDirectory() as folder, opened(Path(folder)) as drop:
        drop.put("mac-015/upload", data)

        assert drop.pull().problems == []

        assert drop.units() == {
            f"inbox/mac-015/upload!/{name}": text for name, text in tree.items()
        }


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 2000), st.sampled_from([zipped, tarred]))
def test_no_damage_is_more_than_a_sentence(patch: bytes, at: int, pack: object) -> None:
    whole = pack({"a.log": LINE, "b/c.log": LINE * 20})  # type: ignore[operator]
    at %= len(whole)
    with TemporaryDirectory() as folder, opened(Path(folder)) as drop:
        drop.put("mac-015/upload", whole[:at] + patch + whole[at + len(patch) :])

        drop.pull()

        assert len(drop.spool.recall_all("file:")) == 1


def test_what_an_archive_holds_is_in_the_lake_once(tiny_project: Project, run: Runner) -> None:
    folder = tiny_project.root / "inbox" / "mac-015"
    folder.mkdir(parents=True)
    (folder / "u.zip").write_bytes(zipped({"log/a.tiny": lines_of(range(3)).encode()}))
    tiny_project.config.write_text('[sources.drop]\nkind = "inbox"\npath = "inbox/{host}"\n')

    for _ in range(2):
        ran = run("-C", tiny_project.root, "pull", "drop", "--now", LATER.isoformat())
        assert (ran.code, ran.err) == (0, "")

    assert rows(lake_of(tiny_project), "tiny", "emitter, file, line") == [
        ("mac-015", "inbox/mac-015/u.zip!/log/a.tiny", line) for line in (1, 2, 3)
    ]
