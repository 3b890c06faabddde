"""Index runs in processes that can be killed, forked from one that has loaded everything.

``python killing.py CHECKPOINT...`` reads one run a line as JSON from stdin, forks, and tells on
stdout: the process, its progress, and how it ended.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

OPERATIONS = ("fsync", "replace", "rename", "remove", "unlink", "rmdir", "mkdir")


@dataclass
class Ended:
    """How a run ended.

    Attributes:
        killed: Whether by SIGKILL; else it came to its end.
        phase: It was in, with how far it was.
        seconds: It ran.
        operations: Of the file system, that it had done.
    """

    killed: bool
    phase: str
    seconds: float
    operations: int


class Runs:
    """Starts runs, one at a time; a context manager."""

    def __init__(self, *checkpoints: Path) -> None:
        repository = Path(__file__).resolve().parents[2]
        self._process = subprocess.Popen(
            [sys.executable, __file__, *map(str, checkpoints)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(repository), "OMP_NUM_THREADS": "1"},
        )
        assert self._process.stdout.readline() == "ready\n"

    def __enter__(self) -> Runs:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()

    def run(
        self,
        source: Path,
        uri: str,
        checkpoint: int = 0,
        *,
        after: float | None = None,
        before_operation: int | None = None,
        at: str | None = None,
        **options: object,
    ) -> Ended:
        """Run to the end, or kill the process: some seconds after its first line, before an
        operation of the file system, or once it tells a phase.
        """
        run = [str(source), uri, checkpoint, before_operation, options]
        self._process.stdin.write(json.dumps(run) + "\n")
        self._process.stdin.flush()
        pid, phase, operations, started, timer = 0, "start", 0, 0.0, None
        for line in self._process.stdout:
            kind, *words = line.split()
            if kind == "pid":
                pid, started = int(words[0]), time.monotonic()
                if after is not None:
                    timer = threading.Timer(after, _kill, (pid,))
                    timer.start()
            elif kind == "progress":
                phase, operations = " ".join(words[:2]), int(words[2])
                if at is not None and phase.startswith(at):
                    _kill(pid)
                    at = None
            elif kind == "before":
                phase += f", before {words[0]}"
                operations = int(words[1])
            else:
                if timer is not None:
                    timer.cancel()
                assert words[0] in ("0", "-9"), f"the run ended with {words[0]}"
                seconds = time.monotonic() - started
                return Ended(words[0] == "-9", phase, seconds, operations)
        raise AssertionError("the process that forks has died")


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def say(*words: object) -> None:
    """One line on stdout."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


class _Counter:
    """Counts operations of the file system, and kills this process before one of them."""

    def __init__(self, last: int | None) -> None:
        self.done = 0
        self._last = last
        for name in OPERATIONS:
            setattr(os, name, self._counted(name, getattr(os, name)))

    def _counted(self, name, function):
        def operation(*args, **kwargs):
            if self.done == self._last:
                say("before", name, self.done)
                os.kill(os.getpid(), signal.SIGKILL)
            self.done += 1
            return function(*args, **kwargs)

        return operation


def _index(lrem, source, uri, before_operation, options) -> None:
    from catalog import Catalog
    from engine.store import Store
    from indexer import index_catalog, pipeline

    pipeline.FIRST_WINDOW = pipeline.MIN_WINDOW = pipeline.MAX_WINDOW = 100
    counter = _Counter(before_operation)

    def tell(progress):
        say("progress", progress.phase, progress.done, counter.done)

    with Store(uri) as store:
        index_catalog(Catalog.open(source), lrem, store, "products", on_progress=tell, **options)
    say("progress closed 0", counter.done)


def _main() -> None:
    import pymilvus  # noqa: F401

    import indexer.job  # noqa: F401
    from engine.model import LREM

    models = [LREM.from_pretrained(p, device="cpu", dtype="float32") for p in sys.argv[1:]]
    say("ready")
    for line in sys.stdin:
        source, uri, checkpoint, before_operation, options = json.loads(line)
        child = os.fork()
        if child == 0:
            # What is raised here ends the process with a traceback and 1.
            say("pid", os.getpid())
            _index(models[checkpoint], source, uri, before_operation, options)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        say("ended", status)


def copied(folder: Path, to: Path) -> Path:
    """A copy of a Milvus Lite file that is not open."""
    return Path(shutil.copytree(folder, to))


if __name__ == "__main__":
    _main()
