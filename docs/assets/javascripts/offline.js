/*
 * The search of a copy that is read from files, where a page may load scripts and nothing else: an
 * index like Pagefind's, of the sections that `search/sections.js` brings.
 */

{
  const WEIGHTS = { title: 4, page: 1.5, content: 1 }
  const stem = word => word.replace(/(?<=....)(?:ions?|ings?|e?d|e?s|e?rs?|ly)$/, "")
  const stems = text => (text.toLowerCase().match(/[\p{L}\p{N}_/^⁻√]+(?:\.\p{N}+)*/gu) ?? []).map(stem)

  const { sections, words } = globalThis.searched
  const entries = sections.map(({ title, page, address, content, entry }, id) => ({
    id,
    share: entry ? 0.5 : 1, // of a section of the notes
    fields: { title: stems(title), page: stems(page), content: stems(content) },
    places: content.split(/\s+/).map(stems),
    data: async () => ({ content, meta: { title, page, address } }),
  }))

  // A word is found in those that begin with it; the fewer letters more, the better.
  const likeness = (asked, word) => word.startsWith(asked) ? asked.length / word.length : 0

  const scored = (entry, asked) => {
    let score = 0
    for (const [name, weight] of Object.entries(WEIGHTS)) {
      const field = entry.fields[name]
      const found = field.reduce((sum, word) => sum + likeness(asked, word), 0)
      if (found) score += weight * found / (found + 0.1 * Math.sqrt(field.length))
    }
    return score * entry.share
  }

  const search = word => {
    const asked = stem(word)
    const hits = entries.map(entry => ({ ...entry, score: scored(entry, asked) })).filter(hit => hit.score)
    const rarity = Math.log(1 + entries.length / (1 + hits.length)) // a word that all have says little
    return {
      results: hits.map(({ id, score, places, data }) => ({
        id,
        score: score * rarity,
        words: places.flatMap((place, number) => place.some(own => likeness(asked, own)) ? [number] : []),
        data,
      })),
    }
  }

  globalThis.finder = { find: globalThis.rank({ search }, words) }
}
