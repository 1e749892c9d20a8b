"""ONNX and ROOT files of a finished run."""
