"""Hand-made reports: what renderers, the command line and the plugin are tried on, without an engine."""

from __future__ import annotations

from dockstore.core.history import Footer, Header, History, Made, Observation, Operation, Placement, Testimony
from dockstore.core.model import (
    Completion,
    ContainerSpec,
    EngineInfo,
    Home,
    Outcome,
    Place,
    PlaceKind,
    Sight,
    Store,
    StoreKind,
    Users,
    Vantage,
    VolumeMount,
)
from dockstore.core.script import At, Equals, Expectation, Matrix, Observe, Remove, Run, Scenario, Write
from dockstore.core.verdict import ClaimVerdict, MutantVerdict, Report, Ruling, Verdict

ANONYMOUS = "9c1f4e0ab3d2" + "5" * 52
SECOND = "b07d21aa90c4" + "6" * 52
CONTAINER = "77aa01bb02cc" + "1" * 52
CONTAINER_2 = "88aa01bb02cc" + "2" * 52
ROW = Place(PlaceKind.CONTAINER, "db", "/data/row")
FILE = "scenarios/volume/anonymous.scenario.yaml"
TITLE = "an anonymous volume does not follow its container"

TEXT = """\
version: 1
scenario: an anonymous volume does not follow its container
lesson: [L27]
nuance: It remains, but a new container gets a new one; the old bytes are orphaned.
containers:
  db: {mounts: [/data]}
steps:
  - run: db
  - write: row
    to: db:/data/row
  - {remove: db, force: true}
  - run: db
  - observe: row
expect:
  row: {fate: orphaned, engine: same, host: same, container: absent}
"""


def engine(address: str = "unix:///run/docker.sock", version: str = "20.10.24", *, disposable: bool = True) -> EngineInfo:
    return EngineInfo(
        address=address,
        engine_id="ABCD:1234",
        product="Docker Engine",
        version=version,
        api_version="1.41",
        storage_driver="overlay2",
        image_store="graphdriver",
        data_root="/var/lib/docker",
        kernel="6.1.0",
        operating_system="Debian GNU/Linux 12 (bookworm)",
        disposable=disposable,
        host_files=True,
    )


def volume(name: str = ANONYMOUS) -> Store:
    return Store(
        kind=StoreKind.VOLUME,
        identity=f"volume:{name}",
        name=name,
        anonymous=len(name) == 64,
        driver="local",
        host_path=f"/var/lib/docker/volumes/{name}/_data",
        inner_path="row",
        target="/data",
    )


def scenario(
    title: str = TITLE,
    *,
    file: str = FILE,
    lesson: tuple[str, ...] = ("L27",),
    nuance: str | None = "It remains, but a new container gets a new one; the old bytes are orphaned.",
    tags: tuple[str, ...] = ("volume",),
    matrix: Matrix | None = None,
) -> Scenario:
    spec = ContainerSpec(name="db", mounts=(VolumeMount(target="/data", flag=True),))
    return Scenario(
        title=title,
        file=file,
        text=TEXT,
        lesson=lesson,
        nuance=nuance,
        tags=tags,
        containers=(spec,),
        steps=(
            Run(at=At(line=8), spec=spec),
            Write(at=At(line=9), write="row", to=ROW),
            Remove(at=At(line=11), container="db", force=True),
            Run(at=At(line=12), spec=spec),
            Observe(at=At(line=13), write="row", look="row"),
        ),
        expect=(Expectation(look="row", fact="fate", checks=(Equals("orphaned"),), at=At(line=15)),),
        matrix=matrix,
    )


def history(path: str = ".dockstore/runs/4f1c/anonymous.jsonl", *, completed: bool = True) -> History:
    header = Header(
        version=1,
        dockstore="0.1.0",
        run="4f1c" * 8,
        started="2026-11-24T06:30:00Z",
        file=FILE,
        text=TEXT,
        vars={},
        isolate=False,
        mutant=None,
        engine=engine(),
    )
    store = volume()

    def did(step: str, verb: str, subject: str, began: float, detail: dict[str, str] | None = None) -> Operation:
        return Operation(
            step=step, verb=verb, subject=subject, label=None, completion=Completion.OK, began=began, ended=began + 0.2, detail=detail or {}
        )

    sights = {
        Vantage.ENGINE: Testimony(sight=Sight.SAME, detail="exists, no container has it"),
        Vantage.HOST: Testimony(sight=Sight.SAME, detail="the same 36 bytes in /var/lib/docker/volumes/…/_data/row"),
        Vantage.CONTAINER: Testimony(sight=Sight.ABSENT, detail="no such file; the control read succeeds"),
    }
    events = (
        Made(kind="container", id=CONTAINER, name="dockstore-4f1c-db"),
        Made(kind="volume", id=ANONYMOUS, name=ANONYMOUS),
        did("0", "run", "db", 0.0, {"id": CONTAINER}),
        did("1", "write", "row", 0.3),
        Placement(step="1", write="row", place=ROW, digest="ab" * 32, size_bytes=36, store=store, read_back=True),
        did("2", "remove", "db", 0.5),
        Made(kind="container", id=CONTAINER_2, name="dockstore-4f1c-db"),
        Made(kind="volume", id=SECOND, name=SECOND),
        did("3", "run", "db", 0.8, {"id": CONTAINER_2}),
        did("4", "observe", "row", 1.1),
        Observation(
            step="4", look="row", write="row", place=ROW, sights=sights, home=Home.NO, home_detail="another volume lies there now",
            store_now=volume(SECOND), users=Users.NOBODY, began=1.1, ended=1.2,
        ),
    )  # fmt: skip
    return History(header=header, events=(*events, Footer(ended=1.3, stopped_at=None, reason=None)) if completed else events, path=path)


def fate_ruling(expected: str = "orphaned", actual: str = "orphaned", outcome: Outcome = Outcome.HOLDS, *, hint: str | None = None) -> Ruling:
    return Ruling(
        look="row",
        kind="fate",
        fact="fate",
        line=15,
        expected=expected,
        actual=actual,
        outcome=outcome,
        why=f"row went to the anonymous volume {ANONYMOUS} (line 9), which the engine still has and no container mounts.",
        hint=hint,
        write="row",
        place="db:/data/row",
        store=volume(),
        event="remove+run",
        sights={Vantage.ENGINE: Sight.SAME, Vantage.HOST: Sight.SAME, Vantage.CONTAINER: Sight.ABSENT},
    )


def fact_ruling(outcome: Outcome = Outcome.HOLDS) -> Ruling:
    return Ruling(
        look="after", kind="fact", fact="size_rw", line=21, expected={"at_least": 66060288.0}, actual=67108864 if outcome is Outcome.HOLDS else 12,
        outcome=outcome, why="the writable layer grew by 64 MiB.", place="a",
    )  # fmt: skip


def verdict(
    outcome: Outcome = Outcome.HOLDS,
    *,
    what: Scenario | None = None,
    rulings: tuple[Ruling, ...] | None = None,
    engine_key: str = "e1",
    unmet: tuple[str, ...] = (),
    reason: str | None = None,
    mutants: tuple[MutantVerdict, ...] = (),
    seen: History | None = None,
) -> Verdict:
    if rulings is None:
        match outcome:
            case Outcome.HOLDS:
                rulings = (fate_ruling(),)
            case Outcome.REFUTED:
                rulings = (fate_ruling("persisted", "orphaned", Outcome.REFUTED, hint="name it: {type: volume, source: rows, target: /data}"),)
            case _:
                rulings = ()
    return Verdict(
        scenario=what or scenario(),
        engine=engine_key,
        outcome=outcome,
        reason=reason,
        unmet=unmet,
        rulings=rulings,
        seconds=1.31,
        history=history() if seen is None else seen,
        mutants=mutants,
    )


def matrix_verdict(*, wrong: bool = False) -> Verdict:
    stores = ("writable-layer", "bind", "volume", "anonymous-volume")
    events = ("restart", "remove+run", "remove-v+run")
    fates = {
        "restart": ("persisted", "persisted", "persisted", "persisted"),
        "remove+run": ("lost", "persisted", "persisted", "orphaned"),
        "remove-v+run": ("lost", "persisted", "persisted", "lost"),
    }
    cells = {(event, store): fates[event][index] for event in events for index, store in enumerate(stores)}
    rulings = []
    for number, ((event, store), fate) in enumerate(cells.items()):
        bad = wrong and (event, store) == ("remove-v+run", "anonymous-volume")
        rulings.append(
            Ruling(
                look=f"{store} after {event}",
                kind="fate",
                fact="fate",
                line=10 + number,
                expected=fate,
                actual="orphaned" if bad else fate,
                outcome=Outcome.REFUTED if bad else Outcome.HOLDS,
                why=f"the bytes in the {store} were {fate}.",
                write=f"w{number}",
                place=f"db:/s/{store}/f",
                event=event,
                column=store,
            )
        )
    what = scenario(
        "what survives what", file="scenarios/overall/matrix.scenario.yaml", lesson=("L31",), nuance=None, tags=("matrix",),
        matrix=Matrix(stores=stores, events=events, cells=cells),
    )  # fmt: skip
    return verdict(Outcome.REFUTED if wrong else Outcome.HOLDS, what=what, rulings=tuple(rulings), seen=history(".dockstore/runs/4f1c/matrix.jsonl"))


def skipped() -> Verdict:
    what = scenario(
        "a directory deleted and made again is empty", file="scenarios/image/opaque.scenario.yaml", lesson=("L5",), nuance=None, tags=("image",)
    )
    return verdict(Outcome.SKIPPED, what=what, unmet=("upperdir",), seen=history(".dockstore/runs/4f1c/opaque.jsonl"))


def undecided() -> Verdict:
    what = scenario("two containers lose updates without a lock", file="scenarios/volume/lost-updates.scenario.yaml", lesson=("L30",), nuance=None)
    reason = "stopped at step 4: the engine did not answer within 60 s"
    return verdict(Outcome.UNDECIDED, what=what, reason=reason, seen=history(".dockstore/runs/4f1c/lost.jsonl"))


def mutants() -> tuple[MutantVerdict, ...]:
    return (
        MutantVerdict(title="give it a name", outcome=Outcome.REFUTED, look="row", seconds=1.2),
        MutantVerdict(title="row: fate is persisted", outcome=Outcome.REFUTED, look="row", seconds=0.0, automatic=True),
    )


def survivor() -> MutantVerdict:
    return MutantVerdict(title="stop and start is not remove and run", outcome=Outcome.HOLDS, look=None, seconds=0.9)


def claims() -> tuple[ClaimVerdict, ...]:
    return (
        ClaimVerdict(id="L5", claim="A union file system combines files of different file systems into one.", verdict="undecided", nuance=None,
                     scenarios=(), set_aside=("a directory deleted and made again is empty",), section="The image and the writable layer"),
        ClaimVerdict(id="L27", claim="Volumes exist outside the container's life cycle, and remain after it is removed.", verdict="holds-with-nuance",
                     nuance="It remains, but a new container gets a new one; the old bytes are orphaned.", scenarios=(TITLE,), section="Volumes"),
        ClaimVerdict(id="L30", claim="There is no file locking.", verdict="does-not-hold",
                     nuance="Docker adds no locking and takes none away.", scenarios=("a lock held in one container is seen in another",), section="Volumes"),
        ClaimVerdict(id="L31", claim="Choosing the right storage prevents data loss.", verdict="holds", nuance=None, scenarios=("what survives what",), section="Overall"),
    )  # fmt: skip


def report(
    *verdicts: Verdict,
    command: str = "run",
    lesson: tuple[ClaimVerdict, ...] = (),
    engines: dict[str, EngineInfo] | None = None,
    notes: tuple[str, ...] = (),
    interrupted: bool = False,
) -> Report:
    return Report(
        dockstore="0.1.0",
        run="4f1c" * 8,
        started="2026-11-24T06:30:00Z",
        command=command,
        engines={"e1": engine()} if engines is None else engines,
        verdicts=verdicts,
        claims=lesson,
        lesson_title="Where does a container keep its data?" if lesson else None,
        seconds=4.2,
        notes=notes,
        interrupted=interrupted,
    )


def mixed() -> Report:
    return report(verdict(Outcome.REFUTED), matrix_verdict(), undecided(), skipped(), verdict(mutants=mutants(), what=scenario("it holds")))


def whole_lesson() -> Report:
    return report(verdict(mutants=mutants()), matrix_verdict(), skipped(), command="lesson", lesson=claims())
