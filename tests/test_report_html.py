"""The HTML page: one file, no script, no request, every text escaped; and the drawing of a run."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import reporting
from paging import Page

from dockstore.core import history
from dockstore.core.history import Made, Observation, Operation, Placement
from dockstore.core.model import Completion, Home, Outcome, Sight, Store, StoreKind, Users, Vantage
from dockstore.reports import cards, drawing, html
from dockstore.reports.story import MOST_COLUMNS, story

REPORTS = {
    "lesson": reporting.whole_lesson(),
    "mixed": reporting.mixed(),
    "nothing": reporting.report(engines={}),
    "one": reporting.report(reporting.verdict()),
    "no history": reporting.report(replace(reporting.verdict(), history=None)),
    "wrong matrix": reporting.report(reporting.matrix_verdict(wrong=True)),
    "a survivor": reporting.report(reporting.verdict(mutants=(reporting.survivor(),))),
}


@pytest.mark.parametrize("name", REPORTS)
def test_every_page_is_well_formed_and_asks_nobody_for_anything(name: str) -> None:
    page = Page(html.render(REPORTS[name]))

    assert page.wrong == []
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert {tag for tag, _ in page.elements} & {"script", "link", "img", "iframe", "object"} == set()
    loads = [(tag, found) for tag, found in page.elements for name in ("src", "srcset", "action", "data") if name in found]
    assert loads == []
    assert all(found["href"].startswith("#") for _, found in page.elements if "href" in found)


@pytest.mark.parametrize("name", REPORTS)
def test_every_link_leads_somewhere_on_the_page(name: str) -> None:
    page = Page(html.render(REPORTS[name]))

    targets = {found["href"][1:] for tag, found in page.elements if tag == "a"}

    assert targets - set(page.ids) == set()


def test_the_style_asks_nobody_for_anything_either() -> None:
    style = re.search("<style>(.*?)</style>", html.render(reporting.whole_lesson()), re.DOTALL)

    assert style is not None
    assert "url(" not in style[1]
    assert "@import" not in style[1]
    assert "prefers-color-scheme:dark" in style[1]
    assert "@media print" in style[1]
    assert "max-width:40rem" in style[1]


def test_the_answer_stands_first_then_the_matrix_then_the_cards() -> None:
    text = Page(html.render(reporting.whole_lesson())).text

    order = ["4 claims: 1 undecided, 1 holds", "What needs a look", "What survives what", "L5 · A union", "L27 · Volumes exist", "How this was found"]

    assert [text.index(one) for one in order] == sorted(text.index(one) for one in order)


def test_a_card_has_verdict_nuance_witnesses_mutants_and_the_way_back() -> None:
    text = Page(html.render(reporting.whole_lesson())).text

    card = text[text.index("L27 · Volumes exist") : text.index("L30 · There is")]

    assert "It remains, but a new container gets a new one; the old bytes are orphaned." in card
    assert "row engine anonymous volume 9c1f4e0ab3d2 same exists, no container has it" in card
    assert "row container db:/data/row absent no such file; the control read succeeds" in card
    assert "“give it a name” (by row) was refuted, as it should be; 1 flipped expectation was refuted too." in card
    assert f"docker run --rm -v {reporting.ANONYMOUS}:/from -v NAME:/to IMAGE cp -a /from/. /to/" in card
    assert "The same by hand" in card
    assert "docker run" in card
    assert "dockstore judge .dockstore/runs/4f1c/anonymous.jsonl" in card


def test_a_cell_never_says_its_fate_by_colour_alone() -> None:
    (view,) = cards.matrices(reporting.report(reporting.matrix_verdict(wrong=True)))

    words = {event: [cell.word for cell in cells] for event, cells in view.rows}

    assert words == {
        "restart": ["persisted"] * 4,
        "remove+run": ["lost", "persisted", "persisted", "orphaned"],
        "remove-v+run": ["lost", "persisted", "persisted", "✗ orphaned, not lost"],
    }


def test_where_this_engine_differs_from_the_table_a_footnote_says_so() -> None:
    verdict = reporting.matrix_verdict()
    table = verdict.scenario.matrix
    assert table is not None
    usual = replace(table, cells={**table.cells, ("remove+run", "volume"): "lost"})
    changed = replace(verdict, scenario=replace(verdict.scenario, matrix=usual))

    (view,) = cards.matrices(reporting.report(changed))

    assert view.notes == ("on this engine; on others: lost",)
    assert view.rows[1][1][2].note == 1


def test_a_scenario_that_tries_two_claims_is_shown_once_and_linked_after() -> None:
    what = reporting.scenario(lesson=("L27", "L30"))
    report = reporting.report(reporting.verdict(what=what), command="lesson", lesson=reporting.claims())

    page = html.render(report)

    assert page.count('id="s1"') == 1
    assert "Tried also by" in page


def test_what_belongs_to_no_claim_comes_after_the_lesson() -> None:
    report = reporting.report(
        reporting.verdict(what=reporting.scenario("quite another fact", lesson=())), command="lesson", lesson=reporting.claims()
    )

    text = Page(html.render(report)).text

    assert text.index("Beyond the lesson") < text.index("quite another fact ", text.index("Beyond the lesson"))


def test_no_text_becomes_markup() -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=y>&amp;{{ 7*7 }}\x1b[2J"
    ruling = replace(reporting.fate_ruling("persisted", "orphaned", Outcome.REFUTED, hint=evil), why=evil, look=evil)
    past = reporting.history(path=evil)
    events = tuple(replace(event, subject=evil, message=evil) if isinstance(event, Operation) else event for event in past.events)
    seen = replace(past, events=events)
    claim = replace(reporting.claims()[0], claim=evil, nuance=evil)
    report = reporting.report(reporting.verdict(Outcome.REFUTED, what=reporting.scenario(evil), rulings=(ruling,), seen=seen), lesson=(claim,))

    text = html.render(replace(report, lesson_title=evil, notes=(evil,)))

    page = Page(text)
    assert page.wrong == []
    assert {tag for tag, _ in page.elements} & {"script", "img"} == set()
    assert "49" not in page.text.replace(evil, "")
    assert "\x1b" not in text


def did(step: str, verb: str, subject: str, completion: Completion = Completion.OK) -> Operation:
    return Operation(step=step, verb=verb, subject=subject, label=None, completion=completion, began=0.0, ended=0.1)


def test_the_drawing_shows_both_containers_and_where_the_bytes_went() -> None:
    told = story(reporting.history())

    assert told is not None
    (db,) = told.containers
    assert [(stretch.look, stretch.label) for stretch in db.stretches] == [("solid", "77aa01bb02cc"), ("solid", "88aa01bb02cc")]
    assert db.ends == [2.5]
    assert [lane.name for lane in told.stores] == ["anonymous volume 9c1f4e0ab3d2", "anonymous volume b07d21aa90c4"]
    assert [mark.kind for mark in told.stores[0].marks] == ["write", "same"]
    assert [(stretch.look, stretch.start < 0.5, stretch.end > 4.5) for stretch in told.stores[0].stretches] == [("solid", True, True)]
    assert told.stores[1].stretches[0].start == pytest.approx(3.12)
    assert [(link.column, link.store, link.sort) for link in told.links] == [(1, 0, "write"), (4, 1, "mount")]


def test_the_drawing_reads_itself_out() -> None:
    told = story(reporting.history())

    assert told is not None
    assert told.words == (
        "run db. row is written to db:/data/row and lands in anonymous volume 9c1f4e0ab3d2. remove db. run db. "
        "Looking for row at db:/data/row: engine same, host same, container absent."
    )
    assert f'aria-label="{told.words}"' in drawing.draw(told)


def layer() -> Store:
    return Store(kind=StoreKind.WRITABLE_LAYER, identity="layer:1", name=None, container=reporting.CONTAINER, target="/")


def lost_in_the_layer(*steps: tuple[str, str]) -> tuple[object, ...]:
    last = str(len(steps) + 2)
    absent = history.Testimony(sight=Sight.ABSENT)
    return (
        Made(kind="container", id=reporting.CONTAINER, name="db"),
        did("0", "run", "db"),
        Placement(step="1", write="row", place=reporting.ROW, digest="", size_bytes=1, store=layer(), read_back=True),
        did("1", "write", "row"),
        *(did(str(number), verb, subject) for number, (verb, subject) in enumerate(steps, 2)),
        Observation(
            step=last,
            look="row",
            write="row",
            place=reporting.ROW,
            sights={Vantage.ENGINE: absent, Vantage.HOST: absent, Vantage.CONTAINER: absent},
            home=Home.NO,
            users=Users.NOBODY,
        ),
        did(last, "observe", "row"),
    )


def test_a_store_ends_at_the_one_step_that_could_have_ended_it() -> None:
    past = replace(reporting.history(), events=lost_in_the_layer(("remove", "db"), ("run", "db")))  # type: ignore[arg-type]  # they are events

    told = story(past)

    assert told is not None
    assert [(stretch.look, stretch.end) for stretch in told.stores[0].stretches] == [("solid", 2.5)]


def test_where_two_steps_could_have_ended_a_store_the_drawing_says_that_nobody_looked() -> None:
    past = replace(reporting.history(), events=lost_in_the_layer(("stop", "db"), ("remove", "db"), ("run", "db")))  # type: ignore[arg-type]

    told = story(past)

    assert told is not None
    assert [stretch.look for stretch in told.stores[0].stretches] == ["solid", "unknown"]
    assert "not looked at" in drawing.draw(told)


def test_a_store_that_is_seen_again_was_there_while_nobody_could_look() -> None:
    unseen = history.Testimony(sight=Sight.UNSEEN, detail="no permission")
    seen = history.Testimony(sight=Sight.SAME)

    def look(step: str, host: history.Testimony) -> Observation:
        sights = {Vantage.HOST: host, Vantage.CONTAINER: host}
        return Observation(step=step, look="row", write="row", place=reporting.ROW, sights=sights, home=Home.YES, users=Users.SOMEBODY)

    steps = (
        did("0", "run", "db"),
        Placement(step="1", write="row", place=reporting.ROW, digest="", size_bytes=1, store=layer(), read_back=True),
        did("1", "write", "row"),
        did("2", "restart", "db"),
        look("3", unseen),
        did("3", "observe", "row"),
        look("4", seen),
        did("4", "observe", "row"),
    )

    told = story(replace(reporting.history(), events=steps))

    assert told is not None
    assert [(stretch.look, round(stretch.end, 2)) for stretch in told.stores[0].stretches] == [("solid", 4.88)]


def test_a_stopped_container_is_drawn_as_stopped() -> None:
    steps = (did("0", "run", "db"), did("1", "stop", "db"), did("2", "start", "db"), did("3", "kill", "db"))
    past = replace(reporting.history(), events=steps)

    told = story(past)

    assert told is not None
    assert [stretch.look for stretch in told.containers[0].stretches] == ["solid", "stopped", "solid", "stopped"]


def test_a_refused_step_is_marked_and_changes_nothing() -> None:
    steps = (did("0", "run", "db"), did("1", "remove", "db", Completion.FAIL))
    past = replace(reporting.history(), events=steps)

    told = story(past)

    assert told is not None
    assert told.containers[0].ends == []
    assert "refused" in drawing.draw(told)


def test_the_steps_of_together_share_a_column() -> None:
    steps = (did("0", "run", "a"), did("1.0", "exec", "x"), did("1.1", "exec", "y"), did("1", "together", "2 steps"))
    past = replace(reporting.history(), events=steps)

    told = story(past)

    assert told is not None
    assert [column.verb for column in told.columns] == ["run", "together"]


def test_a_long_history_is_listed_and_not_drawn() -> None:
    steps = tuple(did(str(number), "exec", "true") for number in range(MOST_COLUMNS + 1))
    past = replace(reporting.history(), events=steps)

    assert story(past) is None


def test_a_history_without_steps_is_not_drawn() -> None:
    assert story(replace(reporting.history(), events=())) is None
