"""Decisions: `plan(snapshot, now) -> Plan`, pure and synchronous, one file per policy."""
