// Why a product is here: the routes that found it, and what it shares with query and thought.

import { h } from "./dom.js";

const ROUTES = {
  dense: "Meaning of query and thought",
  direct: "Meaning of the query",
  mixed: "Meaning, query and thought in equal parts",
  keyphrases: "Meaning of each keyphrase",
  lexical: "Words of the query",
  "lexical-cot": "Words of query and thought",
};
const PLAIN = { dense: "direct", mixed: "direct", keyphrases: "direct", "lexical-cot": "lexical" };

/**
 * A hit's explanation, closed at first.
 * @param {object} hit Of the service.
 * @param {boolean} reasoned Whether the answer has a thought.
 */
export function why(hit, reasoned) {
  const details = h(
    "details",
    { class: "why" },
    h("summary", {}, "Why is this here?", h("span", { class: "hidden" }, ` ${hit.product.title}`)),
  );
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(body(hit, reasoned));
  });
  return details;
}

function body(hit, reasoned) {
  const rows = Object.entries(hit.routes)
    .sort(([, one], [, other]) => one.rank - other.rank)
    .map(([name, at]) =>
      h(
        "tr",
        {},
        h("th", { scope: "row" }, ROUTES[reasoned ? name : (PLAIN[name] ?? name)] ?? name),
        h("td", {}, String(at.rank)),
        h("td", {}, at.score.toPrecision(3)),
      ),
    );
  const { terms = [], thought_terms: thoughtTerms = [], keyphrases = [] } = hit.explanation ?? {};
  return h(
    "div",
    { class: "why-body" },
    h(
      "table",
      {},
      h("caption", {}, `Found by ${rows.length === 1 ? "one route" : `${rows.length} routes`}`),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          h("th", { scope: "col" }, "Route"),
          h("th", { scope: "col" }, "Rank"),
          h("th", { scope: "col" }, "Score"),
        ),
      ),
      h("tbody", {}, ...rows),
    ),
    words("Words of your query in it", terms, "word"),
    words("Words that only the thought brought", thoughtTerms, "word thought-word"),
    keyphrases.length ? closeness(keyphrases) : null,
    h(
      "p",
      { class: "hint" },
      `Rank ${hit.rank}, with ${hit.score.toFixed(4)} after all routes are merged.`,
    ),
  );
}

function words(title, terms, kind) {
  if (!terms.length) return null;
  const items = terms.map((term) => h("li", { class: kind }, term));
  return h("div", {}, h("h4", {}, title), h("ul", { class: "words" }, ...items));
}

function closeness(keyphrases) {
  const items = keyphrases.slice(0, 6).map(([phrase, cosine]) => {
    const bar = h("span", { class: "bar", "aria-hidden": "true" });
    bar.style.setProperty("--share", `${Math.max(0, Math.min(1, cosine)) * 100}%`);
    return h(
      "li",
      {},
      h("span", {}, phrase),
      h("span", { class: "number" }, cosine.toFixed(2)),
      bar,
    );
  });
  return h(
    "div",
    {},
    h("h4", {}, "How close it is to each keyphrase"),
    h("ul", { class: "closeness" }, ...items),
  );
}
