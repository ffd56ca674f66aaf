"""What a good file means."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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
from dockstore.core.problems import render
from dockstore.core.scenario import load_text
from dockstore.core.script import (
    At,
    AtLeast,
    AtMost,
    Contains,
    DiffersFrom,
    Equals,
    Exec,
    Expectation,
    Matches,
    Matrix,
    Measure,
    Observe,
    OneOf,
    Remove,
    Run,
    SameAs,
    Scenario,
    Where,
    Write,
)

GRAMMAR = Path(__file__).parent / "grammar"


def load(text: str, **options: object) -> Scenario:
    """The scenario of a good file."""
    parsed = load_text(text, "f.yaml", **options)  # type: ignore[arg-type]
    assert [render(problem) for problem in parsed.problems] == []
    assert parsed.scenario is not None
    return parsed.scenario


def file(name: str) -> Scenario:
    """One of the complete files."""
    return load((GRAMMAR / f"{name}.scenario.yaml").read_text(encoding="utf-8"))


def long_form(steps: str, expect: str = "row: persisted", *, extra: str = "", containers: str = "{db: {}}") -> Scenario:
    """A file with these parts."""
    return load(f"version: 1\nscenario: s\n{extra}containers: {containers}\nsteps:\n{steps}expect: {{{expect}}}\n")


def container(keys: str) -> ContainerSpec:
    """A container with these keys."""
    return long_form("- run: [a, db]\n- inspect: db\n  as: i\n", "i: {exists: true}", containers=f"{{db: {keys}, a: {{}}}}").containers[0]


# --- complete files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(GRAMMAR.glob("*.scenario.yaml")), ids=lambda path: path.name.partition(".")[0])
def test_every_complete_file_is_read_without_a_word(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    scenario = load(text)

    assert scenario.text == text
    assert f"scenario: {scenario.title}" in text


def test_a_whole_file_comes_out_as_it_says() -> None:
    scenario = file("anonymous-does-not-follow")

    db = ContainerSpec(name="db", mounts=(VolumeMount(target="/data", flag=True),))
    assert scenario.title == "an anonymous volume does not follow its container"
    assert scenario.lesson == ("L27",)
    assert scenario.nuance == "It remains, but a new container gets a new one; the old bytes are orphaned."
    assert scenario.containers == (db,)
    assert scenario.steps == (
        Run(at=At(line=8, column=5), spec=db),
        Write(at=At(line=9, column=5), write="row", to=Place(PlaceKind.CONTAINER, "db", "/data/row")),
        Remove(at=At(line=11, column=6), container="db", force=True),
        Run(at=At(line=12, column=5), spec=db),
        Observe(at=At(line=13, column=5), write="row", look="row"),
    )
    assert scenario.expect == (
        Expectation(look="row", fact="fate", checks=(Equals("orphaned"),), at=At(line=15, column=9)),
        Expectation(look="row", fact="engine", checks=(Equals("same"),), at=At(line=15, column=25)),
        Expectation(look="row", fact="host", checks=(Equals("same"),), at=At(line=15, column=39)),
        Expectation(look="row", fact="container", checks=(Equals("absent"),), at=At(line=15, column=51)),
    )
    assert [mutant.title for mutant in scenario.mutants] == ["give it a name", "remove it with its container"]


def test_what_looks_imply_is_added_to_the_needs() -> None:
    assert file("directory-deleted-and-made-again").implied_needs == ("upperdir",)
    assert file("docker-cp-lands-on-disk").implied_needs == ("host-files",)
    assert file("moves-to-another-engine").implied_needs == ("two-engines",)


def test_variables_stand_in_for_their_text_and_the_rest_is_the_shells() -> None:
    scenario = file("faster-than-a-volume")

    measure = scenario.steps[1]
    assert isinstance(measure, Measure)
    assert measure.command == "cd /vol; for f in $(seq 300); do echo x > $f; sync $f; done"
    assert scenario.vars == (("files", "for f in $(seq 300); do echo x > $f; sync $f; done"),)


def test_a_matrix_is_expanded_to_the_long_form() -> None:
    scenario = file("prune-by-store")

    stores = ("bind", "volume", "tmpfs-volume", "anonymous-volume", "anonymous-mount")
    assert isinstance(scenario.matrix, Matrix)
    assert scenario.matrix.stores == stores
    assert scenario.matrix.cells["remove+volume-prune+run", "volume"] == "persisted"
    assert {step.write for step in scenario.steps if isinstance(step, Observe)} == {item.look for item in scenario.expect}
    assert len(scenario.expect) == 20
    assert scenario.expect[0].at == At(line=10, column=38)
    assert [(where.capability, where.negated, len(where.expect)) for where in scenario.where] == [
        ("prune-spares-named", True, 2),
        ("prune-takes-anonymous-mounts", True, 2),
    ]


def test_an_isolated_matrix_has_a_chain_for_each_event() -> None:
    text = "version: 1\nscenario: s\nmatrix: {stores: [volume], events: {restart: [persisted], stop+start: [persisted]}}\n"

    together, apart = load(text), load(text, isolate=True)

    assert [len(scenario.containers) for scenario in (together, apart)] == [1, 2]
    assert (together.isolated, apart.isolated) == (False, True)


# --- things ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "mount"),
    [
        ('"rows:/data"', VolumeMount(target="/data", source="rows", flag=True)),
        ('"rows:/data:ro"', VolumeMount(target="/data", source="rows", read_only=True, flag=True)),
        ('"rows:/data:ro,nocopy"', VolumeMount(target="/data", source="rows", read_only=True, nocopy=True, flag=True)),
        ("/data/", VolumeMount(target="/data", flag=True)),
        ('"./shared:/b"', BindMount(target="/b", source="shared", flag=True)),
        ('"./shared/in:/b:ro,rslave"', BindMount(target="/b", source="shared/in", read_only=True, propagation="rslave", flag=True)),
        ('"/srv:/b"', BindMount(target="/b", source="/srv", flag=True)),
        ("{type: volume, target: /anon}", VolumeMount(target="/anon")),
        (
            "{type: volume, source: rows, target: /v, read_only: true, nocopy: true, subpath: in/side}",
            VolumeMount(target="/v", source="rows", read_only=True, nocopy=True, subpath="in/side"),
        ),
        (
            "{type: bind, source: ./shared, target: /b, propagation: rslave, create_host_path: true}",
            BindMount(target="/b", source="shared", propagation="rslave", create_host_path=True),
        ),
        ("{type: bind, source: ., target: /b}", BindMount(target="/b", source="")),
        (
            "{type: tmpfs, target: /mem, size: 64m, mode: 1777, exec: true}",
            TmpfsMount(target="/mem", size_bytes=64 << 20, mode=0o1777, exec=True),
        ),
        ("{type: tmpfs, target: /mem, source: rows}", TmpfsMount(target="/mem", source="rows")),
        ("{type: image, source: lab, target: /img}", ImageMount(target="/img", source="lab")),
    ],
)
def test_a_mount_is_what_v_or_mount_makes_of_it(written: str, mount: object) -> None:
    assert container(f"{{mounts: [{written}]}}").mounts == (mount,)


@pytest.mark.parametrize(
    ("keys", "spec"),
    [
        ("~", ContainerSpec(name="db")),
        ("{command: sleep 1, entrypoint: [sh, -c]}", ContainerSpec(name="db", command="sleep 1", entrypoint=("sh", "-c"))),
        ("{environment: {A: 1, B: ''}}", ContainerSpec(name="db", environment=(("A", "1"), ("B", "")))),
        ("{environment: [A=1, B=x=y]}", ContainerSpec(name="db", environment=(("A", "1"), ("B", "x=y")))),
        ('{user: "1000:1000", working_dir: /app}', ContainerSpec(name="db", user="1000:1000", working_dir="/app")),
        ("{restart: no}", ContainerSpec(name="db", restart="no")),
        ("{restart: on-failure:3, rm: true}", ContainerSpec(name="db", restart="on-failure:3", rm=True)),
        ("{mem_limit: 64m, shm_size: 2g}", ContainerSpec(name="db", mem_limit_bytes=64 << 20, shm_size_bytes=2 << 30)),
        (
            "{pid: container:a, ipc: container:a, network_mode: none}",
            ContainerSpec(name="db", pid="container:a", ipc="container:a", network_mode="none"),
        ),
        (
            "{volumes_from: [a, a:ro], tmpfs: [/run, '/x:size=1m']}",
            ContainerSpec(name="db", volumes_from=("a", "a:ro"), tmpfs=("/run", "/x:size=1m")),
        ),
        ("{stop_signal: SIGINT, init: false, read_only: true}", ContainerSpec(name="db", stop_signal="INT", init=False, read_only=True)),
        ("{image: busybox:1.36}", ContainerSpec(name="db", image="busybox:1.36")),
        (
            "{healthcheck: {test: test -e /ready, interval: 500ms, retries: 2}}",
            ContainerSpec(name="db", healthcheck=Healthcheck(test=("CMD-SHELL", "test -e /ready"), interval_seconds=0.5, retries=2)),
        ),
        ("{healthcheck: {test: [CMD, 'true']}}", ContainerSpec(name="db", healthcheck=Healthcheck(test=("CMD", "true")))),
    ],
)
def test_a_container_has_composes_keys(keys: str, spec: ContainerSpec) -> None:
    assert container(keys) == spec


def test_an_image_is_made_of_lines_and_its_base_stands_before_it() -> None:
    scenario = long_form(
        "- run: db\n- inspect: db\n  as: i\n",
        "i: {exists: true}",
        extra=(
            "images:\n"
            "  app:\n"
            "    from: base\n"
            "    layers:\n"
            '      - {/one: one, /large: {size: 1k}, /data/: {owner: "1000:1000", mode: 0750}, /version: 1.10}\n'
            "      - {/one: ~, /run/x: {link: /run}, /two: {content: two, mode: 755}}\n"
            "    volume: [/data]\n"
            "    user: 1000\n"
            "    cmd: sleep 1\n"
            "  base: {from: scratch}\n"
        ),
    )

    assert scenario.images == (
        ImageSpec(name="base", base="scratch"),
        ImageSpec(
            name="app",
            base="base",
            layers=(
                (
                    LayerEntry(path="/one", content="one"),
                    LayerEntry(path="/large", size_bytes=1024),
                    LayerEntry(path="/data", directory=True, owner=(1000, 1000), mode=0o750),
                    LayerEntry(path="/version", content="1.10"),
                ),
                (
                    LayerEntry(path="/one", whiteout=True),
                    LayerEntry(path="/run/x", link="/run"),
                    LayerEntry(path="/two", content="two", mode=0o755),
                ),
            ),
            volume=("/data",),
            user="1000",
            cmd=("sh", "-c", "sleep 1"),
        ),
    )


def test_volumes_and_host_files() -> None:
    scenario = long_form(
        "- run: db\n- inspect: db\n  as: i\n",
        "i: {exists: true}",
        extra=(
            "volumes:\n"
            "  mem: {driver: local, driver_opts: {type: tmpfs, device: tmpfs}, labels: {a: b}}\n"
            "  old: {anonymous: 'db:/data'}\n"
            "host: {shared/: {}, app.conf: old, empty: ~, in/side: {content: x, mode: 0600, owner: '1:2'}}\n"
        ),
    )

    assert scenario.volumes == (
        VolumeSpec(name="mem", driver="local", driver_opts=(("type", "tmpfs"), ("device", "tmpfs")), labels=(("a", "b"),)),
        VolumeSpec(name="old", anonymous_of=Place(PlaceKind.CONTAINER, "db", "/data")),
    )
    assert scenario.host == (
        HostEntry(path="shared", directory=True),
        HostEntry(path="app.conf", content="old"),
        HostEntry(path="empty"),
        HostEntry(path="in/side", content="x", mode=0o600, owner=(1, 2)),
    )


# --- expectations ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("look", "written", "expected"),
    [
        ("exec: ls", "one", [("stdout", (Equals("one"),))]),
        ("exec: ls", "{exit_code: 1, stderr: {contains: no}}", [("exit_code", (Equals(1),)), ("stderr", (Contains("no"),))]),
        ("exec: ls", "{matches: '^a.c$'}", [("stdout", (Matches("^a.c$"),))]),
        ("exec: ls", "{at_least: 3, at_most: 4.5, exit_code: 0}", [("stdout", (AtLeast(3), AtMost(4.5))), ("exit_code", (Equals(0),))]),
        ("exec: ls", "{refused: [400, 500]}", [("refused", (OneOf((400, 500)),))]),
        ("exec: ls", "{refused: true, seconds: {at_most: 500ms}}", [("refused", (Equals(True),)), ("seconds", (AtMost(0.5),))]),
        ("read: db:/a", "1.10", [("content", (Equals("1.10"),))]),
        (
            "read: db:/a",
            "{mode: 750, owner: '0:0', size: 64m}",
            [("mode", (Equals("0750"),)), ("owner", (Equals("0:0"),)), ("size", (Equals(64 << 20),))],
        ),
        ("read: db:/a", "{entries: [], type: directory}", [("entries", (Equals(()),)), ("type", (Equals("directory"),))]),
        ("read: db:/a", "{entries: {contains: [a, b]}}", [("entries", (Contains(("a", "b")),))]),
        ("inspect: db", "{mounts: {/data: volume}}", [("mounts", (Equals({"/data": "volume"}),))]),
        ("inspect: db", "{mounts: {contains: {/data: volume}}}", [("mounts", (Contains({"/data": "volume"}),))]),
        ("inspect: db", "{restarts: {at_least: 1}, oom_killed: false}", [("restarts", (AtLeast(1),)), ("oom_killed", (Equals(False),))]),
        ("diff: db", "{/a: A, /b: none}", [("/a", (Equals("A"),)), ("/b", (Equals("none"),))]),
    ],
)
def test_a_value_or_what_is_asked_of_it(look: str, written: str, expected: list[tuple[str, tuple[object, ...]]]) -> None:
    step = f"- {look}\n  as: r\n" + ("  in: db\n" if look.startswith("exec") else "")

    scenario = long_form(f"- run: db\n{step}", f"r: {written}")

    assert [(one.fact, one.checks) for one in scenario.expect] == expected


def test_one_look_is_compared_with_another() -> None:
    scenario = long_form(
        "- run: db\n- {inspect: db, as: before}\n- {exec: touch /a, in: db}\n- {inspect: db, as: after}\n",
        "after: {size_rw: {since: before, at_least: 63m}, id: {same_as: before}, state: {differs_from: before}}",
    )

    size, same, other = scenario.expect
    assert (size.since, size.checks) == ("before", (AtLeast(63 << 20),))
    assert (same.checks, other.checks) == ((SameAs("before"),), (DiffersFrom("before"),))


def test_otherwise_undecided_applies_to_the_fact_or_to_the_whole_look() -> None:
    scenario = long_form(
        "- run: db\n- {exec: ls, in: db, as: a}\n- {exec: ls, in: db, as: b}\n",
        "a: {at_most: 3, otherwise: undecided}, b: {exit_code: 0, stdout: {equals: x, otherwise: undecided}}",
    )

    assert [(one.look, one.fact, one.otherwise_undecided) for one in scenario.expect] == [
        ("a", "stdout", True),
        ("b", "exit_code", False),
        ("b", "stdout", True),
    ]


def test_where_replaces_what_a_look_should_show() -> None:
    scenario = file("mount-missing-folder")

    (where,) = scenario.where
    assert where == Where(
        capability="bind-source-checked",
        negated=True,
        expect=(Expectation(look="creation", fact="refused", checks=(Equals(False),), at=At(line=15, column=42)),),
        at=At(line=15, column=5),
    )


# --- variables ------------------------------------------------------------------------------------------------------------

_WITH_VARS = (
    "version: 1\nscenario: on ${image}\nvars: {image: lab, both: '${image} and more'}\n"
    "containers: {db: {image: '${image}'}}\nsteps: [{run: db}, {exec: 'echo ${both} ${HOME}', in: db, as: r}]\nexpect: {r: '${both}'}\n"
)


def test_a_variable_stands_in_a_title_a_key_a_command_and_an_expectation() -> None:
    scenario = load(_WITH_VARS)

    assert scenario.title == "on lab"
    assert scenario.containers[0].image == "lab"
    assert isinstance(scenario.steps[1], Exec)
    assert scenario.steps[1].command == "echo lab and more ${HOME}"
    assert scenario.expect[0].checks == (Equals("lab and more"),)


def test_a_variable_is_replaced_from_outside() -> None:
    scenario = load(_WITH_VARS, variables={"image": "busybox:1.36"})

    assert scenario.containers[0].image == "busybox:1.36"
    assert scenario.vars == (("image", "busybox:1.36"), ("both", "busybox:1.36 and more"))


def test_the_values_of_a_history_given_again_make_the_same_mutants() -> None:
    text = _WITH_VARS + "mutants: {another: {vars: {image: 'busybox:1.36'}}}\n"
    first = load(text)

    again = load(text, variables=dict(first.vars))

    assert again == first
    assert again.mutants[0].scenario.vars == (("image", "busybox:1.36"), ("both", "busybox:1.36 and more"))


def test_a_variable_that_the_file_does_not_have_is_told() -> None:
    parsed = load_text(_WITH_VARS, "f.yaml", variables={"imag": "x"})

    assert [render(problem) for problem in parsed.problems] == [
        "f.yaml:3:1: no variable 'imag' in this file\n  vars: {image: lab, both: '${image} and more'}\n  ^^^^\n  hint: did you mean 'image'?"
    ]


def test_variables_that_would_fill_the_memory_are_told() -> None:
    bomb = "version: 1\nscenario: s\nvars:\n  a0: " + "x" * 1000 + "\n" + "".join(f"  a{n + 1}: ${{a{n}}}${{a{n}}}\n" for n in range(40))

    parsed = load_text(bomb, "f.yaml")

    assert [problem.fact for problem in parsed.problems] == ["too much text once the variables are replaced"]


# --- start-up -------------------------------------------------------------------------------------------------------------


def test_reading_scenarios_imports_nothing_but_the_standard_library_and_yaml() -> None:
    code = (
        "import sys; before = set(sys.modules); import dockstore.core.scenario as s; "
        "s.load_text('version: 1', 'f'); "
        "print(*sorted({m.partition('.')[0] for m in set(sys.modules) - before} - set(sys.stdlib_module_names)))"
    )

    shown = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True).stdout

    foreign = {name for name in shown.split() if "cython" not in name}
    assert foreign == {"dockstore", "yaml"}
