/*
 * Copies the page as Markdown, and gives each block of code a button that copies it; of a console,
 * the commands alone. (Material's
 * button measures and changes the page in turns, block by block, which keeps a phone busy, and makes
 * each a navigation landmark.)
 */

const label = (button, text) => {
  button.title = text
  button.setAttribute("aria-label", text)
}

const codeOf = block => {
  const code = block.querySelector("code").cloneNode(true)
  const prompts = code.querySelectorAll(".gp")
  if (!prompts.length) return code.textContent
  for (const other of code.querySelectorAll(".gp, .go")) other.remove()
  return code.textContent.replace(/\n{2,}/g, "\n").trim()
}

const whenIdle = window.requestIdleCallback ?? setTimeout // one block at a time keeps a phone responsive

addEventListener("load", () => {
  if (!navigator.clipboard) return
  for (const block of document.querySelectorAll(".md-content .highlight")) whenIdle(() => {
    const button = document.createElement("button")
    button.type = "button"
    button.className = "lit-copy"
    label(button, "Copy")
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(codeOf(block))
      label(button, "Copied")
      setTimeout(() => label(button, "Copy"), 2000)
    })
    block.append(button)
  })
})

{
  const button = document.querySelector(".lit-copy-page")
  const copy = document.querySelector("link[rel=alternate][type='text/markdown']")
  const says = (text, said) => {
    button.querySelector("span").textContent = text
    button.setAttribute("aria-label", text)
    button.toggleAttribute("data-said", said)
  }
  // The text is a promise: a browser that allows copying only within a click does not wait for it.
  const text = async () => {
    const answer = await fetch(copy.href)
    if (!answer.ok) throw new Error(answer.statusText)
    return new Blob([await answer.text()], { type: "text/plain" })
  }
  if (!copy || !navigator.clipboard || !window.ClipboardItem) button?.remove()
  button?.addEventListener("click", async () => {
    try {
      await navigator.clipboard.write([new ClipboardItem({ "text/plain": text() })])
      says("Copied", true)
    } catch {
      says("Not copied", true)
    }
    setTimeout(() => says("Copy page", false), 2000)
  })
}
