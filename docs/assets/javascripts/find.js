/*
 * Asks the index that companion/search.py made. Loaded when the search is opened.
 */

import "./rank.js"

const folder = new URL("../../search/", import.meta.url)

// A title's words weigh more than a section's, the name of an entry of the reference less than a
// title; an address is not to be found at all. That a section is short says little for it: the
// entries of the reference all are.
const RANKING = { pageLength: 0.5, metaWeights: { title: 4, entry: 2, page: 1.5, spoken: 0.5, address: 0 } }

const [pagefind, vocabulary] = await Promise.all([
  import(new URL("pagefind.js", folder)),
  fetch(new URL("words.json", folder)).then(answer => answer.json()),
])
await pagefind.options({ ranking: RANKING })
await pagefind.init()

export const find = globalThis.rank(pagefind, vocabulary)
