"""A scenario as a script: things, steps, looks and what each look should show.

Rule 1: values only. `scenario.load_text` makes them, the runner performs the steps, the judge reads `expect`.
Rule 2: dispatch by `match` on the step's class; `assert_never` shows every place that a new step must visit.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from dockstore.core.model import ContainerSpec, HostEntry, ImageSpec, Place, VolumeSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class At:
    """Where in the file a thing was written; both count from 1."""

    line: int
    column: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What every step has. *label* is its `as:` name; an action with one may be refused and the run goes on."""

    at: At
    label: str | None = None


# --- things that are done -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(Step):
    """`docker run -d`: create and start; *spec* has `with:` already applied."""

    spec: ContainerSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Create(Step):
    """`docker create`."""

    spec: ContainerSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateVolume(Step):
    """`docker volume create`."""

    spec: VolumeSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateFolder(Step):
    """A folder in the scratch folder."""

    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Start(Step):
    """`docker start`; *container* None: the engine itself."""

    container: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop(Step):
    """`docker stop -t`; *container* None: the engine itself, orderly."""

    container: str | None
    timeout_seconds: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart(Step):
    """`docker restart -t`; *container* None: the engine itself."""

    container: str | None
    timeout_seconds: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill(Step):
    """`docker kill -s`; *container* None: SIGKILL to the daemon."""

    container: str | None
    signal: str = "KILL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause(Step):
    """`docker pause`."""

    container: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpause(Step):
    """`docker unpause`."""

    container: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove(Step):
    """`docker rm`, `-f`, `-v`."""

    container: str
    force: bool = False
    volumes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveVolume(Step):
    """`docker volume rm`."""

    volume: str
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveImage(Step):
    """`docker rmi`."""

    image: str
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveHost(Step):
    """Remove a file or folder (with all in it) of the scratch folder."""

    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename(Step):
    """`docker rename`; the new name is a container from here on."""

    container: str
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameHost(Step):
    """Rename inside the scratch folder."""

    place: Place
    to: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Update(Step):
    """`docker update`; *changes* holds the container keys of `with:`, by name, as ContainerSpec has them."""

    container: str
    spec: ContainerSpec
    keys: tuple[str, ...]  # which keys `with:` wrote


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(Step):
    """Poll until *condition* (running, exited, removed, restarted, healthy) or until *until* succeeds in the container."""

    container: str
    condition: str | None = None
    until: str | None = None
    timeout_seconds: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit(Step):
    """`docker commit` to an image name of the file."""

    container: str
    image: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Export(Step):
    """`docker export` into a file of the scratch folder."""

    container: str
    to: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Import(Step):
    """`docker import` of a file of the scratch folder."""

    source: Place
    image: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy(Step):
    """`docker cp`. *source* a Place, or the name of a new write: then a fresh nonce, by archive."""

    source: Place | str
    to: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Prune(Step):
    """`docker {container,image,volume,system} prune --force`. *api*: the API version to ask with, else the engine's own highest."""

    what: str  # containers, images, volumes, system
    all: bool = False
    volumes: bool = False
    api: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MountHost(Step):
    """Mount a tmpfs or a network folder on a folder of the scratch folder, on the engine's host."""

    what: str  # tmpfs, network-folder
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmountHost(Step):
    """Unmount what MountHost mounted."""

    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Reboot(Step):
    """The engine and all its containers killed, then started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerLoss(Step):
    """As Reboot, and what was not synced is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Write(Step):
    """A fresh nonce, by a process in the container (or on the host), parents made, read back before it counts."""

    write: str
    to: Place
    sync: bool = False
    replace: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Exec(Step):
    """A command in a container: a text goes to `sh -c`, a tuple is argv. With a label its result is a look."""

    command: str | tuple[str, ...]
    container: str
    user: str | None = None
    timeout_seconds: float | None = None
    detach: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Together(Step):
    """All steps prepared, then released at once; ends when all have ended."""

    steps: tuple[Action, ...]
    timeout_seconds: float | None = None


# --- looks ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Observe(Step):
    """One write, from all vantage points. *look* is its name in `expect`."""

    write: str
    look: str
    place: Place | None = None  # None: where it was written


@dataclass(frozen=True, slots=True, kw_only=True)
class Read(Step):
    """Content and stat of a path; of a container by a process, the other places by the host."""

    look: str
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspect(Step):
    """The engine's facts. *kind*: container, volume, image or engine (*name* empty)."""

    look: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff(Step):
    """`docker diff`."""

    look: str
    container: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Find(Step):
    """Search the engine's whole data root for a write's nonce, with a control."""

    look: str
    write: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure(Step):
    """Two commands in turn, timed inside one resident shell; each round a ratio first / second."""

    look: str
    command: str
    against: str
    container: str
    rounds: int = 9


Look = Observe | Read | Inspect | Diff | Find | Measure
# fmt: off
Action = (
    Run | Create | CreateVolume | CreateFolder | Start | Stop | Restart | Kill | Pause | Unpause | Remove | RemoveVolume | RemoveImage
    | RemoveHost | Rename | RenameHost | Update | Wait | Commit | Export | Import | Copy | Prune | MountHost | UnmountHost | Reboot
    | PowerLoss | Write | Exec | Together
)
# fmt: on
AnyStep = Action | Look


# --- what a look should show ---------------------------------------------------------------------------------------------

Scalar = str | int | float | bool
Value = Scalar | tuple[Scalar, ...] | dict[str, str]


@dataclass(frozen=True, slots=True)
class Equals:
    """The value itself. A text compares with the fact written as text; a list in any order where the fact is a set."""

    value: Value


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of the values (`refused: [400, 500]`)."""

    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Contains:
    """The text, or the element."""

    value: Value


@dataclass(frozen=True, slots=True)
class Matches:
    """A regular expression, searched for."""

    pattern: str


@dataclass(frozen=True, slots=True)
class AtLeast:
    """A number at least this."""

    value: float


@dataclass(frozen=True, slots=True)
class AtMost:
    """A number at most this."""

    value: float


@dataclass(frozen=True, slots=True)
class SameAs:
    """The same fact of another look of the same kind."""

    look: str


@dataclass(frozen=True, slots=True)
class DiffersFrom:
    """Another value than the same fact of another look."""

    look: str


Check = Equals | OneOf | Contains | Matches | AtLeast | AtMost | SameAs | DiffersFrom


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What one fact of one look should be. All *checks* must hold. *since*: the number is its growth since that look."""

    look: str
    fact: str  # fate, engine, host, container, content, exists, stdout, refused, ratio, found, ...; of a diff: the path
    checks: tuple[Check, ...]
    at: At
    since: str | None = None
    otherwise_undecided: bool = False
    event: str | None = None  # of a matrix: the line of the table
    store: str | None = None  # of a matrix: the column


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Where the engine has (or has not) a capability, these replace all expectations of the same look (in a matrix: cell)."""

    capability: str
    negated: bool
    expect: tuple[Expectation, ...]
    at: At


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A change of a scenario that must come out refuted. *replay* False: judged on the scenario's own history."""

    title: str
    at: At
    scenario: Scenario
    replay: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """The table as written, for reports; the scenario's steps and expect are its expansion."""

    stores: tuple[str, ...]
    events: tuple[str, ...]
    cells: dict[tuple[str, str], str]  # (event, store) -> fate, before `where`


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One file, one fact."""

    title: str
    file: str  # as given by the user
    text: str  # the whole source, so that a stored history can be judged again
    lesson: tuple[str, ...] = ()
    nuance: str | None = None
    instead: str | None = None
    tags: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()  # capabilities; "not live-restore" negates
    implied_needs: tuple[str, ...] = ()  # what its looks imply (layer: -> upperdir, ...)
    vars: tuple[tuple[str, str], ...] = ()
    images: tuple[ImageSpec, ...] = ()
    volumes: tuple[VolumeSpec, ...] = ()
    host: tuple[HostEntry, ...] = ()
    containers: tuple[ContainerSpec, ...] = ()
    steps: tuple[AnyStep, ...] = ()
    expect: tuple[Expectation, ...] = ()
    where: tuple[Where, ...] = ()
    mutants: tuple[Mutant, ...] = ()
    matrix: Matrix | None = None
    isolated: bool = False  # a matrix expanded with a chain of its own for each event


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something wrong in a file: a place, a fact and a way out."""

    file: str
    line: int
    column: int
    fact: str
    hint: str | None = None
    source: str = ""  # the offending line, for the caret
    width: int = 1  # how many characters the caret underlines
    warning: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """The outcome of reading one file: a scenario, or problems (all of them); warnings may stand beside a scenario."""

    scenario: Scenario | None
    problems: tuple[Problem, ...] = field(default=())
