"""`dockstore completion`: a shell's completion script."""

from __future__ import annotations

from typing import Any

import click

from dockstore.cli import echo, options

SHELLS = ("bash", "zsh", "fish")


@options.command("completion", 'eval "$(dockstore completion bash)"')
@click.argument("shell", type=click.Choice(SHELLS))
@options.general
def command(shell: str, **_given: Any) -> int:
    """Print the completion script of bash, zsh or fish; evaluate it in the shell's own start-up file."""
    from click.shell_completion import get_completion_class

    completion = get_completion_class(shell)
    if completion is None:
        raise click.UsageError(f"click knows no completion for {shell}")
    script = completion(click.get_current_context().find_root().command, {}, "dockstore", "_DOCKSTORE_COMPLETE")
    echo.report((script.source_template % script.source_vars()).strip() + "\n")
    return 0
