// @TITLE@
//
// Written by `wirechamber export`. C++17, nothing but the standard library and the vectors of gcc and clang.
// Compile with -std=c++17 -O3 -march=native -ffp-contract=fast
//
// in:  @COLUMNS@
// out: @TARGETS@
//
//   @EXAMPLE@

#ifndef WIRECHAMBER_@GUARD@_HPP
#define WIRECHAMBER_@GUARD@_HPP

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#if !defined(__GNUC__)
#error "this header needs the vectors of gcc or clang"
#endif
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpsabi"

namespace @NAMESPACE@ {

@LIBRARY@

constexpr int kColumns = @N_COLUMNS@, kTargets = @N_TARGETS@;

namespace weights {
@WEIGHTS@
}  // namespace weights

class Network {
 public:
  @CONSTRUCTOR@

  // One track.
  void predict(const float* in, float* out) const {
    float targets[kTargets];
    evaluate(in, targets);
    std::copy(targets, targets + kTargets, out);
  }

  // Any number of tracks: in[c] and out[t] are columns of n numbers.
  void predict(std::size_t n, const float* const* in, float* const* out) const {
    for (std::size_t first = 0; first < n; first += kLanes) {
      const int rows = int(std::min<std::size_t>(kLanes, n - first));
      Block columns[kColumns], targets[kTargets];
      for (int c = 0; c < kColumns; ++c)
        if (rows == kLanes) columns[c] = load(in[c] + first);
        else for (int i = 0; i < kLanes; ++i) columns[c][i] = in[c][first + std::min(i, rows - 1)];
      evaluate(columns, targets);
      for (int t = 0; t < kTargets; ++t)
        if (rows == kLanes) store(out[t] + first, targets[t]);
        else for (int i = 0; i < rows; ++i) out[t][first + i] = targets[t][i];
    }
  }
@JACOBIAN@
 private:
  @FIELD@

  template <class T> void evaluate(const T* in, T* out) const {
@BODY@
  }
};

}  // namespace @NAMESPACE@

#pragma GCC diagnostic pop
#endif
