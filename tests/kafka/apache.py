"""Apache Kafka in KRaft mode for the tests, run from Maven artifacts; it can be stopped, killed and started again."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path

from vigil.local.process import ChildProcess, free_port, port_is_open, require_free_port

_POM = Path(__file__).with_name("pom.xml")
_CACHE = Path(__file__).parents[2] / ".tools" / "kafka"

# One node that is broker and controller. Nothing appears by itself, as in a careful production cluster: topics are
# created. A group waits for no stragglers, and a killed broker is let in again after 4 s. Records may be larger than the
# largest event, so that it is vigil that refuses them.
_PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
log.dirs={folder}/data
auto.create.topics.enable=false
message.max.bytes=16777216
replica.fetch.max.bytes=16777216
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=4000
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.cleaner.dedupe.buffer.size=16777216
"""
_JAVA = ("java", "-Xmx400m", "-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


def missing_programs() -> list[str]:
    """What this machine lacks to run Apache Kafka."""
    return [program for program in ("java", "mvn") if shutil.which(program) is None]


def jars() -> Path:
    """The folder of Apache Kafka's jars, fetched once for each version of pom.xml."""
    folder = _CACHE / hashlib.sha256(_POM.read_bytes()).hexdigest()[:16]
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs at once fetch once
        if not folder.exists():
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            fetch = ["mvn", "-q", "-B", "-f", str(_POM), "dependency:copy-dependencies", "-DincludeScope=runtime"]
            done = subprocess.run([*fetch, f"-DoutputDirectory={partial}"], check=False, capture_output=True, text=True)
            if done.returncode != 0:
                raise RuntimeError(f"Maven could not fetch Apache Kafka:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
            partial.rename(folder)
    return folder


class ApacheKafka:
    """One broker on a fixed port of 127.0.0.1, its data in `folder`: what was acknowledged survives `kill` and `start`.

    `more` are further properties; addresses, ports and the data folder among them are replaced by those of this machine.
    """

    kind = "apache"

    def __init__(self, folder: Path, more: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._more = dict(more or {})
        self._port, self._controller_port = free_port(), free_port()
        self._class_path = f"{jars()}/*"
        self._properties = folder / "server.properties"
        self.process = ChildProcess("Apache Kafka", folder / "kafka.log")
        self._format()

    @property
    def bootstrap_servers(self) -> str:
        """`host:port` for Kafka clients."""
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start on the same port and data as before; returns when it accepts connections."""
        require_free_port(self._port, "Apache Kafka")
        self.process.start([*_JAVA, "-cp", self._class_path, "kafka.Kafka", str(self._properties)])
        self.process.wait_until(lambda: port_is_open(self._port), timeout_s=60)

    def stop(self) -> None:
        """Shut down cleanly."""
        self.process.stop()

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()

    def _format(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        own = _PROPERTIES.format(folder=self._folder, port=self._port, controller_port=self._controller_port)
        self._properties.write_text(self._merged(own))
        cluster = uuid.uuid4().hex[:22]
        command = [*_JAVA, "-cp", self._class_path, "kafka.tools.StorageTool", "format"]
        subprocess.run(
            [*command, "-t", cluster, "-c", str(self._properties)], check=True, capture_output=True, text=True
        )

    def _merged(self, own: str) -> str:
        """`more` over the tests' own properties, with its listeners moved to free ports of this machine."""
        if not self._more:
            return own
        ports = {"CONTROLLER": self._controller_port, "HOST": self._port}
        listeners = [listener.split("://")[0] for listener in self._more["listeners"].split(",")]
        ports = {name: ports.get(name) or free_port() for name in listeners}
        addresses = {name: f"{name}://127.0.0.1:{port}" for name, port in ports.items()}
        advertised = [listener.split("://")[0] for listener in self._more["advertised.listeners"].split(",")]
        moved = {
            "listeners": ",".join(addresses.values()),
            "advertised.listeners": ",".join(addresses[name] for name in advertised),
            "controller.quorum.voters": f"{self._more['node.id']}@127.0.0.1:{ports['CONTROLLER']}",
            "log.dirs": f"{self._folder}/data",
        }
        return "".join(f"{key}={value}\n" for key, value in {**self._more, **moved}.items())
