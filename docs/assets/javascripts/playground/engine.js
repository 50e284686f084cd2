/** The package's own trainer, `compiled.cpp`, compiled to WebAssembly. */

import { CHARACTERS, CONTEXT } from "./data.js"
import { EMBEDDING, tensors } from "./net.js"

/** @import {Net} from "./types.js" */

/** One net in an instance of its own: its tensors lie in the trainer's memory from now on. */
export class Engine {
  /** @type {any} */
  #wasm
  #net
  #places
  #blocks
  #batch
  #most
  #arguments

  /**
   * @param {WebAssembly.Module} module
   * @param {Net} net
   * @param {number} batch examples a step
   * @param {number} most steps that one call of `train` may take
   */
  constructor(module, net, batch, most) {
    this.#wasm = new WebAssembly.Instance(module).exports
    this.#wasm._initialize()
    this.#net = net
    this.#batch = batch
    this.#most = most
    const reserve = (/** @type {number} */ bytes) => this.#wasm.reserve(bytes)
    this.#places = [...tensors(net)].map(([owner, name, tensor]) => {
      const at = reserve(tensor.byteLength)
      new Float32Array(this.#wasm.memory.buffer, at, tensor.length).set(tensor)
      return { owner, name, at, length: tensor.length }
    })
    this.#view()
    this.#blocks = this.#wasm.reserve_blocks(net.layers.length)
    net.layers.forEach((layer, i) => this.#describe(layer, i))
    this.#arguments = {
      x: reserve(8 * most * batch * CONTEXT),
      y: reserve(8 * most * batch),
      lr: reserve(8 * most),
      losses: reserve(4 * most),
    }
    this.#view()
  }

  /** Let the net's tensors be views of the memory, which are void whenever it has grown. */
  #view() {
    const { buffer } = this.#wasm.memory
    if (this.#net.embedding.buffer === buffer) return
    for (const { owner, name, at, length } of this.#places) {
      owner[name] = new Float32Array(buffer, at, length)
    }
  }

  /** @param {import("./types.js").Layer} layer @param {number} index */
  #describe(layer, index) {
    const { norm } = layer
    const at = (/** @type {object | null} */ owner, /** @type {string} */ name) =>
      this.#places.find((place) => place.owner === owner && place.name === name)?.at ?? 0
    this.#wasm.block(
      ...[this.#blocks, index, layer.fanIn, layer.fanOut, layer.tanh, Boolean(norm)],
      ...[norm?.keepsStd, norm?.eps ?? 0, norm?.momentum ?? 0, at(layer, "weight")],
      ...[at(layer, "bias"), at(norm, "gamma"), at(norm, "beta"), at(norm, "mean")],
      at(norm, "variance"),
    )
  }

  /**
   * Take one step of gradient descent for each learning rate.
   * @param {Uint8Array} x contexts, for all steps
   * @param {Uint8Array} y targets
   * @param {number[]} lr
   * @returns {Float32Array} losses before each update; fewer than steps if one was not finite,
   *     which is then the last
   */
  train(x, y, lr) {
    if (lr.length > this.#most) throw new RangeError(`${this.#most} steps at most`)
    const to = this.#arguments
    const { memory } = this.#wasm
    this.#integers(to.x, x)
    this.#integers(to.y, y)
    new Float64Array(memory.buffer, to.lr, lr.length).set(lr)
    const updates = this.#wasm.run(
      ...[this.#blocks, this.#net.layers.length, this.#places[0].at, CHARACTERS.length],
      ...[EMBEDDING, CONTEXT, this.#batch, lr.length, to.x, to.y, to.lr, to.losses],
    )
    this.#view()
    return new Float32Array(memory.buffer, to.losses, Math.min(updates + 1, lr.length)).slice()
  }

  /** Write whole numbers of 64 bits. @param {number} at @param {Uint8Array} numbers */
  #integers(at, numbers) {
    const low = new Int32Array(this.#wasm.memory.buffer, at, 2 * numbers.length)
    for (let i = 0; i < numbers.length; i++) low[2 * i] = numbers[i]
  }
}
