"""Data flows one way: no folder imports from one to its right."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ORDER = ["catalog", "engine", "indexer", "training", "benchmarks", "cli"]
FOLDERS = [folder for folder in ORDER if (ROOT / folder).is_dir()]


def imported_folders(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return found & set(ORDER)


def test_every_top_level_package_has_its_place():
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages == set(FOLDERS)


@pytest.mark.parametrize("folder", FOLDERS)
def test_imports_go_left(folder):
    allowed = set(ORDER[: ORDER.index(folder) + 1])
    offenders = {
        str(path.relative_to(ROOT)): sorted(imported_folders(path) - allowed)
        for path in (ROOT / folder).rglob("*.py")
        if imported_folders(path) - allowed
    }
    assert not offenders
