"""One container for a whole chain of events, against a container for each: the same fates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dockstore.api import Options, load, run

if TYPE_CHECKING:
    from pathlib import Path

    from dockstore.core.verdict import Verdict

TABLE = """\
version: 1
scenario: what becomes of each kind of storage
matrix:
  stores:        [writable-layer, tmpfs,     tmpfs-flag, dev-shm,   bind,      volume,    anonymous-volume, anonymous-mount, image-volume, tmpfs-volume, bind-volume]
  events:
    crash:       [persisted,      lost,      lost,       lost,      persisted, persisted, persisted,        persisted,       persisted,    lost,         persisted]
    restart:     [persisted,      lost,      lost,       lost,      persisted, persisted, persisted,        persisted,       persisted,    lost,         persisted]
    oom:         [persisted,      lost,      lost,       lost,      persisted, persisted, persisted,        persisted,       persisted,    lost,         persisted]
    rename:      [persisted,      persisted, persisted,  persisted, persisted, persisted, persisted,        persisted,       persisted,    persisted,    persisted]
    update:      [persisted,      persisted, persisted,  persisted, persisted, persisted, persisted,        persisted,       persisted,    persisted,    persisted]
    remove+run:  [lost,           lost,      lost,       lost,      persisted, persisted, orphaned,         orphaned,        orphaned,     lost,         persisted]
    upgrade:     [lost,           lost,      lost,       lost,      persisted, persisted, orphaned,         orphaned,        orphaned,     lost,         persisted]
    recreate:    [lost,           lost,      lost,       lost,      persisted, persisted, persisted,        persisted,       persisted,    lost,         persisted]
"""


def played(folder: Path, address: str, *, isolate: bool) -> Verdict:
    folder.mkdir()
    file = folder / "table.scenario.yaml"
    file.write_text(TABLE)
    options = Options(engines=(address,), isolate=isolate, home=str(folder / "home"))
    loaded = load([str(file)], isolate=isolate)
    (verdict,) = run(loaded, options, env={"HOME": str(folder), "PATH": ""}, cwd=folder).verdicts
    return verdict


@pytest.mark.engine
@pytest.mark.parametrize("isolate", [False, True], ids=["in chains", "each on its own"])
def test_a_table_has_the_fates_that_were_seen(tmp_path: Path, engine_address: str, isolate: bool) -> None:
    verdict = played(tmp_path / "run", engine_address, isolate=isolate)

    wrong = [(ruling.event, ruling.column, ruling.actual, ruling.why) for ruling in verdict.rulings if str(ruling.outcome) != "holds"]
    assert wrong == []
    assert len(verdict.rulings) == 88
    assert verdict.reason is None
