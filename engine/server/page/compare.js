// Side by side: what the query alone finds, and what it finds with its thought.

import { cardList } from "./cards.js";
import { h } from "./dom.js";

export const DEPTH = 100;
const STEP = 20;

/**
 * Both answers beside each other, with what moved.
 * @param {object} direct The answer without a thought, to {@link DEPTH}.
 * @param {?object} final The answer with one; null while it is awaited.
 * @param {number} page How many steps of products are shown.
 */
export function comparison(direct, final, page) {
  const before = ranks(direct);
  const after = final ? ranks(final) : new Map();
  const shown = STEP * page;
  const left = column(
    "Direct",
    "The query as it was typed",
    direct,
    shown,
    final?.reasoned ? (hit) => leaving(hit, after) : undefined,
  );
  const right =
    final === null
      ? h(
          "section",
          { class: "column waiting" },
          h("h2", {}, "Reasoned"),
          h("p", { class: "hint" }, "Waiting for the thought."),
        )
      : final.reasoned
        ? column("Reasoned", moves(final, before, shown), final, shown, (hit) =>
            movement(hit, before),
          )
        : h(
            "section",
            { class: "column" },
            h("h2", {}, "Reasoned"),
            h("p", { class: "hint" }, "There is no thought, so there is no second answer."),
          );
  return h("div", { class: "columns" }, left, right);
}

/** Whether there is more to show than so many steps. */
export const hasMore = (answer, page) => answer.hits.length > STEP * page;

function column(title, hint, answer, shown, mark) {
  return h(
    "section",
    { class: `column ${title.toLowerCase()}` },
    h("h2", {}, title),
    h("p", { class: "hint" }, hint),
    cardList(answer.hits.slice(0, shown), {
      reasoned: answer.reasoned,
      mark,
      label: `${title} results`,
    }),
  );
}

const ranks = (answer) => new Map(answer.hits.map((hit) => [hit.id, hit.rank]));

function movement(hit, before) {
  const old = before.get(hit.id);
  if (old === undefined) return badge("new", "New", `not among the first ${DEPTH} before`);
  if (old === hit.rank) return badge("same", "=", "same place");
  return old > hit.rank
    ? badge("up", `▲ ${old - hit.rank}`, `up ${old - hit.rank}, was ${old}`)
    : badge("down", `▼ ${hit.rank - old}`, `down ${hit.rank - old}, was ${old}`);
}

function leaving(hit, after) {
  const now = after.get(hit.id);
  if (now === undefined) return badge("gone", "Left", `no longer among the first ${DEPTH}`);
  return now === hit.rank
    ? badge("same", "=", "same place")
    : badge("moved", `→ ${now}`, `now ${now}`);
}

function badge(kind, text, meaning) {
  return h(
    "span",
    { class: `badge ${kind}`, title: meaning },
    h("span", { "aria-hidden": "true" }, text),
    h("span", { class: "hidden" }, meaning),
  );
}

function moves(final, before, shown) {
  const counts = { fresh: 0, up: 0, down: 0 };
  for (const hit of final.hits.slice(0, shown)) {
    const old = before.get(hit.id);
    if (old === undefined) counts.fresh += 1;
    else if (old > hit.rank) counts.up += 1;
    else if (old < hit.rank) counts.down += 1;
  }
  return `Query and thought: ${counts.fresh} new, ${counts.up} up, ${counts.down} down`;
}
