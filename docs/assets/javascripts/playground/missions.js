/**
 * The missions: how each sets the playground, and what the reader has to have seen.
 *
 * Their words stand in the page, each under the heading of its id: a list of predictions, and a
 * numbered list of things to see, one for each test here.
 */

/** @import {Settings} from "./controls.js" */
/** @import {View} from "./diagnostics.js" */
/** @import {Kept, ViewName} from "./views.js" */
/** @typedef {ReturnType<typeof look>} Sight */
/** @typedef {(sight: Sight, before: Sight[]) => boolean} Goal before: when earlier runs rested */

/** What goals ask of a moment. @param {Settings} settings @param {Kept} run @param {View} view */
export function look(settings, run, view) {
  const stds = view.out.map(({ std }) => std)
  const hidden = run.updates.at(-1)?.ratios.slice(1, -1).sort((a, b) => a - b) ?? []
  const [first = { white: 0, dead: 0, share: 0 }, ...others] = view.saturation
  return {
    ...{ ...settings, ...first, stds, last: stds.at(-1) ?? NaN },
    ...{ steps: run.losses.length, loss: run.losses[0], updates: run.updates.length },
    leastSaturated: Math.min(first.share, ...others.map(({ share }) => share)),
    wide: settings.deep && settings.tanh && !settings.norm,
    normed: settings.deep && settings.norm,
    ratio: hidden[Math.floor(hidden.length / 2)] ?? NaN, // the middle of the hidden layers' newest
  }
}

/** @type {(value: number, to: number, by: number) => boolean} */
const near = (value, to, by) => Math.abs(value - to) <= by

/** Whether the first step changed less than with a smaller gain, by the square. @type {Goal} */
const squared = (now, before) =>
  before.some((then) =>
    [then, now].every(({ normed, steps }) => normed && steps > 0) &&
    now.updates === 1 && now.gain >= 2 * then.gain &&
    near(then.ratio - now.ratio, 2 * Math.log10(now.gain / then.gain), 0.15)
  )

/**
 * Settings as in an address, the view that it is about, which prediction comes true (counted
 * from 0), and what is to be seen.
 * @type {[id: string, start: string, view: ViewName, answer: number, goals: Goal[]][]}
 */
export const MISSIONS = [
  ["hockey-stick", "stage=as-written", "loss", 1, [
    ({ loss, steps }) => loss > 10 && steps >= 1000,
    ({ loss, steps }) => loss < 3.5 && steps >= 1000,
  ]],
  ["white-columns", "stage=softmax-fixed", "saturation", 2, [
    ({ share }) => share > 0.5,
    ({ white }) => white > 0,
    ({ white, share }) => white === 0 && share < 0.05,
  ]],
  ["gain", "stage=six-layers", "outOf", 1, [
    ({ wide, last }) => wide && last < 0.1,
    ({ wide, stds, leastSaturated }) => wide && stds.length > 1 && leastSaturated > 0.35,
  ]],
  ["five-thirds", "stage=six-layers&gain=1&depth=20", "outOf", 0, [
    ({ wide, stds, last }) => wide && stds.length > 13 && last < 0.25,
    ({ wide, stds, last }) => wide && stds.length > 13 && near(last, 0.65, 0.05),
  ]],
  ["linear-layers", "stage=six-layers&tanh=false", "outOf", 1, [
    ({ tanh, last }) => !tanh && last > 5,
    ({ tanh, stds }) => !tanh && stds.every((std) => near(std, 1, 0.25)),
  ]],
  ["batch-norm-forgives", "stage=six-layers-batch-norm", "outOf", 0, [
    ({ normed, gain, last }) => normed && gain <= 0.3 && near(last, 0.63, 0.05),
    ({ normed, gain, last }) => normed && gain >= 3 && near(last, 0.63, 0.05),
  ]],
  ["one-over-gain-squared", "stage=six-layers-batch-norm", "updates", 2, [
    ({ normed, steps }) => normed && steps > 0,
    squared,
  ]],
  ["minus-three", "stage=six-layers&lr=0.001", "updates", 1, [
    ({ steps, ratio }) => steps >= 500 && ratio < -4,
    ({ steps, ratio }) => steps >= 500 && near(ratio, -3, 0.3),
    ({ steps, ratio }) => steps >= 500 && ratio > -2,
  ]],
  ["a-unit-dies", "stage=tanh-fixed&lr=3", "saturation", 1, [
    ({ steps, dead }) => steps === 0 && dead === 0,
    ({ steps, dead }) => steps > 0 && dead > 0,
  ]],
]
