"""Whatever a file holds, the command answers with a sentence and exit code 2, leaves nothing behind and shows no traceback."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any, cast

import pytest
from fakes import FakeHost
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from runner_stand import play, stand

from dockstore.cli.main import main
from dockstore.core.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dockstore.engines.host import Host

GOOD = """\
version: 1
scenario: the layer goes with its container
containers:
  db: {}
steps:
  - run: db
  - {write: row, to: db:/row}
  - {remove: db, force: true}
  - run: db
  - observe: row
expect:
  row: lost
"""
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
FILES: dict[str, tuple[bytes | str, str]] = {
    "unknown key": (GOOD.replace("steps:", "stpes:"), "unknown key 'stpes'"),
    "wrong type": (GOOD.replace("containers:\n  db: {}", "containers: [1, 2]"), "a mapping is wanted for 'containers'"),
    "impossible order": (GOOD.replace("  - run: db\n", "", 1), "write needs a running container, 'db' is not there yet"),
    "unknown container": (GOOD.replace("remove: db", "remove: web"), "no container 'web' in this file"),
    "path outside": (GOOD.replace("db:/row", "host:../../etc/row"), "leads out of the scenario's scratch folder"),
    "empty": ("", "the file is empty"),
    "binary": (bytes(range(256)) * 40, "not a text file"),
    "not UTF-8": (GOOD.replace("layer", "caf\u00e9").encode("latin-1"), "not UTF-8"),
    "UTF-16": (GOOD.encode("utf-16"), "not a text file"),
    "bomb": (BOMB, "anchors and aliases are not allowed"),
    "anchor": (GOOD.replace("db: {}", "db: &a {}\n  web: *a"), "anchors and aliases are not allowed"),
    "tag": (GOOD.replace("db: {}", "db: !!python/object:os.system {}"), "tags such as !!python/object:os.system are not allowed"),
    "10 MB": (GOOD + "# " + "x" * 10_000_000, "larger than 10 MB"),
    "deep": ("[" * 100_000, "nested too deeply"),
    "many values": (GOOD + "more:\n" + "  - a\n" * 20_000, "more than 10000 values"),
    "two documents": (GOOD + "---\n" + GOOD, "a second document begins here"),
    "tab": ("version: 1\n\tscenario: x\n", "indent with spaces, not with tabs"),
    "unknown version": (GOOD.replace("version: 1", "version: 9"), "version '9' is not known here"),
}
HISTORIES: dict[str, tuple[bytes | str, str]] = {
    "empty": ("", "no header: this is not a history"),
    "text": ("hello\n", "no header: this is not a history"),
    "a list": ("[1]\n", "a mapping is wanted"),
    "other JSON": ('{"a": 1}\n', "'event' is missing or not known"),
    "binary": (bytes(range(256)) * 40, "bad.jsonl:1:1: "),
    "newer": ('{"schema": "dockstore.history/7", "event": "header"}\n', "a history of version 7; this dockstore reads version 1"),
}


def called(words: Sequence[str]) -> tuple[int, str, str]:
    """Exit code, stdout, stderr of the command."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main(words)
    return code, out.getvalue(), err.getvalue()


def put(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("command", ["validate", "run", "run --plan"])
@pytest.mark.parametrize("kind", FILES)
def test_a_wrong_file_is_a_sentence_with_its_place(kind: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content, fact = FILES[kind]
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "bad.scenario.yaml", content)

    code, out, err = called([*command.split(), "bad.scenario.yaml"])

    assert code == 2
    assert fact in out + err
    assert "bad.scenario.yaml:" in out + err
    assert "Traceback" not in out + err
    assert [path.name for path in tmp_path.iterdir()] == ["bad.scenario.yaml"]


@pytest.mark.parametrize("command", ["judge", "report"])
@pytest.mark.parametrize("kind", HISTORIES)
def test_a_foreign_history_is_a_sentence_with_its_place(kind: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content, fact = HISTORIES[kind]
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "bad.jsonl", content)

    code, out, err = called([command, "bad.jsonl"])

    assert (code, out) == (2, "")
    assert fact in err
    assert "Traceback" not in err


@pytest.mark.parametrize("command", ["validate", "run", "judge", "report", "lesson"])
def test_a_file_that_is_not_there_is_a_sentence(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    code, out, err = called([command, "nowhere.yaml"])

    assert code == 2
    assert "nowhere.yaml" in out + err
    assert "Traceback" not in out + err
    assert list(tmp_path.iterdir()) == []


class FullHost(FakeHost):
    """A host whose disk is full."""

    def make_folder(self, path: str, **_more: Any) -> None:
        raise OSError(28, "No space left on device", path)

    def write_file(self, path: str, data: bytes, **_more: Any) -> None:
        raise OSError(28, "No space left on device", path)


def test_a_scratch_folder_without_room_is_undecided_and_nothing_is_left() -> None:
    on = stand()
    on.host = cast("Host", FullHost(on.fake))

    played = play(GOOD.replace("db: {}", "db: {mounts: ['./rows:/data']}"), on)

    assert played.verdict.outcome is Outcome.UNDECIDED
    assert "No space left on device" in str(played.footer.reason)
    assert played.footer.leftovers == ()
    assert on.fake.containers == {}


FUZZ = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
LINES = GOOD.splitlines(keepends=True)
edited = st.lists(st.sampled_from([*LINES, "  - stop: db\n", "matrix: {}\n", "x: [\n", "mutants:\n", "vars: {a: b}\n", "'\n", "${a}\n"]), max_size=20)


@FUZZ
@given(content=st.one_of(st.binary(max_size=300), st.text(max_size=300), edited.map("".join)))
def test_whatever_is_validated_the_answer_is_problems_or_none(content: bytes | str, tmp_path: Path) -> None:
    raw = content.encode("utf-8", errors="surrogatepass") if isinstance(content, str) else content
    file = put(tmp_path / "any.scenario.yaml", raw)

    code, out, err = called(["validate", str(file)])

    assert code in {0, 2}
    assert ("problem" in err) == (code == 2)
    assert "went wrong inside" not in out + err
    assert "Traceback" not in out + err
