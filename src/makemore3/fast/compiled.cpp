// Many steps of plain stochastic gradient descent in one call, for the nets of makemore3.models.
//
// compiled.py compiles this file, with REAL defined as float or double. A matrix has one row per
// example (or per input, for a weight) and is padded with zeros to whole vectors and tiles, so
// that no loop needs a remainder. The backward pass is derived in stacked.py; `dz` means the
// gradient of the loss with respect to z.

#if !defined(__has_builtin)
#error "needs GCC 12, Clang, or newer"
#elif !__has_builtin(__builtin_shufflevector)
#error "needs GCC 12, Clang, or newer"
#endif

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

using real = REAL;
#if defined(__AVX512F__)
constexpr int vector_bytes = 64, tile_rows = 8;
#elif defined(__AVX__)
constexpr int vector_bytes = 32, tile_rows = 4;  // half as many registers
#elif defined(__wasm_simd128__)
constexpr int vector_bytes = 16, tile_rows = 2;  // with 4, a quarter slower in browsers
#else
constexpr int vector_bytes = 16, tile_rows = 4;
#endif
constexpr int lanes = vector_bytes / sizeof(real);  // numbers in a vector

template <class Real> struct Format;
template <> struct Format<float> {
    using integer = int32_t;
    static constexpr int mantissa_bits = 23, exponent_bias = 127, taylor_terms = 7;
    static constexpr float smallest_log = -87, largest_log = 88;
};
template <> struct Format<double> {
    using integer = int64_t;
    static constexpr int mantissa_bits = 52, exponent_bias = 1023, taylor_terms = 13;
    static constexpr double smallest_log = -708, largest_log = 709;
};
using format = Format<real>;
using integer = format::integer;
typedef real vec __attribute__((vector_size(vector_bytes), may_alias));
typedef integer ivec __attribute__((vector_size(vector_bytes), may_alias));

constexpr int64_t unit = std::max(lanes, tile_rows);
constexpr int64_t whole(int64_t size, int64_t unit) { return (size + unit - 1) / unit * unit; }

struct Matrix {
    int64_t rows, width;  // width counts vectors
    std::vector<vec> data;
    Matrix(int64_t rows, int64_t columns)
        : rows(rows), width(whole(columns, unit) / lanes), data(whole(rows, unit) * width, vec{}) {}
    vec *operator[](int64_t row) { return data.data() + row * width; }
    const vec *operator[](int64_t row) const { return data.data() + row * width; }
    real *numbers(int64_t row = 0) { return reinterpret_cast<real *>((*this)[row]); }
    int64_t stride() const { return width * lanes; }  // from row to row, in numbers
};

// e^x, or e^x - 1, which keeps its digits near 0. With x = n ln 2 + r, where n is whole, e^x is
// 2^n e^r; Taylor's series, for |r| < 0.35, is exact to the last digit but one.
template <bool minus_one> inline vec exponential(vec x) {
    x = x < format::smallest_log ? vec{} + format::smallest_log : x;
    x = x > format::largest_log ? vec{} + format::largest_log : x;
    constexpr real shift = real(1.5) * (integer(1) << format::mantissa_bits);
    const vec n = (x * real(M_LOG2E) + shift) - shift;  // so large a sum has no digits after the point
    constexpr real ln2_high = real(0x1.62e4p-1), ln2_low = real(M_LN2 - 0x1.62e4p-1);
    const vec r = (x - n * ln2_high) - n * ln2_low;
    real inverse_factorial[format::taylor_terms + 1] = {1};
    for (int k = 1; k <= format::taylor_terms; k++)
        inverse_factorial[k] = inverse_factorial[k - 1] / k;
    vec series = vec{} + inverse_factorial[format::taylor_terms];
    for (int k = format::taylor_terms - 1; k >= 1; k--) series = series * r + inverse_factorial[k];
    const ivec exponent = __builtin_convertvector(n, ivec) + format::exponent_bias;
    const vec power = (vec)(exponent << format::mantissa_bits);  // the bits of 2^n
    return series * r * power + (minus_one ? power - 1 : power);
}

inline vec hyperbolic_tangent(vec x) {
    constexpr real limit = 20;  // beyond it tanh is 1 to the last digit
    x = x > limit ? vec{} + limit : x;
    const vec t = exponential<true>(x + x);
    return t / (t + 2);
}

inline vec square_root(vec x) {
    for (int lane = 0; lane < lanes; lane++) x[lane] = std::sqrt(x[lane]);
    return x;
}

// One tile of a matrix product: sum over k of a(row, k) * b(k, column), kept in registers.
template <int C, class Store>
inline void tile(const real *a, int64_t a_row, int64_t a_k, const vec *b, int64_t b_width,
                 int64_t depth, Store store) {
    vec sum[tile_rows][C] = {};
    for (int64_t k = 0; k < depth; k++, a += a_k, b += b_width)
#pragma GCC unroll 8
        for (int r = 0; r < tile_rows; r++)
#pragma GCC unroll 3
            for (int c = 0; c < C; c++) sum[r][c] += b[c] * a[r * a_row];
#pragma GCC unroll 8
    for (int r = 0; r < tile_rows; r++)
#pragma GCC unroll 3
        for (int c = 0; c < C; c++) store(r, c, sum[r][c]);
}

// out(i, j) gets sum over k < depth of a(i, k) * b(k, j); `a` may be read transposed.
template <class Store>
void product(const real *a, int64_t a_row, int64_t a_k, const Matrix &b, int64_t depth, Matrix &out,
             Store store) {
    const int64_t width = out.width, rows = out.rows;
    for (int64_t j = 0; j < width;) {
        const vec *panel = b[0] + j;
        auto columns = [&](auto count) {
            for (int64_t i = 0; i < rows; i += tile_rows) {
                vec *corner = out[i] + j;
                tile<count>(a + i * a_row, a_row, a_k, panel, width, depth,
                            [&](int64_t r, int64_t c, vec sum) { store(corner[r * width + c], sum); });
            }
            j += count;
        };
        if (width - j >= 3) columns(std::integral_constant<int, 3>());
        else if (width - j == 2) columns(std::integral_constant<int, 2>());
        else columns(std::integral_constant<int, 1>());
    }
}

constexpr auto assign = [](vec &to, vec sum) { to = sum; };

// Alternate the numbers of two vectors' first halves, or of their second halves.
template <int half, size_t... lane> inline vec zip(vec a, vec b, std::index_sequence<lane...>) {
    return __builtin_shufflevector(a, b, (half * lanes / 2 + lane / 2 + lane % 2 * lanes)...);
}

// Square blocks are transposed in registers: zipping row r with row r + lanes / 2 rotates the bits
// of a number's position (row, lane) by one, and log2(lanes) rotations exchange row and lane.
void transpose(const Matrix &from, Matrix &to) {
    constexpr auto all = std::make_index_sequence<lanes>();
    const int64_t from_width = from.width, to_width = to.width;
    for (int64_t i = 0; i < to_width; i++)
        for (int64_t j = 0; j < from_width; j++) {
            vec block[lanes], zipped[lanes];
            const vec *source = from[i * lanes] + j;
            for (int r = 0; r < lanes; r++) block[r] = source[r * from_width];
            for (int rotations = 1; rotations < lanes; rotations *= 2) {
                for (int r = 0; r < lanes / 2; r++) {
                    zipped[2 * r] = zip<0>(block[r], block[r + lanes / 2], all);
                    zipped[2 * r + 1] = zip<1>(block[r], block[r + lanes / 2], all);
                }
                std::copy(zipped, zipped + lanes, block);
            }
            vec *target = to[j * lanes] + i;
            for (int r = 0; r < lanes; r++) target[r * to_width] = block[r];
        }
}

// What compiled.py passes: a linear layer and what follows it; null where there is none.
struct LayerView {
    int64_t fan_in, fan_out, tanh, unbiased, running_std;
    double eps, momentum;
    real *weight, *bias, *gamma, *beta, *running_mean, *running_var;
};

struct Layer {
    const LayerView view;
    const int64_t rows;
    Matrix x, weight, transposed, z, x_hat, dz;
    Matrix bias, gamma, beta, running_mean, running_var, inverse_std;  // one row each

    Layer(const LayerView &view, int64_t rows)
        : view(view), rows(rows), x(rows, view.fan_in), weight(view.fan_in, view.fan_out),
          transposed(view.fan_out, view.fan_in), z(rows, view.fan_out),
          x_hat(rows, view.fan_out), dz(rows, view.fan_out), bias(1, view.fan_out),
          gamma(1, view.fan_out), beta(1, view.fan_out), running_mean(1, view.fan_out),
          running_var(1, view.fan_out), inverse_std(1, view.fan_out) {
        each_row([](real *ours, real *theirs, int64_t n) { std::copy_n(theirs, n, ours); });
    }

    void write_back() {
        each_row([](real *ours, real *theirs, int64_t n) { std::copy_n(ours, n, theirs); });
    }

    template <class Copy> void each_row(Copy copy) {
        const int64_t n = view.fan_out;
        for (int64_t i = 0; i < view.fan_in; i++) copy(weight.numbers(i), view.weight + i * n, n);
        if (view.bias) copy(bias.numbers(), view.bias, n);
        if (!view.gamma) return;
        copy(gamma.numbers(), view.gamma, n);
        copy(beta.numbers(), view.beta, n);
        copy(running_mean.numbers(), view.running_mean, n);
        copy(running_var.numbers(), view.running_var, n);
    }

    void forward(Matrix &out) {
        product(x.numbers(), x.stride(), 1, weight, view.fan_in, z, assign);
        for (int64_t j = 0; j < z.width; j++) {
            if (view.gamma) normalise(j);
            Matrix &from = view.gamma ? x_hat : z;
            const vec scale = view.gamma ? gamma[0][j] : vec{} + 1;
            const vec shift = view.gamma ? beta[0][j] : bias[0][j];
            for (int64_t i = 0; i < rows; i++) {
                const vec sum = from[i][j] * scale + shift;
                out[i][j] = view.tanh ? hyperbolic_tangent(sum) : sum;
            }
        }
    }

    // A bias moves the mean with every row, so that only the running mean notices it.
    void normalise(int64_t j) {
        vec mean{}, squares{};
        for (int64_t i = 0; i < rows; i++) mean += z[i][j];
        mean /= real(rows);
        for (int64_t i = 0; i < rows; i++) {
            const vec centred = z[i][j] - mean;
            squares += centred * centred;
        }
        const vec unbiased = squares / real(rows - 1);
        const vec var = view.unbiased ? unbiased : squares / real(rows);
        const vec inverse = inverse_std[0][j] = 1 / square_root(var + real(view.eps));
        for (int64_t i = 0; i < rows; i++) x_hat[i][j] = (z[i][j] - mean) * inverse;

        const real m = view.momentum, keep = 1 - view.momentum;
        running_mean[0][j] = running_mean[0][j] * keep + (mean + bias[0][j]) * m;
        vec &running = running_var[0][j];
        if (view.running_std) {
            const vec moved = square_root(running) * keep + square_root(unbiased) * m;
            running = moved * moved;
        } else {
            running = running * keep + unbiased * m;
        }
    }

    // From the gradient of the output, which it finds in dz, to that of the input; then updates.
    void backward(const Matrix &out, Matrix &dx, real lr) {
        for (int64_t j = 0; j < dz.width; j++) {
            if (view.tanh)
                for (int64_t i = 0; i < rows; i++) dz[i][j] *= 1 - out[i][j] * out[i][j];
            if (view.gamma) denormalise(j, lr);
            vec dbias{};
            for (int64_t i = 0; i < rows; i++) dbias += dz[i][j];
            if (view.bias) bias[0][j] -= lr * dbias;
        }
        transpose(weight, transposed);
        product(dz.numbers(), dz.stride(), 1, transposed, view.fan_out, dx, assign);
        product(x.numbers(), 1, x.stride(), dz, rows, weight,
                [lr](vec &weight, vec dweight) { weight -= lr * dweight; });
    }

    void denormalise(int64_t j, real lr) {
        vec dgamma{}, dbeta{};
        for (int64_t i = 0; i < rows; i++) {
            dgamma += dz[i][j] * x_hat[i][j];
            dbeta += dz[i][j];
        }
        vec scale = gamma[0][j] * inverse_std[0][j];
        vec mean = dbeta / real(rows), slope = dgamma / real(rows - view.unbiased);
        for (int64_t i = 0; i < rows; i++)
            dz[i][j] = scale * (dz[i][j] - mean - x_hat[i][j] * slope);
        gamma[0][j] -= lr * dgamma;
        beta[0][j] -= lr * dbeta;
    }
};

template <class Join> inline real over_lanes(vec x, Join join) {
    for (int n = lanes / 2; n > 0; n /= 2)
        for (int lane = 0; lane < n; lane++) x[lane] = join(x[lane], x[lane + n]);
    return x[0];
}

// Return the mean cross-entropy; the logits become its gradient with respect to them.
real cross_entropy(Matrix &logits, int64_t rows, integer classes, const int64_t *y) {
    ivec first_lanes;
    for (int lane = 0; lane < lanes; lane++) first_lanes[lane] = lane;
    const auto is_class = [&](int64_t j) { return first_lanes < integer(classes - j * lanes); };
    real loss = 0;
    for (int64_t i = 0; i < rows; i++) {
        vec *row = logits[i], highest = vec{} - real(INFINITY), sum{};
        const real target = logits.numbers(i)[y[i]];
        for (int64_t j = 0; j < logits.width; j++) {
            const vec known = is_class(j) ? row[j] : vec{} - real(INFINITY);
            highest = known > highest ? known : highest;
        }
        const real top = over_lanes(highest, [](real a, real b) { return a > b ? a : b; });
        for (int64_t j = 0; j < logits.width; j++)
            sum += row[j] = is_class(j) ? exponential<false>(row[j] - top) : vec{};
        const real total = over_lanes(sum, [](real a, real b) { return a + b; });
        for (int64_t j = 0; j < logits.width; j++) row[j] *= 1 / (total * rows);
        logits.numbers(i)[y[i]] -= real(1) / rows;
        loss += std::log(total) + top - target;
    }
    return loss / rows;
}

// Train in place, step after step on the next `batch_size` examples, and return the number of
// updates: fewer than `steps` where a loss is not finite, the last one written to `losses`.
extern "C" int64_t train(const LayerView *views, int64_t n_layers, real *embedding, int64_t vocab_size,
                         int64_t n_embd, int64_t block_size, int64_t batch_size, int64_t steps,
                         const int64_t *x, const int64_t *y, const double *lr, real *losses) {
    std::vector<Layer> layers;
    for (int64_t l = 0; l < n_layers; l++) layers.emplace_back(views[l], batch_size);
    const int64_t vocab = views[n_layers - 1].fan_out;
    Matrix logits(batch_size, vocab), dinput(batch_size, block_size * n_embd);
    std::vector<real> dembedding(vocab_size * n_embd);
    const auto output = [&](int64_t l) -> Matrix & { return l + 1 < n_layers ? layers[l + 1].x : logits; };

    int64_t step = 0;
    for (; step < steps; step++, x += batch_size * block_size, y += batch_size) {
        const auto each_character = [&](Matrix &matrix, auto visit) {
            for (int64_t i = 0; i < batch_size; i++)
                for (int64_t t = 0; t < block_size; t++)
                    visit(matrix.numbers(i) + t * n_embd, x[i * block_size + t] * n_embd);
        };
        each_character(layers[0].x, [&](real *numbers, int64_t row) {
            std::copy_n(&embedding[row], n_embd, numbers);
        });
        for (int64_t l = 0; l < n_layers; l++) layers[l].forward(output(l));
        layers.back().dz = logits;
        losses[step] = cross_entropy(layers.back().dz, batch_size, vocab, y);
        if (!std::isfinite(losses[step])) break;

        for (int64_t l = n_layers - 1; l >= 0; l--)
            layers[l].backward(output(l), l ? layers[l - 1].dz : dinput, lr[step]);
        std::fill(dembedding.begin(), dembedding.end(), 0);
        each_character(dinput, [&](const real *numbers, int64_t row) {
            for (int64_t e = 0; e < n_embd; e++) dembedding[row + e] += numbers[e];
        });
        for (size_t k = 0; k < dembedding.size(); k++) embedding[k] -= real(lr[step]) * dembedding[k];
    }
    for (Layer &layer : layers) layer.write_back();
    return step;
}
