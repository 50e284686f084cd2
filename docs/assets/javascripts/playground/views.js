/** What the playground shows of a run: each view is a plot, and a sentence that says what it shows. */

import { spread } from "./diagnostics.js"
import { colourOf, COLOURS, densities, number, plot, short } from "./plots.js"

/** @import {Settings} from "./types.js" */
/** @import {View} from "./run.js" */
/** @import {Mark, Points} from "./plots.js" */

/**
 * @typedef {object} Record what is kept of a run
 * @property {Settings} settings
 * @property {number[]} losses
 * @property {{step: number, ratios: number[]}[]} updates
 *
 * @typedef {{run: Record, last: Record | null, view: View, log: boolean, layer: number}} State
 * @typedef {{drawing: string, says: string}} Shown
 */

const UNIFORM = Math.log(27)

/** @param {number[]} losses @param {number} count */
function ending(losses, count) {
  const end = losses.slice(-count)
  return {
    mean: end.reduce((a, b) => a + b, 0) / end.length,
    low: Math.min(...end),
    high: Math.max(...end),
  }
}

/** Mean, lowest and highest of blocks of losses. @param {number[]} losses */
function blocks(losses) {
  const size = Math.max(1, Math.ceil(losses.length / 170))
  const count = Math.ceil(losses.length / size)
  return Array.from({ length: count }, (_, i) => {
    const block = losses.slice(i * size, (i + 1) * size)
    return { step: i * size + (block.length - 1) / 2, ...ending(block, block.length) }
  })
}

/** @param {State} state @returns {Shown} */
export function loss({ run, last, log }) {
  const longest = Math.max(run.losses.length, last?.losses.length ?? 0, 20)
  const [now, earlier] = [blocks(run.losses), blocks(last?.losses ?? [])]
  const all = [...now, ...earlier].flatMap(({ low, high }) => [low, high]).filter(Number.isFinite)
  const top = Math.max(...all, 3.6)
  const bottom = Math.min(...all, 3)
  /** @param {ReturnType<typeof blocks>} curve @returns {Points} */
  const line = (curve) => curve.map(({ step, mean }) => [step, mean])
  /** @type {Points} */
  const band = [
    ...now.map(({ step, high }) => /** @type {[number, number]} */ ([step, high])),
    ...now.map(({ step, low }) => /** @type {[number, number]} */ ([step, low])).reverse(),
  ]
  /** @type {Mark[]} */
  const marks = [
    { kind: "line", points: line(earlier), colour: COLOURS.last },
    { kind: "area", points: band, colour: COLOURS.main },
    { kind: "line", points: line(now), colour: COLOURS.main },
    { kind: "rule", points: [[0, UNIFORM]], colour: COLOURS.rule, dotted: true },
  ]
  const drawing = plot(
    { from: 0, to: longest, label: "step" },
    { from: log ? bottom : Math.min(bottom, 1.5), to: top * 1.03, label: "", log },
    marks,
  )
  if (!run.losses.length) {
    return { drawing, says: "No step taken yet. Dotted: ln 27, a blind guess." }
  }
  const end = ending(run.losses, 100)
  const before = last?.losses.length
    ? ` The run before, in grey, ended at ${ending(last.losses, 100).mean.toFixed(3)}.`
    : ""
  return {
    drawing,
    says: `First batch ${run.losses[0].toFixed(4)}. Last ${
      Math.min(100, run.losses.length)
    }: mean ${end.mean.toFixed(3)}, from ${short(end.low)} to ${short(end.high)}.${before}`,
  }
}

/** The first and the last of several layers in words. @param {{name: string, std: number}[]} layers */
function ends(layers) {
  if (!layers.length) return "This net has no hidden layer."
  const [first, last] = [layers[0], layers[layers.length - 1]]
  const of = (/** @type {{name: string, std: number}} */ { name, std }) => `${name} ${short(std)}`
  return `Std: ${layers.length > 1 ? `${of(first)} to ${of(last)}` : of(first)}.`
}

/** @param {State} state @returns {Shown} */
export const pre = ({ view }) => ({
  drawing: densities(view.pre, "pre-activation"),
  says: ends(view.pre),
})

/** @param {State} state @returns {Shown} */
export function activations({ view }) {
  const shares = view.saturation.map(({ share }) => `${(100 * share).toFixed(1)} %`)
  const saturated = shares.length > 1 ? `${shares[0]} to ${shares.at(-1)}` : shares[0]
  return {
    drawing: densities(view.out, view.hasTanh ? "tanh output" : "output of the linear layer"),
    says: ends(view.out) + (shares.length ? ` Beyond ±${view.threshold}: ${saturated}.` : ""),
  }
}

/** @param {State} state @returns {string} what the map shows; it is drawn elsewhere */
export function saturation({ view, layer }) {
  const { share, white, dead, units } = view.saturation[layer]
  return `${view.out[layer].name}: ${
    (100 * share).toFixed(1)
  } % white, ${white} of ${units} columns ` +
    `white from top to bottom, ${dead} dead (local gradient under 0.001 for all ${view.rows} examples).`
}

/** @param {State} state @returns {Shown} */
export const gradient = ({ view }) => ({
  drawing: densities(view.gradient, "gradient at the layer's output"),
  says: ends(view.gradient),
})

/** @param {State} state @returns {Shown} */
export const weights = ({ view }) => ({
  drawing: densities(view.weight, "weight"),
  says: ends(view.weight),
})

/** @param {State} state @returns {Shown} */
export const weightGradients = ({ view }) => ({
  drawing: densities(view.weightGradient, "gradient of the weight"),
  says: ends(view.weightGradient),
})

/** @param {State} state @returns {Shown} */
export function updates({ run, last, view }) {
  const names = view.weight.map(({ name }) => name.replace(".weight", ""))
  const longest = Math.max(run.losses.length, last?.losses.length ?? 0, 20)
  /** @param {Record} from @param {number} i @returns {Points} */
  const line = (from, i) => from.updates.map(({ step, ratios }) => [step, ratios[i]])
  const middle = last ? Math.min(2, (last.updates[0]?.ratios.length ?? 1) - 1) : 0
  /** @type {Mark[]} */
  const marks = [
    { kind: "line", points: last ? line(last, middle) : [], colour: COLOURS.last },
    ...names.map((_, i) => /** @type {Mark} */ ({
      kind: "line",
      points: line(run, i),
      colour: colourOf(i, names.length),
    })),
    { kind: "rule", points: [[0, -3]], colour: COLOURS.rule, dotted: true },
  ]
  const newest = run.updates.at(-1)
  const said = newest?.ratios.map((ratio, i) => `${names[i]} ${short(ratio)}`)
  const some = said && said.length > 8 ? [...said.slice(0, 3), "…", ...said.slice(-2)] : said
  return {
    drawing: plot(
      { from: 0, to: longest, label: "step" },
      { from: -6, to: 0, label: "", ticks: [-6, -5, -4, -3, -2, -1, 0] },
      marks,
    ),
    says: newest
      ? `At step ${number(newest.step)}: ${some?.join(", ")}.`
      : "No step taken yet. Dotted: the rule of thumb, −3.",
  }
}

/** @param {State} state @returns {Shown} */
export function running({ view, layer }) {
  const norm = view.norms[Math.min(layer, view.norms.length - 1)]
  /** @param {number[]} a @param {number[]} b @returns {Points} */
  const pairs = (a, b) => a.map((v, i) => [v, b[i]])
  const means = pairs(norm.batchMean, norm.runningMean)
  const stds = pairs(norm.batchStd, norm.runningStd)
  const size = Math.max(1, ...[...means, ...stds].flat().map(Math.abs))
  const off = (/** @type {Points} */ points) => spread(points.map(([a, b]) => Math.abs(a - b))).mean
  return {
    drawing: plot(
      { from: -size, to: size, label: "this batch" },
      { from: -size, to: size, label: "" },
      [
        {
          kind: "line",
          points: [[-size, -size], [size, size]],
          colour: COLOURS.rule,
          dotted: true,
        },
        { kind: "dots", points: means, colour: COLOURS.main },
        { kind: "dots", points: stds, colour: COLOURS.other },
      ],
    ),
    says: `${norm.name}: a running mean (blue) is ${short(off(means))} from its batch mean on ` +
      `average, a running std (orange) ${short(off(stds))}.`,
  }
}
