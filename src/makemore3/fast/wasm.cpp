// The trainer of compiled.cpp for a browser: WebAssembly that imports nothing.
//
// A page reserves memory for the tensors of one net, says with `block` where they lie, and calls
// `run` and `look` as often as it likes. What these need besides lies above the net, and is released
// when they are done. The memory never grows: a page may keep views of it.

#include "compiled.cpp"

#include <cstdlib>
#include <new>

extern "C" char __heap_base;  // where the compiler's own data ends
static char *top = &__heap_base;

extern "C" void *reserve(size_t bytes) {
    constexpr int64_t page = 65536, cache_line = 64;
    char *start = top;
    top += whole(bytes, cache_line);
    if (reinterpret_cast<size_t>(top) > __builtin_wasm_memory_size(0) * page) __builtin_trap();
    return start;
}

extern "C" LayerView *reserve_blocks(int count) {
    return static_cast<LayerView *>(reserve(count * sizeof(LayerView)));
}

extern "C" void block(LayerView *to, int index, int fan_in, int fan_out, int tanh, int unbiased,
                      int running_std, double eps, double momentum, real *weight, real *bias,
                      real *gamma, real *beta, real *running_mean, real *running_var) {
    LayerView made{};
    made.fan_in = fan_in;
    made.fan_out = fan_out;
    made.tanh = tanh;
    made.unbiased = unbiased;
    made.running_std = running_std;
    made.eps = eps;
    made.momentum = momentum;
    made.weight = weight;
    made.bias = bias;
    made.gamma = gamma;
    made.beta = beta;
    made.running_mean = running_mean;
    made.running_var = running_var;
    to[index] = made;
}

// A step of plain descent; with keep 0 and lr -1, the gradient in the place of the parameter.
struct Rule {
    real keep, lr;
    void operator()(Parameter &, vec &value, vec gradient) const {
        value = value * keep - gradient * lr;
    }
};

extern "C" int run(const LayerView *blocks, int n_blocks, real *embedding, int vocab_size, int n_embd,
                   int block_size, int batch_size, int steps, const int64_t *x, const int64_t *y,
                   double lr, real *losses) {
    char *const net_ends = top;
    const int64_t updates = train_by(blocks, n_blocks, embedding, vocab_size, n_embd, block_size,
                                     batch_size, steps, x, y, losses, nullptr,
                                     [&](int64_t) { return Rule{1, real(lr)}; });
    top = net_ends;
    return updates;
}

// With its running statistics, a batch norm is part of the linear layer before it.
static LayerView folded(LayerView view) {
    if (!view.gamma) return view;
    const int64_t n = view.fan_out;
    real *weight = static_cast<real *>(reserve(view.fan_in * n * sizeof(real)));
    real *bias = static_cast<real *>(reserve(n * sizeof(real)));
    for (int64_t j = 0; j < n; j++) {
        const real scale = view.gamma[j] / std::sqrt(view.running_var[j] + real(view.eps));
        bias[j] = ((view.bias ? view.bias[j] : 0) - view.running_mean[j]) * scale + view.beta[j];
        for (int64_t i = 0; i < view.fan_in; i++) weight[i * n + j] = view.weight[i * n + j] * scale;
    }
    view.weight = weight;
    view.bias = bias;
    view.gamma = view.beta = nullptr;
    return view;
}

// Pass through the net without a step, and write down what comes by. For each layer, from the first:
// what goes into its tanh, what comes out, and the batch's mean and variance of what a norm takes in.
// Then, for each from the last: the gradients of its output and of its weight; and the embedding's.
// Returns the loss. Without y: with running statistics, and no gradients.
extern "C" __attribute__((minsize)) real look(const LayerView *blocks, int n_blocks,
                                              const real *embedding, int vocab_size, int n_embd,
                                              int block_size, int rows, const int64_t *x,
                                              const int64_t *y, real *to) {
    char *const net_ends = top;
    const auto write = [&](Matrix &from, int64_t count, int64_t n) {
        give(from, to, count, n);
        to += count * n;
    };
    std::vector<Layer> layers;
    layers.reserve(n_blocks);
    for (int l = 0; l < n_blocks; l++) {
        LayerView view = y ? blocks[l] : folded(blocks[l]);
        view.tanh = view.running_std = false;
        view.momentum = 1;  // so that its running statistics are the batch's
        layers.emplace_back(view, rows, false);
        layers[l].each_parameter([](Parameter &ours, real *theirs, int64_t count, int64_t n) {
            take(ours.value, theirs, count, n);
        });
    }
    Matrix logits(rows, vocab_size), dinput(rows, block_size * n_embd);
    const auto output = [&](int l) -> Matrix & { return l + 1 < n_blocks ? layers[l + 1].x : logits; };
    for (int i = 0; i < rows; i++)
        for (int t = 0; t < block_size; t++)
            std::copy_n(embedding + x[i * block_size + t] * n_embd, n_embd,
                        layers[0].x.numbers(i) + t * n_embd);
    for (int l = 0; l < n_blocks; l++) {
        const int64_t n = blocks[l].fan_out;
        Matrix &out = output(l);
        layers[l].forward(out);
        write(out, rows, n);
        if (blocks[l].tanh)
            for (vec &v : out.data) v = hyperbolic_tangent(v);
        write(out, rows, n);
        write(layers[l].running_mean, 1, n);
        write(layers[l].running_var, 1, n);
    }
    real loss = 0;
    if (y) {
        layers.back().dz = logits;
        loss = cross_entropy(layers.back().dz, rows, vocab_size, y);
        for (int l = n_blocks - 1; l >= 0; l--) {
            Layer &layer = layers[l];
            const Matrix &out = output(l);
            write(layer.dz, rows, layer.view.fan_out);
            if (blocks[l].tanh)
                for (size_t i = 0; i < out.data.size(); i++)
                    layer.dz.data[i] *= 1 - out.data[i] * out.data[i];
            layer.backward(out, l ? layers[l - 1].dz : dinput, Rule{0, -1});
            write(layer.weight.value, layer.view.fan_in, layer.view.fan_out);
        }
        std::fill_n(to, vocab_size * n_embd, real(0));
        for (int i = 0; i < rows * block_size; i++)
            for (int e = 0; e < n_embd; e++)
                to[x[i] * n_embd + e] += dinput.numbers(i / block_size)[i % block_size * n_embd + e];
    }
    top = net_ends;
    return loss;
}

void *operator new(size_t bytes) { return reserve(bytes); }
void *operator new(size_t bytes, std::align_val_t) { return reserve(bytes); }
void operator delete(void *) noexcept {}
void operator delete(void *, size_t) noexcept {}
void operator delete(void *, std::align_val_t) noexcept {}
void operator delete(void *, size_t, std::align_val_t) noexcept {}

// The library's own of these print a message, and for that bring half of a C library along.
extern "C" void abort() { __builtin_trap(); }
_LIBCPP_BEGIN_NAMESPACE_STD
[[noreturn]] void __libcpp_verbose_abort(const char *, ...) noexcept { __builtin_trap(); }
_LIBCPP_END_NAMESPACE_STD
