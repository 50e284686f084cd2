/** Which names the net learns: the ones that come along, or the lecture's own. */

import lecture from "../../playground/lecture.json" with { type: "json" }
import { sha256 } from "./data.js"
import { button } from "./dom.js"

/** @import {Corpus} from "./worker.js" */

/**
 * @param {HTMLElement} place @param {Corpus} corpus in use at first
 * @param {(bytes: ArrayBuffer) => Promise<Corpus>} use
 */
export function namesPanel(place, corpus, use) {
  const { url, size, sha256: wanted } = lecture.names
  const host = new URL(url).host
  place.innerHTML = `<h2>The names</h2><p role="status"></p>
    <label>A file of your own, one name a line: <input type="file" accept=".txt,text/plain"></label>
    <p>${button("Fetch", "fetch")} the lecture's names.txt (${Math.round(size / 1000)} kB): this
    asks ${host}, which then knows your address, and nothing else. The digest is checked before
    use.</p>`
  const says = /** @type {HTMLElement} */ (place.querySelector("[role=status]"))
  const file = /** @type {HTMLInputElement} */ (place.querySelector("input"))
  /** @param {Corpus} used */
  function tell({ count, fromLecture }) {
    const which = fromLecture
      ? "the lecture's own, byte for byte: its published numbers can come out."
      : "another corpus than the lecture's, so other numbers than the published ones come out."
    says.textContent = `In use: ${count.toLocaleString("en")} names, ${which}`
  }
  /** @param {Promise<ArrayBuffer> | undefined} bytes */
  async function take(bytes) {
    try {
      if (bytes) tell(await use(await bytes))
    } catch (error) {
      says.textContent = `Not used: ${/** @type {Error} */ (error).message}`
    }
  }
  async function fetched() {
    const response = await fetch(url, { referrerPolicy: "no-referrer", credentials: "omit" })
    if (!response.ok) throw new Error(`${host} answers ${response.status}`)
    const bytes = await response.arrayBuffer()
    if (await sha256(bytes) === wanted) return bytes
    throw new Error(`expected ${size} bytes with the digest of the lecture's file, got others`)
  }
  tell(corpus)
  file.onchange = () => take(file.files?.[0]?.arrayBuffer())
  return { fetch: () => take(fetched()) }
}
