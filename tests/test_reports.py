"""The report: its first sentence, what is new, and a page that a browser is shown."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from lastseen import coverage, formats, lint, reports
from lastseen.coverage import Covered
from lastseen.errors import UserError
from lastseen.facts import Facts, gather
from lastseen.headline import Ground, Headline, Tally, headline
from lastseen.lake import COVERAGE
from lastseen.parquet import DAY
from lastseen.project import Project, shipped
from lastseen.reports import Rendered
from lastseen.rules import Finding
from lastseen.workspace import Workspace

CHROMIUM = Path("/usr/bin/chromium")
NOW = datetime(2026, 3, 10, 10, 5, tzinfo=UTC)
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "'-alert(3)-'</title></style><svg onload=alert(4)>",
    "{{ 7 * 7 }}{% include 'x' %}",
    "safe\u202egnp.exe",
    "\x1b[31mred\x1b[0m\x07",
]
PAGE_LIMIT = 2_000_000
README = (shipped() / "reports" / "README.md").read_text(encoding="utf-8")


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def lay(space: Workspace, table: str, covers: str, rows: Sequence[dict[str, Any]]) -> None:
    """Put rows into the lake as if a log of theirs had been added."""
    schema = formats.schemas(space.project, formats.load(space.project))[table].append(
        pa.field(DAY, pa.date32())
    )
    common = {
        "emitter": None,
        "file": f"/var/log/{table}.log",
        "process": table,
        "message": "",
        "level": "info",
    }
    whole = [
        {**common, "line": number, **row, DAY: row["ts"].date()}
        for number, row in enumerate(rows, 1)
    ]
    with space.lake.writer(table, schema) as writer:
        writer.write(pa.RecordBatch.from_pylist(whole, schema=schema))
        writer.commit({table: 1})
    times = [row["ts"] for row in rows]
    read = Covered(table, covers, None, f"{table}.log", min(times), max(times), len(rows), 0)
    with space.lake.writer(COVERAGE, coverage.SCHEMA) as writer:
        writer.write(coverage.batch([read], NOW))
        writer.commit({f"coverage {table}": 1})


def beats(host: str, since: datetime, until: datetime) -> Iterator[dict[str, Any]]:
    """A host's requests, four minutes apart."""
    at = since
    while at < until:
        yield {
            "ts": at, "host": host, "channel": "osquery", "endpoint": "/api/osquery/distributed/read", "status": 200,
        }  # fmt: skip
        at += timedelta(minutes=4)


def requests(space: Workspace, *spans: tuple[str, datetime, datetime]) -> None:
    rows = [row for span in spans for row in beats(*span)]
    lay(space, "nginx_access", "fleet", sorted(rows, key=lambda row: row["ts"]))


@pytest.fixture
def space(project: Project) -> Workspace:
    return Workspace.open(project.root)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    """A report over a lake in which every text was written by an enemy."""
    space = Workspace.open(tmp_path_factory.mktemp("hostile"))
    requests(
        space,
        *[
            (f"host {text}", ago(hours=30), ago(hours=2 if number % 2 else 0))
            for number, text in enumerate(HOSTILE)
        ],
    )
    lay(space, "fleet_server", "fleet", [
        {
            "ts": ago(minutes=50 + number), "host": f"host {text}", "component": "http",
            "uri": f"/api/{text}", "took_s": 1.0, "message": f"{words} {text}",
        }
        for number, text in enumerate(HOSTILE)
        for words in ("x509: certificate has expired", "Error 1213: Deadlock found")
    ])  # fmt: skip
    lay(space, "fleet_hosts", "fleet", [
        {
            "ts": ago(minutes=1), "host": f"host {text}", "os_version": f"OS {text}", "platform": "darwin",
            "seen_time": ago(minutes=3),
        }
        for text in HOSTILE
    ])  # fmt: skip
    return reports.render(space, "nightly", NOW)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium; nothing is downloaded."""
    sync = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not there; apt install chromium")
    with sync.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield chromium
        chromium.close()


class Look:
    """A page that is open, and all that it did."""

    def __init__(self, browser: Any, path: Path, width: int = 1280, scheme: str = "light") -> None:
        self.told: list[str] = []
        self.page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page.on("console", lambda message: self.told.append(f"console: {message.text}"))
        self.page.on("pageerror", lambda error: self.told.append(f"error: {error}"))
        self.page.on("dialog", self._spoke)
        self.page.on("request", self._asked)
        self.page.goto(path.as_uri())
        self.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")

    def _spoke(self, dialog: Any) -> None:
        self.told.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _asked(self, request: Any) -> None:
        if not request.url.startswith("file:") or request.resource_type != "document":
            self.told.append(f"request: {request.url}")


def test_the_page_asks_for_nothing_and_runs_nothing(browser: Any, hostile: Rendered) -> None:
    look = Look(browser, hostile.page)

    assert look.told == []
    assert (
        look.page.locator("script, img, iframe, object, link, [onload], [onerror], [style]").count()
        == 0
    )


def test_hostile_text_is_shown_as_it_is(browser: Any, hostile: Rendered) -> None:
    text = Look(browser, hostile.page).page.inner_text("body")

    assert "<script>alert(1)</script>" in text
    assert "{{ 7 * 7 }}{% include 'x' %}" in text
    assert "safe\\u202egnp.exe" in text
    assert "\\x1b[31mred" in text


def test_no_control_or_bidi_character_reaches_the_page_or_the_terminal(hostile: Rendered) -> None:
    harmful = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")

    assert not harmful.search(hostile.page.read_text(encoding="utf-8"))
    assert not harmful.search(hostile.text)
    assert not harmful.search(hostile.subject)


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
def test_the_page_never_scrolls_sideways(browser: Any, hostile: Rendered, width: int) -> None:
    page = Look(browser, hostile.page, width).page

    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_dark_is_dark(browser: Any, hostile: Rendered) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    light = Look(browser, hostile.page).page.evaluate(colour)
    dark = Look(browser, hostile.page, scheme="dark").page.evaluate(colour)

    assert (light, dark) == ("rgb(251, 251, 249)", "rgb(19, 23, 26)")


def test_charts_take_the_colours_of_the_page(browser: Any, hostile: Rendered) -> None:
    page = Look(browser, hostile.page, scheme="dark").page
    fill = "getComputedStyle(document.querySelector('#certificates .chart text')).fill"

    assert page.evaluate(fill) == "rgb(228, 233, 236)"


def test_every_picture_has_words(browser: Any, hostile: Rendered) -> None:
    page = Look(browser, hostile.page).page

    assert page.locator("svg:not([aria-hidden=true]):not([aria-label])").count() == 0
    assert page.locator("svg[role=img]").count() > len(HOSTILE)


def test_the_style_sheet_is_named_by_its_hash(hostile: Rendered) -> None:
    policy = re.search(
        r'Content-Security-Policy" content="([^"]+)"', hostile.page.read_text(encoding="utf-8")
    )

    assert policy is not None
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]{44}'; base-uri 'none'; form-action 'none'",
        policy[1],
    )


def test_the_same_lake_and_moment_give_the_same_bytes(space: Workspace) -> None:
    requests(space, ("mac-1", ago(hours=30), NOW), ("mac-2", ago(hours=30), ago(hours=3)))
    first = reports.render(space, "nightly", NOW)
    page = first.page.read_bytes()
    second = reports.render(space, "nightly", NOW)

    assert second.page.read_bytes() == page
    assert second == first


def test_findings_are_new_still_there_or_gone(space: Workspace) -> None:
    requests(
        space,
        ("always", ago(hours=60), NOW),
        ("newly", ago(hours=60), ago(hours=2)),
        ("still", ago(hours=60), ago(hours=30)),
        ("was", ago(hours=60), ago(hours=40)),
        ("was", ago(hours=26), NOW),
    )
    told, views, _ = gather(space, NOW)
    views.close()
    hosts = [
        [item.finding.host for card in cards for item in card.items]
        for cards in (told.new, told.still, told.gone)
    ]

    assert hosts == [["newly"], ["still"], ["was"]]
    assert told.verdicts == {
        "always": "fine",
        "was": "fine",
        "newly": "trouble",
        "still": "trouble",
    }


def test_all_is_well_where_every_host_and_log_is_accounted_for(space: Workspace) -> None:
    requests(space, ("mac-1", ago(hours=60), NOW), ("mac-2", ago(hours=60), NOW))
    rendered = reports.render(space, "nightly", NOW)

    assert (
        rendered.subject
        == "All well: 2 hosts are accounted for, every log came in and no rule found anything."
    )


def test_an_empty_lake_is_unknown_and_not_well(space: Workspace) -> None:
    rendered = reports.render(space, "nightly", NOW)

    assert rendered.subject.startswith(
        "Unknown: no log that would tell of every host was collected"
    )
    assert (
        "well"
        not in rendered.page.read_text(encoding="utf-8").partition("<nav")[0].partition("<h1>")[2]
    )


def test_a_host_is_unknown_once_its_log_is_no_longer_collected(space: Workspace) -> None:
    requests(space, ("mac-1", ago(hours=60), ago(hours=5)))
    told, views, _ = gather(space, NOW)
    views.close()

    assert told.headline.state == "unknown"
    assert told.verdicts == {"mac-1": "unknown"}


def finding(
    rule: str, host: str | None, since: datetime, together: str | None, **evidence: str
) -> Finding:
    return Finding(
        rule, "high", rule.title(), host, since, NOW, f"{rule} of {host}", evidence,
        explains=evidence.get("explains"), together=together,
    )  # fmt: skip


def sentence(*found: Finding, **hosts: Sequence[str]) -> Headline:
    tally = Tally(**{"trouble": (), "fine": (), "asleep": (), "unknown": (), **hosts})
    kinds = {"mac-014": "darwin", "mac-015": "darwin"}
    return headline(found, tally, Ground(NOW, []), kinds, NOW)


def test_several_troubles_are_one_sentence_the_felt_one_first() -> None:
    pending = "{hosts} {have} been {label} {when}"
    told = sentence(
        finding("push", None, ago(hours=2), "pushes to Apple fail {when}", explains="push-certificate"),
        finding("pending", "mac-014", ago(minutes=52), pending, label="Pending"),
        finding("pending", "mac-015", ago(minutes=51), pending, label="Pending"),
        trouble=("mac-014", "mac-015"), fine=["a"] * 7, asleep=["b"], unknown=["c", "d"],
    )  # fmt: skip

    assert str(told) == (
        "2 Macs (mac-014, mac-015) have been Pending since 09:13; pushes to Apple fail since 08:05. "
        "Of 12 hosts, 2 have findings, 7 are fine, 1 is asleep and 2 are unknown."
    )


def test_missing_data_alone_is_unknown_and_named() -> None:
    told = sentence(
        finding("gap", "mac-017", ago(hours=24), "no unified_log from {hosts} {when}", explains="collection-gap"),
        fine=["a"], unknown=["mac-017"],
    )  # fmt: skip

    assert told.state == "unknown"
    assert told.first == (
        "Nothing wrong where there is data, but no unified_log from mac-017 since 9 Mar 10:05; 1 host is unknown."
    )


def test_many_troubles_are_counted() -> None:
    told = sentence(
        *[finding(f"rule{number}", f"host-{number}", ago(hours=1), None) for number in range(9)]
    )

    assert told.first.endswith("; and 3 more troubles.")


def test_braces_in_what_a_log_says_are_no_places_to_fill() -> None:
    told = sentence(
        finding("rule", "{since}", ago(hours=1), "{hosts}: {words}", words="{hosts} {nothing} {0}")
    )

    assert told.first == "{since}: {hosts} {nothing} {0}."


def test_two_thousand_hosts_stay_below_two_megabytes(space: Workspace) -> None:
    hours = [("up-{}", 0.0), ("silent-{}", 4.0)]
    spans = [
        (name.format(number), ago(hours=8), ago(hours=gone))
        for name, gone in hours
        for number in range(1000)
    ]
    rows = [row for host, since, until in spans for row in beats(host, since, until)]
    lay(space, "nginx_access", "fleet", sorted(rows, key=lambda row: row["ts"]))
    rendered = reports.render(space, "nightly", NOW)

    assert rendered.page.stat().st_size < PAGE_LIMIT
    assert rendered.subject.startswith("1,000 hosts have been silent since 06:0")


def template(space: Workspace, name: str, text: str) -> Path:
    path = space.project.root / "reports" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_users_template_replaces_the_shipped_one(space: Workspace) -> None:
    template(
        space, "nightly.text.j2", "{{ tally.total }} hosts, {{ rows('select 6 * 7 as n')[0].n }}"
    )

    assert reports.render(space, "nightly", NOW).text == "0 hosts, 42"


def test_a_new_name_is_a_new_report(space: Workspace) -> None:
    template(space, "brief.html.j2", "<p>{{ headline }}</p>")
    rendered = reports.render(space, "brief", NOW)

    assert rendered.page.name == "brief.html"
    assert rendered.page.read_text(encoding="utf-8").startswith("<p>Unknown: ")


def test_an_unknown_report_is_an_error_that_names_the_known_ones(space: Workspace) -> None:
    with pytest.raises(UserError, match="no report weekly; known are nightly"):
        reports.render(space, "weekly", NOW)


WRONG = [
    ("a\n{{ nothing }}", 2, "'nothing' is undefined"),
    ("a\nb\n{% if %}", 3, "Expected an expression"),
    ("{% for row in rows('from hosts') %}\n{{ row.hots }}\n{% endfor %}", 2, "no attribute 'hots'"),
    ("a\n{{ rows('select hots from hosts') }}", 2, '"hots" not found'),
    ("{{ rows('drop view hosts') }}", 1, "only queries that read"),
    ("{{ rows(\"from read_text('/etc/passwd')\") }}", 1, "disabled"),
    ("{{ ''.__class__.__mro__ }}", 1, "unsafe"),
    ("{% include 'nowhere.html' %}", 1, "there is no template nowhere.html"),
]


def test_lint_names_the_file_and_line_of_a_wrong_template(space: Workspace) -> None:
    paths = [
        template(space, f"own{number}.html.j2", text) for number, (text, *_) in enumerate(WRONG)
    ]
    found = list(reports.problems(space))

    assert [(one.path, one.line) for one in found] == [
        (path, line) for path, (_, line, _) in zip(paths, WRONG, strict=True)
    ]
    assert [
        what for one, (*_, what) in zip(found, WRONG, strict=True) if what not in one.what
    ] == []


def test_a_template_of_no_report_is_refused(space: Workspace) -> None:
    template(space, "lonely.text.j2", "a")
    template(space, "nightly.pdf.j2", "a")
    found = [problem.what for problem in reports.problems(space)]

    assert len(found) == 2
    assert "there is no lonely.html.j2" in found[0]
    assert "PART is one of subject, text, html" in found[1]


def test_a_query_cannot_reach_outside_the_lake(space: Workspace) -> None:
    template(space, "own.html.j2", "{{ rows(\"from read_text('/etc/hostname')\") }}")
    with pytest.raises(UserError, match=r"own\.html\.j2:1: "):
        reports.render(space, "own", NOW)


def test_the_shipped_templates_are_sound(space: Workspace) -> None:
    assert list(reports.problems(space)) == []


def test_readme_names_all_that_a_template_is_given() -> None:
    told = [field.name for field in fields(Facts)]
    names = [*told, "rows", *reports.GLOBALS, *reports.filters(NOW)]
    table = "\n".join(line for line in README.splitlines() if line.startswith("|"))

    assert [name for name in names if not re.search(rf"`{name}[`(]", table)] == []


def test_lint_names_an_open_place_in_a_rules_clause(space: Workspace) -> None:
    rule = space.project.root / "rules" / "own.sql"
    rule.parent.mkdir()
    rule.write_text(
        "-- title: Own\n-- severity: low\n-- window: 1 day\n-- alert: {host}\n-- together: {hosts} {reson}\n--\n"
        "-- Prose.\n--\nselect host, snapshot_at as since, snapshot_at as until, platform as reason from hosts\n",
        encoding="utf-8",
    )
    found = [problem for problem in lint.problems(space) if problem.path == rule]

    assert [(problem.line, problem.what.partition(",")[0]) for problem in found] == [
        (5, "together names 'reson'")
    ]
