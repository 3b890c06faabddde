"""The quantised CPU runtime: exported towers on ONNX Runtime, without torch."""
