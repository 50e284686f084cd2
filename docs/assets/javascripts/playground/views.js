/** What the playground shows of a run: each view is a plot, and a sentence on what is seen. */

import { spread } from "./diagnostics.js"
import { colourOf, COLOURS, densities, number, percent, plot, short } from "./plots.js"

/** @import {Report, View} from "./diagnostics.js" */
/** @import {Axis, Mark, Points} from "./plots.js" */

/**
 * @typedef {{losses: number[], updates: {step: number, ratios: number[]}[]}} Kept of a run
 * @typedef {{run: Kept, last: Kept, view: View, log: boolean, layer: number}} State
 * @typedef {{drawing: string, says: string}} Shown null where the net has no such thing
 * @typedef {keyof typeof VIEWS} ViewName
 */

/** @returns {Kept} before the first step */
export const nothing = () => ({ losses: [], updates: [] })

/** @param {Kept} run @param {Kept} news which go behind it */
export function keep(run, { losses, updates }) {
  losses.forEach((loss) => run.losses.push(loss))
  run.updates.push(...updates)
}

/** Mean, lowest and highest of some losses. @param {number[]} losses */
const summary = (losses) => (
  { mean: spread(losses).mean, low: Math.min(...losses), high: Math.max(...losses) }
)

/** The same of blocks of losses, with the step in their middle. @param {number[]} losses */
function blocks(losses) {
  const size = Math.max(1, Math.ceil(losses.length / 170))
  return Array.from({ length: Math.ceil(losses.length / size) }, (_, i) => {
    const block = losses.slice(i * size, (i + 1) * size)
    return { step: i * size + (block.length - 1) / 2, ...summary(block) }
  })
}

/** The first and the last of a long list. @param {string[]} said */
const some = (said) => (said.length > 8 ? said.toSpliced(3, said.length - 5, "…") : said).join(", ")

/** The steps of this run and the last. @param {State} state @returns {Axis} */
const steps = ({ run, last }) => ({
  from: 0,
  to: Math.max(run.losses.length, last.losses.length, 20),
  label: "step",
})

/** A dotted line at a height. @param {Axis} x @param {number} y @returns {Mark} */
const rule = ({ from, to }, y) => ["dotted", [[from, y], [to, y]], COLOURS.rule]

/** @param {Report[]} reports @param {string} label @param {string} [more] to be said */
function layers(reports, label, more = "") {
  if (!reports.length) return null
  const ends = reports.length > 1 ? [reports[0], reports[reports.length - 1]] : reports
  const stds = ends.map(({ name, std }) => `${name} ${short(std)}`).join(" to ")
  return { drawing: densities(reports, label), says: `Std of the ${label}: ${stds}.${more}` }
}

/** @satisfies {Record<string, [title: string, view: (state: State) => Shown | null]>} */
export const VIEWS = {
  loss: ["Loss of the batch, mean and band", (state) => {
    const { run, last, log } = state
    const [now, earlier] = [blocks(run.losses), blocks(last.losses)]
    const all = [...now, ...earlier].flatMap(({ low, high }) => [low, high]).filter(Number.isFinite)
    const [bottom, top] = [Math.min(...all, 3), Math.max(...all, 3.6)]
    /** @param {typeof now} curve @param {"mean" | "low" | "high"} what @returns {Points} */
    const line = (curve, what) => curve.map((block) => [block.step, block[what]])
    const x = steps(state)
    const drawing = plot(x, { from: log ? bottom : Math.min(bottom, 1.5), to: top * 1.03, log }, [
      ["line", line(earlier, "mean"), COLOURS.last],
      ["area", [...line(now, "high"), ...line(now, "low").reverse()], COLOURS.main],
      ["line", line(now, "mean"), COLOURS.main],
      rule(x, Math.log(27)),
    ])
    if (!now.length) return { drawing, says: "No step taken yet. Dotted: ln 27, a blind guess." }
    const end = summary(run.losses.slice(-100))
    const before = earlier.length
      ? ` The run before, in grey, ended at ${summary(last.losses.slice(-100)).mean.toFixed(3)}.`
      : ""
    const says =
      `First batch ${run.losses[0].toFixed(4)}. Last ${Math.min(100, run.losses.length)}: ` +
      `mean ${end.mean.toFixed(3)}, from ${short(end.low)} to ${short(end.high)}.${before}`
    return { drawing, says }
  }],

  updates: ["Update to data, log10", (state) => {
    const { run, last, view } = state
    const names = view.weight.map(({ name }) => name.replace(".weight", ""))
    const x = steps(state)
    /** @param {Kept} from @param {number} i @returns {Points} */
    const line = (from, i) => from.updates.map(({ step, ratios }) => [step, ratios[i]])
    const kind = run.updates.length > 1 ? "line" : "dots"
    const drawing = plot(x, { from: -6, to: 0, ticks: [-6, -5, -4, -3, -2, -1, 0] }, [
      ["line", line(last, 1), COLOURS.last],
      ...names.map((_, i) => /** @type {Mark} */ ([kind, line(run, i), colourOf(i, names.length)])),
      rule(x, -3),
    ])
    const newest = run.updates.at(-1)
    if (!newest) return { drawing, says: "No step taken yet. Dotted: the rule of thumb, −3." }
    const said = newest.ratios.map((ratio, i) => `${names[i]} ${short(ratio)}`)
    return { drawing, says: `At step ${number(newest.step)}: ${some(said)}.` }
  }],

  into: ["Pre-activations, into each tanh", ({ view }) => layers(view.pre, "pre-activation")],

  outOf: ["Activations, out of each tanh", ({ view }) => {
    const shares = view.saturation.map(({ share }) => percent(share))
    const label = view.hasTanh ? "tanh output" : "output of the linear layer"
    const beyond = shares.length ? ` Beyond ±${view.threshold}: ${some(shares)}.` : ""
    return layers(view.out, label, beyond)
  }],

  saturation: ["Saturated activations, in white", ({ view, layer }) => {
    if (!view.saturation.length) return null
    const { map, units, share, white, dead } = view.saturation[layer]
    const rows = Array.from({ length: view.rows }, (_, y) => {
      const row = map.subarray(units * y, units * (y + 1)).join("")
      const runs = [...row.matchAll(/1+/g)]
      return runs.map(({ 0: run, index }) => `M${index} ${y + 0.5}h${run.length}`).join("")
    })
    return {
      drawing: `<svg class="lit-map" viewBox="0 0 ${units} ${view.rows}" preserveAspectRatio="none"
        aria-hidden="true"><path d="${rows.join("")}"/></svg>`,
      says: `${view.out[layer].name}, units across, examples down: ${percent(share)} white, ` +
        `${white} of ${units} columns white from top to bottom, ${dead} dead (local gradient ` +
        `under 0.001 for all ${view.rows} examples).`,
    }
  }],

  gradient: [
    "Gradients of the activations",
    ({ view }) => layers(view.gradient, "gradient of the output"),
  ],

  weight: ["Weights", ({ view }) => layers(view.weight, "weight")],

  weightGradient: [
    "Gradients of the weights",
    ({ view }) => layers(view.weightGradient, "gradient of the weight"),
  ],

  running: ["Running statistics against the batch's", ({ view, layer }) => {
    const norm = view.norms[Math.min(layer, view.norms.length - 1)]
    if (!norm) return null
    const { name, batch, running } = norm
    const all = [batch, running].flatMap(({ mean, std }) => [...mean, ...std])
    const to = Math.max(1, ...all.map(Math.abs))
    /** @param {"mean" | "std"} what @returns {Points} */
    const pairs = (what) => batch[what].map((v, i) => [v, running[what][i]])
    const off = (/** @type {"mean" | "std"} */ what) =>
      short(spread(pairs(what).map(([a, b]) => Math.abs(a - b))).mean)
    return {
      drawing: plot({ from: -to, to, label: "this batch" }, { from: -to, to }, [
        ["dotted", [[-to, -to], [to, to]], COLOURS.rule],
        ["dots", pairs("mean"), COLOURS.main],
        ["dots", pairs("std"), COLOURS.other],
      ]),
      says: `${name}: a running mean (blue) is ${off("mean")} from its batch mean on average, ` +
        `a running std (orange) ${off("std")}.`,
    }
  }],
}
