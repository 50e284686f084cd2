/** The views in their places, the table of layers, the sampled names, the published numbers. */

import { h } from "./dom.js"
import { drawMap, short } from "./plots.js"
import { compare } from "./published.js"
import * as views from "./views.js"

/** @import {Settings} from "./types.js" */
/** @import {Frame} from "./worker.js" */
/** @import {Record as Kept, State} from "./views.js" */

/**
 * @typedef {object} Moment
 * @property {Kept} run
 * @property {Kept | null} last
 * @property {Frame} frame
 * @property {boolean} log
 * @property {any} lecture
 * @property {boolean} fromLecture
 * @property {Settings} settings
 * @property {boolean} untouched
 */

/** @type {[string, (state: State) => import("./views.js").Shown][]} */
const PLOTS = [
  ["Loss of the batch, mean and band", views.loss],
  ["Update to data, log10", views.updates],
  ["Pre-activations, into each tanh", views.pre],
  ["Activations, out of each tanh", views.activations],
  ["Gradients of the activations", views.gradient],
  ["Weights", views.weights],
  ["Gradients of the weights", views.weightGradients],
  ["Running statistics against the batch's", views.running],
]

export class Panels {
  /** @param {() => void} redraw */
  constructor(redraw) {
    this.plots = PLOTS.map(([title, view]) => {
      const drawing = h("div", {})
      const says = h("p", {})
      const figure = h("figure", {}, h("figcaption", {}, title), drawing, says)
      return { view, figure, drawing, says }
    })
    this.layer = h("select", { "aria-label": "Layer of the map", change: redraw })
    this.canvas = h("canvas", { "aria-hidden": "true" })
    this.mapSays = h("p", {})
    const caption = h(
      "figcaption",
      {},
      "Saturated (white), examples down, units across ",
      this.layer,
    )
    this.map = h("figure", { className: "lit-map" }, caption, this.canvas, this.mapSays)
    this.table = h("div", { className: "lit-table", tabIndex: 0, role: "group" })
    this.table.setAttribute("aria-label", "Layer by layer")
    this.names = h("p", { className: "lit-sampled" })
    this.published = h("div", {})
    const plots = this.plots.map(({ figure }) => figure)
    plots.splice(4, 0, this.map)
    this.element = h(
      "div",
      {},
      h("p", {}, "Layers go from blue, the first, to orange, the last. Grey: the run before."),
      h("div", { className: "lit-plots" }, ...plots),
      h("h2", {}, "Layer by layer"),
      this.table,
      h("h2", {}, "Names it makes up now"),
      this.names,
      h("h2", {}, "The published digits"),
      this.published,
    )
  }

  /** @param {Moment} moment */
  draw(moment) {
    const { frame, run, last, log } = moment
    const { view } = frame
    if (!view) return
    this.#layers(view)
    const state = { run, last, view, log, layer: Math.max(0, this.layer.selectedIndex) }
    for (const { view: show, figure, drawing, says } of this.plots) {
      const fits = (show !== views.running || view.norms.length > 0) &&
        (view.out.length > 0 || ![views.pre, views.activations, views.gradient].includes(show))
      figure.hidden = !fits
      if (!fits) continue
      const shown = show(state)
      drawing.innerHTML = shown.drawing
      says.textContent = shown.says
    }
    this.map.hidden = !view.saturation.length
    if (view.saturation.length) {
      const { map, units } = view.saturation[state.layer]
      drawMap(this.canvas, map, units)
      this.mapSays.textContent = views.saturation(state)
    }
    this.#table(view)
    if (frame.sampled.length) this.names.textContent = frame.sampled.slice(0, 10).join(", ")
    this.#published(moment)
  }

  /** @param {import("./run.js").View} view */
  #layers(view) {
    if (this.layer.length === view.out.length) return
    this.layer.replaceChildren(...view.out.map(({ name }) => h("option", {}, name)))
    this.layer.hidden = view.out.length < 2
  }

  /** @param {import("./run.js").View} view */
  #table(view) {
    const head = ["layer", "mean", "std", `beyond ±${view.threshold}`, "dead", "gradient std"]
    const rows = view.out.map(({ name, mean, std }, i) => {
      const tanh = view.saturation[i]
      const share = tanh ? `${(100 * tanh.share).toFixed(2)} %` : "–"
      const dead = tanh ? `${tanh.dead}\u00a0of\u00a0${tanh.units}` : "–"
      return [name, short(mean), short(std), share, dead, view.gradient[i].std.toExponential(2)]
    })
    this.table.replaceChildren(table(head, rows))
  }

  /** @param {Moment} moment */
  #published({ lecture, fromLecture, settings, untouched, run, frame }) {
    if (!fromLecture) {
      this.published.replaceChildren(
        "With these names other numbers come out than the lecturer's notebook printed. Choose the " +
          "lecture's names below, and his digits stand here beside the new ones.",
      )
      return
    }
    const { steps, parameters } = frame
    const state = { steps, parameters, losses: run.losses, frame }
    const rows = compare(lecture, settings, untouched, state)
    if (!rows) {
      this.published.replaceChildren(
        "These settings were never published: choose a stage of the lecture, and change nothing.",
      )
      return
    }
    const [due, met] = [rows.filter((row) => row.ours), rows.filter((row) => row.agrees)]
    const cells = rows.map(({ quantity, published, ours, agrees }) => [
      quantity,
      published,
      ours || "not yet",
      agrees === null ? "" : agrees ? "agrees" : "differs",
    ])
    const made = table(["quantity", "published", "here", "verdict"], cells)
    const box = h("div", { className: "lit-table", tabIndex: 0, role: "group" }, made)
    box.setAttribute("aria-label", "Published numbers")
    this.published.replaceChildren(
      h("p", {}, `${met.length} of ${due.length} agree so far, of ${rows.length} published.`),
      box,
    )
  }
}

/** @param {string[]} head @param {string[][]} rows */
function table(head, rows) {
  const line = (/** @type {string[]} */ cells, /** @type {"th" | "td"} */ tag) =>
    h("tr", {}, ...cells.map((cell) => h(tag, {}, cell)))
  return h(
    "table",
    { className: "lit" },
    h("thead", {}, line(head, "th")),
    h("tbody", {}, ...rows.map((row) => line(row, "td"))),
  )
}
