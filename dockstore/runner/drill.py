"""A drill from end to end: engines, the copy, discovery, the events, tidying up, and the report that a history came to.

Rule 1: whatever happens, what was made is removed, and what could not be stays in the ledger for `clean`.
Rule 2: engine-wide events are played last, on an engine that may be struck; a spare one is brought up where the one that is meant may not.
Rule 3: the report is drawn from the history by pure functions; nothing is remembered beside it.
"""

from __future__ import annotations

import shutil
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from dockstore import __version__
from dockstore.core import drill_plan, stack_events
from dockstore.core.capabilities import capabilities
from dockstore.core.compose_model import image_facts
from dockstore.core.drill_facts import EngineNote, StackNote, facts
from dockstore.core.history import Footer, Header, History, Made
from dockstore.core.plan import RunIdentity
from dockstore.core.stack_model import ImageFacts
from dockstore.engines.errors import EngineError, NotFound
from dockstore.engines.opening import Wanted, open_engine
from dockstore.engines.providers import homes
from dockstore.runner import drill_discover, drill_play, drill_report
from dockstore.runner.company import guard
from dockstore.runner.drill_compose import Player
from dockstore.runner.drill_field import Field
from dockstore.runner.drill_marks import new_nonce
from dockstore.runner.drill_sources import Naming, is_in, source_of, targets_of, without_replicas
from dockstore.runner.histories import HistoryFile
from dockstore.runner.ledger import Ledger
from dockstore.runner.owner import this_owner
from dockstore.runner.ready import Readiness
from dockstore.runner.redact import raw, redacted
from dockstore.runner.stack import StackCopy
from dockstore.runner.stage import Seat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from dockstore.core.history import Event
    from dockstore.core.model import EngineInfo
    from dockstore.core.neutral import Json
    from dockstore.core.stack_events import Chosen, StackEvent
    from dockstore.core.stack_model import Stack
    from dockstore.core.stack_report import StackReport
    from dockstore.engines.opening import Opened
    from dockstore.runner.drill_options import DrillOptions
    from dockstore.runner.drill_sources import Source, Target
    from dockstore.runner.halt import Halt

SCRATCH = "/var/tmp"  # noqa: S108  # folders in it bear the run's id and are made by us


@dataclass(slots=True, kw_only=True)
class Drills:
    """The drills of one run, one stack after the other."""

    options: DrillOptions
    env: Mapping[str, str]
    cwd: Path
    home: Path
    say: Callable[[str], None]
    halt: Halt
    opener: Callable[..., Opened] = open_engine
    identity: RunIdentity = field(init=False)
    started: datetime = field(init=False)
    _ledger: Ledger = field(init=False)
    _opened: dict[str, Opened] = field(default_factory=dict)
    _untidy: bool = False

    def __post_init__(self) -> None:
        self.started = datetime.now(UTC)
        owner = this_owner(self.started)
        self.identity = RunIdentity(run=owner.run, pid=owner.pid, pid_start=owner.pid_start, host=owner.host, created=owner.created)
        self._ledger = Ledger(self.home / "runs", owner)

    def all(self) -> tuple[StackReport, ...]:
        """Drill every target. Raises WrongCompose, NoSuchStack, NoCompose, EngineError."""
        try:
            reports: list[StackReport] = []
            targets = targets_of(self.options, self.cwd)
            for number, target in enumerate(targets, 1):
                if self.halt.asked:
                    break
                if not self._is_change(target):
                    reports.append(self._alone(target, number))
                    continue
                if not is_in(self.options.from_ref or "HEAD", target.files, self.cwd):
                    reports.append(self._alone(replace(target, side="head", new=True), len(targets) + number))
                    continue
                base, _ = self._one(replace(target, side="base"), number)
                head, stack = self._one(replace(target, side="head"), len(targets) + number) if self._plays_head() else (None, None)
                reports.append(drill_report.of_change(base, head, stack=stack))
            return tuple(reports)
        finally:
            self._close()

    def plans(self) -> str:
        """What would be done, as commands; nothing is made. Raises as `all`."""
        try:
            texts = []
            for number, target in self._sides():
                source = self._source(target, number)
                chosen = self._choose(source, None, for_plan=True)
                named = {service: [probe.name for probe in asked.probes] for service, asked in source.asked.items()}
                texts.append(drill_plan.commands(target.name, source.neutral, chosen, files=_shown(target), probes=named))
                self._swept(number)
            return "\n".join(texts)
        finally:
            self._close()

    def _alone(self, target: Target, number: int) -> StackReport:
        history, stack = self._one(target, number)
        return drill_report.report(history, stack=stack)

    # --- a change in Git --------------------------------------------------------------------------------------------------

    def _is_change(self, target: Target) -> bool:
        return target.image is None and (self.options.from_ref is not None or self.options.to_ref is not None)

    def _plays_head(self) -> bool:
        """Whether anything but the upgrade was asked for."""
        return not self.halt.asked and (not self.options.events or any(_stays(name) for name in self.options.events))

    def _sides(self) -> Iterable[tuple[int, Target]]:
        targets = targets_of(self.options, self.cwd)
        for number, target in enumerate(targets, 1):
            change = self._is_change(target)
            new = change and not is_in(self.options.from_ref or "HEAD", target.files, self.cwd)
            if not new:
                yield number, replace(target, side="base") if change else target
            if change and (new or self._plays_head()):
                yield len(targets) + number, replace(target, side="head", new=new)

    # --- one stack --------------------------------------------------------------------------------------------------------

    def _naming(self, number: int) -> Naming:
        project = f"dockstore-{self.identity.short}-{number}"
        prefix = f"dockstore-{self.identity.short}-f{number}"  # for names that the file fixes: it must not hold the project's
        labels = {
            "io.dockstore.run": self.identity.run,
            "io.dockstore.scenario": "drill",
            "io.dockstore.pid": str(self.identity.pid),
            "io.dockstore.pid-start": str(self.identity.pid_start),
            "io.dockstore.host": self.identity.host,
            "io.dockstore.created": self.identity.created,
        }
        return Naming(project=project, prefix=prefix, labels=labels, scratch=f"{SCRATCH}/{project}")

    def _source(self, target: Target, number: int) -> Source:
        cache = homes.cache_of(self.home)
        try:
            return source_of(target, self.options, self._naming(number), environ=self.env, cwd=self.cwd, cache=cache)
        except BaseException:
            self._swept(number)
            raise

    def _swept(self, number: int) -> None:
        """Remove what of Git was unpacked, where no copy came of it that has taken it along."""
        scratch = Path(self._naming(number).scratch)
        shutil.rmtree(scratch / "git", ignore_errors=True)
        with suppress(OSError):
            scratch.rmdir()

    def _one(self, target: Target, number: int) -> tuple[History, Stack]:
        """Drill one stack; return what was seen, and the files."""
        naming = self._naming(number)
        self._ledger.made("e1", Made(kind="folder", id=naming.scratch, name="scratch"))
        began = time.monotonic()
        name = f"drill-{target.name}" + (f"-{target.side}" if target.side is not None else "")
        file = HistoryFile(self.home / "histories", started=self.started, ordinal=number, name=name, run=self.identity.run)
        events: list[Event] = []

        def record(item: Event) -> None:
            events.append(item)
            file.record(item)

        try:
            source = self._source(target, number)
            principal = self._open("e1")
            chosen = self._choose(source, principal)
            header = self._header(source, principal.engine.info)
            file.record(header)
            self._play(source, naming, chosen, record, began)
        finally:
            file.close()
            if not self.options.keep:
                self._swept(number)
        history = History(header=header, events=tuple(events), path=str(file.path))
        return history, source.stack(self._images(principal))

    def _header(self, source: Source, info: EngineInfo) -> Header:
        return Header(
            version=1,
            dockstore=__version__,
            run=self.identity.run,
            started=f"{self.started:%Y-%m-%dT%H:%M:%SZ}",
            file=", ".join(_shown(source.target)),
            text=raw(source.neutral.model),
            vars={},
            isolate=False,
            mutant=None,
            engine=info,
        )

    def _choose(self, source: Source, opened: Opened | None, *, for_plan: bool = False) -> Chosen:
        info = opened.engine.info if opened is not None else None
        can = capabilities(info) if info is not None else frozenset()
        named = bool(self.options.events)
        head = source.target.side == "head"  # the way to it was played from the base
        return stack_events.choose(
            wanted=tuple(name for name in self.options.events if _stays(name)) if head else self.options.events,
            skip=self.options.skip,
            quick=self.options.quick,
            upgrade=source.upgraded is not None,
            may_strike=for_plan or named or "disposable-engine" in can,
            may_restart=for_plan or named or "restart-engine" in can,
            api=info.api_version if info is not None else "",
        )

    def _play(self, source: Source, naming: Naming, chosen: Chosen, record: Callable[[Event], None], began: float) -> None:
        """Play everything."""
        gentle = [event for event in chosen.events if not event.engine_wide]
        striking = [event for event in chosen.events if event.engine_wide]
        principal = self._opened["e1"]
        left: tuple[str, ...] = ()
        reason: str | None = None
        if source.target.side is not None:
            ref = (self.options.from_ref or "HEAD") if source.target.side == "base" else (self.options.to_ref or "the working tree")
            self.say(f"the {source.target.side}: {ref}")
        known: Field | None = None
        try:
            if gentle or not striking:
                known, left = self._on("e1", principal, source, naming, chosen, gentle, record, offset=0, known=None)
            if striking and not self.halt.asked:
                spare = self._striking(principal, striking)
                if spare[0] != "e1":
                    record(facts(EngineNote(key=spare[0], info=spare[1].engine.info), step="0", look="stack"))
                _, more = self._on(spare[0], spare[1], source, naming, chosen, striking, record, offset=len(gentle), known=known)
                left = (*left, *more)
        except EngineError as error:
            if not self.halt.interrupted:  # else it is a command that was ended because of that
                reason = str(error)
                raise
        finally:
            self._untidy = self._untidy or bool(left)
            record(
                Footer(
                    ended=round(time.monotonic() - began, 3),
                    stopped_at=None,
                    reason=reason or self.halt.reason,
                    interrupted=self.halt.interrupted,
                    leftovers=left,
                )
            )

    def _on(
        self,
        key: str,
        opened: Opened,
        source: Source,
        naming: Naming,
        chosen: Chosen,
        events: list[StackEvent],
        record: Callable[[Event], None],
        *,
        offset: int,
        known: Field | None,
    ) -> tuple[Field, tuple[str, ...]]:
        """One engine's part of a drill: the copy, where it writes (unless *known*), the events, tidying up."""
        seat = Seat("", opened.engine, opened.host)

        def made(item: Made) -> None:
            self._ledger.made(key, item)

        player = Player(compose=source.compose, address=opened.engine.info.address, environ=self.env, folder=self.cwd, halt=self.halt)
        copy = StackCopy(
            seat=seat,
            player=player,
            neutral=source.neutral,
            upgraded=source.upgraded,
            scratch=Path(naming.scratch),
            labels=naming.labels,
            nonce=new_nonce,
            made=made,
            keep=self.options.keep,
            with_data=self.options.with_data,
        )
        copy.declared = _declared(source.neutral.model)
        copy.name_fixed = source.name_fixed
        with ExitStack() as tidying:
            left: list[str] = []
            tidying.callback(lambda: left.extend(self._tidied(copy)))
            tidying.enter_context(guard(opened.engine.info, alone=any(event.engine_wide for event in events), halt=self.halt))
            copy.prepare(stop=lambda: self.halt.asked)
            principal = self._opened["e1"]
            copy.images(source=None if opened is principal else Seat("", principal.engine, principal.host), say=self.say)
            if self.options.with_data:
                copy.fill_externals(stop=lambda: self.halt.asked)
            field_ = self._field(copy, source, record)
            if known is None:
                self._note_stack(source, copy, chosen, record)
                alive = drill_discover.discover(field_)
            else:
                alive = drill_discover.again(field_, known)
            for number, event in enumerate(events, offset + 1):
                if self.halt.asked:
                    break
                self.say(f"{event.name} ({number} of {len(chosen.events)})")
                if alive:
                    drill_play.play(field_, str(number), event, opened.daemon)
                else:
                    drill_play.never(field_, str(number), event)
        return field_, tuple(left)

    def _tidied(self, copy: StackCopy) -> tuple[str, ...]:
        if self.halt.at_once:
            return ("left at once",)
        if not self.options.keep:
            self.say("tidying up")
        return copy.tidy()

    def _field(self, copy: StackCopy, source: Source, record: Callable[[Event], None]) -> Field:
        services = _drilled(copy.neutral.model)
        field_ = Field(
            copy=copy,
            run=self.identity.run,
            halt=self.halt,
            record=record,
            say=self.say,
            limit_seconds=self.options.ready_seconds,
            services=services,
            exercise=self.options.exercise,
        )
        field_.awaited = _awaited(copy.neutral.model)
        for service, asked in source.asked.items():
            if asked.probes:
                field_.probes[service] = list(asked.probes)
            if asked.ready:
                field_.ready[service] = Readiness(command=asked.ready)
        return field_

    def _note_stack(self, source: Source, copy: StackCopy, chosen: Chosen, record: Callable[[Event], None]) -> None:
        limits = [*source.neutral.limits, *(source.upgraded.limits if source.upgraded is not None else ()), *copy.limits]
        limits += [f"{name} has no replicas: nothing of it is drilled" for name in without_replicas(copy.neutral.model)]
        if copy.seat.host.reason is not None:
            limits.append(f"the engine's host cannot be looked at, so where it writes is not seen: {copy.seat.host.reason}")
        note = StackNote(
            name=source.target.name,
            files=_shown(source.target),
            project=copy.project,
            services=_drilled(copy.neutral.model),
            events=tuple(event.name for event in chosen.events),
            limits=tuple(dict.fromkeys(redacted(limit) for limit in limits)),
            notes=(*(redacted(note) for note in source.notes), *_not_played(chosen)),
            must_survive=self.options.must_survive,
            ignore=self.options.ignore,
            side=source.target.side,
            upgrade_mounts=_named_mounts(source.upgraded.model) if source.upgraded is not None else (),
            refs=(self.options.from_ref or "HEAD", self.options.to_ref or "the working tree") if source.target.side is not None else (),
        )
        record(facts(note, step="0", look="stack"))
        images = self._images(self._opened["e1"])
        for stack in (source.stack(images), source.head(images)):
            if stack is not None:
                record(drill_report.files_fact(stack))

    # --- engines ------------------------------------------------------------------------------------------------------------

    def _open(self, key: str, *, striking: bool = False, restart: bool = False) -> Opened:
        if key in self._opened:
            return self._opened[key]
        wanted = Wanted(
            address=self.options.engine if not striking else None,
            environ=self.env,
            home=self.home,
            needs_disposable=striking,
            needs_restart=restart,
            marked_disposable=self.options.disposable,
        )
        opened = self.opener(wanted, say=self.say)
        self._opened[key] = opened
        info = opened.engine.info
        self._ledger.engine(key, info.address, info.engine_id)
        return opened

    def _striking(self, principal: Opened, events: Iterable[StackEvent]) -> tuple[str, Opened]:
        """The engine for engine-wide events: the one that is meant, or a spare one."""
        needs_restart = any(event.restarts_engine for event in events)
        can = capabilities(principal.engine.info)
        if "disposable-engine" in can and (not needs_restart or "restart-engine" in can):
            return "e1", principal
        self.say("bringing up an engine that may be struck")
        return "e2", self._open("e2", striking=True, restart=needs_restart)

    @staticmethod
    def _images(opened: Opened) -> Callable[[str], ImageFacts]:
        def facts_of(reference: str) -> ImageFacts:
            try:
                return image_facts(reference, opened.engine.inspect_image(reference))
            except (NotFound, EngineError) as error:
                return ImageFacts(reference=reference, known=False, reason=str(error))

        return facts_of

    def _close(self) -> None:
        for key, opened in reversed(list(self._opened.items())):
            with suppress(OSError):
                try:
                    opened.close()
                except EngineError as error:
                    self._untidy = True
                    self.say(f"{key}: the engine could not be closed: {error}")
        if self.options.keep:
            self._ledger.kept()
        nothing_left = not self._untidy and not self.halt.at_once and not self.options.keep
        self._ledger.close(nothing_left=nothing_left)
        if self._untidy:
            self.say("leftovers of this run: dockstore clean")


def _stays(name: str) -> bool:
    """Whether an event leaves the stack's files as they are."""
    return stack_events.BY_NAME[name].switches != "upgraded"


def _not_played(chosen: Chosen) -> tuple[str, ...]:
    """The events that were left out, together where the reason is the same."""
    by_reason: dict[str, list[str]] = {}
    for name, why in chosen.left_out:
        by_reason.setdefault(why, []).append(name)
    return tuple(f"not played: {', '.join(names)}: {why}" for why, names in by_reason.items())


def _shown(target: Target) -> tuple[str, ...]:
    return target.files or (f"image:{target.image}",)


def _drilled(model: Json) -> tuple[str, ...]:
    off = without_replicas(model)
    return tuple(str(name) for name in cast("Json", model["services"]) if name not in off)


def _declared(model: Json) -> dict[str, frozenset[str]]:
    """The mounts that the model names, by service."""
    found = {name: frozenset(str(item.get("target", "")).rstrip("/") for item in mounts) for name, mounts in _mounts(model)}
    for name, service in cast("Json", model["services"]).items():
        others = service.get("volumes_from") if isinstance(service, dict) else None
        for other in others if isinstance(others, list) else ():
            found[name] |= found.get(str(other).partition(":")[0], frozenset())  # what it takes over is named, too
    return found


def _named_mounts(model: Json) -> tuple[tuple[str, str, str], ...]:
    """Service, path and key of every volume with a name in the model."""
    return tuple(
        (name, str(item.get("target", "")).rstrip("/"), str(item["source"]))
        for name, mounts in _mounts(model)
        for item in mounts
        if item.get("type") == "volume" and item.get("source")
    )


def _mounts(model: Json) -> Iterator[tuple[str, list[Json]]]:
    for name, service in cast("Json", model["services"]).items():
        volumes = service.get("volumes") if isinstance(service, dict) else None
        yield name, [item for item in volumes if isinstance(item, dict)] if isinstance(volumes, list) else []


def _awaited(model: Json) -> frozenset[str]:
    """Services that others wait for to complete."""
    found: set[str] = set()
    for service in cast("Json", model["services"]).values():
        depends = service.get("depends_on") if isinstance(service, dict) else None
        for other, how in depends.items() if isinstance(depends, dict) else ():
            if isinstance(how, dict) and how.get("condition") == "service_completed_successfully":
                found.add(str(other))
    return frozenset(found)
