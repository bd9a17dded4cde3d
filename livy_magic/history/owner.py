"""The owner of a record: a process, described so that its death can be proven later."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Owner:
    """A process, identified uniquely across hosts, reboots and reused process ids.

    Attributes:
        host: The host's name; on Linux, followed by the process-id namespace.
        boot: The id of the host's current boot; empty if the system does not tell.
        pid: The process id, which another process may get later.
        started: The start time of the process, in the system's format; empty if it does not tell.
    """

    host: str
    boot: str
    pid: int
    started: str

    @classmethod
    def this_process(cls) -> Owner:
        """Return the current process."""
        return _process(os.getpid())

    def is_dead(self) -> bool:
        """Return whether the process has provably ended; False for any process of another host."""
        if self.host != _host():
            return False
        if self.boot != _boot():
            return True
        try:
            return _started(self.pid) != self.started
        except ProcessLookupError:
            return True


@functools.cache  # the values never change, and a forked child has another id
def _process(pid: int) -> Owner:
    return Owner(_host(), _boot(), pid, _started(pid))


def _host() -> str:
    import platform  # imported late: only a submission needs it

    space = ""
    with suppress(OSError):  # only Linux has it
        # Two containers may share a host name, and see different processes under the same ids.
        space = str(Path("/proc/self/ns/pid").readlink())
    return f"{platform.node()} {space}".rstrip()


def _boot() -> str:
    if sys.platform == "darwin":  # kern.boottime moves when the clock is set
        return _told_by(["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"])
    with suppress(OSError):  # some sandboxes hide it
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def _started(pid: int) -> str:
    """Return the start time of a process, in the system's format.

    Raises:
        ProcessLookupError: There is no such process, or it is a zombie.
    """
    if sys.platform == "linux":
        try:
            stat = Path(f"/proc/{pid}/stat").read_bytes()
        except FileNotFoundError:
            raise ProcessLookupError(pid) from None
        fields = stat.rpartition(b")")[2].split()  # the name before may hold blanks and brackets
        if fields[0] in {b"Z", b"X"}:
            raise ProcessLookupError(pid)
        return fields[19].decode()  # starttime, field 22 of the file: ticks since boot
    if sys.platform == "darwin":
        started = _told_by(["/bin/ps", "-o", "lstart=", "-p", str(pid)])
        if not started:
            raise ProcessLookupError(pid)
        return started
    return ""


def _told_by(command: list[str]) -> str:
    environment = {"LC_ALL": "C", "TZ": "UTC"}  # the same format for every process that asks
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return answer.stdout.strip()
