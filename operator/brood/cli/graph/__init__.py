"""A graph of tasks drawn: of a definition, or of a run with its states."""
