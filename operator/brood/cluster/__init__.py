"""Clusters behind one port: Kubernetes, and the local store and node."""
