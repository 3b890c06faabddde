// How long it took, as seen from here, and what the engine's steps took.

import { byId, h, milliseconds } from "./dom.js";

const STEPS = {
  embed: "Embed",
  dense: "Search by meaning",
  lexical: "Search by words",
  gate: "Decide",
  reason: "Think",
  fusion: "Merge",
  facets: "Count",
  fetch: "Fetch",
  explain: "Explain",
  diversify: "Mix",
};

export function showTiming(answer, directAfter, whole) {
  byId("timing").hidden = false;
  byId("timing-summary").textContent = answer.reasoned
    ? `Direct after ${milliseconds(directAfter)}, reasoned after ${milliseconds(whole)}`
    : `Answered in ${milliseconds(whole)}`;
  byId("timing-steps").replaceChildren(
    ...Object.entries(answer.timings_ms).flatMap(([step, ms]) => [
      h("dt", {}, STEPS[step] ?? step),
      h("dd", {}, milliseconds(ms)),
    ]),
  );
}

export function hideTiming() {
  byId("timing").hidden = true;
}
