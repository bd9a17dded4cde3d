"""A planned submission as something else: what ``--dry-run`` prints. Secrets are masked."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Sequence

from .livy import Livy, Plan
from .redact import MASK, mask_url
from .staging import Upload


def as_json(livy: Livy, plan: Plan) -> str:
    """Return the POST body."""
    del livy
    return json.dumps(plan.request.shown(), indent=2, ensure_ascii=False)


def as_curl(livy: Livy, plan: Plan) -> str:
    """Return the POST as a curl command; what is secret is left to whoever runs it to put in."""
    body = json.dumps(plan.request.shown(), ensure_ascii=False)
    command = [
        "curl", "--fail-with-body", "--request", "POST",
        "--header", "Content-Type: application/json",
        "--header", "X-Requested-By: livy_magic",
        "--data", body,
        mask_url(f"{livy.url}/batches"),
    ]  # fmt: skip
    return f"{shlex.join(command)}\n# put in: credentials, and what is shown as {MASK}"


FORMS: dict[str, Callable[[Livy, Plan], str]] = {"json": as_json, "curl": as_curl}


def uploads(files: Sequence[Upload]) -> str:
    """Return what would be staged before, a line each."""
    return "\n".join(
        f"would be staged first: {mask_url(file.uri)} ({file.size} bytes)" for file in files
    )
