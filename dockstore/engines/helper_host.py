# ruff: noqa: D102  # the methods are told where the protocol is, in host.py
"""The engine's host through a helper container: for who is not root there, or far away.

Rule 1: the data root is mounted read-only; only the scratch folder's root can be written.
Rule 2: the helper is ours by its labels, runs nothing of anybody else's, and is removed on `close`.
Rule 3: what it cannot tell (births, opaque folders) is said to be untold, or is Unseen, and it never mounts.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import threading
from typing import TYPE_CHECKING

from dockstore.engines import helper_walk
from dockstore.engines.engine_words import short
from dockstore.engines.errors import EngineError, NotFound, Refused, Unsure
from dockstore.engines.exec_stream import marked, quoted
from dockstore.engines.helper_walk import ERROR, FOUND, LOOP, REFUSED, UNFIT
from dockstore.engines.host import Listed, Unseen
from dockstore.engines.inside import below

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dockstore.engines.engine import Engine, ExecResult, Json, Shell
    from dockstore.engines.host import FileStat

BASE = "/host"  # where the host's folders lie in the helper
SCRATCH_ROOT = "/var/tmp"  # noqa: S108  # folders with random names are made in it
OF_THE_KERNEL = ("/proc/meminfo",)
LOOK_SECONDS = 60.0
TRIES = 3


class HelperHost:
    """The Host of `host`, by scripts in a container; started at the first question, and again after the engine's restart."""

    def __init__(
        self, engine: Engine, image: str, data_root: str, *, scratch_root: str = SCRATCH_ROOT, labels: Mapping[str, str] | None = None
    ) -> None:
        self._engine = engine
        self._image = image
        self._roots = tuple(root.rstrip("/") for root in (data_root, scratch_root) if root)
        self._scratch_root = scratch_root.rstrip("/")
        self._labels = labels
        self._container: str | None = None
        self._shell: Shell | None = None
        self._pids: str | None = None  # why other processes cannot be seen
        self._lock = threading.RLock()

    @property
    def reason(self) -> str | None:
        try:
            self._run("true", again=True)
        except Unseen as exc:
            return str(exc)
        return None

    def close(self) -> None:
        """Remove the helper. What an engine that is gone keeps, `clean` finds by its labels."""
        with self._lock, contextlib.suppress(EngineError):
            self._let_go()
            if self._container is not None:
                self._engine.remove_container(self._container, force=True, volumes=True)
            self._container = None

    # --- looks

    def stat(self, path: str, *, root: str | None = None, entries: bool = False, follow: bool = True) -> FileStat | None:
        base, inner = self._place(path, root)
        result = self._look(helper_walk.look(base, inner, follow=follow, entries=entries))
        rest = self._outcome(result, path)
        if rest is None:
            return None
        try:
            (facts, link), names = helper_walk.words(rest, 2)
            listed = tuple(sorted(name.decode(errors="surrogateescape") for name in names.split(b"\0")[:-1]))
            found = helper_walk.parse_stat(facts)
        except ValueError as exc:
            raise Unseen(f"{path}: the helper's answer cannot be read ({exc})") from exc
        is_link, is_folder = found.type == "link", found.type == "directory"
        return helper_walk.parse_stat(
            facts, link_target=link.removesuffix("\n") if is_link else None, entries=listed if entries and is_folder else None
        )

    def read(self, path: str, *, root: str | None = None, limit_bytes: int = 1 << 20, follow: bool = True) -> bytes | None:
        if root is None and path in OF_THE_KERNEL:
            return self._kernel(path)
        base, inner = self._place(path, root)
        result = self._look(helper_walk.content(base, inner, follow=follow, limit_bytes=limit_bytes))
        rest = self._outcome(result, path)
        if rest is None:
            return None
        try:
            (facts,), content = helper_walk.words(rest, 1)
            found = helper_walk.parse_stat(facts)
        except ValueError as exc:
            raise Unseen(f"{path}: the helper's answer cannot be read ({exc})") from exc
        if found.type != "file":
            raise Unseen(f"{path} is no file but a {found.type}")
        if len(content) < min(found.size_bytes, limit_bytes):
            raise Unseen(f"{path}: {len(content)} of {found.size_bytes} bytes were read: {_errors(result)}")
        return content

    def mountinfo(self, pid: int) -> str:
        return self._of_process(pid, f"cat /proc/{pid}/mountinfo")

    def own_mountinfo(self) -> str:
        result = self._look("cat /proc/self/mountinfo")
        return helper_walk.host_mountinfo(result.stdout.decode(errors="surrogateescape"), BASE)

    def proc_root(self, pid: int) -> str:
        self._of_process(pid, f"stat /proc/{pid}/root/. >/dev/null")
        return f"/proc/{pid}/root"

    def walk(self, root: str, *, limit_files: int = 1_000_000) -> Iterator[Listed]:
        base, inner = self._place("", root)
        token = f"{secrets.token_hex(8)} "
        result = self._look(helper_walk.listing(f"{base}/{inner}".rstrip("/"), token))
        errors = _errors(result)
        if not helper_walk.only_gone(errors) or (result.exit_code != 0 and not errors):
            raise Unseen(f"below {root}: {errors or 'the walk failed'}")
        records = result.stdout.decode(errors="surrogateescape").split(token)[1:]
        if len(records) > limit_files:
            raise Unseen(f"there are more than {limit_files} files below {root}")
        listed: list[Listed] = []
        for record in records:
            *facts, name = record.removesuffix("\n").split(" ", 9)
            listed.append(Listed(path=name.removeprefix("./"), stat=helper_walk.parse_stat(" ".join(facts))))
        yield from sorted(listed, key=lambda item: item.path.split("/"))

    def find_bytes(self, root: str, needle: bytes, *, skip: Sequence[str] = (), timeout_seconds: float = 60.0) -> tuple[str, ...]:
        try:
            word = needle.decode("ascii")
        except UnicodeDecodeError as exc:
            raise Unseen("a helper container searches for plain text only") from exc
        if not word or "\n" in word or "\0" in word:
            raise Unseen("a helper container searches for one line of plain text only")
        base, inner = self._place("", root)
        script = helper_walk.search(f"{base}/{inner}".rstrip("/"), word, [below(item, root) for item in skip])
        result = self._look(script, timeout_seconds=timeout_seconds)
        errors = _errors(result)
        if not helper_walk.only_gone(errors) or (result.exit_code != 0 and not errors):
            raise Unseen(f"below {root}: {errors or 'the search failed'}")
        names = result.stdout.decode(errors="surrogateescape").split("\0")[:-1]
        return tuple(sorted(name.removeprefix("./") for name in names))

    # --- the scratch folder

    def make_folder(self, path: str, *, mode: int = 0o755, owner: tuple[int, int] | None = None) -> None:
        new = f'mkdir "$P" && {_owned(owner)} && chmod {mode:o} "$P"'
        make = f'if [ "$K" = none ]; then {new}; elif [ -d "$P" ]; then {_owned(owner)}; else exit {UNFIT}; fi'
        self._change(path, self._scratch_root, make, follow=True, folders=True)

    def write_file(
        self, path: str, data: bytes, *, root: str, mode: int | None = None, owner: tuple[int, int] | None = None, sync: bool = False
    ) -> None:
        chmod = f'chmod {mode:o} "$P"' if mode is not None else ":"
        self._change(path, root, f"printf '{helper_walk.octal(data)}' >\"$P\" && {_owned(owner)} && {chmod}{' && sync' if sync else ''}", follow=True)

    def replace_file(self, path: str, data: bytes, *, root: str, sync: bool = False) -> None:
        copy = 'if [ -f "$P" ] && [ ! -L "$P" ]; then chown "$(stat -c %u:%g "$P")" "$new" && chmod "$(stat -c %a "$P")" "$new"; fi'
        fresh = f"new=$P.{secrets.token_hex(4)}; printf '{helper_walk.octal(data)}' >\"$new\" && {copy}"
        self._change(path, root, f'{fresh}{" && sync" if sync else ""} && mv -f "$new" "$P"{" && sync" if sync else ""}', follow=False)

    def rename(self, path: str, to: str, *, root: str) -> None:
        base, inner = self._place(to, root)
        target = helper_walk.walk(base, inner, follow=False, strict=root.rstrip("/"), make=True) + helper_walk.refuse(folders=True)
        there = f'[ "$K" = found ] || {{ echo "$P: No such file or directory" >&2; exit 1; }}; old=$P\n{target}'
        self._change(
            path,
            root,
            f'{there}\nif [ -d "$P" ] && [ ! -L "$P" ]; then rmdir "$P" || exit 1; fi; mv "$old" "$P"',
            follow=False,
            make=False,
            folders=True,
        )

    def remove(self, path: str, *, root: str) -> None:
        if not below(path, root):
            raise PermissionError(errno.EPERM, "a root itself is not removed", root)
        mounted = 'if cut -d" " -f5 /proc/self/mountinfo | grep -qF -e "$P"; then echo "$P: a mount lies there" >&2; exit 1; fi'
        self._change(path, root, f'[ "$K" = found ] || exit 0\n{mounted}\nrm -rf "$P"', follow=False, make=False, folders=True, gone_is_fine=True)

    def mount_tmpfs(self, path: str, *, root: str) -> None:  # noqa: ARG002
        raise Unseen(f"{path}: nothing is mounted on the engine's host through a helper container")

    def unmount(self, path: str, *, root: str) -> None:  # noqa: ARG002
        raise Unseen(f"{path}: nothing is unmounted on the engine's host through a helper container")

    def unmount_all(self, root: str) -> None:
        """Nothing was mounted."""

    # --- how it is done

    def _place(self, path: str, root: str | None) -> tuple[str, str]:
        """(root in the helper, path inside it). Raises Unseen for what the helper does not see."""
        if root is None:
            root = next((known for known in self._roots if path == known or path.startswith(f"{known}/")), "/")
        if root.startswith("/proc/"):
            return root.rstrip("/"), below(path, root)
        known = next((item for item in self._roots if root == item or root.startswith(f"{item}/")), None)
        if known is None:
            raise Unseen(f"{path if root == '/' else root}: the helper container sees {' and '.join(self._roots)} only")
        self._look_root(root)
        return f"{BASE}{root.rstrip('/')}", below(path, root)

    def _look_root(self, root: str) -> None:
        """A root that is not there makes nothing absent."""
        result = self._look(f"stat {quoted(BASE + root)}/. >/dev/null")
        if result.exit_code != 0:
            raise Unseen(f"{root}: {_errors(result)}")

    def _kernel(self, path: str) -> bytes:
        """A file that the kernel shows alike in every container."""
        result = self._look(f"cat {path}")
        if result.exit_code != 0 or not result.stdout:
            raise Unseen(f"{path}: {_errors(result) or 'the helper container sees nothing in it'}")
        return result.stdout

    def _of_process(self, pid: int, script: str) -> str:
        self._look("true")  # so that it is known whether processes are seen
        if self._pids is not None:
            raise Unseen(f"process {pid} of the engine's host cannot be seen: {self._pids}")
        result = self._look(script)
        if result.exit_code != 0:
            raise Unseen(f"process {pid} of the engine's host: {_errors(result)}")
        return result.stdout.decode(errors="surrogateescape")

    def _outcome(self, result: ExecResult, path: str) -> bytes | None:
        """What follows the walk's word; None: not there."""
        try:
            (word, error), rest = helper_walk.words(result.stdout, 2)
        except ValueError as exc:
            raise Unseen(f"{path}: the helper's answer cannot be read ({exc}; {_errors(result)})") from exc
        if word == LOOP:
            raise Unseen(f"{path}: {os.strerror(errno.ELOOP)}")
        if word == ERROR:
            raise Unseen(f"{path}: {error}")
        return rest if word == FOUND else None

    def _change(self, path: str, root: str, act: str, *, follow: bool, make: bool = True, folders: bool = False, gone_is_fine: bool = False) -> None:
        if root != self._scratch_root and not root.startswith(f"{self._scratch_root}/"):
            raise PermissionError(errno.EPERM, "only the scratch folder can be written through a helper container", root)
        base, inner = f"{BASE}{root.rstrip('/')}", below(path, root)
        gone = 'if [ "$K" = gone ]; then exit 0; fi\n' if gone_is_fine else ""
        walk = helper_walk.walk(base, inner, follow=follow, strict=root.rstrip("/"), make=make)
        result = self._run(f"umask 022\n{walk}{gone}{helper_walk.refuse(folders=folders)}{act}\n", again=False)
        match result.exit_code:
            case 0:
                return
            case code if code == REFUSED:
                raise PermissionError(errno.EPERM, f"a link or path leads out of {root}", path)
            case code if code == UNFIT:
                raise OSError(errno.EINVAL, "there is something else", path)
            case _:
                words = _errors(result)
                raise FileNotFoundError(errno.ENOENT, words, path) if "No such file" in words else OSError(errno.EIO, words, path)

    def _look(self, script: str, *, timeout_seconds: float = LOOK_SECONDS) -> ExecResult:
        return self._run(script, again=True, timeout_seconds=timeout_seconds)

    def _run(self, script: str, *, again: bool, timeout_seconds: float = LOOK_SECONDS) -> ExecResult:
        """Run *script* in the helper; a look is taken again if the helper was lost. Raises Unseen."""
        with self._lock:
            for left in reversed(range(TRIES if again else 1)):
                try:
                    container = self._started()
                    if self._shell is not None:
                        return self._shell.run(script, timeout_seconds=timeout_seconds)
                    command = marked(script)
                    result = command.parse(self._engine.exec(container, ["sh", "-c", command.script], timeout_seconds=timeout_seconds))
                    if result is not None:
                        return result
                    failure = "its answer had no end mark"
                except EngineError as exc:
                    self._let_go()
                    failure = str(exc)
                    if isinstance(exc, Unsure) and "no answer within" in failure:
                        self._stop()  # it may still run: the next question gets a helper of its own
                        break
                if not left:
                    break
            raise Unseen(f"the helper container cannot look: {failure}")

    def _started(self) -> str:
        """The running helper's id, with a shell attached if it can be."""
        if self._container is not None and self._shell is not None:
            return self._container
        if self._container is not None:
            try:
                state = self._engine.inspect_container(self._container).get("State")
            except NotFound:
                self._container = None
            else:
                if not (isinstance(state, dict) and state.get("Running") is True):
                    self._stop()  # an engine's restart killed it; its successor sees what is mounted now
        if self._container is None:
            self._container = self._made()
        if self._shell is None:
            self._shell = self._engine.attach_shell(self._container)
        return self._container

    def _made(self) -> str:
        try:
            made = self._make(pids=True)
        except Refused as exc:
            made = self._make(pids=False)
            self._pids = f"the engine refused a helper with its host's processes ({exc.words})"
        else:
            self._pids = None
        return made

    def _make(self, *, pids: bool) -> str:
        data_roots = [root for root in self._roots if root != self._scratch_root]
        host: Json = {
            "Binds": [*(f"{root}:{BASE}{root}:ro" for root in data_roots), f"{self._scratch_root}:{BASE}{self._scratch_root}"],
            "NetworkMode": "none",
            "LogConfig": {"Type": "none", "Config": {}},
            "ReadonlyRootfs": True,
            **({"PidMode": "host", "CapAdd": ["SYS_PTRACE"]} if pids else {"Init": True}),
        }
        config: Json = {
            "Image": self._image,
            "Entrypoint": [],
            "Cmd": ["sh"],
            "User": "0:0",
            "WorkingDir": "/",
            "OpenStdin": True,
            "NetworkDisabled": True,
            "Labels": dict(self._labels if self._labels is not None else _own_labels()),
            "HostConfig": host,
        }
        made = self._engine.create_container(f"dockstore-helper-{secrets.token_hex(6)}", config)
        try:
            self._engine.start_container(made)
        except EngineError:
            with contextlib.suppress(EngineError):
                self._engine.remove_container(made, force=True, volumes=True)
            raise
        return made

    def _stop(self) -> None:
        self._let_go()
        if self._container is not None:
            with contextlib.suppress(EngineError):
                self._engine.remove_container(self._container, force=True, volumes=True)
        self._container = None

    def _let_go(self) -> None:
        if self._shell is not None:
            self._shell.close()
        self._shell = None

    def __repr__(self) -> str:
        return f"HelperHost({short(self._container or 'not started')})"


def _own_labels() -> Mapping[str, str]:
    from dockstore.engines.providers import ownership

    return ownership.labels("helper")


def _owned(owner: tuple[int, int] | None) -> str:
    return f'chown {owner[0]}:{owner[1]} "$P"' if owner is not None else ":"


def _errors(result: ExecResult) -> str:
    return result.stderr.decode(errors="replace").strip()
