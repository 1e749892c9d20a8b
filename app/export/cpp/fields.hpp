// Magnetic fields (Bx, By, Bz) [T] at (x, y, z) [mm]; z is one number for all tracks, or one for each.

struct Uniform {
  float bx, by, bz;
  template <class T, class Z> auto operator()(T, T, Z) const { return vector(bx, by, bz); }
};

struct GaussianDipole {
  float peak, center, sigma;
  template <class T, class Z> auto operator()(T, T, Z z) const {
    const Z u = (z - center) * (1.f / sigma);
    const Z by = peak * exponential(-0.5f * u * u);
    return vector(Zero{}, by, Zero{});
  }
};

// The same with the first Maxwell term.
struct GaussianDipoleMaxwell {
  float peak, center, sigma;
  template <class T, class Z> auto operator()(T, T y, Z z) const {
    const Z u = (z - center) * (1.f / sigma);
    const Z by = peak * exponential(-0.5f * u * u);
    const T v = y * (1.f / sigma);
    return vector(Zero{}, by * (1.f - 0.5f * v * v * (u * u - 1.f)), -(by * u) * v);
  }
};

struct TwoDipoles {
  float strength, height, center;
  template <class T, class Z> auto operator()(T x, T y, Z z) const {
    const auto a = one(x, y - height, z - center), b = one(x, y + height, z - center);
    return vector(a.x + b.x, a.y + b.y, a.z + b.z);
  }
  template <class T, class Z> Vector<T, T, T> one(T x, T y, Z z) const {
    const float metre = 1e-3f;  // in metres, so that the fifth power stays within float
    x = x * metre, y = y * metre;
    const T w = T{} + z * metre, r = inverse_root(x * x + y * y + w * w), cube = strength * r * r * r, slope = 3.f * y * r * r;
    return {cube * slope * x, cube * (slope * y - 1.f), cube * slope * w};
  }
};

// Around the axis between two radii and two distances from z = 0; it rises over the thickness of the coils.
struct Toroid {
  float strength, r[2], z[2], edge;
  template <class T, class Z> auto operator()(T x, T y, Z at) const {
    const T squared = x * x + y * y + 1e-6f;
    const T over_r = 1000.f * strength / squared * within(root(squared), r) * within(magnitude(at), z);
    return vector(-(y * over_r), x * over_r, Zero{});
  }
  template <class T> T within(T value, const float* interval) const {
    const T upper = 1.f - rise(value - interval[1]);
    return interval[0] <= 0.f ? upper : upper * rise(value - interval[0]);
  }
  template <class T> T rise(T distance) const {
    const T t = clip(distance * (1.f / edge) + 0.5f, 0.f, 1.f);
    return t * t * t * (10.f + t * (6.f * t - 15.f));
  }
};

// A map on a regular grid, trilinear between the nodes and zero outside; nodes (z, x, y) of (Bx, By, Bz, 0).
class Map {
 public:
  explicit Map(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    std::int32_t sizes[3];
    if (!in.read(reinterpret_cast<char*>(sizes), sizeof sizes) || !in.read(reinterpret_cast<char*>(low), sizeof low) ||
        !in.read(reinterpret_cast<char*>(high), sizeof high))
      throw std::runtime_error(file + ": not a field map of this header");
    std::size_t count = 4;
    for (int i = 0; i < 3; ++i) {
      last[i] = sizes[i] - 2;
      per_mm[i] = (sizes[i] - 1) / (high[i] - low[i]);
      count *= sizes[i];
    }
    along_x = 4 * sizes[1], along_z = along_x * sizes[0];
    nodes.resize(count);
    if (!in.read(reinterpret_cast<char*>(nodes.data()), 4 * count)) throw std::runtime_error(file + ": ends early");
  }
  template <class Z> Vector<float, float, float> operator()(float x, float y, Z z) const {
    float b[4];
    look_up(x, y, z, b);
    return {b[0], b[1], b[2]};
  }
  template <class Z> Vector<Block, Block, Block> operator()(Block x, Block y, Z z) const {
    const Block at[3] = {x, y, Block{} + z};
    Mask inside = at[0] == at[0], place[3];
    alignas(64) float share[3][kLanes], b[kLanes][4];
    for (int i = 0; i < 3; ++i) {
      const Block along = (at[i] - low[i]) * per_mm[i];
      inside &= (at[i] >= low[i]) & (at[i] <= high[i]);
      place[i] = whole(clip(along, 0.f, last[i] + 0.5f));
      store(share[i], along - real(place[i]));
    }
    const Mask cells = place[2] * along_z + place[0] * along_x + place[1] * 4;
    alignas(64) std::int32_t cell_of[kLanes];
    std::memcpy(cell_of, &cells, sizeof cells);
    for (int i = 0; i < kLanes; ++i) between(nodes.data() + cell_of[i], share[0][i], share[1][i], share[2][i], b[i]);
    const auto found = columns_of(b[0]);
    return {select(inside, found.x, Block{}), select(inside, found.y, Block{}), select(inside, found.z, Block{})};
  }
  // Of numbers that carry derivatives.
  template <class T, class Z, class = typename T::Carries> Vector<T, T, T> operator()(T x, T y, Z z) const {
    const float at[3] = {value(x), value(y), value(z)};
    float share[3];
    const float* p = cell(at[0], at[1], at[2], share);
    if (!p) return {};
    const T f = carried(x, share[0], per_mm[0]), g = carried(y, share[1], per_mm[1]);
    const T h = carried(T{} + z, share[2], per_mm[2]);
    T b[3];
    for (int i = 0; i < 3; ++i) {
      const float *q = p + i, *r = q + along_z;
      const T low_z = mix(mix(q[0], q[4], g), mix(q[along_x], q[along_x + 4], g), f);
      const T high_z = mix(mix(r[0], r[4], g), mix(r[along_x], r[along_x + 4], g), f);
      b[i] = low_z + h * (high_z - low_z);
    }
    return {b[0], b[1], b[2]};
  }

 private:
  template <class A, class T> static T mix(A a, A b, T share) { return a + (b - a) * share; }
  const float* cell(float x, float y, float z, float* share) const {
    const float u = (x - low[0]) * per_mm[0], v = (y - low[1]) * per_mm[1], w = (z - low[2]) * per_mm[2];
    // Not &&: one branch that is nearly always taken in place of six.
    if (!((u >= 0.f) & (v >= 0.f) & (w >= 0.f) & (x <= high[0]) & (y <= high[1]) & (z <= high[2]))) return nullptr;
    const int a = std::min(int(u), last[0]), b = std::min(int(v), last[1]), c = std::min(int(w), last[2]);
    share[0] = u - a, share[1] = v - b, share[2] = w - c;
    return nodes.data() + (std::size_t(c) * along_z + a * along_x + b * 4);
  }
  void look_up(float x, float y, float z, float* b) const {
    float s[3];
    const float* p = cell(x, y, z, s);
    if (p) between(p, s[0], s[1], s[2], b);
    else b[0] = b[1] = b[2] = b[3] = 0.f;
  }
  // Two neighbours along y are one vector of 8: four loads for a look-up, and no gather.
  void between(const float* p, float f, float g, float h, float* b) const {
    Half q[4];
    const int at[4] = {0, along_x, along_z, along_z + along_x};
    for (int i = 0; i < 4; ++i) std::memcpy(&q[i], p + at[i], sizeof q[i]);
    const Half low_z = q[0] + (q[1] - q[0]) * f, high_z = q[2] + (q[3] - q[2]) * f;
    const Half r = low_z + (high_z - low_z) * h;
    Quarter first, second;
    std::memcpy(&first, &r, sizeof first);
    std::memcpy(&second, reinterpret_cast<const char*>(&r) + sizeof first, sizeof second);
    first = first + (second - first) * g;
    std::memcpy(b, &first, sizeof first);
  }
  std::vector<float> nodes;
  float low[3], high[3], per_mm[3];
  int last[3], along_x = 0, along_z = 0;
};
