/** The playground's page: puts settings, run, views, missions and published numbers together. */

import { changes, CONTROLS, fromQuery, preset, shown, toQuery } from "./controls.js"
import { connect, h, slider, style } from "./dom.js"
import { Guide } from "./guide.js"
import { namesPanel } from "./names.js"
import { Panels } from "./panels.js"
import { SHORT_RUN } from "./published.js"
import { WHOLE_RUN } from "./run.js"

/** @import {Settings} from "./types.js" */
/** @import {Frame} from "./worker.js" */
/** @import {Record as Kept} from "./views.js" */

/** @param {HTMLElement} host @param {string} query of the address, or empty */
export async function open(host, query) {
  /** @type {Playground | null} */
  let playground = null
  const send = connect((frame) => playground?.show(frame))
  const [{ lecture, names }] = await Promise.all([send("open"), style()])
  const { settings, step } = fromQuery(lecture, query)
  const frame = await send("make", settings)
  playground = new Playground(host, send, { lecture, corpus: names, settings, frame })
  if (step) await playground.train(step)
}

/**
 * @typedef {object} Opened
 * @property {any} lecture
 * @property {{count: number, fromLecture: boolean}} corpus
 * @property {Settings} settings
 * @property {Frame} frame
 */

class Playground {
  #send
  #host
  #lecture
  #corpus
  #settings
  #frame
  /** @type {Kept} */
  #run
  /** @type {Kept | null} */
  #last = null
  #untouched = true // the learning rate was not changed on the way
  #trainings = 0
  #training = false
  /** @type {Promise<void> | null} */
  #making = null
  #stale = false
  #form = h("form", { submit: (/** @type {Event} */ event) => event.preventDefault() })
  #slow = h("input", { type: "checkbox" })
  #log = h("input", { type: "checkbox", change: () => this.#draw() })
  #status = h("p", { className: "lit-status", role: "status" })
  #panels = new Panels(() => this.#draw())
  #go = button("Train", () => this.#training ? this.#send("stop") : this.train(WHOLE_RUN), true)

  /** @param {HTMLElement} host @param {ReturnType<typeof connect>} send @param {Opened} opened */
  constructor(host, send, { lecture, corpus, settings, frame }) {
    this.#send = send
    this.#host = host
    this.#lecture = lecture
    this.#corpus = corpus
    this.#settings = settings
    this.#frame = frame
    this.#run = { settings, losses: [], updates: [] }
    this.guide = new Guide({
      start: (start) => this.#set(start),
      preset: (stage) => preset(this.#lecture, stage),
      focus: () => host.scrollIntoView({ block: "start" }),
    })
    this.#lay()
    this.#controls()
    this.show(frame)
  }

  /** Put everything in its place; the host's own words, which asked for the click, go. */
  #lay() {
    const corpus = namesPanel(this.#lecture, this.#corpus, async (bytes) => {
      this.#corpus = await this.#send("names", bytes)
      await this.#make()
      this.#last = null
      return this.#corpus
    })
    const bar = h(
      "div",
      { className: "lit-bar", role: "group", "aria-label": "Run" },
      this.#go,
      button("One step", () => this.train(this.#frame.steps + 1)),
      button("To step 1,000", () => this.train(SHORT_RUN)),
      button("Whole run", () => this.train(WHOLE_RUN)),
      button("Again", () => this.#make()),
      h("label", {}, this.#slow, " slow motion"),
      h("label", {}, this.#log, " logarithmic loss"),
    )
    this.#host.classList.add("lit-play--open")
    this.#host.replaceChildren(
      h("div", { className: "lit-desk" }, this.guide.element, this.#form),
      h("div", { className: "lit-console" }, bar, this.#status),
      this.#panels.element,
      corpus,
    )
  }

  /** The sliders of the present kind of net. */
  #controls() {
    const settings = this.#settings
    const stages = Object.entries(this.#lecture.stages).map(([key, { title }]) =>
      h("option", { value: key, selected: key === settings.stage }, title)
    )
    const stage = h("select", {
      change: () => this.#set(preset(this.#lecture, stage.value)),
    }, ...stages)
    const fitting = CONTROLS.filter(({ nets }) => nets !== (settings.deep ? "mlp" : "deep"))
    const rows = fitting.map(({ key, label, values }) => {
      const change = (/** @type {any} */ value) => this.#change(key, value)
      if (values) {
        const show = (/** @type {any} */ value) => shown(key, value)
        return slider(label, values, settings[key], show, change).element
      }
      const box = h("input", {
        type: "checkbox",
        checked: settings[key],
        change: () => change(box.checked),
      })
      return h("label", { className: "lit-check" }, box, ` ${label}`)
    })
    const seed = h("input", {
      type: "number",
      min: "0",
      max: String(2 ** 32 - 1),
      value: String(settings.seed),
      change: () => seed.validity.valid && seed.value && this.#change("seed", Number(seed.value)),
    })
    const all = [h("label", { className: "lit-stage" }, h("span", {}, "Stage"), stage), ...rows]
    this.#form.replaceChildren(...all, h("label", {}, h("span", {}, "Seed"), seed))
  }

  /** @param {keyof Settings} key @param {any} value */
  #change(key, value) {
    this.#settings = { ...this.#settings, [key]: value }
    if (key !== "lr" || !this.#frame.steps) return void this.#make()
    this.#untouched = false
    this.#send("rate", value)
    this.#address()
    this.#draw()
  }

  /** @param {Settings} settings */
  #set(settings) {
    this.#settings = settings
    this.#controls()
    return this.#make()
  }

  /** A new run, with the settings of the moment when the worker is free; the old one turns grey. */
  #make() {
    this.#stale = true
    this.#making ??= (async () => {
      while (this.#stale) {
        this.#stale = false
        const settings = this.#settings
        const frame = await this.#send("make", { ...settings })
        if (this.#run.losses.length) this.#last = this.#run
        this.#run = { settings, losses: [], updates: [] }
        this.#untouched = true
        this.show(frame)
      }
      this.#making = null
    })()
    return this.#making
  }

  /** @param {number} until steps */
  async train(until) {
    await this.#making
    const mine = ++this.#trainings
    this.#training = true
    this.#go.textContent = "Stop"
    this.#status.textContent = "Training …"
    await this.#send("train", { until, slowly: this.#slow.checked })
    if (mine !== this.#trainings) return
    this.#training = false
    this.#go.textContent = "Train"
    this.#report()
  }

  /** @param {Frame} frame */
  show(frame) {
    for (const loss of frame.losses) this.#run.losses.push(loss)
    this.#run.updates.push(...frame.updates)
    this.#frame = { ...frame, view: frame.view ?? this.#frame.view }
    if (!this.#training) this.#report()
    this.#draw()
    if (frame.ends) this.#address()
  }

  #report() {
    const { steps, diverged, evaluation, parameters } = this.#frame
    const count = steps.toLocaleString("en")
    const losses = evaluation &&
      `Train loss ${evaluation.train.toFixed(4)}, dev loss ${evaluation.dev.toFixed(4)}.`
    const said = [
      `${parameters.toLocaleString("en")} parameters. `,
      steps === 0 ? "No step taken yet." : `${count} ${steps === 1 ? "step" : "steps"} taken. `,
      diverged ? "The loss is no longer a number: training has diverged. " : losses ?? "",
    ]
    this.#status.textContent = said.join("")
  }

  /** State in the address, so that it can be linked to. */
  #address() {
    const query = toQuery(this.#lecture, this.#settings, this.#frame.steps)
    history.replaceState(null, "", `?${query}${location.hash}`)
  }

  #draw() {
    const settings = this.#settings
    const state = { run: this.#run, last: this.#last, frame: this.#frame, log: this.#log.checked }
    this.#panels.draw({
      ...state,
      lecture: this.#lecture,
      fromLecture: this.#corpus.fromLecture,
      settings,
      untouched: this.#untouched,
    })
    this.guide.see(settings, state)
    const changed = changes(this.#lecture, settings).length
    this.#host.dataset.state = `${this.#frame.steps} ${changed ? "changed" : "as in the lecture"}`
  }
}

/** @param {string} text @param {() => void} click @param {boolean} [primary] */
function button(text, click, primary = false) {
  const className = `md-button${primary ? " md-button--primary" : ""}`
  return h("button", { type: "button", className, click }, text)
}
