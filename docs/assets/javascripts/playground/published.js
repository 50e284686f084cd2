/** What the lecturer's notebook printed, beside what has just come out. */

import { SHORT_RUN, WHOLE_RUN } from "./run.js"

/** @import {Settings} from "./controls.js" */
/** @import {Frame} from "./worker.js" */
/** @typedef {number | string | undefined} Value undefined: not known, or not yet */

/**
 * The published numbers of a stage, with ours where the run has come so far, and a verdict.
 * @param {any} lecture @param {Settings} settings @param {number[]} losses @param {Frame} frame
 */
export function compare(lecture, settings, losses, frame) {
  /** @type {string[][]} */
  const rows = lecture.stages[settings.stage].published
  return rows.map(([quantity, published, tolerance]) => {
    const value = measure(quantity, settings, losses, frame)
    if (value === undefined) return [quantity, published, "not yet", ""]
    const ours = typeof value === "number" ? written(value, published) : value
    const off = Math.abs(plain(ours) - plain(published))
    const agrees = ours === published || off <= Number(tolerance) * 1.0001
    return [quantity, published, ours, agrees ? "agrees" : "differs"]
  })
}

/**
 * @param {string} quantity @param {Settings} settings @param {number[]} losses @param {Frame} frame
 * @returns {Value}
 */
function measure(
  quantity,
  { deep },
  losses,
  { steps, ends, parameters, evaluation, view, sampled },
) {
  const [name, what, which = what] = quantity.split(" ")
  if (quantity === "parameters") return parameters
  if (quantity === "loss" || quantity === "first loss") return losses[0]
  if (name === "batch") return losses[Number(what.replaceAll(",", ""))]
  if (!ends || !view || steps !== (deep ? SHORT_RUN : WHOLE_RUN)) return undefined
  if (quantity.endsWith("loss")) {
    const from = name === "own" ? evaluation?.own : evaluation
    return from?.[quantity.includes("dev") ? "dev" : "train"]
  }
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
  const [digits, exponent] = as.split("e")
  const places = digits.split(".")[1]?.length ?? 0
  if (exponent !== undefined) return value.toExponential(places).replace(/e-(\d)$/, "e-0$1")
  const [whole, fraction] = value.toFixed(places).replace(/^-(0\.?0*)$/, "$1").split(".")
  return [whole.replace(/\B(?=(\d{3})+$)/g, ","), fraction].join(".").replace(/\.$/, "")
}

/** @param {string} number */
const plain = (number) => Number(number.replaceAll(",", ""))
