"""History in, verdict out.

Rule 1: this file sees a History and its script, and nothing else: no engine, no clock, no disk.
Rule 2: expected equals actual: holds; actual unknown: undecided; else refuted. Refuted beats undecided beats holds.
Rule 3: what was not looked at, and what was looked at after something of which nobody knows whether it happened, is undecided, with the reason.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dockstore.core.capabilities import capabilities
from dockstore.core.checks import check, expected, measured, most_urgent, number, show
from dockstore.core.evidence import gather, look_at, never_looked, performed, unfinished, unsure_before
from dockstore.core.explain import hint, why
from dockstore.core.model import Completion, Fate, Outcome, Sight, Vantage
from dockstore.core.script import Diff, DiffersFrom, Equals, Exec, Find, Inspect, Measure, Observe, OneOf, Read, SameAs
from dockstore.core.values import dataclass
from dockstore.core.verdict import MutantVerdict, Ruling, Verdict
from dockstore.core.words import event as event_words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dockstore.core.evidence import Evidence, Seen
    from dockstore.core.history import FactValue, History, Operation
    from dockstore.core.model import EngineInfo
    from dockstore.core.script import AnyStep, Check, Expectation, Mutant, Scenario
    from dockstore.core.verdict import Shown

_OF_AN_ACTION = frozenset({"refused", "message", "seconds"})
_SIGHTS = {str(vantage): vantage for vantage in (Vantage.ENGINE, Vantage.HOST, Vantage.CONTAINER)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """One fact as found: exactly one of the three. *gone*: the thing itself is definitely not there; *reason*: it could not be got."""

    value: FactValue | None = None
    gone: str | None = None
    reason: str | None = None


def judge(history: History, scenario: Scenario, *, engine: str = "e1") -> Verdict:
    """Rule on every expectation of *scenario* from what *history* holds."""
    unmet = history.header.unmet
    if unmet:
        return _verdict(history, scenario, engine, Outcome.SKIPPED, reason=f"needs {', '.join(unmet)}")
    evidence = gather(history, scenario)
    rulings = tuple(rule(evidence, expectation) for expectation in applicable(scenario, history.header.engine))
    outcome = most_urgent(ruling.outcome for ruling in rulings)
    reason = unfinished(evidence)
    if outcome is Outcome.HOLDS and reason is not None:
        outcome = Outcome.UNDECIDED
    elif outcome is Outcome.HOLDS and not rulings:
        outcome, reason = Outcome.UNDECIDED, "nothing was expected"
    elif outcome is not Outcome.UNDECIDED or reason is None:
        reason = next((_reason(ruling) for ruling in rulings if ruling.outcome is outcome), None) if outcome is not Outcome.HOLDS else None
    return _verdict(history, scenario, engine, outcome, reason=reason, rulings=rulings)


def judge_mutant(mutant: Mutant, history: History) -> MutantVerdict:
    """Rule on a mutant: on its own run's *history*, or, of one that changes `expect` alone, on that of the scenario."""
    verdict = judge(history, mutant.scenario)
    look = next((ruling.look for ruling in verdict.rulings if ruling.outcome is Outcome.REFUTED), None)
    reason = verdict.reason if verdict.outcome is not Outcome.REFUTED else None
    seconds = verdict.seconds if mutant.replay else 0.0
    return MutantVerdict(title=mutant.title, outcome=verdict.outcome, look=look, seconds=seconds, reason=reason)


def applicable(scenario: Scenario, info: EngineInfo) -> tuple[Expectation, ...]:
    """Return what is expected on this engine: of each look (in a matrix: cell) the last `where` that applies, else what stands above."""
    found: dict[tuple[str | None, ...], tuple[Expectation, ...]] = _by_look(scenario.expect)
    have = capabilities(info) if scenario.where else frozenset()
    for where in scenario.where:
        if (where.capability in have) is not where.negated:
            found |= _by_look(where.expect)
    return tuple(expectation for group in found.values() for expectation in group)


def _by_look(expect: Iterable[Expectation]) -> dict[tuple[str | None, ...], tuple[Expectation, ...]]:
    groups: dict[tuple[str | None, ...], tuple[Expectation, ...]] = {}
    for expectation in expect:
        cell = (expectation.event, expectation.store) if expectation.event is not None else (expectation.look,)
        groups[cell] = (*groups.get(cell, ()), expectation)
    return groups


# --- one expectation --------------------------------------------------------------------------------------------------------


def rule(evidence: Evidence, expectation: Expectation) -> Ruling:
    """Rule on one expectation; `otherwise: undecided` softens a refutation."""
    _, step = evidence.looks.get(expectation.look, (None, None))
    match step:
        case None:
            ruling = _undecided(expectation, "fact", f"nothing in steps is called '{expectation.look}'")
        case Observe() if expectation.fact == "fate":
            ruling = _rule_fate(evidence, expectation)
        case Observe():
            ruling = _rule_sight(evidence, expectation)
        case Measure() if expectation.fact not in _OF_AN_ACTION:
            ruling = _rule_measure(evidence, expectation, step)
        case Read() | Inspect() | Diff() | Find() | Exec() if expectation.fact not in _OF_AN_ACTION:
            ruling = _rule_fact(evidence, expectation, step)
        case _:
            ruling = _rule_action(evidence, expectation, step)
    if expectation.otherwise_undecided and ruling.outcome is Outcome.REFUTED:
        ruling = replace(ruling, outcome=Outcome.UNDECIDED, why=f"{ruling.why} That was not shown this time, which excludes nothing.", hint=None)
    return ruling


def _rule_fate(evidence: Evidence, expectation: Expectation) -> Ruling:
    seen = look_at(evidence, expectation.look)
    fate = seen.fate
    outcome = Outcome.UNDECIDED
    if fate is None and seen.reason is None and seen.observation is not None:
        seen = replace(seen, reason=f"at {seen.observation.place} there are sights, no fate: no container was asked")
    if fate is not None:
        outcome = most_urgent(check(str(fate), one)[0] for one in expectation.checks)
        if fate is Fate.UNKNOWN and outcome is not Outcome.HOLDS:
            outcome = Outcome.UNDECIDED
    ruling = _with_write(evidence, expectation, seen, kind="fate", actual=None if fate is None else str(fate), outcome=outcome)
    return replace(ruling, hint=hint(seen) if outcome is not Outcome.HOLDS and fate is not None else None)


def _rule_sight(evidence: Evidence, expectation: Expectation) -> Ruling:
    seen = look_at(evidence, expectation.look)
    vantage, observation = _SIGHTS.get(expectation.fact), seen.observation
    if vantage is None:
        return _undecided(expectation, "sight", f"a look by observe knows no '{expectation.fact}'")
    if seen.reason is not None or observation is None:
        return _with_write(evidence, expectation, seen, kind="sight", actual=None, outcome=Outcome.UNDECIDED)
    sight, testimony = seen.sights[vantage], observation.sights.get(vantage)
    outcome = most_urgent(check(str(sight), one)[0] for one in expectation.checks)
    if sight is Sight.UNSEEN and outcome is not Outcome.HOLDS:
        outcome = Outcome.UNDECIDED
    detail = testimony.detail if testimony is not None and testimony.sight is sight else ""
    ruling = _with_write(evidence, expectation, seen, kind="sight", actual=str(sight), outcome=outcome)
    said = f"the {vantage} says of {observation.write} at {observation.place}: {sight}" + (f" ({detail})." if detail else ".")
    return replace(ruling, why=said)


def _with_write(evidence: Evidence, expectation: Expectation, seen: Seen, *, kind: str, actual: str | None, outcome: Outcome) -> Ruling:
    """Return a ruling that speaks of a write."""
    observation, placement = seen.observation, seen.placement
    event = expectation.event
    if event is None and observation is not None and placement is not None:
        event = event_words(evidence, placement, observation)
    return Ruling(
        look=expectation.look,
        kind=kind,
        fact=expectation.fact,
        line=expectation.at.line,
        expected=expected(expectation),
        actual=actual,
        outcome=outcome,
        why=why(evidence, seen, event=event),
        write=observation.write if observation is not None else None,
        place=str(observation.place) if observation is not None else None,
        store=placement.store if placement is not None else None,
        event=event,
        column=expectation.store,
        sights=dict(seen.sights),
    )


def _rule_fact(evidence: Evidence, expectation: Expectation, step: AnyStep) -> Ruling:
    comparing = expectation.since is not None or any(isinstance(one, SameAs | DiffersFrom) for one in expectation.checks)
    kind = "comparison" if comparing else "result" if isinstance(step, Exec) else "fact"
    unsure = unsure_before(evidence, _at(evidence, expectation.look))
    if unsure is not None:
        return _undecided(expectation, kind, unsure)
    subject = _subject(step)
    got = fact_of(evidence, expectation.look, expectation.fact)
    if got.gone is not None:
        return _ruled(expectation, kind, None, *_when_gone(evidence, expectation, got.gone))
    if got.value is None:
        return _undecided(expectation, kind, f"{expectation.fact} of {subject} could not be got: {got.reason}")
    return _rule_value(evidence, expectation, kind, subject, got.value)


def _rule_value(evidence: Evidence, expectation: Expectation, kind: str, subject: str, value: FactValue) -> Ruling:
    """Rule on a value that is there."""
    fact, shown = expectation.fact, value
    said = f"{fact} of {subject} is {show(value)}"
    if expectation.since is not None:
        base = fact_of(evidence, expectation.since, fact)
        before, after = number(base.value, fact=fact), number(value, fact=fact)
        if before is None or after is None:
            told = base.reason or base.gone or "one of the two is not a number"
            return _undecided(expectation, kind, f"{said}; its growth since '{expectation.since}' cannot be told: {told}")
        shown = value = after - before
        said = f"{fact} of {subject} grew by {show(value)} since '{expectation.since}'"
    outcomes: list[Outcome] = []
    for one in expectation.checks:
        outcome, told = _compare(evidence, expectation, one, value)
        outcomes.append(outcome)
        said += f"; {told}" if told else ""
    outcome = most_urgent(outcomes)
    if outcome is Outcome.REFUTED:
        said += f"; expected: {show(expected(expectation))}"
    return _ruled(expectation, kind, _actual(shown), outcome, f"{said}.")


def _compare(evidence: Evidence, expectation: Expectation, one: Check, value: FactValue) -> tuple[Outcome, str]:
    """Return one check's outcome, with what the other look saw where two are compared."""
    if not isinstance(one, SameAs | DiffersFrom):
        return check(value, one, fact=expectation.fact)
    other = fact_of(evidence, one.look, expectation.fact)
    if other.gone is not None:
        return (Outcome.REFUTED if isinstance(one, SameAs) else Outcome.UNDECIDED), f"by '{one.look}' there is none: {other.gone}"
    if other.value is None:
        return Outcome.UNDECIDED, f"that of '{one.look}' could not be got: {other.reason}"
    equal = _wanted(value) == _wanted(other.value)
    met = equal if isinstance(one, SameAs) else not equal
    return (Outcome.HOLDS if met else Outcome.REFUTED), f"by '{one.look}' it is {show(other.value)}"


def _when_gone(evidence: Evidence, expectation: Expectation, gone: str) -> tuple[Outcome, str]:
    """Rule on a fact of a thing that is definitely not there: it is none of the values; whether it differs from another cannot be said."""
    others = [one.look for one in expectation.checks if isinstance(one, SameAs | DiffersFrom)]
    differs = any(isinstance(one, DiffersFrom) for one in expectation.checks)
    there = all(fact_of(evidence, look, expectation.fact).value is not None for look in others)
    if expectation.since is not None or differs or not there:
        return Outcome.UNDECIDED, f"{gone}, so there is nothing to compare."
    return Outcome.REFUTED, f"{gone}; expected {expectation.fact}: {show(expected(expectation))}."


def fact_of(evidence: Evidence, look: str, fact: str) -> Got:
    """Return one fact of one look."""
    if look not in evidence.looks:
        return Got(reason=f"nothing in steps is called '{look}'")
    _, step = evidence.looks[look]
    facts = evidence.facts.get(look)
    if facts is None:
        operation = evidence.outcomes.get(look) or performed(evidence, look)
        if operation is not None and operation.completion is not Completion.OK:
            return Got(reason=_went(operation))
        return Got(reason=never_looked(evidence, look))
    if fact in facts.missing:
        return Got(reason=facts.missing[fact])
    if facts.values.get(fact) is not None:
        return Got(value=facts.values[fact])
    if isinstance(step, Diff):
        return Got(reason=next(iter(facts.missing.values()))) if facts.missing else Got(value="none")
    if facts.values.get("exists") is False:
        return Got(gone=f"{_subject(step)} does not exist")
    if "exists" in facts.missing:
        return Got(reason=facts.missing["exists"])
    return Got(reason="the history does not hold it")


def _rule_measure(evidence: Evidence, expectation: Expectation, step: AnyStep) -> Ruling:
    unsure = unsure_before(evidence, _at(evidence, expectation.look))
    got = fact_of(evidence, expectation.look, "ratio") if unsure is None else Got(reason=unsure)
    if not isinstance(got.value, list):
        return _undecided(expectation, "measure", f"{_subject(step)}: {got.reason or got.gone or 'no rounds were noted'}")
    ratios = [found for ratio in got.value if (found := number(ratio)) is not None]
    told = [measured(ratios, one) for one in expectation.checks]
    outcome = most_urgent(found for found, _ in told)
    median = sorted(ratios)[len(ratios) // 2] if ratios else None
    text = next((said for found, said in told if found is outcome and said), "nothing was measured")
    return _ruled(expectation, "measure", None if median is None else round(median, 4), outcome, f"{_subject(step)}: {text}.")


def _rule_action(evidence: Evidence, expectation: Expectation, step: AnyStep) -> Ruling:
    kind = "refusal" if expectation.fact in _OF_AN_ACTION else "fact"
    operation = evidence.outcomes.get(expectation.look) or performed(evidence, expectation.look)
    if kind == "fact":
        return _undecided(expectation, kind, f"{_subject(step)} knows no '{expectation.fact}'")
    if operation is None:
        return _undecided(expectation, kind, never_looked(evidence, expectation.look))
    if operation.completion is Completion.UNSURE:
        return _undecided(expectation, kind, _went(operation))
    if expectation.fact == "refused":
        return _rule_refused(expectation, operation)
    value: FactValue = operation.message if expectation.fact == "message" else round(operation.ended - operation.began, 6)
    return _rule_value(evidence, expectation, kind, f"'{operation.verb} {operation.subject}'", value)


def _rule_refused(expectation: Expectation, operation: Operation) -> Ruling:
    """Rule on whether the engine refused, and with which status."""
    refused = operation.completion is Completion.FAIL
    actual: FactValue = refused if operation.status is None or not refused else operation.status
    outcomes = []
    for one in expectation.checks:
        values = one.values if isinstance(one, OneOf) else (one.value,) if isinstance(one, Equals) else None
        if values is None:
            outcomes.append(check(actual, one)[0])
        else:
            outcomes.append(Outcome.HOLDS if any(_is_refusal(value, operation, refused=refused) for value in values) else Outcome.REFUTED)
    outcome = most_urgent(outcomes)
    doing = f"'{operation.verb} {operation.subject}'"
    said = f"{doing} was refused" if refused else f"{doing} was done"
    said += f" with {operation.status}" if refused and operation.status is not None else ""
    said += f": {operation.message}" if refused and operation.message else ""
    if outcome is Outcome.REFUTED:
        said += f"; expected refused: {show(expected(expectation))}"
    return _ruled(expectation, "refusal", _actual(actual), outcome, f"{said}.")


def _is_refusal(value: object, operation: Operation, *, refused: bool) -> bool:
    """Whether the engine's answer is the one meant by true, false or a status."""
    text = str(value).lower()
    if text in {"true", "false"}:
        return refused is (text == "true")
    return refused and operation.status is not None and number(value) == operation.status


# --- small change -----------------------------------------------------------------------------------------------------------


def _at(evidence: Evidence, look: str) -> tuple[int, ...]:
    return evidence.looks[look][0]


def _went(operation: Operation) -> str:
    """Return what became of an operation that did not go well."""
    doing = f"'{operation.verb} {operation.subject}'"
    said = f": {operation.message}" if operation.message else ""
    if operation.completion is Completion.UNSURE:
        return f"it is not known whether {doing} happened{said}"
    return f"{doing} was refused{f' with {operation.status}' if operation.status is not None else ''}{said}"


def _subject(step: AnyStep) -> str:
    """Return what a look looks at, as one says it."""
    match step:
        case Read():
            return str(step.place)
        case Inspect():
            return f"the {step.kind} {step.name}" if step.name else "the engine"
        case Diff():
            return f"docker diff {step.container}"
        case Find():
            return f"the search for {step.write}"
        case Measure():
            return f"the ratio '{step.look}'"
        case Exec():
            return f"the command in {step.container} (line {step.at.line})"
        case _:
            return f"the step at line {step.at.line}"


def _wanted(value: object) -> object:
    """Return a value in a form in which two looks can be compared."""
    return sorted(map(str, value)) if isinstance(value, list) else value


def _actual(value: FactValue | None) -> Shown | None:
    match value:
        case list():
            return [str(one) for one in value]
        case dict():
            return dict(value)
        case _:
            return value


def _ruled(expectation: Expectation, kind: str, actual: Shown | None, outcome: Outcome, said: str) -> Ruling:
    return Ruling(
        look=expectation.look,
        kind=kind,
        fact=expectation.fact,
        line=expectation.at.line,
        expected=expected(expectation),
        actual=actual,
        outcome=outcome,
        why=said,
        event=expectation.event,
        column=expectation.store,
    )


def _undecided(expectation: Expectation, kind: str, reason: str) -> Ruling:
    return _ruled(expectation, kind, None, Outcome.UNDECIDED, f"{reason}." if not reason.endswith(".") else reason)


def _reason(ruling: Ruling) -> str:
    """Return one line on a ruling that does not hold."""
    if ruling.outcome is Outcome.REFUTED:
        found = show(ruling.actual) if ruling.actual is not None else "nothing"
        return f"{ruling.look}: {ruling.fact} is {found}, expected {show(ruling.expected)}"
    return f"{ruling.look}: {ruling.why}".rstrip(".")


def _verdict(history: History, scenario: Scenario, engine: str, outcome: Outcome, *, reason: str | None, rulings: tuple[Ruling, ...] = ()) -> Verdict:
    ends = [event.ended for event in history.events if hasattr(event, "ended")]
    return Verdict(
        scenario=scenario,
        engine=engine,
        outcome=outcome,
        reason=reason,
        unmet=history.header.unmet,
        rulings=rulings,
        seconds=round(max(ends, default=0.0), 3),
        history=history,
    )
