"""A real Kubernetes: the port on an API server, and who may write there."""
