"""A table of stores by events in, the long form of a scenario out.

Rule 1: one container carries all stores of one chain of events; the next event goes on with the container that the last one left.
Rule 2: a new chain (new container, new volumes) begins where that container does not run, or would no longer be the same experiment.
Rule 3: each event writes a fresh row to each store, in a new file, does its words, and looks for each row once.
"""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING

from dockstore.core.matrix_words import (
    ANONYMOUS_STORES,
    ENGINE_WORDS,
    EVENT_WORDS,
    IMAGE_PRUNES,
    STORES,
    EventWord,
    State,
    StoreWord,
    event_problem,
    states,
    words,
)
from dockstore.core.model import (
    BindMount,
    ContainerSpec,
    HostEntry,
    ImageSpec,
    LayerEntry,
    Mount,
    Place,
    PlaceKind,
    TmpfsMount,
    VolumeMount,
    VolumeSpec,
)
from dockstore.core.script import (
    AnyStep,
    At,
    Commit,
    Create,
    Equals,
    Exec,
    Expectation,
    Kill,
    Matrix,
    Observe,
    Pause,
    PowerLoss,
    Prune,
    Reboot,
    Remove,
    Rename,
    Restart,
    Run,
    Start,
    Stop,
    Unpause,
    Update,
    Wait,
    Where,
    Write,
)
from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["EVENT_WORDS", "STORES", "EventWord", "Expanded", "MatrixWhere", "StoreWord", "chains", "event_problem", "expand", "look_name"]

MEMORY_LIMIT_BYTES = 64 << 20  # of a container that is to be OOM-killed
UPDATED_LIMIT_BYTES = 512 << 20  # of one that is to be updated: a limit can be lowered; 20.10 refuses to set one where none was
GREEDY_MAIN = "trap 'exec tail /dev/zero' USR1; while :; do sleep 60 & wait; done"  # ends at TERM; takes all memory at USR1


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixWhere:
    """The `where` of a table: with the capability (or without it) these cells replace those of the table."""

    capability: str
    negated: bool
    cells: Mapping[tuple[str, str], str]  # (event, store) -> fate
    at: At
    at_cells: Mapping[tuple[str, str], At] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expanded:
    """What a table stands for, in the words of the long form."""

    images: tuple[ImageSpec, ...]
    containers: tuple[ContainerSpec, ...]
    volumes: tuple[VolumeSpec, ...]
    host: tuple[HostEntry, ...]
    steps: tuple[AnyStep, ...]
    expect: tuple[Expectation, ...]
    where: tuple[Where, ...]


def look_name(event: str, store: str) -> str:
    """What the row of a cell, and the look for it, is called."""
    return f"{store} over {event}"


def chains(events: tuple[str, ...], stores: tuple[str, ...], *, isolate: bool = False) -> tuple[tuple[str, ...], ...]:
    """Split *events*, in the written order, into those that one container can play one after the other."""
    found: list[list[str]] = []
    for event in events:
        if found and not isolate and _goes_on(found[-1], event, stores):
            found[-1].append(event)
        else:
            found.append([event])
    return tuple(tuple(chain) for chain in found)


def _goes_on(chain: list[str], event: str, stores: tuple[str, ...]) -> bool:
    """Whether the container that *chain* left can play *event* as a new one would."""
    last = words(chain[-1])
    if states(chain[-1])[-1] is not State.RUNNING:
        return False
    if "run" in last and set(last) & IMAGE_PRUNES:  # that run may have been refused: its image is gone
        return False
    before, now = {word for earlier in chain for word in words(earlier)}, set(words(event))
    struck = ENGINE_WORDS | {"oom"}
    if ("crash" in now and before & struck) or ("crash" in before and now & struck):  # a restart policy acts on those, too
        return False
    if set(stores) & set(ANONYMOUS_STORES):
        if "recreate" in before:  # from then on they are volumes with a name
            return False
        if "recreate" in now and any(_replaces(earlier) for earlier in chain):  # the old volumes are those of the first container
            return False
    return True


def _replaces(event: str) -> bool:
    """Whether *event* puts a new container in the place of the old one."""
    return State.MISSING in states(event) or "upgrade" in words(event)


def expand(
    matrix: Matrix,
    *,
    at_events: Mapping[str, At],
    at_cells: Mapping[tuple[str, str], At],
    where: tuple[MatrixWhere, ...] = (),
    isolate: bool = False,
) -> Expanded:
    """The long form of *matrix*, which the runner plays and `run --plan` prints."""
    numbers = {event: number for number, event in enumerate(matrix.events, start=1)}
    own_images = any(set(words(event)) & IMAGE_PRUNES for event in matrix.events)
    made: list[_Chain] = []
    for number, events in enumerate(chains(matrix.events, matrix.stores, isolate=isolate), start=1):
        chain = _Chain(matrix, number, events, own_image=own_images)
        for event in events:
            chain.play(event, numbers[event], at_events[event], at_cells)
        made.append(chain)
    images = {image.name: image for chain in made for image in chain.images}
    return Expanded(
        images=tuple(images.values()),
        containers=tuple(chain.first for chain in made),
        volumes=tuple(volume for chain in made for volume in chain.volumes),
        host=tuple(entry for chain in made for entry in chain.host),
        steps=tuple(step for chain in made for step in chain.steps),
        expect=_expectations(matrix.cells, at_cells, at_events),
        where=tuple(
            Where(
                capability=change.capability,
                negated=change.negated,
                expect=_expectations(change.cells, dict.fromkeys(change.cells, change.at) | dict(change.at_cells), at_events),
                at=change.at,
            )
            for change in where
        ),
    )


def _expectations(
    cells: Mapping[tuple[str, str], str], at_cells: Mapping[tuple[str, str], At], at_events: Mapping[str, At]
) -> tuple[Expectation, ...]:
    return tuple(
        Expectation(
            look=look_name(event, store),
            fact="fate",
            checks=(Equals(fate),),
            at=at_cells.get((event, store), at_events[event]),
            event=event,
            store=store,
        )
        for (event, store), fate in cells.items()
    )


class _Chain:
    """One container with all the stores, and what is done to it."""

    def __init__(self, matrix: Matrix, number: int, events: tuple[str, ...], *, own_image: bool) -> None:
        self._matrix = matrix
        self._suffix = "" if number == 1 else str(number)
        self._words = frozenset(word for event in events for word in words(event))
        self._name = f"db{self._suffix}"
        self._commits = 0
        self._upgrades = 0
        self._state = State.MISSING
        self.images: list[ImageSpec] = []
        self.volumes: list[VolumeSpec] = []
        self.host: list[HostEntry] = []
        self.steps: list[AnyStep] = []
        self.first = self._spec = self._first_spec(own_image=own_image)

    def play(self, event: str, number: int, at: At, at_cells: Mapping[tuple[str, str], At]) -> None:
        """Add the rows, the words and the looks of *event*, which is the table's *number*-th."""
        if self._state is State.MISSING:
            self._run(at)
        stores = [store for store in self._matrix.stores if (event, store) in self._matrix.cells]
        places = {store: Place(PlaceKind.CONTAINER, self._name, f"{STORES[store].folder}/row{number}") for store in stores}
        self.steps += [Write(at=at_cells.get((event, store), at), write=look_name(event, store), to=place) for store, place in places.items()]
        self._state = State.RUNNING
        for word in words(event):
            self._word(word, event, at)
            self._state = EVENT_WORDS[word].after.get(self._state, self._state)
        for store, place in places.items():
            name = look_name(event, store)
            now = None if place.name == self._name else replace(place, name=self._name)
            self.steps.append(Observe(at=at_cells.get((event, store), at), write=name, look=name, place=now))

    def _first_spec(self, *, own_image: bool) -> ContainerSpec:
        """The container as first run, with a mount for each store; notes the images, volumes and folders it wants."""
        stores = self._matrix.stores
        image = None
        if "image-volume" in stores or own_image:
            image = f"app{self._suffix}" if own_image else "app"
            volume = (STORES["image-volume"].folder,) if "image-volume" in stores else ()
            self.images.append(ImageSpec(name=image, volume=volume))
        greedy = "oom" in self._words
        limit = MEMORY_LIMIT_BYTES if greedy else UPDATED_LIMIT_BYTES if "update" in self._words else None
        return ContainerSpec(
            name=self._name,
            image=image,
            mounts=tuple(mount for store in stores for mount in self._mounts(store)),
            tmpfs=(STORES["tmpfs-flag"].folder,) if "tmpfs-flag" in stores else (),
            command=GREEDY_MAIN if greedy else None,
            mem_limit_bytes=limit,
            restart="on-failure" if "crash" in self._words else None,
        )

    def _mounts(self, store: str) -> tuple[Mount, ...]:
        """The mounts that make *store*; notes the volume or folder behind it."""
        target = STORES[store].folder
        match store:
            case "tmpfs":
                return (TmpfsMount(target=target),)
            case "bind":
                self.host.append(HostEntry(path=f"bind{self._suffix}", directory=True))
                return (BindMount(target=target, source=f"bind{self._suffix}"),)
            case "volume":
                return (VolumeMount(target=target, source=f"rows{self._suffix}"),)
            case "anonymous-volume" | "anonymous-mount":
                return (VolumeMount(target=target, flag=store == "anonymous-volume"),)
            case "tmpfs-volume":
                options = (("type", "tmpfs"), ("device", "tmpfs"))
                self.volumes.append(VolumeSpec(name=f"memory{self._suffix}", driver_opts=options))
                return (VolumeMount(target=target, source=f"memory{self._suffix}"),)
            case "bind-volume":
                folder = f"folder{self._suffix}"
                self.host.append(HostEntry(path=folder, directory=True))
                self.volumes.append(VolumeSpec(name=folder, driver_opts=(("type", "none"), ("o", "bind"), ("device", f"./{folder}"))))
                return (VolumeMount(target=target, source=folder),)
            case _:  # the layer, /dev/shm, --tmpfs and the image's VOLUME are no mounts
                return ()

    def _run(self, at: At, label: str | None = None) -> None:
        self.steps.append(Run(at=at, label=label, spec=replace(self._spec, name=self._name)))

    def _word(self, word: str, event: str, at: At) -> None:
        """Add the steps of one word."""
        name = self._name
        match word:
            case "run":  # refused where a prune took the image with the container; the looks tell what that came to
                refusable = bool(set(words(event)) & IMAGE_PRUNES)
                self._run(at, f"run of {event}" if refusable else None)
            case "start":
                self.steps.append(Start(at=at, container=name))
            case "stop":
                self.steps.append(Stop(at=at, container=name))
            case "kill":
                self.steps.append(Kill(at=at, container=name))
            case "restart":
                self.steps.append(Restart(at=at, container=name))
            case "pause":
                self.steps.append(Pause(at=at, container=name))
            case "unpause":
                self.steps.append(Unpause(at=at, container=name))
            case "remove" | "remove-v":
                self.steps.append(Remove(at=at, container=name, force=True, volumes=word == "remove-v"))
            case "recreate":
                self._recreate(at)
            case "upgrade":
                self._upgrade(at)
            case "rename":
                self._name = f"{name}-renamed" if name == self.first.name else self.first.name
                self.steps.append(Rename(at=at, container=name, to=self._name))
            case "update":
                limit = (self._spec.mem_limit_bytes or 0) * 3 // 4
                spec = replace(self._spec, name=name, mem_limit_bytes=limit)
                self.steps.append(Update(at=at, container=name, spec=spec, keys=("mem_limit",)))
            case "commit":
                self._commits += 1
                self.steps.append(Commit(at=at, container=name, image=f"commit-{self._commits}-of-{self.first.name}"))
            case "crash":  # detached: the command dies with the container
                self.steps += [
                    Exec(at=at, command="kill 1", container=name, detach=True),
                    Wait(at=at, container=name, condition="restarted"),
                ]
            case "oom":
                policy = "crash" in self._words  # then the policy brings it back, as after a crash
                self.steps.append(Kill(at=at, container=name, signal="USR1"))
                self.steps.append(Wait(at=at, container=name, condition="restarted" if policy else "exited"))
                self.steps += [] if policy else [Start(at=at, container=name)]
            case "engine-restart":
                self.steps.append(Restart(at=at, container=None))
            case "engine-kill":
                self.steps += [Kill(at=at, container=None), Start(at=at, container=None)]
            case "reboot":
                self.steps.append(Reboot(at=at))
            case "power-loss":
                self.steps.append(PowerLoss(at=at))
            case _:
                self._prune(word, event, at)

    def _prune(self, word: str, event: str, at: At) -> None:
        """Add a prune; one that an old engine refuses is no reason to end the run."""
        what, _, rest = word.partition("-prune")
        taken = rest.removeprefix("-")
        self.steps.append(
            Prune(
                at=at,
                label=f"prune of {event}" if word == "volume-prune-all" else None,
                what="system" if what == "system" else f"{what}s",
                all=taken == "all",
                volumes=taken == "volumes",
            )
        )

    def _recreate(self, at: At) -> None:
        """Add what Compose does: the new container gets the old one's anonymous volumes by their ids."""
        name, old = self._name, f"{self._name}-old"
        kept: dict[str, Mount] = {}
        for store in self._matrix.stores:
            if store in ANONYMOUS_STORES:
                target = STORES[store].folder
                volume = VolumeSpec(name=f"{store}-of-{self.first.name}", anonymous_of=Place(PlaceKind.CONTAINER, self.first.name, target))
                if volume not in self.volumes:
                    self.volumes.append(volume)
                kept[target] = VolumeMount(target=target, source=volume.name)
        others = tuple(mount for mount in self._spec.mounts if mount.target not in kept)
        spec = replace(self._spec, name=name, mounts=(*others, *kept.values()))
        if self._state is State.RUNNING:
            self.steps.append(Stop(at=at, container=name))
        self.steps += [
            Rename(at=at, container=name, to=old),
            Create(at=at, spec=spec),
            Remove(at=at, container=old, volumes=True),
            Start(at=at, container=name),
        ]

    def _upgrade(self, at: At) -> None:
        """Add the container's end and its new beginning with one more image layer."""
        self._upgrades += 1
        base = self._spec.image or "lab"
        following = f"next{self._upgrades}-of-{self.first.name}"
        version = str(self._upgrades + 1)
        self.images.append(ImageSpec(name=following, base=base, layers=((LayerEntry(path="/version", content=version),),)))
        self._spec = replace(self._spec, image=following)
        if self._state is not State.MISSING:
            self.steps.append(Remove(at=at, container=self._name, force=True))
        self._run(at)
