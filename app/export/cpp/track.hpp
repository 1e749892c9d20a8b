// Track states in a magnetic field: x, y [mm], tx, ty along z, q/p [1/GeV], fields in T.

constexpr float kLightSpeed = 2.99792458e-4f;

// A component of a field that is 0 everywhere: terms with it are left out by the compiler.
struct Zero {};
inline Zero operator-(Zero) { return {}; }
inline Zero operator+(Zero, Zero) { return {}; }
inline Zero operator-(Zero, Zero) { return {}; }
template <class T> inline Zero operator*(T, Zero) { return {}; }
template <class T> inline T operator+(T a, Zero) { return a; }
template <class T> inline T operator+(Zero, T a) { return a; }
template <class T> inline T operator-(T a, Zero) { return a; }
template <class T> inline T operator-(Zero, T a) { return -a; }

template <class X, class Y, class Z> struct Vector { X x; Y y; Z z; };
template <class X, class Y, class Z> inline Vector<X, Y, Z> vector(X x, Y y, Z z) { return {x, y, z}; }

// The columns of 16 rows of four numbers; the fourth is left out.
inline Vector<Block, Block, Block> columns_of(const float* rows) {
  Vector<Block, Block, Block> v;
#if defined(__has_builtin) && __has_builtin(__builtin_shufflevector)
  const Block a = load(rows), b = load(rows + 16), c = load(rows + 32), d = load(rows + 48);
#define PAIR(p, q, k, m) __builtin_shufflevector(p, q, k, k + 4, k + 8, k + 12, k + 16, k + 20, k + 24, k + 28, \
                                                 m, m + 4, m + 8, m + 12, m + 16, m + 20, m + 24, m + 28)
#define JOIN(p, q, k) __builtin_shufflevector(p, q, k, k + 1, k + 2, k + 3, k + 4, k + 5, k + 6, k + 7, \
                                              k + 16, k + 17, k + 18, k + 19, k + 20, k + 21, k + 22, k + 23)
  const Block xy = PAIR(a, b, 0, 1), zw = PAIR(a, b, 2, 3), xy_more = PAIR(c, d, 0, 1), zw_more = PAIR(c, d, 2, 3);
  v.x = JOIN(xy, xy_more, 0), v.y = JOIN(xy, xy_more, 8), v.z = JOIN(zw, zw_more, 0);
#undef PAIR
#undef JOIN
#else
  for (int i = 0; i < kLanes; ++i) v.x[i] = rows[4 * i], v.y[i] = rows[4 * i + 1], v.z[i] = rows[4 * i + 2];
#endif
  return v;
}
template <class T> struct State { T x, y, tx, ty; };
template <class T> struct Slopes { T x, y; };

// u = px/p, v = py/p, and back.
template <class T> inline Slopes<T> to_momentum(T tx, T ty) {
  const T r = inverse_root(1.f + tx * tx + ty * ty);
  return {tx * r, ty * r};
}
template <class T> inline Slopes<T> to_slopes(T u, T v) {
  const T r = inverse_root(clip(1.f - u * u - v * v, 1.f - 0.999f * 0.999f, 1.f));
  return {u * r, v * r};
}

// dtx/dz and dty/dz for k = c q/p.
template <class F, class T, class Z> inline Slopes<T> bend(const F& field, const State<T>& s, T k, Z z) {
  const auto b = field(s.x, s.y, z);
  const T n = 1.f + s.tx * s.tx + s.ty * s.ty, kn = k * n * inverse_root(n);
  const auto g = s.ty * b.x - s.tx * b.y;
  return {kn * (s.tx * g + s.ty * b.z - b.y), kn * (s.ty * g - s.tx * b.z + b.x)};
}

// One step of the classical Runge-Kutta method in Nystrom's form.
template <class F, class T, class Z> inline State<T> rk4_step(const F& field, const State<T>& s, T k, Z z, Z h) {
  const Z half = 0.5f * h, sixth = h * (1.f / 6.f), quarter = half * half;
  const T mx = s.x + half * s.tx, my = s.y + half * s.ty;
  const Slopes<T> a = bend(field, s, k, z);
  const Slopes<T> b = bend(field, State<T>{mx, my, s.tx + half * a.x, s.ty + half * a.y}, k, z + half);
  const State<T> third{mx + quarter * a.x, my + quarter * a.y, s.tx + half * b.x, s.ty + half * b.y};
  const Slopes<T> c = bend(field, third, k, z + half);
  const State<T> last{s.x + h * third.tx, s.y + h * third.ty, s.tx + h * c.x, s.ty + h * c.y};
  const Slopes<T> d = bend(field, last, k, z + h);
  const T sx = b.x + c.x, sy = b.y + c.y;
  return {s.x + h * (s.tx + sixth * (a.x + sx)), s.y + h * (s.ty + sixth * (a.y + sy)),
          s.tx + sixth * (a.x + sx + sx + d.x), s.ty + sixth * (a.y + sy + sy + d.y)};
}
template <class F, class T, class S, class Z>
inline State<T> rk4(const F& field, State<T> s, T qop, S z_start, Z dz, int steps) {
  const T k = kLightSpeed * qop;
  const Z h = dz * (1.f / steps);
  for (int i = 0; i < steps; ++i) s = rk4_step(field, s, k, z_start + float(i) * h, h);
  return s;
}

template <class T> inline State<T> straight_line(const State<T>& s, T dz) {
  return {s.x + s.tx * dz, s.y + s.ty * dz, s.tx, s.ty};
}

// The kick along the straight line, by Gauss-Legendre quadrature over N places, given at the centroid of |By|.
template <int N, class F, class T, class Z>
inline State<T> thin_lens(const F& field, const float* places, const float* shares, const State<T>& s, T qop, Z z_start, T dz) {
  T u{}, v{}, total{}, moment{};
  for (int i = 0; i < N; ++i) {
    const T way = places[i] * dz;
    const auto b = field(s.x + s.tx * way, s.y + s.ty * way, z_start + way);
    u = u + shares[i] * (s.ty * b.z - b.y);
    v = v + shares[i] * (b.x - s.tx * b.z);
    const T strength = T{} + shares[i] * (magnitude(b.y) + 1e-6f);
    total = total + strength;
    moment = moment + places[i] * strength;
  }
  const Slopes<T> start = to_momentum(s.tx, s.ty);
  const T kick = kLightSpeed * qop * dz, before = moment / total * dz, after = dz - before;
  const Slopes<T> end = to_slopes(start.x + kick * u, start.y + kick * v);
  return {s.x + s.tx * before + end.x * after, s.y + s.ty * before + end.y * after, end.x, end.y};
}
