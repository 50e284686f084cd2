/** The package's own trainer, `compiled.cpp`, compiled to WebAssembly. */

import { CONTEXT, VOCAB } from "./data.js"
import { EMBEDDING, tensors } from "./net.js"

/** @import {Net} from "./net.js" */
/** @typedef {ReturnType<ReturnType<typeof engine>["look"]>} Seen by row of the batch */
/** @typedef {ArrayLike<number>} Numbers of whole ones */

export const STEPS = 500 // that one call of `train` takes at most
export const ROWS = 200 // that `look` takes at most

/**
 * One net in an instance of its own: its tensors lie in the trainer's memory from now on.
 * @param {WebAssembly.Module} module @param {Net} net @param {number} batch examples a step
 */
export function engine(module, net, batch) {
  const wasm = /** @type {any} */ (new WebAssembly.Instance(module).exports)
  wasm._initialize()
  const floats = (/** @type {number} */ count) =>
    new Float32Array(wasm.memory.buffer, wasm.reserve(4 * count), count)
  const longs = (/** @type {number} */ count) =>
    new Int32Array(wasm.memory.buffer, wasm.reserve(8 * count), 2 * count)
  for (const { owner, key } of tensors(net)) {
    const drawn = owner[key]
    owner[key] = floats(drawn.length)
    owner[key].set(drawn)
  }
  const { layers, embedding } = net
  const blocks = wasm.reserve_blocks(layers.length)
  layers.forEach(({ fanIn, fanOut, tanh, weight, bias, norm }, i) => {
    const { gamma, beta, mean, variance, eps = 0, momentum = 0, keepsStd } = norm ?? {}
    const places = [weight, bias, gamma, beta, mean, variance].map((t) => t?.byteOffset ?? 0)
    wasm.block(blocks, i, fanIn, fanOut, tanh, !!norm, keepsStd, eps, momentum, ...places)
  })
  const start = [blocks, layers.length, embedding.byteOffset, VOCAB, EMBEDDING, CONTEXT]
  const units = layers.reduce((sum, { fanOut }) => sum + fanOut, 0)
  const weights = layers.reduce((sum, { weight }) => sum + weight.length, embedding.length)
  const rows = Math.max(ROWS, STEPS * batch)
  const [x, y] = [longs(rows * CONTEXT), longs(rows)]
  const [losses, seen] = [floats(STEPS), floats((3 * ROWS + 2) * units + weights)]

  /** @param {Numbers} contexts @param {Numbers} [targets] */
  function write(contexts, targets = []) {
    for (let i = 0; i < contexts.length; i++) {
      y[2 * i] = targets[i]
      for (let t = CONTEXT, digits = contexts[i]; t--; digits = Math.trunc(digits / VOCAB)) {
        x[2 * (CONTEXT * i + t)] = digits % VOCAB
      }
    }
  }

  return {
    /**
     * Take a step of gradient descent for each minibatch.
     * @param {Numbers} contexts for all steps @param {Numbers} targets @param {number} lr
     * @returns losses before each update; fewer than steps if the last one is not finite
     */
    train(contexts, targets, lr) {
      write(contexts, targets)
      const steps = targets.length / batch
      const places = [x.byteOffset, y.byteOffset, lr, losses.byteOffset]
      const updates = wasm.run(...start, batch, steps, ...places)
      return losses.slice(0, Math.min(updates + 1, steps))
    },

    /**
     * Pass forwards and backwards through the net, without a step. The next call overwrites it.
     * @param {Numbers} contexts
     * @param {Numbers} [targets] without them, a batch norm uses its running statistics, and there
     *     are no gradients
     */
    look(contexts, targets) {
      write(contexts, targets)
      const rows = contexts.length
      wasm.look(...start, rows, x.byteOffset, targets && y.byteOffset, seen.byteOffset)
      let at = 0
      const read = (/** @type {number} */ count) => seen.subarray(at, at += count)
      const forwards = layers.map(({ fanOut }) => ({
        pre: read(rows * fanOut), // into the tanh
        out: read(rows * fanOut),
        mean: read(fanOut), // of the batch, before a norm
        variance: read(fanOut),
      }))
      const backwards = (targets ? layers.toReversed() : []).map(({ fanOut, weight }) => ({
        gradient: read(rows * fanOut), // of the output
        weightGradient: read(weight.length),
      })).reverse()
      return { forwards, backwards, embedding: read(targets ? embedding.length : 0) }
    },
  }
}
