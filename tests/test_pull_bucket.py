"""Objects of a store: each version once, late ones too, and nothing of what was cut off."""

import gzip
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import fsspec
import httpx
import pytest
from conftest import Runner
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer
from support import lake_of, lines_of, rows

from lastseen.errors import UserError
from lastseen.project import Project
from lastseen.pull import bucket, listing, store
from lastseen.pull.source import Errand, Outcome
from lastseen.pull.spool import Spool
from lastseen.sources import Bucket
from lastseen.state import State

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
LINE = b"2026-03-10T00:00:01Z mac-015 is here\n"


@dataclass
class Fetcher:
    """A source and its spool."""

    source: Bucket
    spool: Spool
    folder: Path

    def pull(self, now: datetime = NOW, until: float = 60, **changed: Any) -> Outcome:
        return bucket.pull(
            replace(self.source, **changed), self.spool, Errand(now, time.monotonic() + until)
        )

    def units(self) -> dict[str, bytes]:
        return {unit.file.name: unit.file.path.read_bytes() for unit in self.spool.waiting()}

    def names(self) -> list[str]:
        return [unit.file.name for unit in self.spool.waiting()]


@contextmanager
def fetcher(root: Path, source: Bucket) -> Iterator[Fetcher]:
    with State(root / "lastseen.sqlite") as state:
        yield Fetcher(source, Spool(state, root / "spool", source.name), root / "spool" / "logs")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A server that speaks S3."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


@pytest.fixture(scope="module")
def s3(endpoint: str) -> Any:
    """The other side: who writes the logs."""
    return fsspec.filesystem(
        "s3",
        endpoint_url=endpoint,
        key="testing",
        secret="testing",  # noqa: S106 - what that server takes
        skip_instance_cache=True,
        use_listings_cache=False,
    )


@pytest.fixture
def logs(endpoint: str, s3: Any, tmp_path: Path) -> Iterator[Fetcher]:
    """A bucket of its own for each test."""
    name = f"logs-{uuid4().hex[:8]}"
    s3.mkdir(name)
    source = Bucket(
        name="logs", url=f"s3://{name}/in", options={"endpoint_url": endpoint}, retries=0
    )
    with fetcher(tmp_path, source) as made:
        yield made


def inside(logs: Fetcher) -> str:
    return logs.source.url.removeprefix("s3://")


def test_objects_come_packed_as_they_are_and_once(logs: Fetcher, s3: Any) -> None:
    packed = gzip.compress(LINE)
    s3.pipe_file(f"{inside(logs)}/2026/a.log.gz", packed)
    s3.pipe_file(f"{inside(logs)}/b +é#.log", LINE)

    assert (logs.pull().problems, logs.pull().wanted) == ([], 0)

    assert logs.units() == {
        f"{logs.source.url}/2026/a.log.gz": packed,
        f"{logs.source.url}/b +é#.log": LINE,
    }


def test_an_object_that_appears_late_under_an_earlier_name_is_found(logs: Fetcher, s3: Any) -> None:
    s3.pipe_file(f"{inside(logs)}/2026-03-10.log", LINE)
    logs.pull()
    s3.pipe_file(f"{inside(logs)}/2026-03-01.log", LINE)

    assert logs.pull().wanted == 1

    assert len(logs.names()) == 2


def test_an_object_that_was_overwritten_is_new_and_one_written_again_is_not(
    logs: Fetcher, s3: Any
) -> None:
    s3.pipe_file(f"{inside(logs)}/a.log", b"one\n")
    logs.pull()
    s3.pipe_file(f"{inside(logs)}/a.log", b"one\n")
    assert logs.pull().wanted == 0
    s3.pipe_file(f"{inside(logs)}/a.log", b"two\n")
    assert logs.pull().wanted == 1

    assert [unit.file.path.read_bytes() for unit in logs.spool.waiting()] == [b"one\n", b"two\n"]


def test_empty_objects_and_markers_of_folders_are_passed_over(logs: Fetcher, s3: Any) -> None:
    s3.pipe_file(f"{inside(logs)}/empty.log", b"")
    s3.call_s3("put_object", Bucket=inside(logs).split("/")[0], Key="in/folder/", Body=b"")
    s3.pipe_file(f"{inside(logs)}/folder/a.log", LINE)

    assert (logs.pull().problems, logs.names()) == ([], [f"{logs.source.url}/folder/a.log"])


def test_a_glob_chooses_and_a_host_is_named_by_the_path(logs: Fetcher, s3: Any) -> None:
    for path in ("mac-015/a.log", "mac-015/a.txt", "mac-016/x/a.log", "mac-017/b.log"):
        s3.pipe_file(f"{inside(logs)}/{path}", path.encode())

    logs.pull(url=f"{logs.source.url}/{{host}}/*.log", format="tiny", zone="Europe/Berlin")

    assert [(u.file.name, u.file.emitter, u.format, u.zone) for u in logs.spool.waiting()] == [
        (f"{logs.source.url}/mac-015/a.log", "mac-015", "tiny", "Europe/Berlin"),
        (f"{logs.source.url}/mac-017/b.log", "mac-017", "tiny", "Europe/Berlin"),
    ]


def test_an_object_larger_than_a_piece_comes_whole(
    logs: Fetcher, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "_PIECE", 1000)
    data = os.urandom(4321)
    s3.pipe_file(f"{inside(logs)}/a.bin", data)

    logs.pull()

    assert logs.units() == {f"{logs.source.url}/a.bin": data}


def test_more_objects_than_are_fetched_at_once_come_in_the_order_of_their_names(
    logs: Fetcher, s3: Any
) -> None:
    s3.pipe({f"{inside(logs)}/{number:02}.log": LINE for number in range(20)})

    assert logs.pull(at_once=3).problems == []

    assert sorted(logs.names()) == [f"{logs.source.url}/{number:02}.log" for number in range(20)]


def test_a_bucket_that_is_not_there_is_a_sentence(logs: Fetcher) -> None:
    with pytest.raises(UserError) as error:
        logs.pull(url="s3://no-such-bucket-here/in")

    assert str(error.value) == "s3://no-such-bucket-here/in: there is no such bucket"


def test_a_path_with_nothing_in_it_is_a_problem_and_no_failure(logs: Fetcher) -> None:
    assert logs.pull().problems == [
        f"{logs.source.url}: there is nothing of that name; is the path right?"
    ]


def test_without_credentials_it_says_so(logs: Fetcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(UserError) as error:
        logs.pull()

    assert str(error.value) == (
        f"{logs.source.url}: no credentials were found; "
        "set them in the environment or the client's own files"
    )


def test_credentials_that_are_not_enough_are_a_sentence(logs: Fetcher, endpoint: str) -> None:
    httpx.post(f"{endpoint}/moto-api/reset-auth", content=b"0").raise_for_status()
    try:
        with pytest.raises(UserError) as error:
            logs.pull()
    finally:
        httpx.post(f"{endpoint}/moto-api/reset-auth", content=b"inf").raise_for_status()

    assert str(error.value) == (
        f"{logs.source.url}: access denied; may its credentials list and read there?"
    )


def test_a_store_that_cannot_be_reached_is_a_sentence_in_time(logs: Fetcher) -> None:
    began = time.monotonic()

    with pytest.raises(UserError) as error:
        logs.pull(options={"endpoint_url": "http://127.0.0.1:1"}, timeout=timedelta(seconds=0.5))

    assert time.monotonic() - began < 5
    assert str(error.value) == (
        f"{logs.source.url}: the store cannot be reached, or does not answer in time"
    )


def test_an_object_that_goes_away_meanwhile_is_no_problem(
    logs: Fetcher, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.pipe_file(f"{inside(logs)}/a.log", LINE)
    listed = listing.objects

    def then_deleted(*given: Any) -> Iterator[listing.Object]:
        yield from listed(*given)
        s3.rm(f"{inside(logs)}/a.log")

    monkeypatch.setattr(bucket, "objects", then_deleted)

    assert (logs.pull().problems, logs.names()) == ([], [])


def test_an_object_that_changes_meanwhile_waits_for_the_next_pull(
    logs: Fetcher, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.pipe_file(f"{inside(logs)}/a.log", b"one\n")
    with monkeypatch.context() as patch:
        listed = listing.objects

        def then_changed(*given: Any) -> Iterator[listing.Object]:
            yield from listed(*given)
            s3.pipe_file(f"{inside(logs)}/a.log", b"two\n")

        patch.setattr(bucket, "objects", then_changed)
        assert logs.pull().problems == [
            f"{logs.source.url}/a.log: it changed while it was fetched; the next pull brings it"
        ]
        assert logs.names() == []

    logs.pull()

    assert logs.units() == {f"{logs.source.url}/a.log": b"two\n"}
    assert len(list(logs.folder.iterdir())) == 1


def test_a_pull_that_is_stopped_keeps_what_came_and_the_next_brings_the_rest(
    logs: Fetcher, s3: Any
) -> None:
    s3.pipe({f"{inside(logs)}/{name}.log": LINE for name in "abc"})
    done: list[int] = []
    errand = Errand(
        NOW, time.monotonic() + 60, lambda: bool(done), lambda count, _: done.append(count)
    )

    outcome = bucket.pull(replace(logs.source, at_once=1), logs.spool, errand)

    assert (outcome.problems, outcome.wanted, len(logs.names())) == ([], 3, 1)
    assert (logs.pull().wanted, len(logs.names())) == (2, 3)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Fetcher]:
    """A store that is a folder."""
    (tmp_path / "in").mkdir()
    with fetcher(tmp_path, Bucket(name="logs", url=f"file://{tmp_path}/in", retries=0)) as made:
        yield made


def put(tmp_path: Path, name: str, when: datetime = NOW, data: bytes = LINE) -> Path:
    path = tmp_path / "in" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (when.timestamp(), when.timestamp()))
    return path


def test_a_pull_whose_time_is_over_says_how_much_waits(
    folder: Fetcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "a.log")
    put(tmp_path, "b.log")
    listed = listing.objects

    def slowly(*given: Any) -> Iterator[listing.Object]:
        yield from listed(*given)
        time.sleep(0.6)

    monkeypatch.setattr(bucket, "objects", slowly)

    assert folder.pull(until=0.5).problems == [
        f"file://{tmp_path}/in: the time was over; 2 of 2 objects wait for the next pull"
    ]
    assert folder.names() == []


def test_a_store_that_was_not_listed_in_time_says_what_to_change(logs: Fetcher) -> None:
    with pytest.raises(UserError) as error:
        logs.pull(until=-1)

    assert str(error.value) == (
        f"{logs.source.url}: the time was over before it was listed; narrow url or since, or raise deadline"
    )


def test_the_time_of_an_object_is_the_units_and_their_order(
    folder: Fetcher, tmp_path: Path
) -> None:
    put(tmp_path, "a.log", NOW)
    put(tmp_path, "b.log", NOW - timedelta(days=1))

    folder.pull()

    assert [(u.file.path.stat().st_mtime, u.file.name) for u in folder.spool.waiting()] == [
        (NOW.timestamp() - 86_400, f"file://{tmp_path}/in/b.log"),
        (NOW.timestamp(), f"file://{tmp_path}/in/a.log"),
    ]


def test_since_leaves_alone_what_changed_before(folder: Fetcher, tmp_path: Path) -> None:
    put(tmp_path, "old.log", NOW - timedelta(days=8))
    put(tmp_path, "new.log", NOW - timedelta(days=6))

    folder.pull(since=timedelta(days=7))

    assert folder.names() == [f"file://{tmp_path}/in/new.log"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("AWSLogs/123456789012/elasticloadbalancing/eu/2026/03/01", "AWSLogs/1/e/eu/2026/03/02"),
        ("year=2025/month=12/day=31", "year=2026/month=03/day=10"),
        ("2026/02", "2026/03/10/07"),
        ("dt=2026-03-01", "dt=2026-03-02"),
        ("20260301", "20260302"),
        ("2025", "logs"),
    ],
)
def test_since_saves_listing_folders_of_days_before(
    old: str, new: str, folder: Fetcher, tmp_path: Path
) -> None:
    # Fresh by its date: only the folder's name can have left it out.
    put(tmp_path, f"{old}/a.log")
    put(tmp_path, f"{new}/b.log")

    folder.pull(since=timedelta(days=7))
    assert folder.names() == [f"file://{tmp_path}/in/{new}/b.log"]

    folder.pull()
    assert len(folder.names()) == 2


def test_a_file_of_the_same_size_written_later_is_new(folder: Fetcher, tmp_path: Path) -> None:
    put(tmp_path, "a.log", NOW, b"one\n")
    folder.pull()
    put(tmp_path, "a.log", NOW + timedelta(microseconds=500), b"two\n")

    folder.pull()

    assert [u.file.path.read_bytes() for u in folder.spool.waiting()] == [b"one\n", b"two\n"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_objects_that_may_not_be_read_are_one_problem(folder: Fetcher, tmp_path: Path) -> None:
    put(tmp_path, "a.log").chmod(0)
    put(tmp_path, "b.log").chmod(0)
    put(tmp_path, "c.log")

    assert folder.pull().problems == [
        f"file://{tmp_path}/in/a.log: access denied; may its credentials list and read there? (1 more objects too)"
    ]
    assert folder.names() == [f"file://{tmp_path}/in/c.log"]


def test_any_store_of_fsspec_will_do(tmp_path: Path) -> None:
    name = uuid4().hex
    files = fsspec.filesystem("memory")
    files.pipe_file(f"/{name}/mac-015/a.log", LINE)
    with fetcher(tmp_path, Bucket(name="logs", url=f"memory://{name}/{{host}}")) as logs:
        logs.pull()

        (unit,) = logs.spool.waiting()
        assert (unit.file.name, unit.file.emitter) == (f"memory://{name}/mac-015/a.log", "mac-015")
        assert logs.pull().wanted == 0


class CutsOff(MemoryFileSystem):  # type: ignore[misc] # fsspec ships no types
    """A store whose connection breaks before the end, so many times."""

    protocol = "cutsoff"
    breaks = 0

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.replace("cutsoff://", "memory://")))

    def cat_file(self, path: str, start: int | None = None, end: int | None = None) -> bytes:
        data: bytes = super().cat_file(path, start, end)
        CutsOff.breaks -= 1
        return data[:-1] if CutsOff.breaks >= 0 else data


@pytest.fixture
def cuts_off(tmp_path: Path) -> Iterator[Fetcher]:
    fsspec.register_implementation("cutsoff", CutsOff, clobber=True)
    name = uuid4().hex
    fsspec.filesystem("memory").pipe({f"/{name}/{number}.log": LINE for number in range(9)})
    with fetcher(tmp_path, Bucket(name="logs", url=f"cutsoff://{name}", retries=1)) as made:
        yield made


def test_what_was_cut_off_is_asked_for_again(cuts_off: Fetcher) -> None:
    CutsOff.breaks = 1

    assert cuts_off.pull().problems == []

    assert list(cuts_off.units().values()) == [LINE] * 9


def test_what_is_cut_off_each_time_is_not_kept_and_a_store_that_does_it_is_left(
    cuts_off: Fetcher,
) -> None:
    CutsOff.breaks = 1000

    assert cuts_off.pull(retries=0).problems == [
        f"{cuts_off.source.url}/0.log: the store cannot be reached, or does not answer in time (4 more objects too)",
        f"{cuts_off.source.url}: 5 in a row failed; 4 of 9 objects wait for the next pull",
    ]
    assert cuts_off.names() == []
    assert list(cuts_off.folder.iterdir()) == []

    CutsOff.breaks = 0
    assert (cuts_off.pull().problems, len(cuts_off.names())) == ([], 9)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (
            "gs://bucket/a",
            "gs://bucket/a: the client for gs:// is not installed; pip install 'lastseen[gs]'",
        ),
        (
            "az://bucket/a",
            "az://bucket/a: the client for az:// is not installed; pip install 'lastseen[az]'",
        ),
        ("nope://bucket/a", "nope://bucket/a: the store's client says: Protocol not known: nope"),
    ],
)
def test_a_store_without_its_client_says_what_to_install(
    url: str, says: str, tmp_path: Path
) -> None:
    with fetcher(tmp_path, Bucket(name="logs", url=url)) as logs, pytest.raises(UserError) as error:
        logs.pull()

    assert str(error.value) == says


@pytest.mark.parametrize(
    ("entry", "is_version"),
    [
        ({"ETag": '"abc-2"', "size": 3}, "etag:abc-2"),
        ({"etag": "0x8D", "size": 3, "last_modified": NOW}, "etag:0x8D"),
        ({"md5Hash": "x==", "generation": "17", "etag": "CJ", "size": 3}, "md5hash:x=="),
        ({"generation": "17", "etag": "CJ", "size": 3}, "generation:17"),
        ({"mtime": 1.5, "size": 3}, "time:3:1970-01-01T00:00:01.500000+00:00"),
    ],
)
def test_a_version_is_what_the_store_calls_one(entry: dict[str, Any], is_version: str) -> None:
    assert listing.version(entry) == is_version


@pytest.mark.parametrize(
    "secret",
    [
        "https://example.com/b?X-Amz-Signature=SECRET&X-Amz-Credential=SECRET",
        "https://ada:SECRET@example.com/",
        "aws_secret_access_key = SECRET",
        'token: "SECRET"',
        "AccountKey=SECRET;",
        "AKIAIOSFODNN7SECRET",
        "SECRET" * 8,
    ],
)
def test_no_secret_of_a_clients_message_is_shown(secret: str) -> None:
    assert "SECRET" not in store.scrubbed(f"failed for {secret} again")


_FOLDERS = st.lists(st.from_regex(r"d[a-z0-9 ._=é-]{0,4}/", fullmatch=True), max_size=3)
_LEAVES = st.from_regex(r"f[a-z0-9 ._=é-]{0,8}", fullmatch=True)
_PATHS = st.builds(lambda folders, leaf: "".join(folders) + leaf, _FOLDERS, _LEAVES)
_TREES = st.dictionaries(_PATHS, st.binary(max_size=50), max_size=12)


@settings(max_examples=25, deadline=None)
@given(first=_TREES, second=_TREES)
def test_whatever_is_in_a_store_comes_once_in_two_pulls(
    first: dict[str, bytes], second: dict[str, bytes]
) -> None:
    name = uuid4().hex
    files = fsspec.filesystem("memory")
    write = partial(_write, files, name)
    with TemporaryDirectory() as folder:
        source = Bucket(name="logs", url=f"memory://{name}/{{host}}")
        files.makedirs(f"/{name}")
        with fetcher(Path(folder), source) as logs:
            write(first)
            logs.pull()
            write({path: data for path, data in second.items() if path not in first})
            logs.pull()

            expected = {
                f"memory://{name}/{path}": data
                for path, data in {**second, **first}.items()
                if data
            }
            assert logs.units() == expected
            assert len(logs.names()) == len(expected)


def _write(files: Any, name: str, tree: dict[str, bytes]) -> None:
    for path, data in tree.items():
        files.pipe_file(f"/{name}/{path}", data)


def test_what_a_bucket_holds_is_in_the_lake_once(tiny_project: Project, run: Runner) -> None:
    store_of_it = tiny_project.root / "store" / "mac-015"
    store_of_it.mkdir(parents=True)
    (store_of_it / "a.tiny.gz").write_bytes(gzip.compress(lines_of(range(3)).encode()))
    tiny_project.config.write_text(
        f'[sources.logs]\nkind = "bucket"\nurl = "file://{tiny_project.root}/store/{{host}}"\n'
    )

    for _ in range(2):
        assert run("-C", tiny_project.root, "pull", "logs").code == 0

    assert rows(lake_of(tiny_project), "tiny", "emitter, file, line") == [
        ("mac-015", f"file://{store_of_it}/a.tiny.gz", line) for line in (1, 2, 3)
    ]
