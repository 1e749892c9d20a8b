// Dense layers: weights lie (input, output), the outputs of each input padded to whole blocks.

template <int N> constexpr int padded = (N + kLanes - 1) / kLanes * kLanes;

struct Linear {
  template <class T> static T value(T a) { return a; }
  template <class T> static T slope(T) { return T{} + 1.f; }
};
struct Tanh {
  template <class T> static T value(T a) { return hyperbolic_tangent(a); }
  template <class T> static T slope(T a) { const T t = value(a); return 1.f - t * t; }
};
struct Sigmoid {
  template <class T> static T value(T a) { return 0.5f + 0.5f * hyperbolic_tangent(0.5f * a); }
  template <class T> static T slope(T a) { const T s = value(a); return s * (1.f - s); }
};
struct Silu {
  template <class T> static T value(T a) { return a * Sigmoid::value(a); }
  template <class T> static T slope(T a) { const T s = Sigmoid::value(a); return s + a * s * (1.f - s); }
};
struct Gelu {
  template <class T> static T value(T a) { return 0.5f * a * (1.f + error_function_of_root(a)); }
  template <class T> static T slope(T a) {
    return 0.5f * (1.f + error_function_of_root(a)) + 0.398942280f * a * exponential(-0.5f * a * a);
  }
};
struct Relu {
  template <class T> static T value(T a) { return most(a, T{}); }
  template <class T> static T slope(T a) { return select(a > 0.f, T{} + 1.f, T{}); }
};
struct Elu {
  template <class T> static T value(T a) { return select(a > 0.f, a, exponential(a) - 1.f); }
  template <class T> static T slope(T a) { return select(a > 0.f, T{} + 1.f, exponential(a)); }
};
struct Softplus {
  template <class T> static T value(T a) {
    const T e = exponential(-magnitude(a)), z = e / (2.f + e), s = z * z;
    return most(a, T{}) + z * horner(s, T{} + 2.f / 15.f, 2.f / 13.f, 2.f / 11.f, 2.f / 9.f, 2.f / 7.f, 2.f / 5.f, 2.f / 3.f, 2.f);
  }
  template <class T> static T slope(T a) { return Sigmoid::value(a); }
};

// One track: 16 outputs side by side.
template <class A, int IN, int OUT> inline void dense(const float* w, const float* bias, const float* x, float* y) {
  constexpr int kTile = padded<OUT> % (4 * kLanes) ? (padded<OUT> % (2 * kLanes) ? 1 : 2) : 4;
  for (int j = 0; j < padded<OUT>; j += kTile * kLanes) {
    Block s[kTile];
    for (int t = 0; t < kTile; ++t) s[t] = load(bias + j + t * kLanes);
    for (int i = 0; i < IN; ++i)
      for (int t = 0; t < kTile; ++t) s[t] = s[t] + load(w + i * padded<OUT> + j + t * kLanes) * x[i];
    for (int t = 0; t < kTile; ++t) store(y + j + t * kLanes, A::value(s[t]));
  }
}

// 16 tracks side by side, some outputs at a time, so that their sums stay in registers.
template <class A, int IN, int OUT> inline void dense(const float* w, const float* bias, const Block* x, Block* y) {
  constexpr int kTile = OUT % 8 ? (OUT % 4 ? 1 : 4) : 8;
  for (int j = 0; j < OUT; j += kTile) {
    Block s[kTile];
    for (int t = 0; t < kTile; ++t) s[t] = Block{} + bias[j + t];
    for (int i = 0; i < IN; ++i)
      for (int t = 0; t < kTile; ++t) s[t] = s[t] + w[i * padded<OUT> + j + t] * x[i];
    for (int t = 0; t < kTile; ++t) y[j + t] = A::value(s[t]);
  }
}
