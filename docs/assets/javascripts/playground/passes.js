/** The forward and the backward pass, in double precision and slowly: for looking, not training. */

import { CHARACTERS, CONTEXT } from "./data.js"
import { EMBEDDING } from "./net.js"

/** @import {Layer, Net, Norm} from "./types.js" */

/**
 * @typedef {object} Trace what a layer did with a batch, row by row
 * @property {Float64Array} x input
 * @property {Float64Array} z after the linear layer
 * @property {Float64Array | null} standardised
 * @property {Statistics | null} statistics by which it was
 * @property {Float64Array} pre into the tanh
 * @property {Float64Array} out
 *
 * @typedef {{mean: Float64Array, variance: Float64Array}} Statistics of each unit
 * @typedef {"running" | "batch" | number[]} Source of the statistics; numbers say how often a row
 *     counts in the batch's
 */

/**
 * @param {Net} net
 * @param {Uint8Array} contexts
 * @param {Source} source
 * @returns {Trace[]} one a layer; the last one's output are the logits
 */
export function forward(net, contexts, source) {
  const rows = contexts.length / CONTEXT
  /** @type {Float64Array} */
  let x = new Float64Array(rows * CONTEXT * EMBEDDING)
  contexts.forEach((character, i) => {
    x.set(net.embedding.subarray(character * EMBEDDING, (character + 1) * EMBEDDING), i * EMBEDDING)
  })
  return net.layers.map((layer) => {
    const trace = layerForward(layer, x, rows, source)
    x = trace.out
    return trace
  })
}

/** @param {Layer} layer @param {Float64Array} x @param {number} rows @param {Source} source */
function layerForward(layer, x, rows, source) {
  const { fanIn, fanOut, weight, bias, norm } = layer
  const z = new Float64Array(rows * fanOut)
  for (let i = 0; i < rows; i++) {
    const [start, from] = [i * fanOut, i * fanIn]
    if (bias) z.set(bias, start)
    for (let k = 0; k < fanIn; k += 2) { // two at a time is twice as fast
      const [a, b] = [x[from + k], k + 1 < fanIn ? x[from + k + 1] : 0]
      const second = k + 1 < fanIn ? fanOut : 0
      for (let j = 0, at = k * fanOut; j < fanOut; j++, at++) {
        z[start + j] += a * weight[at] + b * weight[at + second]
      }
    }
  }
  /** @type {Trace} */
  const trace = { x, z, standardised: null, statistics: null, pre: z, out: z }
  if (norm) {
    const statistics = source === "running"
      ? { mean: Float64Array.from(norm.mean), variance: Float64Array.from(norm.variance) }
      : statisticsOf(z, fanOut, source === "batch" ? null : source)
    const { mean, variance } = statistics
    trace.statistics = statistics
    trace.standardised = z.map((v, i) =>
      (v - mean[i % fanOut]) / Math.sqrt(variance[i % fanOut] + norm.eps)
    )
    trace.pre = trace.standardised.map((v, i) => v * norm.gamma[i % fanOut] + norm.beta[i % fanOut])
  }
  trace.out = layer.tanh ? trace.pre.map(Math.tanh) : trace.pre
  return trace
}

/**
 * Mean and unbiased variance of each unit over the rows.
 * @param {Float64Array} z @param {number} units @param {number[] | null} counts of the rows
 */
function statisticsOf(z, units, counts) {
  const total = counts ? counts.reduce((a, b) => a + b) : z.length / units
  const mean = new Float64Array(units)
  const variance = new Float64Array(units)
  const count = (/** @type {number} */ i) => counts ? counts[Math.trunc(i / units)] : 1
  z.forEach((v, i) => mean[i % units] += v * count(i) / total)
  z.forEach((v, i) => variance[i % units] += (v - mean[i % units]) ** 2 * count(i) / (total - 1))
  return { mean, variance }
}

/** Softmax of one row. @param {Float64Array} logits @returns {Float64Array} */
export function softmax(logits) {
  const top = logits.reduce((a, b) => Math.max(a, b))
  const powers = logits.map((v) => Math.exp(v - top))
  const sum = powers.reduce((a, b) => a + b)
  return powers.map((v) => v / sum)
}

/**
 * Mean cross-entropy of a batch, and its gradients.
 * @param {Net} net
 * @param {Uint8Array} contexts
 * @param {Uint8Array} targets
 * @param {Trace[]} traces of the forward pass, with the batch's statistics
 */
export function backward(net, contexts, targets, traces) {
  const rows = targets.length
  const vocab = CHARACTERS.length
  const logits = traces[traces.length - 1].out
  let loss = 0
  /** @type {Float64Array} */
  let dout = new Float64Array(logits.length)
  for (let i = 0; i < rows; i++) {
    const probs = softmax(logits.subarray(i * vocab, (i + 1) * vocab))
    loss -= Math.log(probs[targets[i]]) / rows
    dout.set(probs.map((p, j) => (p - Number(j === targets[i])) / rows), i * vocab)
  }
  /** @type {Float64Array[]} */
  const outputs = []
  /** @type {Float64Array[]} */
  const weights = []
  for (let l = net.layers.length - 1; l >= 0; l--) {
    outputs.unshift(dout)
    const made = layerBackward(net.layers[l], traces[l], dout, rows)
    weights.unshift(made.dweight)
    dout = made.dx
  }
  const embedding = new Float64Array(net.embedding.length)
  dout.forEach((v, i) => {
    embedding[contexts[Math.trunc(i / EMBEDDING)] * EMBEDDING + i % EMBEDDING] += v
  })
  return { loss, outputs, weights, embedding }
}

/** @param {Layer} layer @param {Trace} trace @param {Float64Array} dout @param {number} rows */
function layerBackward(layer, trace, dout, rows) {
  const { fanIn, fanOut, weight, norm } = layer
  let dz = layer.tanh ? dout.map((v, i) => v * (1 - trace.out[i] ** 2)) : dout
  if (norm && trace.standardised && trace.statistics) {
    dz = normBackward(norm, trace.standardised, trace.statistics.variance, dz, rows)
  }
  const dx = new Float64Array(rows * fanIn)
  const dweight = new Float64Array(fanIn * fanOut)
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < fanIn; k++) {
      const x = trace.x[i * fanIn + k]
      let sum = 0
      for (let j = 0, at = k * fanOut, from = i * fanOut; j < fanOut; j++, at++, from++) {
        dweight[at] += x * dz[from]
        sum += weight[at] * dz[from]
      }
      dx[i * fanIn + k] = sum
    }
  }
  return { dx, dweight }
}

/**
 * Back through a batch norm that divides by N - 1; `makemore3.fast.stacked` derives it.
 * @param {Norm} norm @param {Float64Array} xHat @param {Float64Array} variance
 * @param {Float64Array} dy @param {number} rows
 */
function normBackward(norm, xHat, variance, dy, rows) {
  const units = variance.length
  const dbeta = new Float64Array(units)
  const dgamma = new Float64Array(units)
  dy.forEach((v, i) => {
    dbeta[i % units] += v
    dgamma[i % units] += v * xHat[i]
  })
  return dy.map((v, i) => {
    const j = i % units
    const scale = norm.gamma[j] / Math.sqrt(variance[j] + norm.eps)
    return scale * (v - dbeta[j] / rows - xHat[i] * dgamma[j] / (rows - 1))
  })
}
