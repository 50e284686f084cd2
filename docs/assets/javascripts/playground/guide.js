/** Leads through the missions, whose words stand in the page under a heading of their own. */

import { button, element } from "./dom.js"
import { look, MISSIONS } from "./missions.js"

/** @import {Settings} from "./controls.js" */
/** @import {View} from "./diagnostics.js" */
/** @import {Goal, Sight} from "./missions.js" */
/** @import {Kept, ViewName} from "./views.js" */

/**
 * @param {HTMLElement} place of the mission that is under way
 * @param {(query: string) => void} start the playground anew
 * @param {(view?: ViewName) => void} focus on a view, or on none
 */
export function guide(place, start, focus) {
  /** @type {{goals: Goal[], boxes: Element[], before: Sight[], end: () => void} | null} */
  let now = null

  for (const [id, query, view, answer, goals] of MISSIONS) {
    const [heading, begin, predictions] = [`#${id}`, `#${id} + button`, `#${id} ~ ul`].map((
      each,
    ) => /** @type {HTMLElement} */ (document.querySelector(each)))
    const verdict = element(`<p role="status"></p>`)
    predictions.after(verdict)
    predictions.querySelectorAll("li").forEach((item, i) => {
      const radio = `<input type="radio" name="mission-${id}">` // no name of a setting
      const label = element(`<label>${radio}<span></span></label>`)
      label.lastElementChild?.append(...item.childNodes)
      label.oninput = () => {
        const right = "Now see whether it happens."
        verdict.textContent = i === answer ? right : "Now see what happens; it may surprise you."
      }
      item.append(label)
    })
    const words = until(begin)
    const end = () => {
      begin.after(...words)
      begin.hidden = false
      place.hidden = true
      focus()
      now = null
    }
    begin.onclick = () => {
      now?.end()
      const title = element(
        `<p class="lit-title" tabindex="-1">${heading.firstChild?.textContent}</p>`,
      )
      const stop = element(button("End the mission", "end"))
      stop.onclick = () => {
        end()
        begin.focus()
      }
      place.replaceChildren(title, ...words, stop)
      const boxes = [...place.querySelectorAll("ol > li")].map((goal) => {
        const box = goal.querySelector(".lit-tick") ?? element(`<span class="lit-tick"></span>`)
        box.textContent = "to see: "
        goal.prepend(box)
        goal.classList.remove("lit-seen")
        return box
      })
      now = { goals, boxes, before: [], end }
      place.hidden = false
      begin.hidden = true
      focus(view)
      start(query)
      title.focus({ preventScroll: true })
    }
  }

  /**
   * Tick off what there is to be seen now; a run that rests is remembered.
   * @param {boolean} rests @param {Settings} settings @param {Kept} run @param {View} view
   */
  return (rests, settings, run, view) => {
    if (!now) return
    const { goals, boxes, before } = now
    const sight = look(settings, run, view)
    goals.forEach((test, i) => {
      if (!test(sight, before)) return
      boxes[i].textContent = "seen: "
      boxes[i].parentElement?.classList.add("lit-seen")
    })
    if (rests) before.push(sight)
    place.toggleAttribute("data-done", boxes.every((box) => box.textContent === "seen: "))
  }
}

/** What stands between a button and the next heading. @param {Element} button */
function until(button) {
  const found = []
  for (let next = button.nextElementSibling; next; next = next.nextElementSibling) {
    if (next.matches("h1, h2, h3")) break
    found.push(next)
  }
  return found
}
