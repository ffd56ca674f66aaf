"""Find out what a target is, and draw it: a container or a project as it is, or Compose files as they are written.

Rule 1: read only: inspect answers, a diff, `docker compose config`; for Compose files an engine is a help, not a need.
Rule 2: what is drawn is read again before it is given away: a file that `validate` would refuse never leaves here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dockstore.core import running_model
from dockstore.core.compose_model import image_facts
from dockstore.core.init import scenario_text
from dockstore.core.init_probes import extension_text
from dockstore.core.scenario import load_text
from dockstore.core.stack_model import ImageFacts
from dockstore.engines.errors import EngineError, NotFound, Unreachable
from dockstore.engines.host import Unseen
from dockstore.engines.providers import homes
from dockstore.runner.compose_files import ComposeFiles, WrongCompose, default_files, read
from dockstore.runner.orphans import home_of, open_to_read

__all__ = ["NoTarget", "WrongCompose", "draw", "drawn_from_engine", "drawn_from_files", "needs_engine"]

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dockstore.core.stack_model import Stack
    from dockstore.engines.engine import Engine, Json
    from dockstore.engines.host import Host
    from dockstore.runner.options import Options

CONTAINER, PROJECT = "container:", "project:"


class NoTarget(Exception):  # noqa: N818
    """A target that means nothing here. *hint* is the way out; *missing*: there is no such thing."""

    def __init__(self, text: str, hint: str, *, missing: bool = False) -> None:
        super().__init__(text)
        self.hint = hint
        self.missing = missing


def needs_engine(target: str) -> bool:
    """Whether only an engine knows what *target* is."""
    return target.startswith((CONTAINER, PROJECT))


def draw(target: str, options: Options, environ: Mapping[str, str], cwd: Path, *, extension: bool = False) -> str:
    """Return the text for *target*. Raises NoTarget, WrongCompose, EngineError."""
    wanted = options.engines[0] if options.engines else None
    home = home_of(options, environ, cwd)
    try:
        opened = open_to_read(wanted, environ, home, say=lambda _text: None)
    except Unreachable:
        if needs_engine(target) or wanted is not None:
            raise
        opened = None
    try:
        if opened is not None and needs_engine(target):
            return drawn_from_engine(opened.engine, target, extension=extension, is_file=_on(opened.host))
        engine = opened.engine if opened is not None else None
        return drawn_from_files((target,), engine=engine, environ=environ, cwd=cwd, cache=homes.cache_of(home), extension=extension)
    finally:
        if opened is not None:
            opened.close()


def _on(host: Host) -> Callable[[str], bool | None]:
    """Whether a path of the engine's host is a file; None: it cannot be told."""

    def is_file(path: str) -> bool | None:
        try:
            found = host.stat(path)
        except Unseen:
            return None
        return found.type == "file" if found is not None else None

    return is_file


def drawn_from_engine(engine: Engine, target: str, *, extension: bool = False, is_file: Callable[[str], bool | None]) -> str:
    """Return the text for a container or a project. Raises NoTarget, EngineError."""
    name = target.partition(":")[2]
    if target.startswith(CONTAINER):
        kind, containers = "container", [_container(engine, name)]
    else:
        kind, containers = "project", _of_project(engine, name)
    stack = running_model.stack(_own_name(containers[0]) if kind == "container" else name, kind, containers, engine.list_volumes(), _images(engine))
    if extension:
        return extension_text(stack)
    written: dict[str, Sequence[str]] = {}
    for service in stack.services:
        try:
            written[service.name] = running_model.written_places(engine.diff_container(service.container or ""), service)
        except EngineError:
            continue  # then its working directory has to do
    return _checked(scenario_text(stack, target=target, written=written, is_file=is_file))


def drawn_from_files(
    files: Sequence[str], *, engine: Engine | None, environ: Mapping[str, str], cwd: Path, cache: Path, extension: bool = False
) -> str:
    """Return the text for Compose files, or a folder with one. Raises NoTarget, WrongCompose, NoCompose."""
    found = tuple(name for file in files for name in _files(file, cwd))
    images = _images(engine) if engine is not None else None
    stack: Stack = read(ComposeFiles(files=found, cwd=cwd, environ=environ), cache=cache).stack(images)
    if not stack.services:
        raise NoTarget(f"{files[0]}: no service in it", "a service behind a profile is not taken")
    return extension_text(stack) if extension else _checked(scenario_text(stack, target=" ".join(files), is_file=_is_file))


def _checked(text: str) -> str:
    problems = [problem for problem in load_text(text, "scenario").problems if not problem.warning]
    if problems:
        first = problems[0]
        raise NoTarget(f"no scenario can be made of this: {first.fact}: {first.source.strip()}", "please report it, with the Compose file")
    return text


def _container(engine: Engine, name: str) -> Json:
    try:
        return engine.inspect_container(name)
    except NotFound:
        raise NoTarget(f"container:{name}: the engine has no such container", "docker ps --all lists them", missing=True) from None


def _of_project(engine: Engine, name: str) -> list[Json]:
    listed = engine.list_containers(filters={"label": [f"{running_model.PROJECT}={name}"]})
    found = []
    for one in listed:
        labels = one.get("Labels")
        if not (isinstance(labels, dict) and labels.get(running_model.ONE_OFF) == "True"):
            found.append(engine.inspect_container(str(one.get("Id"))))
    if not found:
        raise NoTarget(f"project:{name}: no container of such a project", "docker compose ls --all lists them", missing=True)
    return sorted(found, key=_own_name)


def _own_name(container: Json) -> str:
    return str(container.get("Name", "")).lstrip("/")


def _images(engine: Engine) -> Callable[[str], ImageFacts]:
    known: dict[str, ImageFacts] = {}

    def facts(reference: str) -> ImageFacts:
        if reference not in known:
            try:
                known[reference] = image_facts(reference, engine.inspect_image(reference))
            except EngineError as error:
                known[reference] = ImageFacts(reference=reference, known=False, reason=str(error))
        return known[reference]

    return facts


def _files(target: str, cwd: Path) -> tuple[str, ...]:
    path = cwd / target
    if path.is_dir():
        found = tuple(file for file in default_files(path.absolute()) if Path(file).parent == path.absolute())
        if not found:
            raise NoTarget(f"{target}: no Compose file in this folder", "it is called compose.yaml; or name container:NAME, project:NAME")
        return found
    if not path.exists():
        raise NoTarget(f"{target}: there is no such file", "name a Compose file or its folder, container:NAME or project:NAME")
    return (target,)


def _is_file(path: str) -> bool | None:
    try:
        found = Path(path)
        return found.is_file() if found.exists() else None
    except OSError:
        return None
