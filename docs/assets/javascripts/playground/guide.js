/** Leads through the missions, whose words stand in the page under a heading of their own. */

import { button, element } from "./dom.js"
import { look, MISSIONS } from "./missions.js"

/** @import {Goal, Moment, Sight} from "./missions.js" */

/**
 * @param {HTMLElement} place of the mission that is under way
 * @param {(query: string) => void} start the playground anew
 * @param {(view?: number) => void} focus on a view, or on none
 */
export function guide(place, start, focus) {
  /** @type {{goals: Goal[], boxes: Element[], before: Sight[], end: () => void} | null} */
  let now = null

  for (const [id, query, view, answer, goals] of MISSIONS) {
    const heading = document.getElementById(id)
    const begin = heading?.nextElementSibling
    if (!(begin instanceof HTMLButtonElement)) throw new Error(`the page has no mission ${id}`)
    const words = until(begin)
    const predictions = words.findIndex((each) => each.matches("ul"))
    const verdict = element(`<p role="status"></p>`)
    words.splice(predictions + 1, 0, verdict)
    words[predictions].after(verdict)
    words[predictions].querySelectorAll("li").forEach((item, i) => {
      const label = element(`<label><input type="radio" name="${id}"><span></span></label>`)
      label.lastElementChild?.append(...item.childNodes)
      label.oninput = () => {
        const right = "Now see whether it happens."
        verdict.textContent = i === answer ? right : "Now see what happens; it may surprise you."
      }
      item.append(label)
    })
    begin.onclick = () => {
      now?.end()
      const title = element(
        `<p class="lit-title" tabindex="-1">${heading?.firstChild?.textContent}</p>`,
      )
      const stop = element(button("End the mission", "end"))
      place.replaceChildren(title, ...words, stop)
      const boxes = [...place.querySelectorAll("ol > li")].map((goal) => {
        const box = goal.querySelector(".lit-tick") ?? element(`<span class="lit-tick"></span>`)
        box.textContent = "to see: "
        goal.prepend(box)
        goal.classList.remove("lit-seen")
        return box
      })
      if (boxes.length !== goals.length) throw new Error(`${id}: expected ${goals.length} goals`)
      now = { goals, boxes, before: [], end }
      stop.onclick = () => {
        end()
        begin.focus()
      }
      place.hidden = false
      begin.hidden = true
      focus(view)
      start(query)
      title.focus({ preventScroll: true })
    }
    const end = () => {
      begin.after(...words)
      begin.hidden = false
      place.hidden = true
      focus()
      now = null
    }
  }

  /**
   * Tick off what there is to be seen at this moment; a run that rests is remembered.
   * @param {Moment} moment @param {boolean} rests
   */
  return (moment, rests) => {
    if (!now) return
    const { goals, boxes, before } = now
    const sight = look({ ...moment, updates: [...moment.updates] })
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
    if (/^H[1-3]$/.test(next.tagName)) break
    found.push(next)
  }
  return found
}
