"""A real Milvus standalone server as a process: the binary that the PyPI package milvus carries."""

from __future__ import annotations

import os
import platform
import runpy
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from zipfile import ZipFile

VERSION = "2.3.5"
SESSION_SECONDS = 5
_START_SECONDS = 120
_DOWNLOAD_SECONDS = 300


class ServerUnavailableError(Exception):
    """Why there can be no server here."""


def unpack(folder: Path) -> Path:
    """Fetch the package and unpack it; it is not installed, for of Python it needs nothing.

    Its own client would need a pymilvus before version 2.4.
    """
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise ServerUnavailableError(f"milvus {VERSION} runs on Linux x86-64 only")
    fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    fetch += ["--only-binary=:all:", "--dest", str(folder), f"milvus=={VERSION}"]
    try:
        done = subprocess.run(fetch, capture_output=True, text=True, timeout=_DOWNLOAD_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise ServerUnavailableError(f"milvus {VERSION} was not downloaded in time") from error
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        raise ServerUnavailableError(
            f"milvus {VERSION} cannot be downloaded: {done.stderr.strip()[-300:]}"
        )
    with ZipFile(wheels[0]) as wheel:
        wheel.extractall(folder)
    wheels[0].unlink()
    return folder / "milvus"


class Standalone:
    """One server with its data folder; it keeps its ports when it is started again.

    Args:
        package: What :func:`unpack` made.
        folder: For data, configuration and logs.
        guarded: Whether it asks for a token; root:Milvus is the first one.
    """

    def __init__(self, package: Path, folder: Path, *, guarded: bool = False) -> None:
        self._folder = folder
        self._bin = package.parent / "bin"
        self._process: subprocess.Popen[bytes] | None = None
        module = runpy.run_path(str(package / "__init__.py"), run_name="milvus")
        module["_initialize_data_files"](str(package.parent))
        config = module["MilvusServerConfig"](data_dir=str(folder))
        names = [name for name in config.configurable_items if name.endswith("_port")]
        *ports, self._health, peer_port = _free_ports(len(names) + 2)
        config.update(**dict(zip(names, ports, strict=True)))
        config.set("authorization_enabled", guarded)
        # How long a killed server's parts are waited for when it is back.
        config.set("common.session.ttl", SESSION_SECONDS)
        config.resolve()
        self.uri = f"http://127.0.0.1:{config.get('proxy_port')}"
        # Of its etcd's ports the configuration above says only where to look for them.
        client, peer = (f"http://127.0.0.1:{p}" for p in (config.get("etcd_port"), peer_port))
        self._etcd = folder / "configs" / "etcd.yaml"
        self._etcd.write_text(
            f"listen-client-urls: {client}\nadvertise-client-urls: {client}\n"
            f"listen-peer-urls: {peer}\ninitial-advertise-peer-urls: {peer}\n"
            f"initial-cluster: default={peer}\n"
        )

    def start(self) -> None:
        """Start it, and wait until it says that it is well."""
        library = os.environ.get("LD_LIBRARY_PATH", "")
        environment = {
            **os.environ,
            "DEPLOY_MODE": "STANDALONE",
            # A refresh waits for the next round of these, which come every ten seconds else.
            "QUERYCOORD_UPDATENEXTTARGETINTERVAL": "1",
            "ETCD_CONFIG_PATH": str(self._etcd),
            "METRICS_PORT": str(self._health),
            "LD_LIBRARY_PATH": f"{self._bin}:{library}",
        }
        with (self._folder / "logs" / "output.log").open("ab") as log:
            self._process = subprocess.Popen(
                # The alias names a lock in /run/milvus; without it there can be one server only.
                [str(self._bin / "milvus"), "run", "standalone", "-alias", self._folder.name],
                cwd=self._folder,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._is_well():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                said = (self._folder / "logs" / "output.log").read_text(errors="replace")
                raise ServerUnavailableError(f"milvus {VERSION} does not start: {said[-500:]}")
            time.sleep(0.1)

    def kill(self) -> None:
        """End it as a power cut would. (Asked kindly, it takes longer than anybody waits.)"""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _is_well(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._health}/healthz", timeout=5) as r:
                return b"OK" in r.read()
        except (urllib.error.URLError, OSError):
            return False


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now; taken together, so that no two are the same."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports
