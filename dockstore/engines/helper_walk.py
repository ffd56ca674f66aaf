"""The scripts that a helper container runs to look at the host's files, and what they print.

Rule 1: POSIX shell and busybox's applets, nothing else; what they print is separated by NUL, since a name may hold anything else.
Rule 2: links are walked in the script, inside the root that is given: an absolute one starts there again, `..` ends there (P15).
Rule 3: "none" only for the kernel's own "no such file"; any other failure is told with its words.
"""

from __future__ import annotations

import re
import stat
from typing import TYPE_CHECKING

from dockstore.engines.exec_stream import quoted
from dockstore.engines.host import FileStat

if TYPE_CHECKING:
    from collections.abc import Iterable

FOUND, NONE, GONE, LOOP, OUT, ERROR = "found", "none", "gone", "loop", "out", "error"
FORMAT = "%f %s %u %g %i %d %Y %t %T"  # raw mode (hex), size, owner, group, inode, device, mtime (s), major, minor (hex)
REFUSED = 77  # a link leads out of the root
UNFIT = 78  # it is there and is something else

# dsw ROOT PATH FOLLOW STRICT MAKE: sets K (one of the words above), P (the path that was reached) and E (the words of an error).
# STRICT is the root's path on the host ("" for a look): then what leads out of the root is refused.
WALK = r"""
dsw() {
  r=$1 rest=$2 follow=$3 strict=$4 make=$5 cur= n=0 E=
  while :; do
    rest=${rest#"${rest%%[!/]*}"}
    if [ -z "$rest" ]; then K=found P=$r$cur; return; fi
    part=${rest%%/*}
    case $rest in */*) rest=${rest#*/} ;; *) rest= ;; esac
    rest=${rest#"${rest%%[!/]*}"}
    case $part in
      .) continue ;;
      ..) if [ -n "$strict" ] && [ -z "$cur" ]; then K=out; return; fi; cur=${cur%/*}; continue ;;
    esac
    P=$r$cur/$part
    if [ -L "$P" ] && { [ -n "$rest" ] || [ "$follow" = 1 ]; }; then
      n=$((n + 1))
      if [ "$n" -gt 40 ]; then K=loop; return; fi
      t=$(readlink "$P"; echo x); t=${t%?x}
      case $t in
        /*) if [ -n "$strict" ]; then
              case $t/ in "$strict"/*) t=${t#"$strict"} ;; *) K=out; return ;; esac
            fi
            cur= ;;
      esac
      rest=$t/$rest
      continue
    fi
    if [ -L "$P" ] || [ -e "$P" ]; then
      if [ -z "$rest" ]; then K=found; return; fi
      if [ ! -d "$P" ]; then K=gone; return; fi
      cur=$cur/$part
      continue
    fi
    E=$(stat "$P" 2>&1 >/dev/null)
    case $E in
      *"No such file"* | *"Not a directory"*) ;;
      *) K=error; return ;;
    esac
    if [ -z "$rest" ]; then K=none; return; fi
    if [ "$make" = 1 ] && mkdir "$P"; then cur=$cur/$part; continue; fi
    K=gone; return
  done
}
"""


def walk(root: str, path: str, *, follow: bool, strict: str = "", make: bool = False) -> str:
    """The walk to *path* inside *root*."""
    return f"{WALK}\ndsw {quoted(root)} {quoted(path)} {int(follow)} {quoted(strict)} {int(make)}\n"


def look(root: str, path: str, *, follow: bool, entries: bool) -> str:
    """Print the walk's outcome and, of what is there, the facts, the link's target and (*entries*) the names in it."""
    names = (
        r"""if [ -d "$P" ] && [ ! -L "$P" ]; then cd "$P" && for f in * .*; do """
        r"""case $f in .|..) continue;; esac; if [ -e "$f" ] || [ -L "$f" ]; then printf '%s\000' "$f"; fi; done; fi"""
    )
    return (
        walk(root, path, follow=follow)
        + rf"""
printf '%s\000%s\000' "$K" "$E"
[ "$K" = found ] || exit 0
printf '%s\000' "$(stat -c '{FORMAT}' "$P")"
if [ -L "$P" ]; then readlink "$P"; fi
printf '\000'
{names if entries else ":"}
"""
    )


def content(root: str, path: str, *, follow: bool, limit_bytes: int) -> str:
    """Print the walk's outcome, the type and the first bytes of a regular file."""
    return (
        walk(root, path, follow=follow)
        + rf"""
printf '%s\000%s\000' "$K" "$E"
[ "$K" = found ] || exit 0
printf '%s\000' "$(stat -c '{FORMAT}' "$P")"
if [ -f "$P" ] && [ ! -L "$P" ]; then head -c {limit_bytes} "$P"; fi
"""
    )


def listing(root: str, token: str) -> str:
    """Print every entry below *root* of its file system, each after *token*."""
    return f"cd {quoted(root)} && find . -xdev -mindepth 1 -exec stat -c '{token}{FORMAT} %n' {{}} +"


def search(root: str, needle: str, skip: Iterable[str]) -> str:
    """Print the files below *root* with *needle*; NULs are turned into line ends first, for grep ends a line's text at one.

    Many files at a time, and one by one only where some of them have it: three processes for each file would take minutes.
    """
    left_out = "".join(f"-path {quoted('./' + path)} -prune -o " for path in skip)
    many = r'[ "$(cat -- "$@" | tr "\000" "\n" | grep -cF -e "$needle")" = 0 ] && exit 0; '
    loop = r'for f; do if tr "\000" "\n" <"$f" | grep -qF -e "$needle"; then printf "%s\000" "$f"; fi; done'
    return f"needle={quoted(needle)}; export needle; cd {quoted(root)} && find . -xdev {left_out}-type f -exec sh -c {quoted(many + loop)} x {{}} +"


def octal(data: bytes) -> str:
    """*data* as printf's format takes it, whatever is in it."""
    return "".join(f"\\{byte:03o}" for byte in data)


def refuse(*, folders: bool = False) -> str:
    """After a walk for a change: leave with a word for why it cannot be."""
    unfit = "" if folders else f'if [ -e "$P" ] && [ ! -f "$P" ] && [ ! -L "$P" ]; then exit {UNFIT}; fi'
    return f"""
case $K in found | none) ;; out) exit {REFUSED} ;; *) echo "$P: $K $E" >&2; exit 1 ;; esac
{unfit}
"""


def words(output: bytes, count: int) -> tuple[list[str], bytes]:
    """The first *count* words of *output*, and the rest."""
    parts = output.split(b"\0", count)
    if len(parts) <= count:
        raise ValueError(f"an answer of {len(parts)} words instead of {count}")
    return [part.decode(errors="surrogateescape") for part in parts[:count]], parts[count]


def parse_stat(facts: str, *, link_target: str | None = None, entries: tuple[str, ...] | None = None) -> FileStat:
    """A FileStat of what `stat -c FORMAT` printed; no births, nothing of opaque folders, and times in whole seconds. Raises ValueError."""
    mode_text, size, uid, gid, inode, device, mtime, major, minor = facts.split(" ")
    mode = int(mode_text, 16)
    whiteout = stat.S_ISCHR(mode) and int(major, 16) == 0 and int(minor, 16) == 0
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link", stat.S_IFIFO: "fifo", stat.S_IFSOCK: "socket"}
    return FileStat(
        type="whiteout" if whiteout else kinds.get(stat.S_IFMT(mode), "device"),
        size_bytes=int(size),
        mode=stat.S_IMODE(mode),
        uid=int(uid),
        gid=int(gid),
        inode=int(inode),
        device=int(device),
        mtime_ns=int(mtime) * 1_000_000_000,
        link_target=link_target,
        opaque_told=not stat.S_ISDIR(mode),
        entries=entries,
    )


def only_gone(errors: str) -> bool:
    """Whether *errors* speak of nothing but files that vanished meanwhile."""
    return all("no such file" in line.lower() for line in errors.splitlines() if line.strip())


def host_mountinfo(text: str, base: str) -> str:
    """A helper's mountinfo as the host would have it: what lies below *base*, without it."""
    field = re.compile(rf"^(\S+ \S+ \S+ \S+) {re.escape(base)}(/\S*) ")
    return "".join(field.sub(r"\1 \2 ", line) + "\n" for line in text.splitlines() if field.match(line))
