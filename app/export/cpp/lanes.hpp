// Numbers side by side: one float, or a Block of 16, and the functions that both have. gcc and clang turn a Block into
// whatever vectors the processor has. No function depends on -ffast-math, and none is hurt by it beyond a few 1e-7.

constexpr int kLanes = 16;
typedef float Block __attribute__((vector_size(4 * kLanes)));
typedef std::int32_t Mask __attribute__((vector_size(4 * kLanes)));
typedef float Half __attribute__((vector_size(4 * kLanes / 2)));
typedef float Quarter __attribute__((vector_size(4 * kLanes / 4)));

inline float value(float a) { return a; }
inline Block value(Block a) { return a; }
inline float lane(float a, int) { return a; }
inline float lane(Block a, int i) { return a[i]; }
inline float select(bool m, float a, float b) { return m ? a : b; }
inline Block select(Mask m, Block a, Block b) { return m ? a : b; }
inline float sign_if(bool negative) { return negative ? -1.f : 1.f; }
inline Block sign_if(Mask negative) { return negative ? Block{} - 1.f : Block{} + 1.f; }
inline Block load(const float* p) { Block a; std::memcpy(&a, p, sizeof a); return a; }
inline void store(float* p, Block a) { std::memcpy(p, &a, sizeof a); }

inline std::int32_t whole(float a) { return std::int32_t(a); }
inline Mask whole(Block a) { return __builtin_convertvector(a, Mask); }
inline float real(std::int32_t n) { return float(n); }
inline Block real(Mask n) { return __builtin_convertvector(n, Block); }
inline float from_bits(std::int32_t n) { float a; std::memcpy(&a, &n, 4); return a; }
inline Block from_bits(Mask n) { Block a; std::memcpy(&a, &n, sizeof a); return a; }
inline std::int32_t bits(float a) { std::int32_t n; std::memcpy(&n, &a, 4); return n; }
inline Mask bits(Block a) { Mask n; std::memcpy(&n, &a, sizeof n); return n; }

template <class T> inline T least(T a, T b) { return select(a < b, a, b); }
template <class T> inline T most(T a, T b) { return select(a > b, a, b); }
template <class T> inline T magnitude(T a) { return select(a < 0.f, -a, a); }
template <class T> inline T horner(T, T p) { return p; }
template <class T, class... C> inline T horner(T s, T p, float c, C... more) { return horner(s, p * s + c, more...); }
template <class T> inline T clip(T a, float low, float high) { return least(most(a, T{} + low), T{} + high); }

// 1 / sqrt(a) for a > 0, without a division: three steps of Newton's method from the exponent's half.
template <class T> inline T inverse_root(T a) {
  T r = from_bits(0x5f3759df - (bits(a) >> 1));
  for (int i = 0; i < 3; ++i) r = r * (1.5f - 0.5f * a * r * r);
  return r;
}

// exp(a) to 1e-7 of it: a power of two and a polynomial on [-ln 2 / 2, ln 2 / 2] (Cephes).
template <class T> inline T exponential(T a) {
  a = clip(a, -87.f, 88.f);
  const auto n = whole(a * 1.44269504f + select(a < 0.f, T{} - 0.5f, T{} + 0.5f));
  const T k = real(n), r = (a - k * 0.693359375f) + k * 2.12194440e-4f;
  const T p = horner(r, T{} + 1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f,
                     5.0000001201e-1f);
  return (p * r * r + r + 1.f) * from_bits((n + 127) << 23);
}

// tanh(a) to 4e-7: a rational function on [-7.9, 7.9] (Eigen).
template <class T> inline T hyperbolic_tangent(T a) {
  a = clip(a, -7.9053111f, 7.9053111f);
  const T s = a * a;
  const T p = horner(s, T{} - 2.76076847742355e-16f, 2.00018790482477e-13f, -8.60467152213735e-11f, 5.12229709037114e-08f,
                     1.48572235717979e-05f, 6.37261928875436e-04f, 4.89352455891786e-03f);
  const T q = horner(s, T{} + 1.19825839466702e-06f, 1.18534705686654e-04f, 2.26843463243900e-03f, 4.89352518554385e-03f);
  return a * p / q;
}

// erf(a / sqrt 2) to 3e-7: a polynomial in a^2 on [-5.5, 5.5], fitted at Chebyshev's places; no division.
template <class T> inline T error_function_of_root(T a) {
  a = clip(a, -5.5f, 5.5f);
  const T t = a * a * (2.f / (5.5f * 5.5f)) - 1.f;
  return a * horner(t, T{} + -5.713526359e-04f,
                  1.312473294e-03f, -7.135092277e-04f, 1.279813006e-03f, -5.317404756e-03f, 9.447139248e-03f,
                  -1.330135671e-02f, 2.032842403e-02f, -3.012504804e-02f, 4.076961384e-02f, -5.207230297e-02f,
                  6.413444641e-02f, -7.758758780e-02f, 9.547559178e-02f, -1.283446293e-01f, 2.571038588e-01f);
}

// sqrt(a), and 0 for 0.
template <class T> inline T root(T a) { return a * inverse_root(most(a, T{} + 1e-30f)); }
