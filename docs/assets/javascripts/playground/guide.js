/** Leads through the missions, whose words stand in the page under a heading of their own. */

import { h } from "./dom.js"
import { MISSIONS } from "./missions.js"

/** @import {Settings} from "./types.js" */
/** @import {Mission, Sight} from "./missions.js" */

/**
 * @typedef {object} Playground
 * @property {(settings: Settings) => void} start
 * @property {(stage: string) => Settings} preset
 * @property {() => void} focus
 */

export class Guide {
  /** @type {{mission: Mission, done: boolean[], before: Sight[], boxes: HTMLElement[]} | null} */
  #now = null
  /** @type {(() => void) | null} */
  #putBack = null

  /** @param {Playground} playground */
  constructor(playground) {
    this.playground = playground
    this.element = h("section", { className: "lit-mission", hidden: true })
    this.element.setAttribute("aria-label", "Mission")
    for (const mission of MISSIONS) this.#offer(mission)
  }

  /** A button below the heading of each mission. @param {Mission} mission */
  #offer(mission) {
    const heading = document.getElementById(mission.id)
    if (!heading) throw new Error(`the page has no heading for the mission ${mission.id}`)
    const words = until(heading)
    const start = h("button", {
      type: "button",
      className: "md-button",
      click: () => this.#begin(mission, heading, words, start),
    }, "Start this mission")
    heading.after(start)
    const [predictions] = words.filter((element) => element.matches("ul"))
    const verdict = h("p", { role: "status" })
    predictions?.after(verdict)
    words.splice(words.indexOf(predictions) + 1, 0, verdict)
    predictions?.querySelectorAll("li").forEach((item, i) => {
      const choice = h("input", {
        type: "radio",
        name: mission.id,
        change: () => {
          verdict.textContent = i === mission.answer
            ? "Now see whether it happens."
            : "Now see what happens; it may surprise you."
        },
      })
      const label = h("label", {}, choice, " ", ...item.childNodes)
      item.replaceChildren(label)
    })
  }

  /**
   * The mission's words move next to the controls, and back when it ends.
   * @param {Mission} mission @param {HTMLElement} heading @param {Element[]} words
   * @param {HTMLElement} start
   */
  #begin(mission, heading, words, start) {
    this.#putBack?.()
    const goals = words.filter((element) => element.matches("ol")).flatMap((list) => [
      ...list.querySelectorAll("li"),
    ])
    const boxes = goals.map((goal) => {
      const box = goal.querySelector(".lit-tick") ?? h("span", { className: "lit-tick" })
      box.textContent = "to see: "
      goal.prepend(box)
      goal.classList.remove("lit-seen")
      return /** @type {HTMLElement} */ (box)
    })
    const end = h("button", {
      type: "button",
      className: "md-button",
      click: () => {
        this.#putBack?.()
        start.focus()
      },
    }, "End the mission")
    const title = h(
      "p",
      { className: "lit-title", tabIndex: -1 },
      heading.firstChild?.textContent ?? "",
    )
    this.element.replaceChildren(title, ...words, end)
    this.element.hidden = false
    start.hidden = true
    this.#putBack = () => {
      start.after(...words)
      start.hidden = false
      this.element.hidden = true
      this.#now = this.#putBack = null
    }
    this.#now = { mission, done: goals.map(() => false), before: [], boxes }
    this.playground.start({ ...this.playground.preset(mission.start.stage), ...mission.start })
    this.playground.focus()
    title.focus({ preventScroll: true })
  }

  /**
   * Tick off what there is to be seen at this moment.
   * @param {Settings} settings
   * @param {{run: import("./views.js").Record, frame: import("./worker.js").Frame}} state
   */
  see(settings, { run, frame }) {
    const now = this.#now
    if (!now) return
    const sight = {
      settings,
      steps: frame.steps,
      view: frame.view,
      losses: run.losses.slice(0, 1),
      updates: run.updates.slice(),
      before: now.before,
    }
    now.mission.goals.forEach((test, i) => {
      if (now.done[i] || !test(sight)) return
      now.done[i] = true
      now.boxes[i].textContent = "seen: "
      now.boxes[i].closest("li")?.classList.add("lit-seen")
    })
    if (frame.ends) now.before.push({ ...sight, before: [] })
    if (now.done.every(Boolean)) this.element.dataset.done = "true"
    else delete this.element.dataset.done
  }
}

/** What stands between a heading and the next. @param {Element} heading */
function until(heading) {
  const found = []
  for (let next = heading.nextElementSibling; next; next = next.nextElementSibling) {
    if (/^H[1-3]$/.test(next.tagName)) break
    found.push(next)
  }
  return found
}
