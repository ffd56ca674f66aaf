"""Literal histories of drills, for tests of what they are ruled to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dockstore.core.drill_facts import AfterNote, Group, ProbeNote, StackNote, StateNote, StoreNote, WordNote, facts
from dockstore.core.drill_rows import rows
from dockstore.core.history import Header, History, Observation, Operation, Placement, Testimony
from dockstore.core.model import Completion, EngineInfo, Home, Place, PlaceKind, Sight, Store, StoreKind, Users, Vantage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dockstore.core.drill_facts import AnyNote
    from dockstore.core.history import Event
    from dockstore.core.stack_report import RowFate

SEEN: Mapping[str, object] = {"container": Sight.SAME, "home": Home.YES, "host": Sight.SAME, "engine": Sight.SAME, "users": Users.SOMEBODY}
ORPHANED: Mapping[str, object] = {"container": Sight.ABSENT, "home": Home.NO, "host": Sight.SAME, "engine": Sight.SAME, "users": Users.NOBODY}
GONE: Mapping[str, object] = {"container": Sight.ABSENT, "home": Home.NO, "host": Sight.ABSENT, "engine": Sight.ABSENT, "users": Users.NOBODY}
REMOVED: Mapping[str, object] = {"container": Sight.ABSENT, "home": Home.YES, "host": Sight.ABSENT, "engine": Sight.SAME, "users": Users.SOMEBODY}
UNSEEN: Mapping[str, object] = {"container": Sight.UNSEEN, "home": Home.UNKNOWN, "host": Sight.UNSEEN, "engine": Sight.UNSEEN, "users": Users.UNKNOWN}

INFO = EngineInfo(
    address="unix:///nowhere",
    engine_id="X",
    product="Docker Engine",
    version="20.10.24",
    api_version="1.41",
    storage_driver="overlay2",
    image_store="graphdriver",
    data_root="/var/lib/docker",
)
VOLUME = StoreNote(key="/data", target="/data", kind="volume", name="a" * 64, anonymous=True, declared_by="image VOLUME", host_path="/v/_data")
NAMED = StoreNote(key="/data", target="/data", kind="volume", name="p_data", declared_by="compose", host_path="/v2/_data")
LAYER = StoreNote(key="/", target="/", kind="writable-layer")


def group(**changes: object) -> Group:
    """A group of data in /data, unless said otherwise."""
    values: dict[str, object] = {
        "service": "db",
        "path": "/data",
        "folder": "/data",
        "store": VOLUME,
        "role": "data",
        "role_rule": "written to a volume",
        "found": "written",
        "files": 3,
    }
    return Group(**{**values, **changes})  # type: ignore[arg-type]


class Story:
    """A drill's history as it is told, step by step."""

    def __init__(self, *groups: Group, state: str = "up", must_survive: tuple[str, ...] = (), ignore: tuple[str, ...] = ()) -> None:
        self.events: list[Event] = []
        self.groups = groups
        self._step = 0
        note = StackNote(name="shop", files=("compose.yaml",), project="p", services=("db",), events=(), must_survive=must_survive, ignore=ignore)
        self._add(note, "0", "stack")
        self._add(StateNote(service="db", state=state, detail="first"), "0", "first start")
        for item in groups:
            self._add(item, "0", "first start")

    def _add(self, note: AnyNote, step: str, look: str) -> None:
        self.events.append(facts(note, step=step, look=look))

    def probe(self, **changes: object) -> Story:
        """A probe of the service."""
        values: dict[str, object] = {"service": "db", "name": "rows", "says": True}
        self._add(ProbeNote(**{**values, **changes}), "0", "first start")  # type: ignore[arg-type]
        return self

    def event(self, name: str, *, state: str = "up", detail: str = "", read_back: bool = True, refused: str = "") -> Story:
        """An event, with a marker planted before it."""
        self._step += 1
        step = str(self._step)
        for item in self.groups:
            place = Place(PlaceKind.CONTAINER, "db", f"{item.folder}/dockstore-x")
            store = Store(kind=StoreKind(item.store.kind), identity=f"store:{item.path}", name=item.store.name, anonymous=item.store.anonymous)
            write = f"marker|db|{item.path}|1"
            self.events.append(
                Placement(
                    step=step,
                    write=write,
                    place=place,
                    digest="d",
                    size_bytes=25,
                    store=store if read_back else None,
                    read_back=read_back,
                    detail=f"refused: {refused}" if refused else "",
                )
            )
        self._add(StateNote(service="db", state=state, detail=detail), step, name)
        self._name = name
        return self

    def refused(self, words: str, *, verb: str = "rm") -> Story:
        """A command of the event that failed."""
        operation = Operation(
            step=str(self._step),
            verb=verb,
            subject=f"docker compose {verb}",
            label=None,
            completion=Completion.FAIL,
            began=0.0,
            ended=1.0,
            message=words,
        )
        self.events.append(operation)
        return self

    def saw(self, seen: Mapping[str, object], path: str | None = None) -> Story:
        """What was seen of the markers (or of that of *path*) after the event."""
        for item in self.groups:
            if path is not None and item.path != path:
                continue
            sights = {Vantage(name): Testimony(sight=seen[name]) for name in ("container", "host", "engine")}  # type: ignore[arg-type]
            self.events.append(
                Observation(
                    step=str(self._step),
                    look=self._name,
                    write=f"marker|db|{item.path}|1",
                    place=Place(PlaceKind.CONTAINER, "db", f"{item.folder}/dockstore-x"),
                    sights=sights,
                    home=seen["home"],  # type: ignore[arg-type]
                    users=seen["users"],  # type: ignore[arg-type]
                )
            )
        return self

    def word(self, sight: str, **changes: object) -> Story:
        """The service's word after the event."""
        values: dict[str, object] = {"service": "db", "probe": "rows", "sight": sight}
        self._add(WordNote(**{**values, **changes}), str(self._step), self._name)  # type: ignore[arg-type]
        return self

    def after(self, **changes: object) -> Story:
        """What became of the files themselves."""
        values: dict[str, object] = {"service": "db", "path": "/data"}
        self._add(AfterNote(**{**values, **changes}), str(self._step), self._name)  # type: ignore[arg-type]
        return self

    def history(self) -> History:
        """The whole."""
        header = Header(
            version=1,
            dockstore="0",
            run="r" * 32,
            started="2026-01-01T00:00:00Z",
            file="compose.yaml",
            text="{}",
            vars={},
            isolate=False,
            mutant=None,
            engine=INFO,
        )
        return History(header=header, events=tuple(self.events))


def fate_of(story: Story) -> RowFate:
    """What the one row of *story* is ruled to be."""
    (row,) = rows(story.history())
    return row.fate


def covered(**changes: object) -> Story:
    """A probe that touched files of the group."""
    return Story(group(probes=("rows",))).probe(**{"touched_files": True, "searchable": True, "saved": True, **changes})
