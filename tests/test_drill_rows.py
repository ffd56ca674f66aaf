"""What a drill's history is ruled to be: never a wrong verdict, whatever was seen or not."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from drilling import GONE, LAYER, NAMED, ORPHANED, REMOVED, SEEN, UNSEEN, Story, group

from dockstore.core.drill_facts import Group, StateNote, facts, note_of
from dockstore.core.drill_findings import findings, override, with_fixes
from dockstore.core.drill_rows import rows
from dockstore.core.history_codec import dump, load
from dockstore.core.model import Home, Sight, Users, Vantage
from dockstore.core.stack_model import ImageFacts, Service, Stack, StackMount, StackVolume
from dockstore.core.stack_report import RowFate, StackOutcome
from dockstore.runner.drill_report import report

if TYPE_CHECKING:
    from collections.abc import Mapping


def fate_of(story: Story) -> RowFate:
    (row,) = rows(story.history())
    return row.fate


# --- the marker decides where nobody speaks for the data -------------------------------------------------------------------


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


# --- how a marker lies ------------------------------------------------------------------------------------------------------


def test_files_that_were_all_made_anew_are_unknown_though_the_marker_is_there() -> None:
    assert fate_of(Story(group()).event("restart").saw(SEEN).after(renewed=True)) is RowFate.UNKNOWN


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


# --- the service's word -----------------------------------------------------------------------------------------------------


def covered(**changes: object) -> Story:
    return Story(group(probes=("rows",))).probe(**{"touched_files": True, "searchable": True, "saved": True, **changes})


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


# --- how a service stands ---------------------------------------------------------------------------------------------------


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


# --- what must survive ------------------------------------------------------------------------------------------------------


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


# --- laws -------------------------------------------------------------------------------------------------------------------

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


# --- there and back ---------------------------------------------------------------------------------------------------------


def test_a_drill_is_ruled_again_from_its_history_on_disk() -> None:
    history = covered().event("down+up").saw(ORPHANED).word("absent", searched=True, found=("volume x: y",)).history()

    lines = [dump(history.header), *(dump(event) for event in history.events)]

    assert rows(load(lines)) == rows(history)


def test_a_note_of_a_later_version_is_read_without_what_is_not_known() -> None:
    line = facts(group(), step="0", look="first start")
    raw = json.loads(line.raw)
    raw["more"] = 1
    raw["store"]["more"] = 2

    assert note_of(replace(line, raw=json.dumps(raw)), Group) == group()
    assert note_of(line, StateNote) is None


def test_a_history_without_a_stack_has_no_rows() -> None:
    history = Story(group()).history()

    assert rows(replace(history, events=history.events[1:])) == ()


# --- findings and the fix ---------------------------------------------------------------------------------------------------


def test_one_finding_for_an_anonymous_volume_not_one_for_each_event() -> None:
    found = rows(Story(group()).event("restart").saw(SEEN).event("down+up").saw(ORPHANED).event("remove+run").saw(ORPHANED).history())

    (finding,) = findings(found, None)

    assert (finding.rule, finding.severity, finding.service, finding.path) == ("DS201", "error", "db", "/data")
    assert "down+up, remove+run" in finding.message


@pytest.mark.parametrize(
    ("store", "seen", "rule"),
    [
        (LAYER, GONE, "DS101"),
        (replace(LAYER, key="/data", target="/data", kind="tmpfs"), GONE, "DS102"),
        (replace(NAMED, name="b" * 64, anonymous=True), ORPHANED, "DS202"),
    ],
    ids=["layer", "tmpfs", "anonymous by the file"],
)
def test_each_store_that_loses_has_its_rule(store: object, seen: Mapping[str, object], rule: str) -> None:
    found = rows(Story(group(store=store)).event("remove+run").saw(seen).history())

    assert [finding.rule for finding in findings(found, None)] == [rule]


def test_a_stack_that_keeps_its_data_is_quiet() -> None:
    found = rows(Story(group(store=NAMED)).event("down+up").saw(SEEN).history())

    assert findings(found, None) == ()
    assert override(found, None) is None


def test_the_fix_is_a_compose_file_with_what_has_to_change() -> None:
    found = with_fixes(rows(Story(group()).event("down+up").saw(ORPHANED).history()), None)

    assert found[0].fix == "services:\n  db:\n    volumes:\n      - db_data:/data\nvolumes:\n  db_data:"
    assert override(found, None) == (
        "# what dockstore drill would change; merged over the stack: docker compose -f compose.yaml -f THIS up -d\n"
        'services:\n  "db":\n    volumes:\n      - "db_data:/data"\nvolumes:\n  "db_data": {}\n'
    )


def stack_of(*mounts: StackMount, read_only: bool = False, volumes: tuple[StackVolume, ...] = ()) -> Stack:
    service = Service(name="db", image=ImageFacts(reference="x", known=True), mounts=mounts, read_only=read_only)
    return Stack(name="shop", files=("compose.yaml",), services=(service,), volumes=volumes)


@pytest.mark.parametrize(
    ("stack", "volume"),
    [
        (stack_of(read_only=True), "db_srv"),
        (stack_of(StackMount(kind="volume", target="/srv", source="kept", volume="shop_kept", read_only=True)), "kept"),
    ],
    ids=["a read-only container", "a read-only volume"],
)
def test_what_is_refused_by_a_read_only_place_is_told_and_mended(stack: Stack, volume: str) -> None:
    found = rows(Story().probe(says=False, refused=True, refused_at="/srv/rows", detail="Read-only file system").event("restart").history())

    assert [(finding.rule, finding.path) for finding in findings(found, stack)] == [("DS401", "/srv")]
    assert f'"{volume}:/srv"' in str(override(found, stack))


def test_a_read_only_folder_of_the_host_is_not_opened_by_a_fix() -> None:
    found = rows(Story().probe(says=False, refused=True, refused_at="/srv/rows", detail="Read-only file system").event("restart").history())
    stack = stack_of(StackMount(kind="bind", target="/srv", source="/home/me/srv", read_only=True))

    assert [finding.rule for finding in findings(found, stack)] == ["DS401"]
    assert override(found, stack) is None


def test_a_file_that_is_bound_alone_and_cannot_be_saved_by_rename_has_its_rule() -> None:
    file = replace(NAMED, key="/etc/app/x.conf", target="/etc/app/x.conf", kind="bind", single_file=True)
    story = Story(group(path="/etc/app/x.conf", folder="/etc/app", store=file, markable=False, found="declared"))

    found = rows(story.probe(says=False, refused=True, refused_at="/etc/app/new", detail="busy").event("restart").history())

    assert [(finding.rule, finding.severity, finding.fix) for finding in findings(found, None)] == [
        ("DS305", "error", "mount the folder /etc/app instead of the file")
    ]
    assert override(found, None) is None


def test_what_a_start_script_writes_over_has_its_rule_and_no_fix_in_a_compose_file() -> None:
    kept = group(store=NAMED, probes=("rows",))
    story = Story(kept).probe(touched_files=True, searchable=True, saved=True).event("restart").saw(SEEN).word("absent", searched=True, other=True)

    found = rows(story.history())

    assert [finding.rule for finding in findings(found, stack_of(StackMount(kind="volume", target="/data", source="kept", volume="p_data")))] == [
        "DS502"
    ]
    assert override(found, None) is None


def test_what_is_removed_from_a_volume_that_stays_has_its_rule_and_names_who_else_mounts_it() -> None:
    kept = replace(group(store=NAMED), seen_in=(("prepare", "/data"),))

    found = rows(Story(kept).event("recreate").saw(REMOVED).history())

    [told] = findings(found, stack_of(StackMount(kind="volume", target="/data", source="kept", volume="p_data")))
    assert (told.rule, told.severity) == ("DS502", "error")
    assert told.message.endswith("; it is gone from the volume p_data; prepare mounts it, too")
    assert override(found, None) is None


def test_a_named_volume_that_is_memory_by_its_options_is_told_so_and_another_is_mounted() -> None:
    volume = StackVolume(key="kept", name="p_data", driver_opts={"type": "tmpfs", "device": "tmpfs"})
    stack = stack_of(StackMount(kind="volume", target="/data", source="kept", volume="p_data"), volumes=(volume,))

    found = rows(Story(group(store=NAMED)).event("restart").saw(GONE).history())

    assert [(finding.rule, finding.path) for finding in findings(found, stack)] == [("DS102", "/data")]
    assert '"db_data:/data"' in str(override(found, stack))


@pytest.mark.parametrize(
    ("command", "mended"),
    [
        (("redis-server",), ["redis-server", "--appendonly", "yes"]),
        (("redis-server", "--appendonly", "no", "--save", ""), ["redis-server", "--appendonly", "yes", "--save", ""]),
        (("redis-server", "--save", "", "--appendonly"), None),
    ],
    ids=["said nothing", "said no", "said by half"],
)
def test_a_store_that_is_told_to_save_nothing_is_told_to_save_all(command: tuple[str, ...], mended: list[str] | None) -> None:
    story = Story().probe(name="redis", memory_only=True).event("restart").word("absent", probe="redis", searched=True)
    stack = stack_of(StackMount(kind="volume", target="/data", source="kept", volume="p_kept"))
    stack = replace(stack, services=(replace(stack.services[0], command=command),))

    fix = override(rows(story.history()), stack)

    assert fix is None if mended is None else f"command: {json.dumps(mended)}" in str(fix)


def test_what_an_upgrade_mounts_for_the_data_is_what_the_fix_begins_with() -> None:
    found = rows(Story(group(store=LAYER)).event("upgrade").saw(GONE).event("down+up").saw(GONE).history())

    assert '"rows:/data"' in str(override(found, None, upgrade=[("db", "/data", "rows"), ("web", "/data", "other")]))
    assert '"db_data:/data"' in str(override(found, None, upgrade=[("db", "/elsewhere", "rows")]))


def test_a_service_that_an_event_keeps_from_starting_is_told_with_the_last_line_of_its_log() -> None:
    story = Story(group(store=NAMED)).event("upgrade", state="cannot-start", detail="exit code 1").saw(SEEN)
    step, look = story.events[-2].step, "upgrade"  # type: ignore[union-attr]
    story.events[-2] = facts(
        StateNote(service="db", state="cannot-start", detail="exit code 1", log=("reading", "no permission")), step=step, look=look
    )

    (finding,) = findings(rows(story.history()), None)

    assert (finding.rule, finding.severity, finding.path) == ("DS404", "error", "/data")
    assert (
        "does not come up again after upgrade: the service does not come up again: exit code 1 (no permission); its bytes: it is still in"
        in finding.message
    )


def test_a_service_that_never_started_has_no_finding_that_blames_an_event() -> None:
    assert findings(rows(Story(state="cannot-start").event("restart", state="cannot-start").history()), None) == ()


def test_a_host_name_that_data_bear_is_fixed() -> None:
    found = rows(Story(group(store=NAMED)).event("recreate").saw(SEEN).after(host_name_moved="abc").history())

    assert [finding.rule for finding in findings(found, None)] == ["DS307"]
    assert 'hostname: "db"' in str(override(found, None))
