import pytest
import torch

from engine.errors import ModelError
from engine.model.device import MIN_GAIN, bfloat16_gain, place


def test_the_cpu_dtype_follows_the_probe():
    placement = place("cpu")
    assert placement.dtype == ("bfloat16" if bfloat16_gain() >= MIN_GAIN else "float32")
    assert "probe" in placement.note
    assert "cpu" in placement.note
    assert placement.dtype in placement.note


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_a_dtype_that_is_asked_for_is_taken(dtype):
    placement = place("cpu", dtype)
    assert placement.dtype == dtype
    assert placement.torch_dtype == getattr(torch, dtype)
    assert "as asked" in placement.note


@pytest.mark.parametrize(
    ("device", "dtype", "word"),
    [
        ("cuda:99", None, "cuda:99"),
        ("tpu", None, "tpu"),
        ("cuda:x", None, "cuda:x"),
        ("cpu", "int8", "int8"),
    ],
)
def test_what_is_not_here_is_refused(device, dtype, word):
    with pytest.raises(ModelError) as raised:
        place(device, dtype)
    assert word in raised.value.message
    assert raised.value.remedy


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a CUDA GPU")
def test_cuda_without_a_gpu_is_refused():
    with pytest.raises(ModelError, match="sees 0 CUDA GPUs"):
        place("cuda")


def test_left_out_the_best_device_is_taken():
    if torch.cuda.is_available():
        expected = "cuda"
    else:
        expected = "mps" if torch.backends.mps.is_available() else "cpu"
    assert place().device == expected
