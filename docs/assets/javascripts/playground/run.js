/** One run: a net, its minibatches, and what is noted of it; as `makemore3.training`. */

import { CONTEXT } from "./data.js"
import { describeWeights, inspect, updateRatios, weightsOf } from "./diagnostics.js"
import { Engine } from "./engine.js"
import { build, parameterCount } from "./net.js"
import { Twister } from "./random.js"

/** @import {Names, Settings} from "./types.js" */
/** @import {Inspection} from "./diagnostics.js" */

/** Steps that one call of the trainer may take. */
export const CHUNK = 500
export const WHOLE_RUN = 200_000

/** From this step on the rate is a tenth, as in the lecture's notebook. @param {Settings} settings */
export const decayStep = (settings) => settings.deep ? 150_000 : 100_000

/** The share of tanh beyond this counts as saturated. @param {Settings} settings */
export const threshold = (settings) => settings.deep ? 0.97 : 0.99

export class Run {
  steps = 0
  diverged = false
  /** @type {{step: number, ratios: number[]}[]} */
  updates = []
  #names
  #random
  #engine
  /** @type {{x: Uint8Array, y: Uint8Array} | null} the next minibatch, where it is drawn already */
  #next = null

  /** @param {WebAssembly.Module} module @param {Names} names @param {Settings} settings */
  constructor(module, names, settings) {
    this.settings = settings
    this.#names = names
    this.#random = new Twister(settings.seed)
    this.net = build(settings, this.#random)
    this.parameters = parameterCount(this.net)
    this.#engine = new Engine(module, this.net, settings.batch, CHUNK)
  }

  /** Minibatches in the notebook's order of random numbers. @param {number} count */
  #draw(count) {
    const { x, y, size } = this.#names.train
    const { batch } = this.settings
    const drawn = { x: new Uint8Array(count * batch * CONTEXT), y: new Uint8Array(count * batch) }
    const waiting = this.#next
    if (waiting) {
      drawn.x.set(waiting.x)
      drawn.y.set(waiting.y)
      this.#next = null
    }
    const first = waiting ? batch : 0
    const examples = this.#random.randint(size, count * batch - first)
    for (let i = 0, to = first; i < examples.length; i++, to++) {
      for (let t = 0; t < CONTEXT; t++) drawn.x[CONTEXT * to + t] = x[CONTEXT * examples[i] + t]
      drawn.y[to] = y[examples[i]]
    }
    return drawn
  }

  /** @param {number} step */
  #lrAt(step) {
    return step < decayStep(this.settings) ? this.settings.lr : this.settings.lr / 10
  }

  /** @param {{x: Uint8Array, y: Uint8Array}} drawn @param {number} count */
  #train(drawn, count) {
    const lr = Array.from({ length: count }, (_, i) => this.#lrAt(this.steps + i))
    const losses = this.#engine.train(drawn.x, drawn.y, lr)
    this.diverged = !Number.isFinite(losses[losses.length - 1])
    this.steps += this.diverged ? losses.length - 1 : count
    return losses
  }

  /** Take up to `count` steps; the update ratios of some are noted. @param {number} count */
  advance(count) {
    const losses = []
    const end = this.steps + count
    while (this.steps < end && !this.diverged) {
      const noted = this.steps % spacing(this.steps) === 0
      const next = Math.ceil((this.steps + 1) / spacing(this.steps)) * spacing(this.steps)
      const steps = noted ? 1 : Math.min(CHUNK, next - this.steps, end - this.steps)
      const drawn = this.#draw(steps)
      losses.push(...(noted ? this.#noting(drawn) : this.#train(drawn, steps)))
    }
    return Float32Array.from(losses)
  }

  /** One step whose update is compared with the weights. @param {{x: Uint8Array, y: Uint8Array}} drawn */
  #noting(drawn) {
    const before = weightsOf(this.net).map(([, weight]) => weight.slice())
    const step = this.steps
    const losses = this.#train(drawn, 1)
    const after = weightsOf(this.net).map(([, weight]) => weight)
    if (!this.diverged) this.updates.push({ step, ratios: updateRatios(before, after) })
    return losses
  }

  /** Describe the net with the minibatch of its next step, which is not yet taken. */
  look() {
    this.#next ??= this.#draw(1)
    const { x, y } = this.#next
    return {
      ...inspect(this.net, x, y, threshold(this.settings)),
      weight: describeWeights(this.net),
    }
  }

  /**
   * Take a step and describe it: activations and gradients before its update, weights after it.
   * @returns {{losses: Float32Array, view: View}}
   */
  lookAndStep() {
    const view = this.look()
    const losses = this.advance(1)
    return { losses, view: { ...view, weight: describeWeights(this.net) } }
  }
}

/** @typedef {Inspection & {weight: import("./types.js").Report[]}} View */

/** How far apart the steps lie whose update ratios are noted. @param {number} step */
const spacing = (step) => step < 1000 ? 10 : step < 10_000 ? 100 : 1000
