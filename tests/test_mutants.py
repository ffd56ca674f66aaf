"""A mutant is its scenario with one thing changed, read again."""

from __future__ import annotations

from pathlib import Path

import pytest

from dockstore.core.model import HostEntry, ImageSpec, LayerEntry, VolumeMount, VolumeSpec
from dockstore.core.problems import render
from dockstore.core.scenario import load_text
from dockstore.core.script import Equals, Exec, Mutant, Remove, Run, Scenario, Start, Stop

GRAMMAR = Path(__file__).parent / "grammar"
BASE = """\
version: 1
scenario: s
needs: [upperdir]
vars: {size: 64m, text: one}
images: {app: {layers: [{/one: one}], volume: [/v]}}
volumes: {mem: {driver: local, labels: {a: b}}}
host: {shared/: {}, app.conf: old}
containers:
  db: {image: app, mounts: ["mem:/data"], mem_limit: "${size}"}
steps:
  - run: db
  - {write: row, to: "db:/data/row"}
  - {write: other, to: "db:/other"}
  - {remove: db, force: true}
  - run: db
  - {exec: "echo ${text}", in: db, as: said}
  - observe: [row, other]
expect:
  row: persisted
  other: lost
  said: one
  where:
    upperdir: {row: persisted, other: {fate: lost}}
    not host-files: {row: {container: same}}
mutants:
  it:
"""


def mutant(change: str, base: str = BASE, **options: object) -> Mutant:
    """The one mutant of *base* with this change."""
    parsed = load_text(f"{base}    {change}\n", "f.yaml", **options)  # type: ignore[arg-type]
    assert [render(problem) for problem in parsed.problems] == []
    assert parsed.scenario is not None
    (found,) = parsed.scenario.mutants
    assert found.title == "it"
    return found


def base() -> Scenario:
    """The scenario that they are mutants of."""
    scenario = load_text(BASE.removesuffix("mutants:\n  it:\n"), "f.yaml").scenario
    assert scenario is not None
    return scenario


def test_what_it_does_not_say_stays() -> None:
    changed = mutant("containers: {db: {mounts: [/data]}}").scenario

    original = base()
    (db,) = changed.containers
    assert db.mounts == (VolumeMount(target="/data", flag=True),)
    assert (db.image, db.mem_limit_bytes) == ("app", 64 << 20)
    assert changed.expect == original.expect
    assert changed.steps[1:3] == original.steps[1:3]
    assert (changed.title, changed.needs, changed.images) == (original.title, original.needs, original.images)
    assert changed.mutants == ()


def test_a_key_is_taken_away_by_a_tilde() -> None:
    (db,) = mutant("containers: {db: {mem_limit: ~}}").scenario.containers

    assert db.mem_limit_bytes is None
    assert db.image == "app"


def test_images_volumes_and_host_files_are_changed_key_by_key() -> None:
    changed = mutant("{images: {app: {layers: [{/two: two}]}}, volumes: {mem: {labels: {c: d}}}, host: {app.conf: new, more: x}}").scenario

    assert changed.images == (ImageSpec(name="app", layers=((LayerEntry(path="/two", content="two"),),), volume=("/v",)),)
    assert changed.volumes == (VolumeSpec(name="mem", driver="local", labels=(("c", "d"),)),)
    assert changed.host == (
        HostEntry(path="shared", directory=True),
        HostEntry(path="app.conf", content="new"),
        HostEntry(path="more", content="x"),
    )


def test_a_thing_is_taken_away_by_a_tilde() -> None:
    assert mutant("host: {app.conf: ~}").scenario.host == (HostEntry(path="shared", directory=True),)


def test_variables_are_changed_before_they_are_replaced() -> None:
    changed = mutant("vars: {text: two}").scenario

    said = changed.steps[5]
    assert isinstance(said, Exec)
    assert said.command == "echo two"
    assert changed.vars == (("size", "64m"), ("text", "two"))


def test_a_mutants_variable_beats_the_command_line() -> None:
    found = mutant("vars: {text: two}", variables={"text": "three", "size": "1g"})

    assert found.scenario.vars == (("size", "1g"), ("text", "two"))


def test_needs_are_added() -> None:
    assert mutant("{needs: [host-files], instead_of: exec, do: [{exec: echo, in: db, as: said}]}").scenario.needs == ("upperdir", "host-files")


def test_steps_are_replaced() -> None:
    found = mutant("{instead_of: [remove db, run db], do: [{stop: db}, {start: db}]}")

    kinds = [type(step) for step in found.scenario.steps]
    assert kinds[3:5] == [Stop, Start]
    assert len(kinds) == len(base().steps)
    assert found.replay


def test_steps_are_dropped() -> None:
    found = mutant("instead_of: [remove db, run db]")

    assert [step for step in found.scenario.steps if isinstance(step, Remove)] == []
    assert len([step for step in found.scenario.steps if isinstance(step, Run)]) == 1


@pytest.mark.parametrize("name", ["exec", "exec echo ${text}", "remove", "remove db", "write row", '"observe row, other"'])
def test_a_step_is_named_by_its_verb_or_by_verb_and_subject_as_written(name: str) -> None:
    text = BASE + f"    instead_of: {name}\n    do: [{{stop: db}}]\n"

    problems = load_text(text, "f.yaml").problems

    assert not [problem for problem in problems if "no step" in problem.fact]


def test_an_expectation_is_replaced_look_by_look_where_included() -> None:
    found = mutant("expect: {row: lost}")

    expected = {one.look: one.checks for one in found.scenario.expect}
    assert expected == {"row": (Equals("lost"),), "other": (Equals("lost"),), "said": (Equals("one"),)}
    assert [(where.capability, [one.look for one in where.expect]) for where in found.scenario.where] == [("upperdir", ["other"])]


def test_an_expectation_of_its_own_for_a_capability_is_added() -> None:
    found = mutant("expect: {where: {upperdir: {row: lost}, host-files: {row: lost}}}")

    where = {(one.capability, one.negated): [(e.look, e.checks) for e in one.expect] for one in found.scenario.where}
    assert where == {
        ("host-files", True): [("row", (Equals("same"),))],
        ("upperdir", False): [("row", (Equals("lost"),)), ("other", (Equals("lost"),))],
        ("host-files", False): [("row", (Equals("lost"),))],
    }


def test_only_a_change_of_expect_needs_no_second_run() -> None:
    assert not mutant("expect: {row: lost}").replay
    assert mutant("{expect: {row: lost}, host: {x: y}}").replay


def test_a_matrix_is_replaced() -> None:
    text = "version: 1\nscenario: s\nmatrix: {stores: [volume], events: {restart: [persisted]}}\nmutants:\n  it:\n"

    found = mutant("matrix: {stores: [tmpfs], events: {restart: [lost]}}", base=text)

    assert found.scenario.matrix is not None
    assert found.scenario.matrix.stores == ("tmpfs",)
    assert found.replay


def test_what_says_the_same_in_other_words_changes_nothing() -> None:
    parsed = load_text(BASE + "    {instead_of: exec, do: [{in: db, exec: [sh], as: said}, {stop: db, timeout: 10s}]}\n", "f.yaml")
    same = load_text(BASE + '    {containers: {db: {mem_limit: "67108864"}}, instead_of: remove, do: [{force: true, remove: [db]}]}\n', "f.yaml")

    assert parsed.problems == ()
    assert [problem.fact for problem in same.problems] == ["the mutant changes nothing"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("{instead_of: exec, do: [{exec: echo, in: bd, as: said}]}", "27:46: mutant 'it': no container 'bd' in this file"),
        ("instead_of: exec", "26:3: mutant 'it': nothing in steps is called 'said' (in line 21)"),
        ("containers: {db: {image: ap}}", "27:30: mutant 'it': no image 'ap' in this file"),
        ("{instead_of: remove, do: [{stop: db}]}", "26:3: mutant 'it': run: 'db' is stopped here (in line 15)"),
        ("{instead_of: remove, do: [{prune: containers}]}", "27:32: mutant 'it': prune strikes the whole engine"),
    ],
)
def test_what_is_wrong_with_it_is_told_where_it_is_written_else_at_its_title(change: str, told: str) -> None:
    parsed = load_text(f"{BASE}    {change}\n", "f.yaml")

    assert parsed.scenario is None
    assert [f"{problem.line}:{problem.column}: {problem.fact}" for problem in parsed.problems] == [told]


def test_mutants_are_read_only_if_their_scenario_is_right() -> None:
    text = BASE.replace("  - run: db\n", "  - runn: db\n", 1) + "    instead_of: nothing\n"

    parsed = load_text(text, "f.yaml")

    assert [problem.fact for problem in parsed.problems] == ["no such step: 'runn'"]


def test_more_than_fifty_mutants_are_too_many() -> None:
    text = BASE.removesuffix("  it:\n") + "".join(f"  m{number}: {{expect: {{row: lost}}}}\n" for number in range(51))

    parsed = load_text(text, "f.yaml")

    assert [problem.fact for problem in parsed.problems] == ["more than 50 mutants"]


@pytest.mark.parametrize("path", sorted(GRAMMAR.glob("*.scenario.yaml")), ids=lambda path: path.name.partition(".")[0])
def test_the_mutants_of_every_complete_file_differ_from_it(path: Path) -> None:
    scenario = load_text(path.read_bytes(), path.name).scenario

    assert scenario is not None
    for found in scenario.mutants:
        assert found.scenario.steps != scenario.steps or found.scenario != scenario
        assert found.scenario.text == scenario.text
