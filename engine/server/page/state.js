// What is shown is a function of the address: everything a person can set is in it.

export const PAGE_SIZE = 24;
const MAX_PAGES = 40;
const REASONS = ["auto", "always", "never"];

/** The state that an address' query string stands for. */
export function readState(search) {
  const given = new URLSearchParams(search);
  const thought = given.getAll("thought");
  const page = Number.parseInt(given.get("page") ?? "1", 10);
  return {
    q: (given.get("q") ?? "").trim(),
    brands: [...new Set(given.getAll("brand"))].filter(Boolean),
    categories: [...new Set(given.getAll("category"))].filter(Boolean),
    low: number(given.get("low")),
    high: number(given.get("high")),
    reason: REASONS.includes(given.get("reason")) ? given.get("reason") : "auto",
    // null: the model's own. An empty list, written as one empty value, is an empty thought.
    thought: thought.length ? thought.map((phrase) => phrase.trim()).filter(Boolean) : null,
    compare: given.get("view") === "compare",
    page: page >= 1 ? Math.min(page, MAX_PAGES) : 1,
  };
}

/** The query string of a state; what is as usual is left out. */
export function writeState(state) {
  const written = new URLSearchParams();
  if (state.q) written.set("q", state.q);
  for (const brand of state.brands) written.append("brand", brand);
  for (const category of state.categories) written.append("category", category);
  if (state.low !== null) written.set("low", String(state.low));
  if (state.high !== null) written.set("high", String(state.high));
  if (state.reason !== "auto") written.set("reason", state.reason);
  if (state.thought) {
    for (const phrase of state.thought.length ? state.thought : [""]) {
      written.append("thought", phrase);
    }
  }
  if (state.compare) written.set("view", "compare");
  if (state.page > 1) written.set("page", String(state.page));
  const text = written.toString();
  return text ? `?${text}` : "./";
}

/** The clauses that the filters stand for, as the service's `where` takes them. */
export function whereClauses(state) {
  const clauses = [];
  if (state.brands.length) clauses.push(`brand in (${state.brands.map(quoted).join(", ")})`);
  if (state.categories.length) {
    clauses.push(`category under (${state.categories.map(quoted).join(", ")})`);
  }
  if (state.low !== null) clauses.push(`price >= ${state.low}`);
  if (state.high !== null) clauses.push(`price < ${state.high}`);
  return clauses;
}

export const hasFilters = (state) => whereClauses(state).length > 0;

export const withoutFilters = (state) => ({
  ...state,
  brands: [],
  categories: [],
  low: null,
  high: null,
  page: 1,
});

function quoted(text) {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

function number(text) {
  if (text === null || text.trim() === "") return null;
  const value = Number(text);
  return Number.isFinite(value) && value >= 0 ? value : null;
}
