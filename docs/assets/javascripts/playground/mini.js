/** Small instances in the chapters: one control and one figure, in the place of the page's own. */

import { controls, stages } from "./controls.js"
import { softmax, spread } from "./diagnostics.js"
import { connect, element, latest, slider, style, tellSlider } from "./dom.js"
import { COLOURS, plot, short } from "./plots.js"
import { Twister } from "./random.js"
import { SHORT_RUN } from "./run.js"
import { keep, nothing, VIEWS } from "./views.js"

/** @import {Settings} from "./controls.js" */
/** @import {Shown, ViewName} from "./views.js" */
/** @import {Frame} from "./worker.js" */

/**
 * @typedef {object} Mini
 * @property {string} label of the slider
 * @property {[number, string][]} values each as a reader sees it
 * @property {number} first value
 * @property {(value: number) => Shown[] | AsyncIterable<Shown>} show once, or again and again
 */

/** @type {Record<string, () => Promise<Mini> | Mini>} */
const MINIS = {
  logits,
  five,
  w1: () => net("softmax-fixed", "w1", ["into", "outOf"], 0.01),
  gain: () => net("six-layers", "gain", ["outOf"], 0.5),
  "learning-rate": () => net("six-layers", "lr", ["updates"], 0.001, SHORT_RUN),
}

/**
 * Replace the figure before the host by a live one, and the button by a slider.
 * @param {HTMLElement} host @param {HTMLElement} button
 */
export async function open(host, button) {
  const name = host.dataset.play ?? ""
  if (!(name in MINIS)) throw new Error(`there is no instance "${name}"`)
  const [{ label, values, first, show }] = await Promise.all([MINIS[name](), style()])
  const live = element(`<div class="lit-live"><div></div><p class="lit-says"></p></div>`)
  const figure = host.previousElementSibling
  if (!figure?.matches(".lit-figure")) throw new Error("no figure stands before it")
  figure.classList.add("lit-figure--live")
  figure.prepend(live)
  const control = element(slider(name, label, values, first))
  const input = /** @type {HTMLInputElement} */ (control.querySelector("input"))
  button.replaceWith(control)
  input.focus()
  const update = latest(async () => {
    const place = input.value
    for await (const { drawing, says } of show(values[Number(place)][0])) {
      live.children[0].innerHTML = drawing
      live.children[1].textContent = says
      if (input.value !== place) break
    }
  })
  input.oninput = () => {
    tellSlider(input, values[Number(input.value)][1])
    update()
  }
  update()
}

/**
 * A net of the lecture and one of its settings, shown before the first step, or while it trains.
 * @param {string} stage @param {keyof Settings} key @param {ViewName[]} views
 * @param {number} least value @param {number} [until] steps
 * @returns {Promise<Mini>}
 */
async function net(stage, key, views, least, until = 0) {
  const send = connect()
  await send("open")
  const { label, values } = controls[key]
  const { settings } = stages[stage]
  return {
    label,
    values: values.filter(([value]) => value >= least && value <= 3),
    first: /** @type {number} */ (settings[key]),
    async *show(value) {
      const b1 = key === "w1" && value < 1 ? 0.01 : settings.b1
      const run = nothing()
      /** @type {Frame} */
      let frame = await send("make", { ...settings, b1, [key]: value })
      while (true) {
        keep(run, frame)
        const { view, steps, diverged, evaluation } = frame
        const state = { run, last: nothing(), view, log: false, layer: 0 }
        const shown = views.flatMap((each) => VIEWS[each][1](state) ?? [])
        const end = diverged ? " The loss is no longer a number." : ""
        const dev = evaluation ? ` Dev loss ${evaluation.dev.toFixed(2)}.` : ""
        yield {
          drawing: shown.map(({ drawing }) => drawing).join(""),
          says: shown.map(({ says }) => says).join(" ") + end + dev,
        }
        if (steps >= until || diverged) return
        frame = await send("train", { until, slowly: false })
      }
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
  const scales = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100]
  return {
    label: "Scale of the logits",
    values: scales.map((scale) => [scale, `${scale}`]),
    first: 1,
    show(scale) {
      const [loss, favourite] = at(scale)
      const x = { from: 0.01, to: 100, label: "scale of the logits", log: true }
      return [{
        drawing: plot(x, { from: 2, to: 300, log: true }, [
          ["dotted", [[0.01, Math.log(27)], [100, Math.log(27)]], COLOURS.rule],
          ["line", scales.map((each) => [each, at(each)[0]]), COLOURS.main],
          ["dots", [[scale, loss]], COLOURS.other],
        ]),
        says: `Scale ${scale}: mean loss ${loss.toFixed(2)}; the favourite gets a probability of ` +
          `${favourite.toFixed(2)}.`,
      }]
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
    values: Array.from({ length: 21 }, (_, i) => [i - 10, `${i - 10}`]),
    first: 5,
    show(last) {
      const batch = [1, 2, 3, 4, last]
      const { mean, std } = spread(batch)
      const out = batch.map((x) => (x - mean) / std)
      return [{
        drawing: dots("number in the batch", 10, batch, COLOURS.main) +
          dots("the same, standardised", 2, out, COLOURS.other),
        says: `In: ${batch.map(short).join(", ")}. Out: ${out.map(short).join(", ")}.`,
      }]
    },
  }
}
