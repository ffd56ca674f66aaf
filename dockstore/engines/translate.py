"""Foreign errors in, ours out. With `docker_engine` the only place that knows the SDK's and its HTTP library's errors.

Rule 1: an answer with a status is Refused: it did not happen.
Rule 2: no connection is Unreachable: it cannot have happened.
Rule 3: everything between (time-out, connection lost, an answer that cannot be read) is Unsure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dockstore.engines.address_facts import chain, nobody_there, unreachable
from dockstore.engines.errors import Conflict, EngineError, NotFound, Refused, Unsure

if TYPE_CHECKING:
    from types import TracebackType


def refused(doing: str, status: int, words: str) -> Refused:
    """The error for an answer with *status*."""
    kind = {404: NotFound, 409: Conflict}.get(status, Refused)
    return kind(doing, status, words.strip())


def translate(doing: str, failure: BaseException, *, address: str) -> EngineError | None:
    """Our error for *failure*; None if it is none of the SDK's, the HTTP library's or a socket's."""
    import requests
    import urllib3
    from docker import errors

    if isinstance(failure, EngineError):
        return failure
    if isinstance(failure, errors.APIError):
        status = failure.response.status_code if failure.response is not None else None
        words = str(failure.explanation or "") or str(failure.args[0] if failure.args else failure)
        return refused(doing, status, words) if status is not None else EngineError(f"{doing}: {words}")
    if isinstance(failure, errors.StreamParseError):
        return Unsure(f"{doing}: the answer cannot be read ({failure})")
    if isinstance(failure, errors.DockerException):
        return unreachable(address, failure) if nobody_there(failure) else EngineError(f"{doing}: {_words(failure)}")
    if isinstance(failure, requests.RequestException | urllib3.exceptions.HTTPError | OSError):
        return _connection(doing, failure, address)
    return None


def _connection(doing: str, failure: BaseException, address: str) -> EngineError:
    import requests

    if nobody_there(failure):
        return unreachable(address, failure)
    if isinstance(failure, requests.exceptions.InvalidJSONError | requests.exceptions.ContentDecodingError):
        return Unsure(f"{doing}: the answer cannot be read ({_words(failure)})")
    if isinstance(
        failure,
        requests.exceptions.URLRequired
        | requests.exceptions.MissingSchema
        | requests.exceptions.InvalidSchema
        | requests.exceptions.InvalidURL
        | requests.exceptions.InvalidHeader,
    ):
        return EngineError(f"{doing}: {_words(failure)}")  # never sent
    if any("Timeout" in type(item).__name__ for item in chain(failure)):
        return Unsure(f"{doing}: no answer in time; it may or may not have happened")
    return Unsure(f"{doing}: the connection was lost; it may or may not have happened ({_words(failure)})")


def _words(failure: BaseException) -> str:
    return str(failure) or type(failure).__name__


class Translated:
    """A context in which foreign errors become ours: `with Translated("remove volume rows", address): ...`."""

    __slots__ = ("_address", "_doing")

    def __init__(self, doing: str, address: str) -> None:
        self._doing = doing
        self._address = address

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None) -> None:
        if failure is None or isinstance(failure, EngineError) or not isinstance(failure, Exception):
            return
        ours = translate(self._doing, failure, address=self._address)
        if ours is not None:
            raise ours from failure
