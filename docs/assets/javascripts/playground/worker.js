/** Trains beside the page, and tells it at intervals how things are. */

import { dataset, distinct, parse, sha256, unfold } from "./data.js"
import { sampleNames, splitLoss } from "./diagnostics.js"
import { Twister } from "./random.js"
import { Run, WHOLE_RUN } from "./run.js"

/** @import {Names, Settings} from "./types.js" */

const ASSETS = new URL("../../playground/", import.meta.url)
const FRAME = 70 // milliseconds from one report to the next
const FRAME_OF_LONG_RUNS = 250
const TRAINING = 9 // times as long as looking

/** @type {WebAssembly.Module} */
let module
/** @type {any} */
let lecture
/** @type {Names} */
let names
/** @type {{train: any, dev: any}} */
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

/** @param {BufferSource} bytes */
async function use(bytes) {
  const fromLecture = await sha256(bytes) === lecture.names.sha256
  names = dataset(parse(new TextDecoder().decode(bytes)), fromLecture)
  splits = { train: distinct(names.train), dev: distinct(names.dev) }
  return { count: names.count, fromLecture, examples: names.train.size }
}

const commands = {
  async open() {
    const [facts, engine, corpus] = await Promise.all(
      ["lecture.json", "engine.wasm", "names.front.txt"].map(fetched),
    )
    lecture = await facts.json()
    module = await WebAssembly.compile(await engine.arrayBuffer())
    return { lecture, names: await use(new TextEncoder().encode(unfold(await corpus.text()))) }
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
    return report(run.look(), new Float32Array(0), true)
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
  async train(how) {
    await commands.stop()
    stopping = false
    training = train(Math.min(how.until, WHOLE_RUN), how.slowly)
    await training
  },
}

/** @param {number} until steps @param {boolean} slowly */
async function train(until, slowly) {
  const long = until - run.steps > 10_000 && !slowly
  let ends = false
  let looking = 0 // milliseconds that the last report took
  while (!stopping && run.steps < until && !run.diverged) {
    const start = performance.now()
    const frame = long && run.steps > 2000 ? FRAME_OF_LONG_RUNS : FRAME
    const interval = Math.max(frame, TRAINING * looking)
    /** @type {Float32Array[]} */
    const losses = []
    while (!slowly && performance.now() - start < interval && !stopping) {
      const left = until - run.steps - 1 // the last step is looked at
      if (left <= 0 || run.diverged) break
      losses.push(run.advance(Math.min(left, run.steps < 1000 ? 10 : 250)))
      await nextTask()
    }
    if (run.diverged) {
      postMessage({ frame: report(null, joined(losses), true) })
      return
    }
    const trained = performance.now()
    const { losses: last, view } = run.lookAndStep()
    ends = stopping || run.steps >= until || run.diverged
    postMessage({ frame: report(view, joined([...losses, last]), ends) })
    looking = performance.now() - trained
    await nextTask(slowly ? FRAME : 0)
  }
  if (!ends) postMessage({ frame: report(run.look(), new Float32Array(0), true) })
}

/**
 * @param {import("./run.js").View | null} view
 * @param {Float32Array} losses since the last report
 * @param {boolean} ends whether the net rests now, so that there is time for its losses
 */
function report(view, losses, ends) {
  const sampled = new Twister(lecture.sampling_seed)
  const evaluated = ends && run.steps > 0 && !run.diverged
  return {
    steps: run.steps,
    parameters: run.parameters,
    diverged: run.diverged,
    view,
    losses,
    ends,
    updates: run.updates.splice(0),
    sampled: run.diverged ? [] : sampleNames(run.net, sampled, evaluated ? 20 : 10, 30),
    evaluation: evaluated ? evaluate() : null,
  }
}

/** @typedef {ReturnType<typeof report>} Frame */

function evaluate() {
  const { deep, norm } = run.settings
  /** @param {boolean} own */
  const both = (own) => ({
    train: splitLoss(run.net, splits.train, own),
    dev: splitLoss(run.net, splits.dev, own),
  })
  return { ...both(false), own: norm && !deep ? both(true) : null }
}

/** @param {Float32Array[]} parts */
function joined(parts) {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

const channel = new MessageChannel()
/** @type {(() => void) | null} */
let resume = null
channel.port1.onmessage = () => resume?.()

/** Let messages in; without a wait this is quicker than a timer. @param {number} wait */
function nextTask(wait = 0) {
  return /** @type {Promise<void>} */ (new Promise((resolve) => {
    if (wait) {
      setTimeout(resolve, wait)
    } else {
      resume = resolve
      channel.port2.postMessage(null)
    }
  }))
}

addEventListener("message", async ({ data: { id, command, argument } }) => {
  try {
    const answer = await /** @type {any} */ (commands)[command](argument)
    postMessage({ id, answer })
  } catch (error) {
    postMessage({ id, error: /** @type {Error} */ (error).message })
  }
})
