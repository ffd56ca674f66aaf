"""What is drilled: Compose files, a folder that holds them, an image, or the files as they were and are in Git; read and made neutral.

Rule 1: the user's files are read by Compose itself, for a project name that nothing else has.
Rule 2: an upgrade is the same stack with other files merged over it, or with another image.
"""

from __future__ import annotations

import os
import re
import subprocess
import tarfile
from contextlib import suppress
from dataclasses import field, replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from dockstore.core.neutral import Json, Neutral, neutralise
from dockstore.core.probes import WrongProbe, of_extension, of_file
from dockstore.core.script import Problem
from dockstore.core.source import loose, plain
from dockstore.core.stack_model import ImageFacts, Service, Stack
from dockstore.core.values import dataclass
from dockstore.engines import compose_cli
from dockstore.runner.compose_files import ComposeFiles, WrongCompose, default_files, read
from dockstore.runner.redact import learn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dockstore.core.probes import Asked
    from dockstore.engines.compose_cli import Compose
    from dockstore.runner.compose_files import Read
    from dockstore.runner.drill_options import DrillOptions


_SECRET_BYTES = 1 << 16


class NoSuchStack(Exception):  # noqa: N818
    """A target that is no stack. *hint* is the way out."""

    def __init__(self, text: str, hint: str) -> None:
        super().__init__(text)
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One stack to drill: *files*, or *image*."""

    name: str
    files: tuple[str, ...] = ()
    image: str | None = None
    side: str | None = None  # of a change in Git: base, head
    new: bool = False  # the base does not have it


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A stack as read: neutral, with what its owner wrote for it, and how a report shows it."""

    target: Target
    neutral: Neutral
    upgraded: Neutral | None
    read: Read | None
    asked: Mapping[str, Asked]
    compose: Compose
    notes: tuple[str, ...] = ()
    name_fixed: bool = False  # something else than the folder gives the project its name
    later: Read | None = None  # of a change in Git: the head, where findings have their place
    roots: Mapping[str, str] = field(default_factory=dict)  # unpacked folders of ours, and whose they are

    def head(self, images: Callable[[str], ImageFacts]) -> Stack | None:
        """The stack as a change in Git leaves it."""
        return self._at_home(self.later.stack(images)) if self.later is not None else None

    def _at_home(self, stack: Stack) -> Stack:
        """The stack with its owner's paths, and by its owner's name."""
        services = tuple(
            replace(service, mounts=tuple(replace(mount, source=_turned(mount.source, self.roots)) for mount in service.mounts))
            for service in stack.services
        )
        return replace(stack, name=self.target.name, services=services)

    def stack(self, images: Callable[[str], ImageFacts]) -> Stack:
        """The stack with its places in the user's files."""
        if self.read is not None:
            return self._at_home(self.read.stack(images))
        image = images(self.target.image or "")
        service = Service(name=next(iter(cast("Json", self.neutral.model["services"]))), image=image)
        return Stack(name=self.target.name, files=(f"image:{self.target.image}",), services=(service,), kind="image")


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """What the copy is called and where it lies."""

    project: str
    prefix: str
    labels: Mapping[str, str]
    scratch: str


def targets_of(options: DrillOptions, cwd: Path) -> tuple[Target, ...]:
    """The stacks that are asked for. Raises NoSuchStack."""
    found: list[Target] = []
    if options.files:
        found.append(_of_files(options.files, cwd))
    for target in options.targets:
        if target.startswith("image:"):
            name = target.removeprefix("image:")
            found.append(Target(name=name, image=name))
            continue
        path = cwd / target
        if path.is_dir():
            files = default_files(path)
            if not files or not all(Path(file).is_relative_to(path) for file in files):
                raise NoSuchStack(f"{target}: no Compose file in this folder", "it is called compose.yaml; name another one by its path")
            found.append(_of_files(tuple(_relative(file, cwd) for file in files), cwd))
        elif path.is_file():
            found.append(_of_files((target,), cwd))
        else:
            raise NoSuchStack(f"{target}: there is no such file or folder", "a stack is a Compose file, a folder that holds one, or image:NAME")
    if not found:
        files = default_files(cwd)
        if not files:
            raise NoSuchStack("no Compose file here", "name one, or image:NAME")
        found.append(_of_files(tuple(_relative(file, cwd) for file in files), cwd))
    return tuple(found)


def _of_files(files: tuple[str, ...], cwd: Path) -> Target:
    folder = (cwd / files[0]).absolute().parent
    return Target(name=folder.name, files=files)


def _relative(file: str, cwd: Path) -> str:
    path = Path(file)
    return str(path.relative_to(cwd)) if path.is_relative_to(cwd) else file


def _turned(source: str | None, roots: Mapping[str, str]) -> str | None:
    """A bind source in an unpacked folder as its place in the repository."""
    for root, repository in roots.items() if source is not None else ():
        if source == root or (source is not None and source.startswith(f"{root}/")):
            return repository + source.removeprefix(root)
    return source


def source_of(target: Target, options: DrillOptions, naming: Naming, *, environ: Mapping[str, str], cwd: Path, cache: Path) -> Source:
    """Read *target* and make it neutral. Raises WrongCompose, NoCompose, NoSuchStack."""
    compose = compose_cli.find(environ, cache)
    asked: dict[str, Asked] = {}
    later: Read | None = None
    roots: Mapping[str, str] = {}
    if target.image is not None:
        config: Json = {"name": naming.project, "services": {_service_name(target.image): {"image": target.image}}}
        found, base_read = config, None
        upgraded: Json | None = None
        if options.upgrade_images:
            upgraded = {"name": naming.project, "services": {_service_name(target.image): {"image": options.upgrade_images[0][1]}}}
        notes: tuple[str, ...] = ()
    else:
        files = _of_compose(target, options, naming, environ=environ, cwd=cwd, cache=cache, compose=compose)
        base_read, found, upgraded, notes, later, roots = files.read, files.config, files.upgraded, files.warnings, files.later, files.roots
        asked |= _extensions(base_read, target)
    if options.probes is not None:
        asked |= _probes_file(options.probes, cwd)
    for config in (found, upgraded or {}):
        _keep_secret(config, environ)
    return Source(
        target=target,
        neutral=_neutral(found, options, naming),
        upgraded=_neutral(upgraded, options, naming, tag="1" if _builds(upgraded) == _builds(found) else "2") if upgraded is not None else None,
        read=base_read,
        asked=asked,
        compose=compose,
        notes=notes,
        later=later,
        roots=roots,
        name_fixed=target.image is not None or _name_fixed(target, options, environ=environ, cwd=cwd, cache=cache, compose=compose),
    )


def _keep_secret(config: Json, environ: Mapping[str, str]) -> None:
    """What this stack keeps secret is hidden in every text from now on: a service may print its environment, a client its password."""
    services, secrets = config.get("services"), config.get("secrets")
    for service in services.values() if isinstance(services, dict) else ():
        environment = service.get("environment") if isinstance(service, dict) else None
        learn(environment if isinstance(environment, dict) else {})
    for name, secret in secrets.items() if isinstance(secrets, dict) else ():
        given = secret if isinstance(secret, dict) else {}
        values = [environ.get(str(given.get("environment")), ""), str(given.get("content") or "")]
        file = Path(str(given.get("file") or ""))
        with suppress(OSError, ValueError):
            values.append(_start_of(file) if file.is_file() else "")
        for value in values:
            learn({str(name): value}, certain=True)


def _start_of(file: Path) -> str:
    with file.open("rb") as secret:
        return secret.read(_SECRET_BYTES).decode(errors="replace")


def _name_fixed(target: Target, options: DrillOptions, *, environ: Mapping[str, str], cwd: Path, cache: Path, compose: Compose) -> bool:
    """Whether `name:` or the environment names the project: asked only where the folder is to be renamed."""
    if options.quick or (options.events and "rename-project" not in options.events) or "rename-project" in options.skip:
        return False
    clean = {key: value for key, value in environ.items() if key != "COMPOSE_FILE"}
    which = ComposeFiles(files=target.files, cwd=cwd, profiles=options.profiles, env_files=options.env_files, environ=clean)
    found = read(which, cache=cache, compose=compose)
    return found.name_fixed or found.places.top("name") is not None


def _builds(config: Json) -> Json:
    """What is built for each service."""
    services = cast("Json", config["services"])
    return {name: service["build"] for name, service in services.items() if isinstance(service, dict) and service.get("build")}


def _neutral(config: Json, options: DrillOptions, naming: Naming, *, tag: str = "1") -> Neutral:
    return neutralise(
        config,
        project=naming.project,
        prefix=naming.prefix,
        labels=naming.labels,
        scratch=naming.scratch,
        fresh=options.fresh_binds,
        allow=options.allow,
        tag=tag,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    """Files as read: *config* as Compose resolves them, *upgraded* with the upgrade."""

    read: Read
    config: Json
    upgraded: Json | None = None
    warnings: tuple[str, ...] = ()
    later: Read | None = None
    roots: Mapping[str, str] = field(default_factory=dict)


def _of_compose(
    target: Target, options: DrillOptions, naming: Naming, *, environ: Mapping[str, str], cwd: Path, cache: Path, compose: Compose
) -> _Files:
    """Read the files, and resolve them; with the upgrade, too."""
    clean = {key: value for key, value in environ.items() if key not in {"COMPOSE_FILE", "COMPOSE_PROJECT_NAME"}}
    folder = Path(naming.scratch) / "git"

    def one(files: tuple[str, ...], base: Path) -> Read:
        which = ComposeFiles(files=files, cwd=base, project=naming.project, profiles=options.profiles, env_files=options.env_files, environ=clean)
        return read(which, cache=cache, compose=compose)

    unmet = (f"{', '.join(target.files)}: not in {options.from_ref or 'HEAD'}, so there is nothing to upgrade from",) if target.new else ()
    if target.side == "head":
        if options.to_ref is None:
            here = one(target.files, cwd)
            return _Files(read=here, config=here.resolved.config, warnings=(*here.warnings, *unmet))
        there = checkout(options.to_ref, target.files, cwd, folder / "to")
        head = one(there.files, there.cwd)
        return _Files(read=head, config=_back(head.resolved.config, there), warnings=(*head.warnings, *unmet), roots=there.roots)
    if options.from_ref is not None or options.to_ref is not None:
        before = checkout(options.from_ref or "HEAD", target.files, cwd, folder / "from")
        after = checkout(options.to_ref, target.files, cwd, folder / "to") if options.to_ref is not None else None
        base = one(before.files, before.cwd)
        later = one(after.files, after.cwd) if after is not None else one(target.files, cwd)
        old = _back(base.resolved.config, before)
        new = _back(later.resolved.config, after) if after is not None else later.resolved.config
        roots = before.roots | (after.roots if after is not None else {})
        return _Files(read=base, config=old, upgraded=new, warnings=(*base.warnings, *later.warnings), later=later, roots=roots)
    base = one(target.files, cwd)
    upgraded: Json | None = None
    if options.upgrade:
        upgraded = one((*target.files, *options.upgrade), cwd).resolved.config
    if options.upgrade_images:
        upgraded = _other_images(upgraded or base.resolved.config, options.upgrade_images)
    return _Files(read=base, config=base.resolved.config, upgraded=upgraded, warnings=base.warnings)


def _other_images(config: Json, images: tuple[tuple[str, str], ...]) -> Json:
    services = dict(cast("Json", config["services"]))
    for service, image in images:
        if service not in services:
            raise NoSuchStack(f"--upgrade-image {service}={image}: no such service", f"one of: {', '.join(services)}")
        services[service] = {**cast("Json", services[service]), "image": image}
        cast("Json", services[service]).pop("build", None)
    return {**config, "services": services}


def without_replicas(model: Json) -> tuple[str, ...]:
    """The services that a file switches off: `scale: 0`, `deploy: {replicas: 0}`."""
    services = cast("Json", model["services"])
    given = {name: service for name, service in services.items() if isinstance(service, dict)}
    deploys = {name: service.get("deploy") for name, service in given.items()}
    return tuple(
        name
        for name, service in given.items()
        if service.get("scale") == 0
        or ("scale" not in service and isinstance(deploys[name], dict) and cast("Json", deploys[name]).get("replicas") == 0)
    )


def _service_name(image: str) -> str:
    bare = image.rpartition("/")[2].partition("@")[0].partition(":")[0].lower()
    return re.sub(r"[^a-z0-9_-]+", "-", bare).strip("-_") or "app"


# --- what people wrote for a drill ------------------------------------------------------------------------------------------


def _extensions(found: Read, target: Target) -> dict[str, Asked]:
    if not found.resolved.extensions:
        return {}
    document = loose(found.resolved.extensions).documents
    data = plain(document[0]) if document else None
    services = data.get("services") if isinstance(data, dict) else None
    asked: dict[str, Asked] = {}
    for name, service in services.items() if isinstance(services, dict) else ():
        if isinstance(service, dict) and "x-dockstore" in service:
            try:
                asked[name] = of_extension(name, service["x-dockstore"], doubled=True)
            except WrongProbe as error:
                spot = found.places.key(name, "x-dockstore")
                place = (spot.file, spot.line, spot.column) if spot is not None else (target.files[0], 1, 1)
                raise WrongCompose([Problem(file=place[0], line=place[1], column=place[2], fact=str(error))]) from error
    return asked


def _probes_file(file: str, cwd: Path) -> Mapping[str, Asked]:
    try:
        text = (cwd / file).read_text(encoding="utf-8")
        documents = loose(text).documents
        return of_file(plain(documents[0]) if documents else None)
    except OSError as error:
        raise WrongCompose([Problem(file=file, line=0, column=0, fact=f"cannot be read: {(error.strerror or str(error)).lower()}")]) from error
    except WrongProbe as error:
        raise WrongCompose([Problem(file=file, line=1, column=1, fact=str(error))]) from error


# --- Git --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """The repository's files at one ref, in a folder of ours."""

    files: tuple[str, ...]
    cwd: Path
    root: Path
    repository: Path

    @property
    def roots(self) -> dict[str, str]:
        """Whose folder ours is."""
        return {str(self.root): str(self.repository)}


def checkout(ref: str, files: tuple[str, ...], cwd: Path, to: Path) -> Checkout:
    """Unpack the repository at *ref*; the user's working tree is not touched. Raises NoSuchStack."""
    repository = _repository(files, cwd)
    data = _git(repository, "archive", "--format=tar", _commit(ref, repository))
    to.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=BytesIO(data)) as archive:
        for name in archive.getnames():
            if name.startswith("/") or ".." in name.split("/"):
                raise NoSuchStack(f"{name}: a path that leads out of the repository, at {ref}", "git fsck tells more")
        trusted: dict[str, Any] = {"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}  # Python 3.11.2 has no filters
        archive.extractall(to, **trusted)  # noqa: S202  # its names were looked at
    inner, names = _within(files, cwd, repository)
    for file in names:
        if not (to / inner / file).is_file():
            raise NoSuchStack(f"{file}: not in {ref}", "--from and --to name commits that hold the Compose file")
    return Checkout(files=names, cwd=to / inner, root=to, repository=repository)


def is_in(ref: str, files: tuple[str, ...], cwd: Path) -> bool:
    """Tell whether the commit *ref* has all of *files*. Raises NoSuchStack where there is no such commit, or no repository."""
    repository = _repository(files, cwd)
    inner, names = _within(files, cwd, repository)
    paths = [os.path.normpath(inner / file) for file in names]
    listed = _git(repository, "ls-tree", "-r", "-z", "--name-only", _commit(ref, repository), "--", *paths).decode(errors="surrogateescape")
    return set(paths) <= set(listed.split("\0"))


def _repository(files: tuple[str, ...], cwd: Path) -> Path:
    return Path(_git((cwd / files[0]).absolute().parent, "rev-parse", "--show-toplevel").decode().strip())


def _commit(ref: str, repository: Path) -> str:
    """The commit that *ref* names, whatever it looks like."""
    try:
        return _git(repository, "rev-parse", "--verify", "--end-of-options", f"{ref}^{{commit}}").decode().strip()
    except NoSuchStack:
        hint = "--from and --to name commits of this repository; a shallow clone lacks them (in GitHub Actions: fetch-depth: 0)"
        raise NoSuchStack(f"no such commit: {ref}", hint) from None


def _within(files: tuple[str, ...], cwd: Path, repository: Path) -> tuple[Path, tuple[str, ...]]:
    """A folder of the repository, and how the files are called from there: from where we are, if that is in it."""
    here, root = cwd.resolve(), repository.resolve()
    if here.is_relative_to(root) and not any(Path(file).is_absolute() for file in files):
        return here.relative_to(root), files
    return Path(), tuple(os.path.relpath((cwd / file).parent.resolve() / Path(file).name, root) for file in files)


def _git(folder: Path, *words: str) -> bytes:
    try:
        answer = subprocess.run(
            ["git", "-c", "safe.directory=*", *words],
            cwd=folder,
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except OSError as error:
        raise NoSuchStack(f"git: {(error.strerror or str(error)).lower()}", "--from and --to need Git") from error
    if answer.returncode != 0:
        words_of = answer.stderr.decode(errors="replace").strip().splitlines()
        raise NoSuchStack(f"git {words[0]}: {words_of[-1] if words_of else answer.returncode}", "--from and --to name commits of this repository")
    return answer.stdout


def _back(config: Json, checkout: Checkout) -> Json:
    """Paths of our unpacked folder as paths of the repository, so that both sides' bind sources are the same; what only a ref has stays."""
    root, repository = str(checkout.root), str(checkout.repository)

    def turned(value: object, key: str) -> object:
        match value:
            case dict():
                return {name: turned(item, str(name)) for name, item in value.items()}
            case list():
                return [turned(item, key) for item in value]
            case str() if key in {"source", "device", "file"} and (value == root or value.startswith(f"{root}/")):
                there = repository + value.removeprefix(root)
                return value if Path(value).is_file() else there
            case _:
                return value

    return cast("Json", turned(config, ""))
