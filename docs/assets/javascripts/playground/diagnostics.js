/** Looking inside a net: the numbers of `makemore3.diagnostics`, and the lecture's histograms. */

import { CHARACTERS, CONTEXT, distinct } from "./data.js"
import { backward, forward, softmax } from "./passes.js"

/** @import {Net, Report, Split} from "./types.js" */
/** @import {Twister} from "./random.js" */

export const BINS = 50
const DEAD = 1e-3 // the largest local gradient that counts as none, as in `dead_units`

/** @param {ArrayLike<number>} values mean, and standard deviation with N - 1 */
export function spread(values) {
  let [sum, squares] = [0, 0]
  for (let i = 0; i < values.length; i++) sum += values[i]
  const mean = sum / values.length
  for (let i = 0; i < values.length; i++) squares += (values[i] - mean) ** 2
  return { mean, std: Math.sqrt(squares / (values.length - 1)) }
}

/** To the next round number, so that axes seldom jump. @param {number} size */
export function roundUp(size) {
  if (!(size > 0 && size < Infinity)) return 1
  const power = 10 ** Math.floor(Math.log10(size))
  return power * ([1, 1.5, 2, 3, 4, 5, 7].find((step) => step * power >= size) ?? 10)
}

/**
 * @param {string} name @param {ArrayLike<number>} values @param {number} limit
 * @returns {Report}
 */
function report(name, values, limit) {
  const counts = new Array(BINS).fill(0)
  for (let i = 0; i < values.length; i++) {
    const bin = Math.floor((values[i] / limit + 1) / 2 * BINS)
    counts[Math.min(BINS - 1, Math.max(0, bin))]++
  }
  return { name, ...spread(values), counts, limit }
}

/** Reports with one axis for all. @param {[string, ArrayLike<number>][]} named @param {number} of */
function together(named, of) {
  const limit = roundUp(of * Math.max(...named.map(([, values]) => spread(values).std)))
  return named.map(([name, values]) => report(name, values, limit))
}

/**
 * Run one batch forwards and backwards, as in training, and describe what comes by.
 * @param {Net} net @param {Uint8Array} x @param {Uint8Array} y @param {number} threshold
 */
export function inspect(net, x, y, threshold) {
  const traces = forward(net, x, "batch")
  const gradients = backward(net, x, y, traces)
  const hasTanh = net.layers.some((layer) => layer.tanh)
  const watched = net.layers.slice(0, -1).map((layer, i) => ({ layer, i, name: shown(layer, i) }))
  /** @param {(i: number) => ArrayLike<number>} pick @returns {[string, ArrayLike<number>][]} */
  const each = (pick) => watched.map(({ name, i }) => [name, pick(i)])
  const weightGradients = weightsOf(net).map((
    [name],
    i,
  ) => /** @type {[string, Float64Array]} */ ([
    name,
    i ? gradients.weights[i - 1] : gradients.embedding,
  ]))
  return {
    loss: gradients.loss,
    rows: y.length,
    threshold,
    hasTanh,
    pre: together(each((i) => traces[i].pre), 3.5),
    out: hasTanh
      ? each((i) => traces[i].out).map(([name, values]) => report(name, values, 1))
      : together(each((i) => traces[i].out), 3.5),
    saturation: hasTanh
      ? watched.map(({ layer, i }) => saturation(traces[i].out, layer.fanOut, threshold))
      : [],
    gradient: together(each((i) => gradients.outputs[i]), 3.5),
    weightGradient: together(weightGradients, 3.5),
    norms: net.layers.flatMap(({ norm }, i) => {
      const batch = traces[i].statistics
      if (!norm || !batch) return []
      const std = (/** @type {Float32Array | Float64Array} */ v) => Array.from(v, Math.sqrt)
      return [{
        name: net.layers[i].name,
        batchMean: Array.from(batch.mean),
        batchStd: std(batch.variance),
        runningMean: Array.from(norm.mean),
        runningStd: std(norm.variance),
      }]
    }),
  }
}

/** @typedef {ReturnType<typeof inspect>} Inspection */

/** The name of what is watched, as the package calls it. @param {any} layer @param {number} i */
const shown = (layer, i) =>
  layer.name === "hidden" ? "tanh" : layer.tanh ? `tanh${i + 1}` : layer.name

/**
 * @param {Float64Array} h what tanh put out @param {number} units @param {number} threshold
 */
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
 * How much a step changed each weight: log10 of the standard deviations' quotient, as `UpdateRatios`.
 * @param {Float32Array[]} before @param {Float32Array[]} after
 */
export function updateRatios(before, after) {
  return after.map((now, i) => {
    const change = now.map((v, j) => v - before[i][j])
    return Math.log10(spread(change).std / spread(now).std)
  })
}

/** Histograms of the weights themselves. @param {Net} net */
export const describeWeights = (net) => together(weightsOf(net), 3.5)

/** The weights that `updateRatios` compares. @param {Net} net @returns {[string, Float32Array][]} */
export function weightsOf(net) {
  return [
    ["embedding.weight", net.embedding],
    ...net.layers.map((
      layer,
    ) => /** @type {[string, Float32Array]} */ ([`${layer.name}.weight`, layer.weight])),
  ]
}

/**
 * The mean loss over all examples of a split, with running or with the split's own statistics.
 * A context that occurs often is computed once.
 * @param {Net} net @param {ReturnType<typeof distinct>} split @param {boolean} own
 */
export function splitLoss(net, { contexts, follows, size }, own) {
  const vocab = CHARACTERS.length
  const counts = follows.map((follow) => follow.reduce((a, b) => a + b))
  const part = own ? counts.length : 1000 // running statistics need only some rows at a time
  let loss = 0
  for (let start = 0; start < counts.length; start += part) {
    const rows = contexts.subarray(CONTEXT * start, CONTEXT * (start + part))
    const traces = forward(net, rows, own ? counts : "running")
    const logits = traces[traces.length - 1].out
    for (let i = 0; i < rows.length / CONTEXT; i++) {
      const probs = softmax(logits.subarray(i * vocab, (i + 1) * vocab))
      follows[start + i].forEach((n, j) => loss -= n && n * Math.log(probs[j]))
    }
  }
  return loss / size
}

/**
 * As `sample_names`.
 * @param {Net} net @param {Twister} random @param {number} count @param {number} most characters
 */
export function sampleNames(net, random, count, most) {
  return Array.from({ length: count }, () => {
    let context = [0, 0, 0]
    let name = ""
    while (name.length < most) {
      const traces = forward(net, Uint8Array.from(context), "running")
      const next = random.multinomial(softmax(traces[traces.length - 1].out).map(Math.fround))
      if (next === 0) break
      context = [...context.slice(1), next]
      name += CHARACTERS[next]
    }
    return name
  })
}
