"""Histories on disk, there and back."""

from __future__ import annotations

import json
from dataclasses import fields
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest
from building import anonymous, engine_info, header, layer, place

from dockstore.core.history import Facts, Footer, Header, History, Made, Note, Observation, Operation, Placement
from dockstore.core.history import Testimony as Told
from dockstore.core.history_codec import HistoryError, dump, load
from dockstore.core.model import Completion, Home, Sight, Users, Vantage

if TYPE_CHECKING:
    from dockstore.core.history import Event

HEADER = header(
    vars={"n": "1"}, isolate=True, mutant="give it a name", engine=engine_info(extra={"two-engines": "yes"}, rootless=True), unmet=("swarm",)
)
EVENTS: tuple[Event, ...] = (
    Operation(
        step="3.1",
        verb="run",
        subject="db",
        label="first",
        completion=Completion.FAIL,
        began=0.5,
        ended=1.25,
        status=409,
        message="in use — «nämlich»\u2028",
        detail={"id": "c1", "api": "1.41"},
    ),
    Operation(step="4", verb="stop", subject="db", label=None, completion=Completion.UNSURE, began=1.0, ended=2.0),
    Placement(
        step="2",
        write="row",
        place=place("db:/data/row"),
        digest="d" * 64,
        size_bytes=36,
        store=anonymous(has_options=True, container="c1"),
        read_back=True,
    ),
    Placement(step="2", write="row", place=place("host:a"), digest="d", size_bytes=1, store=None, read_back=False, detail="no shell"),
    Observation(
        step="5",
        look="row",
        write="row",
        place=place("volume:rows/row"),
        sights={Vantage.ENGINE: Told(sight=Sight.SAME), Vantage.HOST: Told(sight=Sight.UNSEEN, detail="rootless")},
        home=Home.COVERED,
        home_detail="under a tmpfs",
        store_now=layer(),
        users=Users.NOBODY,
        used_by=("a:/data", "b:/vol"),
        began=3.0,
        ended=3.5,
    ),
    Observation(step="5", look="x", write="row", place=place("db:/row"), sights={}, home=Home.UNKNOWN, users=Users.UNKNOWN),
    Facts(
        step="6",
        look="listing",
        kind="read",
        subject="a:/app",
        values={"entries": ["one"], "size": 3, "exists": True, "ratio": [1.5], "mounts": {"/a": "bind"}, "text": "\ud800"},
        missing={"mode": "no stat"},
        raw='{"Id": "x"}',
    ),
    Made(kind="volume", id="9c1f", name="rows"),
    Note(about="db", text="line one\nline two"),
    Footer(ended=4.0, stopped_at="3", reason="no such image", interrupted=True, leftovers=("volume 9c1f",)),
)


def lines(*events: Event, start: Header = HEADER) -> list[str]:
    return [dump(start), *(dump(event) for event in events)]


@pytest.mark.parametrize("event", EVENTS, ids=[f"{number} {type(event).__name__}" for number, event in enumerate(EVENTS)])
def test_every_event_comes_back_as_it_was(event: Event) -> None:
    line = dump(event)

    assert "\n" not in line
    assert json.loads(line)["event"] == type(event).__name__.lower()
    assert load([dump(HEADER), line]) == History(header=HEADER, events=(event,))


def test_every_kind_of_event_is_among_those_that_are_tried() -> None:
    assert {type(event) for event in EVENTS} == {Operation, Placement, Observation, Facts, Made, Note, Footer}


def test_the_first_line_tells_what_the_file_is() -> None:
    first = json.loads(dump(HEADER))

    assert list(first)[:2] == ["schema", "event"]
    assert (first["schema"], first["event"], first["version"]) == ("dockstore.history/1", "header", 1)
    assert set(first) == {"schema", "event", *(field.name for field in fields(Header))}


def test_a_header_comes_back_as_it_was_and_the_path_is_kept() -> None:
    history = load(iter(lines()), path="one.jsonl")

    assert history == History(header=HEADER, events=(), path="one.jsonl")


def test_any_mapping_can_be_recorded() -> None:
    facts = Facts(step="1", look="x", kind="read", subject="y", values=MappingProxyType({"size": 1}))

    assert load(lines(facts)).events == (Facts(step="1", look="x", kind="read", subject="y", values={"size": 1}),)


def test_what_a_newer_dockstore_added_is_passed_over() -> None:
    newer = [json.loads(line) for line in lines(*EVENTS)]
    for event in newer:
        event["colour"] = "green"
    newer[0]["engine"]["colour"] = "green"
    newer[3]["store"]["colours"] = ["green"]
    newer[5]["sights"]["moon"] = {"sight": "same"}
    newer.insert(1, {"event": "eclipse", "of": "the moon"})

    assert load(json.dumps(event) for event in newer) == History(header=HEADER, events=EVENTS)


def test_what_a_history_repeats_is_one_value() -> None:
    first, second, third, fourth = load(lines(EVENTS[2], EVENTS[2], EVENTS[4], EVENTS[4])).events

    assert isinstance(first, Placement)
    assert isinstance(second, Placement)
    assert isinstance(third, Observation)
    assert isinstance(fourth, Observation)
    assert first.store is second.store
    assert first.place is second.place
    assert third.sights[Vantage.HOST] is fourth.sights[Vantage.HOST]


def test_a_torn_last_line_is_what_a_killed_run_leaves() -> None:
    torn = dump(EVENTS[1])[:40]

    assert load([*lines(EVENTS[0]), torn]).events == EVENTS[:1]
    assert load([*lines(EVENTS[0]), "", "  \n"]).events == EVENTS[:1]


def test_a_file_that_ends_at_any_byte_after_its_header_is_a_history() -> None:
    text = "\n".join(lines(*EVENTS))
    first = text.index("\n")

    for length in range(first, len(text) + 1):
        events = load(text[:length].splitlines(keepends=True)).events
        assert events == EVENTS[: len(events)]


def test_a_torn_line_before_the_last_is_an_error_with_its_place() -> None:
    torn = dump(EVENTS[1])[:40]

    with pytest.raises(HistoryError, match=r"^one\.jsonl:3: not JSON: ") as caught:
        load([*lines(EVENTS[0]), torn, dump(EVENTS[1])], path="one.jsonl")

    assert (caught.value.path, caught.value.line) == ("one.jsonl", 3)


def test_a_version_that_is_not_known_is_named() -> None:
    newer = dump(HEADER).replace("dockstore.history/1", "dockstore.history/7")

    with pytest.raises(HistoryError, match=r"^history:1: a history of version 7; this dockstore reads version 1$") as caught:
        load([newer])

    assert caught.value.hint == "read it with the dockstore that wrote it, or a newer one"


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ([], "1: no header: this is not a history, or its run was killed before it began"),
        (["", ""], "2: no header: this is not a history, or its run was killed before it began"),
        (['{"event": "head'], "1: no header: this is not a history, or its run was killed before it began"),
        (['{"event": "made"}'], '1: not a history: its first line has no \'"schema": "dockstore.history/1"\''),
        (["{}"], "1: not an event of a history: 'event' is missing or not known"),
        (["[]"], "1: not an event of a history: a mapping is wanted"),
        (["5"], "1: not an event of a history: a mapping is wanted"),
        ([*lines(), '{"event": "made", "kind": "volume", "id": "9c"}'], "2: not an event of a history: 'name' is missing or not known"),
        ([*lines(), dump(EVENTS[1]).replace("unsure", "perhaps")], "2: not an event of a history: 'perhaps' is missing or not known"),
        ([*lines(), dump(EVENTS[1]).replace("1.0", '"soon"')], '2: not an event of a history: can only concatenate str (not "float") to str'),
        ([dump(HEADER).replace('"storage_driver"', '"driver"')], "1: not an event of a history: 'storage_driver' is missing or not known"),
    ],
    ids=[
        "empty",
        "blank",
        "torn header",
        "no header",
        "no kind",
        "a list",
        "a number",
        "a key missing",
        "an unknown word",
        "a text for a time",
        "no driver",
    ],
)
def test_what_is_no_history_is_refused_with_its_place(text: list[str], fact: str) -> None:
    with pytest.raises(HistoryError) as caught:
        load(text, path="one.jsonl")

    assert str(caught.value) == f"one.jsonl:{fact}"


def test_a_long_history_is_read_whole() -> None:
    many = dump(EVENTS[1])

    history = load([dump(HEADER), *[many] * 5000])

    assert len(history.events) == 5000
    assert history.events[-1] == EVENTS[1]
