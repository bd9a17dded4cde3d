"""Who owns a record: a process, described so that its death can be proven later."""

from __future__ import annotations

import functools
import os
import platform
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Owner:
    """A process on a host, told from every other one.

    Attributes:
        host: The host's name; within a container, with its space of process ids, too.
        boot: Which of the host's starts; empty where the system does not tell.
        pid: The process id, which another process may have later.
        started: When the process started, in the system's own words; empty where it has none.
    """

    host: str
    boot: str
    pid: int
    started: str

    @classmethod
    def this_process(cls) -> Owner:
        """Return the running process."""
        return _process(os.getpid())

    def is_dead(self) -> bool:
        """Say whether the process has provably ended: of another host's nothing is ever proven."""
        if self.host != _host():
            return False
        if self.boot != _boot():
            return True
        try:
            return _started(self.pid) != self.started
        except ProcessLookupError:
            return True


@functools.cache  # it stays what it is; a forked child has another id
def _process(pid: int) -> Owner:
    return Owner(_host(), _boot(), pid, _started(pid))


def _host() -> str:
    space = ""
    with suppress(OSError):  # Linux alone has it
        # Two containers may share a host's name, and see other processes under the same ids.
        space = str(Path("/proc/self/ns/pid").readlink())
    return f"{platform.node()} {space}".rstrip()


def _boot() -> str:
    if sys.platform == "darwin":  # kern.boottime moves when the clock is set
        return _told_by(["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"])
    with suppress(OSError):  # not told in every sandbox
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def _started(pid: int) -> str:
    """Return when a process started.

    Raises:
        ProcessLookupError: There is none of this id, or only its parent has not noticed yet.
    """
    if sys.platform == "linux":
        try:
            stat = Path(f"/proc/{pid}/stat").read_bytes()
        except FileNotFoundError:
            raise ProcessLookupError(pid) from None
        fields = stat.rpartition(b")")[2].split()  # the name before may hold anything
        if fields[0] in {b"Z", b"X"}:
            raise ProcessLookupError(pid)
        return fields[19].decode()  # in ticks since boot; the 22nd of all
    if sys.platform == "darwin":
        started = _told_by(["/bin/ps", "-o", "lstart=", "-p", str(pid)])
        if not started:
            raise ProcessLookupError(pid)
        return started
    return ""


def _told_by(command: list[str]) -> str:
    environment = {"LC_ALL": "C", "TZ": "UTC"}  # or it is told differently to each process
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return answer.stdout.strip()
