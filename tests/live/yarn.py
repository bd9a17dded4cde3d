"""YARN with one node, and a Livy in front of it that recovers its batches: all real, all on loopback.

The package itself runs no YARN. Hadoop's jars are fetched and checked as Livy's are, by a lock of
their own, and kept beside them.
"""

from __future__ import annotations

import getpass
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest
import requests
from plain_java import plain_java_home

from livy_magic.local import jars, java, processes
from livy_magic.local.environment import clean_environment
from livy_magic.local.livy import cause

_HADOOP = Path(__file__).with_name("hadoop-3.3.6.lock")
_START_TIME = 120.0  # seconds; five on a quiet machine
_END_TIME = 60.0  # seconds; one or two on a quiet machine
_QUICK_JVM = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData"

_RESOURCE_MANAGER = "org.apache.hadoop.yarn.server.resourcemanager.ResourceManager"
_NODE_MANAGER = "org.apache.hadoop.yarn.server.nodemanager.NodeManager"
_LIVY = "org.apache.livy.server.LivyServer"

_CORE_SITE = {"fs.defaultFS": "file:///", "hadoop.tmp.dir": "{folder}/tmp"}

_YARN_SITE = {
    "yarn.resourcemanager.hostname": "127.0.0.1",
    "yarn.resourcemanager.bind-host": "127.0.0.1",
    "yarn.resourcemanager.address": "127.0.0.1:{ports[0]}",
    "yarn.resourcemanager.scheduler.address": "127.0.0.1:{ports[1]}",
    "yarn.resourcemanager.resource-tracker.address": "127.0.0.1:{ports[2]}",
    "yarn.resourcemanager.admin.address": "127.0.0.1:{ports[3]}",
    "yarn.resourcemanager.webapp.address": "127.0.0.1:{ports[4]}",
    "yarn.resourcemanager.scheduler.class": "org.apache.hadoop.yarn.server.resourcemanager"
    ".scheduler.fifo.FifoScheduler",
    "yarn.resourcemanager.am.max-attempts": "1",
    "yarn.resourcemanager.nodemanagers.heartbeat-interval-ms": "200",
    "yarn.scheduler.minimum-allocation-mb": "128",
    "yarn.nodemanager.hostname": "127.0.0.1",
    "yarn.nodemanager.bind-host": "127.0.0.1",
    "yarn.nodemanager.address": "127.0.0.1:0",
    "yarn.nodemanager.localizer.address": "127.0.0.1:0",
    "yarn.nodemanager.webapp.address": "127.0.0.1:0",
    "yarn.nodemanager.resource.memory-mb": "2700",  # three batches at once
    "yarn.nodemanager.pmem-check-enabled": "false",
    "yarn.nodemanager.vmem-check-enabled": "false",
    # A disk fuller than this silently makes the node unusable.
    "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": "99.9",
    "yarn.nodemanager.local-dirs": "{folder}/local",
    "yarn.nodemanager.log-dirs": "{folder}/containers",
    # What it starts carries our mark, too.
    "yarn.nodemanager.env-whitelist": f"JAVA_HOME,{processes.MARK}",
}

# Without an executor until there is work for one: these batches have none.
_SPARK_DEFAULTS = {
    "spark.yarn.jars": "local:{spark}/jars/*",
    "spark.yarn.stagingDir": "file://{folder}/spark",
    "spark.yarn.appMasterEnv.SPARK_LOCAL_IP": "127.0.0.1",
    "spark.yarn.appMasterEnv.JAVA_HOME": "{java}",
    "spark.pyspark.python": sys.executable,
    "spark.driver.memory": "512m",
    "spark.driver.extraJavaOptions": _QUICK_JVM,
    "spark.dynamicAllocation.enabled": "true",
    "spark.dynamicAllocation.shuffleTracking.enabled": "true",
    "spark.ui.enabled": "false",
}

_LIVY_CONF = {
    "livy.server.host": "127.0.0.1",
    "livy.server.port": "{ports[5]}",
    "livy.spark.master": "yarn",
    "livy.spark.deploy-mode": "cluster",
    "livy.server.yarn.poll-interval": "500ms",
    "livy.server.recovery.mode": "recovery",
    "livy.server.recovery.state-store": "filesystem",
    "livy.server.recovery.state-store.url": "file://{folder}/recovery",
    "livy.file.local-dir-whitelist": "/",
}

_LOG4J = """\
log4j.rootLogger = INFO, console
log4j.appender.console = org.apache.log4j.ConsoleAppender
log4j.appender.console.layout = org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern = %d{yy/MM/dd HH:mm:ss} %p %c{1}: %m%n
"""


class Yarn:
    """YARN, and Livy, which may be killed and started again.

    Attributes:
        url: Livy's, the same after each start.
        staging: A folder for what is submitted.
    """

    def __init__(self, folder: Path, livy_jars: Path) -> None:
        spark = java.require_spark()
        self._java_home = plain_java_home(folder)
        self._spark = spark
        self._folder = folder
        self._mark = uuid4().hex
        self._livy_jars = jars.class_path(livy_jars)
        self._hadoop_jars = _hadoop_jars(livy_jars.resolve().with_name("hadoop"))
        self._started: list[subprocess.Popen[bytes]] = []
        ports = _free_ports(6)
        self._resource_manager = f"http://127.0.0.1:{ports[4]}"
        self.url = f"http://127.0.0.1:{ports[5]}"
        self.staging = (folder / "staging").as_uri()
        facts = {
            "folder": folder,
            "ports": ports,
            "spark": spark.home,
            "java": self._java_home,
        }
        self._conf = folder / "conf"
        self._conf.mkdir()
        (folder / "tmp").mkdir()
        self._write("core-site.xml", _xml(_CORE_SITE, facts))
        self._write("yarn-site.xml", _xml(_YARN_SITE, facts))
        self._write("spark-defaults.conf", _lines(_SPARK_DEFAULTS, facts))
        self._write("livy.conf", _lines(_LIVY_CONF, facts))
        self._write("log4j.properties", _LOG4J)

    def _write(self, name: str, text: str) -> None:
        (self._conf / name).write_text(text, "utf-8")

    def start(self) -> None:
        """Start YARN and Livy, and wait until a batch could be submitted."""
        daemons = [
            self._launch(_RESOURCE_MANAGER, self._hadoop_jars, 256),
            self._launch(_NODE_MANAGER, self._hadoop_jars, 256),
        ]
        for daemon in daemons:
            url = f"{self._resource_manager}/ws/v1/cluster/metrics"
            self._await(daemon, url, '"activeNodes":1')
        self.start_livy()

    def start_livy(self) -> None:
        """Start Livy, and wait until it answers."""
        self._await(self._launch(_LIVY, self._livy_jars, 512), f"{self.url}/version", "version")

    def kill_livy(self) -> None:
        """Kill Livy, which was started last, by SIGKILL."""
        self._started[-1].kill()
        self._started[-1].wait()

    def stop(self) -> None:
        """Kill all that was started here, and whatever that started."""
        # At once: asked to end, each part would first wait for another one.
        while left := processes.marked(self._mark):
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            time.sleep(0.05)
        for started in self._started:
            started.wait()

    def final_status(self, app_id: str) -> str:
        """Wait until an application has ended, and return YARN's own word for how."""
        deadline = time.monotonic() + _END_TIME
        while (status := self._application(app_id)["finalStatus"]) == "UNDEFINED":
            assert time.monotonic() < deadline, f"{app_id} does not end"
            time.sleep(0.1)  # YARN tells nobody
        return status

    def state(self, app_id: str) -> str:
        """Return YARN's own word for how far an application is."""
        return self._application(app_id)["state"]

    def kill(self, app_id: str) -> None:
        """Kill an application as ``yarn application -kill`` does, behind Livy's back."""
        user = {"user.name": getpass.getuser()}
        self._ask("PUT", f"{self._of(app_id)}/state", params=user, json={"state": "KILLED"})

    def _application(self, app_id: str) -> dict[str, str]:
        application: dict[str, str] = self._ask("GET", self._of(app_id)).json()["app"]
        return application

    def _of(self, app_id: str) -> str:
        return f"{self._resource_manager}/ws/v1/cluster/apps/{app_id}"

    def _launch(self, main: str, class_path: list[Path], megabytes: int) -> subprocess.Popen[bytes]:
        home = str(self._folder)
        environment = {
            **clean_environment(),
            "JAVA_HOME": str(self._java_home),
            "HADOOP_HOME": home,
            "HADOOP_CONF_DIR": str(self._conf),
            "SPARK_HOME": str(self._spark.home),
            "SPARK_CONF_DIR": str(self._conf),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_LAUNCHER_OPTS": _QUICK_JVM,
            "SPARK_SUBMIT_OPTS": f"{_QUICK_JVM} -Djava.io.tmpdir={home}/tmp",
            "LIVY_HOME": home,
            "LIVY_CONF_DIR": str(self._conf),
            "LIVY_LOG_DIR": home,
            processes.MARK: self._mark,
        }
        program = [str(self._java_home / "bin/java"), f"-Xmx{megabytes}m", *_QUICK_JVM.split()]
        program += ["--add-opens", "java.base/java.lang=ALL-UNNAMED"]
        program += ["-Djava.net.preferIPv4Stack=true", "-Dfile.encoding=UTF-8"]
        program += [f"-Dhadoop.log.dir={home}", f"-Dhadoop.home.dir={home}"]
        program += [f"-Djava.io.tmpdir={home}/tmp"]
        program += ["-cp", os.pathsep.join(map(str, [self._conf, *class_path])), main]
        with self._log(main).open("ab") as log:
            process = subprocess.Popen(
                program,
                cwd=home,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._started.append(process)
        return process

    def _log(self, main: str) -> Path:
        return self._folder / f"{main.rpartition('.')[2]}.log"

    def _await(self, process: subprocess.Popen[bytes], url: str, words: str) -> None:
        """Wait until what the process answers has these words."""
        deadline = time.monotonic() + _START_TIME
        log = self._log(str(process.args[-1]))
        while not self._says(url, words):
            assert process.poll() is None, cause(log)
            assert time.monotonic() < deadline, f"no answer in {_START_TIME:.0f} s: {cause(log)}"
            time.sleep(0.1)

    def _says(self, url: str, words: str) -> bool:
        try:
            return words in self._ask("GET", url).text
        except requests.ConnectionError:  # nobody listens yet
            return False

    def _ask(self, method: str, url: str, **content: Any) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False  # a proxy would swallow the loopback address
            answer = session.request(method, url, timeout=_START_TIME, **content)
        answer.raise_for_status()
        return answer


@contextmanager
def running_yarn(base: Path) -> Iterator[Yarn]:
    """YARN and Livy, with their files in ``base``, for the block."""
    folder = base / "yarn"
    folder.mkdir()
    yarn = Yarn(folder, base / "jars")
    try:
        yarn.start()
        yield yarn
    finally:
        yarn.stop()


def _hadoop_jars(folder: Path) -> list[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jars, "_LOCK", _HADOOP)
        jars.ensure(folder, report=print)
        return jars.class_path(folder)


def _free_ports(count: int) -> list[int]:
    """Return ports that nobody has, and that the system gives to no outgoing connection.

    Whoever calls such a one again and again while nobody listens there, as a watch does, is
    connected with itself in the end, and Livy cannot have its port back.
    """
    free = []
    for port in random.sample(range(20_000, 32_000), 100):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            free.append(port)
    return free[:count]


def _xml(settings: Mapping[str, str], facts: Mapping[str, object]) -> str:
    properties = [
        f"<property><name>{key}</name><value>{value.format_map(facts)}</value></property>"
        for key, value in settings.items()
    ]
    return "\n".join(["<configuration>", *properties, "</configuration>", ""])


def _lines(settings: Mapping[str, str], facts: Mapping[str, object]) -> str:
    return "".join(f"{key} {value.format_map(facts)}\n" for key, value in settings.items())
