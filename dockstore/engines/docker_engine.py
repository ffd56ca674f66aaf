# ruff: noqa: D102  # the methods are told where the protocol is, in engine.py
"""The one door to the Docker SDK: the Engine protocol over docker-py's low-level client.

Rule 1: one client and one pool of connections for all workers; nothing of the SDK is imported before somebody connects.
Rule 2: the SDK's own call wherever it sends what is asked; a request of our own where it does not (`force` of a volume's removal, sizes,
        HEAD of an archive, another API version, streams: it drops what came together with the headers).
Rule 3: foreign errors stop here (`translate`).
"""

from __future__ import annotations

import base64
import json
import math
import os
import time
from typing import TYPE_CHECKING, Any, TypeVar, cast

from dockstore.engines import address_facts
from dockstore.engines.engine import ArchiveStat, ExecResult
from dockstore.engines.engine_info import agreed_api, engine_info, text
from dockstore.engines.engine_words import (
    filters_text,
    frozen,
    id_of,
    label_change,
    not_run,
    path_part,
    progress_error,
    reference_parts,
    short,
    st_mode,
    words_of,
)
from dockstore.engines.errors import EngineError, NotFound, Refused, Unreachable, Unsure
from dockstore.engines.exec_stream import Hijacked, read_all
from dockstore.engines.polling import Deadline, beside, pause, until
from dockstore.engines.shell import AttachedShell
from dockstore.engines.translate import Translated, refused, translate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import docker
    import requests

    from dockstore.core.model import EngineInfo
    from dockstore.engines.engine import Json

Done = TypeVar("Done")

UPGRADE = {"Connection": "Upgrade", "Upgrade": "tcp"}
FREEZE_TRIES = 5  # runc on a busy machine: "unable to freeze"; nothing has happened then


def connect(address: str, *, timeout_seconds: float = 60, environ: Mapping[str, str] | None = None) -> DockerEngine:
    """Connect to the engine at *address* and ask who it is. Raises Unreachable with a hint.

    *environ* (by default the process's own): DOCKER_TLS_VERIFY and DOCKER_CERT_PATH for tcp://.
    """
    from dockstore.engines import sdk_client

    parsed = address_facts.parse(address)
    client = sdk_client.open_client(parsed, "1.41", timeout_seconds, os.environ if environ is None else environ)
    try:
        told = beside(client.info) if parsed.scheme == "unix" else None  # the engine runs programs for either answer: 6 ms each
        try:
            version = _first_answer(client, parsed.text)
        finally:
            info = told() if told is not None else None
        newest = agreed_api(version)
        if newest != client.api_version:
            client.close()
            client = sdk_client.open_client(parsed, newest, timeout_seconds, os.environ if environ is None else environ)
        return DockerEngine(client, parsed.text, version=version, info=info)
    except BaseException:
        client.close()
        raise


def _first_answer(client: docker.APIClient, address: str) -> Json:
    try:
        answer = cast(object, client.version(api_version=False))
    except Exception as exc:
        ours = translate("ask for the version", exc, address=address)
        if ours is None:
            raise
        raise (ours if isinstance(ours, Unreachable) else address_facts.unreachable(address, exc)) from exc
    if not isinstance(answer, dict) or "ApiVersion" not in answer:
        raise Unreachable(f"no engine at {address}: what answers there is none", "is it the address of a Docker Engine?")
    return answer


class DockerEngine:
    """The Engine of `engine`, over one client. Safe to share between threads."""

    def __init__(self, client: docker.APIClient, address: str, *, version: Json | None = None, info: Json | None = None) -> None:
        self._client = client
        self._address = address
        self._info = self._ask(version, info)

    @property
    def info(self) -> EngineInfo:
        return self._info

    def refresh(self) -> EngineInfo:
        self._info = self._ask()
        return self._info

    def _ask(self, version: Json | None = None, info: Json | None = None) -> EngineInfo:
        """Ask the engine who it is; *version*, *info*: what it has just answered to that."""
        with self._doing("ask the engine about itself"):
            told = version or cast("Json", self._client.version(api_version=False))
            facts = info or cast("Json", self._client.info())
        return engine_info(self._address, told, facts, api_version=self._client.api_version)

    def ping(self, *, timeout_seconds: float = 2.0) -> bool:
        try:
            answer = self._call("ping", "GET", "/_ping", timeout_seconds=timeout_seconds, api="")
        except EngineError:
            return False
        return bool(answer.ok)

    def close(self) -> None:
        self._client.close()

    # --- containers

    def create_container(self, name: str, config: Json) -> str:
        answer = self._json(f"create container {name}", "POST", "/containers/create", params={"name": name} if name else None, body=config)
        return id_of(answer)

    def start_container(self, container: str) -> None:
        with self._doing(f"start {short(container)}"):
            self._client.start(container)

    def stop_container(self, container: str, *, timeout_seconds: float) -> None:
        with self._doing(f"stop {short(container)}"):
            self._client.stop(container, timeout=math.ceil(timeout_seconds))

    def restart_container(self, container: str, *, timeout_seconds: float) -> None:
        with self._doing(f"restart {short(container)}"):
            self._client.restart(container, timeout=math.ceil(timeout_seconds))

    def kill_container(self, container: str, *, signal: str) -> None:
        with self._doing(f"kill {short(container)}"):
            self._client.kill(container, signal=signal)

    def pause_container(self, container: str) -> None:
        self._unfrozen(f"pause {short(container)}", lambda: self._client.pause(container))

    def unpause_container(self, container: str) -> None:
        with self._doing(f"unpause {short(container)}"):
            self._client.unpause(container)

    def remove_container(self, container: str, *, force: bool = False, volumes: bool = False) -> None:
        with self._doing(f"remove {short(container)}"):
            self._client.remove_container(container, v=volumes, force=force)

    def rename_container(self, container: str, name: str) -> None:
        with self._doing(f"rename {short(container)} to {name}"):
            self._client.rename(container, name)

    def update_container(self, container: str, changes: Json) -> None:
        self._json(f"update {short(container)}", "POST", f"/containers/{path_part(container)}/update", body=changes)

    def wait_container(self, container: str, *, condition: str, timeout_seconds: float) -> int:
        doing = f"wait until {short(container)} is {condition}"
        try:
            with self._doing(doing):
                answer = cast("Json", self._client.wait(container, timeout=cast(int, timeout_seconds), condition=cast(Any, condition)))
        except NotFound:
            if condition == "removed":
                return 0  # it is removed
            raise
        code = answer.get("StatusCode")
        if not isinstance(code, int):
            raise Unsure(f"{doing}: the answer has no exit code")
        return code

    def inspect_container(self, container: str, *, size: bool = False) -> Json:
        return self._json(f"inspect {short(container)}", "GET", f"/containers/{path_part(container)}/json", params={"size": "1"} if size else None)

    def list_containers(self, *, filters: Mapping[str, Sequence[str]] | None = None, all: bool = True) -> list[Json]:  # noqa: A002
        return self._list("list containers", "/containers/json", filters, **({"all": "1"} if all else {}))

    def diff_container(self, container: str) -> dict[str, str]:
        with self._doing(f"diff {short(container)}"):
            changes = cast("list[Json] | None", self._client.diff(container))
        return {text(change["Path"]): "CAD"[cast(int, change["Kind"])] for change in changes or []}

    def logs(self, container: str, *, tail: int = 50) -> str:
        with self._doing(f"logs of {short(container)}"):
            lines = self._client.logs(container, tail=tail, stream=False)
        return lines.decode(errors="replace")

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
        """Run *command*; after the time-out the connection is closed and the command may run on.

        An argv cannot be given an end mark without changing the experiment; use `exec_stream.marked` for what `sh -c` runs.
        """
        deadline = Deadline.after(timeout_seconds)
        body: Json = {"Cmd": list(command), "AttachStdout": not detach, "AttachStderr": not detach}
        if user is not None:
            body["User"] = user
        if environment:
            body["Env"] = [f"{name}={value}" for name, value in environment.items()]
        if working_dir is not None:
            body["WorkingDir"] = working_dir
        for attempt in range(1, FREEZE_TRIES + 1):
            result = self._exec_once(container, body, deadline, detach=detach)
            if attempt == FREEZE_TRIES or not frozen(result) or deadline.over:
                break
            pause(0.1 * attempt)
        return result

    def _exec_once(self, container: str, body: Json, deadline: Deadline, *, detach: bool) -> ExecResult:
        doing = f"exec in {short(container)}"
        made = self._json(doing, "POST", f"/containers/{path_part(container)}/exec", body=body)
        path = f"/exec/{id_of(made)}"
        start: Json = {"Detach": detach, "Tty": False}
        if detach:
            try:
                self._call(doing, "POST", f"{path}/start", body=start)
            except Refused as exc:
                if not_run(exc.words) is None:
                    raise
                return ExecResult(exit_code=not_run(exc.words), stdout=b"", stderr=b"", detail=exc.words)
            return ExecResult(exit_code=None, stdout=b"", stderr=b"", detail="detached")
        response = self._call(doing, "POST", f"{path}/start", body=start, headers=UPGRADE, stream=True, timeout_seconds=max(deadline.left, 0.001))
        stream = Hijacked(response)
        try:
            with self._doing(doing):
                output = read_all(stream, deadline)
        finally:
            stream.close()
        if not output.ended:
            return ExecResult(exit_code=None, stdout=output.stdout, stderr=output.stderr, timed_out=True, detail="it did not end in time")
        code, detail = self._exit_code(path)
        if output.torn:
            code, detail = None, "the output ended within a frame"
        return ExecResult(exit_code=code, stdout=output.stdout, stderr=output.stderr, detail=detail)

    def _exit_code(self, path: str) -> tuple[int | None, str]:
        """The exit code of an exec whose streams have ended; its process may be a moment behind."""
        last: Json = {}

        def over() -> bool:
            last.update(self._json("ask for the exit code", "GET", f"{path}/json"))
            return last.get("Running") is False and isinstance(last.get("ExitCode"), int)

        try:
            done = until(over, timeout_seconds=5.0, every_seconds=0.01)
        except NotFound as exc:
            return None, f"its container is gone: {exc.words}"
        return (cast(int, last["ExitCode"]), "") if done else (None, "the engine does not tell an exit code")

    def attach_shell(self, container: str, *, open_input: bool = False) -> AttachedShell | None:
        if not open_input:
            config = self.inspect_container(container).get("Config")
            if not isinstance(config, dict) or config.get("OpenStdin") is not True or config.get("Tty") is True:
                return None
        response = self._call(
            f"attach to {short(container)}",
            "POST",
            f"/containers/{path_part(container)}/attach",
            params={"stream": "1", "stdin": "1", "stdout": "1", "stderr": "1"},
            headers=UPGRADE,
            stream=True,
        )
        return AttachedShell(Hijacked(response), short(container))

    # --- archive endpoints

    def get_archive(self, container: str, path: str) -> bytes:
        doing = f"copy {path} from {short(container)}"
        return self._call(doing, "GET", f"/containers/{path_part(container)}/archive", params={"path": path}).content

    def put_archive(self, container: str, path: str, data: bytes) -> None:
        doing = f"copy to {path} in {short(container)}"
        self._call(
            doing,
            "PUT",
            f"/containers/{path_part(container)}/archive",
            params={"path": path},
            data=data,
            headers={"Content-Type": "application/x-tar"},
        )

    def stat_archive(self, container: str, path: str) -> ArchiveStat:
        doing = f"stat {path} in {short(container)}"
        answer = self._call(doing, "HEAD", f"/containers/{path_part(container)}/archive", params={"path": path})
        try:
            found = json.loads(base64.b64decode(answer.headers["X-Docker-Container-Path-Stat"]))
            return ArchiveStat(name=found["name"], size_bytes=found["size"], mode=st_mode(found["mode"]), link_target=found.get("linkTarget", ""))
        except (KeyError, ValueError, TypeError) as exc:
            raise Unsure(f"{doing}: the answer cannot be read ({exc!r})") from exc

    def export_container(self, container: str) -> Iterator[bytes]:
        return self._stream(f"export {short(container)}", f"/containers/{path_part(container)}/export")

    # --- images

    def inspect_image(self, image: str) -> Json:
        return self._json(f"inspect image {image}", "GET", f"/images/{path_part(image)}/json")

    def list_images(self, *, filters: Mapping[str, Sequence[str]] | None = None) -> list[Json]:
        return self._list("list images", "/images/json", filters)

    def load_image(self, data: bytes | Iterable[bytes]) -> None:
        doing = "load image"
        answer = self._call(doing, "POST", "/images/load", params={"quiet": "1"}, data=data, headers={"Content-Type": "application/x-tar"})
        self._progress(doing, answer.text)

    def import_image(self, data: bytes | Iterable[bytes], reference: str, *, changes: Sequence[str] = ()) -> str:
        doing = f"import {reference}"
        repository, tag = reference_parts(reference)
        params: Json = {"fromSrc": "-", "repo": repository, "tag": tag, "changes": list(changes)}
        answer = self._call(doing, "POST", "/images/create", params=params, data=data, headers={"Content-Type": "application/x-tar"})
        self._progress(doing, answer.text)
        return text(self.inspect_image(reference)["Id"])

    def save_image(self, images: Sequence[str]) -> Iterator[bytes]:
        return self._stream(f"save {', '.join(images)}", "/images/get", params={"names": list(images)})

    def commit_container(self, container: str, reference: str, *, labels: Mapping[str, str] | None = None) -> str:
        repository, tag = reference_parts(reference)
        changes = [label_change(name, value) for name, value in (labels or {}).items()]
        params: Json = {"container": container, "repo": repository, "tag": tag, "changes": changes}
        answer = self._unfrozen(
            f"commit {short(container)}", lambda: self._json(f"commit {short(container)}", "POST", "/commit", params=params, body={})
        )
        return id_of(answer)

    def tag_image(self, image: str, reference: str) -> None:
        repository, tag = reference_parts(reference)
        with self._doing(f"tag {image} as {reference}"):
            self._client.tag(image, repository, tag=tag)

    def pull_image(self, reference: str, *, timeout_seconds: float) -> None:
        doing = f"pull {reference}"
        repository, tag = reference_parts(reference)
        deadline = Deadline.after(timeout_seconds)
        stream = self._stream(doing, "/images/create", params={"fromImage": repository, "tag": tag}, method="POST", timeout_seconds=timeout_seconds)
        answer = bytearray()
        for part in stream:
            answer += part
            if deadline.over:
                raise Unsure(f"{doing}: not done within {timeout_seconds:g} s")
        self._progress(doing, answer.decode(errors="replace"))

    def remove_image(self, image: str, *, force: bool = False) -> None:
        with self._doing(f"remove image {image}"):
            self._client.remove_image(image, force=force)

    # --- volumes

    def create_volume(
        self, name: str | None, *, driver: str | None = None, options: Mapping[str, str] | None = None, labels: Mapping[str, str] | None = None
    ) -> Json:
        body: Json = {"DriverOpts": dict(options or {}), "Labels": dict(labels or {})}
        if name is not None:
            body["Name"] = name
        if driver is not None:
            body["Driver"] = driver
        return self._json(f"create volume {name or '(anonymous)'}", "POST", "/volumes/create", body=body)

    def inspect_volume(self, volume: str) -> Json:
        return self._json(f"inspect volume {volume}", "GET", f"/volumes/{path_part(volume)}")

    def list_volumes(self, *, filters: Mapping[str, Sequence[str]] | None = None) -> list[Json]:
        answer = self._json("list volumes", "GET", "/volumes", params=filters_text(filters))
        return cast("list[Json]", answer.get("Volumes") or [])

    def remove_volume(self, volume: str, *, force: bool = False) -> None:
        self._call(f"remove volume {volume}", "DELETE", f"/volumes/{path_part(volume)}", params={"force": "1"} if force else None)

    def past_events(self) -> list[Json]:
        params: Json = {"since": "0", "until": f"{time.time():.9f}", **filters_text({"type": ("container", "volume")})}
        answer = b"".join(self._stream("list past events", "/events", params=params, timeout_seconds=3.0))
        with self._doing("list past events"):
            found = [json.loads(line) for line in answer.splitlines() if line.strip()]
        return [event for event in found if isinstance(event, dict)]

    # --- networks

    def list_networks(self, *, filters: Mapping[str, Sequence[str]] | None = None) -> list[Json]:
        return self._list("list networks", "/networks", filters)

    def remove_network(self, network: str) -> None:
        self._call(f"remove network {network}", "DELETE", f"/networks/{path_part(network)}")

    # --- the whole engine

    def prune(self, what: str, *, filters: Mapping[str, Sequence[str]] | None = None, api: str | None = None) -> Json:
        return self._json(f"prune {what}", "POST", f"/{path_part(what)}/prune", params=filters_text(filters), api=api)

    # --- one request

    def _doing(self, what: str) -> Translated:
        return Translated(what, self._address)

    def _call(
        self,
        doing: str,
        method: str,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        body: Json | None = None,
        data: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        stream: bool = False,
        timeout_seconds: float | None = None,
        api: str | None = None,
    ) -> requests.Response:
        """Send one request as API version *api* (None: the agreed one; "": without a version). Raises our errors only."""
        version = self._client.api_version if api is None else api
        with self._doing(doing):
            response = self._client.request(
                method,
                f"{self._client.base_url}{f'/v{version}' if version else ''}{path}",
                params=cast(Any, params),
                data=cast(Any, json.dumps(body).encode() if body is not None else data),
                headers={**({"Content-Type": "application/json"} if body is not None else {}), **(headers or {})},
                stream=stream,
                timeout=self._client.timeout if timeout_seconds is None else timeout_seconds,
                allow_redirects=False,
            )
            if response.status_code >= 400:
                with response:
                    raise refused(doing, response.status_code, words_of(response))
        return response

    def _json(
        self,
        doing: str,
        method: str,
        path: str,
        *,
        params: Mapping[str, object] | None = None,
        body: Json | None = None,
        api: str | None = None,
    ) -> Json:
        response = self._call(doing, method, path, params=params, body=body, api=api)
        with self._doing(doing):
            answer = response.json()
        if not isinstance(answer, dict):
            raise Unsure(f"{doing}: the answer is no object")
        return answer

    def _list(self, doing: str, path: str, filters: Mapping[str, Sequence[str]] | None, **params: str) -> list[Json]:
        response = self._call(doing, "GET", path, params={**params, **filters_text(filters)})
        with self._doing(doing):
            answer = response.json()
        if not isinstance(answer, list):
            raise Unsure(f"{doing}: the answer is no list")
        return answer

    def _stream(
        self, doing: str, path: str, *, params: Mapping[str, object] | None = None, method: str = "GET", timeout_seconds: float | None = None
    ) -> Iterator[bytes]:
        """Send the request at the first step and yield the answer piece by piece; the connection is closed with the iterator."""
        response = self._call(doing, method, path, params=params, stream=True, timeout_seconds=timeout_seconds)
        with response, self._doing(doing):
            yield from response.iter_content(1 << 16)

    def _unfrozen(self, doing: str, act: Callable[[], Done]) -> Done:
        """*act*, again while runc cannot freeze the container's processes."""
        for attempt in range(1, FREEZE_TRIES):
            try:
                with self._doing(doing):
                    return act()
            except Refused as exc:
                if "unable to freeze" not in exc.words:
                    raise
                pause(0.1 * attempt)
        with self._doing(doing):
            return act()

    def _progress(self, doing: str, answer: str) -> None:
        words = progress_error(answer)
        if words is not None:
            raise refused(doing, 500, words)
