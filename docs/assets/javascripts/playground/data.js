/** Names, and the examples that a net learns from; as `makemore3.data`. */

import { Twister } from "./random.js"

/** @import {Names, Split} from "./types.js" */

export const CHARACTERS = ".abcdefghijklmnopqrstuvwxyz"
export const CONTEXT = 3

/**
 * @param {string} text one lower-case name a line
 * @returns {string[]}
 */
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

/**
 * Shuffle as the lecture does; 80 % of the names are to train on, 10 % dev.
 * @param {string[]} words
 * @param {boolean} fromLecture
 * @returns {Names}
 */
export function dataset(words, fromLecture) {
  const shuffled = Twister.python(42).shuffle([...words])
  const n1 = Math.trunc(0.8 * words.length)
  const n2 = Math.trunc(0.9 * words.length)
  return {
    count: words.length,
    fromLecture,
    train: examples(shuffled.slice(0, n1)),
    dev: examples(shuffled.slice(n1, n2)),
  }
}

/**
 * One example a character, the end included.
 * @param {string[]} words
 * @returns {Split}
 */
function examples(words) {
  const size = words.reduce((sum, word) => sum + word.length + 1, 0)
  const split = { size, x: new Uint8Array(CONTEXT * size), y: new Uint8Array(size) }
  let i = 0
  for (const word of words) {
    const context = [0, 0, 0]
    for (const character of `${word}.`) {
      split.x.set(context, CONTEXT * i)
      split.y[i++] = CHARACTERS.indexOf(character)
      context.push(CHARACTERS.indexOf(character))
      context.shift()
    }
  }
  return split
}

/**
 * The different contexts of a split, and how often each character follows.
 * @param {Split} split
 */
export function distinct(split) {
  /** @type {Map<number, number>} */
  const places = new Map()
  /** @type {number[]} */
  const contexts = []
  /** @type {Uint32Array[]} */
  const follows = []
  for (let i = 0; i < split.size; i++) {
    const [a, b, c] = split.x.subarray(CONTEXT * i, CONTEXT * (i + 1))
    const key = (a * 27 + b) * 27 + c
    let place = places.get(key)
    if (place === undefined) {
      place = places.size
      places.set(key, place)
      contexts.push(a, b, c)
      follows.push(new Uint32Array(CHARACTERS.length))
    }
    follows[place][split.y[i]]++
  }
  return { contexts: Uint8Array.from(contexts), follows, size: split.size }
}

/** @param {BufferSource} bytes */
export async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("")
}
