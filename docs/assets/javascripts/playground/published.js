/** What the lecturer's notebook printed, beside what has just come out. */

import { changes } from "./controls.js"
import { WHOLE_RUN } from "./run.js"

/** @import {Settings, Names} from "./types.js" */
/** @import {Frame} from "./worker.js" */

/** The run that the lecture cut short has taken steps 0 to 1,000. */
export const SHORT_RUN = 1001

/**
 * @typedef {{quantity: string, published: string, ours: string, agrees: boolean | null}} Row
 *
 * The published numbers of this run, with ours where it has come so far.
 * @param {any} lecture @param {Settings} settings @param {boolean} untouched no rate was changed
 * @param {{steps: number, parameters: number, losses: ArrayLike<number>, frame: Frame}} state
 * @returns {Row[] | null} null: this run was never published
 */
export function compare(lecture, settings, untouched, state) {
  if (changes(lecture, settings).length || !untouched) return null
  const measured = measure(settings, state)
  return lecture.stages[settings.stage].published.map((/** @type {string[]} */ row) => {
    const [quantity, published, tolerance] = row
    const value = measured(quantity)
    if (value === undefined) return { quantity, published, ours: "", agrees: null }
    const ours = typeof value === "number" ? written(value, published) : value
    const off = Math.abs(plain(ours) - plain(published))
    const agrees = typeof value === "number"
      ? off <= Number(tolerance) * 1.0001
      : ours === published
    return { quantity, published, ours, agrees }
  })
}

/**
 * @param {Settings} settings
 * @param {{steps: number, parameters: number, losses: ArrayLike<number>, frame: Frame}} state
 * @returns {(quantity: string) => number | string | undefined}
 */
function measure(settings, { steps, parameters, losses, frame }) {
  const length = settings.deep ? SHORT_RUN : WHOLE_RUN
  const complete = steps === length && frame.ends
  const { evaluation, view, sampled } = frame
  /** @type {Record<string, () => number | string | undefined>} */
  const known = {
    parameters: () => parameters,
    loss: () => losses[0],
    "first loss": () => losses[0],
    "train loss": () => complete ? evaluation?.train : undefined,
    "dev loss": () => complete ? evaluation?.dev : undefined,
    "own train loss": () => complete ? evaluation?.own?.train : undefined,
    "own dev loss": () => complete ? evaluation?.own?.dev : undefined,
  }
  return (quantity) => {
    if (quantity in known) return known[quantity]()
    const [name, what, which = what] = quantity.split(" ")
    if (name === "batch") return losses[Number(what.replaceAll(",", ""))]
    if (!complete || !view) return undefined
    if (name === "name") return sampled[Number(what) - 1]
    const layer = view.out.findIndex((each) => each.name === name)
    const weight = view.weight.findIndex((each) => each.name === `${name}.weight`)
    if (what === "saturated") return 100 * view.saturation[layer].share
    if (what === "grad:data") return view.weightGradient[weight].std / view.weight[weight].std
    const reports = what !== "grad" ? view.out : layer < 0 ? view.weightGradient : view.gradient
    const found = reports[layer < 0 ? weight : layer]
    return which === "mean" ? found?.mean : found?.std
  }
}

/** With as many digits as the published number. @param {number} value @param {string} as */
function written(value, as) {
  const [digits, exponent] = as.split("e")
  const places = digits.split(".")[1]?.length ?? 0
  if (exponent !== undefined) return value.toExponential(places).replace(/e-(\d)$/, "e-0$1")
  const fixed = value.toFixed(places).replace(/^-(0\.?0*)$/, "$1")
  const [whole, fraction] = fixed.split(".")
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",")
  return fraction === undefined ? grouped : `${grouped}.${fraction}`
}

/** @param {string} number */
const plain = (number) => Number(number.replaceAll(",", ""))
