"""dockstore runs experiments on a real Docker Engine and tells, with evidence, what happens to your data."""

from __future__ import annotations

__version__ = "0.1.0"
