/** Plots as SVG with few elements, in the colours of the page's palette. */

const WIDTH = 340
const HEIGHT = 200
const [LEFT, RIGHT, TOP, BOTTOM] = [40, 8, 10, 34]

/**
 * @typedef {[number, number][]} Points
 * @typedef {object} Axis
 * @property {number} from
 * @property {number} to
 * @property {string} label
 * @property {boolean} [log]
 * @property {number[]} [ticks]
 *
 * @typedef {object} Mark what is drawn, the first at the bottom
 * @property {"line" | "area" | "dots" | "rule"} kind a rule is level, at the y of its first point
 * @property {Points} points of an area: its upper edge, then its lower one backwards
 * @property {string} colour
 * @property {boolean} [dotted]
 */

export const COLOURS = Object.freeze({
  main: "var(--lit-c0)",
  other: "var(--lit-c1)",
  rule: "var(--lit-fg)",
  last: "var(--lit-c5)",
})

/** From the first layer's colour to the last one's. @param {number} i @param {number} count */
export function colourOf(i, count) {
  const share = count > 1 ? Math.round(100 * i / (count - 1)) : 0
  return `color-mix(in oklab, var(--lit-c1) ${share}%, var(--lit-c0))`
}

/** @param {Axis} x @param {Axis} y @param {Mark[]} marks */
export function plot(x, y, marks) {
  const across = scale(x, LEFT, WIDTH - RIGHT)
  const up = scale(y, HEIGHT - BOTTOM, TOP)
  const path = (/** @type {Points} */ points) =>
    points.filter(([a, b]) => Number.isFinite(a + b))
      .map(([a, b], i) => `${i ? "L" : "M"}${across(a).toFixed(1)} ${up(b).toFixed(1)}`).join("")
  const grid = ticksOf(y).map((tick) =>
    `<path class="lit-grid" d="M${LEFT} ${up(tick).toFixed(1)}H${WIDTH - RIGHT}"/>` +
    `<text x="${LEFT - 5}" y="${up(tick) + 4}" text-anchor="end">${number(tick)}</text>`
  )
  const below = ticksOf(x).map((tick) => {
    const anchor = across(tick) > WIDTH - RIGHT - 12 ? "end" : "middle"
    const at = anchor === "end" ? WIDTH : across(tick)
    return `<text x="${at}" y="${HEIGHT - BOTTOM + 14}" text-anchor="${anchor}">${
      number(tick)
    }</text>`
  })
  const drawn = marks.map((mark) => {
    if (!mark.points.length) return ""
    if (mark.kind === "area") {
      return `<path d="${path(mark.points)}Z" fill="${mark.colour}" fill-opacity="0.22"/>`
    }
    if (mark.kind === "dots") {
      const dots = mark.points.map(([a, b]) => `M${across(a).toFixed(1)} ${up(b).toFixed(1)}h0`)
      return `<path class="lit-dots" d="${dots.join("")}" stroke="${mark.colour}"/>`
    }
    const points = mark.kind === "rule" ? level(mark.points[0][1], x) : mark.points
    const dash = mark.dotted ? ' stroke-dasharray="2 4"' : ""
    return `<path class="lit-line" d="${path(points)}" stroke="${mark.colour}"${dash}/>`
  })
  const middle = (LEFT + WIDTH - RIGHT) / 2
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" aria-hidden="true">${grid.join("")}` +
    `<g>${drawn.join("")}</g>${below.join("")}` +
    `<text x="${middle}" y="${HEIGHT - 3}" text-anchor="middle">${x.label}</text></svg>`
}

/** @param {number} y @param {Axis} x @returns {Points} */
const level = (y, x) => [[x.from, y], [x.to, y]]

/** @param {Axis} axis @param {number} start @param {number} end */
function scale({ from, to, log }, start, end) {
  const f = log ? Math.log10 : (/** @type {number} */ v) => v
  const [low, high] = [f(from), f(to)]
  return (/** @type {number} */ value) => {
    const share = Math.min(1.02, Math.max(-0.02, (f(value) - low) / (high - low)))
    return start + share * (end - start)
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

/** @param {import("./types.js").Report} report @returns {Points} the density, bin by bin */
export function density({ counts, limit }) {
  const total = counts.reduce((a, b) => a + b, 0)
  const width = 2 * limit / counts.length
  return counts.map((n, i) => [-limit + (i + 0.5) * width, n / total / width])
}

/**
 * Lines of several layers over one axis.
 * @param {import("./types.js").Report[]} reports @param {string} label
 */
export function densities(reports, label) {
  const limit = reports[0]?.limit ?? 1
  const lines = reports.map(density)
  const top = Math.max(...lines.flatMap((line) => line.map(([, y]) => y)), 1e-9)
  return plot(
    { from: -limit, to: limit, label, ticks: [-limit, 0, limit] },
    { from: 0, to: top * 1.05, label: "", ticks: [] },
    lines.map((points, i) => ({ kind: "line", points, colour: colourOf(i, lines.length) })),
  )
}

/**
 * One pixel an activation: examples down, units across.
 * @param {HTMLCanvasElement} canvas @param {Uint8Array} map @param {number} units
 */
export function drawMap(canvas, map, units) {
  canvas.width = units
  canvas.height = map.length / units
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"))
  const image = context.createImageData(canvas.width, canvas.height)
  map.forEach((white, i) => image.data.set(white ? [255, 255, 255, 255] : [0, 0, 0, 255], 4 * i))
  context.putImageData(image, 0, 0)
}
