/** The settings: what the reader can choose, the lecture's stages, and how an address names them. */

/** @import {Settings} from "./types.js" */

const KAIMING = "Kaiming, 0.304"
/** @type {(number | null)[]} */
const SCALES = [0, 0.001, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 1, 2, 3, 10]
const RATES = [0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 1, 2, 3, 10]

/**
 * What can be chosen, in order. A slider goes through its values; both: in which nets it plays a part.
 * @type {{key: keyof Settings, label: string, nets: "mlp" | "deep" | "both", values?: any[]}[]}
 */
export const CONTROLS = [
  { key: "w1", label: "Scale of W1", nets: "mlp", values: SCALES.toSpliced(7, 0, null) },
  { key: "b1", label: "Scale of b1", nets: "mlp", values: [null, 0, 0.01, 0.1, 0.3, 1, 3] },
  { key: "w2", label: "Scale of W2", nets: "mlp", values: SCALES },
  { key: "b2", label: "Scale of b2", nets: "mlp", values: [0, 0.01, 0.1, 0.3, 1, 3] },
  {
    key: "gain",
    label: "Gain",
    nets: "deep",
    values: [0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.3, 5 / 3, 2, 2.5, 3, 4, 5],
  },
  {
    key: "depth",
    label: "Linear layers",
    nets: "deep",
    values: Array.from({ length: 20 }, (_, i) => i + 1),
  },
  { key: "lr", label: "Learning rate", nets: "both", values: RATES },
  { key: "hidden", label: "Units in a layer", nets: "both", values: [16, 32, 50, 100, 200, 300] },
  { key: "batch", label: "Examples in a batch", nets: "both", values: [2, 4, 8, 16, 32, 64, 128] },
  { key: "norm", label: "Batch norm", nets: "both" },
  { key: "tanh", label: "Tanh between the layers", nets: "deep" },
  { key: "scaled", label: "Weights over √fan-in", nets: "deep" },
]

/** @param {keyof Settings} key @param {any} value */
export function shown(key, value) {
  if (value === null) return key === "b1" ? "no b1" : KAIMING
  return value === 5 / 3 ? "5/3" : String(value)
}

/** The settings of a stage of the lecture. @param {any} lecture @param {string} stage @returns {Settings} */
export function preset(lecture, stage) {
  const net = lecture.stages[stage]
  const deep = "gain" in net
  return {
    stage,
    deep,
    w1: net.w1_std ?? null,
    b1: net.b1_std ?? null,
    w2: net.w2_std ?? 1,
    b2: net.b2_std ?? 0,
    norm: net.batch_norm ?? false,
    gain: net.gain ?? 1,
    depth: 6,
    tanh: true,
    scaled: true,
    hidden: deep ? 100 : 200,
    batch: 32,
    lr: 0.1,
    seed: lecture.seed,
  }
}

/** What differs from the stage. @param {any} lecture @param {Settings} settings */
export function changes(lecture, settings) {
  const from = preset(lecture, settings.stage)
  return /** @type {(keyof Settings)[]} */ (Object.keys(from)).filter((key) =>
    from[key] !== settings[key]
  )
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
 * @returns {{settings: Settings, step: number}}
 */
export function fromQuery(lecture, query) {
  const asked = new URLSearchParams(query)
  const stage = asked.get("stage") ?? ""
  const settings = preset(lecture, stage in lecture.stages ? stage : "tanh-fixed")
  for (const { key, nets, values } of CONTROLS) {
    const text = asked.get(key)
    if (text === null || nets === (settings.deep ? "mlp" : "deep")) continue
    const known = (values ?? [true, false]).find((value) => shown(key, value) === text)
    if (known !== undefined) Object.assign(settings, { [key]: known })
  }
  const whole = (/** @type {string} */ key) => {
    const text = asked.get(key) ?? ""
    return /^\d{1,10}$/.test(text) ? Number(text) : null
  }
  settings.seed = whole("seed") ?? settings.seed
  return { settings, step: Math.min(whole("step") ?? 0, 200_000) }
}
