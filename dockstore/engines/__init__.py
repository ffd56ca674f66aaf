"""The doors: everything that talks to an engine, a command or the host's files. Foreign errors stop here."""
