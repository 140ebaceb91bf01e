"""Tasks as Pods: how one is built, what runs inside, and what an ended one means."""
