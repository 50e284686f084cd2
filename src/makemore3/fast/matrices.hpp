// Matrices padded with zeros to whole vectors and tiles, so that no loop needs a remainder.
#pragma once

#include <type_traits>
#include <utility>
#include <vector>

#include "vectors.hpp"

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
