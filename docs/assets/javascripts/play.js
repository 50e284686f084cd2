/*
 * Offers the playground and its small instances, and brings their scripts when a reader asks.
 *
 *   <div class="lit-play" data-play="page">   what to click for; opens the whole playground
 *   <p class="lit-play" data-play="gain">     a paragraph in a chapter; gets a control of its own
 */

for (const host of document.querySelectorAll(".lit-play")) {
  const base = document.querySelector("script[src*='javascripts/play.js']").src
  const fail = (error) => {
    const says = document.createElement("p")
    says.setAttribute("role", "alert")
    says.textContent = location.protocol === "file:"
      ? "A browser lets no page load a program from a file: run `mkdocs serve`, and open it there."
      : `The playground could not be loaded (${error.message}). The page itself is complete.`
    host.append(says)
  }
  const bring = (name) => import(new URL(`playground/${name}.js`, base).href)
  const button = document.createElement("button")
  button.type = "button"
  button.className = "md-button"
  if (host.dataset.play === "page") {
    button.classList.add("md-button--primary")
    const stated = new URLSearchParams(location.search)
    const step = stated.get("step")
    stated.delete("step")
    const state = [...stated].map(([key, value]) => `${key} ${value}`).join(", ")
    button.textContent = state
      ? `Open the playground: ${state}${step ? `, to step ${step}` : ""}`
      : "Open the playground"
  } else button.textContent = "Try it here"
  button.addEventListener("click", async () => {
    button.disabled = true
    button.textContent = "Loading …"
    try {
      if (host.dataset.play === "page") await (await bring("page")).open(host, location.search)
      else await (await bring("mini")).open(host, button)
    } catch (error) {
      button.remove()
      fail(error)
    }
  })
  host.append(button)
}
