// Filters with their counts, as the service counted them.

import { h, price } from "./dom.js";

const SHOWN = 8;

/**
 * The filters of an answer.
 * @param {HTMLElement} panel Where they are.
 * @param {function(object)} change Called with the part of the state that a person changed.
 */
export function filterPanel(panel, change) {
  const open = new Set();
  const whole = new Set();
  let facets = null;
  let state = null;
  let currency = null;

  /** Draw the counts of an answer beside what the state has chosen. */
  function show(counted, current, money) {
    [facets, state, currency] = [counted, current, money];
    draw();
  }

  function draw() {
    const focused = panel.contains(document.activeElement) ? document.activeElement.id : "";
    panel.hidden = false;
    panel.replaceChildren(
      h("h2", {}, "Filters"),
      ...[categories(), prices(), brands()].filter(Boolean),
      h(
        "p",
        { class: "hint" },
        `Counts are of the ${Math.max(...Object.values(facets.counted))} best matches.`,
      ),
    );
    if (focused) document.getElementById(focused)?.focus();
  }

  function brands() {
    const values = withChosen(facets.brand, state.brands);
    if (!values.length) return null;
    return group(
      "Brand",
      ...beginning("brands", values, (one) => state.brands.includes(one.value)).map((one, at) =>
        box(`brand-${at}`, one.value, one, state.brands.includes(one.value), (chosen) =>
          change({ brands: toggled(state.brands, one.value, chosen) }),
        ),
      ),
      rest("brands", values.length),
    );
  }

  /** The first values and those that are chosen; all once a person asked for them. */
  function beginning(name, values, isChosen) {
    return whole.has(name) ? values : values.filter((one, at) => at < SHOWN || isChosen(one));
  }

  function rest(name, total) {
    if (total <= SHOWN) return null;
    return h(
      "button",
      {
        type: "button",
        class: "plain",
        id: `${name}-all`,
        "aria-expanded": String(whole.has(name)),
        click: () => {
          if (!whole.delete(name)) whole.add(name);
          draw();
        },
      },
      whole.has(name) ? `Fewer ${name}` : `All ${total} ${name}`,
    );
  }

  function categories() {
    const values = withChosen(facets.category, state.categories);
    if (!values.length) return null;
    const children = (path) => values.filter((one) => parent(one.value) === path);
    const known = new Set(values.map((one) => one.value));
    const roots = values.filter((one) => !known.has(parent(one.value)));
    const isChosen = (one) =>
      state.categories.some((path) => path === one.value || isUnder(path, one.value));
    return group(
      "Category",
      branch(beginning("categories", roots, isChosen), children),
      rest("categories", roots.length),
    );
  }

  function branch(values, children) {
    return h(
      "ul",
      { class: "tree" },
      ...values.map((one) => {
        const below = children(one.value);
        const expanded =
          open.has(one.value) || state.categories.some((path) => isUnder(path, one.value));
        const name = one.value.split(" > ").at(-1);
        const id = `category-${facets.category.findIndex((other) => other.value === one.value)}`;
        const choose = (chosen) =>
          change({ categories: chosenCategories(state.categories, one.value, chosen) });
        return h(
          "li",
          {},
          h(
            "div",
            { class: "row" },
            box(id, name, one, state.categories.includes(one.value), choose),
            below.length
              ? h(
                  "button",
                  {
                    type: "button",
                    class: "disclose",
                    id: `${id}-open`,
                    "aria-expanded": String(expanded),
                    "aria-label": `Show what is under ${name}`,
                    click: () => {
                      if (open.has(one.value)) open.delete(one.value);
                      else open.add(one.value);
                      draw();
                    },
                  },
                  expanded ? "−" : "+",
                )
              : null,
          ),
          expanded && below.length ? branch(below, children) : null,
        );
      }),
    );
  }

  function prices() {
    if (facets.price.length < 2 && state.low === null && state.high === null) return null;
    const isChosen = (span) => span.low === state.low && span.high === state.high;
    const any = { low: null, high: null };
    const custom = !isChosen(any) && !facets.price.some(isChosen);
    const spans = [
      any,
      ...(facets.price.length > 1 ? facets.price : []),
      ...(custom ? [{ low: state.low, high: state.high }] : []),
    ];
    return group(
      "Price",
      ...spans.map((span, at) => {
        const id = `price-${at}`;
        return h(
          "label",
          { class: "choice", for: id },
          h("input", {
            type: "radio",
            name: "price",
            id,
            checked: isChosen(span),
            change: () => change({ low: span.low, high: span.high }),
          }),
          h("span", { class: "name" }, spanName(span, currency)),
          span.count === undefined ? null : count(span.count),
        );
      }),
      range(),
    );
  }

  function range() {
    const bound = (name, value) => {
      const input = h("input", {
        type: "number",
        min: 0,
        step: "any",
        inputmode: "decimal",
        id: `price-${name}`,
        "aria-label": name === "low" ? "Lowest price" : "Below this price",
        placeholder: name === "low" ? "from" : "below",
      });
      input.value = value ?? "";
      return input;
    };
    const low = bound("low", state.low);
    const high = bound("high", state.high);
    const read = (input) => (input.value === "" ? null : Math.max(0, Number(input.value)));
    return h(
      "form",
      {
        class: "range",
        submit: (event) => {
          event.preventDefault();
          change({ low: read(low), high: read(high) });
        },
      },
      low,
      h("span", { "aria-hidden": "true" }, "–"),
      high,
      h(
        "button",
        { type: "submit", class: "secondary small", "aria-label": "Apply prices" },
        "Apply",
      ),
    );
  }

  return {
    show,
    hide: () => {
      panel.hidden = true;
    },
  };
}

/** The filters in use, each with a name and the change that takes it back. */
export function activeFilters(state, currency) {
  const filters = [
    ...state.categories.map((path) => ({
      name: path.split(" > ").join(" › "),
      without: { categories: state.categories.filter((other) => other !== path) },
    })),
    ...state.brands.map((brand) => ({
      name: brand,
      without: { brands: state.brands.filter((other) => other !== brand) },
    })),
  ];
  if (state.low !== null || state.high !== null) {
    filters.push({ name: spanName(state, currency), without: { low: null, high: null } });
  }
  return filters;
}

function group(title, ...children) {
  return h("fieldset", { class: "group" }, h("legend", {}, title), ...children.filter(Boolean));
}

function box(id, name, facet, checked, choose) {
  return h(
    "label",
    { class: "choice", for: id },
    h("input", { type: "checkbox", id, checked, change: (event) => choose(event.target.checked) }),
    h("span", { class: "name" }, name),
    count(facet.count),
  );
}

const count = (number) =>
  h("span", { class: "count" }, String(number), h("span", { class: "hidden" }, " products"));

function spanName({ low, high }, currency) {
  if (low === null && high === null) return "Any price";
  if (low === null) return `Under ${price(high, currency, true)}`;
  if (high === null) return `${price(low, currency, true)} and up`;
  return `${price(low, currency, true)} to ${price(high, currency, true)}`;
}

/** Counted values, and after them those that are chosen and were not counted. */
function withChosen(counted, chosen) {
  const known = new Set(counted.map((one) => one.value));
  return [
    ...counted,
    ...chosen.filter((value) => !known.has(value)).map((value) => ({ value, count: 0 })),
  ];
}

function toggled(values, value, chosen) {
  return chosen ? [...values, value] : values.filter((other) => other !== value);
}

/** A category that is chosen takes the place of those above and under it. */
function chosenCategories(paths, path, chosen) {
  const others = paths.filter(
    (other) => !isUnder(other, path) && !isUnder(path, other) && other !== path,
  );
  return chosen ? [...others, path] : paths.filter((other) => other !== path);
}

const isUnder = (path, other) => path.startsWith(`${other} > `);

const parent = (path) => path.split(" > ").slice(0, -1).join(" > ");
