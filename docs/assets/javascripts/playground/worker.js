/** Trains beside the page, which asks for one thing after the other, and gets one answer each. */

import lecture from "../../playground/lecture.json" with { type: "json" }
import { dataset, distinct, parse, sha256, unfold } from "./data.js"
import { Twister } from "./random.js"
import { Run } from "./run.js"

/** @import {Settings} from "./controls.js" */
/** @import {Distinct, Names} from "./data.js" */
/** @import {View} from "./diagnostics.js" */
/** @typedef {ReturnType<typeof report>} Frame */
/** @typedef {{count: number, fromLecture: boolean}} Corpus */

const ASSETS = new URL("../../playground/", import.meta.url)
const FRAME = 70 // milliseconds from one report to the next
const FRAME_OF_LONG_RUNS = 250
const TRAINING = 9 // times as long as looking

/** @type {WebAssembly.Module} */
let module
/** @type {Names} */
let names
/** @type {Record<keyof Names, Distinct>} */
let splits
/** @type {Run} */
let run
/** @type {View} */
let view
let looking = 0 // milliseconds that the last report took

/** @param {string} name */
async function fetched(name) {
  const response = await fetch(new URL(name, ASSETS))
  if (!response.ok) throw new Error(`${name}: the server answers ${response.status}`)
  return response
}

const commands = {
  async open() {
    const [engine, corpus] = await Promise.all(["engine.wasm", "names.front.txt"].map(fetched))
    module = await WebAssembly.compile(await engine.arrayBuffer())
    return commands.names(new TextEncoder().encode(unfold(await corpus.text())))
  },

  /** @param {BufferSource} bytes @returns {Promise<Corpus>} */
  async names(bytes) {
    const words = parse(new TextDecoder().decode(bytes))
    names = dataset(words)
    splits = { train: distinct(names.train), dev: distinct(names.dev) }
    return { count: words.length, fromLecture: await sha256(bytes) === lecture.names.sha256 }
  },

  /** A new run, and its net before the first step. @param {Settings} settings */
  make(settings) {
    run = new Run(module, names, settings)
    looking = 0
    return commands.rest()
  },

  /** The net as it is now. */
  rest() {
    view = run.look()
    return report([], true)
  },

  /** @param {number} lr */
  rate(lr) {
    run.settings.lr = lr
  },

  /** Train until it is time for a report. @param {{until: number, slowly: boolean}} how */
  async train({ until, slowly }) {
    const start = performance.now()
    if (slowly) await new Promise((resolve) => setTimeout(resolve, FRAME))
    const frame = run.steps > 2000 && until - run.steps > 10_000 ? FRAME_OF_LONG_RUNS : FRAME
    const pause = slowly ? start : start + Math.max(frame, TRAINING * looking)
    const losses = []
    while (performance.now() < pause && run.steps < until - 1 && !run.diverged) {
      losses.push(...run.advance(Math.min(until - 1 - run.steps, run.steps < 1000 ? 10 : 100)))
    }
    const trained = performance.now()
    if (!run.diverged) {
      const last = run.lookAndStep()
      view = last.view
      losses.push(...last.losses)
    }
    const made = report(losses, run.steps >= until || run.diverged)
    looking = performance.now() - trained
    return made
  },
}

/**
 * @param {number[]} losses since the last report
 * @param {boolean} ends whether the net rests now, so that there is time for its losses
 */
function report(losses, ends) {
  const { steps, parameters, diverged, settings: { norm, deep } } = run
  const evaluated = ends && steps > 0 && !diverged
  const both = (/** @type {(split: Distinct) => number} */ of) => ({
    train: of(splits.train),
    dev: of(splits.dev),
  })
  return {
    ...{ steps, parameters, diverged, view, losses, ends },
    updates: run.updates.splice(0),
    sampled: diverged
      ? []
      : run.sample(new Twister(lecture.sampling_seed), evaluated ? 20 : 10, 30),
    evaluation: evaluated ? both((split) => run.loss(split)) : null,
    own: evaluated && norm && !deep ? both((split) => run.lossByOwnStatistics(split)) : null,
  }
}

addEventListener("message", async ({ data: { command, argument } }) => {
  try {
    postMessage({ answer: await /** @type {any} */ (commands)[command](argument) })
  } catch (error) {
    postMessage({ error: /** @type {Error} */ (error).message })
  }
})
