"""What running processes cost, as Linux counts it in /proc."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")  # a second
KIB = 1024  # bytes; /proc writes kB for it


def _stat(pid: int) -> list[str]:
    """The fields after the name, which may hold anything; the first is the state. Empty where it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def parent_of(pid: int) -> int:
    return int(_stat(pid)[1])


def children_of(pid: int) -> list[int]:
    """Its living children, the oldest first."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return sorted(int(child) for task in tasks for child in (task / "children").read_text().split())
    except OSError:
        return []


def tree(root: int) -> list[int]:
    """The process and everything that it has started."""
    return [root, *(pid for child in children_of(root) for pid in tree(child))]


def cpu_seconds(roots: Iterable[int]) -> float:
    """User and system time of these trees, with that of children that have ended."""
    fields = [_stat(pid) for root in roots for pid in tree(root)]
    return sum(int(ticks) for stat in fields if stat for ticks in stat[11:15]) / TICKS


def memory(pid: int, name: str = "VmRSS") -> float:
    """In MB, of 10^6 bytes: VmRSS is what is resident now, VmHWM its peak. 0 where it has ended."""
    try:
        match = re.search(rf"^{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(match[1]) * KIB / 1_000_000 if match else 0


def own_memory(pid: int) -> float:
    """What is resident of it now, in MB, without what it shares with others, as uWSGI's workers do the answers kept."""
    return memory(pid) - memory(pid, "RssShmem")


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def workers(root: int) -> list[int]:
    """The processes of uWSGI that answer requests: all that have its command, but the first, who is their master."""
    return [pid for pid in tree(root) if "uwsgi.sock" in _command(pid)][1:]
