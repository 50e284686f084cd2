/** Which names the net learns: the ones that come along, or the lecture's own. */

import { sha256 } from "./data.js"
import { h } from "./dom.js"

/**
 * @param {any} lecture
 * @param {{count: number, fromLecture: boolean}} corpus in use at first
 * @param {(bytes: ArrayBuffer) => Promise<{count: number, fromLecture: boolean}>} use
 */
export function namesPanel(lecture, corpus, use) {
  const { url, size, sha256: wanted } = lecture.names
  const host = new URL(url).host
  const says = h("p", { role: "status" })
  /** @param {{count: number, fromLecture: boolean}} used */
  const tell = ({ count, fromLecture }) => {
    const which = fromLecture
      ? "the lecture's own, byte for byte: its published numbers can come out."
      : "another corpus than the lecture's, so other numbers than the published ones come out."
    says.textContent = `In use: ${count.toLocaleString("en")} names, ${which}`
  }
  /** @param {() => Promise<ArrayBuffer>} bring */
  const take = async (bring) => {
    try {
      tell(await use(await bring()))
    } catch (error) {
      says.textContent = `Not used: ${/** @type {Error} */ (error).message}`
    }
  }
  const file = h("input", {
    type: "file",
    accept: ".txt,text/plain",
    change: () =>
      file.files?.[0] && take(() => /** @type {File} */ (file.files?.[0]).arrayBuffer()),
  })
  const fetched = async () => {
    const response = await fetch(url, { referrerPolicy: "no-referrer", credentials: "omit" })
    if (!response.ok) throw new Error(`${host} answers ${response.status}`)
    const bytes = await response.arrayBuffer()
    if (await sha256(bytes) !== wanted) {
      throw new Error(`expected ${size} bytes with the digest of the lecture's file, got others`)
    }
    return bytes
  }
  tell(corpus)
  return h(
    "section",
    { className: "lit-names", "aria-label": "The names" },
    h("h2", {}, "The names"),
    says,
    h("label", {}, "A file of your own, one name a line: ", file),
    h(
      "p",
      {},
      h("button", { type: "button", className: "md-button", click: () => take(fetched) }, "Fetch"),
      ` the lecture's names.txt (${
        Math.round(size / 1000)
      } kB): this asks ${host}, which then knows ` +
        "your address, and nothing else. The digest is checked before use.",
    ),
  )
}
