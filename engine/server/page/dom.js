// Elements are built, never written as HTML: whatever a catalog or a query holds stays text.

/**
 * Make an element.
 * @param {string} tag Its name.
 * @param {Object<string, *>} [properties] Attributes; a function is a listener of that event; true
 *   sets an attribute without a value; false, null and undefined leave it out.
 * @param {...(Node|string|null)} children Texts and nodes; null is passed over.
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, String(value));
    }
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/** The address if it leads to the web, else null: never javascript:, data: or a file. */
export function webUrl(text, protocols = ["http:", "https:"]) {
  if (typeof text !== "string") return null;
  try {
    const url = new URL(text.trim());
    return protocols.includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

/** A price with its currency, where that is one; `short` leaves out a fraction of zero. */
export function price(value, currency, short = false) {
  const whole = short && Number.isInteger(value);
  if (currency) {
    try {
      const digits = whole ? { minimumFractionDigits: 0 } : {};
      return value.toLocaleString("en", { style: "currency", currency, ...digits });
    } catch {
      return `${price(value, null, short)} ${currency}`;
    }
  }
  const digits = whole ? 0 : 2;
  return value.toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

export const milliseconds = (value) =>
  value >= 1000
    ? `${(value / 1000).toFixed(1)} s`
    : `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
