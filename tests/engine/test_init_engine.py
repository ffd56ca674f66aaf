"""A scenario that `init` wrote from a real container is valid, and what it predicts comes true."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest
from homes_and_engines import environment

from dockstore import api
from dockstore.core.model import Outcome
from dockstore.engines.lab import ensure_lab_image

if TYPE_CHECKING:
    from pathlib import Path

    from dockstore.engines.docker_engine import DockerEngine

pytestmark = pytest.mark.engine


def test_a_running_containers_scenario_is_valid_and_holds(engine: DockerEngine, engine_address: str, tmp_path: Path) -> None:
    lab = ensure_lab_image(engine)
    name = f"init-{secrets.token_hex(4)}"
    named = f"{name}-rows"
    body: dict[str, object] = {
        "Image": lab,
        "Cmd": ["sleep", "infinity"],
        "Env": ["PASSWORD=sesame"],
        "Volumes": {"/anonymous": {}},
        "HostConfig": {"NetworkMode": "none", "Init": True, "Binds": [f"{named}:/rows"], "Tmpfs": {"/mem": ""}},
    }
    container = engine.create_container(name, body)
    try:
        engine.start_container(container)
        assert engine.exec(container, ["sh", "-c", "mkdir -p /app/data; echo x >/app/data/notes"]).exit_code == 0
        env = environment(engine_address, tmp_path)

        text = api.init(f"container:{name}", api.Options(engines=(engine_address,)), env=env, cwd=tmp_path)
    finally:
        engine.remove_container(container, force=True, volumes=True)
        engine.remove_volume(named, force=True)
    file = tmp_path / "it.scenario.yaml"
    file.write_text(text, encoding="utf-8")
    loaded = api.load(file)

    assert loaded.problems == ()
    assert "sesame" not in text
    report = api.run(loaded, api.Options(engines=(engine_address,)), env=env, cwd=tmp_path)

    (verdict,) = report.verdicts
    told = {ruling.look.partition(" ")[2]: ruling.actual for ruling in verdict.rulings}
    assert verdict.outcome is Outcome.HOLDS, [(ruling.look, ruling.actual, ruling.why) for ruling in verdict.rulings]
    assert told == {"/anonymous": "orphaned", "/rows": "persisted", "/mem": "lost", "/app": "lost"}
