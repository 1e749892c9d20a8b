"""A C++ header compiled with the machine's compiler, and compared with Keras."""

import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.core.errors import WirechamberError
from app.core.system import describe_end
from app.export.cpp_header import Header

COMPILERS = ("c++", "g++", "clang++")
FLAGS = ("-std=c++17", "-O3", "-march=native", "-ffp-contract=fast", "-fno-math-errno")
Floats = NDArray[np.float32]
MAIN = """
#include <cstdio>
#include <cstdlib>
#include "@NAME@.hpp"
using namespace @NAME@;
int main(int, char** words) {
  const std::size_t n = std::strtoull(words[1], nullptr, 10);
  std::vector<float> in(n * kColumns), out(n * kTargets), one(n * kTargets), j;
  if (std::fread(in.data(), 4, in.size(), stdin) != in.size()) return 3;
  @NETWORK@
  std::vector<const float*> columns;
  std::vector<float*> targets;
  for (int c = 0; c < kColumns; ++c) columns.push_back(&in[c * n]);
  for (int t = 0; t < kTargets; ++t) targets.push_back(&out[t * n]);
  network.predict(n, columns.data(), targets.data());
  for (std::size_t i = 0; i < n; ++i) {
    float a[kColumns], b[kTargets];
    for (int c = 0; c < kColumns; ++c) a[c] = in[c * n + i];
    network.predict(a, b);
    for (int t = 0; t < kTargets; ++t) one[t * n + i] = b[t];
    @JACOBIAN@
  }
  std::fwrite(out.data(), 4, out.size(), stdout);
  std::fwrite(one.data(), 4, one.size(), stdout);
  std::fwrite(j.data(), 4, j.size(), stdout);
}
"""
JACOBIAN = "for (const auto& row : network.jacobian(a, b)) j.insert(j.end(), row.begin(), row.end());"


def find_compiler() -> str | None:
    """Return the first compiler of C++ that the machine has."""
    return next((path for path in map(shutil.which, COMPILERS) if path), None)


def compile_program(compiler: str, source: str, program: Path, options: Sequence[str] = ()) -> None:
    """Compile a source text, with further options of the compiler.

    Raises:
        WirechamberError: the compiler fails; the message is its first error.
    """
    file = program.with_suffix(".cpp")
    file.write_text(source, encoding="utf-8")
    command = [compiler, *FLAGS, *options, "-o", str(program), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        first = next((line for line in lines if "error" in line), (lines or ["nothing"])[-1])
        raise WirechamberError(f"{compiler} {describe_end(done.returncode)}, and wrote: {first[:300]}")


def run_header(compiler: str, header: Header, folder: Path, inputs: Floats) -> tuple[Floats, Floats, Floats]:
    """Return what a header in a folder gives for inputs (N, columns): many at once, one at a time, (N, 4, 5) Jacobians.

    Raises:
        WirechamberError: it does not compile, or the program fails.
    """
    call = f'Network network("{folder / header.name}.bin");' if header.field_map else "Network network;"
    parts = {"@NAME@": header.name, "@NETWORK@": call, "@JACOBIAN@": JACOBIAN if header.jacobian else ""}
    source = MAIN
    for place, text in parts.items():
        source = source.replace(place, text)
    with tempfile.TemporaryDirectory() as name:
        program = Path(name) / "check"
        compile_program(compiler, source, program, [f"-I{folder}"])
        given = np.ascontiguousarray(inputs.T, np.float32).tobytes()
        done = subprocess.run([program, str(len(inputs))], input=given, capture_output=True, check=False)
    if done.returncode:
        raise WirechamberError(f"the program with {header.name}.hpp {describe_end(done.returncode)}")
    numbers, rows, width = np.frombuffer(done.stdout, np.float32), len(inputs), sum(header.outputs.values())
    many, one = (part.reshape(width, rows).T for part in np.split(numbers[: 2 * rows * width], 2))
    return many, one, numbers[2 * rows * width :].reshape(-1, 4, 5)


def largest_share(values: Floats, expected: Any) -> float:
    """Return the largest difference of any column as a share of the column's largest value."""
    size = np.abs(expected).max(axis=0)
    if not np.isfinite(values).all():
        return float("inf")
    return float((np.abs(values - expected).max(axis=0) / np.where(size > 0, size, 1)).max())


def expected_outputs(header: Header, outputs: Mapping[str, Any]) -> Any:
    """Return a model's outputs side by side as a header gives them, (N, targets)."""
    return np.concatenate([np.asarray(outputs[name], np.float64) for name in header.outputs], axis=1)
