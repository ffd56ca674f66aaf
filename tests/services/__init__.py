"""Real services for the tests, made from Debian's packages: no registry, no builder."""
