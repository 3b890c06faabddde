// Hits as cards.

import { h, price, webUrl } from "./dom.js";
import { why } from "./why.js";

/**
 * A list of cards.
 * @param {object[]} hits Of the service.
 * @param {object} options
 * @param {boolean} options.reasoned Whether the answer has a thought.
 * @param {function(object): ?HTMLElement} [options.mark] What is said of a hit's place.
 * @param {string} [options.label] Of the list.
 */
export function cardList(hits, { reasoned, mark = () => null, label = "Products" }) {
  const pictured = hits.some((hit) => webUrl(hit.product.image_url));
  const cards = hits.map((hit) => card(hit, reasoned, mark(hit), pictured));
  // Without its marker Safari takes a list for none.
  return h(
    "ol",
    { class: pictured ? "cards pictured" : "cards", role: "list", "aria-label": label },
    ...cards,
  );
}

function card(hit, reasoned, mark, pictured) {
  const { title, brand, category, currency, url } = hit.product;
  const address = webUrl(url);
  const name = address
    ? h("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, title)
    : title;
  return h(
    "li",
    { class: "card", "data-id": hit.id },
    pictured ? picture(hit.product.image_url) : null,
    h(
      "div",
      { class: "card-head" },
      h("span", { class: "rank" }, h("span", { class: "hidden" }, "Rank "), String(hit.rank)),
      mark,
    ),
    h("h3", {}, name),
    h(
      "p",
      { class: "facts" },
      brand ? h("span", { class: "brand" }, brand) : null,
      typeof hit.product.price === "number"
        ? h("span", { class: "price" }, price(hit.product.price, currency))
        : h("span", { class: "price absent" }, "No price"),
    ),
    category ? h("p", { class: "category" }, category.split(" > ").join(" › ")) : null,
    why(hit, reasoned),
  );
}

function picture(address) {
  const frame = h("div", { class: "picture", "aria-hidden": "true" });
  const source = webUrl(address);
  if (source) {
    // A picture that does not load leaves the placeholder.
    frame.append(
      h("img", {
        src: source,
        alt: "",
        loading: "lazy",
        decoding: "async",
        referrerpolicy: "no-referrer",
        error: (event) => event.target.remove(),
      }),
    );
  }
  return frame;
}

/** Cards without content, while there is none. */
export function skeleton(count = 8) {
  const blank = () => h("li", { class: "card blank" }, h("i"), h("i"), h("i"));
  return h(
    "ol",
    { class: "cards", "aria-hidden": "true" },
    ...Array.from({ length: count }, blank),
  );
}
