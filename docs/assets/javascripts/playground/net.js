/** The lecture's nets, with the first weights of `makemore3.models`, bit for bit. */

import { CHARACTERS, CONTEXT } from "./data.js"

/** @import {Layer, Net, Norm, Settings} from "./types.js" */
/** @import {Twister} from "./random.js" */

export const EMBEDDING = 10
const f = Math.fround
const KAIMING_TANH = 5 / 3

/**
 * Draw a net. As in the package, the order of draws and of float operations decides the digits.
 * @param {Settings} settings
 * @param {Twister} random
 * @returns {Net}
 */
export function build(settings, random) {
  const embedding = random.randn(CHARACTERS.length * EMBEDDING)
  return { embedding, layers: settings.deep ? deep(settings, random) : shallow(settings, random) }
}

/** As `mlp`. @param {Settings} s @param {Twister} random @returns {Layer[]} */
function shallow(s, random) {
  const fanIn = EMBEDDING * CONTEXT
  const weight = s.w1 === null
    ? kaiming(random, fanIn, s.hidden, KAIMING_TANH)
    : normal(random, fanIn * s.hidden, s.w1)
  const bias = s.b1 === null ? null : normal(random, s.hidden, s.b1)
  const norm = s.norm ? batchNorm(s.hidden, 0.001, true) : null
  const vocab = CHARACTERS.length
  const last = normal(random, s.hidden * vocab, s.w2)
  return [
    { name: "hidden", fanIn, fanOut: s.hidden, weight, bias, norm, tanh: true },
    {
      name: "output",
      fanIn: s.hidden,
      fanOut: vocab,
      weight: last,
      bias: normal(random, vocab, s.b2),
      norm: null,
      tanh: false,
    },
  ]
}

/** As `deep_mlp`. @param {Settings} s @param {Twister} random @returns {Layer[]} */
function deep(s, random) {
  return Array.from({ length: s.depth }, (_, i) => {
    const last = i === s.depth - 1
    const fanIn = i ? s.hidden : EMBEDDING * CONTEXT
    const fanOut = last ? CHARACTERS.length : s.hidden
    const factor = last && !s.norm ? 0.1 : s.gain
    const weight = s.scaled
      ? kaiming(random, fanIn, fanOut, factor)
      : normal(random, fanIn * fanOut, factor)
    const norm = s.norm ? batchNorm(fanOut, 0.1, false) : null
    if (norm && last) norm.gamma.fill(0.1)
    return {
      name: `linear${i + 1}`,
      fanIn,
      fanOut,
      weight,
      bias: s.norm ? null : new Float32Array(fanOut),
      norm,
      tanh: s.tanh && !last,
    }
  })
}

/** @param {Twister} random @param {number} count @param {number} std */
function normal(random, count, std) {
  const factor = f(std)
  return random.randn(count).map((x) => x * factor)
}

/** @param {Twister} random @param {number} fanIn @param {number} fanOut @param {number} gain */
function kaiming(random, fanIn, fanOut, gain) {
  const [factor, root] = [f(gain), f(Math.sqrt(fanIn))]
  return random.randn(fanIn * fanOut).map((x) => f(x * factor) / root)
}

/** @param {number} size @param {number} momentum @param {boolean} keepsStd @returns {Norm} */
function batchNorm(size, momentum, keepsStd) {
  return {
    gamma: new Float32Array(size).fill(1),
    beta: new Float32Array(size),
    mean: new Float32Array(size),
    variance: new Float32Array(size).fill(1),
    eps: 1e-5,
    momentum,
    keepsStd,
  }
}

/** The numbers that training adjusts. @param {Net} net */
export function parameterCount(net) {
  const size = (/** @type {Layer} */ { weight, bias, norm }) =>
    weight.length + (bias?.length ?? 0) + (norm ? 2 * norm.gamma.length : 0)
  return net.layers.reduce((sum, layer) => sum + size(layer), net.embedding.length)
}

/**
 * Every tensor that a step changes, and where it belongs.
 * @param {Net} net
 * @returns {Generator<[Record<string, any>, string, Float32Array]>}
 */
export function* tensors(net) {
  yield [net, "embedding", net.embedding]
  for (const layer of net.layers) {
    yield [layer, "weight", layer.weight]
    if (layer.bias) yield [layer, "bias", layer.bias]
    if (!layer.norm) continue
    const { gamma, beta, mean, variance } = layer.norm
    for (const [name, tensor] of Object.entries({ gamma, beta, mean, variance })) {
      yield [layer.norm, name, tensor]
    }
  }
}
