/** Names, and the examples that a net learns from; as `makemore3.data`. */

import lecture from "../../playground/lecture.json" with { type: "json" }
import { Twister } from "./random.js"

/** @typedef {ReturnType<typeof dataset>} Names */
/** @typedef {ReturnType<typeof distinct>} Distinct */

export const CHARACTERS = lecture.characters
export const VOCAB = CHARACTERS.length
export const CONTEXT = 3

/**
 * The next context: a number, of which the digits to the base of VOCAB are characters.
 * @param {number} context @param {number} character
 */
export const after = (context, character) => (VOCAB * context + character) % VOCAB ** CONTEXT

/** @param {string} text one lower-case name a line */
export function parse(text) {
  const words = text.replaceAll("\r\n", "\n").replace(/\n$/, "").split("\n")
  const wrong = words.findIndex((word) => !/^[a-z]+$/.test(word))
  if (wrong >= 0) {
    throw new Error(`line ${wrong + 1}: expected a lower-case name of a-z, got "${words[wrong]}"`)
  }
  if (words.length < 6) throw new Error(`expected 6 names or more, got ${words.length}`)
  return words
}

/** Undo `front_coded`: a digit says how much is as in the line before. @param {string} text */
export function unfold(text) {
  let word = ""
  return text.replace(/(\d)(.*)/g, (_, shared, rest) => word = word.slice(0, shared) + rest)
}

/** Shuffle as the lecture does; 80 % of the names train, 10 % are dev. @param {string[]} words */
export function dataset(words) {
  const shuffled = Twister.python(42).shuffle([...words])
  const [train, dev] = [0.8, 0.9].map((share) => Math.trunc(share * words.length))
  return { train: examples(shuffled.slice(0, train)), dev: examples(shuffled.slice(train, dev)) }
}

/** One example a character, and the end: a context, and what follows. @param {string[]} words */
function examples(words) {
  const y = Uint8Array.from(words.map((word) => `${word}.`).join(""), (c) => CHARACTERS.indexOf(c))
  let context = 0
  const x = Uint16Array.from(y, (_, i) => context = y[i - 1] ? after(context, y[i - 1]) : 0)
  return { x, y }
}

/** The different contexts, and how often each character follows. @param {Names["dev"]} split */
export function distinct({ x, y }) {
  /** @type {Uint32Array[]} */
  const follows = [] // at the number of the context
  x.forEach((context, i) => (follows[context] ??= new Uint32Array(VOCAB))[y[i]]++)
  const contexts = Object.keys(follows).map(Number)
  return { contexts, follows: Object.values(follows), size: y.length }
}

/** @param {BufferSource} bytes */
export async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("")
}
