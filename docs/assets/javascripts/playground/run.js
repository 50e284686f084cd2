/** One run: a net, its minibatches, and what is noted of it; as `makemore3.training`. */

import { after, CHARACTERS, VOCAB } from "./data.js"
import { describeWeights, inspect, softmax, updateRatios } from "./diagnostics.js"
import { engine, ROWS, STEPS } from "./engine.js"
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
  /** @type {ReturnType<Run["draw"]> | null} looked at, and not yet taken */
  #ahead = null

  /** @param {WebAssembly.Module} module @param {Names} names @param {Settings} settings */
  constructor(module, names, settings) {
    this.settings = settings
    this.#examples = names.train
    this.#random = new Twister(settings.seed)
    this.net = build(settings, this.#random)
    this.parameters = parameterCount(this.net)
    this.#engine = engine(module, this.net, settings.batch)
  }

  /** The next minibatches, in the notebook's order of random numbers. @param {number} steps */
  draw(steps) {
    const { x, y } = this.#examples
    const places = this.#random.randint(y.length, steps * this.settings.batch)
    return { x: places.map((place) => x[place]), y: places.map((place) => y[place]) }
  }

  /** Steps with one learning rate: late ones have a tenth of it. @param {number} steps */
  #train(steps) {
    const { deep, lr } = this.settings
    const { x, y } = this.#ahead ?? this.draw(steps)
    this.#ahead = null
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
      const before = past ? null : weightsOf(this.net).map(({ values }) => values.slice())
      losses.push(
        ...this.#train(before || this.#ahead ? 1 : Math.min(STEPS, every - past, end - step)),
      )
      if (before && !this.diverged) {
        this.updates.push({ step, ratios: updateRatios(before, weightsOf(this.net)) })
      }
    }
    return losses
  }

  /** Describe the net with the minibatch of its next step, which is not yet taken. */
  look() {
    const { x, y } = this.#ahead ??= this.draw(1)
    const threshold = this.settings.deep ? 0.97 : 0.99 // of tanh, as the lecture counts
    return inspect(this.net, this.#engine.look(x, y), y.length, threshold)
  }

  /** Take a step and describe it: activations and gradients before its update, weights after it. */
  lookAndStep() {
    const view = this.look()
    const losses = this.advance(1)
    return { losses, view: { ...view, weight: describeWeights(this.net) } }
  }

  /** Pass contexts through the net, with running statistics. @param {Distinct} split */
  *#passes({ contexts, follows }) {
    for (let start = 0; start < follows.length; start += ROWS) {
      const { forwards } = this.#engine.look(contexts.slice(start, start + ROWS))
      yield { forwards, follows: follows.slice(start, start + ROWS) }
    }
  }

  /** The mean loss over all examples of a split. @param {Distinct} split */
  loss(split) {
    let loss = 0
    for (const { forwards, follows } of this.#passes(split)) {
      follows.forEach((follow, i) => {
        const probs = softmax(forwards.at(-1)?.out.subarray(VOCAB * i, VOCAB * (i + 1)) ?? [])
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
    const [{ norm, fanOut }] = this.net.layers
    if (!norm) throw new Error("the net has no norm")
    const { mean, variance, gamma, beta, eps } = norm
    const [sums, squares] = [new Float64Array(fanOut), new Float64Array(fanOut)]
    for (const { forwards: [{ pre }], follows } of this.#passes(split)) {
      const counts = follows.map((follow) => follow.reduce((a, b) => a + b))
      pre.forEach((v, i) => {
        const count = counts[Math.trunc(i / fanOut)]
        sums[i % fanOut] += count * v
        squares[i % fanOut] += count * v * v
      })
    }
    const kept = [mean.slice(), variance.slice()]
    for (let j = 0; j < fanOut; j++) {
      const scale = gamma[j] / Math.sqrt(variance[j] + eps)
      const off = sums[j] / split.size
      mean[j] += (off - beta[j]) / scale
      variance[j] = (squares[j] - split.size * off * off) / (split.size - 1) / scale ** 2
    }
    const loss = this.loss(split)
    mean.set(kept[0])
    variance.set(kept[1])
    return loss
  }

  /** As `sample_names`. @param {Twister} random @param {number} names @param {number} letters */
  sample(random, names, letters) {
    return Array.from({ length: names }, () => {
      let name = ""
      for (let context = 0, next; name.length < letters; context = after(context, next)) {
        const logits = this.#engine.look([context]).forwards.at(-1)?.out ?? []
        next = random.multinomial(softmax(logits).map(Math.fround))
        if (next === 0) break
        name += CHARACTERS[next]
      }
      return name
    })
  }
}
