"""The private Livy's run folder: its configuration, and a SPARK_HOME of our own."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..protocol.log_format import PRIVATE_KEEPS, SPARK_MARK
from . import spark_submit
from .layout import private

if TYPE_CHECKING:
    from .archives import Archives
    from .java import Java, Spark
    from .layout import ServerFolder

# For a name that Livy does not define itself, it loads the class below.
_AUTH = "livy.server.auth.signed"

_LIVY = f"""\
livy.server.host = 127.0.0.1
livy.server.port = 0
livy.server.csrf-protection.enabled = true
livy.server.auth.type = signed
{_AUTH}.class = org.apache.hadoop.security.authentication.server.AuthenticationFilter
# Nobody answers there, so no password is ever right: only a signed cookie lets anybody in.
{_AUTH}.param.type = org.apache.livy.server.auth.LdapAuthenticationHandlerImpl
{_AUTH}.param.ldap.providerurl = ldap://127.0.0.1:1
{_AUTH}.param.token.validity = 36000
{_AUTH}.param.signature.secret.file = {{secret}}
livy.spark.master = {spark_submit.MASTER}
# Only its owner reaches this server, and may submit whatever they can read.
livy.file.local-dir-whitelist = /
livy.cache-log.size = {{keeps}}
"""

# The first of the three loggers repeats every line that a batch prints; the others write its
# arguments and properties, including secrets.
_LIVY_LOG = """\
log4j.rootLogger = INFO, console
log4j.logger.org.apache.livy.utils.LineBufferedStream = WARN
log4j.logger.org.apache.livy.utils.SparkProcessBuilder = WARN
log4j.logger.org.apache.livy.server.batch = WARN
log4j.appender.console = org.apache.log4j.ConsoleAppender
log4j.appender.console.layout = org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern = %d{yy/MM/dd HH:mm:ss} %p %c{1}: %m%n
"""

# Spark's usual layout, with the mark before each line, including those of stack traces: it
# distinguishes Spark's lines from the program's own.
_SPARK_LOG = f"""\
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.charset = UTF-8
appender.console.layout.alwaysWriteExceptions = false
appender.console.layout.pattern = \
%replace{{%d{{yy/MM/dd HH:mm:ss}} %p %c{{1}}: %m%n%ex}}{{(?m)^}}{{\\u{ord(SPARK_MARK):04x}}}
"""

# Starts a Python program as Spark does, but without the pipe for its input: Spark never closes that,
# so a program that reads input would wait for ever.
_DRIVER_PYTHON = """\
#!/bin/sh
exec "$PYSPARK_PYTHON" "$@" </dev/null
"""

# Spark's web page is open to every user of the machine, and so are its other ports by default.
_SPARK = {
    "spark.authenticate": "true",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
}

# Livy asks for the version when it starts, and looks for these words in the answer.
_SPARK_SUBMIT = """\
#!/bin/sh
if [ "$*" = --version ]; then
    echo "version {spark.version}"
    echo "Using Scala version {spark.scala_version}, Java"
    exit
fi
exec {ours} "$@"
"""


def write(
    folder: ServerFolder,
    spark: Spark,
    java: Java,
    archives: Archives,
    *,
    ui: bool,
    batches: int = 0,
    submit: Path | None = None,
) -> None:
    """Write everything that Livy and its batches need into an empty run folder.

    Args:
        folder: The server's folder, which contains the run folder.
        spark: The Spark that batches run on.
        java: The Java that they run on.
        archives: The class-data archives that make them start faster.
        ui: Whether running batches have Spark's web page.
        batches: How many run at once; 0 to derive it from this machine's cores and memory.
        submit: A program that Livy runs instead of our own spark-submit.
    """
    run = folder.run
    for name in ("conf", "logs", "scratch", "spark-home/bin"):
        private(run / name)
    (run / "conf/livy.conf").write_text(
        _LIVY.format(secret=folder.secret, keeps=PRIVATE_KEEPS), "utf-8"
    )
    (run / "conf/log4j.properties").write_text(_LIVY_LOG, "utf-8")
    (run / "log4j2.properties").write_text(_SPARK_LOG, "utf-8")
    private(folder.answers)
    defaults = {
        **_SPARK,
        "spark.ui.enabled": str(ui).lower(),
        "spark.pyspark.driver.python": str(run / "driver-python"),
    }
    (run / "spark-defaults.conf").write_text(
        "".join(f"{key}={value}\n" for key, value in defaults.items()), "utf-8"
    )
    (run / "archives").symlink_to(archives.folder)
    settings = spark_submit.Settings(
        spark_home=str(spark.home),
        scala=spark.scala_version.rpartition(".")[0],
        java_home=str(java.home),
        python=sys.executable,
        log4j2=(run / "log4j2.properties").as_uri(),
        properties=str(run / "spark-defaults.conf"),
        scratch=str(run / "scratch"),
        archives=str(archives.folder),
        answers=str(folder.answers),
        queue=str(run / "queue"),
        batches=batches,
        mark=SPARK_MARK,
    )
    (run / "spark-submit.json").write_text(json.dumps(settings._asdict()), "utf-8")
    ours = spark_submit.program(run / "spark-submit.json")
    _write_program(
        run / "spark-home/bin/spark-submit",
        f'#!/bin/sh\nexec {shlex.quote(str(submit))} "$@"\n'
        if submit
        else _SPARK_SUBMIT.format(spark=spark, ours=shlex.join(ours)),
    )
    _write_program(run / "driver-python", _DRIVER_PYTHON)


def _write_program(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
    path.chmod(0o700)
