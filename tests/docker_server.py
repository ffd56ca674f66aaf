"""An engine of our own making that answers as it is told, for tests of the door to Docker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine_server import Request, answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from dockstore.engines.docker_engine import DockerEngine


def requests_of(engine: DockerEngine) -> list[str]:
    found: list[str] = engine.server.requests  # type: ignore[attr-defined]
    return [line for line in found if not line.endswith(("/version", "/info"))]


def nothing(request: Request) -> bytes:
    return answer({"message": f"unexpected {request.path}"}, "500 Oops")


def exec_handler(stream: Callable[[Request], None], **state: object) -> Callable[[Request], bytes | None]:
    """Answers an exec: *stream* sends what the engine sends after the start."""

    def handle(request: Request) -> bytes | None:
        if request.path.endswith("/exec"):
            return answer({"Id": "e1"}, "201 Created")
        if request.path.endswith("/start"):
            stream(request)
            return None
        return answer({"Running": False, "ExitCode": 0, **state})

    return handle
