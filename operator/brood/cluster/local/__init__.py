"""brood's cluster without a cluster: objects in memory, Pods as processes."""

from brood.cluster.local.cluster import LocalCluster

__all__ = ["LocalCluster"]
