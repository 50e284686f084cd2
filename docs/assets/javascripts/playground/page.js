/** The playground's page: puts settings, run, views, missions and published numbers together. */

import { changes, controls, form, fromQuery, stages, toQuery } from "./controls.js"
import { button, connect, latest, style, table, tablePlace, tellSlider } from "./dom.js"
import { guide } from "./guide.js"
import { namesPanel } from "./names.js"
import { percent, short } from "./plots.js"
import { compare } from "./published.js"
import { SHORT_RUN, WHOLE_RUN } from "./run.js"
import { keep, nothing, VIEWS } from "./views.js"

/** @import {Settings} from "./controls.js" */
/** @import {View} from "./diagnostics.js" */
/** @import {Frame} from "./worker.js" */

const FIGURES = Object.entries(VIEWS).map(([name, [title]]) =>
  `<figure data-view="${name}"><figcaption>${title}</figcaption><div></div><p></p></figure>`
)

const PARTS = `
<div class="lit-desk">
  <section class="lit-mission" aria-label="Mission" hidden></section>
  <div><form></form><div class="lit-plots"></div></div>
</div>
<div class="lit-console">
  <div class="lit-bar" role="group" aria-label="Run">
    ${button("Train", "go", "md-button--primary")} ${button("One step", "one")}
    ${button("To step 1,000", "short")} ${button("Whole run", "whole")} ${button("Again", "again")}
    <label><input type="checkbox" name="slow"> slow motion</label>
    <label><input type="checkbox" name="log"> logarithmic loss</label>
    <label class="lit-layer">layer of the map <select name="layer"></select></label>
  </div>
  <p class="lit-status" role="status"></p>
</div>
<p>The first layer is the palest, the last the fullest. Grey: the run before.</p>
<div class="lit-plots lit-all">${FIGURES.join("")}</div>
<h2>Layer by layer</h2>
${tablePlace("Layer by layer")}
<h2>Names it makes up now</h2>
<p class="lit-sampled"></p>
<h2>The published digits</h2>
<p class="lit-agree"></p>
${tablePlace("Published numbers")}
<section class="lit-names" aria-label="The names"></section>`

/** @param {HTMLElement} host @param {string} query of the address, or empty */
export async function open(host, query) {
  const send = connect()
  /** @type {[import("./worker.js").Corpus, any]} */
  let [corpus] = await Promise.all([send("open"), style()])
  let { settings, step } = fromQuery(query)
  /** @type {Frame} */
  let frame = await send("make", settings)
  let run = nothing()
  let last = nothing()
  let untouched = true // the learning rate was not changed on the way
  let goal = 0 // steps to train to
  let training = false
  let making = Promise.resolve()

  host.innerHTML = PARTS
  host.classList.add("lit-play--open")
  /** @template {HTMLElement} [T=HTMLElement] @param {string} selector */
  const find = (selector) => /** @type {T} */ (host.querySelector(selector))
  /** @type {HTMLSelectElement} */
  const layer = find("[name=layer]")
  const ticked = (/** @type {string} */ name) =>
    /** @type {HTMLInputElement} */ (find(`[name=${name}]`)).checked
  const figures = [...host.querySelectorAll("figure")]
  const [layers, published] = host.querySelectorAll(".lit-table")
  const names = namesPanel(find(".lit-names"), corpus, async (bytes) => {
    goal = 0
    corpus = await send("names", bytes)
    await make()
    last = nothing()
    return corpus
  })
  const see = guide(find(".lit-mission"), async (start) => {
    host.scrollIntoView({ block: "start" })
    run = nothing()
    await set(fromQuery(start).settings)
    last = nothing()
    draw()
  }, (view) => {
    find(".lit-all").append(...figures)
    if (view) find(".lit-plots").append(find(`[data-view=${view}]`)) // beside the controls
  })

  /** @type {Record<string, () => unknown>} */
  const deeds = {
    go: () => training ? goal = 0 : train(WHOLE_RUN),
    one: () => train(frame.steps + 1),
    short: () => train(SHORT_RUN),
    whole: () => train(WHOLE_RUN),
    again: make,
    fetch: names.fetch,
  }
  host.addEventListener("click", ({ target }) => {
    deeds[target instanceof HTMLElement && target.dataset.do || ""]?.()
  })
  host.addEventListener("submit", (event) => event.preventDefault())
  host.addEventListener("input", ({ target }) => {
    const input = /** @type {HTMLInputElement} */ (target)
    const { name, value, checked, type } = input
    if (name === "stage") {
      set(stages[value].settings)
      find("[name=stage]").focus() // in the new form
    } else if (name === "seed") input.validity.valid && value && change(name, Number(value))
    else if (name in controls) {
      const isSlider = type === "range"
      const [chosen, text] = controls[name].values[Number(isSlider ? value : checked)]
      if (isSlider) tellSlider(input, text)
      change(name, chosen)
    } else draw()
  })

  /** @param {Settings} wanted */
  function set(wanted) {
    settings = wanted
    find("form").innerHTML = form(settings)
    return make()
  }

  /** @param {string} key @param {any} value */
  function change(key, value) {
    settings = { ...settings, [key]: value }
    if (key !== "lr" || !frame.steps) return void make()
    untouched = false
    send("rate", value)
    address()
    draw()
  }

  const remake = latest(async () => {
    const made = await send("make", settings)
    if (run.losses.length) last = run
    run = nothing()
    untouched = true
    show(made)
  })

  /** A new run, with the settings of the moment when the worker is free; the old one turns grey. */
  function make() {
    goal = 0
    return making = remake()
  }

  /** @param {number} until steps */
  async function train(until) {
    await (frame.steps < until ? making : make())
    goal = Math.min(until, WHOLE_RUN)
    if (training || frame.steps >= goal) return
    training = true
    find("[data-do=go]").textContent = "Stop"
    find(".lit-status").textContent = "Training …"
    const ask = () => send("train", { until: goal, slowly: ticked("slow") })
    /** @type {Promise<Frame> | null} */
    let coming = ask()
    while (coming) {
      const next = /** @type {Frame} */ (await coming) // drawn while the worker trains on
      const done = next.steps >= goal || next.diverged
      coming = !done ? ask() : next.ends ? null : send("rest")
      show(next)
    }
    training = false
    find("[data-do=go]").textContent = "Train"
    report()
  }

  /** @param {Frame} next */
  function show(next) {
    keep(run, next)
    frame = next
    if (!training) report()
    draw()
    if (frame.ends) address()
  }

  function report() {
    const { steps, diverged, evaluation, parameters } = frame
    const taken = `${steps.toLocaleString("en")} ${steps === 1 ? "step" : "steps"} taken.`
    const losses = evaluation &&
      `Train loss ${evaluation.train.toFixed(4)}, dev loss ${evaluation.dev.toFixed(4)}.`
    const end = diverged ? "The loss is no longer a number: training has diverged." : losses ?? ""
    find(".lit-status").textContent = `${parameters.toLocaleString("en")} parameters. ` +
      (steps ? `${taken} ${end}` : "No step taken yet.")
  }

  /** State in the address, so that it can be linked to. */
  function address() {
    const query = toQuery(settings, frame.steps)
    history.replaceState(null, "", `?${query}${location.hash}`)
  }

  function draw() {
    const { view, sampled, ends } = frame
    if (layer.length !== view.out.length) {
      layer.innerHTML = view.out.map(({ name }) => `<option>${name}</option>`).join("")
      find(".lit-layer").hidden = view.out.length < 2
    }
    const state = { run, last, view, log: ticked("log"), layer: Math.max(0, layer.selectedIndex) }
    Object.values(VIEWS).forEach(([, show], i) => {
      const shown = show(state)
      figures[i].hidden = !shown
      if (!shown) return
      figures[i].children[1].innerHTML = shown.drawing
      figures[i].children[2].textContent = shown.says
    })
    layers.innerHTML = tableOfLayers(view)
    if (sampled.length) find(".lit-sampled").textContent = sampled.slice(0, 10).join(", ")
    agree()
    see(ends, settings, run, view)
  }

  function agree() {
    const known = corpus.fromLecture && untouched && !changes(settings).length
    const rows = known ? compare(settings, run.losses, frame) : []
    const due = rows.filter(([, , ours]) => ours !== "not yet")
    const met = rows.filter(([, , , verdict]) => verdict === "agrees")
    find(".lit-agree").textContent = known
      ? `${met.length} of ${due.length} agree so far, of ${rows.length} published.`
      : corpus.fromLecture
      ? "These settings were never published: choose a stage of the lecture, and change nothing."
      : "With these names other numbers come out than the lecturer's notebook printed. Choose " +
        "the lecture's names below, and his digits stand here beside the new ones."
    published.innerHTML = known ? table(["quantity", "published", "here", "verdict"], rows) : ""
    published.toggleAttribute("hidden", !known)
  }

  find("form").innerHTML = form(settings)
  show(frame)
  if (step) await train(step)
}

/** @param {View} view */
function tableOfLayers({ threshold, out, saturation, gradient }) {
  const head = ["layer", "mean", "std", `beyond ±${threshold}`, "dead", "gradient std"]
  const rows = out.map(({ name, mean, std }, i) => {
    const { share, dead, units } = saturation[i] ?? {}
    const flat = saturation[i] ? [percent(share), `${dead}\u00a0of\u00a0${units}`] : ["–", "–"]
    return [name, short(mean), short(std), ...flat, gradient[i].std.toExponential(2)]
  })
  return table(head, rows)
}
