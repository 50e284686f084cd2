/** Elements, and the worker, in few words. */

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} [properties] a function listens, `aria-` and `data-` are attributes
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(name, value)
    else if (name in element) /** @type {any} */ (element)[name] = value
    else element.setAttribute(name, value)
  }
  element.append(...children)
  return element
}

/**
 * A slider through the values of a list.
 * @template T
 * @param {string} label @param {T[]} values @param {T} value
 * @param {(value: T) => string} shown @param {(value: T) => void} changed
 */
export function slider(label, values, value, shown, changed) {
  const output = h("output", {}, shown(value))
  const input = h("input", {
    type: "range",
    min: "0",
    max: String(values.length - 1),
    value: String(values.indexOf(value)),
    "aria-valuetext": shown(value),
    input() {
      const chosen = values[Number(input.value)]
      show(chosen)
      changed(chosen)
    },
  })
  /** @param {T} chosen */
  function show(chosen) {
    output.textContent = shown(chosen)
    input.setAttribute("aria-valuetext", shown(chosen))
  }
  return {
    element: h("label", { className: "lit-slider" }, h("span", {}, label), input, output),
    input,
    /** @param {T} chosen */
    set(chosen) {
      input.value = String(values.indexOf(chosen))
      show(chosen)
    },
  }
}

/** Brings the style sheet that belongs to these modules, once. */
export function style() {
  const href = new URL("playground.css", import.meta.url).href
  const present = document.querySelector(`link[href="${href}"]`)
  if (present) return Promise.resolve()
  return /** @type {Promise<void>} */ (new Promise((resolve, reject) => {
    const link = h("link", { rel: "stylesheet", href, load: () => resolve(), error: reject })
    document.head.append(link)
  }))
}

/**
 * The worker, which answers commands, and sends frames while it trains.
 * @param {(frame: import("./worker.js").Frame) => void} onFrame
 */
export function connect(onFrame) {
  const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" })
  /** @type {Map<number, {resolve: (answer: any) => void, reject: (error: Error) => void}>} */
  const waiting = new Map()
  let count = 0
  worker.addEventListener("message", ({ data }) => {
    if (data.frame) return onFrame(data.frame)
    const asked = waiting.get(data.id)
    waiting.delete(data.id)
    if (data.error) asked?.reject(new Error(data.error))
    else asked?.resolve(data.answer)
  })
  worker.addEventListener("error", () => {
    for (const { reject } of waiting.values()) reject(new Error("the worker did not start"))
  })
  return (
    /** @type {string} */ command,
    /** @type {any} */ argument = null,
  ) => /** @type {Promise<any>} */ (new Promise((resolve, reject) => {
    waiting.set(++count, { resolve, reject })
    worker.postMessage({ id: count, command, argument })
  }))
}
