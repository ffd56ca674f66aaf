"""`python -m dockstore` is `dockstore`."""

from __future__ import annotations

from dockstore.cli.main import console

if __name__ == "__main__":
    console()
