// The answer as it stands: a list, or two columns.

import { cardList } from "./cards.js";
import { comparison, hasMore } from "./compare.js";
import { h } from "./dom.js";
import { nothingFound } from "./notices.js";

/**
 * Draw an answer; what is open or has the focus stays so.
 * @param {HTMLElement} container Where it goes.
 * @param {object} answer
 * @param {object} answer.direct The answer without a thought.
 * @param {?object} answer.final The last answer; null while it is awaited.
 * @param {object} answer.state What was asked.
 * @param {boolean} answer.full Whether there may be a next page of the list.
 * @param {object} on What a person asks for: `more(event)`, `clear()`.
 */
export function showResults(container, { direct, final, state, full }, on) {
  const answer = final ?? direct;
  if (!answer.hits.length) {
    container.replaceChildren(nothingFound(state, on.clear));
    return;
  }
  const restore = remember(container);
  const more = state.compare ? hasMore(answer, state.page) : full;
  container.replaceChildren(
    ...(state.compare ? [comparison(direct, final, state.page)] : list(direct, final)),
    ...(more
      ? [h("button", { type: "button", class: "secondary more", click: on.more }, "Show more")]
      : []),
  );
  restore();
}

function list(direct, final) {
  const answer = final ?? direct;
  const before = new Set(direct.hits.map((hit) => hit.id));
  const isNew = (hit) => final?.reasoned && hit.rank <= direct.hits.length && !before.has(hit.id);
  const mark = (hit) => (isNew(hit) ? newMark() : null);
  return [
    heading(answer, final === null && answer.reason_note.startsWith("reasoned")),
    cardList(answer.hits, { reasoned: answer.reasoned, mark }),
  ];
}

function heading(answer, waiting) {
  const direct = waiting ? "Direct results" : "Results";
  return h(
    "header",
    { class: "results-head" },
    h("h2", {}, answer.reasoned ? "Results with the thought" : direct),
    waiting ? h("p", { class: "hint" }, "The reasoned ones follow.") : null,
    answer.degraded
      ? h("p", { class: "notice", role: "note" }, "The thought was not ready in time.")
      : null,
  );
}

function newMark() {
  return h("span", { class: "badge new", title: "The query alone did not find it here" }, "New");
}

function remember(container) {
  const place = (element) => {
    const card = element?.closest(".card[data-id]");
    return card ? `${card.closest(".column")?.className} ${card.dataset.id}` : null;
  };
  const opened = new Set([...container.querySelectorAll("details[open]")].map(place));
  const focused = container.contains(document.activeElement) && place(document.activeElement);
  return () => {
    for (const details of container.querySelectorAll(".card details")) {
      if (opened.has(place(details))) details.open = true;
      if (focused === place(details)) details.querySelector("summary").focus();
    }
  };
}
