"""Drills of a change in Git: what is compared, what is new, where the change's own files say so, and that a history has it all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from drilling import ORPHANED, SEEN, Story, group

from dockstore.core.drill_facts import StackNote, facts
from dockstore.core.history import Footer
from dockstore.core.history_codec import dump, load
from dockstore.core.stack_changes import changes, is_upgrade
from dockstore.core.stack_model import Ignore, ImageFacts, Service, Spot, Stack, StackMount
from dockstore.core.stack_outcome import exit_code
from dockstore.core.stack_report import RowFate, StackOutcome
from dockstore.core.stack_words import answer
from dockstore.reports import stack_markdown
from dockstore.runner.drill_report import files_fact, of_change, report

if TYPE_CHECKING:
    from dockstore.core.history import History
    from dockstore.core.stack_report import Finding, StackReport

ENDED = Footer(ended=2.0, stopped_at=None, reason=None)


def stack(*mounts: StackMount, image: str = "app:1", built: bool = False, ignores: tuple[Ignore, ...] = ()) -> Stack:
    service = Service(
        name="db",
        image=ImageFacts(reference=image, known=True, environment={"PASSWORD": "hunter2"}),
        environment={"PASSWORD": "hunter2"},
        mounts=mounts,
        built=built,
        spot=Spot(file="compose.yaml", line=2, column=3),
        image_spot=Spot(file="compose.yaml", line=3, column=5),
    )
    return Stack(name="shop", files=("compose.yaml",), services=(service,), ignores=ignores)


def mount(source: str | None, target: str = "/data", line: int = 5) -> StackMount:
    return StackMount(kind="volume", source=source, target=target, spot=Spot(file="compose.yaml", line=line, column=9))


def history(story: Story, side: str, *stacks: Stack) -> History:
    """A drill of one side, with the files that it was of, as it comes back from disk."""
    told = story.history()
    note = StackNote(name="shop", files=("compose.yaml",), project="p", services=("db",), events=(), side=side, refs=("main", "topic"))
    events = (facts(note, step="0", look="stack"), *told.events[1:], *(files_fact(one) for one in stacks), ENDED)
    return load([dump(told.header), *(dump(event) for event in events)], path=f"{side}.jsonl")


OLD = stack(mount("rows"))
NEW = stack(mount("other", line=6))


def changed(base: Story, head: Story | None, *, old: Stack = OLD, new: Stack = NEW) -> StackReport:
    return of_change(history(base, "base", old, new), history(head, "head", new) if head is not None else None)


def test_a_loss_by_the_upgrade_is_new_and_has_its_place_in_the_heads_files() -> None:
    base = Story(group()).event("down+up").saw(SEEN).event("upgrade").saw(ORPHANED)
    head = Story(group()).event("down+up").saw(SEEN)

    found = changed(base, head)

    assert [(row.event, row.fate, row.base_fate) for row in found.rows] == [
        ("down+up", RowFate.PERSISTED, RowFate.PERSISTED),
        ("upgrade", RowFate.ORPHANED, None),
    ]
    (finding,) = found.findings
    assert (finding.rule, finding.spot) == ("DS205", Spot(file="compose.yaml", line=6, column=9))
    assert finding.message == "other is mounted where rows was: /data is orphaned by upgrade"
    assert finding.fix is not None
    assert finding.fix.startswith("- rows:/data   # not other\n")
    assert (answer(found), exit_code([found])) == ("loses data by this change: db:/data", 1)


def test_what_the_base_loses_too_is_said_to_be_so_and_fails_all_the_same() -> None:
    base = Story(group()).event("down+up").saw(ORPHANED).event("upgrade").saw(SEEN)
    head = Story(group()).event("down+up").saw(ORPHANED)

    found = changed(base, head)

    assert (answer(found), exit_code([found])) == ("loses data, as main does: db:/data", 1)


def test_what_the_change_mends_is_said() -> None:
    base = Story(group()).event("down+up").saw(ORPHANED).event("upgrade").saw(SEEN)
    head = Story(group()).event("down+up").saw(SEEN)

    found = changed(base, head)

    assert (answer(found), exit_code([found])) == ("keeps its data through this change, which mends db:/data", 0)


def test_what_only_the_base_writes_is_noted() -> None:
    base = Story(group()).event("down+up").saw(SEEN)
    head = Story(group(path="/other")).event("down+up").saw(SEEN)

    found = changed(base, head)

    assert "db:/data is written in main only" in found.notes


def test_a_service_that_comes_up_on_neither_side_is_no_fault_of_the_change() -> None:
    base, head = (Story(state="cannot-start").event("down+up", state="cannot-start") for _ in range(2))

    found = changed(base, head)

    assert "db does not come up in main either" in found.notes
    assert exit_code([found]) == 3


def test_where_only_the_upgrade_was_asked_for_it_alone_is_told() -> None:
    found = changed(Story(group()).event("upgrade").saw(ORPHANED), None)

    assert [is_upgrade(row) for row in found.rows] == [True]
    assert found.outcome is StackOutcome.LOSES_DATA


@pytest.mark.parametrize(
    ("before", "after", "message", "line", "fix"),
    [
        (OLD, NEW, "other is mounted where rows was", 6, "- rows:/data   # not other"),
        (OLD, stack(mount("rows", "/db", 7)), "rows is mounted at /db now, and the service still looks at /data", 7, "- rows:/data   # not /db"),
        (OLD, stack(), "nothing is mounted at /data any more", 2, "services:\n  db:\n    volumes:\n      - rows:/data"),
        (OLD, stack(mount("rows"), image="app:2"), "the new image looks for its data elsewhere", 3, "mount rows where app:2 looks for its data"),
        (
            stack(mount("rows"), built=True),
            stack(mount("rows"), built=True),
            "the image that is built now looks for its data elsewhere",
            5,
            "let the program look at /data as before, or mount rows where it looks now",
        ),
        (stack(), NEW, "after the upgrade the service looks for its data elsewhere (no mount of the base held it)", 6, None),
        (None, None, "after the upgrade the service looks for its data elsewhere", None, None),
    ],
    ids=["another volume", "moved", "left out", "another image", "built anew", "a mount over the layer", "files not known"],
)
def test_the_cause_of_a_loss_is_found_in_the_files(
    before: Stack | None, after: Stack | None, message: str, line: int | None, fix: str | None
) -> None:
    rows = report(Story(group()).event("upgrade").saw(ORPHANED).history()).rows

    (found,) = changes(rows, before=before, after=after)

    assert found.message == f"{message}: /data is orphaned by upgrade"
    assert (found.spot.line if found.spot is not None else None) == line
    assert (found.fix or "").startswith(fix or "")
    assert (found.fix is None) == (fix is None)


def test_an_ignore_comment_with_a_reason_silences_it() -> None:
    comment = Ignore(rules=("DS205",), reason="the data is moved by hand", spot=Spot(file="compose.yaml", line=6, column=30))
    rows = report(Story(group()).event("upgrade").saw(ORPHANED).history()).rows

    (found,) = changes(rows, before=OLD, after=replace(NEW, ignores=(comment,)))

    assert found.ignored == "the data is moved by hand"


def test_no_environment_gets_into_a_history() -> None:
    line = dump(files_fact(OLD))

    assert "hunter2" not in line
    assert "PASSWORD" not in line


def test_the_markdown_of_a_change_begins_with_the_answer_and_what_differs() -> None:
    base = Story(group()).event("restart").saw(SEEN).event("down+up").saw(SEEN).event("upgrade").saw(SEEN)
    head = Story(group()).event("restart").saw(SEEN).event("down+up").saw(ORPHANED)

    text = stack_markdown.render([changed(base, head)])

    assert text.startswith(
        """\
## ❌ shop loses data by this change: db:/data

drill of `compose.yaml`, `main` → `topic`: 1 error.

| where | by | main | with this change |
| --- | --- | --- | --- |
| `db:/data` | `down+up` | kept | ❌ orphaned |
"""
    )


def test_a_finding_of_the_head_that_the_change_explains_is_told_once() -> None:
    base = Story(group()).event("down+up").saw(SEEN).event("upgrade").saw(ORPHANED)
    head = Story(group()).event("down+up").saw(ORPHANED)

    found: list[Finding] = list(changed(base, head).findings)

    assert [finding.rule for finding in found] == ["DS205"]
