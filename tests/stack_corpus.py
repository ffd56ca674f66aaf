"""The corpus of stacks: tests/stacks/NAME/compose.yaml, and what a person knows to be true of it in truth.yaml.

truth.yaml:
  title, about        words
  write, read, ready  {service, command}: how the user's row gets in, how it is found again, when the service answers
  data                [{service, path, fates: {event: fate}}]; the event `routine` stands for every routine event that is not named;
                      write and read of its own where a stack has several; path null: data that touches no file;
                      covers: what lies below the path counts, too (data under a name that changes)
  quiet               nothing may be reported above advice
  loses, flag         a routine event loses data; {path, rules}: what must be reported, any of the rules (a family: DS1)
  outcome             where it is neither of both: cannot-write, cannot-start
  probe               a marker cannot tell: only the service's own word (write, read) can
  audit               {unknown: reason}: no file shows it
  fix, fix.yaml       what a person would write instead; the override that keeps the data
  by_hand             why dockstore writes no fix (or none for an upgrade): what a person has to decide or to do
  external            volumes that somebody else made before
  one_off             {service, command, found}: a row written by `compose run`, and whether the service finds it
Names that begin with `corpusfixed` are fixed by the file; whoever plays a copy gives them another name.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).parent / "stacks"
FIXED = "corpusfixed"
ROUTINE = ("restart", "stop+start", "kill+start", "recreate", "remove+run", "down+up")
ENGINE_WIDE = ("system-prune-volumes", "stop+system-prune", "engine-restart", "engine-kill", "reboot")
UPGRADES = ("upgrade", "down+upgrade")
SMALL = ("lab", "keeper", "site", "notes", "redis")  # images that are made in seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What somebody types into a service."""

    service: str
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Datum:
    """Something that somebody wants to find again, and what each event does to it."""

    service: str
    path: str | None
    fates: Mapping[str, str]
    write: Command
    read: Command
    aliases: tuple[str, ...] = ()
    covers: bool = False

    def is_at(self, service: str, path: str | None) -> bool:
        """Whether a row of a report is about this."""
        names = (self.path, *self.aliases)
        return service == self.service and (path in names or (self.covers and path is not None and path.startswith(f"{self.path}/")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """What must be reported of a stack that loses."""

    path: str | None
    rules: tuple[str, ...]

    def is_met_by(self, rule: str, path: str | None) -> bool:
        """Whether a finding of *rule* at *path* says it."""
        at = self.path is None or path is None or path == self.path or path.startswith(f"{self.path}/") or self.path.startswith(f"{path}/")
        return at and any(rule.startswith(family) for family in self.rules)


@dataclass(frozen=True, slots=True, kw_only=True)
class StackTruth:
    """One stack of the corpus."""

    name: str
    folder: Path
    title: str
    about: str
    data: tuple[Datum, ...]
    outcome: str
    flag: Flag | None = None
    ready: Command | None = None
    audit_unknown: str | None = None  # why no file can show it
    probe: bool = False
    by_hand: str | None = None
    external: tuple[str, ...] = ()
    one_off: Mapping[str, Any] | None = None
    images: frozenset[str] = field(default_factory=frozenset)  # lab, redis, ...

    @property
    def quiet(self) -> bool:
        """Whether nothing may be reported above advice."""
        return self.outcome == "keeps-data"

    @property
    def upgrade(self) -> Path | None:
        """What the stack is upgraded to."""
        path = self.folder / "upgrade.yaml"
        return path if path.exists() else None

    @property
    def fix(self) -> Path | None:
        """An override that keeps the data."""
        path = self.folder / "fix.yaml"
        return path if path.exists() else None

    @property
    def small(self) -> bool:
        """Whether its images are made, and its services start, in a moment."""
        return self.images <= set(SMALL)

    def copy_to(self, parent: Path, project: str) -> Path:
        """Copy the stack to *parent*, under a folder's name that is the project's; fixed names get *project* into them."""
        folder = parent / project
        shutil.copytree(self.folder, folder)
        for path in folder.glob("*.yaml"):
            path.write_text(path.read_text(encoding="utf-8").replace(FIXED, f"{FIXED}-{project}"), encoding="utf-8")
        (folder / "truth.yaml").unlink()
        return folder

    def external_of(self, project: str) -> tuple[str, ...]:
        """The names of the external volumes in such a copy."""
        return tuple(name.replace(FIXED, f"{FIXED}-{project}") for name in self.external)

    def probes(self) -> str:
        """The text of a probes file that says how the stack's rows are written and read."""
        services: dict[str, dict[str, Any]] = {}
        for number, datum in enumerate(self.data, start=1):
            probe = {"write": datum.write.command, "read": datum.read.command}
            if datum.read.service != datum.write.service:
                probe["read_in"] = datum.read.service
            services.setdefault(datum.write.service, {}).setdefault("probes", {})[f"rows{number}"] = probe
        if self.ready is not None:
            services.setdefault(self.ready.service, {})["ready"] = self.ready.command
        return yaml.safe_dump({"services": {name: {"x-dockstore": body} for name, body in services.items()}}, sort_keys=False)


def stacks() -> tuple[StackTruth, ...]:
    """Return the whole corpus, by name."""
    return tuple(load(path.parent) for path in sorted(FOLDER.glob("*/truth.yaml")))


def load(folder: Path) -> StackTruth:
    """Read one truth.yaml; a wrong one raises."""
    raw: dict[str, Any] = yaml.safe_load((folder / "truth.yaml").read_text(encoding="utf-8"))
    known = {
        "title",
        "about",
        "write",
        "read",
        "ready",
        "data",
        "quiet",
        "loses",
        "flag",
        "outcome",
        "probe",
        "audit",
        "fix",
        "by_hand",
        "external",
        "one_off",
        "advice",
    }
    assert set(raw) <= known, f"{folder.name}: no such key: {sorted(set(raw) - known)}"
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.yaml")) if path.name != "truth.yaml")
    outcome = "loses-data" if raw.get("loses") else raw.get("outcome", "keeps-data")
    assert bool(raw.get("quiet")) == (outcome == "keeps-data"), f"{folder.name}: quiet and {outcome}"
    flag, audit, ready = raw.get("flag"), raw.get("audit"), raw.get("ready")
    return StackTruth(
        name=folder.name,
        folder=folder,
        title=raw["title"],
        about=raw["about"],
        data=tuple(_datum(entry, raw, upgrade=(folder / "upgrade.yaml").exists()) for entry in raw["data"]),
        outcome=outcome,
        flag=Flag(path=flag["path"], rules=tuple(flag["rules"])) if flag else None,
        ready=Command(**ready) if ready else None,
        audit_unknown=audit["unknown"] if audit else None,
        probe=bool(raw.get("probe")),
        by_hand=raw.get("by_hand"),
        external=tuple(raw.get("external", ())),
        one_off=raw.get("one_off"),
        images=frozenset(found.removeprefix("test-") for found in re.findall(r"localhost/dockstore-([a-z-]+\d*):", text)),
    )


def _datum(entry: dict[str, Any], raw: dict[str, Any], *, upgrade: bool) -> Datum:
    fates = dict(entry["fates"])
    usual = fates.pop("routine")
    routine = (*ROUTINE, *ENGINE_WIDE, *(UPGRADES if upgrade else ()))
    assert upgrade or not set(UPGRADES) & set(fates), f"{raw['title']}: there is nothing to upgrade to"
    return Datum(
        service=entry["service"],
        path=entry["path"],
        fates=dict.fromkeys(routine, str(usual)) | fates,
        write=Command(**(entry.get("write") or raw["write"])),
        read=Command(**(entry.get("read") or raw["read"])),
        aliases=tuple(entry.get("aliases", ())),
        covers=bool(entry.get("covers")),
    )
