"""Small files go through their format's query together, and each row and reject is still its own file's."""

from pathlib import Path

from support import NOW, add, ingest_format, lake_of, lines_of, messages, rejected, rows, tiny

from lastseen import formats
from lastseen.project import Project
from lastseen.reading import Query


def hosts(folder: Path, texts: dict[str, str]) -> str:
    for host, text in texts.items():
        (folder / host).mkdir(exist_ok=True)
        (folder / host / "app.tiny").write_text(text)
    return f"{folder}/{{host}}/app.tiny"


def test_each_row_names_its_own_file_line_and_host(tiny_project: Project, tmp_path: Path) -> None:
    texts = {f"mac-{n}": lines_of(range(n, n + 2)) for n in range(5)}
    add(tiny_project, hosts(tmp_path, texts))

    assert rows(lake_of(tiny_project), "tiny", "file, line, emitter, message") == [
        (f"{tmp_path}/{host}/app.tiny", line, host, text)
        for host, whole in texts.items()
        for line, text in enumerate(whole.splitlines(), 1)
    ]


def test_each_file_is_counted_by_itself(tiny_project: Project, tmp_path: Path) -> None:
    texts = {
        "a": tiny(1),
        "b": "no time\n" * 3,
        "c": "## banner\n" + tiny(2) + "bad\n",
        "d": tiny(3),
    }
    results = add(tiny_project, hosts(tmp_path, texts))

    assert [(r.rows, r.rejects, r.skipped) for r in results] == [
        (1, 0, 0), (0, 3, 0), (1, 1, 1), (1, 0, 0),
    ]  # fmt: skip
    assert rows(lake_of(tiny_project), "rejects", "emitter, line, text", "file, line") == [
        ("b", 1, "no time"), ("b", 2, "no time"), ("b", 3, "no time"), ("c", 3, "bad"),
    ]  # fmt: skip


def test_two_copies_in_one_batch_are_one_file(tiny_project: Project, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    for name in ("a.tiny", "b.tiny", "c.tiny"):
        (logs / name).write_text(lines_of(range(4)))
    (logs / "grown.tiny").write_text(lines_of(range(6)))
    results = add(tiny_project, logs)

    assert len(messages(tiny_project)) == 6
    assert [result.already for result in results] == [False, True, True, False]


def test_a_file_that_grew_goes_on_from_its_own_line(tiny_project: Project, tmp_path: Path) -> None:
    where = hosts(tmp_path, {"a": lines_of(range(3)), "b": lines_of(range(10, 12))})
    add(tiny_project, where)
    hosts(tmp_path, {"a": lines_of(range(4)), "b": lines_of(range(10, 13)) + "bad\n"})
    add(tiny_project, where)

    assert rows(lake_of(tiny_project), "tiny", "emitter, line", "emitter, line")[-3:] == [
        ("b", 1), ("b", 2), ("b", 3),
    ]  # fmt: skip
    assert rejected(tiny_project) == ["bad"]


def test_a_file_that_breaks_off_leaves_the_others_whole(
    tiny_project: Project, tmp_path: Path
) -> None:
    where = hosts(tmp_path, {"a": tiny(1), "c": tiny(3)})
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "app.tiny").write_bytes(b"\x1f\x8b\x08\x00broken from the start")
    results = add(tiny_project, where)

    assert [bool(result.problem) for result in results] == [True, False, False]
    assert len(messages(tiny_project)) == 2


def test_a_query_that_asks_of_one_file_gets_one_at_a_time(
    tiny_project: Project, tmp_path: Path
) -> None:
    text = (tiny_project.root / "ingest" / "tiny.sql").read_text()
    ingest_format(
        tiny_project, text.replace("text as message", "getvariable('file') || text as message")
    )
    add(tiny_project, hosts(tmp_path, {"a": tiny(1), "b": tiny(1)}))

    assert messages(tiny_project) == [
        f"{tmp_path}/a/app.tiny{tiny(1).strip()}",
        f"{tmp_path}/b/app.tiny{tiny(1).strip()}",
    ]


def test_which_shipped_formats_go_together(project: Project) -> None:
    with formats.prepare(project) as con:
        loaded = formats.load(project)
        alone = [name for name, form in loaded.items() if not Query(con, form, NOW).together]

    assert {"unified_log", "fleet_server", "nginx_access"}.isdisjoint(alone)
    assert {"syslog", "orbit", "fleet_hosts"} <= set(alone)
