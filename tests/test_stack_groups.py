"""What a report says once of several places: nothing is left out, and twenty services stay readable."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from test_stack_reports import drill

from dockstore.core.model import StoreKind
from dockstore.core.stack_model import Spot
from dockstore.core.stack_report import Finding, RowFate, RowStore, ServiceState, StackOutcome, StackReport
from dockstore.core.stack_words import next_step
from dockstore.reports import stack_groups, stack_markdown, stack_table

ROW = replace(drill().rows[0], recover=None)


def many(count: int = 8) -> StackReport:
    rows = tuple(
        replace(ROW, service=f"s{number}", store=RowStore(kind=StoreKind.VOLUME, name=str(number) * 64, anonymous=True)) for number in range(count)
    )
    return drill(rows=rows, findings=(), limits=tuple(f"s{number}: no ports" for number in range(count)), services=())


def test_findings_with_one_message_are_one_with_every_place() -> None:
    one = Finding(rule="DS902", severity="advice", service="a", path=None, spot=Spot(file="compose.yaml", line=3, column=5), message="m")
    several = [
        one,
        replace(one, spot=Spot(file="compose.yaml", line=9, column=5)),
        replace(one, spot=Spot(file="more.yaml", line=2, column=1)),
        replace(one, spot=None, service="b"),
        replace(one, message="another"),
    ]

    found = stack_groups.findings(several)

    assert [same.spots for same in found] == [("compose.yaml:3:5", "9:5", "more.yaml:2:1", "b"), ("compose.yaml:3:5",)]


def test_places_with_one_fate_and_reason_are_one_reason() -> None:
    found = stack_groups.reasons(many(3).rows)

    assert [(reason.places, reason.events, reason.by) for reason in found] == [
        (("s0:/var/lib/mysql", "s1:/var/lib/mysql", "s2:/var/lib/mysql"), ("down+up",), "by")
    ]


def test_what_is_not_known_is_no_events_doing() -> None:
    (reason,) = stack_groups.reasons([replace(ROW, fate=RowFate.UNKNOWN)])

    assert reason.by == "after"


def test_limits_of_several_services_are_one() -> None:
    services = tuple(ServiceState(service=name, state="up") for name in ("a", "b"))
    report = drill(services=services, limits=("a: no ports", "other: no ports", "b: no ports", "ports"))

    assert stack_groups.limits(report) == ["a, b: no ports", "other: no ports", "ports"]


def test_many_places_that_are_alike_share_a_column_and_each_is_named() -> None:
    text = stack_table.render([many()], width=80)

    assert "s0:/var/lib/mysql (+7)" in text
    assert re.search(r"^in +anonymous volume$", text, re.MULTILINE)
    assert re.sub(r"\n  ", " ", text).count("like s0:/var/lib/mysql: " + ", ".join(f"s{number}:/var/lib/mysql" for number in range(1, 8))) == 1
    assert "(+" not in stack_table.render([many()], width=80, verbose=True)
    assert "(+" not in stack_table.render([many(3)], width=80)


def test_a_long_path_stays_whole_to_be_copied() -> None:
    path = "/srv/" + "deep/" * 30 + "end"

    text = stack_table.render([drill(rows=(replace(ROW, path=path),), findings=())], width=60)

    assert f"db:{path}" in text.split()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "audit"}, "to decide it: dockstore drill compose.yaml; where a service keeps nothing, say so"),
        ({"kind": "audit", "files": ("a.yaml", "b.yaml")}, "to decide it: dockstore drill -f a.yaml -f b.yaml; where"),
        ({}, "to decide it: give the service more time (--timeout)"),
        ({"services": ()}, "to decide it: a probe lets the service itself tell"),
    ],
    ids=["an audit", "of several files", "a slow service", "a drill"],
)
def test_an_undecided_answer_says_what_to_do(changes: dict[str, object], words: str) -> None:
    report = drill(outcome=StackOutcome.UNDECIDED, findings=(), **changes)

    told = next_step(report)

    assert told is not None
    assert told.startswith(words)
    assert told in re.sub(r"\n  ", " ", stack_table.render([report], width=200))
    assert words.partition(": ")[2][:20] in stack_markdown.render([report]).replace("\\", "")


def test_a_decided_answer_says_nothing_of_the_kind() -> None:
    assert next_step(drill()) is None
    assert next_step(drill(outcome=StackOutcome.UNDECIDED, interrupted=True)) is None
