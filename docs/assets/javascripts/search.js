/*
 * The search: opened by its button, `/` or Ctrl+K; steered from its field with the arrow keys and
 * Enter. What finds is in find.js, which is loaded when the search is first opened; a copy that is
 * read from files has it at hand.
 */

{
  const here = document.currentScript.src
  const home = new URL("../../", here)
  const dialog = document.getElementById("site-search")
  const field = dialog.querySelector("input")
  const status = dialog.querySelector("[role=status]")
  const results = dialog.querySelector("[role=listbox]")
  const PAUSE = 120 // ms without a key, after which what has been typed is asked for
  let finder
  let chosen = -1
  let shown = "" // the query whose answer is shown
  let waiting // for the pause
  let go = false // Enter came before the answer

  const make = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties)
    element.append(...children)
    return element
  }

  const open = () => {
    if (dialog.open) return field.select()
    dialog.showModal()
    field.select()
    finder ??= globalThis.finder ?? import(new URL("find.js", here)) // what is typed before it is there waits in the field
    answer()
  }

  const choose = number => {
    const options = results.children
    options[chosen]?.setAttribute("aria-selected", "false")
    chosen = options.length ? (number + options.length) % options.length : -1
    options[chosen]?.setAttribute("aria-selected", "true")
    options[chosen]?.scrollIntoView({ block: "nearest" })
    field.setAttribute("aria-activedescendant", options[chosen]?.id ?? "")
  }

  const option = ({ title, page, address, excerpt }, number) => {
    const link = make("a", { href: new URL(address, home), id: `search-result-${number}`, tabIndex: -1 })
    link.setAttribute("role", "option")
    link.setAttribute("aria-selected", "false")
    const text = make("span", { className: "lit-search__text" }, excerpt.before ? "… " : "")
    for (const { word, marked } of excerpt.words) text.append(marked ? make("mark", {}, word) : word, " ")
    text.append(excerpt.after ? "…" : "")
    link.append(make("span", { className: "lit-search__title" }, title))
    if (page !== title) link.append(make("span", { className: "lit-search__page" }, page))
    link.append(text)
    return link
  }

  const answer = async () => {
    const query = field.value.trim()
    let said = "", options = []
    try {
      const { find } = await finder
      if (query) {
        const found = await find(query)
        if (query !== field.value.trim()) return // typed on meanwhile
        options = found.sections.map(option)
        said = found.count === 0 ? `Nothing found for “${query}”`
          : found.count === 1 ? "1 section" : `${found.count} sections`
        if (found.instead && found.count) said += ` for “${found.instead}”`
      }
    } catch {
      said = "The search could not be loaded. When there is a connection, load the page anew."
    }
    shown = query
    status.textContent = said
    results.replaceChildren(...options)
    field.setAttribute("aria-expanded", String(options.length > 0))
    chosen = -1
    choose(0)
    if (go) enter()
  }

  const enter = () => {
    go = shown !== field.value.trim()
    if (!go) results.children[chosen]?.click()
  }

  field.addEventListener("input", () => {
    go = false
    clearTimeout(waiting)
    waiting = setTimeout(answer, PAUSE)
  })
  field.addEventListener("keydown", event => {
    if (event.key === "ArrowDown") choose(chosen + 1)
    else if (event.key === "ArrowUp") choose(chosen - 1)
    else if (event.key === "Enter" && !event.isComposing) enter()
    else return
    event.preventDefault()
  })
  dialog.addEventListener("click", event => {
    if (event.target === dialog || event.target.closest("button")) dialog.close()
    if (event.target.closest("a") && !event.ctrlKey && !event.metaKey) dialog.close() // it may be on this page
  })
  document.querySelector(".lit-search-button").addEventListener("click", open)
  addEventListener("keydown", event => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]")
    const slash = event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey
    const command = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)
    if (!slash && !command) return
    event.preventDefault()
    open()
  })
}
