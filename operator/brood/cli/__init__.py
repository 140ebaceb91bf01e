"""The command line: `brood run`, `brood operator` and the rest."""
