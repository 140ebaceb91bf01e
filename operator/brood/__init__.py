"""Brood: job trees on Kubernetes, and the same without a cluster."""

__version__ = "0.1.0"
