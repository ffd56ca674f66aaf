"""Write docs/scenarios.md and docs/commands.md from the code: `python docs/generate.py`; with --check say what is not up to date."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from dockstore.cli.main import COMMANDS
from dockstore.core.capabilities import CAPABILITIES
from dockstore.core.facts import DIFF_FACT, KINDS
from dockstore.core.matrix_words import EVENT_WORDS, STORES
from dockstore.core.schema import scenario_schema

DOCS = Path(__file__).resolve().parent
Schema = dict[str, Any]


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _keys(properties: Schema, required: tuple[str, ...] = (), skip: tuple[str, ...] = ()) -> list[str]:
    lines = [_row("key", "meaning", "example"), "| --- | --- | --- |"]
    for key, value in properties.items():
        if key in skip:
            continue
        example = (value.get("examples") or [""])[0]
        needed = " **(required)**" if key in required else ""
        lines.append(_row(f"`{key}`", f"{value.get('description', '')}{needed}", f"`{example}`" if example != "" else ""))
    return lines


def _verbs(step: Schema) -> list[str]:
    lines = [_row("step", "does", "options"), "| --- | --- | --- |"]
    seen: dict[str, list[str]] = {}
    for form in step["anyOf"]:
        properties = form.get("properties", {})
        if not properties:
            continue
        verb = next(iter(properties))
        options = [f"`{name}`: {value.get('description', '')}" for name, value in list(properties.items())[1:] if name != "as"]
        example = (properties[verb].get("examples") or [""])[0]
        seen.setdefault(f"`{verb}: {example}`", []).append(_row(f"`{verb}: {example}`", form.get("description", ""), "; ".join(options)))
    for rows in seen.values():
        lines += rows
    return lines


def scenarios() -> str:
    """Return the reference of scenario files."""
    schema = scenario_schema()
    defs = schema["$defs"]
    assert isinstance(defs, dict)
    lines = [
        "# Scenario files: the reference",
        "",
        "Generated from the schema (`dockstore schema`) by `docs/generate.py`. A first file in ten minutes: [new-scenario.md](new-scenario.md).",
        "",
        "**Steps do and look; every look has a name; `expect` says what each name should show**, and nothing else judges. A scalar is the text that was",
        "written, and the key decides how to read it: `mode: 0755` is octal, `restart: no` is the word. Only `true` and `false` are booleans. Sizes are Docker's",
        "(`512k`, `64m`, `2g`), durations Compose's (`500ms`, `10s`).",
        "",
        "## The file",
        "",
        *_keys(schema["properties"], tuple(schema.get("required", ()))),  # type: ignore[arg-type]
        "",
        "## Places",
        "",
        _row("place", "means", "written by", "read by"),
        "| --- | --- | --- | --- |",
        _row("`db:/data/row`", "the path as a process in container `db` sees it", "`write`, `copy`", "`read`, `observe`, `copy`"),
        _row("`volume:rows/row`", "in the volume, by the host vantage", "", "`read`"),
        _row(
            "`host:shared/row`",
            "in the scenario's scratch folder, never out of it",
            "`write`, `create`, `rename`, `remove`",
            "`read`, `observe`, `copy`",
        ),
        _row("`layer:db/row`", "in `db`'s writable layer, by the host vantage", "", "`read`"),
        _row("`image:app/row`", "in the image's layers, topmost first, by the host vantage", "", "`read`"),
        "",
    ]
    for name, title in (
        ("container", "Containers"),
        ("image", "Images"),
        ("layer-entry", "A path of a layer"),
        ("volume", "Volumes"),
        ("host-entry", "Host entries"),
        ("healthcheck", "Health checks"),
    ):
        lines += [f"## {title}", "", defs[name].get("description", ""), "", *_keys(defs[name]["properties"]), ""]
    lines += ["## Mounts", "", "`-v` and `--mount` are different experiments; neither is translated into the other.", ""]
    for form in defs["mount"]["anyOf"]:
        lines += [form.get("description", ""), ""]
        if "properties" in form:
            lines += [*_keys(form["properties"]), ""]
    lines += [
        "## Steps",
        "",
        "Every step may have `as: NAME`; on an action it names the outcome, and the run goes on if the engine refuses. Without it a refusal ends the run",
        "(*undecided*). A subject may be a list: one after the other.",
        "",
        *_verbs(defs["step"]),
        "",
        "## What each look can tell",
        "",
        "A bare value means the fact in bold.",
        "",
    ]
    for kind in KINDS.values():
        lines += [f"### {kind.name}", "", f"Example: `{kind.example}`", "", _row("fact", "meaning"), "| --- | --- |"]
        facts = list(kind.facts.values()) or [DIFF_FACT]
        lines += [
            _row(
                f"**`{fact.name}`**" if fact.name == kind.default else f"`{fact.name}`",
                fact.doc + (f" (`{'`, `'.join(fact.words)}`)" if fact.words else ""),
            )
            for fact in facts
        ]
        lines.append("")
    lines += ["### In place of a value", "", *_keys(defs["asked"]["properties"]), ""]
    lines += [
        "## Matrices",
        "",
        defs["matrix"]["description"],
        "",
        *_keys(defs["matrix"]["properties"]),
        "",
        _row("store", "is", "as `docker run` takes it"),
        "| --- | --- | --- |",
    ]
    lines += [_row(f"`{name}`", store.meaning, f"`{store.option}`" if store.option else "") for name, store in STORES.items()]
    lines += ["", _row("word", "the container is", "command"), "| --- | --- | --- |"]
    lines += [
        _row(f"`{name}`", word.meaning + (f" (needs `{word.needs}`)" if word.needs else ""), f"`{word.command}`")
        for name, word in EVENT_WORDS.items()
    ]
    lines += ["", "## Mutants", "", defs["mutant"]["description"], "", *_keys(defs["mutant"]["properties"]), ""]
    lines += ["## Capabilities", "", "For `needs` and `where`; `not NAME` asks for its absence.", "", _row("capability", "meaning"), "| --- | --- |"]
    lines += [_row(f"`{name}`", meaning) for name, meaning in CAPABILITIES.items()]
    return "\n".join(lines) + "\n"


def commands() -> str:
    """Return the help page of every command."""
    lines = [
        "# Commands",
        "",
        "Generated from the commands themselves by `docs/generate.py`. Exit codes and formats: [contract.md](contract.md).",
        "",
    ]
    for name in COMMANDS:
        command = import_module(f"dockstore.cli.{name}").command
        lines += _help(command, f"dockstore {name}")
    return "\n".join(lines) + "\n"


def _help(command: click.Command, path: str) -> list[str]:
    command._help_option = None  # noqa: SLF001  # click keeps the first one made, whoever asked for it
    context = click.Context(command, info_name=path, terminal_width=100, max_content_width=100, help_option_names=["-h", "--help"])
    text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    lines = [f"## `{path}`", "", "```", text, "```", ""]
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            lines += _help(inner, f"{path} {name}")
    return lines


PAGES = {"scenarios.md": scenarios, "commands.md": commands}


def main() -> int:
    """Write the pages, or with --check tell which are not as they would be written."""
    stale = []
    for name, page in PAGES.items():
        path, text = DOCS / name, page()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(text, encoding="utf-8")
    if "--check" in sys.argv and stale:
        print(f"not up to date: {', '.join(stale)}\n  hint: python docs/generate.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
