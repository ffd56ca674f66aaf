"""`dockstore schema`: JSON Schemas, for editors and programs."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any, Final

import click

from dockstore.cli import echo, options

SCHEMAS: Final = {
    "scenario": "dockstore.core.schema:scenario_schema",
    "report": "dockstore.reports.report_schema:report_schema",
    "drill": "dockstore.reports.stack_schema:stack_schema:drill",
    "audit": "dockstore.reports.stack_schema:stack_schema:audit",
    "orphans": "dockstore.reports.orphans_schema:orphans_schema",
}
"""What has a schema, the function that returns it, and what it is called with."""


@options.command("schema", "dockstore schema scenario > scenario.schema.json")
@click.argument("what", type=click.Choice(list(SCHEMAS)), default="scenario", metavar=f"[{'|'.join(SCHEMAS)}]")
@options.general
def command(what: str, **_given: Any) -> int:
    """Print the JSON Schema of scenario files, or of JSON reports (report: of run, lesson and judge)."""
    module, name, *words = SCHEMAS[what].split(":")
    document = getattr(import_module(module), name)(*words)
    echo.report(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return 0
