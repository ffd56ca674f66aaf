"""What dockstore can do, as functions: load, run, judge, drill, audit and their like composed from core, engines and runner.

Rule 1: a function here decides nothing about data; it brings the pieces together and gives back their values.
Rule 2: what a caller can mend is an ApiError (`calling`) with a way out; everything else is a value in the report.
"""

from __future__ import annotations

from dockstore.api.calling import ApiError, NoEngine, NothingMatched, WrongFile, WrongOption
from dockstore.api.scenarios import (
    bundled_lesson,
    bundled_scenarios,
    clean,
    doctor,
    failed_last,
    judge,
    judge_all,
    lesson,
    load,
    only_failed,
    open_session,
    plan,
    run,
    schema,
    validate,
)
from dockstore.api.stacks import audit, drill, drill_fix, drill_plan, drill_with, explain, init, orphans
from dockstore.runner.files import Loaded
from dockstore.runner.options import Options

__all__ = [
    "ApiError",
    "Loaded",
    "NoEngine",
    "NothingMatched",
    "Options",
    "WrongFile",
    "WrongOption",
    "audit",
    "bundled_lesson",
    "bundled_scenarios",
    "clean",
    "doctor",
    "drill",
    "drill_fix",
    "drill_plan",
    "drill_with",
    "explain",
    "failed_last",
    "init",
    "judge",
    "judge_all",
    "lesson",
    "load",
    "only_failed",
    "open_session",
    "orphans",
    "plan",
    "run",
    "schema",
    "validate",
]
