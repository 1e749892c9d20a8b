// A field of harmonic modes, as fit-field writes it: P waves in x, Q in z; beyond the box that of the nearest place.

// cos and sin of so many half turns, by polynomials on an eighth of a turn (Cephes).
template <class T> struct Waves { T cosine, sine; };
template <class T> inline Waves<T> wave(T half_turns) {
  const auto n = whole(2.f * half_turns + select(half_turns < 0.f, T{} - 0.5f, T{} + 0.5f));
  const T r = 3.14159265f * (half_turns - 0.5f * real(n)), q = r * r;
  const T c = 1.f - 0.5f * q + q * q * horner(q, T{} + 2.443315711809948e-5f, -1.388731625493765e-3f, 4.166664568298827e-2f);
  const T s = r + r * q * horner(q, T{} - 1.9515295891e-4f, 8.3321608736e-3f, -1.6666654611e-1f);
  const auto odd = (n & 1) != 0;
  const T near = select(odd, s, c), other = select(odd, c, s);
  return {select(((n + 1) & 2) != 0, -near, near), select((n & 2) != 0, -other, other)};
}

// Of n = 0, 1, ..., N - 1 times as many half turns, by the formulas for sums of angles.
template <int N, class T> inline void fill_waves(T half_turns, Waves<T>* all) {
  const Waves<T> one = wave(half_turns);
  all[0] = {T{} + 1.f, T{}};
  for (int n = 1; n < N; ++n) {
    const Waves<T>& last = all[n - 1];
    all[n] = {last.cosine * one.cosine - last.sine * one.sine, last.sine * one.cosine + last.cosine * one.sine};
  }
}

// What depends on z alone is a number for all tracks where z is one. With EVEN_X there is no sine in x, with EVEN_Y no
// cosh in y. `w`: cos and sin in x, sinh and cosh in y, cos and sin in z of each mode, over its growth k in y.
template <int P, int Q, bool EVEN_X, bool EVEN_Y> struct Harmonic {
  float low[3], high[3], center, per_x, per_z, uniform, k[P][Q], w[P][Q][2][2][2];

  template <class T, class Z> Vector<T, T, T> operator()(T x, T y, Z z) const {
    x = clip(x, low[0], high[0]), y = clip(y, low[1], high[1]), z = clip(z, low[2], high[2]);
    Waves<T> in_x[P];
    Waves<Z> in_z[Q];
    fill_waves<P>(x * per_x, in_x);
    fill_waves<Q>((z - center) * per_z, in_z);
    T bx{}, by = T{} + uniform, bz{};
    for (int p = 0; p < P; ++p) {
      T value[2]{}, slope_y[2]{}, slope_z[2]{};  // of the potential, for cos and for sin in x
      for (int q = 0; q < Q; ++q) {
        const T e = exponential(k[p][q] * y), less = 1.f / e, rate = 0.5f * k[p][q] * T(e + less), odd = 0.5f * (e - less);
        const T even = 0.5f * (e + less), rate_odd = k[p][q] * odd;
        const float b = 3.14159265f * per_z * q;
        for (int i = 0; i < (EVEN_X ? 1 : 2); ++i) {
          const float (&c)[2][2] = w[p][q][i];
          const Z sum = c[0][0] * in_z[q].cosine + c[0][1] * in_z[q].sine;
          const Z turn = b * (c[0][1] * in_z[q].cosine - c[0][0] * in_z[q].sine);
          value[i] = value[i] + sum * odd, slope_y[i] = slope_y[i] + sum * rate, slope_z[i] = slope_z[i] + turn * odd;
          if (EVEN_Y) continue;
          const Z more = c[1][0] * in_z[q].cosine + c[1][1] * in_z[q].sine;
          const Z more_turn = b * (c[1][1] * in_z[q].cosine - c[1][0] * in_z[q].sine);
          value[i] = value[i] + more * even, slope_y[i] = slope_y[i] + more * rate_odd;
          slope_z[i] = slope_z[i] + more_turn * even;
        }
      }
      const float a = 3.14159265f * per_x * p;
      bx = bx + a * (in_x[p].cosine * value[1] - in_x[p].sine * value[0]);
      by = by + in_x[p].cosine * slope_y[0] + in_x[p].sine * slope_y[1];
      bz = bz + in_x[p].cosine * slope_z[0] + in_x[p].sine * slope_z[1];
    }
    return {bx, by, bz};
  }
};
