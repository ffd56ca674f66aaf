"""No secret leaves the machine in a history: environments, command lines with passwords, addresses with credentials.

Rule 1: what is kept is kept redacted; nobody redacts later.
Rule 2: in doubt it is a secret.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

HIDDEN = "[redacted]"
HARMLESS = frozenset({"PATH", "HOME", "LANG", "LANGUAGE", "TERM", "HOSTNAME", "PWD", "SHLVL", "TZ", "USER"})
_SENSITIVE = r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|credentials?|auth)"
_ASSIGNED = re.compile(rf"(?i)\b([\w.-]*{_SENSITIVE}[\w.-]*\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s\"',;&]+)")
_FLAG = re.compile(rf"(?i)(--?[\w-]*{_SENSITIVE}[\w-]*\s+)(\"[^\"]*\"|'[^']*'|[^\s\"'-][^\s\"',;&]*)")
_ADDRESS = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)([^\s/@]+)(@)", re.IGNORECASE)
_ENVIRONMENT_KEYS = frozenset({"Env", "environment", "x-dockstore"})
_SENSITIVE_NAME = re.compile(rf"(?i){_SENSITIVE}")


def redacted(text: str) -> str:
    """Return *text* without what looks like a secret."""
    text = _ADDRESS.sub(rf"\1{HIDDEN}\3", text)
    text = _ASSIGNED.sub(rf"\1{HIDDEN}", text)
    return _FLAG.sub(rf"\1{HIDDEN}", text)


def redacted_json(value: object) -> object:
    """Return an engine's answer without the values of its environments and without what looks like a secret."""
    match value:
        case dict():
            return {str(key): _member(str(key), item) for key, item in value.items()}
        case list():
            return _list(value)
        case str():
            return redacted(value)
        case _:
            return value


def raw(value: object) -> str:
    """Return an engine's whole answer as one redacted line."""
    return json.dumps(redacted_json(value), ensure_ascii=False, separators=(",", ":"), default=str)


def _member(key: str, item: object) -> object:
    if key in _ENVIRONMENT_KEYS:
        return _environment(item)
    if isinstance(item, str) and _SENSITIVE_NAME.search(key):
        return HIDDEN if item else item
    return redacted_json(item)


def _environment(item: object) -> object:
    match item:
        case list():
            return [_variable(str(entry)) for entry in item]
        case dict():
            return _mapping(item)
        case None:
            return None
        case _:
            return HIDDEN


def _mapping(item: Mapping[object, object]) -> dict[str, object]:
    return {str(name): value if name in HARMLESS else HIDDEN for name, value in item.items()}


def _variable(entry: str) -> str:
    name, found, _ = entry.partition("=")
    return entry if not found or name in HARMLESS else f"{name}={HIDDEN}"


def _list(items: list[object]) -> list[object]:
    """A list, where a word that asks for a secret hides the one after it (`["--password", "x"]`)."""
    found: list[object] = []
    hide = False
    for item in items:
        if isinstance(item, str):
            found.append(HIDDEN if hide and not item.startswith("-") else redacted(item))
            hide = item.startswith("-") and "=" not in item and _SENSITIVE_NAME.search(item) is not None
        else:
            found.append(redacted_json(item))
            hide = False
    return found
