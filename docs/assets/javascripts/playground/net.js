/** The lecture's nets, with the first weights of `makemore3.models`, bit for bit. */

import { CONTEXT, VOCAB } from "./data.js"

/** @import {Settings} from "./controls.js" */
/** @import {Twister} from "./random.js" */
/** @typedef {ReturnType<typeof build>} Net */
/** @typedef {{name: string, values: Float32Array}} Named */

export const EMBEDDING = 10
const f = Math.fround

/**
 * Draw a net. As in the package, the order of draws and of float operations decides the digits.
 * @param {Settings} settings @param {Twister} random
 */
export function build(settings, random) {
  const embedding = random.randn(VOCAB * EMBEDDING)
  const [depth, layer] = settings.deep ? [settings.depth, deep] : [2, shallow]
  const layers = Array.from({ length: depth }, (_, i) => {
    const fanIn = i ? settings.hidden : EMBEDDING * CONTEXT
    const fanOut = i < depth - 1 ? settings.hidden : VOCAB
    return { fanIn, fanOut, ...layer(settings, random, fanIn, fanOut, i) }
  })
  return { embedding, layers }
}

/** A layer of `mlp`. @type {typeof deep} */
function shallow({ w1, b1, w2, b2, norm }, random, fanIn, fanOut, i) {
  const [std, biasStd] = i ? [w2, b2] : [w1, b1]
  return {
    name: i ? "output" : "hidden",
    tanh: i === 0,
    weight: normal(random, fanIn * fanOut, std ?? 5 / 3, std === null ? Math.sqrt(fanIn) : 1),
    bias: biasStd === null ? null : normal(random, fanOut, biasStd),
    norm: norm && !i ? batchNorm(fanOut, 1, 0.001, true) : null,
  }
}

/**
 * A layer of `deep_mlp`.
 * @param {Settings} settings @param {Twister} random
 * @param {number} fanIn @param {number} fanOut @param {number} i
 */
function deep({ gain, depth, norm, tanh, scaled }, random, fanIn, fanOut, i) {
  const last = i === depth - 1
  const factor = last && !norm ? 0.1 : gain
  return {
    name: `linear${i + 1}`,
    tanh: tanh && !last,
    weight: normal(random, fanIn * fanOut, factor, scaled ? Math.sqrt(fanIn) : 1),
    bias: norm ? null : new Float32Array(fanOut),
    norm: norm ? batchNorm(fanOut, last ? 0.1 : 1, 0.1, false) : null,
  }
}

/** @param {Twister} random @param {number} count @param {number} factor @param {number} [root] */
function normal(random, count, factor, root = 1) {
  return random.randn(count).map((x) => f(x * f(factor)) / f(root))
}

/** @param {number} size @param {number} gamma @param {number} momentum @param {boolean} keepsStd */
function batchNorm(size, gamma, momentum, keepsStd) {
  return {
    gamma: new Float32Array(size).fill(gamma),
    beta: new Float32Array(size),
    mean: new Float32Array(size), // running, as the variance
    variance: new Float32Array(size).fill(1),
    eps: 1e-5,
    momentum,
    keepsStd, // what is averaged is a standard deviation
  }
}

/** Every tensor that a step changes, and where it belongs. @param {Net} net */
export function tensors(net) {
  /** @type {Record<string, any>[]} */
  const owners = [net, ...net.layers.flatMap((layer) => [layer, layer.norm ?? {}])]
  return owners.flatMap((owner) => Object.keys(owner).map((key) => ({ owner, key })))
    .filter(({ owner, key }) => owner[key] instanceof Float32Array)
}

/** The numbers that training adjusts. @param {Net} net */
export const parameterCount = (net) =>
  tensors(net).filter(({ key }) => key !== "mean" && key !== "variance")
    .reduce((sum, { owner, key }) => sum + owner[key].length, 0)

/** The weights whose updates are watched, as the package names them. @param {Net} net */
export const weightsOf = ({ embedding, layers }) => [
  { name: "embedding.weight", values: embedding },
  ...layers.map(({ name, weight }) => ({ name: `${name}.weight`, values: weight })),
]
