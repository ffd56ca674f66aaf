"""One write, looked for from all vantage points at one moment.

Rule 1: each vantage speaks for itself; one that cannot look says why, and never borrows another's answer.
Rule 2: host and engine are asked before the container: what the same round trip writes next cannot get into their way.
Rule 3: home is asked of the kernel where a process can be asked, else assumed from the engine's list, and said so.
"""

from __future__ import annotations

import posixpath
from dataclasses import replace
from typing import TYPE_CHECKING

from dockstore.core import storage
from dockstore.core.history import Observation, Testimony
from dockstore.core.model import Home, PlaceKind, Sight, StoreKind, Users, Vantage
from dockstore.core.values import dataclass
from dockstore.engines.errors import EngineError
from dockstore.engines.host import Unseen
from dockstore.runner.asking import Refusal, archive_allowed, archive_disturbs, by_archive
from dockstore.runner.placing import Ground, numbers_of, resolve_by_archive
from dockstore.runner.sights import engine_sight, host_sight, running_holders, unseen, users_of

if TYPE_CHECKING:
    from dockstore.core.model import Place, Store
    from dockstore.core.script import Observe
    from dockstore.runner.probe import Answer, Answers
    from dockstore.runner.scene import Moment, Scene
    from dockstore.runner.stage import Box, Seat, Stage, Written

NO_CONTAINER = "there is no container of that name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What was seen before the container was asked."""

    host: Testimony
    engine: Testimony


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """The place as found. *inner*: where the place lies inside the store that took the write, if it is that store."""

    home: Home
    detail: str
    store: Store | None
    inner: str | None = None


def look_before(written: Written, moment: Moment) -> Before:
    """Ask host and engine for *written*, where it was put."""
    inner = written.store.inner_path if written.store is not None else ""
    return Before(host=_host(written, inner, None), engine=engine_sight(written, moment))


def observation(
    stage: Stage,
    number: str,
    step: Observe,
    *,
    written: Written,
    place: Place,
    before: Before,
    box: Box | None,
    scene: Scene | None,
    told: tuple[Answers, Answer] | None,
    refusal: Refusal | None,
    moment: Moment,
    began: float,
) -> Observation:
    """Put together what was seen. *told*: the container's own answer; *refusal*: why a process could not be asked."""
    if place.kind is not PlaceKind.CONTAINER:
        return _at_host(stage, number, step, written, place, before, began)
    if box is not None and scene is None and refusal is not None:  # the engine did not even tell whether it is there
        where, container = Where(home=Home.UNKNOWN, detail=refusal.why, store=None), unseen(refusal.why)
    elif box is None or scene is None:
        where, container = Where(home=Home.NO, detail=NO_CONTAINER, store=None), unseen(NO_CONTAINER)
    elif told is not None:
        where = _where(Ground(box.seat, scene, told[0], moment), written, told[1].resolved or place.path)
        container = (
            _container_sight(told[1], written.nonce, controlled=bool(told[0].mounts), detail=told[0].detail)
            if told[0].whole
            else unseen(told[0].detail)
        )
    else:
        where, container = _without_process(box.seat, scene, written, place, refusal)
    host = _host_again(written, before, where, scene)
    if where.home is Home.UNKNOWN and _is_memory_volume(written) and host.sight is Sight.NOT_APPLICABLE:
        where = replace(where, home=Home.NO, detail=host.detail)  # memory that nothing mounts is behind no place
    users, used_by = _users(stage, written, place, where)
    return Observation(
        step=number,
        look=step.look,
        write=step.write,
        place=place,
        sights={Vantage.ENGINE: before.engine, Vantage.HOST: host, Vantage.CONTAINER: container},
        home=where.home,
        home_detail=where.detail,
        store_now=where.store,
        users=users,
        used_by=used_by,
        began=began,
        ended=stage.clock(),
    )


# --- the container ----------------------------------------------------------------------------------------------------------


def _container_sight(answer: Answer, nonce: bytes, *, controlled: bool, detail: str = "") -> Testimony:
    """Read the container's answer: absent needs a definite "no such file" and a control read that succeeded beside it."""
    said = answer.detail or detail
    if not answer.told:
        return unseen(said or "the look failed")
    if answer.exists:
        return Testimony(sight=Sight.SAME if answer.content == nonce else Sight.OTHER, detail=said)
    if not controlled:
        return unseen("no such file, but the control read failed too")
    return Testimony(sight=Sight.ABSENT, detail=said)


def _without_process(seat: Seat, scene: Scene, written: Written, place: Place, refusal: Refusal | None) -> tuple[Where, Testimony]:
    """A container of which no process can be asked: by archive, where that is the same thing."""
    why = refusal.why if refusal is not None else f"the container is {scene.status}"
    disturbs = archive_disturbs(seat, scene)
    if disturbs is not None:
        return Where(home=Home.UNKNOWN, detail=disturbs, store=None), unseen(f"{why}; {disturbs}")
    try:
        path = resolve_by_archive(seat, scene.id, place.path)
    except EngineError as exc:
        return Where(home=Home.UNKNOWN, detail=str(exc), store=None), unseen(f"{why}; {exc}")
    ground = Ground(seat, scene, None)
    where = _where(ground, written, path)
    forbidden = archive_allowed(scene, path, where.store)
    if forbidden is not None:
        return where, unseen(f"{why}; {forbidden}")
    answer = by_archive(seat, scene, place.path, size_bytes=len(written.nonce))
    return where, _container_sight(answer, written.nonce, controlled=True, detail="by archive")


# --- home -------------------------------------------------------------------------------------------------------------------


def _where(ground: Ground, written: Written, path: str) -> Where:
    """Tell whether the store behind *path* is the one that took *written*."""
    now, detail = ground.store_at(path)
    then = written.store
    if now is None or then is None or written.seat is None:
        why = detail if now is None else "which store took the write is not known"
        return Where(home=Home.UNKNOWN, detail=why, store=now)
    if ground.seat is not written.seat:
        return Where(home=Home.NO, detail="another engine", store=now)
    if now.identity is not None and now.identity in written.roots:
        inner = now.inner_path
        same_file = written.roots[now.identity] == inner
        return Where(home=Home.YES, detail=detail, store=now, inner=then.inner_path if same_file else None)
    match storage.same_store(then, now):
        case Home.YES:
            return Where(home=Home.YES, detail=detail, store=now, inner=now.inner_path)
        case Home.UNKNOWN:
            return Where(home=Home.UNKNOWN, detail=detail or "whether it is the same store cannot be told", store=now)
    same_path = _by_another_way(ground.seat, then, now)
    if same_path is not None:
        return Where(home=same_path, detail="the same path of the host by another mount", store=now, inner=then.inner_path)
    covered = _covered(ground, written, then, now, path)
    if covered is not None:
        return Where(home=Home.COVERED, detail=covered, store=now, inner=then.inner_path)
    return Where(home=Home.NO, detail=detail, store=now)


def _by_another_way(seat: Seat, then: Store, now: Store) -> Home | None:
    """Tell of two mounts whether they lead to one path of the host: a folder and a folder above it, a volume and a bind of its directory."""
    kinds = {StoreKind.BIND, StoreKind.VOLUME}
    if {then.kind, now.kind} - kinds or then.host_path is None or now.host_path is None or then.host_path == now.host_path:
        return None
    if posixpath.join(then.host_path, then.inner_path) != posixpath.join(now.host_path, now.inner_path):
        return None
    for store in (then, now):
        numbers = storage.bind_numbers(store.identity)
        if store.kind is StoreKind.BIND and (numbers is None or numbers_of(seat, store.host_path or "") != numbers):
            return Home.UNKNOWN  # one of the two has been replaced since, or cannot be seen
    return Home.YES


def _covered(ground: Ground, written: Written, then: Store, now: Store, path: str) -> str | None:
    """Return how the store that took the write is still attached at *path*, under what is there now."""
    for store in ground.attached(path):
        attached = store.identity is not None and (store.identity == then.identity or store.identity in written.roots)
        if attached and store.inner_path == then.inner_path and store.target != now.target:
            return f"the {then.kind} is still there, under the {now.kind} at {now.target}"
    if now.kind is StoreKind.BIND and then.kind is StoreKind.BIND and now.host_path is not None:
        numbers = numbers_of(ground.seat, now.host_path)
        source = storage.bind_identity(*numbers) if numbers is not None else None
        if source is not None and source != now.identity and (source == then.identity or source in written.roots):
            return f"{now.host_path} was replaced; the container still holds what was there before"
    return None


# --- host and users -----------------------------------------------------------------------------------------------------------


def _host(written: Written, inner: str, scene: Scene | None, mounted: tuple[int, int] | None = None) -> Testimony:
    held: bool | None = None
    store, seat = written.store, written.seat
    if store is not None and seat is not None and _is_memory_volume(written):
        held = running_holders(seat, store, scene.id if scene is not None and mounted is not None else None)
    return host_sight(written, inner, mounted_numbers=mounted, elsewhere_mounted=held)


def _is_memory_volume(written: Written) -> bool:
    return written.store is not None and written.store.has_options and storage.is_memory_volume(dict(written.options))


def _host_again(written: Written, before: Before, where: Where, scene: Scene | None) -> Testimony:
    """The host's sight, asked again where the place lies elsewhere in the store, or where only the container could tell what it holds."""
    store = written.store
    if store is None:
        return before.host
    if where.home is Home.YES and where.inner is not None and where.inner != store.inner_path:
        return _host(written, where.inner, scene)
    if where.home is Home.YES and where.inner is None and where.store is not None:  # a write on the host, seen by another path
        return _host(replace(written, store=where.store), where.store.inner_path, scene)
    if _is_memory_volume(written) and before.host.sight is Sight.UNSEEN and where.store is not None and where.store.kind is StoreKind.VOLUME:
        return _host(written, store.inner_path, scene, storage.bind_numbers(where.store.identity))
    return before.host


def _users(stage: Stage, written: Written, place: Place, where: Where) -> tuple[Users, tuple[str, ...]]:
    if where.home in {Home.YES, Home.COVERED} and where.store is not None:
        return Users.SOMEBODY, (f"{place.name}:{where.store.target}",)
    return users_of(written, stage.boxes, stage.plan.identity.run)


def _at_host(stage: Stage, number: str, step: Observe, written: Written, place: Place, before: Before, began: float) -> Observation:
    """A look at a place of the scratch folder: sights, no fate."""
    users, used_by = users_of(written, stage.boxes, stage.plan.identity.run)
    return Observation(
        step=number,
        look=step.look,
        write=step.write,
        place=place,
        sights={
            Vantage.ENGINE: before.engine,
            Vantage.HOST: _at_path(stage, place, written.nonce),
            Vantage.CONTAINER: unseen("no container was asked"),
        },
        home=Home.UNKNOWN,
        home_detail="no container was asked",
        users=users,
        used_by=used_by,
        began=began,
        ended=stage.clock(),
    )


def _at_path(stage: Stage, place: Place, nonce: bytes) -> Testimony:
    host = stage.seat.host
    where = posixpath.join(stage.scratch, place.path)
    if host.reason is not None:
        return unseen(host.reason)
    try:
        found = host.stat(place.path, root=stage.scratch)
        if found is None:
            return Testimony(sight=Sight.ABSENT, detail=f"{where}: not there")
        if found.type != "file":
            return Testimony(sight=Sight.OTHER, detail=f"{where}: there is a {found.type} in its place")
        content = host.read(place.path, root=stage.scratch)
    except Unseen as exc:
        return unseen(str(exc))
    return Testimony(sight=Sight.SAME if content == nonce else Sight.OTHER, detail=where)
