"""Print what the search service needs installed: the dependencies without those of training.

An exported checkpoint, such as the one that comes with lrem, runs on ONNX Runtime. The image of the
Dockerfile therefore holds no torch, and is a fraction of the size.

    python deploy/requirements.py pyproject.toml > requirements.txt
"""

import re
import sys
from pathlib import Path

import tomllib

LEFT_OUT = {
    "torch",
    "transformers",
    "sentence-transformers",
    "ir-measures",
    "scipy",
    "matplotlib",
    "jinja2",
}


def main(pyproject: Path) -> None:
    """Write the requirements to stdout, one a line."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["serve"]
    names = {one: re.match(r"[A-Za-z0-9._-]+", one) for one in wanted}
    kept = [one for one, name in names.items() if name and name.group() not in LEFT_OUT]
    sys.stdout.write("\n".join(kept) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
