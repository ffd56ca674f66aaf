"""A drill's history there and back, and what its rows say is wrong in the files."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from drilling import GONE, LAYER, NAMED, ORPHANED, REMOVED, SEEN, Story, covered, group

from dockstore.core.drill_facts import Group, StateNote, facts, note_of
from dockstore.core.drill_findings import findings, override, with_fixes
from dockstore.core.drill_rows import rows
from dockstore.core.history_codec import dump, load
from dockstore.core.stack_model import ImageFacts, Service, Stack, StackMount, StackVolume

if TYPE_CHECKING:
    from collections.abc import Mapping

# --- there and back -----------------------------------------------------------------------------------------------------


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


# --- findings and the fix -----------------------------------------------------------------------------------------------


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


def test_a_file_beside_other_things_gets_no_volume_over_it() -> None:
    lone = group(path="/app.db", folder="/", store=LAYER)

    found = rows(Story(lone).event("recreate").saw(GONE).history())

    [told] = findings(found, None)
    assert told.fix == "let it write in a folder of its own instead of /app.db, and mount a named volume there: a volume takes the place of a folder"
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
