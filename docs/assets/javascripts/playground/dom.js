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
 * @param {string} name @param {string} label @param {any[]} values @param {any} value
 * @param {string} text the value as a reader writes it
 */
export const slider = (name, label, values, value, text) =>
  `<label class="lit-slider"><span>${label}</span><input type="range" name="${name}" min="0"
    max="${values.length - 1}" value="${values.indexOf(value)}" aria-valuetext="${text}">
    <output>${text}</output></label>`

/** Say where a slider stands now. @param {HTMLInputElement} input @param {string} text */
export function tellSlider(input, text) {
  input.setAttribute("aria-valuetext", text)
  const output = input.nextElementSibling
  if (output) output.textContent = text
}

/** Brings the style sheet that belongs to these modules. */
export function style() {
  const link = document.createElement("link")
  const loaded = new Promise((resolve, reject) => {
    link.onload = resolve
    link.onerror = reject
  })
  link.rel = "stylesheet"
  link.href = new URL("playground.css", import.meta.url).href
  document.head.append(link)
  return loaded
}

/**
 * The worker, which answers commands, and sends frames while it trains.
 * @param {(frame: import("./worker.js").Frame) => void} onFrame
 */
export function connect(onFrame) {
  const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" })
  /** @type {PromiseWithResolvers<any>[]} */
  const asked = []
  worker.onmessage = ({ data: { frame, id, answer, error } }) => {
    if (frame) onFrame(frame)
    else if (error) asked[id].reject(new Error(error))
    else asked[id].resolve(answer)
  }
  worker.onerror = () =>
    asked.forEach(({ reject }) => reject(new Error("the worker did not start")))
  return (/** @type {string} */ command, /** @type {any} */ argument = null) => {
    const id = asked.push(Promise.withResolvers()) - 1
    worker.postMessage({ id, command, argument })
    return asked[id].promise
  }
}
