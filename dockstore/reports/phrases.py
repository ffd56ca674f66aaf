"""How things are said: values, stores, durations and verdicts in the words that every report shares.

Rule 1: text in, text out; nothing here counts, decides or knows a format.
Rule 2: what a container printed reaches no terminal raw: control characters are shown, never sent.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from dockstore.core.model import Fate, Outcome, StoreKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dockstore.core.model import EngineInfo, Store
    from dockstore.core.verdict import Ruling, Shown, Verdict

_UNSAFE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029\ud800-\udfff]")
_HEX: Final = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{20,52}\b")
_PASSWORD: Final = re.compile(r"(?<=://)([^/@\s:]*):[^/@\s]*@")

VERDICT_WORDS: Final = {
    "holds": "holds",
    "holds-with-nuance": "holds, with a nuance",
    "does-not-hold": "does not hold as taught",
    "refuted": "refuted",
    "undecided": "undecided",
    "untested": "untested",
}
"""A claim's verdict as a person reads it."""

FATE_WORDS: Final = {
    Fate.PERSISTED: "the container at the place has it, in the store that took it",
    Fate.CARRIED: "a copy reached another store; the container has that one",
    Fate.LOST: "the bytes are gone",
    Fate.ORPHANED: "the bytes are still there, and no container has them",
    Fate.ELSEWHERE: "the bytes are still there, in another container or at another path",
    Fate.SHADOWED: "the bytes lie under a mount that hides them",
    Fate.ALTERED: "other bytes are at their place",
    Fate.DISPUTED: "the witnesses contradict one another",
    Fate.UNKNOWN: "the evidence does not reach",
}
"""What each fate means, in one clause."""

OUTCOME_LABELS: Final = {Outcome.HOLDS: "OK", Outcome.REFUTED: "FAIL", Outcome.UNDECIDED: "UNDECIDED", Outcome.SKIPPED: "SKIP"}
"""The word that a line begins with."""


def clean(text: str) -> str:
    r"""Return *text* with control and direction characters written out (`\x1b`), line ends and tabs kept."""
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text.replace("\r\n", "\n"))


def line(text: str) -> str:
    """Return *text* cleaned and on one line."""
    return " ".join(clean(text).split())


def shown(value: Shown | None) -> str:
    """Return an expected or actual value as a person reads it; None is what could not be got."""
    match value:
        case None:
            return "not known"
        case bool():
            return "true" if value else "false"
        case str():
            return line(value) if value.strip() else '""'
        case list():
            return ", ".join(shown(one) for one in value) if value else "nothing"
        case dict():
            checks = " and ".join(f"{key.replace('_', ' ')} {shown(one)}" for key, one in value.items() if key != "since")
            return f"{checks}, grown since {shown(value['since'])}" if "since" in value else checks
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.6g}"
        case _:
            return str(value)


def short(identity: str) -> str:
    """Return an id cut to twelve hex digits, as docker prints it; anything else stays."""
    return _HEX.sub(r"\1", identity)


def shortened(text: str) -> str:
    """Return *text* with every long id in it cut to twelve hex digits."""
    return _HEX.sub(r"\1", line(text))


def store_words(store: Store | None) -> str:
    """Return what a store is, with its name: `anonymous volume 9c1f4e0ab3d2`."""
    if store is None:
        return "a store that could not be told"
    name = short(store.name or "")
    match store.kind:
        case StoreKind.VOLUME:
            return f"{'anonymous ' if store.anonymous else ''}volume {name}".strip()
        case StoreKind.WRITABLE_LAYER:
            return f"writable layer of {name or short(store.container or 'a container')}"
        case StoreKind.BIND:
            return f"bind mount of {store.host_path or 'a folder on the host'}"
        case StoreKind.TMPFS:
            return f"tmpfs at {store.target}" if store.target else "tmpfs"
        case StoreKind.IMAGE_LAYER:
            return f"image layer of {name}" if name else "image layer"
        case StoreKind.IMAGE_MOUNT:
            return f"mount of image {name}" if name else "image mount"
        case StoreKind.ENGINE_FILE:
            return "file that the engine keeps"


def seconds(value: float) -> str:
    """Return a duration: `0.32 s`, `4.2 s`, `2 min 05 s`."""
    if value < 1:
        return f"{value:.2f} s"
    if value < 60:
        return f"{value:.1f} s"
    whole = round(value)
    return f"{whole // 60} min {whole % 60:02d} s"


def address(text: str) -> str:
    """Return an engine's address without a password."""
    return line(_PASSWORD.sub(r"\1:…@", text))


def engine_words(info: EngineInfo) -> str:
    """Return an engine in one clause: `Docker Engine 20.10.24, overlay2, Linux 6.1, disposable`."""
    parts = [f"{info.product} {info.version}", info.storage_driver]
    parts += [f"Linux {info.kernel}"] if info.kernel else []
    parts += ["rootless"] if info.rootless else []
    parts += ["disposable"] if info.disposable else []
    return ", ".join(line(part) for part in parts if part)


def needs(verdict: Verdict) -> str:
    """Return why a scenario was skipped: `needs upperdir and host-files`."""
    return f"needs {listed(verdict.unmet)}" if verdict.unmet else line(verdict.reason or "skipped")


def listed(words: Iterable[str]) -> str:
    """Return `a`, `a and b` or `a, b and c`."""
    *most, last = [line(word) for word in words] or [""]
    return f"{', '.join(most)} and {last}" if most else last


def place(verdict: Verdict) -> str:
    """Return FILE:LINE of the first ruling that does not hold, else FILE."""
    at = first_line(verdict)
    return f"{verdict.scenario.file}:{at}" if at else verdict.scenario.file


def first_line(verdict: Verdict) -> int | None:
    """Return the line of the first ruling that does not hold."""
    return next((ruling.line for ruling in verdict.rulings if ruling.outcome is not Outcome.HOLDS), None)


def subject(ruling: Ruling) -> str:
    """Return what a ruling is about: `row`, `row: host`, `after: size_rw`, `volume, remove+run`."""
    if ruling.column is not None:
        return f"{line(ruling.column)}, {line(ruling.event or '')}"
    if ruling.kind == "fate":
        return line(ruling.look)
    return f"{line(ruling.look)}: {line(ruling.fact)}"


def sentence(ruling: Ruling) -> str:
    """Return expected against actual in one sentence, for an annotation or a list."""
    return f"{subject(ruling)}: {shown(ruling.expected)} was expected, {shown(ruling.actual)} was seen"


def repeats(verdict: Verdict, ruling: Ruling) -> bool:
    """Tell whether a ruling's reason says no more than its verdict's: the run ended before it."""
    return bool(verdict.reason) and (verdict.reason or "").rstrip(".") in ruling.why and ruling.hint is None
