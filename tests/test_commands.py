"""What `run --plan` prints, whole."""

from __future__ import annotations

import subprocess
from textwrap import dedent

import pytest

from dockstore.core.command_options import size
from dockstore.core.commands import commands
from dockstore.core.matrix import expand
from dockstore.core.model import (
    BindMount,
    ContainerSpec,
    Healthcheck,
    HostEntry,
    ImageMount,
    ImageSpec,
    LayerEntry,
    Place,
    PlaceKind,
    TmpfsMount,
    VolumeMount,
    VolumeSpec,
)
from dockstore.core.script import (
    Action,
    AnyStep,
    At,
    Commit,
    Copy,
    Create,
    CreateFolder,
    CreateVolume,
    Diff,
    Exec,
    Export,
    Find,
    Import,
    Inspect,
    Kill,
    Matrix,
    Measure,
    MountHost,
    Observe,
    Pause,
    PowerLoss,
    Prune,
    Read,
    Reboot,
    Remove,
    RemoveHost,
    RemoveImage,
    RemoveVolume,
    Rename,
    RenameHost,
    Restart,
    Run,
    Scenario,
    Start,
    Stop,
    Together,
    UnmountHost,
    Unpause,
    Update,
    Wait,
    Write,
)

AT = At(line=1)
DB = ContainerSpec(name="db", mounts=(VolumeMount(target="/data", flag=True),))


def scenario(*steps: AnyStep, **parts: object) -> Scenario:
    return Scenario(title="one fact", file="x", text="", steps=steps, **parts)  # type: ignore[arg-type]


def host(path: str) -> Place:
    return Place(PlaceKind.HOST, "", path)


def inside(path: str, name: str = "db") -> Place:
    return Place(PlaceKind.CONTAINER, name, path)


def text(whole: str) -> str:
    return dedent(whole).removeprefix("\n")


def test_a_small_scenario_is_printed_as_a_person_would_type_it() -> None:
    steps = (
        Run(at=AT, spec=DB),
        Write(at=AT, write="row", to=inside("/data/row")),
        Remove(at=AT, container="db", force=True),
        Run(at=AT, spec=DB),
        Observe(at=AT, write="row", look="row"),
    )

    assert commands(scenario(*steps)) == text("""
        # one fact
        # --network none stands for no network at all: the command line has no option for that
        docker run -d --name db --init --network none -v /data lab sleep infinity
        docker exec db sh -c 'mkdir -p /data && echo NONCE > /data/row'  # row
        docker rm -f db
        docker run -d --name db --init --network none -v /data lab sleep infinity
        # observe row
        """)


def test_things_are_made_before_the_first_step() -> None:
    parts = {
        "needs": ("disposable-engine",),
        "implied_needs": ("host-files",),
        "images": (
            ImageSpec(
                name="app",
                layers=(
                    (LayerEntry(path="/app/one", content="one"), LayerEntry(path="/large", size_bytes=64 << 20, mode=0o640)),
                    (
                        LayerEntry(path="/app/one", whiteout=True),
                        LayerEntry(path="/var/run", link="/run"),
                        LayerEntry(path="/d/", directory=True, owner=(1000, 1000)),
                    ),
                ),
                volume=("/data",),
                user="1000",
                cmd=("sleep", "1"),
            ),
        ),
        "host": (HostEntry(path="shared/", directory=True, mode=0o750, owner=(1000, 1000)), HostEntry(path="app.conf", content="it's old")),
        "volumes": (
            VolumeSpec(name="mem", driver="local", driver_opts=(("type", "tmpfs"), ("device", "tmpfs")), labels=(("a", "b"),)),
            VolumeSpec(name="old", anonymous_of=inside("/data")),
            VolumeSpec(name="later", labels=(("a", "b"),)),
            VolumeSpec(name="second", engine="second"),
        ),
    }

    printed = commands(scenario(Prune(at=AT, what="volumes"), CreateVolume(at=AT, spec=VolumeSpec(name="later", labels=(("a", "b"),))), **parts))

    assert printed == text("""
        # one fact
        # needs: disposable-engine, host-files
        # only on an engine that is ours to strike (disposable-engine)
        # image app: built as this Dockerfile says, without a builder
        #   FROM lab
        #   layer 1: /app/one, /large of 64m (mode 0640)
        #   layer 2: /app/one deleted, /var/run -> /run, /d/ (owner 1000:1000)
        #   VOLUME /data
        #   USER 1000
        #   CMD sleep 1
        mkdir -p ./shared
        chmod 0750 ./shared
        chown 1000:1000 ./shared
        printf %s 'it'"'"'s old' > ./app.conf
        docker volume create --driver local --opt type=tmpfs --opt device=tmpfs --label a=b mem
        # old: the anonymous volume that db gets at /data
        docker volume prune -f
        docker volume create --label a=b later
        """)


STEPS: dict[str, AnyStep] = {
    "docker create --name db --init --network none -v /data lab sleep infinity": Create(at=AT, spec=DB),
    "mkdir -p ./new": CreateFolder(at=AT, place=host("new")),
    "docker start db": Start(at=AT, container="db"),
    "docker stop db": Stop(at=AT, container="db"),
    "docker stop -t 2 db": Stop(at=AT, container="db", timeout_seconds=2),
    "docker restart -t 0.5 db": Restart(at=AT, container="db", timeout_seconds=0.5),
    "docker kill db": Kill(at=AT, container="db"),
    "docker kill -s HUP db": Kill(at=AT, container="db", signal="HUP"),
    "docker pause db": Pause(at=AT, container="db"),
    "docker unpause db": Unpause(at=AT, container="db"),
    "# the engine: started": Start(at=AT, container=None),
    "# the engine: stopped in order": Stop(at=AT, container=None),
    "# the engine: stopped in order and started": Restart(at=AT, container=None),
    "# the engine: its daemon killed": Kill(at=AT, container=None),
    "# the engine and all its containers: killed, started": Reboot(at=AT),
    "# the power: lost, and what was not synced with it; started": PowerLoss(at=AT),
    "docker rm db": Remove(at=AT, container="db"),
    "docker rm -fv db": Remove(at=AT, container="db", force=True, volumes=True),
    "docker rm db  # may be refused: removal": Remove(at=AT, container="db", label="removal"),
    "docker volume rm rows": RemoveVolume(at=AT, volume="rows"),
    "docker rmi -f app": RemoveImage(at=AT, image="app", force=True),
    "rm -r ./shared/x": RemoveHost(at=AT, place=host("shared/x")),
    "docker rename db old": Rename(at=AT, container="db", to="old"),
    "mv ./a './b c'": RenameHost(at=AT, place=host("a"), to=host("b c")),
    "docker update --restart always --memory 64m db": Update(
        at=AT, container="db", spec=ContainerSpec(name="db", restart="always", mem_limit_bytes=64 << 20), keys=("restart", "mem_limit")
    ),
    "docker update --mounts=... db": Update(at=AT, container="db", spec=DB, keys=("mounts",)),
    "docker wait db  # at most 30 s": Wait(at=AT, container="db", condition="exited"),
    "# wait until db is restarted, at most 5 s": Wait(at=AT, container="db", condition="restarted", timeout_seconds=5),
    "until docker exec db sh -c 'test -e /up'; do sleep 0.1; done  # at most 30 s": Wait(at=AT, container="db", until="test -e /up"),
    "docker commit db kept": Commit(at=AT, container="db", image="kept"),
    "docker export db > ./db.tar": Export(at=AT, container="db", to=host("db.tar")),
    "docker import ./db.tar flat": Import(at=AT, source=host("db.tar"), image="flat"),
    "docker cp db:/data/. ./backup": Copy(at=AT, source=inside("/data/."), to=host("backup")),
    "docker cp - db:/data  # an archive with key: secret": Copy(at=AT, source="secret", to=inside("/data/key")),
    "docker cp - db:/  # an archive with key: secret": Copy(at=AT, source="secret", to=inside("/key")),
    "docker system prune -f --volumes": Prune(at=AT, what="system", volumes=True),
    "docker image prune -af": Prune(at=AT, what="images", all=True),
    "DOCKER_API_VERSION=1.41 docker volume prune -f": Prune(at=AT, what="volumes", api="1.41"),
    "docker container prune -f": Prune(at=AT, what="containers"),
    "mount -t tmpfs tmpfs ./share": MountHost(at=AT, what="tmpfs", place=host("share")),
    "# mount a network folder at ./share": MountHost(at=AT, what="network-folder", place=host("share")),
    "umount ./share": UnmountHost(at=AT, place=host("share")),
    "docker exec db sh -c 'echo NONCE > /row && sync /row'  # row": Write(at=AT, write="row", to=inside("/row"), sync=True),
    "mkdir -p ./shared && echo NONCE > ./shared/row  # row": Write(at=AT, write="row", to=host("shared/row")),
    "echo NONCE > ./row.new && mv ./row.new ./row  # row": Write(at=AT, write="row", to=host("row"), replace=True),
    "docker exec -d -u 1000 db sleep 5": Exec(at=AT, command=("sleep", "5"), container="db", user="1000", detach=True),
    "docker exec db sh -c 'echo $x'  # called out": Exec(at=AT, command="echo $x", container="db", label="out"),
    "# observe row at db:/other, called again": Observe(at=AT, write="row", look="again", place=inside("/other")),
    "# read db:/data/row, called content": Read(at=AT, look="content", place=inside("/data/row")),
    "docker container inspect db  # called state": Inspect(at=AT, look="state", kind="container", name="db"),
    "docker volume inspect rows  # called v": Inspect(at=AT, look="v", kind="volume", name="rows"),
    "docker info  # called e": Inspect(at=AT, look="e", kind="engine", name=""),
    "docker diff db  # called changes": Diff(at=AT, look="changes", container="db"),
    "# search the engine's whole data root for row, called on disk": Find(at=AT, look="on disk", write="row"),
    "# measure in db, 9 rounds, called ratio:\n#   first\n#   against second": Measure(
        at=AT, look="ratio", command="first", against="second", container="db"
    ),
}


@pytest.mark.parametrize(("line", "step"), STEPS.items(), ids=[str(number) for number in range(len(STEPS))])
def test_a_step_is_this_line(line: str, step: AnyStep) -> None:
    printed = commands(scenario(step))

    assert [one for one in printed.splitlines() if not one.startswith(("# one fact", "# only on", "# --network"))] == line.splitlines()


def test_no_kind_of_step_is_left_out() -> None:
    elsewhere = {Run, CreateVolume, Together}  # in the other tests

    kinds = {type(step) for step in STEPS.values()} | elsewhere

    assert kinds >= set(Action.__args__)
    assert kinds >= {Observe, Read, Inspect, Diff, Find, Measure}


def test_what_goes_on_together_goes_on_side_by_side() -> None:
    steps = (Exec(at=AT, command=("a",), container="db"), Kill(at=AT, container=None), Exec(at=AT, command=("b",), container="db"))

    assert commands(scenario(Together(at=AT, steps=steps))) == text("""
        # one fact
        # only on an engine that is ours to strike (restart-engine)
        # together:
        docker exec db a &
        # the engine: its daemon killed
        docker exec db b &
        wait
        """)


def test_every_option_of_a_container_is_printed() -> None:
    spec = ContainerSpec(
        name="db",
        image="app",
        mounts=(
            VolumeMount(target="/a", source="rows", flag=True, read_only=True, nocopy=True),
            BindMount(target="/b", source="shared", flag=True, propagation="rslave"),
            VolumeMount(target="/c", source="rows", read_only=True, nocopy=True, subpath="in"),
            BindMount(target="/d", source="/srv", read_only=True, propagation="rshared", create_host_path=True),
            TmpfsMount(target="/e", size_bytes=64 << 20, mode=0o1777, exec=True),
            ImageMount(target="/f", source="app"),
        ),
        tmpfs=("/run",),
        volumes_from=("a:ro",),
        command="echo $x",
        entrypoint=("/bin/sh", "-ec"),
        environment=(("A", "x y"),),
        user="1000",
        working_dir="/w",
        read_only=True,
        restart="always",
        mem_limit_bytes=512 << 10,
        shm_size_bytes=1000,
        pid="container:a",
        ipc="container:a",
        stop_signal="SIGINT",
        init=False,
        network_mode="none",
        healthcheck=Healthcheck(test=("CMD", "test", "-e", "/x y"), interval_seconds=0.5, start_period_seconds=2),
        rm=True,
    )

    printed = commands(scenario(Run(at=AT, spec=spec), images=(ImageSpec(name="app"),)))

    assert printed.splitlines()[-1] == (
        "docker run -d --name db --network none -v rows:/a:ro,nocopy -v ./shared:/b:rslave"
        " --mount type=volume,source=rows,target=/c,readonly,volume-nocopy,volume-subpath=in"
        " --mount type=bind,source=/srv,target=/d,readonly,bind-propagation=rshared,bind-create-src"
        " --mount type=tmpfs,target=/e,tmpfs-size=64m,tmpfs-mode=1777,tmpfs-options=exec --mount type=image,source=app,target=/f"
        " --tmpfs /run --volumes-from a:ro -e 'A=x y' --user 1000 --workdir /w --restart always --memory 512k --shm-size 1000"
        " --pid container:a --ipc container:a --stop-signal SIGINT --read-only --rm"
        " --health-cmd 'test -e '\"'\"'/x y'\"'\"'' --health-interval 0.5s --health-timeout 5s --health-retries 3 --health-start-period 2s"
        " --entrypoint /bin/sh app -ec sh -c 'echo $x'"
    )


def test_a_users_image_keeps_its_own_ways() -> None:
    printed = commands(scenario(Run(at=AT, spec=ContainerSpec(name="db", image="postgres:16"))))

    assert printed == "# one fact\ndocker run -d --name db postgres:16\n"


def test_a_table_prints_its_long_form() -> None:
    matrix = Matrix(
        stores=("tmpfs", "volume"),
        events=("kill+start", "rename"),
        cells={(event, store): "lost" for event in ("kill+start", "rename") for store in ("tmpfs", "volume")},
    )
    form = expand(matrix, at_events={"kill+start": AT, "rename": AT}, at_cells={})

    printed = commands(scenario(*form.steps, containers=form.containers, matrix=matrix))

    assert printed == text("""
        # one fact
        # --network none stands for no network at all: the command line has no option for that
        docker run -d --name db --init --network none --mount type=tmpfs,target=/s/tmpfs --mount type=volume,source=rows,target=/s/volume lab sleep infinity
        docker exec db sh -c 'mkdir -p /s/tmpfs && echo NONCE > /s/tmpfs/row1'  # tmpfs over kill+start
        docker exec db sh -c 'mkdir -p /s/volume && echo NONCE > /s/volume/row1'  # volume over kill+start
        docker kill db
        docker start db
        # observe tmpfs over kill+start
        # observe volume over kill+start
        docker exec db sh -c 'mkdir -p /s/tmpfs && echo NONCE > /s/tmpfs/row2'  # tmpfs over rename
        docker exec db sh -c 'mkdir -p /s/volume && echo NONCE > /s/volume/row2'  # volume over rename
        docker rename db db-renamed
        # observe tmpfs over rename at db-renamed:/s/tmpfs/row2
        # observe volume over rename at db-renamed:/s/volume/row2
        """)


@pytest.mark.parametrize(("number", "said"), [(64 << 20, "64m"), (2 << 30, "2g"), (512 << 10, "512k"), (1000, "1000"), (0, "0")])
def test_a_size_is_written_as_docker_writes_it(number: int, said: str) -> None:
    assert size(number) == said


def test_what_is_printed_is_a_script_that_a_shell_can_read() -> None:
    quoted = (
        Exec(at=AT, command="echo \"it's\" > '/a b'; (exit 3)", container="db"),
        Write(at=AT, write="a row", to=inside("/a b/it's")),
        Wait(at=AT, container="db", until="! test -e '/x y'"),
        Together(at=AT, steps=(Exec(at=AT, command="a & b", container="db"),)),
    )

    checked = subprocess.run(["sh", "-n"], input=commands(scenario(*quoted)), text=True, capture_output=True, check=False)

    assert (checked.returncode, checked.stderr) == (0, "")
