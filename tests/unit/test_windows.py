"""What has no need of a POSIX system is imported without one: livy_magic runs on Windows, too."""

from __future__ import annotations

import subprocess
import sys

IMPORT_ALL = """
import importlib, os, pkgutil, signal, sys
import livy_magic

def names():
    found = pkgutil.walk_packages(livy_magic.__path__, "livy_magic.")
    return [module.name for module in found if not module.name.endswith("__main__")]

for name in names():  # so that other packages are loaded, as they are on this system
    importlib.import_module(name)
for name in [name for name in sys.modules if name.partition(".")[0] == "livy_magic"]:
    del sys.modules[name]

sys.platform = "win32"
for name in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[name] = None
for name in ("fork", "register_at_fork", "getuid", "geteuid", "killpg", "setsid", "getsid", "nice", "uname"):
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGKILL", "SIGHUP", "SIGCHLD", "SIGALRM", "SIGUSR1", "SIGUSR2", "pthread_kill"):
    if hasattr(signal, name):
        delattr(signal, name)

livy_magic = importlib.import_module("livy_magic")
for name in names():
    importlib.import_module(name)
try:
    livy_magic.local.start()
except livy_magic.LocalServerError as problem:
    print(problem)
"""


def test_every_module_is_imported_on_windows_and_the_private_livy_says_that_it_cannot_run() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORT_ALL],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout == (
        "the private Livy runs on Linux and macOS, not on win32\n"
        "Use a server instead: %livy_connect URL\n"
    )
