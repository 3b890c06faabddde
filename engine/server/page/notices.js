// What stands in the place of results: nothing asked, nothing found, something wrong.

import { h } from "./dom.js";
import { hasFilters } from "./state.js";

export function startNotice() {
  const step = (title, text) => h("li", {}, h("h3", {}, title), h("p", {}, text));
  return h(
    "section",
    { class: "start" },
    h("h2", {}, "Say what you need, in your own words"),
    h(
      "p",
      {},
      "An occasion, a problem or a part number: this search thinks about it before it looks.",
    ),
    h(
      "ol",
      { class: "steps" },
      step("At once", "Products that match what you typed."),
      step(
        "The thought",
        "A model writes down what would serve the need. Take a phrase out, change it, add your own.",
      ),
      step(
        "With the thought",
        "Products found by what you meant. Side by side shows what moved, and every product says why it is there.",
      ),
    ),
  );
}

export function nothingFound(state, clearFilters) {
  return h(
    "section",
    { class: "notice", role: "note" },
    h("h2", {}, "No product passes these filters"),
    h("p", {}, hasFilters(state) ? "Take one of them back, or all." : "The collection is empty."),
    hasFilters(state)
      ? h("button", { type: "button", class: "primary", click: clearFilters }, "Clear all filters")
      : null,
  );
}

export function errorNotice(problem, retry) {
  const faults = problem.errors.map(({ field, message }) =>
    h("li", {}, h("code", {}, field), ` ${message}`),
  );
  const wait = problem.retryAfter ? ` Try again in ${problem.retryAfter} s.` : "";
  return h(
    "section",
    { class: "notice error" },
    h("h2", {}, problem.message),
    problem.detail ? h("pre", {}, problem.detail) : null,
    faults.length ? h("ul", {}, ...faults) : null,
    problem.remedy || wait ? h("p", {}, `${problem.remedy}${wait}`) : null,
    h("button", { type: "button", class: "primary", click: retry }, "Try again"),
  );
}
