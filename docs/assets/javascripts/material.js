/*
 * Brings Material's scripts when the reader first moves a mouse, presses a key or enters the search.
 * They search, and mark the place in the table of contents; as soon as they run they measure the
 * whole page, for which a phone that only wants to read should not have to wait.
 */

const signs = ["pointermove", "keydown", "focusin"]

const bring = event => {
  if (event.pointerType === "touch") return // scrolling needs none of them
  for (const sign of signs) removeEventListener(sign, bring)
  const waiting = document.getElementById("lit-material").content.querySelector("script")
  const script = document.createElement("script")
  script.src = waiting.src
  document.body.append(script)
}

for (const sign of signs) addEventListener(sign, bring, { passive: true })
