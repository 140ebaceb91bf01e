"""Tests of brood: `unit/` (no I/O), `local/` (whole runs as processes), `kubernetes/` (a real API server and node)."""
