"""Audits from end to end: what a target is, what can be learned of it without running anything, and its report.

Rule 1: read only: files, `docker compose config`, and GETs of the engine; no engine is started for it.
Rule 2: an engine is asked once for each image, container and list, never for each mount.
Rule 3: for Compose files an engine is a help, not a need; where one was named and does not answer, that is said.
"""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dockstore import __version__
from dockstore.core import running_model
from dockstore.core.audit import audit
from dockstore.core.audit_rows import Missing, Setting
from dockstore.core.capabilities import capabilities
from dockstore.core.compose_model import image_facts, with_image
from dockstore.core.rules import RULES
from dockstore.core.stack_model import ImageFacts, Service, Stack
from dockstore.core.storage_rules import Ground
from dockstore.core.values import dataclass
from dockstore.engines.docker_engine import connect
from dockstore.engines.errors import EngineError, NotFound, Unreachable
from dockstore.engines.providers import address, homes
from dockstore.runner.compose_files import ComposeFiles, WrongCompose, default_files, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from dockstore.core.model import EngineInfo
    from dockstore.core.stack_report import StackReport
    from dockstore.engines.engine import Engine
    from dockstore.engines.providers.address import Candidate
    from dockstore.runner.compose_files import Read

Json = dict[str, object]
NO_ENGINE = "none"
_QUICK_SECONDS = 20


class NoSuchTarget(Exception):  # noqa: N818
    """A target that means nothing here. *hint* is the way out; *missing*: the engine has no such object."""

    def __init__(self, text: str, hint: str, *, missing: bool = False) -> None:
        super().__init__(text)
        self.hint = hint
        self.missing = missing


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditOptions:
    """What a user may choose about an audit."""

    targets: tuple[str, ...] = ()
    files: tuple[str, ...] = ()  # -f, merged into one stack
    project: str | None = None
    profiles: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    upgrade: tuple[str, ...] = ()
    upgrade_images: tuple[tuple[str, str], ...] = ()
    stateless: tuple[str, ...] = ()
    everything: bool = False
    engine: str | None = None  # None: the one that is found; `none`: ask no engine
    home: str | None = None


@dataclass(slots=True, kw_only=True)
class Asking:
    """An engine to ask, or why there is none; what it said is kept."""

    engine: Engine | None
    reason: str | None = None
    named: bool = False
    images: dict[str, ImageFacts] = field(default_factory=dict)
    listed: list[Json] | None = None

    def volumes(self) -> list[Json]:
        """Every volume of the engine, asked once."""
        if self.listed is None:
            self.listed = self.needed().list_volumes()
        return self.listed

    def image(self, reference: str) -> ImageFacts:
        """The facts of an image; not known where no engine has it."""
        if reference not in self.images:
            self.images[reference] = self._image(reference)
        return self.images[reference]

    def _image(self, reference: str) -> ImageFacts:
        if self.engine is None:
            return ImageFacts(reference=reference, known=False, reason=self.reason)
        try:
            return image_facts(reference, self.engine.inspect_image(reference))
        except NotFound:
            return ImageFacts(reference=reference, known=False, reason="the engine does not have this image")
        except EngineError as error:
            return ImageFacts(reference=reference, known=False, reason=str(error))

    def needed(self) -> Engine:
        """The engine. Raises Unreachable."""
        if self.engine is None:
            raise Unreachable(self.reason or "no engine", "start Docker, or name an engine with --engine or DOCKER_HOST")
        return self.engine

    @property
    def engines(self) -> dict[str, EngineInfo]:
        """The engine for the report."""
        return {} if self.engine is None else {"e1": self.engine.info}

    def ground(self) -> Ground:
        """What the engine does differently from others."""
        if self.engine is None:
            return Ground()
        has = capabilities(self.engine.info)
        return Ground(
            prune_takes_named="prune-spares-named" not in has,
            knows_all="prune-all-filter" in has,
            live_restore=self.engine.info.live_restore,
            labels_bare_mounts="prune-takes-anonymous-mounts" in has,
        )


def audit_all(
    options: AuditOptions, *, env: Mapping[str, str], cwd: Path, say: Callable[[str], None], connecting: Callable[..., Engine] = connect
) -> tuple[StackReport, ...]:
    """Return one report for each target, in order. Raises WrongCompose, NoCompose, NoSuchTarget, EngineError."""
    asking = _asking(options, env, connecting, say)
    try:
        return tuple(_all(options, asking, env, cwd))
    finally:
        if asking.engine is not None:
            asking.engine.close()


def _all(options: AuditOptions, asking: Asking, env: Mapping[str, str], cwd: Path) -> Iterator[StackReport]:
    if options.everything:
        yield from _everything(asking)
        return
    if options.files:
        yield _compose(options.files, options, asking, env, cwd)
    for target in options.targets:
        kind, _, name = target.partition(":")
        match kind:
            case "image" if name:
                yield _image(name, asking)
            case "container" if name:
                yield _container(name, asking)
            case "project" if name:
                yield _project(name, asking)
            case _:
                yield _compose(_files_of(target, cwd), options, asking, env, cwd)
    if not options.files and not options.targets:
        files = tuple(env["COMPOSE_FILE"].split(env.get("COMPOSE_PATH_SEPARATOR") or os.pathsep)) if env.get("COMPOSE_FILE") else default_files(cwd)
        if not files:
            hint = "name a file, a folder, image:NAME, container:NAME or project:NAME, or --all"
            raise NoSuchTarget(f"no Compose file in {cwd} or above it", hint)
        yield _compose(tuple(_relative(file, cwd) for file in files), options, asking, env, cwd)


def _files_of(target: str, cwd: Path) -> tuple[str, ...]:
    path = cwd / target
    if path.is_dir():
        found = [file for file in default_files(path.absolute()) if Path(file).parent == path.absolute()]
        if not found:
            raise NoSuchTarget(f"{target}: no Compose file in this folder", "it is called compose.yaml; name another with -f")
        return tuple(_relative(file, cwd) for file in found)
    if not path.exists():
        hint = f"an image is image:{target}, a container container:{target}, a Compose project project:{target}"
        raise NoSuchTarget(f"{target}: no such file or folder", hint)
    return (target,)


def _relative(file: str, cwd: Path) -> str:
    path = Path(file)
    return str(path.relative_to(cwd)) if path.is_absolute() and path.is_relative_to(cwd) else file


# --- Compose files --------------------------------------------------------------------------------------------------------


def _compose(files: tuple[str, ...], options: AuditOptions, asking: Asking, env: Mapping[str, str], cwd: Path) -> StackReport:
    began = time.monotonic()
    cache = homes.cache_of(homes.home_of({**env, **({"DOCKSTORE_HOME": options.home} if options.home else {})}, cwd))
    which = ComposeFiles(
        files=files,
        cwd=cwd,
        project=options.project,
        profiles=options.profiles,
        env_files=options.env_files,
        environ=_for_compose(env, which_files=files),
    )
    found = read(which, cache=cache)
    stack = found.stack(asking.image)
    upgraded = _upgraded(stack, which, options, asking, cache)
    absent_volumes = _absent_volumes(stack, asking)
    setting = Setting(
        ground=replace(asking.ground(), name_fixed=stack.name_fixed),
        binds=_binds(stack, asking),
        upgraded=upgraded,
        absent_volumes=absent_volumes,
    )
    limits = [f"Compose warns: {one}" for one in found.warnings]
    limits += [f"no engine was asked: {asking.reason}"] if asking.engine is None and asking.reason and asking.named else []
    unknown = sorted({service.image.reference for service in stack.services if not service.image.known and not service.built})
    if unknown:
        limits.append(f"images that are not here, so that what they declare is not known: {', '.join(unknown)}")
    report = _report(stack, setting, asking, options.stateless, limits=tuple(limits), notes=_left_out(found, stack))
    return replace(report, seconds=time.monotonic() - began)


def _for_compose(env: Mapping[str, str], *, which_files: tuple[str, ...]) -> dict[str, str]:
    """The environment without what would name other files than the ones that are asked about."""
    return {key: value for key, value in env.items() if key != "COMPOSE_FILE" or not which_files}


def _left_out(found: Read, stack: Stack) -> tuple[str, ...]:
    names = {service.name for service in stack.services}
    left = [name for name in found.places.service_names() if name not in names]
    return (f"not looked at, for their profile is not chosen: {', '.join(left)} (--profile NAME)",) if left else ()


def _upgraded(stack: Stack, which: ComposeFiles, options: AuditOptions, asking: Asking, cache: Path) -> Stack | None:
    if not options.upgrade and not options.upgrade_images:
        return None
    after = stack
    if options.upgrade:
        after = read(replace(which, files=(*which.files, *options.upgrade)), cache=cache).stack(asking.image)
    for name, image in options.upgrade_images:
        if all(service.name != name for service in after.services):
            raise NoSuchTarget(f"--upgrade-image {name}={image}: no such service", f"services here: {', '.join(one.name for one in after.services)}")
        services = tuple(with_image(one, asking.image(image), one.image_spot) if one.name == name else one for one in after.services)
        after = replace(after, services=services)
    return after


def _binds(stack: Stack, asking: Asking) -> Missing:
    """Which bind sources are missing here, or single files; nothing is said where the engine's host is another machine."""
    if asking.engine is not None and not asking.engine.info.address.startswith(("unix://", "http+unix://")):
        return Missing()
    sources = {mount.source for service in stack.services for mount in service.mounts if mount.kind == "bind" and mount.source is not None}
    absent, files = set(), set()
    for source in sources:
        try:
            if not os.path.lexists(source):
                absent.add(source)
            elif not Path(source).is_dir():
                files.add(source)
        except (OSError, ValueError):
            continue  # not to be seen from here: nothing is said of it
    return Missing(absent=frozenset(absent), files=frozenset(files), looked=True)


def _absent_volumes(stack: Stack, asking: Asking) -> frozenset[str]:
    wanted = {volume.name for volume in stack.volumes if volume.external}
    if not wanted or asking.engine is None:
        return frozenset()
    return frozenset(wanted - {str(one.get("Name")) for one in asking.volumes()})


# --- images, containers, projects -----------------------------------------------------------------------------------------


def _image(name: str, asking: Asking) -> StackReport:
    facts = asking.image(name)
    short = name.rpartition("/")[2].partition("@")[0].partition(":")[0] or name
    service = with_image(Service(name=short, image=facts), facts, None)
    stack = Stack(name=name, files=(), services=(service,), kind="image")
    limits = () if facts.known else (f"{name}: {facts.reason or 'not known'}; `docker pull {name}` brings it here",)
    return _report(stack, Setting(ground=asking.ground()), asking, (), limits=limits)


def _container(name: str, asking: Asking) -> StackReport:
    engine = asking.needed()
    try:
        container = engine.inspect_container(name, size=True)
    except NotFound:
        raise NoSuchTarget(f"container:{name}: the engine has no such container", "docker ps --all lists them", missing=True) from None
    stack = running_model.stack(str(container.get("Name", name)).lstrip("/"), "container", [container], asking.volumes(), asking.image)
    return _running(stack, asking)


def _project(name: str, asking: Asking) -> StackReport:
    engine = asking.needed()
    listed = engine.list_containers(filters={"label": [f"{running_model.PROJECT}={name}"]})
    if not listed:
        raise NoSuchTarget(f"project:{name}: no container of such a project", "docker compose ls --all lists them", missing=True)
    return _running(_stack_of(name, "project", listed, asking), asking)


def _everything(asking: Asking) -> Iterator[StackReport]:
    engine = asking.needed()
    projects: dict[str, list[Json]] = {}
    for one in engine.list_containers():
        labels = one.get("Labels")
        project = str(labels.get(running_model.PROJECT, "")) if isinstance(labels, dict) else ""
        projects.setdefault(project, []).append(one)
    for name, listed in sorted(projects.items(), key=lambda item: (item[0] == "", item[0])):
        if name:
            yield _running(_stack_of(name, "project", listed, asking), asking)
        else:
            yield _running(_stack_of("containers without a project", "container", listed, asking), asking)


def _stack_of(name: str, kind: str, listed: Sequence[Json], asking: Asking) -> Stack:
    engine = asking.needed()
    inspected: list[Json] = []
    for one in listed:
        labels = one.get("Labels")
        if isinstance(labels, dict) and labels.get(running_model.ONE_OFF) == "True":
            continue
        try:
            inspected.append(engine.inspect_container(str(one.get("Id"))))
        except NotFound:
            continue  # gone since the list was made
    return running_model.stack(name, kind, inspected, asking.volumes(), asking.image)


def _running(stack: Stack, asking: Asking) -> StackReport:
    engine = asking.needed()
    written: dict[str, tuple[str, ...]] = {}
    limits = []
    for service in stack.services:
        try:
            written[service.name] = running_model.written_places(engine.diff_container(service.container or ""), service)
        except EngineError as error:
            limits.append(f"{service.name}: what its writable layer holds cannot be seen: {error}")
    ground = replace(asking.ground(), auto_remove=len(stack.services) == 1 and stack.services[0].auto_remove)
    if stack.services:
        limits.append("what a container has not written yet is not seen; what it keeps in memory is not either")
    return _report(stack, Setting(ground=ground, written=written), asking, (), limits=tuple(limits))


def _report(
    stack: Stack, setting: Setting, asking: Asking, stateless: tuple[str, ...], *, limits: tuple[str, ...] = (), notes: tuple[str, ...] = ()
) -> StackReport:
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return audit(
        stack,
        setting,
        dockstore=__version__,
        run=secrets.token_hex(16),
        started=started,
        engines=asking.engines,
        stateless=stateless,
        limits=limits,
        notes=notes,
    )


# --- the engine -----------------------------------------------------------------------------------------------------------


def _asking(options: AuditOptions, env: Mapping[str, str], connecting: Callable[..., Engine], say: Callable[[str], None]) -> Asking:
    """Connect to the engine that is meant, if it answers. An engine named by --engine must. Raises Unreachable."""
    if options.engine == NO_ENGINE:
        return Asking(engine=None, reason="as it was asked for")
    found = address.candidates(options.engine, env, read=_text_of, exists=os.path.exists)
    found = tuple(one for one in found if one.address != address.DIND)
    reasons: list[str] = []
    for candidate in found:
        try:
            return Asking(engine=connecting(_address(candidate), timeout_seconds=_QUICK_SECONDS, environ=candidate.environ(env)))
        except Unreachable as error:
            if options.engine is not None:
                raise
            reasons.append(str(error))
            if candidate.named_by is not None:
                say(f"audit goes on without an engine: {error}")
    return Asking(engine=None, reason="; ".join(reasons) or "no engine answers in the usual places", named=bool(reasons))


def _address(candidate: Candidate) -> str:
    if candidate.address != address.PRIVATE:
        return candidate.address
    raise Unreachable("a private engine holds none of your images", "name the engine that has them, or --engine none")


def _text_of(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def explain(rule: str) -> str:
    """Return the page of a rule. Raises NoSuchTarget."""
    wanted = rule.upper()
    page = Path(__file__).parent.parent / "rules" / f"{wanted}.md"
    if wanted not in RULES or not page.is_file():
        raise NoSuchTarget(f"no such rule: {rule}", f"one of: {', '.join(RULES)}")
    return page.read_text(encoding="utf-8")


__all__ = ["AuditOptions", "NoSuchTarget", "WrongCompose", "audit_all", "explain"]
