/** Names, and the examples that a net learns from; as `makemore3.data`. */

import { Twister } from "./random.js"

/** @typedef {ReturnType<typeof dataset>} Names */
/** @typedef {ReturnType<typeof distinct>} Distinct */

export const CHARACTERS = ".abcdefghijklmnopqrstuvwxyz"
export const CONTEXT = 3

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

/**
 * Words of a sorted list, of which each line has the number of letters that it shares with the one
 * before, and the others.
 * @param {string} text
 */
export function unfold(text) {
  let word = ""
  return text.replace(/(\d)(.*)/g, (_, shared, rest) => word = word.slice(0, shared) + rest)
}

/** Shuffle as the lecture does; 80 % of the names are to train on, 10 % dev. @param {string[]} words */
export function dataset(words) {
  const shuffled = Twister.python(42).shuffle([...words])
  const [train, dev] = [0.8, 0.9].map((share) => Math.trunc(share * words.length))
  return { train: examples(shuffled.slice(0, train)), dev: examples(shuffled.slice(train, dev)) }
}

/** One example a character, the end included: a context and what follows. @param {string[]} words */
function examples(words) {
  const size = words.reduce((sum, word) => sum + word.length + 1, 0)
  const split = { size, x: new Uint8Array(CONTEXT * size), y: new Uint8Array(size) }
  let i = 0
  for (const word of words) {
    let context = [0, 0, 0]
    for (const character of `${word}.`) {
      split.x.set(context, CONTEXT * i)
      split.y[i] = CHARACTERS.indexOf(character)
      context = [...context.slice(1), split.y[i++]]
    }
  }
  return split
}

/**
 * The different contexts of a split, and how often each character follows.
 * @param {Names["train"]} split
 */
export function distinct({ x, y, size }) {
  const vocab = CHARACTERS.length
  /** @type {Uint32Array[]} */
  const follows = [] // at the number whose digits the context is
  for (let i = 0; i < size; i++) {
    const key = (vocab * x[CONTEXT * i] + x[CONTEXT * i + 1]) * vocab + x[CONTEXT * i + 2]
    follows[key] ??= new Uint32Array(vocab)
    follows[key][y[i]]++
  }
  const keys = Object.keys(follows).map(Number)
  const digits = [vocab * vocab, vocab, 1]
  const contexts = keys.flatMap((key) => digits.map((digit) => Math.trunc(key / digit) % vocab))
  return { contexts: Uint8Array.from(contexts), follows: keys.map((key) => follows[key]), size }
}

/** @param {BufferSource} bytes */
export async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("")
}
