"""The fakes by one name: an engine and its host, whose stores are dicts."""

from __future__ import annotations

from fake_container import FakeContainer, FakeImage, FakeMount, FakeVolume
from fake_engine import LAB, FakeEngine, fake_info
from fake_files import FakeFile, FakeTree
from fake_host import FakeHost
from fake_images import DATA_ROOT
from fake_shell import FakeShell

__all__ = [
    "DATA_ROOT",
    "LAB",
    "FakeContainer",
    "FakeEngine",
    "FakeFile",
    "FakeHost",
    "FakeImage",
    "FakeMount",
    "FakeShell",
    "FakeTree",
    "FakeVolume",
    "fake_info",
]
