/** The settings: what the reader can choose, the lecture's stages, and how an address names them. */

import { slider } from "./dom.js"

/**
 * @typedef {{
 *   stage: string, deep: boolean, w1: number | null, b1: number | null, w2: number, b2: number,
 *   norm: boolean, gain: number, depth: number, tanh: boolean, scaled: boolean, hidden: number,
 *   batch: number, lr: number, seed: number,
 * }} Settings what decides a run, as `mlp` (or `deep`: `deep_mlp`) and `TrainConfig` take it
 */

const SCALES = [0, 0.001, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 1, 2, 3, 10]
const RATES = SCALES.slice(1)
const GAINS = [0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.3, 5 / 3, 2, 2.5, 3, 4, 5]
const DEPTHS = Array.from({ length: 20 }, (_, i) => i + 1)
const BOTH = [false, true] // kinds of nets: not deep, deep

/** @type {[keyof Settings, string, boolean[], any[]?][]} label, in which nets, a slider's values */
export const CONTROLS = [
  ["w1", "Scale of W1", [false], SCALES.toSpliced(7, 0, /** @type {any} */ (null))],
  ["b1", "Scale of b1", [false], [null, 0, 0.01, 0.1, 0.3, 1, 3]],
  ["w2", "Scale of W2", [false], SCALES],
  ["b2", "Scale of b2", [false], [0, 0.01, 0.1, 0.3, 1, 3]],
  ["gain", "Gain", [true], GAINS],
  ["depth", "Linear layers", [true], DEPTHS],
  ["lr", "Learning rate", BOTH, RATES],
  ["hidden", "Units in a layer", BOTH, [16, 32, 50, 100, 200, 300]],
  ["batch", "Examples in a batch", BOTH, [2, 4, 8, 16, 32, 64, 128]],
  ["norm", "Batch norm", BOTH],
  ["tanh", "Tanh between the layers", [true]],
  ["scaled", "Weights over √fan-in", [true]],
]

/** A value as the reader sees it. @param {string} key @param {any} value */
export const shown = (key, value) =>
  value === null
    ? (key === "b1" ? "no b1" : "Kaiming, 0.304")
    : value === 5 / 3
    ? "5/3"
    : `${value}`

/** The settings of a stage of the lecture. @param {any} lecture @param {string} stage @returns {Settings} */
export function preset(lecture, stage) {
  const { w1_std, b1_std, w2_std, b2_std, batch_norm, gain } = lecture.stages[stage]
  const deep = gain !== undefined
  return {
    ...{ stage, deep, w1: w1_std ?? null, b1: b1_std ?? null, w2: w2_std ?? 1, b2: b2_std ?? 0 },
    ...{ norm: batch_norm ?? false, gain: gain ?? 1, depth: 6, tanh: true, scaled: true },
    ...{ hidden: deep ? 100 : 200, batch: 32, lr: 0.1, seed: lecture.seed },
  }
}

/** What differs from the stage. @param {any} lecture @param {Settings} settings */
export function changes(lecture, settings) {
  const from = preset(lecture, settings.stage)
  const keys = /** @type {(keyof Settings)[]} */ (Object.keys(from))
  return keys.filter((key) => from[key] !== settings[key])
}

/** @param {any} lecture @param {Settings} settings @param {number} step */
export function toQuery(lecture, settings, step) {
  const query = new URLSearchParams({ stage: settings.stage })
  for (const key of changes(lecture, settings)) query.set(key, shown(key, settings[key]))
  if (step) query.set("step", String(step))
  return query.toString().replaceAll("%2F", "/")
}

/**
 * What an address names; what it does not name, or names wrongly, is as in the stage.
 * @param {any} lecture @param {string} query
 */
export function fromQuery(lecture, query) {
  const asked = new URLSearchParams(query)
  const stage = asked.get("stage") ?? ""
  const settings = preset(lecture, stage in lecture.stages ? stage : "tanh-fixed")
  for (const [key, _, nets, values = BOTH] of CONTROLS) {
    if (!asked.has(key) || !nets.includes(settings.deep)) continue
    const known = values.find((value) => shown(key, value) === asked.get(key))
    if (known !== undefined) Object.assign(settings, { [key]: known })
  }
  const [seed, step] = ["seed", "step"].map((key) => asked.get(key)?.match(/^\d{1,10}$/)?.[0])
  if (seed) settings.seed = Number(seed)
  return { settings, step: Math.min(Number(step ?? 0), 200_000) }
}

/** The controls that fit the present kind of net. @param {any} lecture @param {Settings} settings */
export function form(lecture, settings) {
  const stages = Object.entries(lecture.stages).map(([key, { title }]) =>
    `<option value="${key}" ${key === settings.stage ? "selected" : ""}>${title}</option>`
  )
  const controls = CONTROLS.filter(([, , nets]) => nets.includes(settings.deep))
  const rows = controls.map(([key, label, _, values]) =>
    values
      ? slider(key, label, values, settings[key], shown(key, settings[key]))
      : `<label><input type="checkbox" name="${key}" ${
        settings[key] ? "checked" : ""
      }> ${label}</label>`
  )
  return `<label><span>Stage</span><select name="stage">${stages.join("")}</select></label>
    ${rows.join("")}<label><span>Seed</span>
    <input type="number" name="seed" min="0" max="4294967295" value="${settings.seed}"></label>`
}
