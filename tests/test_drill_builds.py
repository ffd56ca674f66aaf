"""Built images in a drill: an upgrade's are others than the base's, unless the build comes to the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from dockstore.core.neutral import Json, Neutral, neutralise
from dockstore.runner.stack import StackCopy
from dockstore.runner.stage import Seat

if TYPE_CHECKING:
    from pathlib import Path

    from dockstore.engines.host import Host
    from dockstore.runner.drill_compose import Player


class Images:
    """An engine that knows images by their references."""

    def __init__(self, **ids: str) -> None:
        self.ids = {f"localhost/p-app:{tag[1:]}": id_ for tag, id_ in ids.items()}

    def inspect_image(self, reference: str) -> dict[str, object]:
        return {"Id": self.ids[reference]}


def built(tag: str) -> Neutral:
    config: Json = {"name": "x", "services": {"app": {"build": {"context": "/src"}}}}
    return neutralise(config, project="x", prefix="p", labels={}, scratch="/var/tmp/x", tag=tag)  # nothing is written there


@pytest.mark.parametrize(("before", "after", "image"), [("a", "a", "localhost/p-app:1"), ("a", "b", "localhost/p-app:2")], ids=["same", "other"])
def test_up_leaves_a_service_alone_whose_build_came_to_the_same(tmp_path: Path, before: str, after: str, image: str) -> None:
    upgraded = built("2")
    engine = Images(t1=before, t2=after)
    (tmp_path / "model").mkdir()
    copy = StackCopy(
        seat=Seat("", engine, cast("Host", None)),  # type: ignore[arg-type]  # no more of it is asked
        player=cast("Player", None),
        neutral=built("1"),
        upgraded=upgraded,
        scratch=tmp_path,
        labels={},
        nonce=lambda: "n",
        made=lambda _: None,
        keep=False,
    )

    copy.same_builds(upgraded)

    assert cast("Json", cast("Json", upgraded.model["services"])["app"])["image"] == image
    assert image in (tmp_path / "model" / "upgraded.json").read_text(encoding="utf-8")


def test_what_is_built_for_an_upgrade_has_a_reference_of_its_own() -> None:
    assert [built(tag).builds["app"] for tag in ("1", "2")] == ["localhost/p-app:1", "localhost/p-app:2"]
