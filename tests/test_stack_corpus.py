"""The corpus of stacks is whole: each says what is true of it, from images that are made here, without a network."""

from __future__ import annotations

import pytest
import yaml
from stack_corpus import ENGINE_WIDE, ROUTINE, StackTruth, stacks

from dockstore.core.stack_events import BY_NAME
from dockstore.core.stack_report import RowFate, StackOutcome

CORPUS = stacks()
MADE_HERE = {"lab", "keeper", "site", "notes", "redis", "nginx", "mariadb", "rabbitmq", "postgres15", "postgres17"}


def test_the_corpus_has_stacks_that_lose_and_stacks_that_keep() -> None:
    outcomes = [truth.outcome for truth in CORPUS]

    assert len(CORPUS) >= 60
    assert {outcome: outcomes.count(outcome) > 2 for outcome in set(outcomes)} == dict.fromkeys(set(StackOutcome) - {"undecided"}, True)


@pytest.mark.parametrize("truth", CORPUS, ids=lambda truth: truth.name)
def test_a_stack_says_what_each_routine_event_does(truth: StackTruth) -> None:
    for datum in truth.data:
        assert set(datum.fates) >= {*ROUTINE, *ENGINE_WIDE}
        assert set(datum.fates) <= set(BY_NAME)
        assert set(datum.fates.values()) <= set(RowFate)


@pytest.mark.parametrize("truth", [truth for truth in CORPUS if truth.data], ids=lambda truth: truth.name)
def test_the_outcome_of_a_stack_is_what_its_fates_come_to(truth: StackTruth) -> None:
    routine = {fate for datum in truth.data for event, fate in datum.fates.items() if BY_NAME[event].routine}
    losses = routine & {"lost", "orphaned", "altered"}

    worst = "loses-data" if losses else "cannot-write" if "unwritable" in routine else "cannot-start" if "cannot-start" in routine else "keeps-data"

    assert truth.outcome == worst


@pytest.mark.parametrize("truth", CORPUS, ids=lambda truth: truth.name)
def test_a_stack_needs_neither_a_registry_nor_a_network(truth: StackTruth) -> None:
    services = yaml.safe_load((truth.folder / "compose.yaml").read_text(encoding="utf-8"))["services"]

    assert truth.images <= MADE_HERE
    for service in services.values():
        if "extends" not in service:
            assert service["pull_policy"] == "never"
            assert service.get("network_mode") == "none" or service["networks"] == ["inside"]
        assert "ports" not in service


@pytest.mark.parametrize("truth", [truth for truth in CORPUS if not truth.quiet], ids=lambda truth: truth.name)
def test_a_stack_that_does_not_keep_its_data_says_where_and_what_to_write_instead(truth: StackTruth) -> None:
    raw = yaml.safe_load((truth.folder / "truth.yaml").read_text(encoding="utf-8"))

    assert raw["fix"]
    assert truth.flag is not None or not truth.data
