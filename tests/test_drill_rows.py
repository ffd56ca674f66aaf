"""What a drill's history is ruled to be: never a wrong verdict, whatever was seen or not."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from drilling import GONE, LAYER, NAMED, ORPHANED, SEEN, UNSEEN, Story, covered, fate_of, group

from dockstore.core.drill_facts import StateNote, facts
from dockstore.core.drill_findings import findings
from dockstore.core.drill_rows import rows
from dockstore.core.model import Home, Sight, Users, Vantage
from dockstore.core.stack_report import RowFate, StackOutcome
from dockstore.runner.drill_report import report

if TYPE_CHECKING:
    from collections.abc import Mapping

# --- the marker decides where nobody speaks for the data ----------------------------------------------------------------


def test_a_marker_that_everybody_sees_has_persisted() -> None:
    (row,) = rows(Story(group()).event("restart").saw(SEEN).history())

    assert row.fate is RowFate.PERSISTED
    assert row.must_survive
    assert row.service_after == "up"
    assert row.sights == {Vantage.ENGINE: Sight.SAME, Vantage.HOST: Sight.SAME, Vantage.CONTAINER: Sight.SAME}


def test_an_anonymous_volume_left_behind_is_orphaned_and_the_way_back_is_told() -> None:
    (row,) = rows(Story(group()).event("down+up").saw(ORPHANED).history())

    assert row.fate is RowFate.ORPHANED
    assert row.recover == f"docker run --rm -v {'a' * 64}:/from:ro -v db_data:/to busybox cp -a /from/. /to/   # then mount db_data at /data"


def test_a_writable_layer_that_went_is_lost() -> None:
    assert fate_of(Story(group(store=LAYER)).event("recreate").saw(GONE)) is RowFate.LOST


def test_what_nobody_could_see_is_unknown() -> None:
    assert fate_of(Story(group()).event("restart").saw(UNSEEN)) is RowFate.UNKNOWN


def test_an_event_whose_look_never_came_has_no_row_that_says_more_than_unknown() -> None:
    assert fate_of(Story(group()).event("restart")) is RowFate.UNKNOWN


def test_a_marker_that_could_not_be_planted_says_nothing() -> None:
    assert fate_of(Story(group()).event("restart", read_back=False)) is RowFate.UNKNOWN


def test_persisted_where_nothing_was_ever_written_is_unknown_and_no_alarm() -> None:
    (row,) = rows(Story(group(found="declared")).event("restart").saw(SEEN).history())

    assert row.fate is RowFate.UNKNOWN
    assert not row.must_survive


def test_a_refused_write_where_the_service_writes_nothing_is_unwritable() -> None:
    (row,) = rows(Story(group(found="declared")).event("restart", read_back=False, refused="Permission denied").history())

    assert row.fate is RowFate.UNWRITABLE
    assert row.must_survive


def test_a_refused_write_where_the_service_writes_elsewhere_is_a_mount_that_is_not_used() -> None:
    elsewhere = group(path="/other", folder="/other")
    story = Story(group(found="declared"), elsewhere).event("restart", read_back=False, refused="Permission denied")

    row = next(row for row in rows(story.history()) if row.path == "/data")

    assert row.fate is RowFate.UNKNOWN
    assert "mounted, not used" in row.why
    assert not row.must_survive


# --- how a marker lies --------------------------------------------------------------------------------------------------


def test_files_that_were_all_made_anew_are_unknown_though_the_marker_is_there() -> None:
    assert fate_of(Story(group()).event("restart").saw(SEEN).after(renewed=True)) is RowFate.UNKNOWN


@pytest.mark.parametrize(("held", "holds", "fate"), [(292, 0, RowFate.UNKNOWN), (292, 145, RowFate.UNKNOWN), (292, 146, RowFate.PERSISTED)])
def test_files_that_hold_less_than_half_of_what_they_held_are_unknown_though_the_marker_is_there(held: int, holds: int, fate: RowFate) -> None:
    told = Story(group()).event("restart").saw(SEEN).after(kept_files=True, held=held, holds=holds)

    assert fate_of(told) is fate


def test_a_single_file_that_was_emptied_is_unknown_though_it_is_the_very_file() -> None:
    alone = group(markable=False)

    assert fate_of(Story(alone).event("restart").after(kept_files=True, held=5, holds=5)) is RowFate.PERSISTED
    assert fate_of(Story(alone).event("restart").after(kept_files=True, held=5, holds=0)) is RowFate.UNKNOWN


def test_data_under_an_old_host_name_are_orphaned_though_the_marker_is_there() -> None:
    assert fate_of(Story(group()).event("recreate").saw(SEEN).after(host_name_moved="abc", kept_files=True)) is RowFate.ORPHANED


def test_a_service_that_begins_anew_elsewhere_has_orphaned_what_lies_untouched() -> None:
    assert fate_of(Story(group()).event("upgrade").saw(SEEN).after(moved_to="/new", kept_files=True)) is RowFate.ORPHANED


def test_what_is_written_in_a_graceful_stop_only_is_unknown_after_a_kill() -> None:
    assert fate_of(Story(group(written_at_stop=True)).event("kill+start").saw(SEEN)) is RowFate.UNKNOWN
    assert fate_of(Story(group(written_at_stop=True)).event("stop+start").saw(SEEN)) is RowFate.PERSISTED


def test_a_marker_swept_away_beside_the_very_files_of_before_is_unknown() -> None:
    swept = {**SEEN, "container": Sight.ABSENT, "host": Sight.ABSENT}

    assert fate_of(Story(group()).event("restart").saw(swept)) is RowFate.LOST
    assert fate_of(Story(group()).event("restart").saw(swept).after(kept_files=True)) is RowFate.UNKNOWN


# --- the service's word -------------------------------------------------------------------------------------------------


def test_what_the_service_finds_again_has_persisted() -> None:
    (row,) = rows(covered().event("restart").saw(SEEN).word("same").history())

    assert row.fate is RowFate.PERSISTED
    assert row.sights[Vantage.SERVICE] is Sight.SAME


def test_what_the_service_finds_again_though_the_marker_is_gone_is_no_loss() -> None:
    assert fate_of(covered().event("recreate").saw(GONE).word("same")) is RowFate.PERSISTED
    assert fate_of(covered().event("recreate").saw(ORPHANED).word("same")) is RowFate.CARRIED


def test_what_the_service_misses_is_orphaned_where_its_bytes_are_found() -> None:
    story = covered().event("recreate").saw(SEEN).word("absent", searched=True, found=("volume p_data: mnesia/x",), found_stores=("p_data",))

    assert fate_of(story) is RowFate.ORPHANED


def test_what_the_service_misses_is_lost_where_a_search_that_works_finds_nothing() -> None:
    assert fate_of(covered().event("recreate").saw(GONE).word("absent", searched=True)) is RowFate.LOST


def test_what_the_service_misses_is_unknown_where_the_search_could_not_see_everything() -> None:
    assert fate_of(covered().event("recreate").saw(SEEN).word("absent", searched=False)) is RowFate.UNKNOWN


def test_other_bytes_in_the_same_store_are_altered_not_lost() -> None:
    (row,) = rows(covered().event("restart").saw(SEEN).word("absent", searched=True, other=True).history())

    assert row.fate is RowFate.ALTERED
    assert row.why.endswith("; its store is the same, and there are other bytes in its place")
    assert fate_of(covered().event("down+up").saw(GONE).word("absent", searched=True, other=True)) is RowFate.LOST


@pytest.mark.parametrize("at", ["/data/x", "/data", None])
def test_a_write_that_the_service_was_refused_is_unwritable_from_the_first(at: str | None) -> None:
    story = Story(group()).probe(says=False, refused=True, refused_at=at, detail="no")

    found = rows(story.event("restart").saw(SEEN).history())

    (row,) = [row for row in found if row.fate is RowFate.UNWRITABLE]
    assert (row.path, row.must_survive) == ("/data" if at else None, True)
    assert row.why == "the service's write is refused (rows: no)"
    assert [finding.rule for finding in findings((row,), None)] == ["DS402"]


def test_a_save_by_rename_onto_a_mount_of_a_single_file_is_refused_with_its_reason() -> None:
    file = replace(NAMED, key="/etc/app/x.conf", target="/etc/app/x.conf", kind="bind", single_file=True)
    story = Story(group(path="/etc/app/x.conf", folder="/etc/app", store=file, markable=False))

    (row,) = rows(story.probe(says=False, refused=True, refused_at="/etc/app/new", detail="busy").event("restart").history())

    assert row.fate is RowFate.UNWRITABLE
    assert row.why.endswith("; it is a mount of a single file, and nothing can be renamed onto a mount")


def test_what_is_packed_at_a_stop_is_not_called_lost_because_a_search_finds_nothing() -> None:
    assert fate_of(covered(saved=False).event("restart").saw(SEEN).word("absent", searched=True)) is RowFate.UNKNOWN
    assert fate_of(covered(saved=False).event("down+up").saw(ORPHANED).word("absent", searched=True)) is RowFate.ORPHANED
    assert fate_of(covered(saved=False).event("down+up").saw(GONE).word("absent", searched=True)) is RowFate.LOST


def test_what_is_saved_at_a_stop_only_is_lost_in_a_kill() -> None:
    story = Story(group(written_at_stop=True)).probe(touched_files=False, saved=True).event("kill+start").saw(SEEN).word("absent", searched=True)

    (row,) = rows(story.history())

    assert row.fate is RowFate.LOST
    assert row.why.endswith("and its bytes are in no store that the stack ever had; it was not written to any file yet")


def test_what_a_probe_wrote_to_a_file_in_a_form_of_its_own_is_not_called_lost_in_a_kill() -> None:
    story = covered(searchable=False).event("kill+start").saw(SEEN).word("absent", searched=True)

    assert fate_of(story) is RowFate.UNKNOWN


def test_what_the_service_misses_counts_as_a_loss_whatever_became_of_its_bytes() -> None:
    history = covered().event("restart").saw(SEEN).word("absent", searched=False).history()

    found = report(history)

    assert found.outcome is StackOutcome.LOSES_DATA


def test_a_store_that_could_not_be_listed_leaves_a_good_answer_undecided() -> None:
    story = Story(group()).event("restart").saw(SEEN)
    story.events[1] = facts(StateNote(service="db", state="up", unseen=("/",)), step="0", look="first start")

    found = report(story.history())

    assert found.outcome is StackOutcome.UNDECIDED


def test_data_that_were_in_memory_only_are_lost_with_the_process() -> None:
    (row,) = rows(Story().probe(memory_only=True).event("restart").word("absent", searched=True).history())

    assert row.fate is RowFate.LOST
    assert row.path is None
    assert row.must_survive


def test_a_probe_that_touched_no_file_speaks_for_all_data_of_its_service() -> None:
    story = Story(group()).probe(touched_files=False).event("restart").saw(SEEN).word("absent", searched=True)

    (row,) = rows(story.history())

    assert (row.path, row.fate) == ("/data", RowFate.UNKNOWN)


def test_a_probe_without_a_say_is_not_asked() -> None:
    story = Story(group(probes=("rows",))).probe(says=False, touched_files=True).event("restart").saw(SEEN).word("absent", read_before=False)

    assert fate_of(story) is RowFate.PERSISTED


def test_a_service_that_cannot_be_asked_leaves_the_marker_to_decide() -> None:
    assert fate_of(covered().event("restart").saw(SEEN).word("unseen")) is RowFate.PERSISTED


def test_of_several_words_the_worst_counts() -> None:
    story = covered().probe(name="uploads", says=True, touched_files=True, searchable=True, saved=True)
    story.groups = (replace(story.groups[0], probes=("rows", "uploads")),)
    story.events[2] = facts(story.groups[0], step="0", look="first start")
    story.event("restart").saw(SEEN).word("same").word("absent", probe="uploads", searched=True)

    assert fate_of(story) is RowFate.LOST


# --- how a service stands -----------------------------------------------------------------------------------------------


def test_a_service_that_does_not_come_up_again_cannot_start_and_its_bytes_are_told() -> None:
    (row,) = rows(Story(group()).event("upgrade", state="cannot-start", detail="exit code 1").saw(SEEN).history())

    assert row.fate is RowFate.CANNOT_START
    assert "exit code 1" in row.why
    assert row.service_after == "down"


def test_a_slow_service_is_unknown_never_one_that_cannot_start() -> None:
    assert fate_of(Story(group()).event("restart", state="slow").saw(SEEN)) is RowFate.UNKNOWN


def test_a_service_that_never_came_up_has_one_answer_for_every_event() -> None:
    story = Story(state="cannot-start").event("restart", state="cannot-start").event("down+up", state="cannot-start")

    assert [(row.event, row.fate, row.path) for row in rows(story.history())] == [
        ("restart", RowFate.CANNOT_START, None),
        ("down+up", RowFate.CANNOT_START, None),
    ]


def test_an_event_that_could_not_be_played_tells_nothing() -> None:
    (row,) = rows(Story(group()).event("remove+run").refused("the engine is busy").saw(SEEN).history())

    assert row.fate is RowFate.UNKNOWN
    assert row.why == "the event could not be played: docker compose rm: the engine is busy"


def test_an_up_that_failed_for_another_service_leaves_this_one_its_word() -> None:
    assert fate_of(Story(group()).event("remove+run").refused("dependency web failed to start", verb="up").saw(SEEN)) is RowFate.PERSISTED


def test_a_bind_source_is_called_by_its_owners_name_not_by_that_of_its_copy() -> None:
    story = Story(state="cannot-start").event("restart", state="cannot-start")
    detail = "no such path: /var/tmp/dockstore-7f9c3861-1/binds/home/me/shop/data"
    story.events[1] = facts(StateNote(service="db", state="cannot-start", detail=detail), step="0", look="first start")

    found = report(story.history())

    assert found.services[0].detail == "no such path: /home/me/shop/data"
    assert found.rows[0].why == "the service never came up: no such path: /home/me/shop/data"


# --- what must survive --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "role", "must", "ignore", "expected"),
    [
        ("restart", "data", (), (), True),
        ("down-v+up", "data", (), (), False),
        ("down-v+up", "data", ("down-v+up",), (), True),
        ("down-v+up", "data", ("/data",), (), True),
        ("restart", "scratch", (), (), False),
        ("restart", "scratch", ("db:/data",), (), True),
        ("restart", "data", (), ("db:/data",), False),
        ("restart", "data", (), ("db",), False),
        ("restart", "data", (), ("/dat*",), False),
        ("restart", "data", (), ("web:/data",), True),
        ("restart", "data", (), ("restart",), False),
    ],
)
def test_what_must_survive_is_data_in_routine_events_unless_said_otherwise(
    event: str, role: str, must: tuple[str, ...], ignore: tuple[str, ...], expected: bool
) -> None:
    story = Story(group(role=role), must_survive=must, ignore=ignore).event(event).saw(SEEN)

    (row,) = rows(story.history())

    assert row.must_survive is expected


# --- laws ---------------------------------------------------------------------------------------------------------------


EVERY = list(itertools.product(Sight, Home, Sight, Sight, Users))


def test_no_marker_is_lost_while_container_or_host_sees_it_and_none_persists_unless_the_container_does() -> None:
    for container, home, host, engine, users in EVERY:
        seen: Mapping[str, object] = {"container": container, "home": home, "host": host, "engine": engine, "users": users}
        fate = fate_of(Story(group()).event("restart").saw(seen))
        if Sight.SAME in {container, host}:
            assert fate not in {RowFate.LOST, RowFate.ALTERED}
        if fate is RowFate.PERSISTED:
            assert container is Sight.SAME


@pytest.mark.parametrize("seen", [SEEN, ORPHANED, GONE, UNSEEN], ids=["seen", "orphaned", "gone", "unseen"])
@pytest.mark.parametrize("searched", [True, False])
@pytest.mark.parametrize("searchable", [True, False])
@pytest.mark.parametrize("saved", [True, False])
@pytest.mark.parametrize("touched", [True, False])
@pytest.mark.parametrize("event", ["restart", "kill+start"])
def test_what_the_service_misses_never_persists_and_is_lost_only_where_its_bytes_would_be_found_or_their_store_is_gone(
    seen: Mapping[str, object], searched: bool, searchable: bool, saved: bool, touched: bool, event: str
) -> None:
    story = Story(group(probes=("rows",) if touched else ())).probe(touched_files=touched, searchable=searchable, saved=saved)

    fate = fate_of(story.event(event).saw(seen).word("absent", searched=searched))

    would_be_found = saved and (event == "restart" or searchable or not touched)
    assert fate not in {RowFate.PERSISTED, RowFate.CARRIED}
    assert (fate is RowFate.LOST) is (searched and (would_be_found or (touched and seen is GONE)))


def test_what_the_service_finds_again_has_persisted_whatever_host_name_its_files_bear() -> None:
    assert fate_of(covered().event("recreate").saw(SEEN).word("same").after(host_name_moved="abc")) is RowFate.PERSISTED


def test_what_the_service_misses_under_an_old_host_name_says_so() -> None:
    story = covered().event("recreate").saw(SEEN).word("absent", searched=True, found=("volume x: y",)).after(host_name_moved="abc")

    (row,) = rows(story.history())

    assert row.fate is RowFate.ORPHANED
    assert row.why.endswith("; the service writes under its host name, which is abc now")
    assert [finding.rule for finding in findings((row,), None)] == ["DS307"]
