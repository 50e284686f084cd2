/** Trains beside the page, and tells it at intervals how things are. */

import { dataset, distinct, parse, sha256, unfold } from "./data.js"
import { Twister } from "./random.js"
import { Run, WHOLE_RUN } from "./run.js"

/** @import {Settings} from "./controls.js" */
/** @import {View} from "./diagnostics.js" */
/** @typedef {ReturnType<typeof report>} Frame */
/** @typedef {{count: number, fromLecture: boolean}} Corpus */

const ASSETS = new URL("../../playground/", import.meta.url)
const FRAME = 70 // milliseconds from one report to the next
const FRAME_OF_LONG_RUNS = 250
const TRAINING = 9 // times as long as looking

/** @type {WebAssembly.Module} */
let module
/** @type {any} */
let lecture
/** @type {import("./data.js").Names} */
let names
/** @type {{train: import("./data.js").Distinct, dev: import("./data.js").Distinct}} */
let splits
/** @type {Run} */
let run
/** @type {Promise<void> | null} */
let training = null
let stopping = false

/** @param {string} name */
async function fetched(name) {
  const response = await fetch(new URL(name, ASSETS))
  if (!response.ok) throw new Error(`${name}: the server answers ${response.status}`)
  return response
}

/** @param {BufferSource} bytes @returns {Promise<Corpus>} */
async function use(bytes) {
  const words = parse(new TextDecoder().decode(bytes))
  names = dataset(words)
  splits = { train: distinct(names.train), dev: distinct(names.dev) }
  return { count: words.length, fromLecture: await sha256(bytes) === lecture.names.sha256 }
}

const commands = {
  async open() {
    const [facts, engine, corpus] = await Promise.all(
      ["lecture.json", "engine.wasm", "names.front.txt"].map(fetched),
    )
    lecture = await facts.json()
    module = await WebAssembly.compile(await engine.arrayBuffer())
    return { lecture, corpus: await use(new TextEncoder().encode(unfold(await corpus.text()))) }
  },

  /** @param {ArrayBuffer} bytes */
  async names(bytes) {
    await commands.stop()
    return use(bytes)
  },

  /** A new run, and its net before the first step. @param {Settings} settings */
  async make(settings) {
    await commands.stop()
    run = new Run(module, names, settings)
    return report(run.look(), [], true)
  },

  /** @param {number} lr */
  rate(lr) {
    run.settings.lr = lr
  },

  async stop() {
    stopping = true
    await training
  },

  /** @param {{until: number, slowly: boolean}} how */
  async train({ until, slowly }) {
    await commands.stop()
    stopping = false
    training = train(Math.min(until, WHOLE_RUN), slowly)
    await training
  },
}

/** @param {number} until steps @param {boolean} slowly */
async function train(until, slowly) {
  const long = until - run.steps > 10_000
  let looking = 0 // milliseconds that the last report took
  let ends = run.steps >= until || run.diverged
  if (ends) postMessage({ frame: report(run.look(), [], true) })
  while (!ends) {
    const start = performance.now()
    const frame = long && run.steps > 2000 ? FRAME_OF_LONG_RUNS : FRAME
    const pause = start + (slowly ? 0 : Math.max(frame, TRAINING * looking))
    const losses = []
    while (performance.now() < pause && run.steps < until - 1 && !run.diverged) {
      losses.push(...run.advance(Math.min(until - 1 - run.steps, run.steps < 1000 ? 10 : 100)))
    }
    const trained = performance.now()
    const last = run.diverged ? { losses: [], view: null } : run.lookAndStep()
    ends = stopping || run.steps >= until || run.diverged
    postMessage({ frame: report(last.view, [...losses, ...last.losses], ends) })
    looking = performance.now() - trained
    // Messages come in between.
    await new Promise((resolve) => setTimeout(resolve, slowly ? FRAME : 0))
    if (stopping && !ends) {
      postMessage({ frame: report(null, [], true) })
      ends = true
    }
  }
}

/**
 * @param {View | null} view @param {number[]} losses since the last report
 * @param {boolean} ends whether the net rests now, so that there is time for its losses
 */
function report(view, losses, ends) {
  const evaluated = ends && run.steps > 0 && !run.diverged
  return {
    steps: run.steps,
    parameters: run.parameters,
    diverged: run.diverged,
    view,
    losses,
    ends,
    updates: run.updates.splice(0),
    sampled: run.diverged
      ? []
      : run.sample(new Twister(lecture.sampling_seed), evaluated ? 20 : 10, 30),
    evaluation: evaluated ? evaluate() : null,
  }
}

function evaluate() {
  const { deep, norm } = run.settings
  const { train, dev } = splits
  const both = (/** @type {(split: typeof dev) => number} */ of) => ({
    train: of(train),
    dev: of(dev),
  })
  const own = norm && !deep ? both((split) => run.lossByOwnStatistics(split)) : null
  return { ...both((split) => run.loss(split)), own }
}

addEventListener("message", async ({ data: { id, command, argument } }) => {
  try {
    const answer = await /** @type {any} */ (commands)[command](argument)
    postMessage({ id, answer })
  } catch (error) {
    postMessage({ id, error: /** @type {Error} */ (error).message })
  }
})
