/*
 * The lecture beside the notes. A button opens the video, docked where it covers no text. From then
 * on links to moments seek, the passage that is being explained is marked and, until the reader
 * scrolls, kept in view. Nothing is asked of YouTube before the click, and no script of theirs runs
 * here: its embed sends and takes messages.
 */

{
  const EMBED = "https://www.youtube-nocookie.com"
  const PATIENCE = 10_000 // ms without an answer
  const SETTLING = 2_500 // ms in which old times may still arrive after a seek
  const FAILURES = {
    2: "YouTube does not know this video.",
    5: "The player of YouTube does not work in this browser.",
    100: "The video is no longer on YouTube.",
    101: "YouTube does not let this site show the video.",
    150: "YouTube does not let this site show the video.",
    153: "YouTube was not told which site asks, and shows the video only then.",
  }
  const SCROLLING = new Set(["ArrowUp", "ArrowDown", "PageUp", "PageDown", "Home", "End", " "])

  const home = new URL("../../", document.currentScript.src)
  const button = document.querySelector(".lit-watch")
  const moments = [...document.querySelectorAll(".md-content a[href^='https://youtu.be/']")].flatMap(link => {
    const [, video, time] = /^https:\/\/youtu\.be\/([\w-]+)\?t=(\d+)$/.exec(link.href) ?? []
    return video ? [{ link, video, time: Number(time) }] : []
  })

  let player // what is open: its parts, and what it has said
  let marked

  const clock = time => {
    const [hours, minutes, seconds] = [time / 3600, (time / 60) % 60, time % 60].map(Math.floor)
    const two = number => String(number).padStart(2, "0")
    return hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${minutes}:${two(seconds)}`
  }

  const make = (tag, properties, ...children) => {
    const element = Object.assign(document.createElement(tag), properties)
    element.append(...children)
    return element
  }

  const kept = {
    get: () => { try { return Number(sessionStorage.getItem("lecture")) } catch { return 0 } },
    set: time => { try { sessionStorage.setItem("lecture", Math.floor(time)) } catch {} },
  }

  const invite = () => {
    button.querySelector("span").textContent = player ? "Close the lecture"
      : kept.get() ? `Continue the lecture at ${clock(kept.get())}` : "Play the lecture beside these notes"
    button.setAttribute("aria-expanded", String(Boolean(player)))
  }

  // The chapters that this page is about, and the moments of its own.
  const onThisPage = ({ address }) => new URL(address, home).pathname === location.pathname
  const within = (time, { start, end }) => time >= start && time < end
  const momentAt = time => {
    const own = player.chapters.filter(onThisPage)
    const spoken = moment => !own.length || own.some(chapter => within(moment.time, chapter))
    if (own.length && !own.some(chapter => within(time, chapter))) return
    return moments.reduce((best, moment) =>
      moment.time <= time && spoken(moment) && !(best?.time >= moment.time) ? moment : best, undefined)
  }

  const passage = ({ link }) => link.closest("details:not([open])") ?? link.closest("p, li, figcaption, td, dd, h2, h3")

  const reveal = () => {
    if (!marked || !player?.following) return
    const top = document.querySelector(".md-header").offsetHeight
    const docked = player.box.getBoundingClientRect()
    const bottom = docked.width > innerWidth * 0.9 ? docked.top : innerHeight
    const place = passage(marked).getBoundingClientRect()
    if (place.top >= top && Math.min(place.bottom, place.top + 200) <= bottom) return
    const way = place.top - top - (bottom - top) / 4
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches
    scrollBy({ top: way, behavior: still || Math.abs(way) > 2 * innerHeight ? "instant" : "smooth" })
  }

  const mark = moment => {
    if (moment === marked) return
    if (marked) {
      marked.link.removeAttribute("aria-current")
      document.querySelector(".lit-now")?.classList.remove("lit-now")
    }
    marked = moment
    if (!marked) return
    marked.link.setAttribute("aria-current", "true")
    passage(marked).classList.add("lit-now")
    reveal()
  }

  const say = time => {
    const chapter = player.chapters.find(chapter => within(time, chapter))
    const next = document.querySelector("link[rel=next]")?.href
    const address = chapter && new URL(chapter.address, home)
    const where = !chapter || onThisPage(chapter) ? "" : address.href.split("#")[0] === next ? ", next page" : ", another page"
    player.now.textContent = `${clock(time)}${chapter ? ` ${chapter.title}` : ""}${where}`
    player.now.href = address ?? moments[0].link.href
  }

  // To whoever is in the frame: while it loads, or where it could not, that is nobody yet.
  const tell = message => player.frame.contentWindow.postMessage(JSON.stringify({ id: 1, channel: "widget", ...message }), "*")
  const command = (func, ...args) => tell({ event: "command", func, args })

  const hear = time => {
    const { target } = player
    if (target && performance.now() < target.until && Math.abs(time - target.time) > 2) return
    mark(momentAt(time))
    if (Math.floor(time) === player.second) return
    player.second = Math.floor(time)
    say(time)
    kept.set(time)
  }

  const seek = time => {
    player.target = { time, until: performance.now() + SETTLING }
    command("seekTo", time, true)
    command("playVideo")
    hear(time)
  }

  const close = () => {
    clearInterval(player.asking)
    clearTimeout(player.patience)
    player.size.disconnect()
    player.box.remove()
    player = undefined
    mark(undefined)
    document.body.classList.remove("lit-playing")
    document.documentElement.style.removeProperty("--lit-dock")
    invite()
  }

  const fail = why => {
    const time = player.second ?? player.start
    close()
    const link = make("a", { href: `https://youtu.be/${moments[0].video}?t=${time}` }, `Watch it there, from ${clock(time)}`)
    button.after(make("p", { className: "lit-watch__failure" }, `${why} `, link, "."))
  }

  const follow = on => {
    player.following = on
    player.follow.setAttribute("aria-pressed", String(on))
    reveal()
  }

  const open = async () => {
    document.querySelector(".lit-watch__failure")?.remove()
    const now = make("a", { className: "lit-player__now" })
    const followed = make("button", { type: "button", title: "Keep the passage in view", onclick: () => follow(!player.following) }, "Follow")
    const frame = make("iframe", {
      title: "The lecture on YouTube",
      allow: "autoplay; encrypted-media; fullscreen; picture-in-picture",
      referrerPolicy: "strict-origin-when-cross-origin",
    })
    const closing = make("button", { type: "button", onclick: () => { close(); button.focus() } }, "Close")
    const box = make("aside", { className: "lit-player" }, frame, make("div", {}, now, followed, closing))
    box.setAttribute("aria-label", "The lecture")
    player = { box, frame, now, follow: followed, chapters: [] }
    player.size = new ResizeObserver(() => document.documentElement.style.setProperty("--lit-dock", `${box.offsetHeight}px`))
    invite()
    const opened = player
    const chapters = await fetch(new URL("assets/lecture.json", home)).then(answer => answer.json()).catch(() => [])
    if (player !== opened) return // closed meanwhile
    player.chapters = chapters
    player.start = kept.get() || (chapters.find(onThisPage)?.start ?? moments[0].time)
    const options = new URLSearchParams({ enablejsapi: 1, autoplay: 1, playsinline: 1, rel: 0, start: player.start, origin: location.origin })
    frame.src = `${EMBED}/embed/${moments[0].video}?${options}`
    player.asking = setInterval(() => tell({ event: "listening" }), 250)
    player.patience = setTimeout(() => fail("The video has not come: YouTube does not answer."), PATIENCE)
    document.querySelector(".md-main__inner").append(box)
    document.body.classList.add("lit-playing")
    player.size.observe(box)
    say(player.start)
    follow(true)
  }

  addEventListener("message", ({ source, origin, data }) => {
    if (!player || source !== player.frame.contentWindow || origin !== EMBED) return
    let message
    try {
      message = JSON.parse(data)
    } catch {
      return
    }
    if (!player.answered) {
      player.answered = true
      clearInterval(player.asking)
      clearTimeout(player.patience)
      command("addEventListener", "onError")
    }
    const { event, info } = message ?? {}
    if (event === "onError") fail(FAILURES[info] ?? `The player of YouTube reports error ${info}.`)
    else if (Number.isFinite(info?.currentTime) && info.currentTime > 0) hear(info.currentTime)
  })

  addEventListener("click", event => {
    const link = event.target.closest?.("a[href]")
    if (!player || !link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return
    const moment = moments.find(moment => moment.link === link)
    if (moment && player.answered) {
      event.preventDefault()
      seek(moment.time)
    } else if (link.hash && link.pathname === location.pathname) follow(false) // the reader goes elsewhere on the page
  })

  const pause = ({ target, type, key, clientX }) => {
    if (!player?.following || target.closest?.(".lit-player, dialog, input")) return
    if (type === "keydown" && (!SCROLLING.has(key) || (key === " " && target.closest("button, summary")))) return
    if (type === "pointerdown" && clientX < document.documentElement.clientWidth) return // not on the scroll bar
    follow(false)
  }
  for (const type of ["wheel", "touchmove", "keydown", "pointerdown"]) addEventListener(type, pause, { passive: true })

  if (button) {
    if (location.protocol === "file:" || !moments.length) button.hidden = true // YouTube wants to know who asks
    button.addEventListener("click", () => player ? close() : open())
    invite()
  }
}
