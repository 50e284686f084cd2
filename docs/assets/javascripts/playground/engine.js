/** The package's own trainer, `compiled.cpp`, compiled to WebAssembly. */

import { CHARACTERS, CONTEXT } from "./data.js"
import { EMBEDDING, tensors } from "./net.js"

/** @import {Net} from "./net.js" */
/** @typedef {ReturnType<Engine["look"]>} Seen what came by, row by row of the batch */

export const STEPS = 500 // that one call of `train` takes at most
export const ROWS = 200 // that `look` takes at most
const SHAPE = [CHARACTERS.length, EMBEDDING, CONTEXT]

/** One net in an instance of its own: its tensors lie in the trainer's memory from now on. */
export class Engine {
  /** @type {any} */
  #wasm
  #net
  #batch
  #places
  #blocks
  #at

  /** @param {WebAssembly.Module} module @param {Net} net @param {number} batch examples a step */
  constructor(module, net, batch) {
    this.#wasm = new WebAssembly.Instance(module).exports
    this.#wasm._initialize()
    this.#net = net
    this.#batch = batch
    const { reserve } = this.#wasm
    this.#places = tensors(net).map(({ owner, key }) => {
      const [tensor, at] = [owner[key], reserve(owner[key].byteLength)]
      new Float32Array(this.#wasm.memory.buffer, at, tensor.length).set(tensor)
      return { owner, key, at, length: tensor.length }
    })
    this.#blocks = this.#wasm.reserve_blocks(net.layers.length)
    net.layers.forEach((layer, i) => this.#describe(layer, i))
    const rows = Math.max(ROWS, STEPS * batch)
    const units = net.layers.reduce((sum, { fanOut }) => sum + fanOut, 0)
    const weights = net.layers.reduce((sum, { weight }) => sum + weight.length, 0)
    this.#at = {
      x: reserve(8 * rows * CONTEXT),
      y: reserve(8 * rows),
      losses: reserve(4 * STEPS),
      seen: reserve(4 * ((3 * ROWS + 2) * units + weights + net.embedding.length)),
    }
    this.#view()
  }

  /** Let the net's tensors be views of the memory, which are void whenever it has grown. */
  #view() {
    const { buffer } = this.#wasm.memory
    if (this.#net.embedding.buffer === buffer) return
    for (const { owner, key, at, length } of this.#places) {
      owner[key] = new Float32Array(buffer, at, length)
    }
  }

  /** @param {Net["layers"][number]} layer @param {number} index */
  #describe(layer, index) {
    const { fanIn, fanOut, tanh, norm } = layer
    const at = (/** @type {object | null} */ owner, /** @type {string[]} */ ...keys) =>
      keys.map((key) => this.#places.find((p) => p.owner === owner && p.key === key)?.at ?? 0)
    this.#wasm.block(
      ...[this.#blocks, index, fanIn, fanOut, tanh, Boolean(norm), norm?.keepsStd],
      ...[norm?.eps ?? 0, norm?.momentum ?? 0, ...at(layer, "weight", "bias")],
      ...at(norm, "gamma", "beta", "mean", "variance"),
    )
  }

  /**
   * Take a step of gradient descent for each minibatch.
   * @param {Uint8Array} x contexts, for all steps @param {Uint8Array} y targets @param {number} lr
   * @returns losses before each update; fewer than steps if the last one is not finite
   */
  train(x, y, lr) {
    const to = this.#at
    const steps = y.length / this.#batch
    this.#integers(to.x, x)
    this.#integers(to.y, y)
    const updates = this.#wasm.run(
      ...[this.#blocks, this.#net.layers.length, this.#places[0].at, ...SHAPE],
      ...[this.#batch, steps, to.x, to.y, lr, to.losses],
    )
    this.#view()
    const { buffer } = this.#wasm.memory
    return new Float32Array(buffer, to.losses, Math.min(updates + 1, steps)).slice()
  }

  /**
   * Pass forwards and backwards through the net, without a step.
   * @param {Uint8Array} x contexts
   * @param {Uint8Array} [y] targets; without them, a batch norm uses its running statistics, and
   *     there are no gradients
   */
  look(x, y) {
    const rows = x.length / CONTEXT
    const { layers } = this.#net
    const to = this.#at
    this.#integers(to.x, x)
    if (y) this.#integers(to.y, y)
    const loss = this.#wasm.look(
      ...[this.#blocks, layers.length, this.#places[0].at, ...SHAPE],
      ...[rows, to.x, y ? to.y : 0, to.seen],
    )
    this.#view()
    let at = to.seen
    /** @param {number} count */
    const read = (count) =>
      new Float32Array(this.#wasm.memory.buffer, (at += 4 * count) - 4 * count, count)
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
    return { loss, forwards, backwards, embedding: read(y ? this.#net.embedding.length : 0) }
  }

  /** Write whole numbers of 64 bits. @param {number} at @param {Uint8Array} numbers */
  #integers(at, numbers) {
    const low = new Int32Array(this.#wasm.memory.buffer, at, 2 * numbers.length)
    for (let i = 0; i < numbers.length; i++) low[2 * i] = numbers[i]
  }
}
