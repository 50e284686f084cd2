// The trainer of compiled.cpp for a browser: WebAssembly that imports nothing.
//
// A page reserves memory for the tensors of one net, says with `block` where they lie, and calls
// `run` as often as it likes. What a run needs besides lies above the net, and is released with it.

#include "compiled.cpp"

#include <cstdlib>
#include <new>

extern "C" char __heap_base;  // where the compiler's own data ends
static char *top = &__heap_base;

extern "C" void *reserve(size_t bytes) {
    constexpr int64_t page = 65536, cache_line = 64;
    char *start = top;
    top += whole(bytes, cache_line);
    const int64_t needed = whole(reinterpret_cast<size_t>(top), page) / page;
    const int64_t missing = needed - int64_t(__builtin_wasm_memory_size(0));
    if (missing > 0 && __builtin_wasm_memory_grow(0, missing) == size_t(-1)) __builtin_trap();
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

extern "C" int run(const LayerView *blocks, int n_blocks, real *embedding, int vocab_size, int n_embd,
                   int block_size, int batch_size, int steps, const int64_t *x, const int64_t *y,
                   const double *lr, real *losses) {
    char *const net_ends = top;
    const int64_t updates = train(blocks, n_blocks, embedding, vocab_size, n_embd, block_size,
                                  batch_size, steps, x, y, lr, losses);
    top = net_ends;
    return updates;
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
