"""What a single text can mean: sizes, durations, modes, owners, names, places. A text in, a value out, or the reason why not.

Rule 1: a scalar is the text that was written; the key decides how it is read, so `0750` is octal where a mode is wanted and a text elsewhere.
Rule 2: never a guess: a text that does not say what it should is refused with what should be written.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from dockstore.core.model import Place, PlaceKind
from dockstore.core.problems import Misread, did_you_mean, said
from dockstore.core.shape import Choice, Flag, ListOf, MapOf, Scalar, TextOr
from dockstore.core.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

RESERVED = ("host", "volume", "image", "layer", "engine")
FIVE_FORMS = "NAME:/PATH in a container, volume:NAME/PATH, host:PATH, layer:NAME/PATH or image:NAME/PATH"
NAME_PATTERN = r"[a-zA-Z0-9][a-zA-Z0-9_.-]*"
REFERENCE_PATTERN = r"[a-zA-Z0-9][a-zA-Z0-9_./:@-]*"
VARIABLE_NAME_PATTERN = r"[A-Za-z_][A-Za-z0-9_]*"
CAPABILITY_PATTERN = r"(?:not )?[a-z][a-z0-9-]*"
LONGEST_NAME = 100
LONGEST_SECONDS = 86_400.0
_LONGEST_PATH = 4096
_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(h|ms|m|s)")


def size(text: str) -> int:
    """Bytes of a size as Docker writes it: powers of 1024."""
    found = re.fullmatch(r"([0-9]{1,15})([bkmg]?)", text)
    if found is None:
        raise Misread(f"not a size: {_bare(text)}, write 512k, 64m or 2g")
    return int(found[1]) * _UNITS[found[2]]


def duration(text: str) -> float:
    """Seconds of a duration as Compose writes it."""
    if not re.fullmatch(f"(?:{_DURATION.pattern})+", text) or len(text) > 60:
        raise Misread(f"not a duration: {_bare(text)}, write 500ms, 10s or 1m30s")
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in _DURATION.findall(text))
    if seconds > LONGEST_SECONDS:
        raise Misread(f"longer than a day: {_bare(text)}")
    return seconds


def mode(text: str) -> int:
    """Permission bits, octal."""
    if not re.fullmatch(r"[0-7]{3,4}", text):
        raise Misread(f"not a mode: {_bare(text)}, write 0755, 750 or 1777")
    return int(text, 8)


def owner(text: str) -> tuple[int, int]:
    """User and group as numbers."""
    found = re.fullmatch(r"([0-9]{1,10}):([0-9]{1,10})", text)
    if found is None or max(int(found[1]), int(found[2])) >= 1 << 32:
        raise Misread(f'not an owner: {_bare(text)}, write "1000:1000"')
    return int(found[1]), int(found[2])


def number(text: str) -> int | float:
    """A number, whole if written so."""
    if not re.fullmatch(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?", text):
        raise Misread(f"not a number: {_bare(text)}")
    return float(text) if "." in text else int(text)


def count(text: str) -> int:
    """A whole number from 1 on."""
    if not re.fullmatch(r"[1-9][0-9]{0,5}", text):
        raise Misread(f"not a count: {_bare(text)}, write a whole number from 1 on")
    return int(text)


def container_name(text: str) -> str:
    """A container's name in the file."""
    if text in RESERVED:
        raise Misread(f"{said(text)} cannot name a container", f"{', '.join(RESERVED)} begin places and subjects of their own")
    return name(text)


def name(text: str) -> str:
    """A name as Docker takes it."""
    if not re.fullmatch(NAME_PATTERN, text) or len(text) > LONGEST_NAME:
        raise Misread(f"not a name: {_bare(text)}, write letters, digits, '_', '.' and '-'")
    return text


def label(text: str) -> str:
    """A name of a write or look: a few words on one line."""
    if text.strip() != text or not text or not text.isprintable() or len(text) > LONGEST_NAME:
        raise Misread(f"not a name: {said(text)}, write a few words on one line")
    if text == "where":
        raise Misread("'where' cannot name a look", "it has a meaning of its own in 'expect'")
    return text


def write_name(text: str) -> str:
    """The name of a write: as of a look, but nothing that looks like a place."""
    if ":" in text:
        raise Misread(f"not the name of a write: {said(text)}", "a name is a few words; the place is written 'to: PLACE'")
    return label(text)


def reference(text: str) -> str:
    """A name of an image, here or elsewhere."""
    if not re.fullmatch(REFERENCE_PATTERN, text) or len(text) > 255:
        raise Misread(f"not an image: {_bare(text)}")
    return text


def line(text: str) -> str:
    """A sentence on one line."""
    joined = " ".join(text.split())
    if not joined or len(joined) > 1000:
        raise Misread("a sentence is wanted here")
    return joined


def capability(text: str) -> str:
    """`NAME` or `not NAME`."""
    from dockstore.core.capabilities import CAPABILITIES

    known = text.removeprefix("not ")
    if known not in CAPABILITIES:
        raise Misread(f"no such capability: {said(known)}", did_you_mean(known, CAPABILITIES))
    return text


def absolute(text: str) -> str:
    """An absolute path as a process sees it, without a slash at the end."""
    if not text.startswith("/"):
        raise Misread(f"not an absolute path: {_bare(text)}", f"write /{text}" if re.fullmatch(r"[\w./-]{1,40}", text) else None)
    if "\0" in text or len(text) > _LONGEST_PATH:
        raise Misread(f"not a path: {_bare(text)}")
    return "/" + "/".join(part for part in text.split("/") if part)


def inside(text: str, where: str, whole: str) -> str:
    """A path relative to *where*, and never out of it."""
    if text.startswith("/") or ".." in text.split("/"):
        raise Misread(f"{said(whole)} leads out of {where}", "write a path inside it, without '..' and without a slash at the start")
    if "\0" in text or len(text) > _LONGEST_PATH:
        raise Misread(f"not a path: {_bare(text)}")
    return "/".join(part for part in text.split("/") if part not in {"", "."})


def scratch(text: str, whole: str) -> str:
    """A path inside the scratch folder."""
    return inside(text, "the scenario's scratch folder", whole)


def host_source(text: str) -> str:
    """The source of a bind mount: `./FOLDER` in the scratch folder, or an absolute path."""
    if text.startswith("/"):
        return absolute(text)
    if text == "." or text.startswith("./"):
        return scratch(text.removeprefix(".").removeprefix("/"), text)
    if text.startswith("../") or text == "..":
        return scratch(text, text)
    raise Misread(f"not a folder of the host: {_bare(text)}", f"./{text} is in the scenario's scratch folder")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a step is about. *kind*: container, volume, image, host or engine; *path* for host only."""

    kind: str
    name: str = ""
    path: str = ""

    @property
    def place(self) -> Place:
        """Of a host subject."""
        return Place(PlaceKind.HOST, "", self.path)


def place(text: str) -> Place:
    """One of the five forms."""
    head, colon, path = text.partition(":")
    if not colon or not head:
        raise Misread(f"not a place: {said(text)}", FIVE_FORMS)
    if head == "host":
        return Place(PlaceKind.HOST, "", scratch(path, text))
    if head in {"volume", "layer", "image"}:
        owned, _, rest = path.partition("/")
        if not re.fullmatch(NAME_PATTERN, owned):
            raise Misread(f"not a place: {said(text)}", FIVE_FORMS)
        return Place(PlaceKind(head), owned, inside(rest, f"the {head}" if head != "layer" else "the writable layer", text))
    if head == "engine" or not path.startswith("/") or not re.fullmatch(NAME_PATTERN, head) or len(path) > _LONGEST_PATH or "\0" in path:
        raise Misread(f"not a place: {said(text)}", FIVE_FORMS)
    return Place(PlaceKind.CONTAINER, head, path)


def place_of(kinds: tuple[PlaceKind, ...], text: str) -> Place:
    """A place of one of *kinds*."""
    found = place(text)
    if found.kind not in kinds:
        kind = "container" if found.kind is PlaceKind.CONTAINER else f"{found.kind}:"
        forms = {PlaceKind.CONTAINER: "NAME:/PATH", PlaceKind.HOST: "host:PATH"}
        raise Misread(f"not possible with a {kind} place", "write " + " or ".join(forms.get(kind, f"{kind}:NAME/PATH") for kind in kinds))
    return found


def subject(kinds: tuple[str, ...], text: str) -> Subject:
    """A subject of one of *kinds*."""
    forms = {"container": "NAME", "engine": "engine", "host": "host:PATH", "volume": "volume:NAME", "image": "image:NAME"}
    hint = "write " + " or ".join(forms[kind] for kind in kinds)
    head, colon, rest = text.partition(":")
    match head, bool(colon):
        case "engine", False:
            found = Subject(kind="engine")
        case "host", True:
            found = Subject(kind="host", path=scratch(rest, text))
            if not found.path and "host" in kinds:
                raise Misread("the scratch folder itself is not a scenario's to change", "write host:PATH")
        case "volume", True:
            found = Subject(kind="volume", name=name(rest))
        case "image", True:
            found = Subject(kind="image", name=reference(rest))
        case _, False:
            if "container" not in kinds:
                raise Misread(f"not possible with {said(text)}", hint)
            return Subject(kind="container", name=container_name(text))
        case _:
            raise Misread(f"not possible with {said(text)}", hint)
    if found.kind not in kinds:
        raise Misread(f"not possible with {said(text)}", hint)
    return found


def api_version(text: str) -> str:
    """A version of the engine's API."""
    if not re.fullmatch(r"1\.[0-9]{1,3}", text):
        raise Misread(f"not a version of the API: {_bare(text)}, write 1.41")
    return text


def copied(text: str) -> Place | str:
    """What `copy` takes: a place, or the name of a new write."""
    return place_of((PlaceKind.CONTAINER, PlaceKind.HOST), text) if ":" in text or text.startswith(("/", ".")) else label(text)


def _bare(text: str) -> str:
    return text if re.fullmatch(r"[\w./:%+-]{1,40}", text) else said(text)


def _verbatim(text: str) -> str:
    return text


def _scalar(wanted: str, parse: Callable[[str], str], pattern: str | None = None, *, script: bool = False) -> Scalar[str]:
    return Scalar(wanted=wanted, parse=parse, pattern=pattern, script=script)


# --- readers --------------------------------------------------------------------------------------------------------------

FLAG = Flag()
TEXT = _scalar("a text", _verbatim)
SHELL_TEXT = _scalar("a text", _verbatim, script=True)
LINE = _scalar("a sentence", line)
NAME = _scalar("a name", name, NAME_PATTERN)
CONTAINER_NAME = _scalar("a container's name", container_name, rf"(?!(?:{'|'.join(RESERVED)})$){NAME_PATTERN}")
VARIABLE_NAME = _scalar("a name", lambda text: text if re.fullmatch(VARIABLE_NAME_PATTERN, text) else _no_variable(text), VARIABLE_NAME_PATTERN)
LABEL = _scalar("a name", label)
WRITE_NAME = _scalar("a name", write_name, "[^:]+")
REFERENCE = _scalar("an image", reference, REFERENCE_PATTERN)
CAPABILITY = _scalar("a capability", capability, CAPABILITY_PATTERN)
PATH = _scalar("an absolute path", absolute, "/.*")
HOST_SOURCE = _scalar("a folder of the host", host_source, r"(?:/|\.).*")
SUBPATH = Scalar(wanted="a path inside the volume", parse=_verbatim)
SIZE: Scalar[int] = Scalar(wanted="a size", parse=size, pattern="[0-9]+[bkmg]?", hint="write 512k, 64m or 2g")
DURATION: Scalar[float] = Scalar(
    wanted="a duration", parse=duration, pattern=r"(?:[0-9]+(?:\.[0-9]+)?(?:h|ms|m|s))+", hint="write 500ms, 10s or 1m30s"
)
MODE: Scalar[int] = Scalar(wanted="a mode", parse=mode, pattern="[0-7]{3,4}", hint="write 0755, 750 or 1777")
OWNER: Scalar[tuple[int, int]] = Scalar(wanted="an owner", parse=owner, pattern="[0-9]+:[0-9]+", hint='write "1000:1000"')
COUNT: Scalar[int] = Scalar(wanted="a count", parse=count, pattern="[1-9][0-9]*")
SIGNAL = _scalar("a signal", lambda text: text.upper().removeprefix("SIG") if re.fullmatch(r"[A-Za-z0-9+-]{1,12}", text) else _no_signal(text))
COMMAND_TEXT = _scalar("a command", lambda text: text if text.strip() else _no_command(), script=True)
WORDS: ListOf[str] = ListOf(item=SHELL_TEXT, hint="[sleep, infinity]", least=1)
PAIRS: MapOf[str] = MapOf(name=TEXT, value=TEXT)
PATHS: ListOf[str] = ListOf(item=PATH, hint="[/data]")


def _no_signal(text: str) -> str:
    raise Misread(f"not a signal: {_bare(text)}, write KILL, TERM or HUP")


def _no_command() -> str:
    raise Misread("a command is wanted here")


def _no_variable(text: str) -> str:
    raise Misread(f"not a name for a variable: {_bare(text)}, write letters, digits and '_'")


def _as_command(text: str) -> str | tuple[str, ...]:
    return COMMAND_TEXT.parse(text)


_SHELL_COMMAND: Scalar[str | tuple[str, ...]] = Scalar(
    wanted="a command", parse=_as_command, script=True, hint="a text goes to sh -c, a list is argv"
)
COMMAND: TextOr[str | tuple[str, ...]] = TextOr(text=_SHELL_COMMAND, items=WORDS)


def places(*kinds: PlaceKind) -> Scalar[Place]:
    """A reader of places of *kinds*."""
    heads = "|".join(r"(?!(?:host|volume|layer|image|engine):)[^:]+:/" if kind is PlaceKind.CONTAINER else f"{kind}:" for kind in kinds)
    return Scalar(wanted="a place", parse=partial(place_of, kinds), pattern=f"(?:{heads}).*", hint=FIVE_FORMS)


def subjects(*kinds: str) -> Scalar[Subject]:
    """A reader of subjects of *kinds*."""
    heads = "|".join(
        rf"(?!(?:{'|'.join(RESERVED)})$){NAME_PATTERN}" if kind == "container" else "engine" if kind == "engine" else f"{kind}:.+" for kind in kinds
    )
    return Scalar(wanted="a name", parse=partial(subject, kinds), pattern=heads)


def words(*choices: str) -> Choice:
    """A reader of one of *choices*."""
    return Choice(words=choices)
