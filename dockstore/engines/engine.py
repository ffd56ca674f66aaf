"""What dockstore asks of an engine, and nothing more. `docker_engine` is the one implementation; tests have a fake.

Rule 1: every method takes and returns plain values; objects are named by id or name as the API does.
Rule 2: errors are those of `errors`; none of the SDK's gets past its door.
Rule 3: nothing here decides what an answer means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from dockstore.core.model import EngineInfo

Json = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecResult:
    """What a command in a container came to. *exit_code* None: it was not told (time-out, container died)."""

    exit_code: int | None
    stdout: bytes
    stderr: bytes
    timed_out: bool = False
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveStat:
    """HEAD of a path by the archive endpoint. *mode* is Go's os.FileMode number translated to st_mode."""

    name: str
    size_bytes: int
    mode: int
    link_target: str


class Shell(Protocol):
    """A resident shell in a container, on an attached connection: 1 ms a command where an exec costs 50."""

    def run(self, script: str, *, timeout_seconds: float) -> ExecResult:
        """Run *script* (sh) and wait; every answer carries its own end mark (P33).

        Raises Unsure if the connection or the container dies in the middle.
        """

    def close(self) -> None:
        """Let go of the connection."""


class Engine(Protocol):
    """One engine, reached through its API."""

    @property
    def info(self) -> EngineInfo:
        """Facts as found at opening (or at the last `refresh`)."""

    def refresh(self) -> EngineInfo:
        """Ask again (after an engine restart)."""

    def ping(self, *, timeout_seconds: float = 2.0) -> bool:
        """Whether it answers."""

    def close(self) -> None:
        """Close the connections."""

    # containers
    def create_container(self, name: str, config: Json) -> str:
        """POST /containers/create with *config* as the API's own body; return the id."""

    def start_container(self, container: str) -> None: ...
    def stop_container(self, container: str, *, timeout_seconds: float) -> None: ...
    def restart_container(self, container: str, *, timeout_seconds: float) -> None: ...
    def kill_container(self, container: str, *, signal: str) -> None: ...
    def pause_container(self, container: str) -> None: ...
    def unpause_container(self, container: str) -> None: ...
    def remove_container(self, container: str, *, force: bool = False, volumes: bool = False) -> None: ...
    def rename_container(self, container: str, name: str) -> None: ...
    def update_container(self, container: str, changes: Json) -> None:
        """POST /containers/ID/update with *changes* as the API's own body."""

    def wait_container(self, container: str, *, condition: str, timeout_seconds: float) -> int:
        """Wait for `not-running` or `removed`; return the exit code. Raises Unsure at the time-out."""

    def inspect_container(self, container: str, *, size: bool = False) -> Json: ...
    def list_containers(self, *, filters: Mapping[str, Sequence[str]] | None = None, all: bool = True) -> list[Json]:  # noqa: A002
        """The raw list, never an inspect for each."""

    def diff_container(self, container: str) -> dict[str, str]:
        """Path -> A, C or D."""

    def logs(self, container: str, *, tail: int = 50) -> str: ...
    def exec(
        self,
        container: str,
        command: Sequence[str],
        *,
        user: str | None = None,
        environment: Mapping[str, str] | None = None,
        working_dir: str | None = None,
        detach: bool = False,
        timeout_seconds: float = 60.0,
    ) -> ExecResult:
        """Run *command* in a running container; stdout and stderr apart.

        Raises Refused (409: not running or paused), Unsure. A command that is not found gives exit code 126/127.
        """

    def attach_shell(self, container: str, *, open_input: bool = False) -> Shell | None:
        """Attach to the standard input of a lab container whose main process is our own shell; None if it cannot be.

        *open_input*: the caller knows that there is one, and no terminal; it is not asked again.
        """

    # archive endpoints
    def get_archive(self, container: str, path: str) -> bytes:
        """The tar of *path*."""

    def put_archive(self, container: str, path: str, data: bytes) -> None: ...
    def stat_archive(self, container: str, path: str) -> ArchiveStat: ...
    def export_container(self, container: str) -> Iterator[bytes]: ...

    # images
    def inspect_image(self, image: str) -> Json: ...
    def list_images(self, *, filters: Mapping[str, Sequence[str]] | None = None) -> list[Json]: ...
    def load_image(self, data: bytes | Iterable[bytes]) -> None:
        """`docker load`."""

    def import_image(self, data: bytes | Iterable[bytes], reference: str, *, changes: Sequence[str] = ()) -> str: ...
    def save_image(self, images: Sequence[str]) -> Iterator[bytes]: ...
    def commit_container(self, container: str, reference: str, *, labels: Mapping[str, str] | None = None) -> str: ...
    def tag_image(self, image: str, reference: str) -> None: ...
    def pull_image(self, reference: str, *, timeout_seconds: float) -> None: ...
    def remove_image(self, image: str, *, force: bool = False) -> None: ...

    # volumes
    def create_volume(
        self, name: str | None, *, driver: str | None = None, options: Mapping[str, str] | None = None, labels: Mapping[str, str] | None = None
    ) -> Json: ...
    def inspect_volume(self, volume: str) -> Json: ...
    def list_volumes(self, *, filters: Mapping[str, Sequence[str]] | None = None) -> list[Json]: ...
    def remove_volume(self, volume: str, *, force: bool = False) -> None: ...

    def past_events(self) -> list[Json]:
        """The last events of containers and volumes that the engine remembers (GET /events up to now), oldest first."""

    # networks: only for tidying up what Compose made for a copy of ours
    def list_networks(self, *, filters: Mapping[str, Sequence[str]] | None = None) -> list[Json]: ...
    def remove_network(self, network: str) -> None: ...

    # the whole engine; only ever on a disposable one
    def prune(self, what: str, *, filters: Mapping[str, Sequence[str]] | None = None, api: str | None = None) -> Json:
        """POST /{containers,images,volumes,networks}/prune as API version *api* (None: the highest that both know)."""
