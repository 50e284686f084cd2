/*
 * On a touch screen the first tap on a word of the glossary shows its definition, the second
 * follows the link. With a mouse or the keyboard the style sheet shows it already.
 */

{
  let shown = null

  addEventListener("click", (event) => {
    const term = event.target.closest?.("a.lit-term")
    if (term && event.pointerType === "touch" && term !== shown) {
      event.preventDefault()
      term.focus()
    }
    shown = term ?? null
  })
}
