"""Why a fate is what it is, in plain sentences, and the way out, as commands.

Rule 1: a sentence says what a witness saw; nothing is added that the history does not hold.
Rule 2: names are those of the scenario file where there are any; commands take the engine's own.
"""

from __future__ import annotations

from posixpath import dirname
from typing import TYPE_CHECKING, assert_never

from dockstore.core.evidence import WITNESSES, key, line_of, memory_gone
from dockstore.core.model import BindMount, Fate, Home, Sight, StoreKind, Users, Vantage, VolumeMount
from dockstore.core.script import Create, Rename, Run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dockstore.core.evidence import Evidence, Seen
    from dockstore.core.history import Observation, Placement
    from dockstore.core.model import ContainerSpec, Store

_SUDDEN = frozenset({"engine-kill", "reboot"})  # ends that spare the kernel, and with it what was not synced (P30)


def why(evidence: Evidence, seen: Seen, *, event: str | None) -> str:
    """Return what became of the write, and who says so."""
    placement, observation = seen.placement, seen.observation
    if seen.fate is None or placement is None or observation is None:
        return _sentence(seen.reason or "nothing was seen")
    line = line_of(evidence, placement.step)
    where = f" (line {line})" if line is not None else ""
    return f"{placement.write} went to {store_words(evidence, placement)}{where}{_rest(evidence, seen, placement, observation, event)}"


def _rest(evidence: Evidence, seen: Seen, placement: Placement, observation: Observation, event: str | None) -> str:
    """Return how the sentence goes on after the store."""
    sights, store, place = seen.sights, placement.store, observation.place
    match seen.fate:
        case Fate.PERSISTED:
            text = f", and {place} still has it after {event}." if event else f", and {place} has it."
            if observation.home is Home.UNKNOWN:
                text += " Whether the store behind the place is still the same could not be told" + _because(observation.home_detail)
            if event and _SUDDEN & set(event.split("+")):
                text += " The kernel lived on, so this says nothing of a power cut."
            return text
        case Fate.CARRIED:
            now = _now(evidence, observation)
            return f"; {place} has the same bytes from {now or 'another store'}: a copy was carried over."
        case Fate.LOST:
            return _lost(placement, observation, seen)
        case Fate.ORPHANED:
            if sights[Vantage.ENGINE] is Sight.SAME:
                return ", which the engine still has and no container mounts."
            if sights[Vantage.ENGINE] is Sight.ABSENT:
                return ", which the engine no longer knows; its bytes are still on the host."
            return ", whose bytes are still on the host; no container has it."
        case Fate.ELSEWHERE:
            users = _users(observation.used_by)
            now = _now(evidence, observation)
            behind = f"; {place} is backed by {now}." if now else f"; it is not behind {place}."
            if store is not None and store.kind is StoreKind.TMPFS:
                return f", which lives on with {users or 'the container that wrote it'}{behind}"
            return f", which {users or 'a container'} still has{behind}"
        case Fate.SHADOWED:
            now = _now(evidence, observation)
            if store is not None and store.kind is StoreKind.BIND:
                told = observation.home_detail or "another mount hides it, or the container holds what was there before it was replaced"
                return f"; the host still has it, and {place} does not show it: {told}."
            return f"; its bytes are still there, under {now or 'another mount'} that hides them."
        case Fate.ALTERED:
            who = [vantage for vantage in (Vantage.CONTAINER, Vantage.HOST) if sights[vantage] is Sight.OTHER]
            return f"; there are other bytes now, says the {' and the '.join(who)}."
        case Fate.DISPUTED:
            text = f", and the witnesses contradict one another: {_testimony(seen, observation)}."
            if store is not None and store.kind is StoreKind.BIND:
                text += " A stale bind explains it: if the source was replaced on the host, or a share was mounted over it, the container holds"
                text += " the old one (compare device and inode on both sides)."
            return text
        case Fate.UNKNOWN | None:
            home = f"; the store behind {place} now: {observation.home_detail}" if observation.home_detail else ""
            return f"; what became of it cannot be told: {_testimony(seen, observation)}{home}."
        case _:  # pragma: no cover
            assert_never(seen.fate)


def _lost(placement: Placement, observation: Observation, seen: Seen) -> str:
    store, sights = placement.store, seen.sights
    kind = store.kind if store is not None else None
    owner = placement.place.name
    if kind is StoreKind.TMPFS and observation.home is not Home.YES:
        return f", whose memory went when the main process of {owner} ended."
    if kind is StoreKind.ENGINE_FILE:
        return ", which the engine writes anew at every start."
    if kind is StoreKind.WRITABLE_LAYER and sights[Vantage.ENGINE] is Sight.ABSENT:
        return ", which went with that container."
    if store is not None and memory_gone(store, sights):
        return ", whose memory went when the last container that had it ended."
    if sights[Vantage.ENGINE] is Sight.ABSENT:
        return ", which the engine no longer has" + (", nor has the host its bytes." if sights[Vantage.HOST] is Sight.ABSENT else ".")
    if sights[Vantage.HOST] is Sight.ABSENT:
        return "; the host finds the bytes in it no more" + (", though the engine still has it." if sights[Vantage.ENGINE] is Sight.SAME else ".")
    return f"; the same store is still behind {observation.place}, and the bytes are not there."


def hint(seen: Seen) -> str | None:
    """Return the way out of a loss, None where there is none to tell."""
    placement, observation = seen.placement, seen.observation
    if placement is None or observation is None or placement.store is None:
        return None
    store = placement.store
    target = store.target or dirname(placement.place.path) or "/"
    wanted = f"{{type: volume, source: rows, target: {target}}}"
    match seen.fate:
        case Fate.ORPHANED if store.kind is StoreKind.VOLUME and store.anonymous:
            return f"name it: {wanted}; the way back: docker run --rm -v {store.name}:/from -v rows:/to IMAGE cp -a /from/. /to/"
        case Fate.ORPHANED if store.kind is StoreKind.VOLUME:
            return f"mount it again: docker run -v {store.name}:{target} IMAGE"
        case Fate.ORPHANED if store.kind is StoreKind.BIND:
            return f"mount it again: docker run -v {store.host_path or 'FOLDER'}:{target} IMAGE"
        case Fate.LOST if store.kind is StoreKind.WRITABLE_LAYER and target == "/":
            return "nothing can be mounted at /: keep it in a folder, and mount a volume there: {type: volume, source: rows, target: /data}"
        case Fate.LOST if store.kind is StoreKind.WRITABLE_LAYER:
            return f"mount a volume there: {wanted}"
        case Fate.LOST if store.kind is StoreKind.TMPFS:
            return f"memory lasts as long as the main process; mount a volume there: {wanted}"
        case Fate.LOST if store.kind is StoreKind.VOLUME and store.anonymous:
            return f"name it: {wanted}; remove without -v keeps an anonymous volume, as an orphan"
        case Fate.LOST if store.kind is StoreKind.ENGINE_FILE:
            return "say it at create: --add-host, --hostname, --dns"
        case Fate.SHADOWED if store.kind is StoreKind.BIND:
            return f"restart the container, so that it takes what lies at the source now: docker restart {placement.place.name}"
        case Fate.SHADOWED:
            return "mount it at another target, or take the mount away that covers it"
        case Fate.ELSEWHERE if observation.used_by:
            owner, _, path = observation.used_by[0].partition(":")
            path = f"{path.rstrip('/')}/{store.inner_path}" if store.inner_path else path
            return f"look there: docker exec {owner} cat {path}" if path else f"look there: docker exec {owner} ls"
        case Fate.DISPUTED:
            return "look again with dockstore doctor; if it stays, this is a storage bug, or ours: keep the history"
        case Fate.UNKNOWN:
            return "dockstore doctor says what can be seen from here, and why not more"
        case _:
            return None


# --- words for stores and witnesses -----------------------------------------------------------------------------------------


def store_words(evidence: Evidence, placement: Placement) -> str:
    """Return the store that took a write, as one says it."""
    store = placement.store
    if store is None:
        return "a store that could not be told"
    return _named(store, spec_at(evidence, placement.place.name, placement.step), placement.place.name)


def _now(evidence: Evidence, observation: Observation) -> str | None:
    """Return what backs the place now, as one says it."""
    if observation.store_now is None:
        return None
    return _named(observation.store_now, spec_at(evidence, observation.place.name, observation.step), observation.place.name)


def spec_at(evidence: Evidence, container: str, step: str) -> ContainerSpec | None:
    """Return the configuration with which the container that bore the name *container* at *step* was made."""
    until = key(step)
    made: dict[str, ContainerSpec] = {}
    for at, one in evidence.steps.items():
        if at >= until:
            continue
        match one:
            case Run() | Create():
                made[one.spec.name] = one.spec
            case Rename() if one.container in made:
                made[one.to] = made.pop(one.container)
            case _:
                pass
    return made.get(container)


def _named(store: Store, spec: ContainerSpec | None, container: str) -> str:
    match store.kind:
        case StoreKind.VOLUME if store.anonymous:
            return f"the anonymous volume {(store.name or 'without a name')[:6]}"
        case StoreKind.VOLUME:
            sources = [mount.source for mount in spec.mounts if isinstance(mount, VolumeMount) and mount.target == store.target] if spec else []
            return f"the volume {next((name for name in sources if name), store.name or 'without a name')}"
        case StoreKind.BIND:
            folders = [mount.source for mount in spec.mounts if isinstance(mount, BindMount) and mount.target == store.target] if spec else []
            source = next((name for name in folders if name), store.host_path or "a path that is not known")
            return f"the host's {source}" if source.startswith("/") else f"the host's folder {source}"
        case StoreKind.TMPFS:
            return f"memory (tmpfs at {store.target})" if store.target else "memory (tmpfs)"
        case StoreKind.WRITABLE_LAYER:
            return f"the writable layer of {container}" if container else "a writable layer"
        case StoreKind.IMAGE_LAYER:
            return "an image layer"
        case StoreKind.IMAGE_MOUNT:
            return "an image mount"
        case StoreKind.ENGINE_FILE:
            return "a file that the engine manages"
        case _:  # pragma: no cover
            assert_never(store.kind)


def _testimony(seen: Seen, observation: Observation) -> str:
    """Return each witness's sight with its reason."""
    told = []
    for vantage in WITNESSES:
        testimony = observation.sights.get(vantage)
        sight = seen.sights[vantage]
        detail = testimony.detail if testimony is not None and testimony.sight is sight else ""
        told.append(f"{vantage} {sight}" + (f" ({detail})" if detail else ""))
    if observation.users is Users.UNKNOWN and Sight.SAME in (seen.sights[Vantage.HOST], seen.sights[Vantage.ENGINE]):
        told.append("who has the store is not known")
    return ", ".join(told)


def _users(used_by: Iterable[str]) -> str:
    """Return "a (at /data) and b (at /vol)"."""
    told = []
    for user in used_by:
        name, _, target = user.partition(":")
        told.append(f"{name} (at {target})" if target else name)
    return " and ".join(told)


def _because(detail: str) -> str:
    return f": {detail}." if detail else "."


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
