/** One run: a net, its minibatches, and what is noted of it; as `makemore3.training`. */

import { CHARACTERS, CONTEXT } from "./data.js"
import { describeWeights, inspect, softmax, updateRatios } from "./diagnostics.js"
import { Engine, ROWS, STEPS } from "./engine.js"
import { build, parameterCount, weightsOf } from "./net.js"
import { Twister } from "./random.js"

/** @import {Settings} from "./controls.js" */
/** @import {Distinct, Names} from "./data.js" */

export const WHOLE_RUN = 200_000

/** As many steps as the lecture's short runs: it cuts them after step 1,000. */
export const SHORT_RUN = 1001

export class Run {
  steps = 0
  diverged = false
  /** @type {{step: number, ratios: number[]}[]} */
  updates = []
  #examples
  #random
  #engine
  #drawn = new Uint32Array() // places of examples whose step was looked at, and not yet taken

  /** @param {WebAssembly.Module} module @param {Names} names @param {Settings} settings */
  constructor(module, names, settings) {
    this.settings = settings
    this.#examples = names.train
    this.#random = new Twister(settings.seed)
    this.net = build(settings, this.#random)
    this.parameters = parameterCount(this.net)
    this.#engine = new Engine(module, this.net, settings.batch)
  }

  /** The next minibatches, in the notebook's order of random numbers. @param {number} steps */
  #draw(steps) {
    const { x, y, size } = this.#examples
    const count = steps * this.settings.batch
    const more = this.#random.randint(size, count - this.#drawn.length)
    const places = this.#drawn.length ? Uint32Array.of(...this.#drawn, ...more) : more
    const drawn = { places, x: new Uint8Array(CONTEXT * count), y: new Uint8Array(count) }
    for (let i = 0; i < count; i++) {
      const from = CONTEXT * places[i]
      for (let t = 0; t < CONTEXT; t++) drawn.x[CONTEXT * i + t] = x[from + t]
      drawn.y[i] = y[places[i]]
    }
    this.#drawn = new Uint32Array()
    return drawn
  }

  /** Steps with one learning rate: late ones have a tenth, as in the notebook. @param {number} steps */
  #train(steps) {
    const { deep, lr } = this.settings
    const { x, y } = this.#draw(steps)
    const late = this.steps >= (deep ? 150_000 : 100_000)
    const losses = this.#engine.train(x, y, late ? lr / 10 : lr)
    this.diverged = !Number.isFinite(losses.at(-1))
    this.steps += this.diverged ? losses.length - 1 : steps
    return losses
  }

  /** Take up to `count` steps; the update ratios of some are noted. @param {number} count */
  advance(count) {
    const losses = []
    const end = this.steps + count
    while (this.steps < end && !this.diverged) {
      const step = this.steps
      const every = step < 1000 ? 10 : step < 10_000 ? 100 : 1000
      const past = step % every
      const weights = () => weightsOf(this.net).map(([, weight]) => weight)
      const before = past ? null : weights().map((weight) => weight.slice())
      losses.push(...this.#train(before ? 1 : Math.min(STEPS, every - past, end - step)))
      if (before && !this.diverged) {
        this.updates.push({ step, ratios: updateRatios(before, weights()) })
      }
    }
    return losses
  }

  /** Describe the net with the minibatch of its next step, which is not yet taken. */
  look() {
    const { places, x, y } = this.#draw(1)
    this.#drawn = places
    const threshold = this.settings.deep ? 0.97 : 0.99 // of tanh, as the lecture counts
    return inspect(this.net, this.#engine.look(x, y), y.length, threshold)
  }

  /** Take a step and describe it: activations and gradients before its update, weights after it. */
  lookAndStep() {
    const view = this.look()
    const losses = this.advance(1)
    return { losses, view: { ...view, weight: describeWeights(this.net) } }
  }

  /**
   * Pass the different contexts of a split through the net, with running statistics.
   * @param {Distinct} split
   * @returns {Generator<{seen: import("./engine.js").Seen, follows: Uint32Array[]}>}
   */
  *#passes({ contexts, follows }) {
    for (let start = 0; start < follows.length; start += ROWS) {
      const part = contexts.subarray(CONTEXT * start, CONTEXT * (start + ROWS))
      yield { seen: this.#engine.look(part), follows: follows.slice(start, start + ROWS) }
    }
  }

  /** The mean loss over all examples of a split. @param {Distinct} split */
  loss(split) {
    const vocab = CHARACTERS.length
    let loss = 0
    for (const { seen, follows } of this.#passes(split)) {
      const logits = seen.forwards.at(-1)?.out ?? new Float32Array()
      follows.forEach((follow, i) => {
        const probs = softmax(logits.subarray(vocab * i, vocab * (i + 1)))
        follow.forEach((n, j) => loss -= n && n * Math.log(probs[j]))
      })
    }
    return loss / split.size
  }

  /**
   * The same, with the split's own statistics in the place of the running ones; of `mlp` alone.
   * What the norm makes with the running ones says how far off they are.
   * @param {Distinct} split
   */
  lossByOwnStatistics(split) {
    const units = this.settings.hidden
    const [sums, squares] = [new Float64Array(units), new Float64Array(units)]
    for (const { seen, follows } of this.#passes(split)) {
      const count = follows.map((follow) => follow.reduce((a, b) => a + b))
      seen.forwards[0].pre.forEach((v, i) => {
        sums[i % units] += count[Math.trunc(i / units)] * v
        squares[i % units] += count[Math.trunc(i / units)] * v * v
      })
    }
    const { norm } = this.net.layers[0]
    if (!norm) throw new Error("the net has no norm")
    const { mean, variance, gamma, beta, eps } = norm
    const kept = [mean.slice(), variance.slice()]
    for (let j = 0; j < units; j++) {
      const scale = gamma[j] / Math.sqrt(variance[j] + eps)
      const off = sums[j] / split.size
      mean[j] += (off - beta[j]) / scale
      variance[j] = (squares[j] - split.size * off * off) / (split.size - 1) / scale ** 2
    }
    const loss = this.loss(split)
    norm.mean.set(kept[0])
    norm.variance.set(kept[1])
    return loss
  }

  /** As `sample_names`. @param {Twister} random @param {number} count @param {number} most letters */
  sample(random, count, most) {
    return Array.from({ length: count }, () => {
      let context = [0, 0, 0]
      let name = ""
      while (name.length < most) {
        const logits = this.#engine.look(Uint8Array.from(context)).forwards.at(-1)?.out ?? []
        const next = random.multinomial(softmax(logits).map(Math.fround))
        if (next === 0) break
        context = [...context.slice(1), next]
        name += CHARACTERS[next]
      }
      return name
    })
  }
}
