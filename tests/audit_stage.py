"""A stage for audits from end to end: a folder, a Compose that answers from files, no engine of the machine's own."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

from composing import config

from dockstore.engines.errors import Unreachable
from dockstore.runner.audit import AuditOptions, audit_all

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from dockstore.core.stack_report import StackReport

TEXT = """\
services:
  db:
    image: postgres:16
    environment:
      POSTGRES_PASSWORD: hunter2
    volumes:
      - pg:/var/lib/postgresql
volumes:
  pg:
"""
SERVICES = {"db": {"image": "postgres:16", "environment": {"POSTGRES_PASSWORD": "hunter2"}, "volumes": ["pg:/var/lib/postgresql"]}}
SCRIPT = """\
#!/bin/sh
case "$*" in
  *"version --short"*) echo 2.26.1; exit 0 ;;
esac
echo "$*" >> "$ANSWERS/asked"
[ -e "$ANSWERS/stderr" ] && cat "$ANSWERS/stderr" >&2
[ -e "$ANSWERS/code" ] && exit "$(cat "$ANSWERS/code")"
case "$*" in
  *dockstore-another-name*) cat "$ANSWERS/other.json" ;;
  *json*) cat "$ANSWERS/config.json" ;;
  *) cat "$ANSWERS/config.yaml" ;;
esac
"""


class Stage:
    """A folder with a Compose file, a Compose that answers from files, and an environment without the machine's own Docker."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "shop"
        self.folder.mkdir()
        self.answers = folder / "answers"
        self.answers.mkdir()
        program = folder / "home" / "cache" / "docker-compose"
        program.parent.mkdir(parents=True)
        program.write_text(SCRIPT)
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        tools = folder / "bin"
        tools.mkdir()
        for name in ("sh", "cat"):
            (tools / name).symlink_to(f"/bin/{name}")
        self.env = {"PATH": str(tools), "HOME": str(folder), "DOCKSTORE_HOME": str(folder / "home"), "ANSWERS": str(self.answers)}

    def compose(self, services: Mapping[str, Any], volumes: Mapping[str, Any] | None = None, *, text: str = TEXT, name: str = "shop") -> None:
        (self.folder / "compose.yaml").write_text(text)
        (self.answers / "config.json").write_text(json.dumps(config(services, volumes, name=name)))
        (self.answers / "other.json").write_text(json.dumps(config(services, volumes, name="another")))

    def fails(self, message: str) -> None:
        (self.answers / "stderr").write_text(message)
        (self.answers / "code").write_text("15")

    def audit(self, *targets: str, connecting: Callable[..., Any] | None = None, **options: Any) -> tuple[StackReport, ...]:
        chosen = AuditOptions(targets=targets, **{"engine": None if connecting else "none", **options})
        env = {**self.env, **({"DOCKER_HOST": "unix:///nowhere.sock"} if connecting else {})}
        return audit_all(chosen, env=env, cwd=self.folder, say=lambda _text: None, connecting=connecting or nobody)


def nobody(*_words: object, **_more: object) -> Any:
    raise Unreachable("nobody answers")
