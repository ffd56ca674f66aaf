"""A step in words: its verb and its subject, as the grammar writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from dockstore.core import script

if TYPE_CHECKING:
    from dockstore.core.script import AnyStep


def words(step: AnyStep) -> tuple[str, str]:
    """Return verb and subject of *step*."""
    match step:
        case script.Run() | script.Create():
            return type(step).__name__.lower(), step.spec.name
        case script.CreateVolume():
            return "create", f"volume:{step.spec.name}"
        case script.CreateFolder():
            return "create", str(step.place)
        case script.Start() | script.Stop() | script.Restart() | script.Kill():
            return type(step).__name__.lower(), step.container or "engine"
        case script.Pause() | script.Unpause() | script.Remove() | script.Rename() | script.Update() | script.Wait():
            return type(step).__name__.lower(), step.container
        case script.Commit() | script.Export() | script.Diff():
            return type(step).__name__.lower(), step.container
        case script.RemoveVolume():
            return "remove", f"volume:{step.volume}"
        case script.RemoveImage():
            return "remove", f"image:{step.image}"
        case script.RemoveHost():
            return "remove", str(step.place)
        case script.RenameHost():
            return "rename", str(step.place)
        case script.Import():
            return "import", str(step.source)
        case script.Copy():
            return "copy", str(step.source)
        case script.Prune():
            return "prune", step.what
        case script.MountHost():
            return "mount", step.what
        case script.UnmountHost():
            return "unmount", str(step.place)
        case script.Reboot():
            return "reboot", "engine"
        case script.PowerLoss():
            return "power-loss", "engine"
        case script.Write():
            return "write", step.write
        case script.Exec():
            return "exec", step.command if isinstance(step.command, str) else " ".join(step.command)
        case script.Together():
            return "together", f"{len(step.steps)} steps"
        case script.Observe():
            return "observe", step.write
        case script.Read():
            return "read", str(step.place)
        case script.Inspect():
            return "inspect", f"{step.kind}:{step.name}" if step.kind in {"volume", "image"} else step.name or "engine"
        case script.Find():
            return "find", step.write
        case script.Measure():
            return "measure", step.container
        case _:
            assert_never(step)
