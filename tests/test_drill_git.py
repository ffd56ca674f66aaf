"""The sides of a change: what is in a commit, how files are called from where one is, and what is said of a commit that is not there."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from dockstore.runner.drill_sources import NoSuchStack, checkout, is_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main")


@pytest.fixture
def commit(tmp_path: Path) -> Callable[..., None]:
    """A repository with a stack in deploy/; commit files into it."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    repository = tmp_path / "shop"
    repository.mkdir()
    subprocess.run([*GIT, "init", "-q"], cwd=repository, check=True)

    def made(**files: str) -> None:
        for name, text in files.items():
            path = repository / "deploy" / name.replace("_", ".")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        subprocess.run([*GIT, "add", "."], cwd=repository, check=True)
        subprocess.run([*GIT, "commit", "-qm", "more"], cwd=repository, check=True)

    made(compose_yaml="services: {}\n")
    return made


@pytest.mark.parametrize(("here", "file", "called"), [
    ("shop", "deploy/compose.yaml", "deploy/compose.yaml"),
    ("shop/deploy", "compose.yaml", "compose.yaml"),
    (".", "shop/deploy/compose.yaml", "deploy/compose.yaml"),
    ("shop", "{absolute}", "deploy/compose.yaml"),
], ids=["at the root", "in the folder", "outside", "by its whole path"])  # fmt: skip
def test_a_commit_is_unpacked_wherever_one_is(tmp_path: Path, commit: Callable[..., None], here: str, file: str, called: str) -> None:
    commit(compose_yaml="services: {now: {}}\n")
    name = file.format(absolute=tmp_path / "shop/deploy/compose.yaml")

    found = checkout("HEAD~1", (name,), tmp_path / here, tmp_path / "unpacked")

    assert found.files == (called,)
    assert (found.cwd / called).read_text(encoding="utf-8") == "services: {}\n"
    assert found.roots == {str(tmp_path / "unpacked"): str(tmp_path / "shop")}


def test_what_a_change_adds_is_not_in_its_base(tmp_path: Path, commit: Callable[..., None]) -> None:
    commit(more_yaml="services: {}\n")

    told = [is_in(ref, ("deploy/compose.yaml", "deploy/more.yaml"), tmp_path / "shop") for ref in ("HEAD~1", "HEAD")]

    assert told == [False, True]


@pytest.mark.parametrize("ref", ["nosuch", "--output=made", "HEAD:deploy"])
def test_what_names_no_commit_is_said_with_the_way_out(tmp_path: Path, commit: Callable[..., None], ref: str) -> None:
    commit(more_yaml="services: {}\n")

    with pytest.raises(NoSuchStack, match="no such commit: ") as told:
        checkout(ref, ("deploy/compose.yaml",), tmp_path / "shop", tmp_path / "unpacked")

    assert "fetch-depth: 0" in told.value.hint
    assert not (tmp_path / "shop" / "made").exists()


def test_no_repository_is_said_in_gits_words(tmp_path: Path, commit: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    del commit
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / "compose.yaml").touch()

    with pytest.raises(NoSuchStack, match="not a git repository"):
        is_in("HEAD", ("compose.yaml",), tmp_path)


def test_a_link_to_a_place_of_the_machine_is_unpacked_as_the_link_that_it_is(tmp_path: Path, commit: Callable[..., None]) -> None:
    (tmp_path / "shop" / "zone").symlink_to("/etc/localtime")
    commit(more_yaml="services: {}\n")

    checkout("HEAD", ("deploy/compose.yaml",), tmp_path / "shop", tmp_path / "unpacked")

    assert str((tmp_path / "unpacked" / "zone").readlink()) == "/etc/localtime"
