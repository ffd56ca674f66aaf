"""The API's small words there and back: references, file modes, what an answer's text says.

Rule 1: pure; nothing here asks an engine.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

from dockstore.engines.engine_info import text
from dockstore.engines.errors import EngineError, Unsure

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dockstore.engines.engine import ExecResult, Json

GO_TYPES = (  # Go's os.FileMode bits -> st_mode's
    (1 << 31, 0o040000),  # directory
    (1 << 27, 0o120000),  # link
    (1 << 25, 0o010000),  # fifo
    (1 << 24, 0o140000),  # socket
    (1 << 21, 0o020000),  # character device (it has the device bit too, so it stands first)
    (1 << 26, 0o060000),  # device
)
GO_BITS = ((1 << 23, 0o4000), (1 << 22, 0o2000), (1 << 20, 0o1000))  # setuid, setgid, sticky
FULL_ID = re.compile(r"[0-9a-f]{64}")


class Answered(Protocol):
    """As much of an HTTP answer as its words need."""

    @property
    def text(self) -> str:
        """The body."""

    @property
    def reason(self) -> str:
        """The status line's words."""


def short(name: str) -> str:
    """*name*, or the first twelve digits of an id, for people."""
    return name[:12] if FULL_ID.fullmatch(name) else name


def path_part(name: str) -> str:
    """*name* as a part of a path; references keep their slashes and colons."""
    if not name:
        raise EngineError("an object without a name was asked for")
    return quote(name, safe="/:@")


def filters_text(filters: Mapping[str, Sequence[str]] | None) -> dict[str, str]:
    """The `filters` parameter."""
    return {"filters": json.dumps({name: list(values) for name, values in filters.items()})} if filters else {}


def reference_parts(reference: str) -> tuple[str, str]:
    """`localhost/rows:1` -> (`localhost/rows`, `1`); without a tag `latest`, so that never all tags are meant."""
    repository, at, digest = reference.partition("@")
    if at:
        return repository, digest
    head, colon, tag = reference.rpartition(":")
    return (head, tag) if colon and "/" not in tag else (reference, "latest")


def label_change(name: str, value: str) -> str:
    """A label as a line of a Dockerfile, which a commit takes; `$` would be a variable there."""
    return f"LABEL {_docker_quoted(name)}={_docker_quoted(value)}"


def _docker_quoted(value: str) -> str:
    return '"' + re.sub(r'([\\"$])', r"\\\1", value) + '"'


def st_mode(go_mode: int) -> int:
    """Go's os.FileMode as st_mode."""
    kind = next((found for bit, found in GO_TYPES if go_mode & bit), 0o100000)
    return kind | sum(found for bit, found in GO_BITS if go_mode & bit) | (go_mode & 0o777)


def id_of(answer: Json) -> str:
    """The id of what was made."""
    number = answer.get("Id")
    if not isinstance(number, str) or not number:
        raise Unsure(f"the engine's answer has no id: {answer}")
    return number


def words_of(response: Answered) -> str:
    """The engine's own text of a refusal."""
    try:
        answer = json.loads(response.text)
    except ValueError:
        return response.text or response.reason or ""
    return (text(answer.get("message")) if isinstance(answer, dict) else "") or response.text


def progress_error(answer: str) -> str | None:
    """What went wrong, if anything did: an answer in progress lines has its error inside, with status 200."""
    for line in answer.splitlines():
        try:
            message = json.loads(line)
        except ValueError:
            continue
        if isinstance(message, dict) and ("error" in message or "errorDetail" in message):
            detail = message.get("errorDetail")
            return text(message.get("error")) or (text(detail.get("message")) if isinstance(detail, dict) else "") or line
    return None


def not_run(words: str) -> int | None:
    """126 or 127 if *words* say that the command could not be run."""
    if "executable file not found" in words or "no such file or directory" in words:
        return 127
    return 126 if "permission denied" in words or "exec format error" in words else None


def frozen(result: ExecResult) -> bool:
    """Whether runc gave up before the command began."""
    return result.exit_code in {126, 255} and b"unable to freeze" in result.stdout + result.stderr
