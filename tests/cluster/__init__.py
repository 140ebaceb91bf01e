"""A real Kubernetes on this machine, for tests: built from plain binaries, needing package registries only.

``python -m tests.cluster up --node real|kwok|none`` starts etcd, kube-apiserver, controller manager and scheduler, and
either a kubelet on containerd (``real``: Pods are containers; needs root) or kwok's simulated nodes (``kwok``:
thousands of Pods that succeed at once; needs no root). ``down`` stops what ``up`` started and removes its state.

Where things are, one concept a file:

- `binaries`: the programs, built with Go from pinned modules (`gomod/`) and kept in the cache
- `debian`: the Debian packages that a real node needs
- `image`: the operator's own image
- `layers`, `registry`: images made from Debian's files, and the registry on loopback that serves them
- `state`: one cluster's directory, ports and network; several clusters may live side by side
- `pki`, `processes`, `controlplane`: certificates, child processes, the control plane
- `node`, `cgroups`, `volumes`, `service`: the real node; `kwok`: the simulated ones
- `lifecycle`: up, down, status; `sessions`: a cluster for as long as tests run
- `access`: what tests do with a running cluster; `audit`: API requests, counted
"""
