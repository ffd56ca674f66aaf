"""Images of the user's own are brought once, within a time, and never without a sentence where that fails."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from fake_engine import FakeEngine
from fakes import LAB

from dockstore.core.plan import users_images
from dockstore.core.scenario import load_text
from dockstore.engines.errors import Refused
from dockstore.runner.fetching import Fetcher
from dockstore.runner.halt import Halt

if TYPE_CHECKING:
    from collections.abc import Callable

THEIRS = "registry.invalid/db:1"


class Registry(FakeEngine):
    """An engine with a registry behind it that answers as *answer* does."""

    def __init__(self, answer: Callable[[], None]) -> None:
        super().__init__()
        self.answer = answer
        self.pulled: list[str] = []

    def pull_image(self, reference: str, *, timeout_seconds: float) -> None:
        self.pulled.append(reference)
        self.answer()


def refuse() -> None:
    raise Refused(f"pull {THEIRS}", 500, "no such host")


def waiting(gate: threading.Event) -> None:
    gate.wait(60)


def test_what_the_engine_has_is_not_pulled() -> None:
    engine = Registry(refuse)

    assert Fetcher(halt=Halt(), say=print).fetch(engine, LAB) is None

    assert engine.pulled == []


def test_what_it_lacks_is_pulled_once_and_said() -> None:
    engine, said = Registry(lambda: None), list[str]()
    fetcher = Fetcher(halt=Halt(), say=said.append)

    found = [fetcher.fetch(engine, THEIRS), fetcher.fetch(engine, THEIRS)]

    assert found == [None, None]
    assert engine.pulled == [THEIRS]
    assert said == [f"pulling {THEIRS}"]


def test_a_refusal_is_remembered_and_not_asked_for_again() -> None:
    engine = Registry(refuse)
    fetcher = Fetcher(halt=Halt(), say=lambda _text: None)

    found = {fetcher.fetch(engine, THEIRS), fetcher.fetch(engine, THEIRS)}

    assert found == {f"pull {THEIRS}: no such host"}
    assert engine.pulled == [THEIRS]
    assert fetcher.knows(engine, THEIRS)


def test_a_localhost_name_is_never_pulled() -> None:
    engine = Registry(refuse)

    assert Fetcher(halt=Halt(), say=print).fetch(engine, "localhost/rows:1") == "a localhost/ name is in no registry"

    assert engine.pulled == []


def test_a_registry_that_never_answers_is_left_when_the_time_is_over() -> None:
    gate = threading.Event()
    engine = Registry(lambda: waiting(gate))

    found = Fetcher(halt=Halt(), say=lambda _text: None, seconds=0.1).fetch(engine, THEIRS)

    gate.set()
    assert found == f"pull {THEIRS}: not done within 0.1 s"


def test_a_stop_that_is_asked_for_ends_the_wait() -> None:
    gate, halt = threading.Event(), Halt()
    engine = Registry(lambda: waiting(gate))
    halt.ask("interrupted (SIGINT)")

    found = Fetcher(halt=halt, say=lambda _text: None).fetch(engine, THEIRS)

    gate.set()
    assert found == "interrupted (SIGINT)"


@pytest.mark.parametrize(("image", "expected"), [("lab", ()), ("app", ()), (THEIRS, (THEIRS,))])
def test_only_the_users_own_images_are_wanted(image: str, expected: tuple[str, ...]) -> None:
    parsed = load_text(
        f"version: 1\nscenario: s\nimages:\n  app: {{layers: [{{/x: y}}]}}\ncontainers:\n  db: {{image: '{image}'}}\n"
        "steps:\n  - run: db\n  - {write: row, to: db:/row}\n  - observe: row\nexpect: {row: persisted}\n",
        "s.scenario.yaml",
    )

    assert parsed.scenario is not None, parsed.problems
    assert users_images(parsed.scenario) == expected
