"""`dockstore schema`: JSON Schemas, for editors and programs."""

from __future__ import annotations

import json
from typing import Any

import click

from dockstore.cli import echo, options


@options.command("schema", "dockstore schema scenario > scenario.schema.json")
@click.argument("what", type=click.Choice(["scenario", "report"]), default="scenario", metavar="[scenario|report]")
@options.general
def command(what: str, **_given: Any) -> int:
    """Print the JSON Schema of scenario files, or of JSON reports."""
    if what == "scenario":
        from dockstore.core.schema import scenario_schema as schema
    else:
        from dockstore.reports.report_schema import report_schema as schema
    echo.report(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n")
    return 0
