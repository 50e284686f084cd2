/*
 * Answers a query from an index: `rank(index, vocabulary)` returns the function that does.
 *
 * An index finds pages that have all words of a query; a question has words that no section has.
 * So each word is asked for by itself, and a section's score is the sum of its words' scores, times
 * the share of the words that it has. A word that no section has is replaced by its nearest.
 */

globalThis.rank = (index, vocabulary) => {
  const SHOWN = 10
  const EXCERPT = 28 // words

  const FILLERS = new Set(
    ("a about after all am an and any are as at be because been but by can could did do does done for from get gets " +
    "had has have how i if in into is it its just me much my no of on or our out s should so some still t than that the their " +
    "them then there these they this to us was we were what when where which who whose why will with would you your").split(" "),
  )

  const MOST = 12 // a title in which a word occurs twice, as in BatchNorm1d, does not outweigh all else

  /** Write powers of ten as the index has them: 10^-3 and 1e-3 become 10⁻³. */
  const powers = text =>
    text.replace(/\b(?:10(?:\^|\*\*)\{?([-−]?\d+)\}?|1e([-−+]?\d+))/g, (_, power, exponent) =>
      "10" + [...(power ?? exponent)].map(sign => "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign] ?? (sign === "+" ? "" : "⁻")).join(""))

  /** How many letters have to be added, left out, replaced or swapped; more than `limit` is Infinity. */
  const distance = (a, b, limit) => {
    if (Math.abs(a.length - b.length) > limit) return Infinity
    let before = [], last = Array.from({ length: b.length + 1 }, (_, j) => j)
    for (let i = 1; i <= a.length; i++) {
      const row = [i]
      for (let j = 1; j <= b.length; j++) {
        row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] !== b[j - 1]))
        if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) row[j] = Math.min(row[j], before[j - 2] + 1)
      }
      if (Math.min(...row) > limit) return Infinity
      before = last
      last = row
    }
    return last[b.length] <= limit ? last[b.length] : Infinity
  }

  /** The word itself, if one of the site's begins with it, or the nearest one, or none if none is near. */
  const spelt = word => {
    const stem = word.replace(/(?<=....)(?:ions?|ings?|e?d|e?s|e?rs?|ly)$/, "")
    if (!/^\p{L}{4,}\d?\p{L}?$/u.test(word) || vocabulary.some(known => known.startsWith(stem))) return word
    const limit = word.length < 10 ? 1 : 2
    let best = "", nearest = Infinity
    for (const known of vocabulary) { // the most frequent first
      if (FILLERS.has(known)) continue
      const apart = distance(word, known, limit)
      if (apart < nearest) [best, nearest] = [known, apart]
    }
    return best
  }

  /** The stretch of the text with the most different words of the query, the found words marked. */
  const excerpt = (text, found) => {
    const words = text.split(/\s+/)
    const places = [...found.keys()].sort((a, b) => a - b)
    let start = 0, most = 0
    for (const place of places) {
      const within = new Set(places.filter(p => p >= place && p < place + EXCERPT - 6).map(p => found.get(p)))
      if (within.size > most) [start, most] = [Math.max(0, place - 6), within.size]
    }
    const shown = words.slice(start, start + EXCERPT)
    return {
      before: start > 0,
      after: start + EXCERPT < words.length,
      words: shown.map((word, i) => ({ word, marked: found.has(start + i) })),
    }
  }

  /**
   * Find the sections for a query, the best first.
   *
   * @param {string} query - What the reader has typed.
   * @returns The sections with title, page, address and excerpt; how many there are; and, where words
   *   were replaced, the query that was answered.
   */
  const find = async query => {
    const typed = powers(query.toLowerCase()).match(/[^\s,;:!?"“”()[\]=]+?(?=\.\D|\.?$|[\s,;:!?"“”()[\]=])/g) ?? []
    const telling = typed.filter(word => !FILLERS.has(word.replace(/['’].*/, "")))
    const asked = telling.length ? telling : typed
    const words = asked.map(spelt).filter(Boolean)
    const sections = new Map()
    const answers = await Promise.all(words.map(word => index.search(word)))
    answers.forEach((answer, number) => {
      for (const hit of answer.results) {
        const section = sections.get(hit.id) ?? { hit, score: 0, has: 0, found: new Map() }
        section.score += Math.min(hit.score, MOST)
        section.has += 1
        for (const place of hit.words) section.found.set(place, number)
        sections.set(hit.id, section)
      }
    })
    const ranked = [...sections.values()].sort((a, b) => b.score * b.has - a.score * a.has)
    return {
      count: ranked.length,
      instead: words.every(word => asked.includes(word)) ? "" : words.join(" "),
      sections: await Promise.all(ranked.slice(0, SHOWN).map(async ({ hit, found }) => {
        const { meta, content } = await hit.data()
        return { title: meta.title ?? meta.entry, page: meta.page, address: meta.address ?? "", excerpt: excerpt(content, found) }
      })),
    }
  }

  return find
}
