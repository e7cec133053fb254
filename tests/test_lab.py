from pathlib import Path

from lab import answers, case, score
from lab.answers import Answer
from lab.case import Case
from lab.scene import PAIRS, VARIANTS

from lastseen.causes import CAUSES


def written(one: Case, folder: Path) -> dict[str, bytes]:
    folder.mkdir()
    case.write(one, folder)
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_every_cause_has_at_least_two_variants() -> None:
    assert set(VARIANTS) == set(CAUSES)
    assert {cause for cause, known in VARIANTS.items() if len(known) < 2} == set()
    assert {cause for pair in PAIRS for cause in pair} <= set(CAUSES)


def test_a_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    one = written(Case(("network",), (0,), 1), tmp_path / "one")
    again = written(Case(("network",), (0,), 1), tmp_path / "again")
    other = written(Case(("network",), (0,), 2), tmp_path / "other")
    assert one == again
    assert one["truth.json"] != other["truth.json"]


def test_every_line_of_a_case_is_read(tmp_path: Path) -> None:
    case.write(Case(("push-certificate", "verification-stalled"), (0, 0), 0), tmp_path)
    _, results = answers.added(tmp_path)
    assert len(results) > 10
    assert [
        (one.file, one.rejects, one.problem) for one in results if one.rejects or one.problem
    ] == []


def host(role: str, causes: list[str], *, seen: bool = True) -> dict[str, object]:
    observable = dict.fromkeys(causes, seen)
    return {
        "role": role,
        "state": "pending",
        "causes": causes,
        "observable": observable,
        "allowed": [],
    }


def said(state: str, *causes: tuple[str, float], ruled_out: str = "") -> Answer:
    return Answer(state, causes, frozenset([ruled_out] if ruled_out else []), frozenset())


def test_answers_are_scored_against_the_truth() -> None:
    truth = {
        "causes": [{"cause": "not-now"}],
        "hosts": {
            "right": host("stuck", ["not-now"]),
            "second": host("stuck", ["not-now"]),
            "dark": host("stuck", ["not-now"], seen=False),
            "well": host("healthy", []),
            "slandered": host("healthy", []),
            "hidden": host("unknown", []),
        },
    }
    found = score.of_case(
        truth,
        {
            "right": said("pending", ("not-now", 0.9)),
            "second": said("pending", ("network", 0.8), ("not-now", 0.6)),
            "dark": said("ok", ruled_out="not-now"),
            "well": said("ok", ("network", 0.4)),
            "slandered": said("silent", ("network", 0.5)),
            "hidden": said("ok"),
        },
    )
    assert (found.observable, found.first, found.named, found.blamed) == (2, 1, 2, 1)
    assert (found.healthy, found.accused) == (2, 1)
    assert (found.ruled_out, found.uncovered) == (1, 2)
