"""`python -m dockstore` is `dockstore`."""

from __future__ import annotations

import sys

from dockstore.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
