// Classical RK4 of track states in a Gaussian dipole, structure of arrays, blocks that stay in the first-level cache.
// usage: rk4 FILE TRACKS STEPS THREADS   FILE holds x, y, tx, ty, q/p as float64, one after the other.
// Prints the seconds of the propagation and the sum of x at the end.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

constexpr double LIGHT_SPEED = 2.99792458e-4, PEAK = -1.0182, CENTER = 5007.0, SIGMA = 1744.0;
constexpr int BLOCK = 256;

static double field(double z) {
    const double u = (z - CENTER) / SIGMA;
    return PEAK * std::exp(-0.5 * u * u);
}

struct Tracks {
    std::vector<double> x, y, tx, ty, qop;
};

static inline void acceleration(double tx, double ty, double k, double by, double& ax, double& ay) {
    const double m = -k * by * std::sqrt(1.0 + tx * tx + ty * ty);
    ax = m * (1.0 + tx * tx);
    ay = m * tx * ty;
}

static void propagate(Tracks& t, size_t begin, size_t end, double z0, double dz, int steps) {
    const double h = dz / steps;
    for (size_t first = begin; first < end; first += BLOCK) {
        const size_t last = std::min(first + BLOCK, end);
        for (int step = 0; step < steps; ++step) {
            const double z = z0 + h * step, b1 = field(z), b2 = field(z + h / 2), b4 = field(z + h);
            double *__restrict x = t.x.data(), *__restrict y = t.y.data(), *__restrict tx = t.tx.data(),
                   *__restrict ty = t.ty.data();
            const double* __restrict qop = t.qop.data();
            for (size_t i = first; i < last; ++i) {
                const double k = LIGHT_SPEED * qop[i], sx = tx[i], sy = ty[i];
                double ax1, ay1, ax2, ay2, ax3, ay3, ax4, ay4;
                acceleration(sx, sy, k, b1, ax1, ay1);
                acceleration(sx + h / 2 * ax1, sy + h / 2 * ay1, k, b2, ax2, ay2);
                acceleration(sx + h / 2 * ax2, sy + h / 2 * ay2, k, b2, ax3, ay3);
                acceleration(sx + h * ax3, sy + h * ay3, k, b4, ax4, ay4);
                x[i] += h * sx + h * h / 6 * (ax1 + ax2 + ax3);
                y[i] += h * sy + h * h / 6 * (ay1 + ay2 + ay3);
                tx[i] += h / 6 * (ax1 + 2 * ax2 + 2 * ax3 + ax4);
                ty[i] += h / 6 * (ay1 + 2 * ay2 + 2 * ay3 + ay4);
            }
        }
    }
}

int main(int, char** argv) {
    const size_t n = std::strtoull(argv[2], nullptr, 10);
    const int steps = std::atoi(argv[3]), threads = std::atoi(argv[4]);
    Tracks t;
    std::FILE* file = std::fopen(argv[1], "rb");
    for (auto* column : {&t.x, &t.y, &t.tx, &t.ty, &t.qop}) {
        column->resize(n);
        if (!file || std::fread(column->data(), sizeof(double), n, file) != n) return 1;
    }
    const auto begin = std::chrono::steady_clock::now();
    std::vector<std::thread> pool;
    for (int i = 0; i < threads; ++i)
        pool.emplace_back(propagate, std::ref(t), n * i / threads, n * (i + 1) / threads, 2665.0, 5161.0, steps);
    for (auto& thread : pool) thread.join();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    double sum = 0;
    for (double x : t.x) sum += x;
    std::printf("%.9g %.12g\n", seconds, sum);
}
