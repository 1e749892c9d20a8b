"""Timings and counts: calls that are measured, operations that are counted by hand, engines that agree."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from app.benchmark.cpp_engine import cpp_engine
from app.benchmark.engines import FEWEST, Timing, count_flops, engines, matmul_peak, measure_call
from app.export.cpp_check import find_compiler
from app.export.graph import to_onnx


def model():
    inputs = {"a": keras.Input((3,), name="a")}
    return keras.Model(inputs, {"b": keras.layers.Dense(4)(inputs["a"])})


def test_calls_before_the_measurement_are_not_measured():
    calls = []
    found = measure_call(lambda: calls.append(1), warmup=3, iterations=7)
    assert (len(calls), found.iterations) == (10, 7)
    assert 0 <= found.median <= found.quantile_95


def test_a_long_measurement_stops_with_a_few_figures(monkeypatch):
    monkeypatch.setattr("app.benchmark.engines.MOST_SECONDS", 0.0)
    assert measure_call(lambda: None, 0, 100).iterations == FEWEST


def test_a_call_that_takes_very_long_is_measured_once(monkeypatch):
    calls = []
    monkeypatch.setattr("app.benchmark.engines.MOST_SECONDS", 0.0)
    monkeypatch.setattr("app.benchmark.engines.LONGEST", 0.0)
    assert measure_call(lambda: calls.append(1), 10, 100).iterations == 1
    assert len(calls) == 2  # one to warm up


def test_throughput():
    assert Timing(0.5, 1.0, 3).per_rows(100) == {
        "median": 0.5,
        "quantile_95": 1.0,
        "iterations": 3,
        "throughput": 200.0,
    }


def test_operations_of_a_dense_layer():
    """3 x 4 products and their sums, and the 4 biases."""
    assert count_flops(model(), {"a": np.zeros((1, 3), np.float32)}) == 2 * 3 * 4 + 4


def test_the_peak_is_that_of_a_computer():
    assert 1e8 < matmul_peak("/CPU:0") < 1e15


def test_every_engine_says_the_same():
    network = model()
    inputs = {"a": np.random.default_rng(1).normal(size=(5, 3)).astype(np.float32)}
    known = engines(network, to_onnx(network, "model").SerializeToString())["cpu"]
    assert {"keras", "keras_xla", "onnx_1_thread"} <= set(known)
    expected = np.asarray(network(inputs)["b"])
    for name, engine in known.items():
        said = engine(inputs)
        assert (said["b"] if isinstance(said, dict) else said[0]) == pytest.approx(expected, rel=1e-5, abs=1e-6), name
    assert set(engines(network, None)["cpu"]) == {"keras", "keras_xla"}


@pytest.mark.slow
@pytest.mark.skipif(find_compiler() is None, reason="no C++ compiler")
def test_the_header_is_called_like_an_engine():
    network = model()
    inputs = {"a": np.random.default_rng(1).normal(size=(19, 3)).astype(np.float32)}
    call = cpp_engine(network, "small", {"a": ["x", "y", "z"]}, {})
    np.testing.assert_allclose(call(inputs).T, np.asarray(network(inputs)["b"]), rtol=1e-5, atol=1e-6)


def test_a_network_that_no_header_holds_has_no_such_engine(caplog):
    with caplog.at_level("INFO"):
        assert cpp_engine(model(), "small", {"a": ["x"], "b": ["y"]}, {}) is None
    assert "no C++ header: --cpp: a header cannot hold the inputs" in caplog.text
