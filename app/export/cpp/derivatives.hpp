// Numbers that carry their derivatives by the start state (forward mode), and what a Kalman filter makes of them.

// Lane 0 is the value, lanes 1 to 5 are the derivatives by x, y, tx, ty and q/p.
struct Dual {
  typedef void Carries;
  Half a = {};
  Dual() = default;
  Dual(float v) { a[0] = v; }
  explicit Dual(Half b) : a(b) {}
  static Dual variable(float v, int number) { Dual d(v); d.a[number + 1] = 1.f; return d; }
};
inline float value(const Dual& a) { return a.a[0]; }
inline Dual chain(const Dual& x, float v, float slope) { Dual r(x.a * slope); r.a[0] = v; return r; }
inline Dual carried(const Dual& x, float v, float slope) { return chain(x, v, slope); }

inline Dual operator-(const Dual& x) { return Dual(-x.a); }
inline Dual operator+(const Dual& x, const Dual& y) { return Dual(x.a + y.a); }
inline Dual operator-(const Dual& x, const Dual& y) { return Dual(x.a - y.a); }
inline Dual operator*(const Dual& x, float c) { return Dual(x.a * c); }
inline Dual operator*(float c, const Dual& x) { return Dual(x.a * c); }
inline Dual operator*(const Dual& x, const Dual& y) {
  Dual r(x.a * y.a[0] + y.a * x.a[0]);
  r.a[0] = x.a[0] * y.a[0];
  return r;
}
inline Dual operator/(const Dual& x, const Dual& y) {
  const float i = 1.f / y.a[0], v = x.a[0] * i;
  Dual r((x.a - y.a * v) * i);
  r.a[0] = v;
  return r;
}
inline bool operator>(const Dual& x, const Dual& y) { return x.a[0] > y.a[0]; }
inline Dual operator+(const Dual& x, Zero) { return x; }
inline Dual operator-(const Dual& x, Zero) { return x; }

inline Dual exponential(const Dual& x) { const float e = exponential(x.a[0]); return chain(x, e, e); }
inline Dual inverse_root(const Dual& x) { const float r = inverse_root(x.a[0]); return chain(x, r, -0.5f * r * r * r); }
inline Dual magnitude(const Dual& x) { return x.a[0] < 0.f ? -x : x; }
inline Dual clip(const Dual& x, float low, float high) { return x.a[0] < low ? Dual(low) : x.a[0] > high ? Dual(high) : x; }
inline Waves<Dual> wave(const Dual& half_turns) {
  const Waves<float> w = wave(half_turns.a[0]);
  return {chain(half_turns, w.cosine, -3.14159265f * w.sine), chain(half_turns, w.sine, 3.14159265f * w.cosine)};
}
inline Dual select(bool m, const Dual& x, const Dual& y) { return m ? x : y; }

template <class A, int IN, int OUT> inline void dense(const float* w, const float* bias, const Dual* x, Dual* y) {
  for (int j = 0; j < OUT; ++j) {
    Dual s(bias[j]);
    for (int i = 0; i < IN; ++i) s.a = s.a + w[i * padded<OUT> + j] * x[i].a;
    y[j] = chain(s, A::value(s.a[0]), A::slope(s.a[0]));
  }
}

using Jacobian = std::array<std::array<float, 5>, 4>;
using Covariance = std::array<std::array<float, 5>, 5>;

// F C F^T with F the Jacobian over the row of q/p, which is conserved: the covariance of x, y, tx, ty, q/p at the end.
inline Covariance covariance(const Jacobian& j, const Covariance& c) {
  double f[5][5] = {}, fc[5][5] = {};
  for (int a = 0; a < 4; ++a) for (int b = 0; b < 5; ++b) f[a][b] = j[a][b];
  f[4][4] = 1;
  Covariance out{};
  for (int a = 0; a < 5; ++a) for (int b = 0; b < 5; ++b) for (int k = 0; k < 5; ++k) fc[a][b] += f[a][k] * c[k][b];
  for (int a = 0; a < 5; ++a)
    for (int b = 0; b < 5; ++b) {
      double sum = 0;
      for (int k = 0; k < 5; ++k) sum += fc[a][k] * f[b][k];
      out[a][b] = float(sum);
    }
  return out;
}
