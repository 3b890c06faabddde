"""A tiny checkpoint on torch, and what was exported from it."""

import onnx
import pytest
from tiny_checkpoints import tiny_separate

from engine.model import LREM
from engine.model.export.checkpoint import export_checkpoint


@pytest.fixture(scope="session")
def queries():
    return [
        "gift for dad who fishes",
        "drill",
        "",
        "waterproof hiking boots for nurses who walk long steel garden paths every day " * 2,
        "🎣 подарок 釣り",
        "paint brush set",
        "cordless drill with two batteries",
    ]


@pytest.fixture(scope="session")
def torch_folder(tmp_path_factory):
    return tiny_separate(tmp_path_factory.mktemp("torch") / "tiny", trained=True)


@pytest.fixture(scope="session")
def export(torch_folder, queries):
    return export_checkpoint(torch_folder, torch_folder.with_name("exported"), queries, queries[:4])


@pytest.fixture(scope="session")
def exported(export):
    return LREM.from_pretrained(export.directory)


@pytest.fixture(scope="session")
def on_torch(torch_folder):
    return LREM.from_pretrained(torch_folder, dtype="float32")


@pytest.fixture(scope="session")
def exactly():
    """Lets a graph multiply in float32, so that only its own faults tell it from torch."""

    def rewrite(source, target):
        model = onnx.load(source)
        for node in model.graph.node:
            for attribute in node.attribute:
                if attribute.name == "accuracy_level":
                    attribute.i = 1
        onnx.save(model, target)
        return target

    return rewrite
