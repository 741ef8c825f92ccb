// Browsers start no worker for a page that is read from the disk, and search runs in one. There it runs in a hidden
// frame instead, which the page talks to in the same way.
class FrameWorker extends EventTarget {
  constructor(url) {
    super()
    const frame = document.createElement("iframe")
    frame.hidden = true
    document.body.append(frame)
    const inside = frame.contentWindow
    inside.document.open()
    inside.document.write("<!doctype html><body>")
    inside.document.close()
    inside.postMessage = data => this.dispatchEvent(new MessageEvent("message", {data}))
    this.inside = inside
    this.ready = new Promise((resolve, reject) => {
      const script = inside.document.createElement("script")
      script.src = new URL(url, location)
      script.onload = resolve
      script.onerror = reject
      inside.document.body.append(script)
    })
  }

  postMessage(data) {
    this.ready.then(() => this.inside.dispatchEvent(new MessageEvent("message", {data})))
  }
}

if (location.protocol === "file:") window.Worker = FrameWorker
