/** Small instances in the chapters: one control and one figure, in the place of the page's own. */

import { CONTROLS, preset, shown as written } from "./controls.js"
import { softmax, spread } from "./diagnostics.js"
import { connect, element, slider, style, tellSlider } from "./dom.js"
import { COLOURS, plot, short } from "./plots.js"
import { Twister } from "./random.js"
import { SHORT_RUN } from "./run.js"
import { activations, nothing, preActivations, updates } from "./views.js"

/** @import {Settings} from "./controls.js" */
/** @import {Shown, State} from "./views.js" */

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
const MINIS = {
  logits,
  five,
  w1: () => net("softmax-fixed", "w1", [preActivations, activations], 0.01),
  gain: () => net("six-layers", "gain", [activations], 0.5),
  "learning-rate": () => net("six-layers", "lr", [updates], 0.001, SHORT_RUN),
}

/**
 * Replace the figure before the host by a live one, and the button by a slider.
 * @param {HTMLElement} host @param {HTMLElement} button
 */
export async function open(host, button) {
  const name = host.dataset.play ?? ""
  if (!(name in MINIS)) throw new Error(`there is no instance "${name}"`)
  const [{ label, values, first, show, interrupt }] = await Promise.all([MINIS[name](), style()])
  const live = element(`<div class="lit-live"><div></div><p class="lit-says"></p></div>`)
  const figure = host.previousElementSibling
  if (!figure?.matches(".lit-figure")) throw new Error("no figure stands before it")
  figure.classList.add("lit-figure--live")
  figure.prepend(live)
  const control = element(slider(name, label, values, first, written(name, first)))
  const input = /** @type {HTMLInputElement} */ (control.querySelector("input"))
  button.replaceWith(control)
  input.focus()
  const wanted = () => values[Number(input.value)]
  let busy = false
  /** Only the latest value is worth showing. */
  input.oninput = async () => {
    tellSlider(input, written(name, wanted()))
    if (busy) return interrupt?.()
    busy = true
    for (let value; value !== wanted();) {
      value = wanted()
      await show(value, ({ drawing, says }) => {
        live.children[0].innerHTML = drawing
        live.children[1].textContent = says
      })
    }
    busy = false
  }
  input.dispatchEvent(new Event("input"))
}

/**
 * A net of the lecture and one of its settings, shown before the first step, or while it trains.
 * @param {string} stage @param {keyof Settings} key @param {((state: State) => Shown | null)[]} views
 * @param {number} least value @param {number} [until] steps
 * @returns {Promise<Mini>}
 */
async function net(stage, key, views, least, until = 0) {
  /** @type {(frame: import("./worker.js").Frame) => void} */
  let show = () => {}
  const send = connect((frame) => show(frame))
  const { lecture } = await send("open")
  const [, label, , values = []] = CONTROLS.find(([each]) => each === key) ?? CONTROLS[0]
  const settings = preset(lecture, stage)
  return {
    label,
    values: values.filter((value) => value >= least && value <= 3),
    first: /** @type {number} */ (settings[key]),
    interrupt: () => send("stop"),
    async show(value, draw) {
      const b1 = key === "w1" && value < 1 ? 0.01 : settings.b1
      const made = await send("make", { ...settings, b1, [key]: value })
      const run = nothing()
      show = ({ view, losses, updates, diverged, evaluation }) => {
        run.losses.push(...losses)
        run.updates.push(...updates)
        const state = { run, last: nothing(), view: view ?? made.view, log: false, layer: 0 }
        const shown = views.flatMap((of) => of(state) ?? [])
        const end = diverged ? " The loss is no longer a number." : ""
        const dev = evaluation ? ` Dev loss ${evaluation.dev.toFixed(2)}.` : ""
        draw({
          drawing: shown.map(({ drawing }) => drawing).join(""),
          says: shown.map(({ says }) => says).join(" ") + end + dev,
        })
      }
      show(made)
      if (until) await send("train", { until, slowly: false })
    },
  }
}

/** The mean loss of random logits, and where on the curve a scale stands. @returns {Mini} */
function logits() {
  const normal = new Twister(1).randn(27 * 300)
  const examples = Array.from({ length: 300 }, (_, i) => normal.subarray(27 * i, 27 * (i + 1)))
  /** Any class may be the right one: the loss is the mean over all. @param {number} scale */
  const at = (scale) => {
    const probs = examples.map((row) => softmax(row.map((z) => scale * z)))
    const losses = probs.flatMap((row) => [...row].map((p) => -Math.log(p)))
    return [losses, probs.map((row) => Math.max(...row))].map((values) => spread(values).mean)
  }
  const values = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100]
  return {
    label: "Scale of the logits",
    values,
    first: 1,
    show(scale, draw) {
      const [loss, favourite] = at(scale)
      draw({
        drawing: plot(
          { from: 0.01, to: 100, label: "scale of the logits", log: true },
          { from: 2, to: 300, log: true },
          [
            ["dotted", [[0.01, Math.log(27)], [100, Math.log(27)]], COLOURS.rule],
            ["line", values.map((each) => [each, at(each)[0]]), COLOURS.main],
            ["dots", [[scale, loss]], COLOURS.other],
          ],
        ),
        says: `Scale ${scale}: mean loss ${loss.toFixed(2)}; the favourite gets a probability of ` +
          `${favourite.toFixed(2)}.`,
      })
    },
  }
}

/** Five numbers, standardised together. @returns {Mini} */
function five() {
  /** @param {string} label @param {number} size @param {number[]} numbers @param {string} colour */
  const dots = (label, size, numbers, colour) =>
    plot({ from: 0.5, to: 5.5, label, ticks: [1, 2, 3, 4, 5] }, { from: -size, to: size }, [
      ["dots", numbers.map((v, i) => [i + 1, v]), colour],
    ])
  return {
    label: "Fifth number",
    values: Array.from({ length: 21 }, (_, i) => i - 10),
    first: 5,
    show(last, draw) {
      const batch = [1, 2, 3, 4, last]
      const { mean, std } = spread(batch)
      const out = batch.map((x) => (x - mean) / std)
      draw({
        drawing: dots("number in the batch", 10, batch, COLOURS.main) +
          dots("the same, standardised", 2, out, COLOURS.other),
        says: `In: ${batch.map(short).join(", ")}. Out: ${out.map(short).join(", ")}.`,
      })
    },
  }
}
