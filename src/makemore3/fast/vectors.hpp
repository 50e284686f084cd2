// Vectors of numbers as wide as the processor's registers, and the functions of a net on them.
//
// REAL is float or double.
#pragma once

#if !defined(__has_builtin)
#error "needs GCC 12, Clang, or newer"
#elif !__has_builtin(__builtin_shufflevector)
#error "needs GCC 12, Clang, or newer"
#endif

#include <algorithm>
#include <cmath>
#include <cstdint>

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

// e^x, or e^x - 1, which keeps its digits near 0. With x = n ln 2 + r, where n is whole, e^x is
// 2^n e^r; Taylor's series, for |r| < 0.35, is exact to the last digit but one.
template <bool minus_one> inline vec exponential(vec x) {
    x = x < format::smallest_log ? vec{} + format::smallest_log : x;
    x = x > format::largest_log ? vec{} + format::largest_log : x;
    constexpr real shift = real(1.5) * (integer(1) << format::mantissa_bits);
    const vec n = (x * real(M_LOG2E) + shift) - shift;  // so large a sum has no digits after the point
    // ln 2 as a sum: the first has so few digits that n times it is exact.
    constexpr real ln2_high = real(0x1.62e4p-1), ln2_low = real(1.4286068203094172321e-6);
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
    const vec t = exponential<true>(x + x);
    return t / (t + 2);
}

inline vec square_root(vec x) {
    for (int lane = 0; lane < lanes; lane++) x[lane] = std::sqrt(x[lane]);
    return x;
}

template <class Join> inline real over_lanes(vec x, Join join) {
    for (int n = lanes / 2; n > 0; n /= 2)
        for (int lane = 0; lane < n; lane++) x[lane] = join(x[lane], x[lane + n]);
    return x[0];
}
