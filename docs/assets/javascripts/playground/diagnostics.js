/** Looking inside a net: the numbers of `makemore3.diagnostics`, and the lecture's histograms. */

import { weightsOf } from "./net.js"

/** @import {Seen} from "./engine.js" */
/** @import {Named, Net} from "./net.js" */
/** @typedef {ReturnType<typeof report>} Report one layer or weight in numbers */
/** @typedef {ReturnType<typeof inspect>} View */

const BINS = 50
const DEAD = 1e-3 // the largest local gradient that counts as none, as in `dead_units`

/** Mean, and standard deviation with N - 1. @param {ArrayLike<number>} values */
export function spread(values) {
  let [sum, squares] = [0, 0]
  for (let i = 0; i < values.length; i++) sum += values[i]
  const mean = sum / values.length
  for (let i = 0; i < values.length; i++) squares += (values[i] - mean) ** 2
  return { mean, std: Math.sqrt(squares / (values.length - 1)) }
}

/** To the next round number, so that axes seldom jump. @param {number} size */
function roundUp(size) {
  if (!(size > 0 && size < Infinity)) return 1
  const power = 10 ** Math.floor(Math.log10(size))
  return power * ([1, 1.5, 2, 3, 4, 5, 7].find((step) => step * power >= size) ?? 10)
}

/** Mean, spread, and a histogram from -limit to limit. @param {Named} of @param {number} limit */
function report({ name, values }, limit) {
  const counts = new Array(BINS).fill(0)
  for (let i = 0; i < values.length; i++) {
    const bin = Math.floor((values[i] / limit + 1) / 2 * BINS)
    counts[Math.min(BINS - 1, Math.max(0, bin))]++
  }
  return { name, ...spread(values), counts, limit }
}

/** Reports with one axis for all. @param {Named[]} named @param {number} [limit] */
function together(named, limit) {
  const wide = 3.5 * Math.max(...named.map(({ values }) => spread(values).std))
  return named.map((each) => report(each, limit ?? roundUp(wide)))
}

/**
 * Describe what came by when one batch went forwards and backwards, as in training.
 * @param {Net} net @param {Seen} seen @param {number} rows @param {number} threshold
 */
export function inspect(net, { forwards, backwards, embedding }, rows, threshold) {
  const hasTanh = net.layers.some(({ tanh }) => tanh)
  const watched = net.layers.slice(0, -1).map(({ name, tanh }, i) =>
    name === "hidden" ? "tanh" : tanh ? `tanh${i + 1}` : name // as the package calls it
  )
  /** @param {(layer: number) => Float32Array} of */
  const each = (of) => watched.map((name, i) => ({ name, values: of(i) }))
  const gradients = [embedding, ...backwards.map(({ weightGradient }) => weightGradient)]
  return {
    rows,
    threshold,
    hasTanh,
    pre: together(each((i) => forwards[i].pre)),
    out: together(each((i) => forwards[i].out), hasTanh ? 1 : undefined),
    saturation: hasTanh
      ? watched.map((_, i) => saturation(forwards[i].out, net.layers[i].fanOut, threshold))
      : [],
    gradient: together(each((i) => backwards[i].gradient)),
    weight: describeWeights(net),
    weightGradient: together(weightsOf(net).map(({ name }, i) => ({ name, values: gradients[i] }))),
    norms: net.layers.flatMap(({ name, norm }, i) =>
      norm ? [{ name, batch: statistics(forwards[i]), running: statistics(norm) }] : []
    ),
  }
}

/** @param {{mean: Float32Array, variance: Float32Array}} of a batch norm */
const statistics = ({ mean, variance }) => ({ mean: [...mean], std: [...variance.map(Math.sqrt)] })

/** @param {Float32Array} h what tanh put out @param {number} units @param {number} threshold */
function saturation(h, units, threshold) {
  const map = Uint8Array.from(h, (v) => Number(Math.abs(v) > threshold))
  const white = new Uint8Array(units).fill(1)
  const flat = new Uint8Array(units).fill(1)
  h.forEach((v, i) => {
    white[i % units] &= map[i]
    flat[i % units] &= Number(1 - v * v <= DEAD)
  })
  const sum = (/** @type {Uint8Array} */ bits) => bits.reduce((a, b) => a + b, 0)
  return { map, units, share: sum(map) / h.length, white: sum(white), dead: sum(flat) }
}

/**
 * How much a step changed each weight: log10 of the quotient of two stds, as `UpdateRatios`.
 * @param {Float32Array[]} before @param {Named[]} after
 */
export const updateRatios = (before, after) =>
  after.map(({ values }, i) => {
    const change = values.map((v, j) => v - before[i][j])
    return Math.log10(spread(change).std / spread(values).std)
  })

/** Histograms of the weights themselves. @param {Net} net */
export const describeWeights = (net) => together(weightsOf(net))

/** Softmax of one row. @param {ArrayLike<number>} logits */
export function softmax(logits) {
  const z = Float64Array.from(logits)
  const top = Math.max(...z)
  const sum = z.reduce((total, v) => total + Math.exp(v - top), 0)
  return z.map((v) => Math.exp(v - top) / sum)
}
