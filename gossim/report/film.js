// The animation is a function of the time on the slider: nothing moves by itself, and what is drawn at one time is
// always the same.
const film = run.film
if (film) {
  const SVG = "http://www.w3.org/2000/svg", RADIUS = 38
  const COLOURS = ["#00204c", "#00336f", "#39486b", "#575c6d", "#707173", "#8a8779", "#a69d75", "#c4b56c", "#e4cf5b", "#ffea46"]
  const STATES = {c: "computing", w: "waiting", s: "sending", d: "down", "": "ended"}
  const WORDS = {c: "computing", w: "waiting", s: "in a collective", d: "down", "": "done"}
  const by = id => document.getElementById(id)
  const make = (name, parent, attributes = {}) => {
    const element = document.createElementNS(SVG, name)
    for (const key in attributes) element.setAttribute(key, attributes[key])
    return parent.appendChild(element)
  }
  const short = value => value == null ? "–" : String(Number(value.toPrecision(3)))

  // The last place in ascending `times` that is not after `time`; -1 if there is none.
  function last(times, time) {
    let low = -1, high = times.length - 1
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if (times[middle] <= time) low = middle
      else high = middle - 1
    }
    return low
  }

  function nearestDistance(xy) {
    let least = 2
    for (let i = 0; i < xy.length; i++) for (let j = 0; j < i; j++)
      least = Math.min(least, Math.hypot(xy[i][0] - xy[j][0], xy[i][1] - xy[j][1]))
    return Math.max(least * RADIUS, 4)
  }
  const room = Math.min(...film.arms.map(arm => nearestDistance(arm.xy)), 34)
  const most = Math.max(...film.arms.map(arm => arm.workers))
  const unit = film.alpha_max ? room * 0.52 / Math.sqrt(film.alpha_max) : room * 0.3 * Math.sqrt(most)
  const radius = alpha => unit * Math.sqrt(alpha)
  const usual = radius(1 / most)
  const thick = Math.min(1, room / 14) // of rings and lines: many workers stand close to each other
  const half = RADIUS + (film.alpha_max ? radius(film.alpha_max) : usual) + 4
  const shade = distance => {
    if (distance == null || !film.distance_max) return 2
    return Math.min(COLOURS.length - 1, Math.floor(Math.sqrt(distance / film.distance_max) * COLOURS.length))
  }

  function panel(arm) {
    const box = document.createElement("section")
    box.className = "arm"
    const name = box.appendChild(document.createElement("h3"))
    name.append(sample(run.arms.find(line => line.name === arm.name)), arm.name)
    const state = box.appendChild(document.createElement("p"))
    const svg = box.appendChild(document.createElementNS(SVG, "svg"))
    svg.setAttribute("viewBox", `${-half} ${-half} ${2 * half} ${2 * half}`)
    svg.setAttribute("role", "img")
    svg.style.setProperty("--thick", `${thick}px`)
    by("arms").append(box)
    const at = arm.xy.map(([x, y]) => [x * RADIUS, y * RADIUS])
    for (const [i, j] of arm.links)
      make("line", svg, {class: "link", x1: at[i][0], y1: at[i][1], x2: at[j][0], y2: at[j][1]})
    for (let node = arm.workers; node < at.length; node++) {
      const [x, y] = at[node]
      make("rect", svg, {class: "disc", x: x - usual, y: y - usual, width: 2 * usual, height: 2 * usual, fill: "none"})
    }
    const workers = arm.activities.map((_, worker) => {
      const group = make("g", svg, {transform: `translate(${at[worker]})`})
      const disc = make("circle", group, {class: "disc"})
      const ring = make("circle", group, {class: "ring", transform: "rotate(-90)"})
      const c = usual * 0.7
      make("path", group, {class: "cross", d: `M${-c},${-c}L${c},${c}M${-c},${c}L${c},${-c}`})
      const label = make("text", group)
      if (most <= 16) label.textContent = worker
      return {group, disc, ring, label}
    })
    const flights = make("g", svg)
    const longest = arm.messages.there.reduce((most, there, n) => Math.max(most, there - arm.messages.sent[n]), 0)
    return {arm, at, svg, state, flights, workers, longest, pool: [], sizes: at.map(() => usual)}
  }

  function drawWorkers(shown, time) {
    const {arm} = shown, probe = last(arm.probe_s, time), told = {}
    shown.workers.forEach(({group, disc, ring, label}, worker) => {
      const {from, to, what} = arm.activities[worker]
      let place = last(from, time), letter = ""
      if (place >= 0 && time < to[place]) letter = what[place]
      else if (time < arm.end_s) letter = "w"
      told[letter] = (told[letter] || 0) + 1
      const alpha = arm.alpha ? arm.alpha[Math.max(probe, 0)][worker] : null
      const size = arm.alpha ? radius(alpha || 0) : usual
      shown.sizes[worker] = size
      const tint = shade(arm.distance ? arm.distance[Math.max(probe, 0)][worker] : null)
      group.setAttribute("class", `worker ${STATES[letter]}`)
      disc.setAttribute("r", size)
      disc.style.fill = COLOURS[tint]
      label.style.fill = size < 3 ? "var(--text)" : tint < 5 ? "#fff" : "#000"
      const edge = Math.max(size, 2 * thick) + 2 * thick, around = 2 * Math.PI * edge
      ring.setAttribute("r", edge)
      if (letter === "c") {
        const done = (time - from[place]) / (to[place] - from[place])
        ring.style.strokeDasharray = `${done * around} ${around}`
      } else ring.style.strokeDasharray = ""
    })
    const steps = arm.steps[Math.max(probe, 0)], loss = arm.losses?.[Math.max(probe, 0)]
    const over = time >= arm.end_s ? "ended · " : ""
    shown.state.textContent = `${over}${steps.toLocaleString("en")} steps` + (arm.losses ? ` · ${film.loss} ${short(loss)}` : "")
    const doing = Object.entries(told).map(([letter, count]) => `${count} ${WORDS[letter]}`).join(", ")
    shown.svg.setAttribute("aria-label", `${arm.name} at ${short(time)} s: ${doing}`)
  }

  function drawMessages(shown, time, linger) {
    const {arm, at, pool, flights} = shown, {sent, there, from, to, alpha} = arm.messages
    let used = 0
    for (let n = last(sent, time); n >= 0 && sent[n] > time - shown.longest - linger; n--) {
      if (there[n] + linger <= time) continue
      const share = Math.min(1, (time - sent[n]) / (there[n] - sent[n]))
      const fade = time <= there[n] ? 1 : 1 - (time - there[n]) / linger
      const [x1, y1, x2, y2] = between(at[from[n]], at[to[n]], shown.sizes[from[n]], shown.sizes[to[n]])
      const x = x1 + share * (x2 - x1), y = y1 + share * (y2 - y1)
      const flight = pool[used] ||= {trail: make("line", flights, {class: "trail"}), dot: make("circle", flights, {class: "message"})}
      flight.trail.style.display = flight.dot.style.display = ""
      for (const [key, value] of [["x1", x1], ["y1", y1], ["x2", x], ["y2", y]]) flight.trail.setAttribute(key, value)
      flight.trail.style.opacity = flight.dot.style.opacity = fade
      flight.dot.setAttribute("cx", x)
      flight.dot.setAttribute("cy", y)
      flight.dot.setAttribute("r", alpha ? Math.max(radius(alpha[n]), 0.8 * thick) : 2 * thick)
      used++
    }
    for (let n = used; n < pool.length; n++) pool[n].trail.style.display = pool[n].dot.style.display = "none"
  }

  // The line from the edge of one disc to that of another.
  function between([x1, y1], [x2, y2], first, second) {
    const length = Math.hypot(x2 - x1, y2 - y1) || 1, dx = (x2 - x1) / length, dy = (y2 - y1) / length
    return [x1 + dx * first, y1 + dy * first, x2 - dx * second, y2 - dy * second]
  }

  // Simulated seconds for each second of the clock on the wall: by default a usual step takes one.
  function niceSpeed(seconds) {
    const power = 10 ** Math.floor(Math.log10(seconds))
    return power * [1, 2, 5, 10].findLast(each => each * power <= seconds * 1.3)
  }
  const base = niceSpeed(film.step_s || film.end_s / 60)
  const slider = by("time"), clock = by("clock"), play = by("play"), speed = by("speed")
  for (const factor of [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 50]) {
    const option = speed.appendChild(document.createElement("option"))
    option.value = factor * base
    option.textContent = `${Number((factor * base).toPrecision(2))} s per second`
    option.selected = factor === 1
  }
  const digits = Math.max(0, Math.min(9, 2 - Math.floor(Math.log10(base))))
  slider.max = film.end_s
  slider.step = film.end_s / 20000
  if (film.arms.length <= 2) by("arms").classList.add("few")
  const shown = film.arms.map(panel)
  let time = 0, running = false, before = 0

  function draw() {
    const linger = 0.5 * speed.value
    for (const each of shown) {
      drawWorkers(each, time)
      drawMessages(each, time, linger)
    }
    clock.textContent = `${time.toFixed(digits)} s`
    slider.setAttribute("aria-valuetext", `${time.toFixed(digits)} seconds of simulated time`)
    moveCursors(time)
  }
  function tick(now) {
    if (!running) return
    time = Math.min(film.end_s, time + (now - before) / 1000 * speed.value)
    before = now
    slider.value = time
    draw()
    if (time >= film.end_s) stop()
    else requestAnimationFrame(tick)
  }
  function stop() {
    running = false
    play.textContent = "Play"
  }
  function start() {
    if (time >= film.end_s) time = 0
    running = true
    play.textContent = "Pause"
    before = performance.now()
    requestAnimationFrame(tick)
  }
  play.addEventListener("click", () => running ? stop() : start())
  slider.addEventListener("input", () => { time = Number(slider.value); draw() })
  speed.addEventListener("change", draw)
  addEventListener("keydown", event => {
    if (event.key !== " " || event.target.closest("button, select, summary, a, input:not([type=range])")) return
    event.preventDefault()
    running ? stop() : start()
  })
  addEventListener("resize", () => requestAnimationFrame(() => moveCursors(time)))

  function legend() {
    const icon = (draw, words) => {
      const item = by("legend").appendChild(document.createElement("span"))
      const svg = item.appendChild(document.createElementNS(SVG, "svg"))
      svg.setAttribute("viewBox", "-8 -8 16 16")
      svg.setAttribute("aria-hidden", "true")
      draw(svg)
      item.append(words)
    }
    const worker = (state, rest = {}) => svg => {
      const group = make("g", svg, {class: `worker ${state}`})
      make("circle", group, {class: "disc", r: 4, fill: COLOURS[3]})
      make("circle", group, {class: "ring", r: 6, transform: "rotate(-90)", ...rest})
      make("path", group, {class: "cross", d: "M-3,-3L3,3M-3,3L3,-3"})
    }
    const seen = letter => film.arms.some(arm => arm.activities.some(each => each.what.includes(letter)))
    icon(worker("computing", {"stroke-dasharray": "25 38"}), "computing: the arc grows with the step")
    icon(worker("waiting"), "waiting")
    if (seen("s")) icon(worker("sending"), "in a collective")
    if (seen("d")) icon(worker("down"), "down")
    if (film.arms.some(arm => arm.messages.sent.length))
      icon(svg => { make("line", svg, {class: "trail", x1: -8, y1: 4, x2: 4, y2: -2}); make("circle", svg, {class: "message", cx: 4, cy: -2, r: 2.6}) },
        film.alpha_max ? "message; its area is the weight α in it" : "message")
    if (film.distance_max) {
      const item = by("legend").appendChild(document.createElement("span"))
      const scale = document.createElement("i")
      scale.className = "scale"
      scale.style.background = `linear-gradient(90deg, ${COLOURS.join(",")})`
      item.append("distance to x̄: 0", scale, `${short(film.distance_max)} (in the middle ${short(film.distance_max / 4)})`)
    }
  }
  legend()
  const notes = ["First seed. Weights, distances, steps and losses are those of the last probe; the trace of a message stays for half a second."]
  if (film.alpha_max) notes.unshift("The area of a disc is the worker's weight α" + (film.arms.every(arm => arm.alpha) ? "." : "; where there are no weights, all are alike."))
  const cut = film.arms.filter(arm => arm.all_workers > arm.workers)
  if (cut.length) notes.push(`Of ${cut.map(arm => `${arm.name} (${arm.all_workers} workers)`).join(", ")} the first ${cut[0].workers} workers are shown, and messages between these.`)
  if (film.left_out) notes.push(`${film.left_out} more arms are not shown.`)
  by("film-note").textContent = notes.join(" ")
  draw()
}
