/*
 * Offers the playground and its small instances, and brings their scripts when a reader asks.
 *
 *   <div class="lit-play" data-play="page">   what to click for; opens the whole playground
 *   <h3 id="...">                             below it: a mission, which opens it as well
 *   <p class="lit-play" data-play="gain">     a paragraph in a chapter; gets a control of its own
 */

{
  const base = document.currentScript.src
  const made = (text, click) => {
    const button = document.createElement("button")
    button.type = "button"
    button.className = "md-button"
    button.textContent = text
    button.addEventListener("click", click)
    return button
  }
  const bring = async (name, host, ...rest) => {
    try {
      await (await import(new URL(`playground/${name}.js`, base).href)).open(host, ...rest)
    } catch (error) {
      const says = document.createElement("p")
      says.setAttribute("role", "alert")
      says.textContent = location.protocol === "file:"
        ? "A browser lets no page load a program from a file: run `mkdocs serve`, and open it there."
        : `The playground could not be loaded (${error.message}). The page itself is complete.`
      host.querySelector("button")?.remove()
      host.append(says)
    }
  }
  const wait = (button) => {
    button.disabled = true
    button.textContent = "Loading …"
  }

  for (const host of document.querySelectorAll(".lit-play")) {
    let opened = null
    const page = host.dataset.play === "page"
    const open = () => {
      wait(button)
      return opened ??= page ? bring("page", host, location.search) : bring("mini", host, button)
    }
    const stated = new URLSearchParams(location.search)
    const step = stated.get("step")
    stated.delete("step")
    const state = [...stated].map(([key, value]) => `${key} ${value}`).join(", ")
    const at = state ? `: ${state}${step ? `, to step ${step}` : ""}` : ""
    const button = made(page ? `Open the playground${at}` : "Try it here", open)
    button.classList.toggle("md-button--primary", page)
    host.append(button)
    for (const heading of page ? document.querySelectorAll("h3[id]") : []) {
      const start = made("Start this mission", async () => {
        if (opened) return // the mission is in other hands now
        await open()
        start.click()
      })
      heading.after(start)
    }
  }
}
