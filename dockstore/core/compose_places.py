"""Where a user's Compose files say what Compose resolved: the line and column of a service, an image, a mount, a volume.

Rule 1: places only; what the files mean is Compose's to say, never ours.
Rule 2: the file that speaks last wins, as in a merge; a place that cannot be told is one that is less exact, not a wrong one.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from dockstore.core.problems import LINE_BREAK
from dockstore.core.source import Items, Table, Text, loose
from dockstore.core.stack_model import Ignore, Spot

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dockstore.core.source import Node

_IGNORE = re.compile(r"#\s*dockstore:\s*ignore(?:\[(?P<rules>[^\]]*)\])?(?:\s*:\s*(?P<reason>.*\S))?")
_VARIABLE = re.compile(r"\$(?:\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}|[A-Za-z_][A-Za-z0-9_]*)")
_DEEPEST = 10  # of merges and extends


class ComposePlaces:
    """The user's files with their places. *files*: name (as a report shows it) -> text, in the order of the merge."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = {name: loose(text) for name, text in files.items()}
        self.lines = {name: tuple(LINE_BREAK.split(text)) for name, text in files.items()}
        self.ignores = tuple(ignore for name, text in files.items() for ignore in _ignores(name, text, self.files[name].texts))

    def source(self, spot: Spot) -> str:
        """The line at *spot*."""
        lines = self.lines.get(spot.file, ())
        return lines[spot.line - 1] if 0 < spot.line <= len(lines) else ""

    def service_names(self) -> tuple[str, ...]:
        """The services of all files, in any profile."""
        found: dict[str, None] = {}
        for _, root in self._roots(reverse=False):
            services = root.get("services")
            if isinstance(services, Table):
                found |= dict.fromkeys(key.value for key, _ in services.entries)
        return tuple(found)

    def mentions(self, word: str) -> bool:
        """Whether any file has *word* in it."""
        return any(word in line for lines in self.lines.values() for line in lines)

    def included(self) -> tuple[tuple[str, str], ...]:
        """The files that others bring in by `include` or `extends`: (the file that says so, the path as written)."""
        found: list[tuple[str, str]] = []
        for file, root in self._roots(reverse=False):
            found += [(file, path) for path in _included(root)]
        return tuple(found)

    def top(self, key: str) -> Spot | None:
        """The place of a top-level key."""
        return next((_spot(file, at) for file, root in self._roots() if (at := root.key(key)) is not None), None)

    def service(self, name: str) -> Spot | None:
        """The place of a service's name."""
        return next((_spot(file, key) for file, key, _ in self._services(name)), None)

    def key(self, service: str, *path: str) -> Spot | None:
        """The place of a key below a service; the service's own place where no file writes it."""
        for file, _, table in self._services(service):
            node: Node | None = table
            at: Text | None = None
            for step in path:
                at, node = self._lookup(node, step)
                if at is None:
                    break
            if at is not None:
                return _spot(file, at)
        return self.service(service)

    def variable(self, service: str, name: str) -> Spot | None:
        """The place of an environment variable of a service, else that of the service's image."""
        for file, _, table in self._services(service):
            _, node = self._lookup(table, "environment")
            if isinstance(node, Table):
                at, _ = self._lookup(node, name)
                if at is not None:
                    return _spot(file, at)
            if isinstance(node, Items):
                for item in node.items:
                    if isinstance(item, Text) and item.value.partition("=")[0].strip() == name:
                        return _spot(file, item)
        return self.key(service, "image")

    def mount(self, service: str, target: str) -> Spot | None:
        """The place of the mount of a service at *target* (of `volumes`, else `tmpfs`), else that of the service."""
        for key in ("volumes", "tmpfs"):
            for exact in (True, False):
                for file, _, table in self._services(service):
                    _, node = self._lookup(table, key)
                    items = node.items if isinstance(node, Items) else (node,) if isinstance(node, Text) else ()
                    for item in items:
                        if _mounts_at(item, target, exact=exact):
                            return Spot(file=file, line=item.line, column=item.column)
        return self.key(service, "volumes")

    def volume(self, key: str) -> Spot | None:
        """The place of a volume of the top-level `volumes`."""
        for file, root in self._roots():
            table = root.get("volumes")
            at = table.key(key) if isinstance(table, Table) else None
            if at is not None:
                return _spot(file, at)
        return None

    def path(self, *path: str) -> Spot | None:
        """The deepest place that a path of keys from the top reaches, as Compose's messages write it."""
        best: tuple[int, Spot] | None = None
        for file, root in self._roots():
            node: Node | None = root
            for depth, step in enumerate(path, 1):
                at: Text | None = None
                if isinstance(node, Items) and step.isdecimal() and int(step) < len(node.items):
                    node = node.items[int(step)]
                    place = Spot(file=file, line=node.line, column=node.column)
                else:
                    at, node = self._lookup(node, step)
                    if at is None:
                        break
                    place = _spot(file, at)
                if best is None or depth > best[0]:
                    best = (depth, place)
        return best[1] if best else None

    def extension(self, service: str, name: str) -> Node | None:
        """What a service says under an `x-` key, from the file that speaks last."""
        for _, _, table in self._services(service):
            at, node = self._lookup(table, name)
            if at is not None:
                return node
        return None

    # --- behind them ------------------------------------------------------------------------------------------------------

    def _roots(self, *, reverse: bool = True) -> Iterator[tuple[str, Table]]:
        found = [(name, document) for name, read in self.files.items() for document in read.documents if isinstance(document, Table)]
        yield from reversed(found) if reverse else found

    def _services(self, name: str, *, seen: frozenset[str] = frozenset()) -> Iterator[tuple[str, Text, Table]]:
        """Every place where *name* is written, the last first; then what it extends."""
        extended: dict[str, None] = {}
        for file, root in self._roots():
            services = root.get("services")
            at, node = self._lookup(services, name)
            if at is None or not isinstance(node, Table):
                continue
            yield file, at, node
            _, base = self._lookup(node, "extends")
            other = base.get("service") if isinstance(base, Table) else base
            if isinstance(other, Text) and other.value:
                extended[other.value] = None
        for other_name in extended:
            if other_name != name and other_name not in seen:
                yield from self._services(other_name, seen=seen | {name})

    def _lookup(self, node: Node | None, name: str, *, depth: int = 0) -> tuple[Text | None, Node | None]:
        """The key *name* of a mapping and its value, through merge keys."""
        if not isinstance(node, Table) or depth > _DEEPEST:
            return None, None
        at = node.key(name)
        if at is not None:
            return at, node.get(name)
        merged = node.get("<<")
        for base in merged.items if isinstance(merged, Items) else (merged,):
            found = self._lookup(base, name, depth=depth + 1)
            if found[0] is not None:
                return found
        return None, None


def _spot(file: str, text: Text) -> Spot:
    return Spot(file=file, line=text.line, column=text.column)


def _included(root: Table) -> Iterator[str]:
    include = root.get("include")
    for item in include.items if isinstance(include, Items) else ():
        paths: Node | None = item.get("path") if isinstance(item, Table) else item
        for path in paths.items if isinstance(paths, Items) else (paths,):
            if isinstance(path, Text) and path.value:
                yield path.value
    services = root.get("services")
    for _, service in services.entries if isinstance(services, Table) else ():
        base = service.get("extends") if isinstance(service, Table) else None
        file = base.get("file") if isinstance(base, Table) else None
        if isinstance(file, Text) and file.value:
            yield file.value


# --- mounts as written ----------------------------------------------------------------------------------------------------


def _mounts_at(item: Node, target: str, *, exact: bool) -> bool:
    """Whether a mount as written leads to *target*; not *exact*: variables may stand for anything."""
    match item:
        case Table():
            written = item.get("target")
            text = written.value if isinstance(written, Text) else ""
        case Text():
            text = short_target(item.value)
        case _:
            return False
    if not text:
        return False
    if exact:
        return cleaned(text) == cleaned(target)
    if not _VARIABLE.search(text):
        return False
    pattern = ".*".join(re.escape(part) for part in _VARIABLE.split(text))
    return re.fullmatch(pattern, target) is not None


def short_target(text: str) -> str:
    """The target of a mount in short syntax (`SOURCE:TARGET:MODE`, or of `tmpfs`); colons in `${A:-b}` part nothing."""
    names: list[str] = []

    def hide(found: re.Match[str]) -> str:
        names.append(found[0])
        return f"\0{len(names) - 1}\0"

    parts = _VARIABLE.sub(hide, text).split(":")
    target = parts[1] if len(parts) > 1 and parts[1].startswith(("/", "\0")) else parts[0]
    return re.sub(r"\0(\d+)\0", lambda found: names[int(found[1])], target)


def cleaned(path: str) -> str:
    """A path as the engine keeps it: `/d//e/` is `/d/e`."""
    return posixpath.normpath(path.replace("//", "/")) if path.startswith("/") else path


# --- ignore comments ------------------------------------------------------------------------------------------------------


def _ignores(file: str, text: str, texts: tuple[tuple[tuple[int, int], tuple[int, int]], ...]) -> Iterator[Ignore]:
    if "dockstore" not in text:
        return
    for number, line in enumerate(LINE_BREAK.split(text), 1):
        for found in _IGNORE.finditer(line):
            column = found.start() + 1
            before = line[: found.start()]
            if (before.strip() and not before[-1].isspace()) or any(start <= (number, column) < end for start, end in texts):
                continue  # within a text, not a comment
            rules = tuple(word.strip() for word in (found["rules"] or "").split(",") if word.strip())
            yield Ignore(rules=rules, reason=found["reason"], spot=Spot(file=file, line=number, column=column), alone=not before.strip())
