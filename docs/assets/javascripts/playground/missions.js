/**
 * The missions: how each sets the playground, and what the reader has to have seen.
 *
 * Their words stand in the page, each under the heading of its id: a list of predictions, and a
 * numbered list of things to see, one for each test here.
 */

/** @import {Settings} from "./types.js" */
/** @import {View} from "./run.js" */

/**
 * @typedef {object} Sight what the playground shows at a moment
 * @property {Settings} settings
 * @property {number} steps
 * @property {View | null} view
 * @property {number[]} losses the first of the run, and the mean of the last 100
 * @property {{step: number, ratios: number[]}[]} updates
 * @property {Sight[]} before earlier moments of this mission
 *
 * @typedef {object} Mission
 * @property {string} id
 * @property {Partial<Settings> & {stage: string}} start
 * @property {number} answer which prediction comes true, from 0
 * @property {((sight: Sight) => boolean)[]} goals
 */

const stds = (/** @type {Sight} */ { view }) => view?.out.map(({ std }) => std) ?? []
const last = (/** @type {Sight} */ sight) => stds(sight).at(-1) ?? NaN
const shares = (/** @type {Sight} */ { view }) => view?.saturation.map(({ share }) => share) ?? []
const white = (/** @type {Sight} */ { view }) =>
  Math.max(0, ...shares(/** @type {any} */ ({ view })))
const near = (/** @type {number} */ value, /** @type {number} */ to, /** @type {number} */ by) =>
  Math.abs(value - to) <= by
const wide = (/** @type {Sight} */ { settings }) => settings.deep && settings.tanh && !settings.norm
const normed = (/** @type {Sight} */ { settings }) => settings.deep && settings.norm

/** The middle of the hidden layers' newest update ratios. @param {Sight} sight */
function ratio({ updates }) {
  const hidden = [...(updates.at(-1)?.ratios.slice(1, -1) ?? [])].sort((a, b) => a - b)
  return hidden.length ? hidden[Math.floor(hidden.length / 2)] : NaN
}

/** @type {Mission[]} */
export const MISSIONS = [
  {
    id: "hockey-stick",
    start: { stage: "as-written" },
    answer: 1,
    goals: [
      ({ losses, steps }) => losses[0] > 10 && steps >= 1000,
      ({ losses, steps }) => losses[0] < 3.5 && steps >= 1000,
    ],
  },
  {
    id: "white-columns",
    start: { stage: "softmax-fixed" },
    answer: 2,
    goals: [
      (sight) => white(sight) > 0.5,
      ({ view }) => (view?.saturation[0]?.white ?? 0) > 0,
      ({ view }) => Boolean(view?.saturation[0]?.white === 0 && view.saturation[0].share < 0.05),
    ],
  },
  {
    id: "gain",
    start: { stage: "six-layers" },
    answer: 1,
    goals: [
      (sight) => wide(sight) && last(sight) < 0.1,
      (sight) => wide(sight) && shares(sight).length > 1 && Math.min(...shares(sight)) > 0.35,
    ],
  },
  {
    id: "five-thirds",
    start: { stage: "six-layers", gain: 1, depth: 20 },
    answer: 0,
    goals: [
      (sight) => wide(sight) && sight.settings.depth >= 15 && last(sight) < 0.25,
      (sight) => wide(sight) && sight.settings.depth >= 15 && near(last(sight), 0.65, 0.05),
    ],
  },
  {
    id: "linear-layers",
    start: { stage: "six-layers", tanh: false },
    answer: 1,
    goals: [
      (sight) => !sight.settings.tanh && last(sight) > 5,
      (sight) => !sight.settings.tanh && stds(sight).every((std) => near(std, 1, 0.25)),
    ],
  },
  {
    id: "batch-norm-forgives",
    start: { stage: "six-layers-batch-norm" },
    answer: 0,
    goals: [
      (sight) => normed(sight) && sight.settings.gain <= 0.3 && near(last(sight), 0.63, 0.05),
      (sight) => normed(sight) && sight.settings.gain >= 3 && near(last(sight), 0.63, 0.05),
    ],
  },
  {
    id: "one-over-gain-squared",
    start: { stage: "six-layers-batch-norm" },
    answer: 2,
    goals: [
      (sight) => normed(sight) && sight.steps > 0,
      (sight) =>
        sight.before.some((earlier) =>
          normed(earlier) && normed(sight) && earlier.steps > 0 && sight.steps > 0 &&
          Math.max(...sight.updates.map(({ step }) => step)) === 0 &&
          sight.settings.gain >= 2 * earlier.settings.gain &&
          near(
            ratio(earlier) - ratio(sight),
            2 * Math.log10(sight.settings.gain / earlier.settings.gain),
            0.15,
          )
        ),
    ],
  },
  {
    id: "minus-three",
    start: { stage: "six-layers", lr: 0.001 },
    answer: 1,
    goals: [
      (sight) => sight.steps >= 500 && ratio(sight) < -4,
      (sight) => sight.steps >= 500 && near(ratio(sight), -3, 0.3),
      (sight) => sight.steps >= 500 && ratio(sight) > -2,
    ],
  },
  {
    id: "a-unit-dies",
    start: { stage: "tanh-fixed", lr: 3 },
    answer: 1,
    goals: [
      ({ view, steps }) => steps === 0 && view?.saturation[0]?.dead === 0,
      ({ view, steps }) => steps > 0 && (view?.saturation[0]?.dead ?? 0) > 0,
    ],
  },
]
