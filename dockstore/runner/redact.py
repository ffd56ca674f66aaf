"""No secret leaves the machine in a history: environments, command lines with passwords, addresses with credentials.

Rule 1: what is kept is kept redacted; nobody redacts later.
Rule 2: in doubt it is a secret.
Rule 3: a value that a stack was seen to keep secret is hidden wherever it turns up, in whatever words: once learnt, for good.
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
_ASSIGNED = rf"(?i)\b([\w.-]*{_SENSITIVE}[\w.-]*\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s\"',;&]+)"
_FLAG = rf"(?i)(--?[\w-]*{_SENSITIVE}[\w-]*\s+)(\"[^\"]*\"|'[^']*'|[^\s\"'-][^\s\"',;&]*)"
_ADDRESS = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s/:@]*:)([^\s/@]+)(@)", re.IGNORECASE)
_ENVIRONMENT_KEYS = frozenset({"Env", "environment", "x-dockstore", "args", "content"})  # the last two: of a build, of a config
_LEAST = 4  # characters of a secret; what is shorter would hide half of every text
_LEAST_IN_DOUBT = 8
_NO_SECRETS = frozenset(
    {"admin", "example", "false", "guest", "mysql", "none", "null", "password", "postgres", "redis", "root", "secret", "test", "true", "user"}
)
_learnt: set[str] = set()
_SENSITIVE_NAME = re.compile(rf"(?i){_SENSITIVE}")


def redacted(text: str) -> str:
    """Return *text* without what looks like a secret, or is known to be one."""
    for secret in sorted(_learnt, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    if "://" in text:
        text = _ADDRESS.sub(rf"\1{HIDDEN}\3", text)
    if _SENSITIVE_NAME.search(text):  # else neither can match, and neither is compiled
        text = re.sub(_ASSIGNED, rf"\1{HIDDEN}", text)
        text = re.sub(_FLAG, rf"\1{HIDDEN}", text)
    return text


def learn(environment: Mapping[str, object], *, certain: bool = False) -> None:
    """Hide these values from now on: those whose name says secret, those that look random, passwords in addresses; *certain*: all."""
    for name, value in environment.items():
        text = str(value or "").strip()
        found = {part[2] for part in _ADDRESS.finditer(text)}
        if certain or _SENSITIVE_NAME.search(name) or (len(text) >= _LEAST_IN_DOUBT and _looks_random(text)):
            found |= {line.strip() for line in text.splitlines()}
        _learnt.update(one for one in found if len(one) >= _LEAST and one.lower() not in _NO_SECRETS and name not in HARMLESS)


def _looks_random(text: str) -> bool:
    return text.isascii() and any(c.isdigit() for c in text) and any(c.isalpha() for c in text) and not any(c in " ./:," for c in text)


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
