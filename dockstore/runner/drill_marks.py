"""Markers of a drill: a nonce file beside what a service wrote, put there by a process in the container as its owner, and looked for later.

Rule 1: the kernel says which store took it, at the moment of writing; each witness is asked as for any write.
Rule 2: a look reads through the process's own root: the container's sight, in microseconds; an exec where that cannot be.
Rule 3: what could not be planted has no say; that a write was refused is told.
"""

from __future__ import annotations

import hashlib
import io
import posixpath
import secrets
import tarfile
from typing import TYPE_CHECKING

from dockstore.core import storage
from dockstore.core.history import Observation, Placement, Testimony
from dockstore.core.model import Home, Place, PlaceKind, Sight, StoreKind, Users, Vantage
from dockstore.core.values import dataclass
from dockstore.core.writes import MARKER
from dockstore.engines.errors import EngineError
from dockstore.engines.host import Unseen
from dockstore.runner.asking import archive_allowed, by_archive
from dockstore.runner.placing import Ground, resolve_by_archive
from dockstore.runner.probe import Answer, Answers, Probe, Put, Seek, Target
from dockstore.runner.scene import Moment
from dockstore.runner.sights import engine_sight, host_sight, running_holders, unseen, users_of
from dockstore.runner.stage import Written
from dockstore.runner.stores import resolved

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dockstore.core.drill_facts import Group
    from dockstore.core.model import Store
    from dockstore.runner.scene import Scene
    from dockstore.runner.stage import Seat

EXEC_SECONDS = 60.0
NO_SHELL = (126, 127)
REFUSALS = (
    "Permission denied",
    "Read-only file system",
    "No space left",
    "Operation not permitted",
    "Disk quota",
    "nonexistent directory",
    "can't create",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A marker of one group in one replica. *written* None: it could not be planted, and *why*; *refused*: the write itself was."""

    group: Group
    number: int  # of the replica, from 1
    path: str
    written: Written | None
    why: str = ""
    refused: bool = False
    remark: str = ""

    @property
    def write(self) -> str:
        """Its name in the history."""
        return write_id(self.group.service, self.group.path, self.number)


def write_id(service: str, path: str, number: int) -> str:
    """The name of a marker in a history."""
    return f"marker|{service}|{path}|{number}"


def new_nonce() -> str:
    """Fresh bytes: `[a-z][a-z0-9]{15,31}`."""
    return f"n{secrets.token_hex(12)}"


def plant(seat: Seat, scene: Scene, number: int, groups: Sequence[Group]) -> list[Mark]:
    """Plant a marker for each group, one exec for each owner."""
    marks: list[Mark] = []
    owners = list(dict.fromkeys((group.uid, group.gid) for group in groups))
    moment = Moment()
    for uid, gid in owners:
        mine = [group for group in groups if (group.uid, group.gid) == (uid, gid)]
        marks += _plant(seat, scene, number, mine, f"{uid}:{gid}", moment)
    return marks


def _plant(seat: Seat, scene: Scene, number: int, groups: Sequence[Group], user: str, moment: Moment) -> list[Mark]:
    nonces = [new_nonce() for _ in groups]
    paths = [posixpath.join(group.folder, f"{MARKER}{nonce[1:]}") for group, nonce in zip(groups, nonces, strict=True)]
    answers = _put(seat, scene, paths, nonces, user)
    if isinstance(answers, str):
        answers = _put_by_host(seat, scene, groups, paths, nonces) or answers
    if isinstance(answers, str):
        return [Mark(group=group, number=number, path=path, written=None, why=answers) for group, path in zip(groups, paths, strict=True)]
    ground = Ground(seat, scene, answers, moment)
    marks: list[Mark] = []
    for group, path, nonce, answer in zip(groups, paths, nonces, answers.answers, strict=True):
        if answer.refused is not None and user != "0:0" and (group.found == "written" or _runs_as_root(seat, scene)):
            again = _put(seat, scene, [path], [nonce], "0:0")  # the service writes there, though not new names, or may as root
            if isinstance(again, Answers) and again.answers[0].refused is None:
                mark = _mark(Ground(seat, scene, again, moment), number, group, path, nonce, again.answers[0])
                marks.append(_with_remark(mark, f"planted as root: uid {user} may write its files there, but no new name"))
                continue
        marks.append(_mark(ground, number, group, path, nonce, answer))
    return marks


def _runs_as_root(seat: Seat, scene: Scene) -> bool:
    """Whether the container's main process is root's: then no refusal to one of its children is the service's."""
    if seat.host.reason is not None or not scene.pid:
        return False
    try:
        told = seat.host.stat(f"/proc/{scene.pid}")
    except Unseen:
        return False
    return told is not None and told.uid == 0


def plant_stopped(seat: Seat, scene: Scene, number: int, groups: Sequence[Group]) -> list[Mark]:
    """Of a service that has done its work no process can be asked: by the archive endpoint, into volumes and binds, where that is the same."""
    marks: list[Mark] = []
    moment = Moment()
    for group in groups:
        nonce = new_nonce()
        name = f"{MARKER}{nonce[1:]}"
        path = posixpath.join(group.folder, name)
        ground = Ground(seat, scene, None, moment)
        try:
            real = resolve_by_archive(seat, scene.id, path)
            store, _ = ground.store_at(real)
            forbidden = archive_allowed(scene, real, store)
            if forbidden is None:
                seat.engine.put_archive(scene.id, posixpath.dirname(real), _tar(name, nonce.encode(), group))
                answer = by_archive(seat, scene, real, size_bytes=len(nonce))
            else:
                answer = Answer(told=False, detail=forbidden)
        except EngineError as error:
            answer = Answer(told=False, detail=str(error))
        marks.append(_mark(ground, number, group, path, nonce, answer))
    return marks


def _tar(name: str, data: bytes, group: Group) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size, member.mode, member.uid, member.gid = len(data), 0o644, group.uid, group.gid
        archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def _with_remark(mark: Mark, remark: str) -> Mark:
    return Mark(group=mark.group, number=mark.number, path=mark.path, written=mark.written, why=mark.why, refused=mark.refused, remark=remark)


def _mark(ground: Ground, number: int, group: Group, path: str, nonce: str, answer: Answer) -> Mark:
    if answer.refused is not None:
        return Mark(group=group, number=number, path=path, written=None, why=answer.refused, refused=True)
    if answer.content != nonce.encode():
        return Mark(group=group, number=number, path=path, written=None, why=answer.detail or "what was written could not be read back")
    real = answer.resolved or path
    store, detail = ground.store_at(real)
    facts = ground.volume(store.name) if store is not None and store.kind is StoreKind.VOLUME and store.name else None
    directory = (facts.device, facts.inode, facts.birth_ns) if facts is not None and facts.device is not None and facts.inode is not None else None
    written = Written(
        write=write_id(group.service, group.path, number),
        nonce=nonce.encode(),
        place=Place(PlaceKind.CONTAINER, group.service, path),
        store=store,
        seat=ground.seat,
        resolved=real,
        container=ground.scene.id,
        directory=directory,
        options=dict(facts.options) if facts is not None else {},
    )
    return Mark(group=group, number=number, path=path, written=written, why=detail)


def placement(mark: Mark, step: str) -> Placement:
    """The history's line of a planting."""
    place = Place(PlaceKind.CONTAINER, mark.group.service, mark.path)
    if mark.written is None:
        detail = f"refused: {mark.why}" if mark.refused else mark.why
        return Placement(step=step, write=mark.write, place=place, digest="", size_bytes=0, store=None, read_back=False, detail=detail)
    nonce = mark.written.nonce
    digest = hashlib.sha256(nonce).hexdigest()
    detail = "; ".join(part for part in (mark.why, mark.remark) if part)
    return Placement(
        step=step, write=mark.write, place=place, digest=digest, size_bytes=len(nonce), store=mark.written.store, read_back=True, detail=detail
    )


# --- putting ----------------------------------------------------------------------------------------------------------------


def _put(seat: Seat, scene: Scene, paths: Sequence[str], nonces: Sequence[str], user: str) -> Answers | str:
    """Put by an exec; a text says why that could not be asked."""
    destinations = tuple(dict.fromkeys(mount.destination for mount in scene.mounts))
    last = "it was not asked"
    for _ in range(2):
        wishes = tuple(Put(path=path, nonce=nonce) for path, nonce in zip(paths, nonces, strict=True))
        probe = Probe(mark=f"look-{secrets.token_hex(8)}", wishes=wishes, targets=destinations)
        try:
            result = seat.engine.exec(scene.id, ["sh", "-c", probe.script], user=user, timeout_seconds=EXEC_SECONDS)
        except EngineError as error:
            return str(error)
        answers = probe.read(result.stdout)
        if answers.whole:
            return answers
        last = (result.stderr or result.stdout).decode(errors="replace").strip()[-200:] or result.detail or "the answer came without its end mark"
        if result.exit_code in NO_SHELL:
            return f"no shell in the container: {last}"
    return last


def _put_by_host(seat: Seat, scene: Scene, groups: Sequence[Group], paths: Sequence[str], nonces: Sequence[str]) -> Answers | None:
    """Where there is no shell: through the process's own root, which is the container's file system with all its mounts."""
    try:
        root = seat.host.proc_root(scene.pid)
        for group, path, nonce in zip(groups, paths, nonces, strict=True):
            seat.host.write_file(path, nonce.encode(), root=root, mode=0o644, owner=(group.uid, group.gid))
    except (Unseen, OSError):
        return None
    return answers_of(seat, scene, paths)


# --- looking ----------------------------------------------------------------------------------------------------------------


def answers_of(seat: Seat, scene: Scene, paths: Sequence[str]) -> Answers | None:
    """What a process of the container sees at *paths*, read through its own root; None: that cannot be done here."""
    if seat.host.reason is not None or not scene.asks:
        return None
    try:
        root = seat.host.proc_root(scene.pid)
        mounts = storage.parse_mountinfo(seat.host.mountinfo(scene.pid))
        targets: dict[str, Target] = {}
        for mount in scene.mounts:
            real = resolved(seat.host, root, mount.destination)
            found = seat.host.stat(real.lstrip("/"), root=root)
            targets[mount.destination] = Target(resolved=real, device=found.device if found else None, inode=found.inode if found else None)
        return Answers(whole=True, mounts=mounts, targets=targets, answers=tuple(_answer(seat, root, path) for path in paths))
    except Unseen:
        return None


def _answer(seat: Seat, root: str, path: str) -> Answer:
    real = resolved(seat.host, root, path)
    found = seat.host.stat(real.lstrip("/"), root=root)
    if found is None:
        return Answer(told=True, resolved=real, detail="no such file")
    if found.type != "file":
        return Answer(told=True, resolved=real, exists=True, detail=f"there is a {found.type} in its place")
    content = seat.host.read(real.lstrip("/"), root=root, limit_bytes=1 << 16)
    return Answer(told=content is not None, resolved=real, exists=True, content=content)


def _asked(seat: Seat, scene: Scene, marks: Sequence[Mark]) -> Answers | str:
    found = answers_of(seat, scene, [mark.path for mark in marks])
    if found is not None:
        return found
    destinations = tuple(dict.fromkeys(mount.destination for mount in scene.mounts))
    wishes: tuple[Seek, ...] = tuple(Seek(path=mark.path, nonce=mark.written.nonce.decode() if mark.written else "none") for mark in marks)
    last = "it was not asked"
    for _ in range(2):
        probe = Probe(mark=f"look-{secrets.token_hex(8)}", wishes=wishes, targets=destinations)
        try:
            result = seat.engine.exec(scene.id, ["sh", "-c", probe.script], user="0", timeout_seconds=EXEC_SECONDS)
        except EngineError as error:
            return str(error)
        answers = probe.read(result.stdout)
        if answers.whole:
            return answers
        last = result.detail or "the answer came without its end mark"
    return last


def look(seat: Seat, scene: Scene | None, marks: Sequence[Mark], *, run: str, step: str, event: str, began: float, ended: float) -> list[Observation]:
    """Look for planted markers of one replica; *scene* None: there is no such container any more."""
    planted = [mark for mark in marks if mark.written is not None]
    if not planted:
        return []
    moment = Moment()
    answers: Answers | str = "there is no container of that service" if scene is None else f"the container is {scene.status}"
    if scene is not None and scene.asks:
        answers = _asked(seat, scene, planted)
    found = []
    for number, mark in enumerate(planted):
        if mark.written is not None:
            answer = answers.answers[number] if isinstance(answers, Answers) else _archived(seat, scene, mark.written, moment)
            found.append(_observation(seat, scene, mark.written, answers, answer, moment, run=run, step=step, event=event, began=began, ended=ended))
    return found


def _observation(
    seat: Seat,
    scene: Scene | None,
    written: Written,
    answers: Answers | str,
    answer: Answer | None,
    moment: Moment,
    *,
    run: str,
    step: str,
    event: str,
    began: float,
    ended: float,
) -> Observation:
    if scene is None:
        home, detail, now = Home.NO, "there is no container of that service", None
    elif isinstance(answers, Answers):
        home, detail, now = _home(Ground(seat, scene, answers, moment), written, (answer.resolved if answer else None) or written.place.path)
    else:
        home, detail, now = _home(Ground(seat, scene, None, moment), written, written.resolved or written.place.path)
    container = _container(answers, answer, written) if isinstance(answers, Answers) or answer is None else _told(answer, written)
    inner = now.inner_path if home is Home.YES and now is not None else written.store.inner_path if written.store is not None else ""
    numbers = storage.bind_numbers(now.identity) if now is not None and now.kind is StoreKind.VOLUME else None
    host = host_sight(written, inner, mounted_numbers=numbers, elsewhere_mounted=_held(seat, scene, written, numbers))
    engine = engine_sight(written, moment)
    used_by: tuple[str, ...]
    if home in {Home.YES, Home.COVERED} and now is not None:
        users, used_by = Users.SOMEBODY, (f"{written.place.name}:{now.target}",)
    else:
        users, used_by = users_of(written, {}, run)
    return Observation(
        step=step,
        look=event,
        write=written.write,
        place=written.place,
        sights={Vantage.ENGINE: engine, Vantage.HOST: host, Vantage.CONTAINER: container},
        home=home,
        home_detail=detail,
        store_now=now,
        users=users,
        used_by=used_by,
        began=began,
        ended=ended,
    )


def _held(seat: Seat, scene: Scene | None, written: Written, mounted: tuple[int, int] | None) -> bool | None:
    """Whether a running container other than *scene* may still have the memory behind a volume that is a tmpfs; None: that is not asked."""
    if written.store is None or not written.store.has_options or not storage.is_memory_volume(dict(written.options)):
        return None
    return running_holders(seat, written.store, scene.id if scene is not None and mounted is not None else None)


def _container(answers: Answers | str, answer: Answer | None, written: Written) -> Testimony:
    if isinstance(answers, str) or answer is None:
        return unseen(answers if isinstance(answers, str) else "it was not asked")
    if not answer.told:
        return unseen(answer.detail or "the look failed")
    if answer.exists:
        return Testimony(sight=Sight.SAME if answer.content == written.nonce else Sight.OTHER, detail=answer.detail)
    if not answers.mounts:
        return unseen("no such file, but the control read failed too")
    return Testimony(sight=Sight.ABSENT, detail=answer.detail)


def _told(answer: Answer, written: Written) -> Testimony:
    """The archive endpoint's answer, beside a control read."""
    if not answer.told:
        return unseen(answer.detail or "the look failed")
    if not answer.exists:
        return Testimony(sight=Sight.ABSENT, detail=answer.detail)
    return Testimony(sight=Sight.SAME if answer.content == written.nonce else Sight.OTHER, detail=answer.detail)


def _archived(seat: Seat, scene: Scene | None, written: Written, moment: Moment) -> Answer | None:
    """What the archive endpoint sees of a container that does not run, where that is what a process would see; None: it may not be asked."""
    if scene is None or scene.running:
        return None
    try:
        real = resolve_by_archive(seat, scene.id, written.place.path)
        store, _ = Ground(seat, scene, None, moment).store_at(real)
        if archive_allowed(scene, real, store) is not None:
            return None
        return by_archive(seat, scene, real, size_bytes=len(written.nonce))
    except EngineError:
        return None


def _home(ground: Ground, written: Written, path: str) -> tuple[Home, str, Store | None]:
    """Whether the store behind *path* is the one that took the write."""
    now, detail = ground.store_at(path)
    then = written.store
    if now is None or then is None:
        return Home.UNKNOWN, detail or "which store took the write is not known", now
    same = storage.same_store(then, now)
    if same is Home.YES:
        return Home.YES, detail, now
    if same is Home.UNKNOWN:
        return Home.UNKNOWN, detail or "whether it is the same store cannot be told", now
    for store in ground.attached(path):
        if store.identity is not None and store.identity == then.identity and store.target != now.target:
            return Home.COVERED, f"the {then.kind} is still there, under the {now.kind} at {now.target}", now
    return Home.NO, detail, now
