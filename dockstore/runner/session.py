"""A run: many scenarios on one or several engines, side by side where they may be, judged as they end.

Rule 1: what is reported stands in the order of the files, whatever the order of playing.
Rule 2: whatever happens, the engines that were opened are closed and the ledger says what was left.
"""

from __future__ import annotations

import itertools
import sys
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dockstore import __version__
from dockstore.core.capabilities import unmet
from dockstore.core.history import Footer
from dockstore.core.plan import RunIdentity, users_images
from dockstore.core.verdict import Report
from dockstore.core.watch import Nobody
from dockstore.engines.errors import Unreachable
from dockstore.engines.opening import open_engine
from dockstore.runner.company import Company, room
from dockstore.runner.fetching import Fetcher
from dockstore.runner.halt import Halt
from dockstore.runner.last import write_failed
from dockstore.runner.leavings import containers_of, kept_words, standing
from dockstore.runner.ledger import Ledger, books
from dockstore.runner.options import jobs
from dockstore.runner.owner import Alive, alive, this_owner
from dockstore.runner.pieces import CoreJudge, Judge, Piece, Work
from dockstore.runner.production import Production, Stagehands, perform
from dockstore.runner.run import run as play_once
from dockstore.runner.turns import Alone, Turn, Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from dockstore.core.history import History, Operation
    from dockstore.core.model import EngineInfo
    from dockstore.core.script import Scenario
    from dockstore.core.verdict import ClaimVerdict, Verdict
    from dockstore.core.watch import Watch
    from dockstore.engines.opening import Opened
    from dockstore.runner.company import Member
    from dockstore.runner.options import Options

_JOIN_SECONDS = 0.1
_SWITCH_SECONDS = 0.0005
_HEAD_START_SECONDS = 0.03  # until an engine works on the first container; what is imported before then only holds it up
LEFTOVERS = "leftovers of a killed run: dockstore clean"


@contextmanager
def _attentive() -> Iterator[None]:
    """Let a thread that has had its answer go on at once, while this one imports."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


class Session:
    """A run from its first engine to its report."""

    def __init__(
        self,
        options: Options,
        *,
        env: Mapping[str, str],
        home: Path,
        watch: Watch | None = None,
        halt: Halt | None = None,
        play: Callable[..., History] = play_once,
        opener: Callable[..., Opened] = open_engine,
        judge: Judge | None = None,
    ) -> None:
        self.options = options
        self.home = home
        self.halt = halt or Halt()
        self.started = datetime.now(UTC)
        self._began = time.monotonic()
        self._judge: Judge = judge or CoreJudge()
        self._watch: Watch = watch or Nobody()
        self._watching = threading.Lock()
        self._ordinals = itertools.count(1)
        self._verdicts: list[Verdict] = []
        self._notes: list[str] = []
        self._untidy = False
        self._stopped: str | None = None
        self._infos: Mapping[str, EngineInfo] = {}
        self._closed = False
        found = any(alive(book.owner) is Alive.NO and not book.kept for book in books(home))
        owner = this_owner(self.started)
        self._ledger = Ledger(home / "runs", owner)
        self._fetcher = Fetcher(halt=self.halt, say=self._say)
        self._company = Company(
            addresses=options.engines,
            environ=env,
            home=home,
            marked_disposable=options.disposable,
            say=self._say,
            on_open=self._on_open,
            opener=opener,
        )
        self._hands = Stagehands(
            options=options,
            identity=RunIdentity(run=owner.run, pid=owner.pid, pid_start=owner.pid_start, host=owner.host, created=owner.created),
            started=self.started,
            folder=home / "histories",
            ledger=self._ledger,
            halt=self.halt,
            play=play,
            second=self._company.second,
            dockstore=__version__,
        )
        if found:
            self._note(LEFTOVERS)

    @property
    def run(self) -> str:
        """The run's id."""
        return self._hands.identity.run

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    # --- playing ------------------------------------------------------------------------------------------------------

    def play(self, scenarios: Sequence[Scenario]) -> tuple[Verdict, ...]:
        """Play *scenarios* (each on every engine that was asked for); return their verdicts in the order given.

        Raises EngineError if an engine that was asked for cannot be opened.
        """
        self._company.open_principals()
        self._fetch_image()
        pieces = [
            Piece(scenario=scenario, number=number, principal=principal, stage=stage, alone=room(scenario))
            for number, scenario in enumerate(scenarios, 1)
            for principal, stage in self._stages(scenario)
        ]
        side_by_side = jobs(self.options.jobs, self._company.principals[0].info.cpus)
        turns = Turns(self._in_order([turn for piece in pieces for turn in self._turns(piece)], side_by_side))
        self._let_work(turns, min(side_by_side, max(1, sum(piece.awaited for piece in pieces))), of=len(scenarios))
        verdicts = tuple(piece.verdict_or(self._why_not()) for piece in pieces)
        self._verdicts.extend(verdicts)
        return verdicts

    def _fetch_image(self) -> None:
        """Have the image that was asked for in the lab image's place on every engine that was asked for. Raises Unreachable."""
        image = self.options.image
        if image is None:
            return
        for member in self._company.principals:
            if member.opened is None or (failure := self._fetcher.fetch(member.opened.engine, image)) is None:
                continue
            raise Unreachable(f"the image {image} is not there, and cannot be pulled: {failure}", "docker pull it, or leave --image out")

    def _fetch(self, scenario: Scenario, stage: Member) -> None:
        """Have the user's own images on the engine that plays; one that cannot be had is said, and the step that needs it is refused."""
        wanted = users_images(scenario)
        if self.options.image is not None and stage.spare:
            wanted = (self.options.image, *wanted)
        if stage.opened is None:
            return
        engine = stage.opened.engine
        for image in wanted:
            new, failure = not self._fetcher.knows(engine, image), self._fetcher.fetch(engine, image)
            if failure is not None and new:
                self._note(f"the image {image} is not there, and cannot be pulled: {failure}")

    def _stages(self, scenario: Scenario) -> list[tuple[Member, Member]]:
        """Pairs of the engine asked for and the one that plays; what a spare one plays is played once."""
        pairs: list[tuple[Member, Member]] = []
        for principal in self._company.principals:
            stage = self._company.stage(scenario, principal)
            if not any(stage is other for _, other in pairs):
                pairs.append((principal, stage))
        return pairs

    def _turns(self, piece: Piece) -> list[Turn[Work]]:
        works = [Work(piece=piece, mutant=None)]
        if self.options.mutants:
            works += [Work(piece=piece, mutant=mutant) for mutant in piece.scenario.mutants if mutant.replay]
        piece.awaited = len(works)
        return [
            Turn(
                work=work,
                place=piece.stage.name,
                alone=piece.alone if work.mutant is None else max(piece.alone, room(work.mutant.scenario), key=list(Alone).index),
            )
            for work in works
        ]

    @staticmethod
    def _in_order(turns: list[Turn[Work]], side_by_side: int) -> list[Turn[Work]]:
        """One after the other in the files' order; side by side, the long chain of a spare engine begins first."""
        return turns if side_by_side == 1 else sorted(turns, key=lambda turn: not turn.work.piece.stage.spare)

    def _let_work(self, turns: Turns[Work], count: int, *, of: int) -> None:
        """Play all turns in *count* threads, until done or stopped; a KeyboardInterrupt of our own handlers leaves at once."""
        failures: list[BaseException] = []

        def work() -> None:
            try:
                while not self.halt.asked and (turn := turns.take()) is not None:
                    try:
                        self._perform(turn, of=of, turns=turns)
                    finally:
                        turns.done(turn)
            except BaseException as error:  # noqa: BLE001  # raised again by the thread that waits
                failures.append(error)
                turns.close()

        threads = [threading.Thread(target=work, name=f"dockstore-{number}", daemon=True) for number in range(count)]
        for thread in threads:
            thread.start()
        threads[0].join(_HEAD_START_SECONDS)
        with _attentive():
            CoreJudge.fetch()
        interrupted: KeyboardInterrupt | None = None
        while any(thread.is_alive() for thread in threads):
            try:
                for thread in threads:
                    thread.join(_JOIN_SECONDS)
                if self.halt.asked:
                    turns.close()
            except KeyboardInterrupt as error:
                if interrupted is not None or self.halt.at_once:
                    self.halt.ask_at_once("interrupted")
                    raise
                interrupted = error
                self.halt.ask("interrupted")
        if interrupted is not None:
            raise interrupted
        if failures:
            raise failures[0]

    def _perform(self, turn: Turn[Work], *, of: int, turns: Turns[Work]) -> None:
        """Play one turn and take note of how it came out."""
        piece, mutant = turn.work.piece, turn.work.mutant
        if not self._company.open(piece.stage):
            piece.stage = piece.principal  # which does not meet the need: the scenario is skipped, naming it
        stage = piece.stage
        if piece.begin():
            with self._watching:
                self._watch.started(piece.scenario, piece.number, of)
        if mutant is not None and unmet(piece.scenario, stage.info):
            piece.mutant_skipped(mutant)
        else:
            production = Production(scenario=piece.scenario, mutant=mutant, ordinal=next(self._ordinals))
            self._fetch(production.script, stage)
            history = perform(production, member=stage, hands=self._hands, alone=turn.alone, on_step=self._on_step(piece.scenario))
            self._look_over(history)
            piece.judged(history, mutant, judge=self._judge, engine=stage.key, with_mutants=self.options.mutants)
        verdict = piece.ended()
        if verdict is not None:
            with self._watching:
                self._watch.ended(verdict)
            if self.options.fail_fast and piece.failed:
                self._stopped = "stopped at the first failure (--fail-fast)"
                turns.close()

    def _why_not(self) -> str:
        """Why a piece was not played to its end."""
        return self.halt.reason or self._stopped or "the run ended early"

    def _look_over(self, history: History) -> None:
        """Remember whether a history left something behind."""
        footer = history.events[-1] if history.events else None
        tidy = isinstance(footer, Footer) and not footer.leftovers
        if not history.header.unmet and not tidy:
            self._untidy = True

    # --- telling ------------------------------------------------------------------------------------------------------

    def _on_step(self, scenario: Scenario) -> Callable[[Operation], None]:
        def tell(operation: Operation) -> None:
            with self._watching:
                self._watch.step(scenario, f"{operation.verb} {operation.subject}".rstrip())

        return tell

    def _on_open(self, key: str, opened: Opened) -> None:
        info = opened.engine.info
        self._ledger.engine(key, info.address, info.engine_id)
        with self._watching:
            self._watch.engine(info, key)

    def _say(self, text: str) -> None:
        with self._watching:
            self._watch.note(text)

    def _note(self, text: str) -> None:
        """Tell the onlooker, and the report's reader."""
        self._notes.append(text)
        self._say(text)

    # --- ending -------------------------------------------------------------------------------------------------------

    def report(self, command: str, *, claims: Iterable[ClaimVerdict] = (), lesson_title: str | None = None) -> Report:
        """Return everything that was found so far."""
        return Report(
            dockstore=__version__,
            run=self.run,
            started=f"{self.started:%Y-%m-%dT%H:%M:%SZ}",
            command=command,
            engines=self._infos if self._closed else self._company.infos(),
            verdicts=tuple(self._verdicts),
            claims=tuple(claims),
            lesson_title=lesson_title,
            seconds=round(time.monotonic() - self._began, 3),
            notes=tuple(self._notes),
            interrupted=self.halt.interrupted,
        )

    def close(self) -> None:
        """Close the engines and end the ledger; left at once, leave all as it stands (the ledger tells `clean`)."""
        if self._closed:
            return
        self._closed = True
        self._infos = self._company.infos()
        if self.halt.at_once:
            self._ledger.close(nothing_left=False)
            return
        left = self._left()
        if self.options.keep and left:
            self._ledger.kept()
            self._note(kept_words(self._kept_on(), len(left), self.run))
        elif left or self._untidy:
            self._note(LEFTOVERS.replace("a killed run", "this run"))
        for failure in self._company.close():
            self._untidy = True
            self._note(f"an engine could not be closed: {failure}")
        self._ledger.close(nothing_left=not left and not self._untidy)
        self._remember()

    def _kept_on(self) -> tuple[str, str] | None:
        """A kept container's name and its engine's address; None where no container was kept."""
        for member in self._company.members():
            for found in containers_of(member.opened, self.run):
                return found, member.info.address
        return None

    def _left(self) -> tuple[str, ...]:
        """What of this run still stands on the engines that it did not start itself."""
        return tuple(itertools.chain.from_iterable(standing(member.opened, self.run) for member in self._company.members()))

    def _remember(self) -> None:
        """Store what failed, for the next time."""
        played = [verdict.scenario.file for verdict in self._verdicts if verdict.history is not None]
        try:
            write_failed(self.home, self.run, [verdict for verdict in self._verdicts if verdict.history is not None], played=played)
        except OSError as error:
            self._note(f"what failed could not be stored: {error}")
