"""What a figure was measured on: processor, memory, disk, versions and the server's settings."""

import os
import platform
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import asyncpg
import psutil

SERVER_SETTINGS = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers")

# psutil carries no types.
_system: Any = psutil


def machine(directory: Path) -> dict[str, str | int | float]:
    """The machine in a few words; `directory` is where the database lies."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "memory_gib": round(_system.virtual_memory().total / 2**30, 1),
        "file_system": _file_system(directory),
        "system": f"{platform.system()} {platform.release()}",
        # On a shared machine this says how far to trust the rest.
        "load_before": round(os.getloadavg()[0], 2),
        "loop_ms": round(1000 * min(_loop_seconds() for _ in range(3))),
    }


def _loop_seconds() -> float:
    """How long a fixed piece of work takes: a virtual machine may be half as fast an hour later."""
    began, total = time.perf_counter(), 0
    for number in range(1_000_000):
        total += number * number
    return time.perf_counter() - began


async def versions(url: str, packages: Sequence[str]) -> dict[str, str]:
    """Of Python, PostgreSQL and the packages installed; settings of the server that decide its speed."""
    connection = await asyncpg.connect(url)
    try:
        found = {name: str(await connection.fetchval(f"SHOW {name}")) for name in SERVER_SETTINGS}
    finally:
        await connection.close()
    installed = {"python": platform.python_version(), "postgresql": found.pop("server_version")}
    for package in packages:
        try:
            installed[package] = version(package)
        except PackageNotFoundError:
            installed[package] = "not installed"
    return installed | found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _file_system(directory: Path) -> str:
    where = directory.resolve()
    mounted = [
        (part.mountpoint, part.fstype)
        for part in _system.disk_partitions(all=True)
        if where.is_relative_to(part.mountpoint)
    ]
    return max(mounted, key=lambda part: len(part[0]))[1] if mounted else "unknown"
