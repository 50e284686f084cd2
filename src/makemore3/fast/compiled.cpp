// Many steps of plain stochastic gradient descent in one call, for the nets of makemore3.models.
//
// compiled.py compiles this file, with REAL defined as float or double. A matrix has one row per
// example, or per input for a weight. The backward pass is derived in stacked.py; `dz` means the
// gradient of the loss with respect to z.

#include "matrices.hpp"

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
