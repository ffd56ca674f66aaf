"""Images of real services: PostgreSQL of two major versions, MariaDB, Redis, RabbitMQ, an SQLite application, nginx.

Debian's packages are unpacked (no maintainer script runs), a start script in the manner of the well-known images is added, and the
result is imported under `localhost/dockstore-test-NAME`. Run it by hand: `python -m tests.services.images [NAME ...]`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dockstore.engines.errors import NotFound
from dockstore.engines.providers import debian

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dockstore.engines.engine import Engine

FILES = Path(__file__).parent / "files"
VERSION = "1"  # the tag: raise it when a start script or a package list changes

_EXCLUDED = (
    "./usr/share/doc*", "./usr/share/man*", "./usr/share/locale*", "./usr/share/info*", "./usr/lib/*/gconv*", "./usr/lib/systemd*", "./lib/systemd*",
    "./usr/share/bash-completion*", "./usr/share/zsh*", "*/libLLVM*", "*/llvmjit*", "./usr/lib/*/perl*", "./usr/share/perl*", "./usr/lib/postgresql/*/lib/bitcode*",
    "./usr/share/postgresql/*/man*", "*/mariadb-test*", "*/erlang/lib/*/examples*", "*/erlang/lib/*/src*", "./usr/share/mysql/*/", "./usr/share/common-licenses*",
)  # fmt: skip
_LEFT_OUT = ("perl", "debconf", "login", "adduser", "libdb5", "ucf", "ssl-cert", "systemd_", "udev", "dbus", "logrotate", "galera", "rsync", "socat", "gawk", "psmisc", "lsof", "apt_", "libapt-pkg")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceImage:
    """How one image is made."""

    name: str
    suite: str
    packages: tuple[str, ...]
    start: str  # a file in files/, which becomes /start
    volumes: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    users: tuple[tuple[str, int], ...] = ()
    command: tuple[str, ...] = ()
    folders: tuple[tuple[str, int], ...] = ()  # (path, owner)
    port: int | None = None
    user: str | None = None
    home: str = "/"  # of its users

    @property
    def reference(self) -> str:
        """The name under which it is imported."""
        return f"localhost/dockstore-test-{self.name}:{VERSION}"


IMAGES = (
    ServiceImage(
        name="postgres15", suite="bookworm", packages=("postgresql-15", "libnss-wrapper"), start="postgres.sh", users=(("postgres", 999),), port=5432,
        volumes=("/var/lib/postgresql/data",), environment=(("PGDATA", "/var/lib/postgresql/data"), ("PG_MAJOR", "15"), ("PATH", "/usr/lib/postgresql/15/bin:/usr/sbin:/usr/bin:/sbin:/bin")),
        folders=(("/var/lib/postgresql/data", 999), ("/var/run/postgresql", 999)), command=("postgres",),
    ),
    ServiceImage(
        name="postgres17", suite="trixie", packages=("postgresql-17",), start="postgres.sh", users=(("postgres", 999),), port=5432,
        volumes=("/var/lib/postgresql",), environment=(("PGDATA", "/var/lib/postgresql/17/docker"), ("PG_MAJOR", "17"), ("PATH", "/usr/lib/postgresql/17/bin:/usr/sbin:/usr/bin:/sbin:/bin")),
        folders=(("/var/lib/postgresql", 999), ("/var/run/postgresql", 999)), command=("postgres",),
    ),
    ServiceImage(
        name="mariadb", suite="bookworm", packages=("mariadb-server",), start="mariadb.sh", users=(("mysql", 999),), port=3306, volumes=("/var/lib/mysql",),
        folders=(("/var/lib/mysql", 999), ("/run/mysqld", 999)), command=("mariadbd",),
    ),
    ServiceImage(
        name="redis", suite="bookworm", packages=("redis-server",), start="redis.sh", users=(("redis", 999),), port=6379, volumes=("/data",),
        folders=(("/data", 999),), command=("redis-server",),
    ),
    ServiceImage(
        name="rabbitmq", suite="bookworm", packages=("rabbitmq-server",), start="rabbitmq.sh", users=(("rabbitmq", 999),), port=5672,
        volumes=("/var/lib/rabbitmq",), folders=(("/var/lib/rabbitmq", 999), ("/var/log/rabbitmq", 999)), environment=(("HOME", "/var/lib/rabbitmq"), ("LANG", "C.UTF-8")),
        home="/var/lib/rabbitmq", command=("rabbitmq-server",),
    ),
    ServiceImage(
        name="notes", suite="bookworm", packages=("sqlite3",), start="notes.sh", users=(("notes", 1000),), folders=(("/app/data", 1000), ("/app/uploads", 1000)),
        port=8080, command=("serve",),
    ),
    ServiceImage(
        name="nginx", suite="bookworm", packages=("nginx-light",), start="nginx.sh", users=(("www-data", 33),), port=80,
        folders=(("/usr/share/nginx/html", 0), ("/var/lib/nginx", 33), ("/var/log/nginx", 33)), command=("nginx",),
    ),
)  # fmt: skip


def ensure(engine: Engine, cache: Path, names: tuple[str, ...] = (), *, say: object = print) -> dict[str, str]:
    """Return name -> reference of the images (all unless *names*), making those that the engine lacks."""
    references = {}
    for image in IMAGES:
        if names and image.name not in names:
            continue
        try:
            engine.inspect_image(image.reference)
        except NotFound:
            _make(engine, image, cache)
        references[image.name] = image.reference
    return references


def _make(engine: Engine, image: ServiceImage, cache: Path) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    kept = cache / f"image-{image.name}-{VERSION}.tar"
    if not kept.exists():
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            root = Path(folder) / "root"
            _unpacked(image, cache, root)
            half = kept.with_suffix(".half")
            subprocess.run(["tar", "-cf", half, "--numeric-owner", "-C", root, "."], check=True)
            half.rename(kept)
    with tempfile.TemporaryDirectory(dir=cache) as folder:  # the start script is added last: a change to it unpacks nothing again
        whole = Path(folder) / "image.tar"
        shutil.copyfile(kept, whole)
        start = Path(folder) / "start"
        start.write_bytes((FILES / image.start).read_bytes())
        start.chmod(0o755)
        subprocess.run(["tar", "-rf", whole, "--numeric-owner", "--owner=0", "--group=0", "-C", folder, "./start"], check=True)
        with whole.open("rb") as archive:
            engine.import_image(_chunks(archive), image.reference, changes=_changes(image))


def _chunks(archive: object) -> Iterator[bytes]:
    while chunk := archive.read(1 << 20):  # type: ignore[attr-defined]
        yield chunk


def _changes(image: ServiceImage) -> list[str]:
    changes = [f"ENV {key}={value}" for key, value in (("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), *image.environment)]
    changes += [f"VOLUME {path}" for path in image.volumes]
    changes += [f"USER {image.user}"] if image.user else []
    changes += [f"EXPOSE {image.port}"] if image.port else []
    words = ", ".join(f'"{word}"' for word in image.command)
    return [*changes, 'ENTRYPOINT ["/start"]', f"CMD [{words}]", "LABEL io.dockstore.test=1"]


def _unpacked(image: ServiceImage, cache: Path, root: Path) -> None:
    debs = debian.Suite(image.suite, cache, say=lambda _: None).packages([*image.packages, "util-linux", "busybox-static"], with_dependencies=True)
    for name in ("usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "etc", "run", "tmp", "proc", "sys", "dev", "root", "var/lib"):
        (root / name).mkdir(parents=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    (root / "var/run").symlink_to("/run")
    (root / "tmp").chmod(0o1777)
    excluded = [f"--exclude={pattern}" for pattern in _EXCLUDED]
    for deb in debs:
        if deb.name.startswith(_LEFT_OUT):
            continue
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as source:
            subprocess.run(["tar", "-x", "-C", root, "--keep-directory-symlink", *excluded], stdin=source.stdout, check=True, capture_output=True)
    applets = subprocess.run([root / "usr/bin/busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
    for applet in applets:
        if not any((root / folder / applet).is_symlink() or (root / folder / applet).exists() for folder in ("usr/bin", "usr/sbin")):
            (root / "usr/bin" / applet).symlink_to("busybox")
    people = [("root", 0), *image.users, ("nobody", 65534)]
    homes = dict.fromkeys((name for name, _ in image.users), image.home)
    (root / "etc/passwd").write_text("".join(f"{name}:x:{uid}:{uid}::{homes.get(name, '/')}:/bin/sh\n" for name, uid in people), encoding="utf-8")
    (root / "etc/group").write_text("".join(f"{name}:x:{uid}:\n" for name, uid in people), encoding="utf-8")
    (root / "etc/nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n", encoding="utf-8")
    subprocess.run(["ldconfig", "-r", root], capture_output=True, check=False, env={"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"})
    for path, owner in image.folders:
        folder = root / path.lstrip("/").replace("var/run", "run")
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["chown", f"{owner}:{owner}", folder], check=True)


if __name__ == "__main__":
    import os

    from dockstore.engines.docker_engine import connect

    door = connect(os.environ["DOCKER_HOST"])
    for found in ensure(door, Path(os.environ.get("DOCKSTORE_TEST_CACHE", "/var/tmp/dockstore-test-cache")), tuple(sys.argv[1:])).items():
        sys.stdout.write(" ".join(found) + "\n")
