"""The README's scenario and its Python do on a real engine what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.engine

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
PATIENCE_SECONDS = 240.0


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def test_the_readme_does_what_it_says(tmp_path: Path, engine_address: str) -> None:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "my.scenario.yaml").write_text(block("yaml"), encoding="utf-8")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("DOCKSTORE_")} | {"DOCKER_HOST": engine_address}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
        )

    played = run("-m", "dockstore", "run", "--mutants", "scenarios/my.scenario.yaml")
    python = run("-c", block("python"))

    assert played.returncode == 0, played.stdout + played.stderr
    assert "orphaned" in played.stdout
    assert (python.returncode, python.stdout) == (0, "holds\n"), python.stderr
