/** The settings: what a reader can choose, the lecture's stages, and how an address names them. */

import lecture from "../../playground/lecture.json" with { type: "json" }
import { slider } from "./dom.js"

/**
 * @typedef {{
 *   stage: string, deep: boolean, w1: number | null, b1: number | null, w2: number, b2: number,
 *   norm: boolean, gain: number, depth: number, tanh: boolean, scaled: boolean, hidden: number,
 *   batch: number, lr: number, seed: number,
 * }} Settings what decides a run, as `mlp` (or `deep`: `deep_mlp`) and `TrainConfig` take it
 * @typedef {{title: string, settings: Settings, published: string[][]}} Stage
 * @typedef {{label: string, nets: boolean[], values: [any, string][]}} Control which nets have it:
 *     deep ones or not; and each value as a reader sees it
 */

/** @type {{stages: Record<string, Stage>, controls: Record<string, Control>}} */
export const { stages, controls } = /** @type {any} */ (lecture)

/** A value as the reader sees it. @param {string} key @param {any} value */
export const shown = (key, value) =>
  controls[key]?.values.find(([each]) => each === value)?.[1] ?? `${value}`

/** What differs from the stage. @param {Settings} settings */
export function changes(settings) {
  const keys = /** @type {(keyof Settings)[]} */ (Object.keys(settings))
  return keys.filter((key) => stages[settings.stage].settings[key] !== settings[key])
}

/** @param {Settings} settings @param {number} step */
export function toQuery(settings, step) {
  const query = new URLSearchParams({ stage: settings.stage })
  for (const key of changes(settings)) query.set(key, shown(key, settings[key]))
  if (step) query.set("step", String(step))
  return query.toString().replaceAll("%2F", "/")
}

/** What an address names; what it omits, or has wrong, is the stage's. @param {string} query */
export function fromQuery(query) {
  const asked = new URLSearchParams(query)
  const settings = stages[asked.get("stage") ?? ""]?.settings ?? stages["tanh-fixed"].settings
  const named = Object.entries(controls).flatMap(([key, { nets, values }]) => {
    const known = values.find(([, text]) => text === asked.get(key))
    return known && nets.includes(settings.deep) ? [[key, known[0]]] : []
  })
  const [seed, step] = ["seed", "step"].map((key) => asked.get(key)?.match(/^\d{1,10}$/)?.[0])
  return {
    /** @type {Settings} */
    settings: { ...settings, ...Object.fromEntries(named), seed: Number(seed ?? settings.seed) },
    step: Math.min(Number(step ?? 0), 200_000),
  }
}

/** The controls that fit the present kind of net. @param {Settings} settings */
export function form(settings) {
  const options = Object.entries(stages).map(([key, { title }]) =>
    `<option value="${key}" ${key === settings.stage ? "selected" : ""}>${title}</option>`
  )
  const rows = Object.entries(controls).map(([key, { label, nets, values }]) => {
    const value = settings[/** @type {keyof Settings} */ (key)]
    if (!nets.includes(settings.deep)) return ""
    if (typeof value !== "boolean") return slider(key, label, values, value)
    return `<label><input type="checkbox" name="${key}" ${value ? "checked" : ""}> ${label}</label>`
  })
  return `<label><span>Stage</span><select name="stage">${options.join("")}</select></label>
    ${rows.join("")}<label><span>Seed</span>
    <input type="number" name="seed" min="0" max="4294967295" value="${settings.seed}"></label>`
}
