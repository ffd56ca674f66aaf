"""The pytest plugin, tried by pytest's own pytester: a real pytest, a stub in place of the engines."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
import reporting

from dockstore import api
from dockstore.core.model import Outcome
from dockstore.engines.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dockstore.core.script import Scenario
    from dockstore.core.verdict import Verdict

pytest_plugins = ["pytester"]

# pytester forgets after each run what was first imported in it; modules that hold one another's classes must not be imported twice
for _module in ("yaml", "dockstore.core.scenario", "dockstore.core.problems", "dockstore.reports.table", "tabulate", "wcwidth"):
    with suppress(ModuleNotFoundError):
        import_module(_module)

WITHOUT = tuple(word for name in ("cacheprovider", "hypothesispytest", "docker", "pytest_cov") for word in ("-p", f"no:{name}"))

SCENARIO = """\
version: 1
scenario: the layer goes with its container
lesson: [L10]
tags: [layer]
vars: {{file: row}}
containers:
  db: {{}}
steps:
  - run: db
  - write: row
    to: "db:/${{file}}"
  - {{remove: db, force: true}}
  - run: db
  - observe: row
expect:
  row: lost
"""


class Session:
    """Answers by the scenario's title."""

    def __init__(self) -> None:
        self.options = api.Options()
        self.played: list[Scenario] = []
        self.closed = 0

    def play(self, scenarios: Sequence[Scenario]) -> tuple[Verdict, ...]:
        (scenario,) = scenarios
        self.played.append(scenario)
        match scenario.title:
            case "it is refuted":
                verdict = reporting.verdict(Outcome.REFUTED)
            case "it is undecided":
                verdict = reporting.undecided()
            case "it needs more":
                verdict = reporting.skipped()
            case "its mutant survives":
                verdict = reporting.verdict(mutants=(reporting.survivor(),))
            case "nobody is there":
                raise Unreachable("no engine at unix:///x", "start it")
            case _:
                verdict = reporting.verdict()
        return (replace(verdict, scenario=scenario),)

    def close(self) -> None:
        self.closed += 1


@pytest.fixture(name="session")
def _session(monkeypatch: pytest.MonkeyPatch) -> Session:
    session = Session()

    def open_session(options: api.Options, **_more: object) -> Session:
        session.options = options
        return session

    monkeypatch.setattr(api, "open_session", open_session)
    return session


def files(pytester: pytest.Pytester, *titles: str) -> None:
    for number, title in enumerate(titles):
        text = SCENARIO.format().replace("the layer goes with its container", title)
        (pytester.path / f"s{number}.scenario.yaml").write_text(text, encoding="utf-8")


def run(pytester: pytest.Pytester, *words: str) -> pytest.RunResult:
    return pytester.runpytest_inprocess("--strict-markers", "-W", "error", *WITHOUT, *words)


def test_without_being_asked_nothing_is_collected(pytester: pytest.Pytester, session: Session) -> None:
    files(pytester, "it holds")

    result = run(pytester)

    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert session.played == []


def test_each_file_is_a_test_named_by_its_fact(pytester: pytest.Pytester, session: Session) -> None:
    files(pytester, "it holds", "it holds too")

    result = run(pytester, "--dockstore", "-v")

    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["s0.scenario.yaml::it holds PASSED*", "s1.scenario.yaml::it holds too PASSED*"])
    assert session.closed == 1


def test_a_refuted_scenario_fails_with_its_evidence_and_no_traceback(pytester: pytest.Pytester, session: Session) -> None:
    files(pytester, "it is refuted")

    result = run(pytester, "--dockstore")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "FAIL  it is refuted*s0.scenario.yaml:15",
            "write    expected    actual    engine    host    container    outcome",
            "row      persisted   orphaned  same      same    absent       refuted",
            "  hint: name it: {type: volume, source: rows, target: /data}",
            "history: .dockstore/runs/4f1c/anonymous.jsonl",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*NotAsExpected*")


def test_an_undecided_scenario_fails_with_its_reason(pytester: pytest.Pytester, session: Session) -> None:
    files(pytester, "it is undecided")

    result = run(pytester, "--dockstore")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["UNDECIDED  it is undecided*", "stopped at step 4: the engine did not answer within 60 s"])


def test_a_mutant_that_survives_fails_its_scenario(pytester: pytest.Pytester, session: Session) -> None:
    files(pytester, "its mutant survives")

    result = run(pytester, "--dockstore", "--dockstore-mutants")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*should have been refuted and*"])
    assert session.options.mutants


def test_an_unmet_need_is_a_skip_that_names_it(pytester: pytest.Pytester, session: Session) -> None:
    files(pytester, "it needs more")

    result = run(pytester, "--dockstore", "-rs")

    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED *needs upperdir"])


def test_an_engine_that_is_not_there_is_a_skip_with_the_way_out(pytester: pytest.Pytester, session: Session) -> None:
    files(pytester, "nobody is there")

    result = run(pytester, "--dockstore", "-rs")

    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED *no engine at unix:///x (hint: start it)"])


@pytest.mark.parametrize("title", ["it needs more", "nobody is there"])
def test_where_an_engine_is_required_a_skip_is_a_failure(title: str, pytester: pytest.Pytester, session: Session) -> None:
    files(pytester, title)

    result = run(pytester, "--dockstore", "--require-engine")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["not played: *", "  under --require-engine nothing may be unmet", "  hint: --dockstore-expect-skip *"])


@pytest.mark.parametrize("words", [("upperdir",), ("swap,upperdir",), ("swap", "--dockstore-expect-skip", "upperdir")])
def test_a_need_that_was_named_may_be_unmet(words: tuple[str, ...], pytester: pytest.Pytester, session: Session) -> None:
    files(pytester, "it needs more")

    result = run(pytester, "--dockstore", "--require-engine", "--dockstore-expect-skip", *words)

    result.assert_outcomes(skipped=1)


def test_another_need_than_the_named_ones_is_still_a_failure(pytester: pytest.Pytester, session: Session) -> None:
    files(pytester, "it needs more")

    result = run(pytester, "--dockstore", "--require-engine", "--dockstore-expect-skip", "swap")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["not played: needs upperdir", "  under --require-engine only swap may be unmet"])


def test_a_projects_own_require_engine_is_no_conflict(pytester: pytest.Pytester, session: Session) -> None:
    files(pytester, "it needs more")
    pytester.makeconftest("def pytest_addoption(parser): parser.addoption('--require-engine', action='store_true')")

    result = run(pytester, "--dockstore", "--require-engine")

    result.assert_outcomes(failed=1)


@pytest.mark.parametrize(
    ("words", "played"), [(("-k", "too"), ["it holds too"]), (("-m", "layer"), ["it holds", "it holds too"]), (("-m", "not L10"), [])]
)
def test_words_tags_and_claims_select(words: tuple[str, ...], played: list[str], pytester: pytest.Pytester, session: Session) -> None:
    files(pytester, "it holds", "it holds too")

    run(pytester, "--dockstore", *words)

    assert [scenario.title for scenario in session.played] == played


def test_a_wrong_file_is_a_collection_error_that_shows_the_place(pytester: pytest.Pytester, session: Session) -> None:
    (pytester.path / "wrong.scenario.yaml").write_text(SCENARIO.format().replace("steps:", "stpes:"), encoding="utf-8")

    result = run(pytester, "--dockstore")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["wrong.scenario.yaml:8:1: *", "  hint: did you mean 'steps'?"])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_the_options_reach_the_session(pytester: pytest.Pytester, session: Session) -> None:
    files(pytester, "it holds")

    run(
        pytester,
        *("--dockstore", "--dockstore-engine", "private", "--dockstore-engine", "tcp://h:1", "--dockstore-disposable", "--dockstore-timeout", "30"),
        *(
            "--dockstore-keep",
            "--dockstore-image",
            "i",
            "--dockstore-isolate",
            "--dockstore-allow-host-path",
            "/a b",
            "--dockstore-var",
            "file=other",
        ),
    )

    assert session.options == api.Options(
        engines=("private", "tcp://h:1"),
        jobs=1,
        disposable=True,
        timeout_seconds=30.0,
        keep=True,
        image="i",
        isolate=True,
        allow_host_paths=("/a b",),
    )
    assert dict(session.played[0].vars)["file"] == "other"


def test_a_variable_without_a_value_is_refused(pytester: pytest.Pytester, session: Session) -> None:
    files(pytester, "it holds")

    result = run(pytester, "--dockstore", "--dockstore-var", "file")

    assert result.ret != pytest.ExitCode.OK
    assert session.played == []


def test_junitxml_has_the_scenarios_their_outcomes_and_histories(pytester: pytest.Pytester, session: Session) -> None:
    files(pytester, "it holds", "it is refuted", "it needs more")

    run(pytester, "--dockstore", "--junitxml", "out.xml")

    cases = {case.get("name"): case for case in ET.parse(pytester.path / "out.xml").iter("testcase")}  # pytest wrote it
    assert [[child.tag for child in cases[name] if child.tag != "properties"] for name in ("it holds", "it is refuted", "it needs more")] == [
        [],
        ["failure"],
        ["skipped"],
    ]
    properties = {found.get("name"): found.get("value") for found in cases["it holds"].iter("property")}
    assert properties == {"history": ".dockstore/runs/4f1c/anonymous.jsonl", "outcome": "holds"}


def test_with_two_workers_each_scenario_is_played_once(pytester: pytest.Pytester) -> None:
    files(pytester, "it holds", "it holds too", "it is refuted")
    here = os.path.dirname(__file__)  # noqa: PTH120
    pytester.makeconftest(f"""
        import sys
        sys.path.insert(0, {here!r})
        import test_pytest_plugin as stubs
        from dockstore import api
        api.open_session = lambda options, **more: stubs.Session()
    """)

    result = pytester.runpytest_subprocess("--dockstore", "-n", "2", "-W", "error", "--strict-markers", *WITHOUT)

    result.assert_outcomes(passed=2, failed=1)


def test_python_tests_beside_the_scenarios_run_too(pytester: pytest.Pytester, session: Session) -> None:
    files(pytester, "it holds")
    pytester.makepyfile(test_beside="def test_beside():\n    assert True\n")

    result = run(pytester, "--dockstore")

    result.assert_outcomes(passed=2)
