"""Effects in sequence: perform each step, note what happened, always tidy up. Judges nothing."""
