"""The loop: gathers a snapshot from caches, plans, and carries the plan out."""
