"""dockstore runs experiments on a real Docker Engine and tells, with evidence, what happens to your data.

    loaded = dockstore.load("scenarios/")
    report = dockstore.run(loaded.scenarios)

Rule 1: what stands in `__all__` is the public API, to the letter; everything else may change.
Rule 2: `import dockstore` is cheap: a name brings its module along when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dockstore.api import (
        ApiError,
        Loaded,
        NoEngine,
        NothingMatched,
        Options,
        WrongFile,
        WrongOption,
        audit,
        bundled_lesson,
        bundled_scenarios,
        clean,
        doctor,
        drill,
        drill_fix,
        drill_plan,
        drill_with,
        explain,
        init,
        judge,
        judge_all,
        lesson,
        load,
        open_session,
        orphans,
        plan,
        run,
        schema,
        validate,
    )
    from dockstore.core.history import History
    from dockstore.core.model import EngineInfo, Fate, Outcome, Place, Sight, Store, StoreKind, Vantage
    from dockstore.core.script import Problem, Scenario
    from dockstore.core.stack_report import StackReport
    from dockstore.core.verdict import ClaimVerdict, MutantVerdict, Report, Ruling, Verdict
    from dockstore.core.watch import Watch
    from dockstore.runner.again import Again
    from dockstore.runner.drill_options import DrillOptions

__version__ = "0.1.0"

__all__ = [
    "Again",
    "ApiError",
    "ClaimVerdict",
    "DrillOptions",
    "EngineInfo",
    "Fate",
    "History",
    "Loaded",
    "MutantVerdict",
    "NoEngine",
    "NothingMatched",
    "Options",
    "Outcome",
    "Place",
    "Problem",
    "Report",
    "Ruling",
    "Scenario",
    "Sight",
    "StackReport",
    "Store",
    "StoreKind",
    "Vantage",
    "Verdict",
    "Watch",
    "WrongFile",
    "WrongOption",
    "__version__",
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
    "init",
    "judge",
    "judge_all",
    "lesson",
    "load",
    "open_session",
    "orphans",
    "plan",
    "run",
    "schema",
    "validate",
]

_HOMES = {
    "dockstore.core.history": ("History",),
    "dockstore.core.model": ("EngineInfo", "Fate", "Outcome", "Place", "Sight", "Store", "StoreKind", "Vantage"),
    "dockstore.core.script": ("Problem", "Scenario"),
    "dockstore.core.stack_report": ("StackReport",),
    "dockstore.core.verdict": ("ClaimVerdict", "MutantVerdict", "Report", "Ruling", "Verdict"),
    "dockstore.core.watch": ("Watch",),
    "dockstore.runner.again": ("Again",),
    "dockstore.runner.drill_options": ("DrillOptions",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a public name's module when the name is first used."""
    if name not in __all__:
        raise AttributeError(f"module 'dockstore' has no attribute '{name}'")
    from importlib import import_module

    value: object = getattr(import_module(_HOME_OF.get(name, "dockstore.api")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return list(__all__)
