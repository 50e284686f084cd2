/** The package's own trainer, `compiled.cpp`, compiled to WebAssembly. */

import { CONTEXT, VOCAB } from "./data.js"
import { EMBEDDING, tensors } from "./net.js"

/** @import {Net} from "./net.js" */
/** @typedef {ReturnType<Engine["look"]>} Seen what came by, row by row of the batch */
/** @typedef {ArrayLike<number>} Numbers of whole ones */

export const STEPS = 500 // that one call of `train` takes at most
export const ROWS = 200 // that `look` takes at most

/** One net in an instance of its own: its tensors lie in the trainer's memory from now on. */
export class Engine {
  #wasm
  #net
  #batch
  #start // of the arguments, whatever is done
  #x
  #y
  #losses
  #seen

  /** @param {WebAssembly.Module} module @param {Net} net @param {number} batch examples a step */
  constructor(module, net, batch) {
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
    const rows = Math.max(ROWS, STEPS * batch)
    const units = layers.reduce((sum, { fanOut }) => sum + fanOut, 0)
    const weights = layers.reduce((sum, { weight }) => sum + weight.length, embedding.length)
    this.#wasm = wasm
    this.#net = net
    this.#batch = batch
    this.#start = [blocks, layers.length, embedding.byteOffset, VOCAB, EMBEDDING, CONTEXT]
    this.#x = longs(rows * CONTEXT)
    this.#y = longs(rows)
    this.#losses = floats(STEPS)
    this.#seen = floats((3 * ROWS + 2) * units + weights)
  }

  /** @param {Numbers} contexts @param {Numbers} [targets] */
  #write(contexts, targets = []) {
    for (let i = 0; i < contexts.length; i++) {
      this.#y[2 * i] = targets[i]
      for (let t = CONTEXT, digits = contexts[i]; t--; digits = Math.trunc(digits / VOCAB)) {
        this.#x[2 * (CONTEXT * i + t)] = digits % VOCAB
      }
    }
  }

  /**
   * Take a step of gradient descent for each minibatch.
   * @param {Numbers} x contexts, for all steps @param {Numbers} y targets @param {number} lr
   * @returns losses before each update; fewer than steps if the last one is not finite
   */
  train(x, y, lr) {
    this.#write(x, y)
    const steps = y.length / this.#batch
    const [toX, toY, losses] = [this.#x, this.#y, this.#losses].map((to) => to.byteOffset)
    const updates = this.#wasm.run(...this.#start, this.#batch, steps, toX, toY, lr, losses)
    return this.#losses.slice(0, Math.min(updates + 1, steps))
  }

  /**
   * Pass forwards and backwards through the net, without a step. What is seen is void at the next.
   * @param {Numbers} x contexts
   * @param {Numbers} [y] targets; without them, a batch norm uses its running statistics, and
   *     there are no gradients
   */
  look(x, y) {
    this.#write(x, y)
    const rows = x.length
    const [toX, toY, seen] = [this.#x, this.#y, this.#seen].map((to) => to.byteOffset)
    this.#wasm.look(...this.#start, rows, toX, y && toY, seen)
    let at = 0
    const read = (/** @type {number} */ count) => this.#seen.subarray(at, at += count)
    const { layers, embedding } = this.#net
    const forwards = layers.map(({ fanOut }) => ({
      pre: read(rows * fanOut), // into the tanh
      out: read(rows * fanOut),
      mean: read(fanOut), // of the batch, before a norm
      variance: read(fanOut),
    }))
    const backwards = (y ? layers.toReversed() : []).map(({ fanOut, weight }) => ({
      gradient: read(rows * fanOut), // of the output
      weightGradient: read(weight.length),
    })).reverse()
    return { forwards, backwards, embedding: read(y ? embedding.length : 0) }
  }
}
