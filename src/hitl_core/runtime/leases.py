"""Who works on a run: a name that lets another process on the same host see that a worker has died."""

from __future__ import annotations

import os
import socket
from datetime import datetime
from pathlib import Path

from ..commands import Lease, ListLeases, RenewLease
from ..contracts import Store
from ..errors import LeaseLost

_SEPARATOR = "/"


def owner_name() -> str:
    """`host/pid/start/random` of this process; unique for every call."""
    pid = os.getpid()
    return _SEPARATOR.join((_host(), str(pid), _started(pid) or "0", os.urandom(4).hex()))


def has_died(owner: str) -> bool:
    """True only if the owner was a process of this host that certainly no longer runs."""
    parts = owner.split(_SEPARATOR)
    if len(parts) != 4 or parts[0] != _host() or not parts[1].isdigit() or not Path("/proc/self/stat").exists():
        return False
    return _started(int(parts[1])) != parts[2]


async def release_dead(store: Store, now: datetime, *, besides: str = "") -> bool:
    """End the leases of workers that died on this host, so that nobody has to wait for them.

    Returns whether others than `besides` are at work.
    """
    held = [lease for lease in await store.fetch(ListLeases()) if lease.until > now]
    for lease in held:
        if has_died(lease.owner):
            await _end(store, lease, now)
    return any(lease.owner != besides for lease in held)


async def _end(store: Store, lease: Lease, now: datetime) -> None:
    try:
        await store.apply(RenewLease(lease, 0.0, now))
    except LeaseLost:
        return


def _host() -> str:
    """The host, its boot and our process namespace (Linux): elsewhere a process id means something else."""
    boot, namespace = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    if not boot.exists() or not namespace.is_symlink():
        return socket.gethostname()
    inode = os.readlink(namespace).strip("pid:[]")
    return f"{socket.gethostname()}:{boot.read_text().strip()[:8]}:{inode}"


def _started(pid: int) -> str | None:
    """The kernel's start time of a process in ticks since boot, or None if there is no such process (Linux)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]
