# ruff: noqa: D102  # the methods are told where the protocol is, in host.py
"""The engine's host is this machine (or a part of it that we can see): its files, read by system calls.

Rule 1: a path is the engine's; *prefix* (`/proc/PID/root` of a nested engine's daemon) is where its root lies for us, and links never leave it.
Rule 2: a look opens nothing that could block and changes nothing, access times included where the kernel lets us.
Rule 3: "not there" only when the kernel said so beside a root that is there; any other failure is Unseen with its words.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat as modes
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dockstore.engines import mounting
from dockstore.engines.host import FileStat, Listed, Unseen
from dockstore.engines.inside import Found, below, mount_id, reopen, walk_to
from dockstore.engines.polling import Deadline
from dockstore.engines.statx import birth_ns, file_stat, is_opaque, type_of
from dockstore.engines.tree import entries_below, file_contains, names_in, open_quietly, read_up_to, remove_tree, sync_folder, write_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

PROC_ROOT = re.compile(r"/proc/(\d+)/root(?=/|$)")


class DirectHost:
    """The Host of `host`, by this process's own eyes. Keeps nothing open between calls; safe to share between threads."""

    def __init__(self, prefix: str = "", pid_of: Callable[[int], int] | None = None) -> None:
        """*pid_of* turns a pid number of the engine into ours; without it the prefix's own /proc is asked with the engine's number."""
        self._prefix = prefix.rstrip("/")
        self._pid_of = pid_of

    @property
    def reason(self) -> str | None:
        return None

    def close(self) -> None:
        """Nothing is open."""

    # --- looks

    def stat(self, path: str, *, root: str | None = None, entries: bool = False, follow: bool = True) -> FileStat | None:
        with self._look(path, root, follow=follow) as found:
            if found.fd is None:
                return None
            return _full_stat(found.fd, entries=entries)

    def read(self, path: str, *, root: str | None = None, limit_bytes: int = 1 << 20, follow: bool = True) -> bytes | None:
        with self._look(path, root, follow=follow) as found:
            if found.fd is None:
                return None
            if not modes.S_ISREG(os.fstat(found.fd).st_mode):
                raise Unseen(f"{path} is no file but a {type_of(os.fstat(found.fd))}")
            fd = open_quietly(found.fd)
            try:
                return read_up_to(fd, limit_bytes)
            finally:
                os.close(fd)

    def mountinfo(self, pid: int) -> str:
        return self._proc_text(f"{self._proc(pid)}/mountinfo")

    def own_mountinfo(self) -> str:
        if not self._prefix:
            return self._proc_text("/proc/self/mountinfo")
        if PROC_ROOT.fullmatch(self._prefix):
            return self._proc_text(f"{self._prefix.removesuffix('/root')}/mountinfo")
        raise Unseen(f"the mounts of {self._prefix} cannot be told: it is no process's root")

    def proc_root(self, pid: int) -> str:
        root = f"/proc/{pid}/root"
        try:
            os.close(self._open_root(root))
        except OSError as exc:
            raise Unseen(f"{root}: {exc.strerror}") from exc
        return root

    def walk(self, root: str, *, limit_files: int = 1_000_000) -> Iterator[Listed]:
        for count, (path, fd, found) in enumerate(self._below(root), 1):
            if count > limit_files:
                raise Unseen(f"there are more than {limit_files} files below {root}")
            link = opaque = None
            if modes.S_ISLNK(found.st_mode):
                link = os.readlink(path.rpartition("/")[2], dir_fd=fd)
            elif modes.S_ISDIR(found.st_mode):
                opaque = is_opaque(fd)
            yield Listed(path=path, stat=file_stat(found, link_target=link, opaque=bool(opaque)))

    def find_bytes(self, root: str, needle: bytes, *, skip: Sequence[str] = (), timeout_seconds: float = 60.0) -> tuple[str, ...]:
        deadline = Deadline.after(timeout_seconds)
        hits: list[str] = []
        for path, fd, found in self._below(root, skip=tuple(below(item, root) for item in skip)):
            if deadline.over:
                raise Unseen(f"the search below {root} was not done within {timeout_seconds:g} s")
            if modes.S_ISREG(found.st_mode) and found.st_size >= len(needle):
                try:
                    if file_contains(fd, path.rpartition("/")[2], needle, deadline):
                        hits.append(path)
                except FileNotFoundError:
                    continue  # gone meanwhile
                except TimeoutError as exc:
                    raise Unseen(f"the search below {root} was not done within {timeout_seconds:g} s") from exc
                except OSError as exc:
                    raise Unseen(f"{path} cannot be searched: {exc.strerror}") from exc
        return tuple(hits)

    # --- the scratch folder

    def make_folder(self, path: str, *, mode: int = 0o755, owner: tuple[int, int] | None = None) -> None:
        with self._way(path, "/", follow=True, strict=False) as found:
            if found.fd is not None:
                if not modes.S_ISDIR(os.fstat(found.fd).st_mode):
                    raise FileExistsError(errno.EEXIST, "there is something else", path)
                if owner is not None:
                    os.chown(f"/proc/self/fd/{found.fd}", *owner)
                return
            os.mkdir(found.name, 0o700, dir_fd=found.parent)
            fd = os.open(found.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=found.parent)
            try:
                if owner is not None:
                    os.fchown(fd, *owner)
                os.fchmod(fd, mode)
            finally:
                os.close(fd)

    def write_file(
        self, path: str, data: bytes, *, root: str, mode: int | None = None, owner: tuple[int, int] | None = None, sync: bool = False
    ) -> None:
        with self._way(path, root, follow=True) as found:
            if found.fd is not None:
                if not modes.S_ISREG(os.fstat(found.fd).st_mode):
                    raise OSError(errno.EINVAL, f"it is no file but a {type_of(os.fstat(found.fd))}", path)
                fd = reopen(found.fd, os.O_WRONLY | os.O_TRUNC | os.O_NONBLOCK)
            else:
                fd = os.open(found.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644, dir_fd=found.parent)
            try:
                write_all(fd, data)
                if owner is not None:
                    os.fchown(fd, *owner)
                if mode is not None:
                    os.fchmod(fd, mode)
                if sync:
                    os.fsync(fd)
            finally:
                os.close(fd)
            if sync:
                sync_folder(found.parent)

    def replace_file(self, path: str, data: bytes, *, root: str, sync: bool = False) -> None:
        with self._way(path, root, follow=False) as found:
            old = os.fstat(found.fd) if found.fd is not None else None
            if old is not None and modes.S_ISDIR(old.st_mode):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
            name = f".{found.name}.{secrets.token_hex(4)}"
            fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644, dir_fd=found.parent)
            try:
                write_all(fd, data)
                if old is not None and modes.S_ISREG(old.st_mode):
                    os.fchown(fd, old.st_uid, old.st_gid)
                    os.fchmod(fd, modes.S_IMODE(old.st_mode))
                if sync:
                    os.fsync(fd)
                os.rename(name, found.name, src_dir_fd=found.parent, dst_dir_fd=found.parent)
            except BaseException:
                os.unlink(name, dir_fd=found.parent)
                raise
            finally:
                os.close(fd)
            if sync:
                sync_folder(found.parent)

    def rename(self, path: str, to: str, *, root: str) -> None:
        with self._way(path, root, follow=False, make=False) as old, self._way(to, root, follow=False) as new:
            if old.fd is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
            os.rename(old.name, new.name, src_dir_fd=old.parent, dst_dir_fd=new.parent)

    def remove(self, path: str, *, root: str) -> None:
        """As `rm -rf --one-file-system`, but for our own mounts, which go first; what another mount holds stays and is an error."""
        inner = below(path, root)
        if not inner:
            raise PermissionError(errno.EPERM, "a root itself is not removed", root)
        self.unmount_all(f"{root.rstrip('/')}/{inner}")
        with self._way(path, root, follow=False, make=False) as found:
            if found.fd is None:
                return
            kept = remove_tree(found.parent, found.name, mount_id(found.parent))
        if kept:
            raise OSError(errno.EBUSY, f"a mount lies there, so it was not removed: {', '.join(kept[:3])}", path)

    def mount_tmpfs(self, path: str, *, root: str) -> None:
        inner, target = self._mount_target(path, root)
        keeper = mounting.keeper_of(self._resolved(root), inner)
        mounted = {point for point, _, _ in mounting.mount_points(self.own_mountinfo())}
        if target in mounted:
            raise OSError(errno.EBUSY, "something is mounted there already", path)
        self.make_folder(keeper.rpartition("/")[0], mode=0o700)
        self.make_folder(keeper)

        def act() -> None:
            if keeper not in mounted:
                mounting.mount_tmpfs(keeper)
            mounting.bind(keeper, target)

        mounting.in_namespace_of(self._prefix, act)

    def unmount(self, path: str, *, root: str) -> None:
        _, target = self._mount_target(path, root)
        mounting.in_namespace_of(self._prefix, lambda: mounting.unmount(target))

    def unmount_all(self, root: str) -> None:
        """Unmount everything that `mount_tmpfs` mounted below *root*, for good."""
        base = self._resolved(root)
        keepers = base + mounting.KEEPER
        with self._way(keepers, "/", follow=False, make=False, strict=False) as folder:
            if folder.fd is None:
                return
        found = list(mounting.mount_points(self.own_mountinfo()))
        devices = {device for point, device, kind in found if point.startswith(f"{keepers}/") and kind == "tmpfs"}
        targets = [point for point, device, _ in found if device in devices and point.startswith((f"{base}/", f"{keepers}/"))]

        def act() -> None:
            for point in sorted(targets, key=len, reverse=True):
                mounting.unmount(point)

        mounting.in_namespace_of(self._prefix, act)
        with self._way(keepers, "/", follow=False, make=False, strict=False) as folder:
            remove_tree(folder.parent, folder.name, mount_id(folder.parent))

    # --- how it is done

    def _resolved(self, root: str) -> str:
        """*root* as the kernel's mount table has it; with a prefix it is taken as it is."""
        return root.rstrip("/") if self._prefix else os.path.realpath(root)

    def _mount_target(self, path: str, root: str) -> tuple[str, str]:
        """(path inside the root, path of the engine's host) of a folder to mount at; a link on the way is refused."""
        inner = below(path, root)
        with self._way(path, root, follow=False, make=False) as found:
            if not inner or found.fd is None or not modes.S_ISDIR(os.fstat(found.fd).st_mode):
                raise NotADirectoryError(errno.ENOTDIR, "there is no folder to mount at", path)
        target = f"{self._resolved(root)}/{inner}"
        if not self._prefix and os.path.realpath(target) != target:
            raise PermissionError(errno.EPERM, "a link lies on the way", path)
        return inner, target

    def _proc(self, pid: int) -> str:
        if self._pid_of is not None:
            try:
                return f"/proc/{self._pid_of(pid)}"
            except (OSError, LookupError) as exc:
                raise Unseen(f"process {pid} of the engine is not found here: {exc}") from exc
        return f"{self._prefix}/proc/{pid}"

    def _proc_text(self, path: str) -> str:
        try:
            return Path(path).read_text(encoding="utf-8", errors="surrogateescape")
        except OSError as exc:
            raise Unseen(f"{path}: {exc.strerror}") from exc

    def _open_root(self, root: str) -> int:
        """Open the folder *root* of the engine's host."""
        process = PROC_ROOT.match(root)
        if process:  # a magic link: only the kernel can follow it
            start = os.open(f"{self._proc(int(process[1]))}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            root = root[process.end() :]
        else:
            start = os.open(self._prefix or "/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with walk_to(start, root, follow=True) as found:
                if found.fd is None:
                    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), root)
                return os.dup(found.fd)
        finally:
            os.close(start)

    @contextmanager
    def _look(self, path: str, root: str | None, *, follow: bool) -> Iterator[Found]:
        """Walk to *path* for a look; failures are Unseen."""
        base = root or "/"
        try:
            start = self._open_root(base)
        except OSError as exc:
            raise Unseen(f"{base}: {exc.strerror}") from exc
        try:
            with walk_to(start, below(path, base), follow=follow) as found:
                yield found
        except OSError as exc:
            raise Unseen(f"{path}: {exc.strerror}") from exc
        finally:
            os.close(start)

    @contextmanager
    def _way(self, path: str, root: str, *, follow: bool, make: bool = True, strict: bool = True) -> Iterator[Found]:
        """Walk to *path* for a change: missing folders are made, a link out of *root* is refused. Raises OSError."""
        start = self._open_root(root)
        try:
            base = root.rstrip("/")
            with walk_to(start, below(path, root), follow=follow, strict=base if strict else None, make=0o755 if make else None) as found:
                if found.gone and make:
                    raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
                yield found
        finally:
            os.close(start)

    def _below(self, root: str, skip: tuple[str, ...] = ()) -> Iterator[tuple[str, int, os.stat_result]]:
        try:
            start = self._open_root(root)
        except OSError as exc:
            raise Unseen(f"{root}: {exc.strerror}") from exc
        try:
            yield from entries_below(start, skip)
        except OSError as exc:
            raise Unseen(f"below {root}: {exc.strerror}: {exc.filename}") from exc
        finally:
            os.close(start)


def _full_stat(fd: int, *, entries: bool) -> FileStat:
    found = os.fstat(fd)
    folder = modes.S_ISDIR(found.st_mode)
    names = names_in(fd) if folder and entries else None
    link = os.readlink("", dir_fd=fd) if modes.S_ISLNK(found.st_mode) else None
    return file_stat(found, birth=birth_ns(fd), link_target=link, opaque=folder and is_opaque(fd), entries=names)
