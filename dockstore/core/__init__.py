"""Values and decisions. No engine, no clock, no disk, no randomness: import-linter holds it."""
