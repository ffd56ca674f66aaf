"""One step, done. Dispatch by the step's class; what each does stands in the module of its subject.

Rule 1: however a step ends, it ends as done, refused, or "nobody knows"; no foreign error gets past here.
Rule 2: a step has a limit; one that is over it, or is given up because a stop was asked for, is "nobody knows".
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from dockstore.core import script
from dockstore.core.model import Completion, PlaceKind
from dockstore.runner import containers, scratch
from dockstore.runner.reading import read_by_host
from dockstore.runner.stage import Done, Undoable, refusals
from dockstore.runner.visits import perform_visit
from dockstore.runner.wording import words

if TYPE_CHECKING:
    from collections.abc import Callable

    from dockstore.core.script import AnyStep
    from dockstore.runner.stage import Stage

POLL_SECONDS = 0.05


def perform(stage: Stage, number: str, step: AnyStep) -> Done:
    """Do *step*, record how it ended, and return that."""
    began = stage.clock()
    done = given_up(stage, lambda: _guarded(stage, number, step)) if _may_last(step) else _guarded(stage, number, step)
    stage.operation(number, step, done, began)
    return done


def _guarded(stage: Stage, number: str, step: AnyStep) -> Done:
    with refusals() as ended:
        ended.append(_do(stage, number, step))
    return ended[-1]


def _may_last(step: AnyStep) -> bool:
    """Whether a step may take so long that a stop that is asked for should not wait for it."""
    return isinstance(step, script.Exec | script.Stop | script.Restart | script.Measure | script.Find)


def given_up(stage: Stage, act: Callable[[], Done]) -> Done:
    """Do *act*, but do not wait for its end when a stop is asked for."""
    ended: list[Done] = []
    failed: list[BaseException] = []
    over = threading.Event()

    def work() -> None:
        try:
            ended.append(act())
        except BaseException as exc:  # noqa: BLE001  # raised again by who waits
            failed.append(exc)
        finally:
            over.set()

    thread = threading.Thread(target=work, name="dockstore-step", daemon=True)
    thread.start()
    while not over.wait(POLL_SECONDS):
        if stage.halt.asked or stage.muted:
            stage.mute(thread)
            return Done(completion=Completion.UNSURE, message=stage.halt.reason or "a stop was asked for")
    if failed:
        raise failed[0]
    return ended[0]


def _do(stage: Stage, number: str, step: AnyStep) -> Done:
    match step:
        case script.Run():
            return containers.run(stage, step)
        case script.Create():
            return containers.create(stage, step)
        case script.CreateVolume():
            return containers.create_volume(stage, step.spec)
        case script.CreateFolder():
            return scratch.create_folder(stage, step)
        case script.Start() if step.container is not None:
            return containers.start(stage, step)
        case script.Stop() if step.container is not None:
            return containers.stop(stage, step)
        case script.Restart() if step.container is not None:
            return containers.restart(stage, step)
        case script.Kill() if step.container is not None:
            return containers.kill(stage, step)
        case script.Pause():
            return containers.pause(stage.box(step.container))
        case script.Unpause():
            return containers.unpause(stage.box(step.container))
        case script.Remove():
            return containers.remove(stage, step)
        case script.RemoveVolume():
            return containers.remove_volume(stage, step)
        case script.RemoveImage():
            return containers.remove_image(stage, step)
        case script.RemoveHost():
            return scratch.remove(stage, step)
        case script.Rename():
            return containers.rename(stage, step)
        case script.RenameHost():
            return scratch.rename(stage, step)
        case script.Update():
            return containers.update(stage, step)
        case script.Wait():
            return containers.wait(stage, step)
        case script.Commit():
            return containers.commit(stage, step)
        case script.Export() | script.Import() | script.Copy():
            return _copied(stage, number, step)
        case script.Start() | script.Stop() | script.Restart() | script.Kill() | script.Prune() | script.Reboot() | script.PowerLoss():
            return _struck(stage, step)
        case script.MountHost():
            return scratch.mount(stage, step)
        case script.UnmountHost():
            return scratch.unmount(stage, step)
        case script.Write():
            if step.to.kind is not PlaceKind.HOST:
                raise Undoable(f"{step.to} cannot be written by a process")
            return scratch.write(stage, number, step)
        case script.Together():
            return together(stage, number, step)
        case script.Observe():
            raise Undoable(f"nothing was written under the name '{step.write}'")
        case script.Read():
            stage.note(read_by_host(stage, number, step))
            return Done()
        case script.Exec() | script.Inspect() | script.Diff() | script.Find() | script.Measure():
            return _looked(stage, number, step)
        case _:
            assert_never(step)


# What follows is in few scenarios: its modules are imported when one has it.


def _copied(stage: Stage, number: str, step: script.Export | script.Import | script.Copy) -> Done:
    from dockstore.runner import copies

    match step:
        case script.Export():
            return copies.export(stage, step)
        case script.Import():
            return copies.import_image(stage, step)
        case script.Copy():
            return copies.copy(stage, number, step)


def _struck(stage: Stage, step: script.Start | script.Stop | script.Restart | script.Kill | script.Prune | script.Reboot | script.PowerLoss) -> Done:
    from dockstore.runner import engine_wide

    match step:
        case script.Start():
            return engine_wide.start(stage)
        case script.Stop():
            return engine_wide.stop(stage)
        case script.Restart():
            return engine_wide.restart(stage)
        case script.Kill():
            return engine_wide.kill(stage)
        case script.Prune():
            return engine_wide.prune(stage, step)
        case script.Reboot():
            return engine_wide.reboot(stage)
        case script.PowerLoss():
            return engine_wide.power_loss(stage)


def _looked(stage: Stage, number: str, step: script.Exec | script.Inspect | script.Diff | script.Find | script.Measure) -> Done:
    from dockstore.runner import looks

    match step:
        case script.Exec():
            return looks.run_exec(stage, number, step)
        case script.Inspect():
            looks.inspect(stage, number, step)
        case script.Diff():
            looks.diff(stage, number, step)
        case script.Find():
            looks.find(stage, number, step)
        case script.Measure():
            looks.measure(stage, number, step)
    return Done()


def together(stage: Stage, number: str, step: script.Together) -> Done:
    """All steps prepared, each in a thread of its own, then released at once."""
    limit = step.timeout_seconds or stage.limit
    barrier = threading.Barrier(len(step.steps))
    ends: dict[int, Done] = {}
    failures: list[BaseException] = []

    def work(index: int, inner: script.Action) -> None:
        try:
            if isinstance(inner, script.Exec) and inner.timeout_seconds is None:
                inner = replace(inner, timeout_seconds=limit)
            barrier.wait(limit)
            ends[index] = _inner(stage, f"{number}.{index}", inner)
        except BaseException as exc:  # noqa: BLE001  # raised again by who waits
            failures.append(exc)

    threads = [
        threading.Thread(target=work, args=(index, inner), name=f"dockstore-together-{index}", daemon=True) for index, inner in enumerate(step.steps)
    ]
    for thread in threads:
        thread.start()
    deadline = stage.clock() + limit + 5.0
    for thread in threads:  # a stop that is asked for ends each of them by itself
        thread.join(max(0.0, deadline - stage.clock()))
    for thread in threads:
        if thread.is_alive():
            stage.mute(thread)
    if failures:
        raise failures[0]
    return _all_ended(stage, step, ends, limit)


def _inner(stage: Stage, number: str, inner: script.Action) -> Done:
    """A step of a together: a write in a container is a visit of its own."""
    if isinstance(inner, script.Write) and inner.to.kind is PlaceKind.CONTAINER:
        failure = perform_visit(stage, [(number, inner)])
        return failure[1] if failure is not None else Done()
    return perform(stage, number, inner)


def _all_ended(stage: Stage, step: script.Together, ends: dict[int, Done], limit: float) -> Done:
    missing = [" ".join(words(inner)) for index, inner in enumerate(step.steps) if index not in ends]
    if missing:
        why = stage.halt.reason if stage.halt.asked else f"not ended within {limit:g} s"
        return Done(completion=Completion.UNSURE, message=f"{', '.join(missing)}: {why}")
    for index, inner in enumerate(step.steps):
        done = ends[index]
        if done.completion is not Completion.OK and inner.label is None:
            return Done(completion=done.completion, status=done.status, message=f"{' '.join(words(inner))}: {done.message}")
    return Done()
