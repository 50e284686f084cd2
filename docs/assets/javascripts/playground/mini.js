/** Small instances in the chapters: one control and one figure, in the place of the page's own. */

import { preset } from "./controls.js"
import { spread } from "./diagnostics.js"
import { connect, h, slider, style } from "./dom.js"
import { softmax } from "./passes.js"
import { COLOURS, densities, plot, short } from "./plots.js"
import { Twister } from "./random.js"
import { SHORT_RUN } from "./published.js"
import * as views from "./views.js"

/** @import {Settings} from "./types.js" */
/** @import {Frame} from "./worker.js" */
/** @import {Points} from "./plots.js" */
/** @import {Shown} from "./views.js" */

/**
 * @typedef {object} Mini
 * @property {string} label of the slider
 * @property {number[]} values
 * @property {number} first value
 * @property {(value: number, draw: (shown: Shown) => void) => Promise<void> | void} show draws once,
 *     or again and again
 * @property {() => void} [interrupt] lets what is being shown end early
 */

/** @type {Record<string, () => Promise<Mini> | Mini>} */
const MINIS = { logits, "w1": firstWeight, gain, five, "learning-rate": learningRate }

/**
 * Replace the figure before the host by a live one, and the button by a slider.
 * @param {HTMLElement} host @param {HTMLElement} button
 */
export async function open(host, button) {
  const name = host.dataset.play ?? ""
  if (!(name in MINIS)) throw new Error(`there is no instance "${name}"`)
  const [mini] = await Promise.all([MINIS[name](), style()])
  const drawing = h("div", {})
  const says = h("p", { className: "lit-says" })
  const live = h("div", { className: "lit-live" }, drawing, says)
  const figure = host.previousElementSibling
  if (figure?.matches(".lit-figure")) {
    figure.classList.add("lit-figure--live")
    figure.prepend(live)
  } else host.append(live)
  let wanted = mini.first
  let busy = false
  /** @param {Shown} shown */
  function draw(shown) {
    drawing.innerHTML = shown.drawing
    says.textContent = shown.says
  }
  /** Only the latest value is worth showing. @param {number} value */
  async function show(value) {
    wanted = value
    if (busy) return mini.interrupt?.()
    busy = true
    let shown
    do {
      shown = wanted
      await mini.show(shown, draw)
    } while (shown !== wanted)
    busy = false
  }
  const control = slider(mini.label, mini.values, mini.first, written, show)
  button.replaceWith(control.element)
  control.input.focus()
  await show(mini.first)
}

/** @param {number} value */
const written = (value) => value === 5 / 3 ? "5/3" : String(value)

/** The mean loss of random logits, and where on the curve a scale stands. @returns {Mini} */
function logits() {
  const classes = 27
  const rows = 300
  const normal = new Twister(1).randn(classes * rows)
  /** @param {number} scale */
  function at(scale) {
    let [loss, favourite] = [0, 0]
    for (let i = 0; i < rows; i++) {
      const row = normal.subarray(i * classes, (i + 1) * classes)
      const probs = softmax(Float64Array.from(row, (z) => scale * z))
      // Any class may be the right one: the mean over all of them.
      const top = Math.max(...row)
      loss += scale * (top - spread(row).mean) - Math.log(Math.max(...probs))
      favourite += Math.max(...probs)
    }
    return { loss: loss / rows, favourite: favourite / rows }
  }
  const values = [-2, -1, 0, 1].flatMap((e) => [1, 2, 5].map((m) => Number(`${m}e${e}`)))
  values.push(100)
  /** @type {Points} */
  const curve = values.map((scale) => [scale, at(scale).loss])
  return {
    label: "Scale of the logits",
    values,
    first: 1,
    show(scale, draw) {
      const { loss, favourite } = at(scale)
      draw({
        drawing: plot(
          { from: 0.01, to: 100, label: "scale of the logits", log: true },
          { from: 2, to: 300, label: "", log: true },
          [
            { kind: "rule", points: [[0, Math.log(classes)]], colour: COLOURS.rule, dotted: true },
            { kind: "line", points: curve, colour: COLOURS.main },
            { kind: "dots", points: [[scale, loss]], colour: COLOURS.other },
          ],
        ),
        says: `Scale ${scale}: mean loss ${loss.toFixed(2)}; the favourite gets a probability of ` +
          `${favourite.toFixed(2)}.`,
      })
    },
  }
}

/** A worker, opened, and how to ask it for the first batch of a net. */
async function nets() {
  /** @type {(frame: Frame) => void} */
  let onFrame = () => {}
  const send = connect((frame) => onFrame(frame))
  const { lecture } = await send("open")
  return {
    /** @param {string} stage @param {Partial<Settings>} change @returns {Promise<Frame>} */
    make: (stage, change) => send("make", { ...preset(lecture, stage), ...change }),
    /** @param {(frame: Frame) => void} listener */
    async train(listener) {
      onFrame = listener
      await send("train", { until: SHORT_RUN, slowly: false })
    },
    stop: () => void send("stop"),
  }
}

/** @returns {Promise<Mini>} */
async function firstWeight() {
  const { make } = await nets()
  return {
    label: "Scale of W1",
    values: [0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 1, 2, 3],
    first: 1,
    async show(w1, draw) {
      const { view } = await make("softmax-fixed", { w1, b1: w1 < 1 ? 0.01 : 1 })
      if (!view) throw new Error("the net has no first batch")
      const [{ share, white }] = view.saturation
      draw({
        drawing: densities(view.pre, "pre-activation") + densities(view.out, "tanh output"),
        says: `Scale ${w1}: pre-activations with std ${short(view.pre[0].std)}; beyond ±0.99 ` +
          `${(100 * share).toFixed(1)} % of the outputs, and ${white} units in all 32 examples.`,
      })
    },
  }
}

/** @returns {Promise<Mini>} */
async function gain() {
  const { make } = await nets()
  return {
    label: "Gain",
    values: [0.5, 0.7, 1, 1.3, 5 / 3, 2, 2.5, 3],
    first: 5 / 3,
    async show(value, draw) {
      const { view } = await make("six-layers", { gain: value })
      if (!view) throw new Error("the net has no first batch")
      const list = (/** @type {(i: number) => string} */ of) =>
        view.out.map((_, i) => of(i)).join(", ")
      draw({
        drawing: densities(view.out, "tanh output, first layer blue, last orange"),
        says: `Std, layer by layer: ${list((i) => short(view.out[i].std))}. Beyond ±0.97, in %: ` +
          `${list((i) => (100 * view.saturation[i].share).toFixed(0))}.`,
      })
    },
  }
}

/** Five numbers, standardised together. @returns {Mini} */
function five() {
  const others = [1, 2, 3, 4]
  return {
    label: "Fifth number",
    values: Array.from({ length: 41 }, (_, i) => i - 20),
    first: 5,
    show(last, draw) {
      const batch = [...others, last]
      const { mean, std } = spread(batch)
      const out = batch.map((x) => (x - mean) / std)
      /** @param {number[]} numbers @returns {Points} */
      const points = (numbers) => numbers.map((v, i) => [i + 1, v])
      draw({
        drawing: plot(
          { from: 0.5, to: 5.5, label: "number in the batch", ticks: [1, 2, 3, 4, 5] },
          { from: -20, to: 20, label: "" },
          [{ kind: "dots", points: points(batch), colour: COLOURS.main }],
        ) + plot(
          { from: 0.5, to: 5.5, label: "the same, standardised", ticks: [1, 2, 3, 4, 5] },
          { from: -2, to: 2, label: "" },
          [{ kind: "dots", points: points(out), colour: COLOURS.other }],
        ),
        says: `In: ${batch.map(short).join(", ")}. Out: ${out.map(short).join(", ")}.`,
      })
    },
  }
}

/** @returns {Promise<Mini>} */
async function learningRate() {
  const { make, train, stop } = await nets()
  return {
    label: "Learning rate",
    interrupt: stop,
    values: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1],
    first: 0.1,
    async show(lr, draw) {
      let frame = await make("six-layers", { lr })
      /** @type {import("./views.js").Record} */
      const run = { settings: /** @type {any} */ (null), losses: [], updates: [] }
      const rest = { last: null, log: false, layer: 0 }
      await train((next) => {
        frame = { ...next, view: next.view ?? frame.view }
        run.losses.push(...next.losses)
        run.updates.push(...next.updates)
        if (!frame.view) return
        const { drawing, says } = views.updates({ ...rest, run, view: frame.view })
        const end = next.diverged
          ? " The loss is no longer a number."
          : next.evaluation
          ? ` Dev loss ${next.evaluation.dev.toFixed(2)}.`
          : ""
        draw({ drawing, says: says + end })
      })
    },
  }
}
