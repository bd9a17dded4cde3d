"""The environment variables of the private Livy and its batches."""

from __future__ import annotations

import os
import sys

# All other variables are dropped: a batch must not depend on which notebook started the server, and
# a SPARK_CONF_DIR or JAVA_TOOL_OPTIONS meant for something else must not reach it.
_KEPT = frozenset(
    {
        "HOME", "USER", "LOGNAME", "SHELL", "PATH", "LD_LIBRARY_PATH", "TMPDIR", "TZ",
        "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
        "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
    }
)  # fmt: skip

# After one byte that Livy cannot decode, it reads no more of a batch's log (protocol, part 3).
_UTF_8 = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"


def clean_environment() -> dict[str, str]:
    """Return this process's environment without variables that could affect Spark, Java or Python."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT}
    return {**kept, "LC_ALL": _UTF_8}
