"use strict"
const run = JSON.parse(document.getElementById("run").textContent)
const dark = matchMedia("(prefers-color-scheme: dark)")
const style = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

function look(figure) {
  const axis = old => ({...old, automargin: true, gridcolor: style("--grid"), linecolor: style("--soft"),
    zerolinecolor: style("--soft"), exponentformat: "power", nticks: 8, title: {...old?.title, standoff: 10}})
  return {...figure.layout, xaxis: axis(figure.layout.xaxis), yaxis: axis(figure.layout.yaxis),
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: {l: 60, r: 15, t: 10, b: 45},
    font: {size: 15, color: style("--text"), family: "system-ui, DejaVu Sans, sans-serif"},
    hoverlabel: {bgcolor: style("--back"), font: {color: style("--text")}},
    showlegend: false}
}

const cursors = []
for (const chart of run.charts) {
  const box = document.getElementById(chart.key)
  if (chart.cursor) box.classList.add("cursor")
  Plotly.newPlot(box, chart.figure.data, look(chart.figure), {displayModeBar: false, responsive: true})
  if (chart.cursor) {
    const line = box.appendChild(document.createElement("div"))
    line.className = "now"
    cursors.push({box, line})
  }
}
dark.addEventListener("change", () => {
  for (const chart of run.charts) Plotly.relayout(chart.key, look(chart.figure))
})

// A piece of the line of an arm, as the charts draw it.
const DASHES = {solid: "", dash: "9 6", dot: "2.5 4", dashdot: "9 4 2.5 4", longdash: "15 5", longdashdot: "15 5 2.5 5"}
function sample(line) {
  const holder = document.createElement("span")
  holder.innerHTML = `<svg class="sample" viewBox="0 0 44 10" aria-hidden="true"><line x1="1" y1="5" x2="43" y2="5"/></svg>`
  const drawn = holder.querySelector("line")
  drawn.style.stroke = line.color
  drawn.style.strokeDasharray = DASHES[line.dash]
  return holder.firstChild
}

run.arms.forEach((line, place) => {
  const button = document.getElementById("lines").appendChild(document.createElement("button"))
  button.type = "button"
  button.setAttribute("aria-pressed", "true")
  button.append(sample(line), line.name)
  button.addEventListener("click", () => {
    const shown = button.getAttribute("aria-pressed") !== "true"
    button.setAttribute("aria-pressed", shown)
    for (const chart of run.charts) {
      const own = chart.figure.data.flatMap((trace, n) => trace.meta === place ? [n] : [])
      if (own.length) Plotly.restyle(chart.key, {visible: shown}, own)
    }
  })
})

function moveCursors(time) {
  for (const {box, line} of cursors) {
    const {xaxis, _size} = box._fullLayout
    const x = xaxis.l2p(time)
    line.hidden = !(x >= 0 && x <= xaxis._length)
    line.style.cssText = `left:${xaxis._offset + x}px;top:${_size.t}px;height:${_size.h}px`
  }
}
