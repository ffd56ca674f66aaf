"""One script for one round trip: what a process in the container sees at some places, the kernel's mount table, and new bytes put down.

Rule 1: every section of an answer begins with this script's own mark, and the last one says so; what is not there was not seen (P33).
Rule 2: "absent" is a definite "no such file"; a look that fails is a look that failed (P13).
Rule 3: nothing is opened that could hang for want of another side: type before content.
Rule 4: sh and a handful of commands that every busybox and coreutils have; no fork where a builtin does (a fork costs as much as a look).
"""

from __future__ import annotations

import shlex
from dataclasses import field
from typing import TYPE_CHECKING

from dockstore.core.storage import parse_mountinfo
from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dockstore.core.storage import MountEntry

CONTENT_LIMIT_BYTES = 1 << 20
SEEK_LIMIT_BYTES = 4096  # of something else than the nonce

# where PATH: sets W to PATH with its links resolved, as far as it exists.
# see PATH NONCE: the content, without a fork if it is the nonce alone.
_FUNCTIONS = r"""
LC_ALL=C; export LC_ALL
m() { printf '\n%s %s\n' "$M" "$1"; }
where() {
  p=$1; s=
  while [ ! -e "$p" ] && [ ! -L "$p" ] && [ "$p" != / ]; do s="/${p##*/}$s"; p=${p%/*}; [ -n "$p" ] || p=/; done
  q=
  if [ -d "$p" ]; then cd -P "$p" 2>/dev/null && q=${PWD%/}
  else
    [ ! -L "$p" ] || q=$(readlink -f "$p" 2>/dev/null)
    [ -n "$q" ] || { d=${p%/*}; cd -P "${d:-/}" 2>/dev/null && q=${PWD%/}/${p##*/}; }
  fi
  if [ -n "$q$s" ]; then W=$q$s; else W=/; fi
}
kind() {
  if [ -d "$1" ]; then K=directory; elif [ -p "$1" ]; then K=fifo; elif [ -S "$1" ]; then K=socket
  elif [ -b "$1" ] || [ -c "$1" ]; then K=device; elif [ -f "$1" ]; then K=file; else K=link; fi
}
see() {
  where "$1"; m "$N.where"; printf '%s' "$W"
  if [ -f "$1" ]; then
    x=; o=; n=
    { o=1; IFS= read -r x && n=1; } 2>/dev/null < "$1"
    if [ -n "$o" ] && [ -z "$n" ] && [ "$x" = "$2" ]; then m "$N.quick"; printf '%s' "$x"
    else m "$N.content"; head -c "$3" < "$1" 2>&1; c=$?; m "$N.status"; printf '%s' "$c"; fi
  elif [ -e "$1" ]; then kind "$1"; m "$N.kind"; printf '%s' "$K"
  else m "$N.error"; cat "$1" 2>&1; fi
}
peek() {
  where "$1"; m "$N.where"; printf '%s' "$W"
  if [ -e "$1" ] || [ -L "$1" ]; then
    m "$N.stat"; stat -c '%f %s %u %g %i %d' "$1" 2>&1
    if [ -f "$1" ]; then m "$N.content"; head -c "$2" < "$1" 2>&1; c=$?; m "$N.status"; printf '%s' "$c"
    elif [ -d "$1" ] && [ ! -L "$1" ]; then m "$N.entries"; ls -A -1 "$1" 2>&1; c=$?; m "$N.status"; printf '%s' "$c"; fi
  else m "$N.error"; cat "$1" 2>&1; fi
}
put() {
  if [ -e "$1" ] && [ ! -f "$1" ]; then kind "$1"; m "$N.refused"; printf 'there is a %s at %s' "$K" "$1"; return; fi
  d=${1%/*}; e=
  if ! { { [ -d "${d:-/}" ] || mkdir -p "$d"; } && printf '%s' "$2" > "$1"; } 2>/dev/null; then
    e=$({ { [ -d "${d:-/}" ] || mkdir -p "$d"; } && printf '%s' "$2" > "$1"; } 2>&1) || { m "$N.refused"; printf '%s' "$e"; return; }
  fi
  [ -z "$3" ] || sync "$1" 2>/dev/null || sync
  see "$1" "$2" 4096
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seek:
    """Look for one write's nonce at a path."""

    path: str
    nonce: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Peek:
    """Content and stat of whatever is at a path."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """Put a nonce at a path, parents made, and read it back."""

    path: str
    nonce: str
    sync: bool = False


Wish = Seek | Peek | Put


@dataclass(frozen=True, slots=True, kw_only=True)
class Stat:
    """What `stat` said of a path itself (a final link is not followed)."""

    type: str
    size_bytes: int
    mode: int
    uid: int
    gid: int
    inode: int
    device: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one wish came to. *told* False: nothing definite, and *detail* says why."""

    told: bool
    resolved: str | None = None
    exists: bool = False
    content: bytes | None = None  # of a regular file
    stat: Stat | None = None
    entries: tuple[str, ...] | None = None
    refused: str | None = None  # the words of a put that failed
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A mount's destination as configured: where it really lies (P1), and what is there."""

    resolved: str
    device: int | None = None
    inode: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """All that a script said. *mounts* empty: the control read failed, so nothing may be called absent."""

    whole: bool
    mounts: tuple[MountEntry, ...]
    targets: Mapping[str, Target]
    answers: tuple[Answer, ...]
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A script to be: *wishes* in order (looks before puts), *targets* the destinations of the container's mounts."""

    mark: str
    wishes: tuple[Wish, ...]
    targets: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def script(self) -> str:
        """The script."""
        looks = [(number, wish) for number, wish in enumerate(self.wishes) if not isinstance(wish, Put)]
        puts = [(number, wish) for number, wish in enumerate(self.wishes) if isinstance(wish, Put)]
        lines = ["(", f"M={self.mark}", _FUNCTIONS.strip()]
        lines += [_line(number, wish) for number, wish in looks]
        sought = [wish.path for _, wish in looks if isinstance(wish, Seek)]
        if sought:
            lines.append(f"m sizes; stat -L -c '%s %n' {_quoted(sought)} 2>/dev/null")
        for number, target in enumerate(self.targets):
            lines.append(f"where {shlex.quote(target)}; m target.{number}; printf '%s' \"$W\"")
        if self.targets:
            lines.append(f"m numbers; stat -L -c '%d %i %n' {_quoted(self.targets)} 2>/dev/null")
        lines += [_line(number, wish) for number, wish in puts]
        lines += ["m mounts; cat /proc/self/mountinfo", "m end", ")"]
        return "\n".join(lines)

    def read(self, output: bytes) -> Answers:
        """Read what the script printed."""
        sections = self._sections(output)
        whole = "end" in sections
        mounts = parse_mountinfo(sections.get("mounts", b"").decode(errors="replace")) if whole else ()
        if not any(entry.target == "/" for entry in mounts):
            mounts = ()
        sizes = _numbers(sections.get("sizes", b""), 1)
        answers = tuple(_answer(number, wish, sections, sizes) for number, wish in enumerate(self.wishes))
        return Answers(
            whole=whole,
            mounts=mounts,
            targets=self._targets(sections),
            answers=answers,
            detail="" if whole else "the answer came without its end mark",
        )

    def _sections(self, output: bytes) -> dict[str, bytes]:
        """Cut at the marks; the last section of an answer without its end is not whole, so it does not count."""
        pieces = output.split(f"\n{self.mark} ".encode())[1:]
        sections: dict[str, bytes] = {}
        for piece in pieces:
            name, found, payload = piece.partition(b"\n")
            if found or name == b"end":
                sections[name.decode(errors="replace").strip()] = payload
        if pieces and "end" not in sections:
            sections.pop(pieces[-1].partition(b"\n")[0].decode(errors="replace").strip(), None)
        return sections

    def _targets(self, sections: Mapping[str, bytes]) -> dict[str, Target]:
        numbers = _numbers(sections.get("numbers", b""), 2)
        found: dict[str, Target] = {}
        for number, target in enumerate(self.targets):
            resolved = sections.get(f"target.{number}")
            if resolved is None:
                continue
            device, inode = numbers.get(target, (None, None))
            found[target] = Target(resolved=resolved.decode(errors="surrogateescape"), device=device, inode=inode)
        return found


def _line(number: int, wish: Wish) -> str:
    path = shlex.quote(wish.path)
    match wish:
        case Seek():
            return f"N={number}; see {path} {wish.nonce} {SEEK_LIMIT_BYTES}"
        case Peek():
            return f"N={number}; peek {path} {CONTENT_LIMIT_BYTES}"
        case Put():
            return f"N={number}; put {path} {wish.nonce} {'sync' if wish.sync else ''}".rstrip()


def _quoted(paths: Sequence[str]) -> str:
    return " ".join(shlex.quote(path) for path in dict.fromkeys(paths))


def _numbers(section: bytes, count: int) -> dict[str, tuple[int, ...]]:
    """Read lines of *count* numbers and a path."""
    found: dict[str, tuple[int, ...]] = {}
    for line in section.decode(errors="surrogateescape").splitlines():
        *numbers, path = line.split(" ", count)
        if len(numbers) == count and all(number.isdigit() for number in numbers):
            found[path] = tuple(int(number) for number in numbers)
    return found


def _answer(number: int, wish: Wish, sections: Mapping[str, bytes], sizes: Mapping[str, tuple[int, ...]]) -> Answer:
    def section(name: str) -> bytes | None:
        return sections.get(f"{number}.{name}")

    refused = section("refused")
    if refused is not None:
        return Answer(told=True, refused=refused.decode(errors="replace").strip() or "it failed without a word")
    where = section("where")
    if where is None:
        return Answer(told=False, detail="the answer came without this look")
    resolved = where.decode(errors="surrogateescape")
    error, kind = section("error"), section("kind")
    if error is not None:
        text = error.decode(errors="replace").strip()
        definite = "No such file" in text or "Not a directory" in text
        return Answer(told=definite, resolved=resolved, detail=text or "it could not be opened, without a word")
    if kind is not None:
        what = kind.decode(errors="replace")
        return Answer(told=True, resolved=resolved, exists=True, detail=f"there is a {what} in its place")
    if isinstance(wish, Peek):
        return _peeked(resolved, section("stat"), section("content"), section("entries"), section("status"))
    quick = section("quick")
    if quick is not None:
        size = sizes.get(wish.path)
        if size is not None and size[0] != len(quick):
            return Answer(told=True, resolved=resolved, exists=True, content=quick + b"\0" * (size[0] - len(quick)), detail=f"{size[0]} bytes")
        return Answer(told=True, resolved=resolved, exists=True, content=quick)
    content, status = section("content"), section("status")
    if content is None or status != b"0":
        return Answer(told=False, resolved=resolved, detail=_why(content, status))
    return Answer(told=True, resolved=resolved, exists=True, content=content)


def _peeked(resolved: str, stat: bytes | None, content: bytes | None, entries: bytes | None, status: bytes | None) -> Answer:
    found = parse_stat(stat or b"")
    if found is None:
        return Answer(told=False, resolved=resolved, detail=(stat or b"").decode(errors="replace").strip() or "stat said nothing")
    failed = (content is not None or entries is not None) and status != b"0"
    return Answer(
        told=True,
        resolved=resolved,
        exists=True,
        stat=found,
        content=None if failed else content,
        entries=None if failed or entries is None else tuple(sorted(entries.decode(errors="surrogateescape").splitlines())),
        detail=_why(content if content is not None else entries, status) if failed else "",
    )


def _why(output: bytes | None, status: bytes | None) -> str:
    text = (output or b"").decode(errors="replace").strip().splitlines()
    if status is None or output is None:
        return "the answer broke off in the middle"
    return text[-1] if text else f"the read ended with exit code {status.decode(errors='replace')}"


_TYPES = {0o040000: "directory", 0o100000: "file", 0o120000: "link", 0o010000: "fifo", 0o140000: "socket", 0o060000: "device", 0o020000: "device"}


def parse_stat(line: bytes) -> Stat | None:
    """Read a line of `stat -c '%f %s %u %g %i %d'`."""
    fields = line.decode(errors="replace").split()
    if len(fields) != 6:
        return None
    try:
        mode = int(fields[0], 16)
        size, uid, gid, inode, device = (int(text) for text in fields[1:])
    except ValueError:
        return None
    kind = _TYPES.get(mode & 0o170000, "device")
    return Stat(type=kind, size_bytes=size, mode=mode & 0o7777, uid=uid, gid=gid, inode=inode, device=device)
