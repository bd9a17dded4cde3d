"""Stands in for Spark's spark-submit: notes how it was called, then does what the FILE says.

FILE is a text of lines: ``print TEXT``, ``error TEXT`` (to stderr), ``sleep SECONDS``,
``ignore-term`` (from now on), ``exit CODE``.
"""

import json
import signal
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path


def application(arguments):
    """Return the FILE: what follows Livy's pairs of flag and value."""
    while arguments[0].startswith("--"):
        arguments = arguments[2:]
    return Path(urllib.request.url2pathname(urllib.parse.urlparse(arguments[0]).path))


def main(arguments):
    if arguments == ["--version"]:
        print("version 3.5.9\nUsing Scala version 2.12.18, Java")
        return 0
    with Path(__file__).with_name("calls").open("a") as calls:
        calls.write(json.dumps(arguments) + "\n")
    for line in application(arguments).read_text().splitlines():
        word, _, rest = line.partition(" ")
        if word == "exit":
            return int(rest)
        if word == "sleep":
            time.sleep(float(rest))
        elif word == "ignore-term":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        elif word in ("print", "error"):
            print(rest, file=sys.stdout if word == "print" else sys.stderr, flush=True)
        else:
            return f"standin_submit: what is {line!r}?"
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
