"""Whose was it? Every trace that the engine and the data themselves keep, weighed.

Rule 1: the engine's own word (a label, a mount, an event) is certain, and nothing else is.
Rule 2: each reason is a sentence that a person can check; the score only puts owners in order.
Rule 3: two that are as good as each other are both named, and neither is called likely.
"""

from __future__ import annotations

import re
from dataclasses import field, replace
from typing import TYPE_CHECKING, Final

from dockstore.core.orphans import Confidence, ContainerFact, ImageFact, Owner
from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dockstore.core.kinds import Kind
    from dockstore.core.orphans import Candidate, Orphan, VolumeFact
    from dockstore.core.recognise import Content

LIKELY: Final = 5
POSSIBLE: Final = 3
MOST_OTHERS: Final = 3
_SOON_SECONDS: Final = 600.0
_HANDOVER_SECONDS: Final = 60.0  # a new container may be created before the old one has stopped
_TOGETHER_SECONDS: Final = 5.0
_ANYBODYS: Final = frozenset({"/data", "/config", "/app/data", "/export", "/storage", "/var/www/html"})  # paths of too many programs to tell one


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """What a volume that is in use holds, as far as a short look told."""

    ids: frozenset[str]  # kinds
    names: frozenset[str]  # in its root


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What the engine still remembers of a container that is gone: who mounted a volume where."""

    volume: str
    target: str | None
    container: str  # its id
    name: str | None = None
    image: str | None = None
    project: str | None = None
    service: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Everything else on the engine that may tell."""

    containers: Sequence[ContainerFact] = ()
    volumes: Sequence[VolumeFact] = ()
    images: Sequence[ImageFact] = ()
    present: Mapping[str, Present] = field(default_factory=dict)  # volume -> what it holds
    births: Mapping[str, float] = field(default_factory=dict)  # volume -> when its folder was made, in seconds
    traces: Mapping[str, Trace] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of the data themselves."""

    contents: tuple[Content, ...]
    names: frozenset[str] = frozenset()
    last_change: float | None = None  # seconds of the epoch

    @property
    def kind(self) -> Kind | None:
        """Of what tells most."""
        return self.contents[0].kind if self.contents else None


def owners(candidate: Candidate, evidence: Evidence, around: Surroundings) -> tuple[Owner, ...]:
    """Return whom the data may have belonged to, the likeliest first; empty if nothing tells."""
    if candidate.user is not None:
        return (_by_user(candidate, candidate.user, evidence, around),)
    volume = candidate.volume
    if volume is None:
        return ()
    trace = around.traces.get(volume.name)
    if trace is not None and volume.project in {None, trace.project}:
        return (_by_trace(trace, around),)
    if volume.project is not None:
        return (_by_label(volume, volume.project, evidence, around),)
    found = [owner for container in around.containers if not container.ours and (owner := _weighed(volume, container, evidence, around)) is not None]
    found = _one_for_each_service(found)
    if not volume.anonymous:
        by_name = _by_name(volume, evidence, around, found)
        found = [by_name, *found] if by_name is not None else found
    elif not found or found[0].score < LIKELY:
        found += _by_neighbours(volume, evidence, around)
    if not found:
        found = _by_images(evidence, around)
    return _judged(found)


def _judged(found: list[Owner]) -> tuple[Owner, ...]:
    ordered = sorted((owner for owner in found if owner.score >= POSSIBLE), key=lambda owner: -owner.score)
    best = ordered[0].score if ordered else 0
    tied = sum(owner.score == best for owner in ordered) > 1
    ranked = []
    for owner in ordered[: MOST_OTHERS + 1]:
        sure = owner.score >= LIKELY and owner.score == best and not tied
        ranked.append(replace(owner, confidence=Confidence.LIKELY if sure else Confidence.POSSIBLE))
    return tuple(ranked)


def in_turn(orphans: Sequence[Orphan]) -> tuple[Orphan, ...]:
    """Of several that suit one service as well, only the one that was changed last is likely: the others may be older ones, or another's."""
    claims: dict[tuple[str | None, ...], list[Orphan]] = {}
    for orphan in orphans:
        owner = orphan.owner
        if owner is not None and owner.confidence is Confidence.LIKELY and orphan.anonymous:
            claims.setdefault((owner.project, owner.service, owner.container, owner.target), []).append(orphan)
    older = {orphan.id: len(several) for several in claims.values() for orphan in sorted(several, key=lambda one: one.last_change or "")[:-1]}
    return tuple(_doubted(orphan, older[orphan.id]) if orphan.id in older else orphan for orphan in orphans)


def _doubted(orphan: Orphan, several: int) -> Orphan:
    owner = orphan.owner
    if owner is None:
        return orphan
    why = (*owner.why, f"against it: {several} volumes suit this service as well, and another of them was changed last")
    return replace(orphan, owner=replace(owner, confidence=Confidence.POSSIBLE, why=why))


def _one_for_each_service(found: Iterable[Owner]) -> list[Owner]:
    best: dict[tuple[str | None, ...], Owner] = {}
    for owner in found:
        key = (owner.project, owner.service) if owner.project is not None else (None, owner.container)
        if key not in best or best[key].score < owner.score:
            best[key] = owner
    return sorted(best.values(), key=lambda owner: -owner.score)


# --- certain --------------------------------------------------------------------------------------------------------------


def _by_user(candidate: Candidate, user: ContainerFact, evidence: Evidence, around: Surroundings) -> Owner:
    layer = candidate.container is not None
    where = "it is the writable layer of" if layer else f"it is mounted at {candidate.target} in"
    why = [f"{where} container {user.name}, which is {user.state or 'not running'}"]
    if user.project is not None:
        why.append(f"that container's labels name {user.said}")
    if not layer and user.service is not None:
        same = (one for one in around.containers if (one.project, one.service) == (user.project, user.service) and one.id != user.id)
        others = [one for one in same if one.created >= user.created]
        why += [f"container {other.name} of the same service has taken its place" for other in others[:1]]
    return Owner(
        confidence=Confidence.CERTAIN,
        why=tuple(why),
        project=user.project,
        service=user.service,
        container=user.name,
        image=user.image,
        target=candidate.target or (_usual_path(evidence) if not layer else None),
        score=100,
    )


def _by_trace(trace: Trace, around: Surroundings) -> Owner:
    there = next((container for container in around.containers if container.id == trace.container), None)
    name = there.name if there is not None else trace.name
    whose = f"container {name}" if name else f"container {trace.container[:12]}"
    why = [f"the engine remembers that {whose} mounted it" + (f" at {trace.target}" if trace.target else "")]
    if trace.project is not None:
        why.append(f"that container's labels named service {trace.service or '?'} of project {trace.project}")
    return Owner(
        confidence=Confidence.CERTAIN,
        why=tuple(why),
        project=trace.project,
        service=trace.service,
        container=None if trace.project is not None and there is None else name,
        image=trace.image,
        target=trace.target,
        score=100,
    )


def _by_label(volume: VolumeFact, project: str, evidence: Evidence, around: Surroundings) -> Owner:
    """The project is certain; the service is the one of the project that such data suit best, if one stands out."""
    why = [f"its label names project {project}" + (f", volume {volume.key}" if volume.key else "")]
    mates = [container for container in around.containers if container.project == project]
    if not mates:
        why.append(f"no container of project {project} is left")
    weighed = _one_for_each_service(owner for mate in mates if (owner := _weighed(volume, mate, evidence, around)) is not None)
    best = weighed[0] if weighed and weighed[0].score >= POSSIBLE and (len(weighed) == 1 or weighed[1].score < weighed[0].score) else None
    if best is not None:
        why += [f"service {best.service}: {reason}" for reason in best.why]
    image = best.image if best is not None else _image_for(evidence, around)
    return Owner(
        confidence=Confidence.CERTAIN,
        why=tuple(why),
        project=project,
        service=best.service if best is not None else None,
        container=best.container if best is not None else None,
        image=image,
        target=(best.target if best is not None else None) or _usual_path(evidence, image, around),
        score=100,
    )


# --- weighed --------------------------------------------------------------------------------------------------------------


def _weighed(volume: VolumeFact, container: ContainerFact, evidence: Evidence, around: Surroundings) -> Owner | None:
    """How well the data suit the service of *container*; None: not at all."""
    image = next((one for one in around.images if one.id == container.image_id), None)
    kind = evidence.kind
    target, score, why = _path_evidence(volume, container, image, evidence, around)
    telling = score >= 3 or (bool(why) and target not in _ANYBODYS)
    if kind is not None and _is_word_of(kind, container.image):
        telling = True
        score += 2
        why.append(f"{kind.name} is what image {container.image} keeps")
    points, reasons = _version_evidence(evidence, image)
    score += points
    why += reasons
    named = _name_evidence(evidence, container)
    if named is not None:
        telling = True
        score += 5
        why.append(named)
    if not telling:
        return None
    if evidence.last_change is not None and container.created:
        ahead = container.created - evidence.last_change
        if -_HANDOVER_SECONDS <= ahead <= _SOON_SECONDS:
            score += 2
            why.append(f"it was last changed {_duration(abs(ahead))} {'before' if ahead >= 0 else 'after'} container {container.name} was created")
        elif ahead > 0:
            score += 1
            why.append(f"it was last changed before container {container.name} was created")
        else:
            score -= 3
            why.append(f"against it: it was last changed {_duration(-ahead)} after container {container.name} was created")
    return Owner(
        confidence=Confidence.POSSIBLE,
        why=tuple(why),
        project=container.project,
        service=container.service,
        container=container.name,
        image=container.image,
        target=target,
        score=score,
    )


def _path_evidence(
    volume: VolumeFact, container: ContainerFact, image: ImageFact | None, evidence: Evidence, around: Surroundings
) -> tuple[str | None, int, list[str]]:
    """(path, points, reasons): where in *container* such data have their place."""
    kind = evidence.kind
    best: tuple[str | None, int, list[str]] = (None, 0, [])
    declared = image.volumes if image is not None else ()
    targets = dict.fromkeys([*(mount.target for mount in container.mounts if mount.kind == "volume"), *declared])
    for target in targets:
        points, why = 0, []
        mount = next((one for one in container.mounts if one.target == target), None)
        present = around.present.get(mount.volume) if mount is not None and mount.volume not in {None, volume.name} else None
        if present is not None and kind is not None and kind.id in present.ids:
            points += 3
            why.append(f"its volume at {target} holds {kind.name}, too")
        elif present is not None and _alike(present.names, evidence.names):
            points += 3
            why.append(f"its volume at {target} holds files of the same names")
        if kind is not None and any(_same_place(target, path) for path in kind.paths):
            points += 2 if target in declared else 1
            why.append(f"its image declares the volume {target}" if target in declared else f"{target} is where {kind.name} is usually kept")
        elif points and target in declared:
            points += 1
            why.append(f"its image declares the volume {target}")
        if points > best[1]:
            best = (target, points, why)
    return best


def _version_evidence(evidence: Evidence, image: ImageFact | None) -> tuple[int, list[str]]:
    kind, version = evidence.kind, evidence.contents[0].version if evidence.contents else None
    if kind is None or image is None or version is None:
        return 0, []
    for variable in kind.env:
        value = image.versions.get(variable)
        if value:
            major = re.match(r"\d+", value)
            if major and re.match(rf"{major[0]}(?:\D|\Z)", version):
                return 2, [f"the image's {variable} is {value}"]
            return -1, [f"against it: the image's {variable} is {value}"]
    return 0, []


def _name_evidence(evidence: Evidence, container: ContainerFact) -> str | None:
    """A host name that the data themselves bear."""
    for content in evidence.contents:
        found = re.search(r"@([A-Za-z0-9][\w.-]*)", content.detail or "")
        if found:
            host = found[1]
            if host in {container.name, container.service, container.host_name} or (len(host) == 12 and container.id.startswith(host)):
                return f"the data bear its host name {host}"
    return None


def _by_name(volume: VolumeFact, evidence: Evidence, around: Surroundings, found: list[Owner]) -> Owner | None:
    """A name of the form PROJECT_VOLUME, where the project is known."""
    projects = {container.project for container in around.containers} | {other.project for other in around.volumes}
    known = sorted((one for one in projects if one and volume.name.startswith((f"{one}_", f"{one}-"))), key=len, reverse=True)
    if known:
        mate = next((owner for owner in found if owner.project == known[0] and owner.score >= POSSIBLE), None)
        why = (f"its name begins with that of project {known[0]}", *(mate.why if mate is not None else ()))
        base = mate or Owner(confidence=Confidence.POSSIBLE, why=(), project=known[0])
        image = base.image or _image_for(evidence, around)
        if mate is not None:
            found.remove(mate)
        return replace(base, why=why, image=image, target=base.target or _usual_path(evidence, image, around), score=LIKELY + base.score)
    head, separator, rest = volume.name.partition("_")
    if separator and head and rest:
        image = _image_for(evidence, around)
        reason = f"its name has the form PROJECT_VOLUME; of a project {head} nothing else is left"
        return Owner(
            confidence=Confidence.POSSIBLE, why=(reason,), project=head, image=image, target=_usual_path(evidence, image, around), score=POSSIBLE
        )
    return None


def _by_neighbours(volume: VolumeFact, evidence: Evidence, around: Surroundings) -> list[Owner]:
    """Projects whose volumes were made in the same moment: one `up` makes them all."""
    born = around.births.get(volume.name)
    if born is None:
        return []
    near: dict[str, tuple[float, str]] = {}
    for other in around.volumes:
        then = around.births.get(other.name)
        if other.project is not None and then is not None and abs(then - born) <= _TOGETHER_SECONDS:
            near[other.project] = min(near.get(other.project, (abs(then - born), other.name)), (abs(then - born), other.name))
    image = _image_for(evidence, around)
    return [
        Owner(
            confidence=Confidence.POSSIBLE,
            why=(f"it was made within {_duration(gap)} of volume {name}, whose label names project {project}",),
            project=project,
            image=image,
            target=_usual_path(evidence, image, around),
            score=POSSIBLE,
        )
        for project, (gap, name) in near.items()
    ]


def _by_images(evidence: Evidence, around: Surroundings) -> list[Owner]:
    image = _image_for(evidence, around)
    kind = evidence.kind
    if image is None or kind is None:
        return []
    reason = f"no trace of its container is left; {image} is the image here that keeps {kind.name}"
    return [Owner(confidence=Confidence.POSSIBLE, why=(reason,), image=image, target=_usual_path(evidence, image, around), score=POSSIBLE)]


def _image_for(evidence: Evidence, around: Surroundings) -> str | None:
    """The one image of the engine that suits such data best."""
    kind = evidence.kind
    if kind is None:
        return None
    ranked = []
    for image in around.images:
        points = 2 if _is_word_of(kind, image.reference) else 0
        points += 2 if any(_same_place(target, path) for target in image.volumes for path in kind.paths) else 0
        points += _version_evidence(evidence, image)[0] if points else 0
        ranked.append((points, image.reference))
    ranked.sort(key=lambda item: (-item[0], item[1]))
    return ranked[0][1] if ranked and ranked[0][0] >= 2 and (len(ranked) == 1 or ranked[1][0] < ranked[0][0]) else None


def _usual_path(evidence: Evidence, image: str | None = None, around: Surroundings | None = None) -> str | None:
    kind = evidence.kind
    if kind is None or not kind.paths:
        return None
    fact = next((one for one in around.images if one.reference == image), None) if around is not None else None
    declared = [target for target in (fact.volumes if fact is not None else ()) if any(_same_place(target, path) for path in kind.paths)]
    return declared[0] if declared else kind.paths[0]


def _is_word_of(kind: Kind, reference: str) -> bool:
    return any(word in reference.lower() for word in kind.words)


def _same_place(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    return bool(one & other) and 2 * len(one & other) >= len(one | other)


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"
