/*
 * Where the reader is: marked in the table of contents, kept for the map of the site (how much of a
 * page has been seen), and the way back to the top of a long page.
 */

{
  const headings = [...document.querySelectorAll(".md-content :is(h2, h3)[id]")]
  const column = document.querySelector(".lit-sidebar--right")
  const links = new Map([...document.querySelectorAll(".lit-toc a")].map(link => [link.hash, []]))
  for (const link of document.querySelectorAll(".lit-toc a")) links.get(link.hash).push(link)

  // The section being read is the last that begins in the upper third, or, at the end, the last.
  const mark = () => {
    const atEnd = scrollY > 0 && scrollY + innerHeight > document.documentElement.scrollHeight - 2
    const begun = headings.filter(heading => atEnd || heading.getBoundingClientRect().top < innerHeight / 3)
    const current = begun.length && links.get(`#${begun.at(-1).id}`)
    for (const link of document.querySelectorAll(".lit-toc a[aria-current]")) link.removeAttribute("aria-current")
    for (const link of current || []) {
      link.setAttribute("aria-current", "true")
      if (!column?.contains(link)) continue
      const place = link.offsetTop - column.clientHeight / 2
      if (Math.abs(column.scrollTop - place) > column.clientHeight / 3) column.scrollTop = place
    }
  }
  // What has gone past the line stays within: so a jump over many headings is a crossing, too.
  const crossings = new IntersectionObserver(mark, { rootMargin: "9999999px 0px -66.6% 0px" })
  for (const heading of headings) crossings.observe(heading)
  new IntersectionObserver(mark).observe(document.querySelector(".md-footer-meta")) // the end

  // How far each page has been seen, as a share of its length.
  const site = new URL("../../", document.currentScript.src).href
  const page = document.querySelector(".md-content__inner")
  const key = `seen ${site}`
  let seen = {}
  try {
    seen = JSON.parse(localStorage.getItem(key)) ?? {}
  } catch {} // storage that is refused or damaged: only this page's share is shown
  const name = href => href.replace(/[#?].*/, "").slice(site.length)
  const here = name(location.href)
  const show = () => {
    const map = here ? "" : ", .md-content .lit-table a" // the home page has the map of the lecture
    for (const link of document.querySelectorAll(`.lit-nav a${map}`)) {
      const share = link.href.startsWith(site) ? seen[name(link.href)] : 0
      if (share) link.style.setProperty("--lit-seen", share)
      if (share >= 0.97) link.dataset.seen = "all"
    }
  }

  const top = document.querySelector(".lit-top")
  let last = scrollY, waiting = false
  const follow = () => {
    waiting = false
    top.hidden = scrollY < 2 * innerHeight || scrollY > last // on the way up it may be wanted
    last = scrollY
    const share = Math.min(1, (scrollY + innerHeight - page.offsetTop) / page.offsetHeight)
    if (!here || share < (seen[here] ?? 0) + 0.01) return
    seen[here] = Math.round(share * 100) / 100
    try {
      localStorage.setItem(key, JSON.stringify(seen))
    } catch {}
    show()
  }
  show()
  addEventListener("scroll", () => {
    if (!waiting) requestAnimationFrame(follow)
    waiting = true
  }, { passive: true })
}
