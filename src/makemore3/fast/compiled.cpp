// Many steps of gradient descent in one call, plain or Adam's, for the nets of makemore3.models.
//
// compiled.py compiles this file, with REAL defined as float or double. A matrix has one row per
// example, or per input for a weight. The backward pass is derived in stacked.py; `dz` means the
// gradient of the loss with respect to z.

#include "matrices.hpp"

// What compiled.py passes: a linear layer and what follows it, as in nets.py. A tensor that a layer
// lacks is a null pointer; without gamma there is no norm. The last four numbers are 0 for a batch
// norm over all rows whose output is not added to its input.
struct LayerView {
    int64_t fan_in, fan_out, tanh, unbiased, running_std;
    double eps, momentum;
    real *weight, *bias, *gamma, *beta, *running_mean, *running_var;
    int64_t groups, uncentred, ghost_size, residual;
};

// Numbers that training moves. Adam keeps two more for each: running means of the gradient and of
// its square.
struct Parameter {
    Matrix value, mean, square;
    Parameter(int64_t rows, int64_t columns, bool adam)
        : value(rows, columns), mean(adam ? rows : 0, columns), square(adam ? rows : 0, columns) {}
    vec *operator[](int64_t row) { return value[row]; }
};

struct PlainDescent {
    real lr;
    void operator()(Parameter &, vec &value, vec gradient) const { value -= lr * gradient; }
};

// Kingma & Ba 2015, in the form and with the settings of torch.optim.Adam. compiled.py divides the
// learning rate by 1 - 0.9^t, and the correction is the root of 1 - 0.999^t.
struct Adam {
    real step_size, correction;
    void operator()(Parameter &parameter, vec &value, vec gradient) const {
        const int64_t place = &value - parameter[0];
        vec &mean = parameter.mean[0][place], &square = parameter.square[0][place];
        mean += real(1 - 0.9) * (gradient - mean);
        square = real(0.999) * square + real(1 - 0.999) * gradient * gradient;
        value -= step_size * mean / (square_root(square) / correction + real(1e-8));
    }
};

struct Layer {
    const LayerView view;
    const int64_t rows, group;  // a norm takes its moments over so many rows, or features of a row
    Parameter weight, bias, gamma, beta;  // one row each, but for the weight
    Matrix running_mean, running_var;     // one row each
    Matrix x, transposed, z, x_hat, dz;
    Matrix inverse_std;         // one row for each group
    Matrix z_t, x_hat_t, dz_t;  // with groups of features: the same, transposed
    Matrix branch, direct;      // if residual: the output before the sum, and its gradient

    Layer(const LayerView &view, int64_t rows, bool adam)
        : view(view), rows(rows),
          group(view.groups ? view.fan_out / view.groups : view.ghost_size ? view.ghost_size : rows),
          weight(view.fan_in, view.fan_out, adam), bias(1, view.fan_out, adam),
          gamma(1, view.fan_out, adam), beta(1, view.fan_out, adam),
          running_mean(1, view.fan_out), running_var(1, view.fan_out), x(rows, view.fan_in),
          transposed(view.fan_out, view.fan_in), z(rows, view.fan_out), x_hat(rows, view.fan_out),
          dz(rows, view.fan_out),
          inverse_std(view.groups ? view.groups : rows / group, view.groups ? rows : view.fan_out),
          z_t(if_groups()), x_hat_t(if_groups()), dz_t(if_groups()), branch(if_residual()),
          direct(if_residual()) {}

    Matrix if_groups() const { return view.groups ? Matrix(view.fan_out, rows) : Matrix(0, 0); }
    Matrix if_residual() const { return view.residual ? Matrix(rows, view.fan_out) : Matrix(0, 0); }

    // Every parameter that there is, and where its rows come from.
    template <class Visit> void each_parameter(Visit visit) {
        visit(weight, view.weight, view.fan_in, view.fan_out);
        if (view.bias) visit(bias, view.bias, 1, view.fan_out);
        if (view.gamma) visit(gamma, view.gamma, 1, view.fan_out);
        if (view.beta) visit(beta, view.beta, 1, view.fan_out);
    }

    template <class Copy> void each_statistic(Copy copy) {
        if (!view.running_mean) return;
        copy(running_mean, view.running_mean, 1, view.fan_out);
        copy(running_var, view.running_var, 1, view.fan_out);
    }

    void forward(Matrix &out) {
        product(x.numbers(), x.stride(), 1, weight.value, view.fan_in, z, assign);
        if (view.groups) normalise_features();
        Matrix &end = view.residual ? branch : out;
        for (int64_t j = 0; j < z.width; j++) {
            if (view.gamma && !view.groups) normalise_batch(j);
            Matrix &from = view.gamma ? x_hat : z;
            const vec scale = view.gamma ? gamma[0][j] : vec{} + 1;
            const vec shift = view.gamma ? beta[0][j] : bias[0][j];
            for (int64_t i = 0; i < rows; i++) {
                const vec sum = from[i][j] * scale + shift;
                end[i][j] = view.tanh ? hyperbolic_tangent(sum) : sum;
            }
            if (view.residual)
                for (int64_t i = 0; i < rows; i++) out[i][j] = x[i][j] + branch[i][j];
        }
    }

    // From the gradient of the output, which it finds in dz, to that of the input; then updates.
    template <class Rule> void backward(const Matrix &out, Matrix &dx, const Rule &update) {
        if (view.residual) direct = dz;
        const Matrix &end = view.residual ? branch : out;
        for (int64_t j = 0; j < dz.width; j++) {
            if (view.tanh)
                for (int64_t i = 0; i < rows; i++) dz[i][j] *= 1 - end[i][j] * end[i][j];
            if (view.gamma && !view.groups) denormalise_batch(j, update);
        }
        if (view.groups) denormalise_features(update);
        for (int64_t j = 0; j < dz.width; j++) {
            vec dbias{};
            for (int64_t i = 0; i < rows; i++) dbias += dz[i][j];
            if (view.bias) update(bias, bias[0][j], dbias);
        }
        transpose(weight.value, transposed);
        product(dz.numbers(), dz.stride(), 1, transposed, view.fan_out, dx, assign);
        if (view.residual)
            for (int64_t i = 0; i < rows; i++)
                for (int64_t j = 0; j < dx.width; j++) dx[i][j] += direct[i][j];
        product(x.numbers(), 1, x.stride(), dz, rows, weight.value,
                [&](vec &value, vec dweight) { update(weight, value, dweight); });
    }

    // The moments of a column of vectors, from `first` on.
    struct Moments {
        vec mean, squares;
    };
    Moments normalise(const Matrix &from, Matrix &to, int64_t j, int64_t first, vec &inverse) {
        vec mean{}, squares{};
        if (!view.uncentred) {
            for (int64_t i = first; i < first + group; i++) mean += from[i][j];
            mean /= real(group);
        }
        for (int64_t i = first; i < first + group; i++) {
            const vec centred = from[i][j] - mean;
            squares += centred * centred;
        }
        const vec var = squares / real(group - view.unbiased);
        const vec inverse_std = inverse = 1 / square_root(var + real(view.eps));
        for (int64_t i = first; i < first + group; i++) to[i][j] = (from[i][j] - mean) * inverse_std;
        return {mean, squares};
    }

    // From the gradient of the output of `normalise`, times `scale`, to that of its input. Returns
    // the sum of the gradient, and of its products with x_hat.
    struct Sums {
        vec gradient, product;
    };
    Sums denormalise(Matrix &d, const Matrix &x_hat, int64_t j, int64_t first, vec scale) {
        vec gradient{}, product{};
        for (int64_t i = first; i < first + group; i++) {
            product += d[i][j] * x_hat[i][j];
            gradient += d[i][j];
        }
        const vec mean = view.uncentred ? vec{} : gradient / real(group);
        const vec slope = product / real(group - view.unbiased);
        for (int64_t i = first; i < first + group; i++)
            d[i][j] = scale * (d[i][j] - mean - x_hat[i][j] * slope);
        return {gradient, product};
    }

    // A bias moves the mean with every row, so that only the running mean notices it.
    void normalise_batch(int64_t j) {
        for (int64_t g = 0; g * group < rows; g++) {
            const Moments moments = normalise(z, x_hat, j, g * group, inverse_std[g][j]);
            const vec unbiased = moments.squares / real(group - 1);
            const real m = view.momentum, keep = 1 - view.momentum;
            running_mean[0][j] = running_mean[0][j] * keep + (moments.mean + bias[0][j]) * m;
            vec &running = running_var[0][j];
            if (view.running_std) {
                const vec moved = square_root(running) * keep + square_root(unbiased) * m;
                running = moved * moved;
            } else {
                running = running * keep + unbiased * m;
            }
        }
    }

    template <class Rule> void denormalise_batch(int64_t j, const Rule &update) {
        vec dgamma{}, dbeta{};
        for (int64_t g = 0; g * group < rows; g++) {
            const vec scale = gamma[0][j] * inverse_std[g][j];
            const Sums sums = denormalise(dz, x_hat, j, g * group, scale);
            dgamma += sums.product;
            dbeta += sums.gradient;
        }
        update(gamma, gamma[0][j], dgamma);
        update(beta, beta[0][j], dbeta);
    }

    // Group norm is a ghost batch norm of the transposed matrix: its columns are the examples.
    void normalise_features() {
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < z.width; j++) z[i][j] += bias[0][j];
        transpose(z, z_t);
        for (int64_t j = 0; j < z_t.width; j++)
            for (int64_t g = 0; g < view.groups; g++)
                normalise(z_t, x_hat_t, j, g * group, inverse_std[g][j]);
        transpose(x_hat_t, x_hat);
    }

    template <class Rule> void denormalise_features(const Rule &update) {
        for (int64_t j = 0; j < dz.width; j++) {
            vec dgamma{}, dbeta{};
            for (int64_t i = 0; i < rows; i++) {
                dgamma += dz[i][j] * x_hat[i][j];
                dbeta += dz[i][j];
                dz[i][j] *= gamma[0][j];
            }
            update(gamma, gamma[0][j], dgamma);
            if (view.beta) update(beta, beta[0][j], dbeta);
        }
        transpose(dz, dz_t);
        for (int64_t j = 0; j < dz_t.width; j++)
            for (int64_t g = 0; g < view.groups; g++)
                denormalise(dz_t, x_hat_t, j, g * group, inverse_std[g][j]);
        transpose(dz_t, dz);
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

constexpr auto take = [](Matrix &ours, real *theirs, int64_t rows, int64_t n) {
    for (int64_t i = 0; i < rows; i++) std::copy_n(theirs + i * n, n, ours.numbers(i));
};
constexpr auto give = [](Matrix &ours, real *theirs, int64_t rows, int64_t n) {
    for (int64_t i = 0; i < rows; i++) std::copy_n(ours.numbers(i), n, theirs + i * n);
};

// `moments` holds what Adam keeps, parameter after parameter, the embedding first; null without
// Adam. `rule_of` returns how the parameters move in a step.
template <class RuleOf>
int64_t train_by(const LayerView *views, int64_t n_layers, real *embedding, int64_t vocab_size,
                 int64_t n_embd, int64_t block_size, int64_t batch_size, int64_t steps,
                 const int64_t *x, const int64_t *y, real *losses, real *moments, RuleOf rule_of) {
    const bool adam = moments != nullptr;
    std::vector<Layer> layers;
    for (int64_t l = 0; l < n_layers; l++) layers.emplace_back(views[l], batch_size, adam);
    Parameter table(1, vocab_size * n_embd, adam);
    const auto copy_all = [&](auto copy) {
        real *moment = moments;
        const auto visit = [&](Parameter &parameter, real *theirs, int64_t rows, int64_t n) {
            copy(parameter.value, theirs, rows, n);
            if (!adam) return;
            for (Matrix *kept : {&parameter.mean, &parameter.square}) {
                copy(*kept, moment, rows, n);
                moment += rows * n;
            }
        };
        visit(table, embedding, 1, vocab_size * n_embd);
        for (Layer &layer : layers) {
            layer.each_parameter(visit);
            layer.each_statistic(copy);
        }
    };
    copy_all(take);
    const int64_t vocab = views[n_layers - 1].fan_out;
    Matrix logits(batch_size, vocab), dinput(batch_size, block_size * n_embd);
    Matrix dtable(1, vocab_size * n_embd);
    const auto output = [&](int64_t l) -> Matrix & { return l + 1 < n_layers ? layers[l + 1].x : logits; };

    int64_t step = 0;
    for (; step < steps; step++, x += batch_size * block_size, y += batch_size) {
        const auto each_character = [&](Matrix &matrix, auto visit) {
            for (int64_t i = 0; i < batch_size; i++)
                for (int64_t t = 0; t < block_size; t++)
                    visit(matrix.numbers(i) + t * n_embd, x[i * block_size + t] * n_embd);
        };
        each_character(layers[0].x, [&](real *numbers, int64_t row) {
            std::copy_n(table.value.numbers() + row, n_embd, numbers);
        });
        for (int64_t l = 0; l < n_layers; l++) layers[l].forward(output(l));
        layers.back().dz = logits;
        losses[step] = cross_entropy(layers.back().dz, batch_size, vocab, y);
        if (!std::isfinite(losses[step])) break;

        const auto update = rule_of(step);
        for (int64_t l = n_layers - 1; l >= 0; l--)
            layers[l].backward(output(l), l ? layers[l - 1].dz : dinput, update);
        std::fill(dtable.data.begin(), dtable.data.end(), vec{});
        each_character(dinput, [&](const real *numbers, int64_t row) {
            real *sum = dtable.numbers() + row;
            for (int64_t e = 0; e < n_embd; e++) sum[e] += numbers[e];
        });
        for (int64_t j = 0; j < dtable.width; j++) update(table, table[0][j], dtable[0][j]);
    }
    copy_all(give);
    return step;
}

// Train in place, step after step on the next `batch_size` examples, and return the number of
// updates: fewer than `steps` where a loss is not finite, the last one written to `losses`.
extern "C" int64_t train(const LayerView *views, int64_t n_layers, real *embedding, int64_t vocab_size,
                         int64_t n_embd, int64_t block_size, int64_t batch_size, int64_t steps,
                         const int64_t *x, const int64_t *y, const double *lr, real *losses) {
    return train_by(views, n_layers, embedding, vocab_size, n_embd, block_size, batch_size, steps, x,
                    y, losses, nullptr, [&](int64_t step) { return PlainDescent{real(lr[step])}; });
}

// The same by Adam.
extern "C" int64_t train_adam(const LayerView *views, int64_t n_layers, real *embedding,
                              int64_t vocab_size, int64_t n_embd, int64_t block_size,
                              int64_t batch_size, int64_t steps, const int64_t *x, const int64_t *y,
                              const double *step_sizes, real *losses, const double *corrections,
                              real *moments) {
    return train_by(views, n_layers, embedding, vocab_size, n_embd, block_size, batch_size, steps, x,
                    y, losses, moments, [&](int64_t step) {
                        return Adam{real(step_sizes[step]), real(corrections[step])};
                    });
}
