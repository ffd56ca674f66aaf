"""Neighbouring looks and writes of one container in one round trip: looks first, then the next writes with their placement.

Rule 1: a visit changes the order of nothing that could be told apart: no look comes after a write of the same visit.
Rule 2: a write counts when it was read back through the container and the kernel has told which store took it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from dockstore.core.history import Placement
from dockstore.core.model import Completion, Place, PlaceKind, StoreKind
from dockstore.core.script import Observe, Read, Write
from dockstore.core.values import dataclass
from dockstore.engines.errors import EngineError
from dockstore.runner.asking import Refusal, ask, by_process_root, probe_for
from dockstore.runner.observe import look_before, observation
from dockstore.runner.placing import Ground
from dockstore.runner.probe import Peek, Put, Seek
from dockstore.runner.reading import read_facts
from dockstore.runner.scene import Moment, scene_of
from dockstore.runner.stage import Done, Written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dockstore.core.script import AnyStep
    from dockstore.runner.observe import Before
    from dockstore.runner.probe import Answer, Answers, Wish
    from dockstore.runner.scene import Scene
    from dockstore.runner.stage import Box, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One step of a visit. *before*: of an observe, what host and engine saw."""

    number: str
    step: Observe | Read | Write
    place: Place
    nonce: str = ""  # of a write: fresh; of an observe: the write's
    written: Written | None = None


def group_at(stage: Stage, steps: Sequence[AnyStep], start: int) -> list[tuple[str, AnyStep]]:
    """Return the steps from *start* on that one round trip can play, empty if *steps[start]* is none of a visit's."""
    first = place_of(stage, steps[start])
    if isinstance(steps[start], Observe) and first is not None and first.kind is not PlaceKind.CONTAINER:
        return [(str(start), steps[start])]
    found: list[tuple[str, AnyStep]] = []
    container: str | None = None
    moved = False  # an observe at another place than where it was written: the host may have to look after the container
    for index in range(start, len(steps)):
        step = steps[index]
        place = place_of(stage, step)
        if place is None or place.kind is not PlaceKind.CONTAINER or (container is not None and place.name != container):
            break
        container = place.name
        if isinstance(step, Write):
            box = stage.boxes.get(container)
            looks = [earlier for _, earlier in found if not isinstance(earlier, Write)]
            if looks and (moved or box is None or not box.as_root):
                break
            if any(isinstance(earlier, Write) and earlier.to == step.to for _, earlier in found):
                break
        elif any(isinstance(earlier, Write) for _, earlier in found):
            break
        elif isinstance(step, Observe) and step.write in stage.writes:
            moved = moved or stage.writes[step.write].place.path != place.path
        found.append((str(index), step))
    return found


def place_of(stage: Stage, step: AnyStep) -> Place | None:
    """Where a look or write of a visit looks or writes; None: it is none of a visit's."""
    match step:
        case Observe():
            written = stage.writes.get(step.write)
            return step.place or (written.place if written is not None else None)
        case Read():
            return step.place
        case Write():
            return step.to
        case _:
            return None


def perform_visit(stage: Stage, group: Sequence[tuple[str, AnyStep]]) -> tuple[str, Done] | None:
    """Play a group of numbered steps; return number and end of the first that did not go well and has no label."""
    began = stage.clock()
    items = [_item(stage, number, step) for number, step in group if isinstance(step, Observe | Read | Write)]
    box = stage.boxes.get(items[0].place.name)
    moment = Moment()
    scene, refusal = _scene(box, moment)
    before = {item.number: look_before(item.written, moment) for item in items if item.written is not None and isinstance(item.step, Observe)}
    told = _told(stage, box, scene, items) if box is not None and scene is not None and refusal is None else None
    for item, answers in zip(items, told if isinstance(told, list) else [None] * len(items), strict=True):
        no = told if isinstance(told, Refusal) else refusal
        done = _finish(stage, item, box, scene, answers, no, before.get(item.number), moment, began)
        stage.operation(item.number, item.step, done, began)
        if done.completion is not Completion.OK and item.step.label is None and isinstance(item.step, Write):
            return item.number, done
    return None


def _item(stage: Stage, number: str, step: Observe | Read | Write) -> Item:
    place = place_of(stage, step)
    if isinstance(step, Write):
        return Item(number=number, step=step, place=step.to, nonce=stage.nonce())
    if isinstance(step, Observe):
        written = stage.writes.get(step.write)
        nonce = written.nonce.decode() if written is not None else ""
        return Item(number=number, step=step, place=place or Place(PlaceKind.CONTAINER, "", "/"), nonce=nonce, written=written)
    return Item(number=number, step=step, place=step.place)


def _scene(box: Box | None, moment: Moment) -> tuple[Scene | None, Refusal | None]:
    """The container at this moment; a refusal if the engine did not tell."""
    if box is None:
        return None, None
    try:
        return moment.scene(box.seat, box.id), None
    except EngineError as exc:
        return None, Refusal(why=str(exc))


def _told(stage: Stage, box: Box, scene: Scene, items: list[Item]) -> list[tuple[Answers, Answer]] | Refusal:
    """Ask the container; each item with the answers that it stands in."""
    wishes = [_wish(item) for item in items]
    writing = any(isinstance(wish, Put) for wish in wishes)
    if scene.paused and not writing:
        return _each(by_process_root(box.seat, scene, wishes))
    if not scene.running and not writing:
        return Refusal(why=f"the container is {scene.status}")
    probe = probe_for(scene, wishes)
    answers = ask(stage, box, probe, root=box.as_root or not writing)
    if box.spec.restart is not None and _begun_again(box, scene):
        return Refusal(why="its main process ended and began again meanwhile")
    if isinstance(answers, Refusal):
        if answers.no_shell and not writing:
            through = by_process_root(box.seat, scene, wishes)
            return _each(through) if not isinstance(through, Refusal) else answers
        return answers
    if writing and not box.as_root:
        answers = _as_root(stage, box, scene, items, answers)
    return _each(answers)


def _begun_again(box: Box, scene: Scene) -> bool:
    """Whether a restart policy struck in the middle: then the answers are of another life than the engine's."""
    try:
        now = scene_of(box.seat, box.id)
    except EngineError:
        return True
    return now is None or now.started != scene.started


def _as_root(stage: Stage, box: Box, scene: Scene, items: list[Item], written: Answers) -> Answers:
    """What the container's own user wrote, looked at as uid 0: which store took it, and whether it is there."""
    answers = ask(stage, box, probe_for(scene, [Seek(path=item.place.path, nonce=item.nonce) for item in items]))
    if isinstance(answers, Refusal) or not answers.whole:
        return written
    kept = tuple(own if own.refused is not None or not own.told else seen for own, seen in zip(written.answers, answers.answers, strict=True))
    return type(answers)(whole=True, mounts=answers.mounts, targets=answers.targets, answers=kept)


def _each(answers: Answers | Refusal) -> list[tuple[Answers, Answer]] | Refusal:
    return answers if isinstance(answers, Refusal) else [(answers, answer) for answer in answers.answers]


def _wish(item: Item) -> Wish:
    match item.step:
        case Write():
            return Put(path=item.place.path, nonce=item.nonce, sync=item.step.sync)
        case Observe():
            return Seek(path=item.place.path, nonce=item.nonce)
        case Read():
            return Peek(path=item.place.path)


def _finish(
    stage: Stage,
    item: Item,
    box: Box | None,
    scene: Scene | None,
    told: tuple[Answers, Answer] | None,
    refusal: Refusal | None,
    before: Before | None,
    moment: Moment,
    began: float,
) -> Done:
    match item.step:
        case Observe():
            if item.written is None or before is None:
                return Done(completion=Completion.UNSURE, message=f"nothing was written under the name '{item.step.write}'")
            stage.note(
                observation(
                    stage,
                    item.number,
                    item.step,
                    written=item.written,
                    place=item.place,
                    before=before,
                    box=box,
                    scene=scene,
                    told=told,
                    refusal=refusal,
                    moment=moment,
                    began=began,
                )
            )
            return Done()
        case Read():
            stage.note(read_facts(item.number, item.step, box=box, scene=scene, told=told, refusal=refusal))
            return Done()
        case Write():
            return _placed(stage, item, item.step, box, scene, told, refusal, moment)


def _placed(
    stage: Stage,
    item: Item,
    step: Write,
    box: Box | None,
    scene: Scene | None,
    told: tuple[Answers, Answer] | None,
    refusal: Refusal | None,
    moment: Moment,
) -> Done:
    """Note which store took a write, and how the write ended."""
    if box is None or scene is None:
        why = refusal.why if refusal is not None else f"there is no container '{item.place.name}' here"
        return Done(completion=Completion.UNSURE, message=why)
    if told is None:
        why = refusal.why if refusal is not None else "the container was not asked"
        refused = refusal is not None and refusal.refused
        status = refusal.status if refusal is not None else None
        return Done(completion=Completion.FAIL if refused else Completion.UNSURE, status=status, message=why)
    answers, answer = told
    if answer.refused is not None:
        return Done(completion=Completion.FAIL, message=answer.refused)
    if not answers.whole:
        return Done(completion=Completion.UNSURE, message=answers.detail or answer.detail)
    note_write(stage, item.number, step.write, item.place, box, item.nonce.encode(), Ground(box.seat, scene, answers, moment), answer)
    return Done()


def note_write(stage: Stage, number: str, write: str, place: Place, box: Box, nonce: bytes, ground: Ground, answer: Answer) -> None:
    """Record where a write of a container lies, and remember it."""
    resolved = answer.resolved or place.path
    store, detail = ground.store_at(resolved)
    read_back = answer.told and answer.content == nonce
    if not read_back:
        detail = "; ".join(filter(None, (detail, answer.detail or ("something else was read back" if answer.exists else "it was not there"))))
    facts = ground.volume(store.name) if store is not None and store.kind is StoreKind.VOLUME and store.name is not None else None
    directory = None
    if facts is not None and facts.device is not None and facts.inode is not None:
        directory = (facts.device, facts.inode, facts.birth_ns)
    stage.writes[write] = Written(
        write=write,
        nonce=nonce,
        place=place,
        store=store,
        seat=box.seat,
        resolved=resolved,
        container=box.id,
        read_back=read_back,
        directory=directory,
        options=dict(facts.options) if facts is not None else {},
    )
    stage.note(
        Placement(
            step=number,
            write=write,
            place=place,
            digest=hashlib.sha256(nonce).hexdigest(),
            size_bytes=len(nonce),
            store=store,
            read_back=read_back,
            detail=detail,
        )
    )
