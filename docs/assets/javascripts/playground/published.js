/** What the lecturer's notebook printed, beside what has just come out. */

import { stages } from "./controls.js"
import { SHORT_RUN, WHOLE_RUN } from "./run.js"

/** @import {Settings} from "./controls.js" */
/** @import {Frame} from "./worker.js" */

/**
 * The published numbers of a stage, with ours where the run has come so far, and a verdict.
 * @param {Settings} settings @param {number[]} losses @param {Frame} frame
 */
export const compare = ({ stage, deep }, losses, frame) =>
  stages[stage].published.map(([quantity, published, tolerance]) => {
    const value = measure(quantity, deep, losses, frame)
    if (value === undefined) return [quantity, published, "not yet", ""]
    const ours = typeof value === "number" ? written(value, published) : value
    const off = Math.abs(plain(ours) - plain(published))
    const agrees = ours === published || off <= Number(tolerance) * 1.0001
    return [quantity, published, ours, agrees ? "agrees" : "differs"]
  })

/**
 * @param {string} quantity @param {boolean} deep @param {number[]} losses @param {Frame} frame
 * @returns {number | string | undefined} undefined: not known, or not yet
 */
function measure(quantity, deep, losses, frame) {
  const [name, what, which = what] = quantity.split(" ")
  if (quantity === "parameters") return frame.parameters
  if (quantity === "loss" || quantity === "first loss") return losses[0]
  if (name === "batch") return losses[plain(what)]
  const { steps, ends, evaluation, own, view, sampled } = frame
  if (!ends || steps !== (deep ? SHORT_RUN : WHOLE_RUN)) return undefined
  if (name === "train" || name === "dev") return evaluation?.[name]
  if (name === "own") return own?.[what === "dev" ? "dev" : "train"]
  if (name === "name") return sampled[Number(what) - 1]
  const layer = view.out.findIndex((each) => each.name === name)
  const weight = view.weight.findIndex((each) => each.name === `${name}.weight`)
  if (what === "saturated") return 100 * view.saturation[layer].share
  if (what === "grad:data") return view.weightGradient[weight].std / view.weight[weight].std
  const reports = what !== "grad" ? view.out : layer < 0 ? view.weightGradient : view.gradient
  return reports[layer < 0 ? weight : layer]?.[which === "mean" ? "mean" : "std"]
}

/** With as many digits as the published number. @param {number} value @param {string} as */
function written(value, as) {
  const places = as.match(/\.(\d+)/)?.[1].length ?? 0
  if (as.includes("e")) return value.toExponential(places).replace(/e-(\d)$/, "e-0$1")
  const digits = { minimumFractionDigits: places, maximumFractionDigits: places }
  return value.toLocaleString("en", { ...digits, signDisplay: "negative" })
}

/** @param {string} number */
const plain = (number) => Number(number.replaceAll(",", ""))
