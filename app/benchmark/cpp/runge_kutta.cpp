// Runge-Kutta through a field, 16 tracks side by side in float32: what a network has to beat. The library of the headers
// (app/export/cpp) comes before this text, in namespace `rk`; a line with FIELD, the type and members of the field, too.
//
// usage: runge_kutta TRACKS N THREADS REPEATS OUT [METHOD NUMBER]...
//   TRACKS: float32 columns x, y, tx, ty, q/p, z, dz, one after the other; OUT: states (x, y, tx, ty) of each METHOD:
//   rk4 and scalar with so many steps, cash_karp and scalar_cash_karp with a tolerance [mm].
//   A line for each: the seconds of all repeats, after the mean number of steps.
using namespace rk;

template <class T> using Step = std::pair<State<T>, T>;
inline bool every(bool m) { return m; }
inline bool every(Mask m) {
  std::int32_t all = -1;
  for (int i = 0; i < kLanes; ++i) all &= m[i];
  return all != 0;
}

// One step of Cash and Karp: the state of fifth order, and how far that of fourth order is from it, in mm at the end.
template <class F, class T> Step<T> cash_karp_step(const F& field, const State<T>& s, T k, T z, T h, T length) {
  static constexpr float kA[6][5] = {{}, {.2f}, {.075f, .225f}, {.3f, -.9f, 1.2f}, {-11 / 54.f, 2.5f, -70 / 27.f, 35 / 27.f},
    {1631 / 55296.f, 175 / 512.f, 575 / 13824.f, 44275 / 110592.f, 253 / 4096.f}};
  static constexpr float kC[6] = {0, .2f, .3f, .6f, 1, .875f};
  static constexpr float kB[6] = {37 / 378.f, 0, 250 / 621.f, 125 / 594.f, 0, 512 / 1771.f};
  static constexpr float kE[6] = {37 / 378.f - 2825 / 27648.f, 0, 250 / 621.f - 18575 / 48384.f, 125 / 594.f - 13525 / 55296.f,
                                  -277 / 14336.f, 512 / 1771.f - .25f};
  State<T> d[6], end = s, error{};
  for (int i = 0; i < 6; ++i) {
    State<T> at = s;
    for (int j = 0; j < i; ++j) {
      const T w = kA[i][j] * h;
      at = {at.x + w * d[j].x, at.y + w * d[j].y, at.tx + w * d[j].tx, at.ty + w * d[j].ty};
    }
    const Slopes<T> a = bend(field, at, k, z + kC[i] * h);
    d[i] = {at.tx, at.ty, a.x, a.y};
    const T w = kB[i] * h, e = kE[i] * h;
    end = {end.x + w * d[i].x, end.y + w * d[i].y, end.tx + w * d[i].tx, end.ty + w * d[i].ty};
    error = {error.x + e * d[i].x, error.y + e * d[i].y, error.tx + e * d[i].tx, error.ty + e * d[i].ty};
  }
  const T position = most(magnitude(error.x), magnitude(error.y)), slope = most(magnitude(error.tx), magnitude(error.ty));
  return {end, most(position, magnitude(length) * slope)};
}

// Each track with steps of its own.
template <class F, class T> State<T> cash_karp(const F& field, State<T> s, T qop, T z, T dz, float tolerance, double& steps) {
  const T k = kLightSpeed * qop, end = z + dz;
  T h = 0.2f * dz;
  for (int i = 0; i < 1000; ++i) {
    const T left = end - z;
    const auto moving = magnitude(left) > 1e-3f;
    if (every(!moving)) break;
    h = select(magnitude(h) > magnitude(left), left, h);
    const Step<T> next = cash_karp_step(field, s, k, z, h, dz);
    const auto good = moving & (next.second <= tolerance);
    const State<T>& e = next.first;
    s = {select(good, e.x, s.x), select(good, e.y, s.y), select(good, e.tx, s.tx), select(good, e.ty, s.ty)};
    z = select(good, z + h, z);
    h = h * clip(0.9f * inverse_root(root(next.second * (1.f / tolerance) + 1e-8f)), 0.2f, 5.f);
    steps += 1;
  }
  return s;
}

struct Tracks {
  std::size_t n;
  std::vector<float> in, out;
  bool same;  // all tracks begin and end at the same planes
  const float* column(int c) const { return in.data() + c * n; }
};
inline void put(float* to, Block a) { store(to, a); }
inline void put(float* to, float a) { *to = a; }
inline void get(const float* from, Block& a) { a = load(from); }
inline void get(const float* from, float& a) { a = *from; }

template <class T, class F> double run(const F& field, Tracks& t, std::size_t first, std::size_t last, bool adapt, float number) {
  constexpr std::size_t kWidth = sizeof(T) / 4;
  double steps = 0;
  for (std::size_t i = first; i < last; i += kWidth) {
    T c[7];
    for (int k = 0; k < 7; ++k) get(t.column(k) + i, c[k]);
    State<T> s{c[0], c[1], c[2], c[3]};
    if (adapt) s = cash_karp(field, s, c[4], c[5], c[6], number, steps);
    else if (t.same) s = rk4(field, s, c[4], *t.column(5), *t.column(6), int(number));
    else s = rk4(field, s, c[4], c[5], c[6], int(number));
    put(&t.out[i], s.x), put(&t.out[t.n + i], s.y), put(&t.out[2 * t.n + i], s.tx), put(&t.out[3 * t.n + i], s.ty);
  }
  return steps * kWidth;
}

int main(int words, char** word) {
  Tracks t;
  t.n = std::strtoull(word[2], nullptr, 10);
  const std::size_t threads = std::atoi(word[3]), blocks = t.n / kLanes;
  t.in.resize(7 * t.n), t.out.resize(4 * t.n);
  std::ifstream(word[1], std::ios::binary).read(reinterpret_cast<char*>(t.in.data()), 4 * t.in.size());
  t.same = true;
  for (int c : {5, 6}) for (std::size_t i = 0; i < t.n; ++i) t.same &= t.column(c)[i] == t.column(c)[0];
  std::ofstream out(word[5], std::ios::binary);
  FIELD;
  for (int w = 6; w + 1 < words; w += 2) {
    const std::string method = word[w];
    const bool adapt = method.find("cash") != method.npos, scalar = method.find("scalar") != method.npos;
    const float number = std::strtof(word[w + 1], nullptr);
    std::vector<double> seconds, steps(threads);
    for (int r = 0; r < std::atoi(word[4]); ++r) {
      const auto begin = std::chrono::steady_clock::now();
      const auto part = [&](std::size_t k) {
        const std::size_t from = blocks * k / threads * kLanes, to = blocks * (k + 1) / threads * kLanes;
        steps[k] = scalar ? run<float>(field, t, from, to, adapt, number) : run<Block>(field, t, from, to, adapt, number);
      };
      std::vector<std::thread> pool;
      for (std::size_t k = 1; k < threads; ++k) pool.emplace_back(part, k);
      part(0);
      for (auto& thread : pool) thread.join();
      seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    }
    double all = 0;
    for (double s : steps) all += s;
    std::printf("%.3f", adapt ? all / t.n : double(number));
    for (double s : seconds) std::printf(" %.9g", s);
    std::printf("\n");
    out.write(reinterpret_cast<const char*>(t.out.data()), 4 * t.out.size());
  }
}
