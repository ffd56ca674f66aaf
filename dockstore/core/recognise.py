"""What a store holds, told by its names and by a few first bytes.

Rule 1: the table of `kinds` decides; here is only how it is asked.
Rule 2: reading is somebody else's: *read* gives a file's first bytes, or None where it cannot be read.
Rule 3: what nothing recognises is told by what its files are called, and that is all that is claimed.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Final

from dockstore.core.kinds import HEAD_BYTES, KINDS, Bytes, Kind, Named, Said, matches
from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from dockstore.core.kinds import Sign, Source
    from dockstore.core.listing import Listing, Tree

    Read = Callable[[str, int], bytes | None]

MOST_CONTENTS: Final = 8
MOST_READS: Final = 200
_MOST_CANDIDATES: Final = 20  # files of one pattern whose bytes are looked at
EMPTY, FILES, UNKNOWN = "empty", "files", "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Something recognised: what, in which folder of the store, by which signs."""

    id: str
    name: str
    path: str = ""  # relative to the store's root
    version: str | None = None
    detail: str | None = None
    signs: tuple[str, ...] = ()
    kind: Kind | None = None
    derived: bool = False

    @property
    def said(self) -> str:
        """In a few words: `PostgreSQL 15 in 15/main`."""
        words = f"{self.name} {self.version}" if self.version else self.name
        words = f"{words}, {self.detail}" if self.detail else words
        return f"{words} in {self.path}" if self.path else words


class _Reader:
    """First bytes, each file's once, and not of more files than is reasonable."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._known: dict[str, bytes | None] = {}

    def __call__(self, path: str) -> bytes | None:
        if path not in self._known:
            if len(self._known) >= MOST_READS:
                return None
            self._known[path] = self._read(path, HEAD_BYTES)
        return self._known[path]


def recognise(listing: Listing, read: Read) -> tuple[Content, ...]:
    """Return what lies in the store, what tells most first; never nothing."""
    if not listing.seen:
        return (Content(id=UNKNOWN, name="unknown"),)
    if not listing.files:
        return (Content(id=EMPTY, name="empty"),)
    found = sorted(_found(listing.tree, _Reader(read)), key=lambda one: (one[0], one[1].path.count("/"), one[1].path))
    contents = tuple(content for _, content in found[:MOST_CONTENTS])
    return contents or (Content(id=FILES, name=_described(listing)),)


def _described(listing: Listing) -> str:
    common = [f".{suffix}" for suffix, count in listing.suffixes.most_common(3) if count * 5 >= listing.files]
    noun = "a file" if listing.files == 1 else "files"
    return f"{noun}, mostly {' and '.join(common)}" if common and listing.files > 1 else f"{noun}{f' ({common[0]})' if common else ''}"


def _found(tree: Tree, read: _Reader) -> Iterator[tuple[int, Content]]:
    by_name, by_pattern, any_pattern = _index()
    taken: list[str] = []
    for folder in sorted(tree.folders, key=lambda path: (path.count("/") + bool(path), path)):
        if any(folder == one or folder.startswith(f"{one}/") or not one for one in taken):
            continue
        here = tree.folders[folder]
        asked = {number for name in here for number in by_name.get(name, ())}
        likely = [name for name in here if any_pattern.fullmatch(name)]
        asked |= {number for number, pattern in by_pattern if any(pattern.fullmatch(name) for name in likely)}
        said: set[str] = set()
        for number in sorted(asked):
            kind = KINDS[number]
            content = _content(kind, tree, folder, read) if kind.id not in said else None
            if content is not None:
                said.add(kind.id)
                yield number, content
                if kind.inner:
                    taken.append(folder)
                    break


@functools.cache
def _index() -> tuple[dict[str, list[int]], list[tuple[int, re.Pattern[str]]], re.Pattern[str]]:
    """The kinds by the names that announce them, by patterns of names, and one pattern that any of those fits."""
    by_name: dict[str, list[int]] = {}
    by_pattern: list[tuple[int, re.Pattern[str]]] = []
    for number, kind in enumerate(KINDS):
        for name in kind.first_names:
            if "*" in name:
                by_pattern.append((number, re.compile(".*".join(re.escape(part) for part in name.split("*")), re.DOTALL)))
            else:
                by_name.setdefault(name, []).append(number)
    return by_name, by_pattern, re.compile("|".join(f"(?:{pattern.pattern})" for _, pattern in by_pattern), re.DOTALL)


def _content(kind: Kind, tree: Tree, folder: str, read: _Reader) -> Content | None:
    signs: list[str] = []
    for sign in kind.signs:
        path = _met(sign, tree, folder, read)
        if path is None:
            return None
        signs.append(path)
    if kind.one_of:
        path = next((found for sign in kind.one_of if (found := _met(sign, tree, folder, read)) is not None), None)
        if path is None:
            return None
        signs.append(path)
    if any(next(paths(tree, folder, sign), None) is not None for sign in kind.none_of):
        return None
    by_bytes = {sign.path: path for sign, path in zip(kind.signs, signs, strict=False) if isinstance(sign, Bytes)}
    file = folder if kind.inner or not by_bytes else _below(folder, next(iter(by_bytes.values())))
    return Content(
        id=kind.id,
        name=kind.name,
        path=file,
        version=_says(kind.version, tree, folder, read, by_bytes),
        detail=_says(kind.detail, tree, folder, read, by_bytes),
        signs=tuple(signs),
        kind=kind,
        derived=kind.derived,
    )


def _met(sign: Sign, tree: Tree, folder: str, read: _Reader) -> str | None:
    """The path (relative to *folder*) that meets *sign*."""
    if isinstance(sign, str):
        return next(paths(tree, folder, sign), None)
    for count, path in enumerate(paths(tree, folder, sign.path)):
        if count >= _MOST_CANDIDATES:
            return None
        if tree.kind(_below(folder, path)) != "file":
            continue
        head = read(_below(folder, path))
        if head is None:
            if sign.name_tells:
                return path
        elif sign.magic in head if sign.offset is None else head[sign.offset :].startswith(sign.magic):
            return path
    return None


def paths(tree: Tree, folder: str, sign: str) -> Iterator[str]:
    """Paths (relative to *folder*) that fit *sign*, in order."""
    parts = sign.rstrip("/").split("/")
    found: Iterable[str] = ("",)
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        found = tuple(
            _below(path, name)
            for path in found
            for name, kind in _fitting(tree.folders.get(_below(folder, path), {}), part)
            if kind == "directory" or (last and not sign.endswith("/"))
        )
    yield from found


def _fitting(here: dict[str, str], part: str) -> Iterable[tuple[str, str]]:
    if "*" not in part:
        return ((part, here[part]),) if part in here else ()
    return sorted((name, kind) for name, kind in here.items() if matches(name, part))


def _says(sources: tuple[Source, ...], tree: Tree, folder: str, read: _Reader, known: dict[str, str]) -> str | None:
    """The first thing that one of *sources* says."""
    for source in sources:
        match source:
            case Named():
                names = dict.fromkeys(path.rpartition("/")[2] for path in paths(tree, folder, source.path))
                words = list(dict.fromkeys(found[1] for name in names if (found := re.search(source.pattern, name)) and found[1]))
                if words:
                    return source.shown.format(", ".join(words[:5]))
            case Said():
                path = known.get(source.path) or next(paths(tree, folder, source.path), None)
                head = read(_below(folder, path)) if path is not None else None
                word = _word(source, head) if head is not None else None
                if word:
                    return source.shown.format(word)
    return None


def _word(source: Said, head: bytes) -> str | None:
    if not isinstance(source.pattern, str):
        return source.pattern(head)
    found = re.search(source.pattern, head.decode("latin-1"), re.DOTALL)
    return "".join(char for char in found[1] if char.isprintable())[:60] or None if found else None


def _below(folder: str, path: str) -> str:
    return f"{folder}/{path}" if folder and path else folder or path
