/** Pieces of HTML, and the worker, in few words. */

/** The element that a piece of HTML describes. @param {string} html */
export function element(html) {
  const made = document.createElement("template")
  made.innerHTML = html
  return /** @type {HTMLElement} */ (made.content.firstElementChild)
}

/** @param {string} text @param {string} what it does, for whoever listens @param {string} [kind] */
export const button = (text, what, kind = "") =>
  `<button type="button" class="md-button ${kind}" data-do="${what}">${text}</button>`

/** A table that can be scrolled has a place of its own. @param {string} label */
export const tablePlace = (label) =>
  `<div class="lit-table" tabindex="0" role="group" aria-label="${label}"></div>`

/** @param {string[]} head @param {string[][]} rows */
export function table(head, rows) {
  const line = (/** @type {string[]} */ cells, /** @type {string} */ tag) =>
    `<tr>${cells.map((cell) => `<${tag}>${cell}</${tag}>`).join("")}</tr>`
  const body = rows.map((row) => line(row, "td")).join("")
  return `<table class="lit"><thead>${line(head, "th")}</thead><tbody>${body}</tbody></table>`
}

/**
 * A slider through the values of a list.
 * @param {string} name @param {string} label @param {[any, string][]} values each as a reader
 *     writes it @param {any} value
 */
export function slider(name, label, values, value) {
  const at = values.findIndex(([each]) => each === value)
  return `<label class="lit-slider"><span>${label}</span><input type="range" name="${name}" min="0"
    max="${values.length - 1}" value="${at}" aria-valuetext="${values[at][1]}">
    <output>${values[at][1]}</output></label>`
}

/** Say where a slider stands now. @param {HTMLInputElement} input @param {string} text */
export function tellSlider(input, text) {
  input.setAttribute("aria-valuetext", text)
  input.nextElementSibling?.replaceChildren(text)
}

/** Brings the style sheet that belongs to these modules. */
export function style() {
  const link = element(
    `<link rel="stylesheet" href="${new URL("playground.css", import.meta.url)}">`,
  )
  document.head.append(link)
  return new Promise((resolve, reject) => {
    link.onload = resolve
    link.onerror = reject
  })
}

/** The worker; what it is asked for waits until it has answered what was asked before. */
export function connect() {
  const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" })
  /** @type {Promise<any>} */
  let last = Promise.resolve()
  return (/** @type {string} */ command, /** @type {any} */ argument = null) =>
    last = last.catch(() => {}).then(() =>
      new Promise((resolve, reject) => {
        worker.onmessage = ({ data: { answer, error } }) =>
          error ? reject(new Error(error)) : resolve(answer)
        worker.onerror = () => reject(new Error("the worker did not start"))
        worker.postMessage({ command, argument })
      })
    )
}

/** Work that is done once more if it's called meanwhile. @param {() => Promise<void>} work */
export function latest(work) {
  let wanted = false
  /** @type {Promise<void> | null} */
  let busy = null
  return () => {
    wanted = true
    return busy ??= (async () => {
      while (wanted) {
        wanted = false
        await work()
      }
      busy = null
    })()
  }
}
