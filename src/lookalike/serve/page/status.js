// A line that says where pictures are computed.
import { h } from "./ui.js";

/** The line for one of `models.js`' places, and how it is given up. */
export function status(place) {
  const root = h("p", { class: "where" });
  function tell() {
    root.dataset.place = place.now;
    root.textContent = { starting: "Loading the model into this browser…", browser: "Live in this browser", server: "Computed by the server" }[place.now];
    root.title = place.now === "server" ? `Not in this browser: ${place.why}.` : "";
  }
  tell();
  return { root, leave: place.follow(tell) };
}
