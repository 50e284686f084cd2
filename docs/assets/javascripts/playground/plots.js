/** Plots as SVG with few elements, in the colours of the page's palette. */

/** @import {Report} from "./diagnostics.js" */

const [WIDTH, HEIGHT] = [340, 200]
const [LEFT, RIGHT, TOP, BOTTOM] = [40, WIDTH - 8, 10, HEIGHT - 34] // of what is plotted

/**
 * @typedef {[number, number][]} Points
 * @typedef {{from: number, to: number, label?: string, log?: boolean, ticks?: number[]}} Axis
 * @typedef {["line" | "dotted" | "area" | "dots", Points, string]} Mark with its colour; of an area
 *     the points go around it
 */

export const COLOURS = Object.freeze({
  main: "var(--lit-c0)",
  other: "var(--lit-c1)",
  rule: "var(--lit-fg)",
  last: "var(--lit-c5)",
})

/** Layers in order are pale to full, as in the notes. @param {number} i @param {number} count */
export function colourOf(i, count) {
  const share = count > 1 ? Math.round(35 + 65 * i / (count - 1)) : 100
  return `color-mix(in srgb, ${COLOURS.main} ${share}%, transparent)`
}

/** @param {Axis} x @param {Axis} y @param {Mark[]} marks the first at the bottom */
export function plot(x, y, marks) {
  const [across, up] = [scale(x, LEFT, RIGHT), scale(y, BOTTOM, TOP)]
  const grid = ticksOf(y).map((tick) =>
    `<path class="lit-grid" d="M${LEFT} ${up(tick)}H${RIGHT}"/>` +
    `<text x="${LEFT - 5}" y="${up(tick) + 4}" text-anchor="end">${number(tick)}</text>`
  )
  const below = ticksOf(x).map((tick) => {
    const [at, anchor] = across(tick) > RIGHT - 12 ? [WIDTH, "end"] : [across(tick), "middle"]
    return `<text x="${at}" y="${BOTTOM + 14}" text-anchor="${anchor}">${number(tick)}</text>`
  })
  const drawn = marks.map(([kind, points, colour]) => {
    const known = points.filter(([a, b]) => Number.isFinite(a + b))
    const places = known.map(([a, b]) => `${across(a)} ${up(b)}`)
    const d = kind === "dots" ? places.map((at) => `M${at}h0`).join("") : `M${places.join("L")}`
    return places.length ? `<path class="lit-${kind}" color="${colour}" d="${d}"/>` : ""
  })
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" aria-hidden="true">${grid.join("")}${
    drawn.join("") + below.join("")
  }<text x="${(LEFT + RIGHT) / 2}" y="${HEIGHT - 3}" text-anchor="middle">${x.label}</text></svg>`
}

/** From values to tenths of a unit. @param {Axis} axis @param {number} start @param {number} end */
function scale({ from, to, log }, start, end) {
  const f = log ? Math.log10 : Number
  return (/** @type {number} */ value) => {
    const share = Math.min(1.02, Math.max(-0.02, (f(value) - f(from)) / (f(to) - f(from))))
    return Math.round(10 * (start + share * (end - start))) / 10
  }
}

/** @param {Axis} axis */
function ticksOf({ from, to, log, ticks }) {
  if (ticks) return ticks
  if (log) {
    const all = [-3, -2, -1, 0, 1, 2, 3].flatMap((e) => [1, 2, 3, 5].map((m) => m * 10 ** e))
    const inside = all.filter((tick) => tick >= from * 0.999 && tick <= to * 1.001)
    return inside.length > 6 ? inside.filter((t) => /^[10.]+$/.test(String(t))) : inside
  }
  const power = 10 ** Math.floor(Math.log10((to - from) / 2))
  const step = [5, 2, 1].map((m) => m * power).find((s) => (to - from) / s >= 2) ?? power
  const first = Math.ceil(from / step - 1e-9)
  const count = Math.floor(to / step + 1e-9) - first + 1
  return Array.from({ length: count }, (_, i) => (first + i) * step)
}

/** A number as a reader writes it. @param {number} value */
export function number(value) {
  const size = Math.abs(value)
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "not a number"
  if (size && (size < 1e-3 || size >= 1e6)) return value.toExponential().replace("e+", "e")
  return value.toLocaleString("en", { maximumFractionDigits: 4 }).replace("-", "−")
}

/** Rounded to two digits or three. @param {number} value */
export function short(value) {
  if (!Number.isFinite(value)) return number(value)
  const size = Math.abs(value)
  if (size && size < 1e-3) return value.toExponential(1).replaceAll("-", "−")
  return (size < 0.1 ? value.toPrecision(2) : value.toFixed(size < 100 ? 2 : 0)).replace("-", "−")
}

/** A share in per cent. @param {number} value */
export const percent = (value) => `${(100 * value).toFixed(1)} %`

/** Histograms of layers as lines over one axis. @param {Report[]} reports @param {string} label */
export function densities(reports, label) {
  const [{ limit }] = reports
  /** @type {Points[]} */
  const lines = reports.map(({ counts }) => {
    const total = counts.reduce((a, b) => a + b, 0)
    const width = 2 * limit / counts.length
    return counts.map((n, i) => [-limit + (i + 0.5) * width, n / total / width])
  })
  const top = Math.max(...lines.flatMap((line) => line.map(([, y]) => y)), 1e-9)
  return plot(
    { from: -limit, to: limit, label, ticks: [-limit, 0, limit] },
    { from: 0, to: top * 1.05, ticks: [] },
    lines.map((points, i) => ["line", points, colourOf(i, lines.length)]),
  )
}
