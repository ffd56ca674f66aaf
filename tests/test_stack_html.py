"""The HTML page of a drill or an audit: one file, no script, no request, every text escaped, the answer first."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from paging import Page
from test_stack_reports import NASTY, audit, drill

from dockstore.core.stack_report import RowFate
from dockstore.reports import stack_cards, stack_html

REPORTS = {
    "audit": [audit()],
    "drill": [drill()],
    "several": [drill(), audit(), drill(name="other")],
    "many places": [drill(rows=tuple(replace(drill().rows[0], service=f"s{number}") for number in range(20)))],
    "no rows": [drill(rows=(), findings=(), services=(), limits=())],
    "a change": [drill(base="main", head="topic", rows=(replace(drill().rows[0], base_fate=RowFate.PERSISTED),))],
}


@pytest.mark.parametrize("name", REPORTS)
def test_every_page_is_well_formed_and_asks_nobody_for_anything(name: str) -> None:
    text = stack_html.render(REPORTS[name])

    page = Page(text)

    assert page.wrong == []
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert {tag for tag, _ in page.elements} & {"script", "link", "img", "iframe", "object"} == set()
    assert [found for _, found in page.elements if {"src", "srcset", "action", "data"} & found.keys()] == []
    assert {found["href"][1:] for _, found in page.elements if "href" in found} <= set(page.ids)
    assert all(found["href"].startswith("#") for _, found in page.elements if "href" in found)
    assert "url(" not in text
    assert "prefers-color-scheme:dark" in text


def test_no_text_of_a_file_or_a_container_becomes_markup() -> None:
    text = stack_html.render([drill()])

    assert "<b>@octocat" not in text
    assert "&lt;b&gt;@octocat" in text
    assert "\x1b" not in text
    text.encode("utf-8")


def test_answer_change_matrix_bytes_and_limits_stand_in_this_order() -> None:
    text = Page(stack_html.render([drill()])).text

    order = [
        "shop loses data: db:/var/lib/mysql",
        "What to change",
        "error DS201 a b/compose.yaml:3:5",
        "write instead: a: - b",
        "What survives what",
        "Where the bytes are",
        "to get it back: docker run --rm -v 9c1f:/from",
        "witnesses: engine same service absent",
        "ports were not published",
        "How this was found",
    ]
    assert [text.index(one) for one in order] == sorted(text.index(one) for one in order)


def test_few_places_stand_beside_one_another_and_many_below() -> None:
    few, many = (stack_cards.card(REPORTS[name][0], 1).matrix for name in ("drill", "many places"))

    assert few is not None
    assert many is not None
    assert (few.corner, [name for name, _ in few.heads]) == ("event", ["db:/var/lib/mysql", "db (session)"])
    assert (many.corner, [name for name, _ in many.heads], len(many.rows)) == ("where", ["down+up"], 20)


def test_a_cell_says_what_the_base_made_of_it_and_never_its_fate_by_colour_alone() -> None:
    matrix = stack_cards.card(REPORTS["a change"][0], 1).matrix

    assert matrix is not None
    assert [[cell.word for cell in cells] for _, cells in matrix.rows] == [["✗ orphaned (was kept)"]]


def test_an_audits_page_says_that_it_predicts_and_asks_no_witness() -> None:
    text = Page(stack_html.render([audit()])).text

    assert "nothing was run, so every fate here is predicted" in text
    assert "witnesses" not in text


def test_a_services_last_lines_are_on_the_page() -> None:
    text = Page(stack_html.render([drill()])).text

    assert re.sub(r"\s+", " ", "web slow 120 s for its health check") in text
    assert NASTY[5:7] in text
