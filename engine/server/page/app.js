// From the address to what is shown, and from what a person does to the address.

import { Problem, searchEvents, searchOnce, readiness } from "./api.js";
import { skeleton } from "./cards.js";
import { DEPTH } from "./compare.js";
import { byId, h } from "./dom.js";
import { activeFilters, filterPanel } from "./filters.js";
import { askForKey } from "./key.js";
import { errorNotice, startNotice } from "./notices.js";
import { showResults } from "./results.js";
import { PAGE_SIZE, readState, whereClauses, withoutFilters, writeState } from "./state.js";
import { startTheme } from "./theme.js";
import { thoughtPanel } from "./thought.js";
import { hideTiming, showTiming } from "./timing.js";

let state = readState(location.search);
let running = new AbortController();
let direct = null;
let final = null;

const results = byId("results");
const thought = thoughtPanel(byId("thought"), {
  search: (phrases) => go({ thought: phrases, page: 1 }),
  reset: () => go({ thought: null, page: 1 }),
  reason: () => go({ reason: "always", page: 1 }),
});
const filters = filterPanel(byId("filters"), (change) => go({ ...change, page: 1 }));

function go(change) {
  state = { ...state, ...change };
  history.pushState(null, "", writeState(state));
  search();
}

async function search() {
  running.abort();
  running = new AbortController();
  const { signal } = running;
  [direct, final] = [null, null];
  showControls();
  if (!state.q) return showStart();
  showWaiting();
  const started = performance.now();
  let directAfter = 0;
  try {
    for await (const { event, data } of searchEvents(body(), signal)) {
      if (signal.aborted) return;
      if (event === "direct") {
        direct = data;
        directAfter = performance.now() - started;
        showDirect();
      } else if (event === "thought") {
        thought.writing(data.keyphrases);
      } else if (event === "result") {
        final = data;
        showFinal();
        showTiming(final, directAfter, performance.now() - started);
      }
    }
  } catch (error) {
    await failed(error, signal);
  }
}

function body() {
  return {
    q: state.q,
    k: state.compare ? DEPTH : PAGE_SIZE * state.page,
    where: whereClauses(state),
    reason: state.reason,
    explain: true,
    facets: true,
    ...(state.thought ? { thought: state.thought } : {}),
  };
}

/** One page more of the answer that is shown, with the thought that it has. */
async function more(event) {
  state = { ...state, page: state.page + 1 };
  history.pushState(null, "", writeState(state));
  if (state.compare) return showHits();
  const { signal } = running;
  const button = event.target;
  button.disabled = true;
  button.textContent = "Loading…";
  const page = { ...body(), k: PAGE_SIZE, offset: PAGE_SIZE * (state.page - 1), facets: false };
  if (final.thought) page.thought = final.thought.keyphrases;
  else page.reason = "never";
  try {
    const { hits } = await searchOnce(page, signal);
    const known = new Set(final.hits.map((hit) => hit.id));
    final.hits.push(...hits.filter((hit) => !known.has(hit.id)));
    const first = known.size;
    showHits(hits.length === PAGE_SIZE);
    results.querySelectorAll(".card")[first]?.querySelector("summary").focus();
    say(`${final.hits.length} products.`);
  } catch (error) {
    await failed(error, signal);
  }
}

function showControls() {
  document.title = state.q ? `${state.q} · LREM search` : "LREM search";
  byId("q").value = state.q;
  byId("toolbar").hidden = !state.q;
  document.querySelector(`#reason [value=${state.reason}]`).checked = true;
  document.querySelector(`#view [value=${state.compare ? "compare" : "list"}]`).checked = true;
  document.body.classList.toggle("started", Boolean(state.q));
  hideTiming();
  showActive(null);
}

function showActive(currency) {
  const chips = activeFilters(state, currency).map(({ name, without }) =>
    h(
      "li",
      { class: "chip filter" },
      h("span", { class: "chip-text" }, name),
      h(
        "button",
        {
          type: "button",
          class: "chip-remove",
          "aria-label": `Remove filter ${name}`,
          click: () => go({ ...without, page: 1 }),
        },
        "×",
      ),
    ),
  );
  const clear = h(
    "li",
    {},
    h("button", { type: "button", class: "plain", click: clearFilters }, "Clear all"),
  );
  byId("active").hidden = !chips.length;
  byId("active").replaceChildren(...chips, ...(chips.length > 1 ? [clear] : []));
  byId("filters-toggle").textContent = chips.length ? `Filters (${chips.length})` : "Filters";
}

const clearFilters = () => go(withoutFilters(state));

function showStart() {
  thought.hide();
  filters.hide();
  results.replaceChildren(startNotice());
  say("");
}

function showWaiting() {
  thought.hide();
  results.setAttribute("aria-busy", "true");
  results.replaceChildren(skeleton());
  say("Searching.");
}

function showDirect() {
  const waiting = direct.reason_note.startsWith("reasoned");
  showHits();
  showFacets(direct);
  if (waiting && !state.thought) thought.writing([]);
  say(`${direct.hits.length} direct results.${waiting ? " Thinking." : ""}`);
}

function showFinal() {
  results.removeAttribute("aria-busy");
  thought.show(final, state.thought !== null);
  showHits();
  showFacets(final);
  const phrases = final.thought
    ? ` with the thought ${final.thought.keyphrases.join(", ") || "empty"}`
    : "";
  say(`${final.hits.length} ${final.reasoned ? "reasoned" : "direct"} results${phrases}.`);
}

function showFacets(answer) {
  const currency = currencyOf(answer.hits);
  filters.show(answer.facets, state, currency);
  showActive(currency);
}

function showHits(full = final?.hits.length === PAGE_SIZE * state.page) {
  showResults(results, { direct, final, state, full }, { more, clear: clearFilters });
}

function currencyOf(hits) {
  const all = new Set(hits.map((hit) => hit.product.currency ?? null));
  return all.size === 1 ? [...all][0] : null;
}

async function failed(error, signal) {
  if (signal.aborted) return;
  if (!(error instanceof Problem)) throw error;
  results.removeAttribute("aria-busy");
  if (error.status === 401 && (await askForKey(error))) return search();
  thought.hide();
  results.replaceChildren(errorNotice(error, search));
  say(`${error.message} ${error.remedy}`);
}

function say(text) {
  byId("status").textContent = text;
}

function listen() {
  byId("search").addEventListener("submit", (event) => {
    event.preventDefault();
    const q = byId("q").value.trim();
    if (q === state.q) return search();
    return go({ q, thought: null, page: 1 });
  });
  byId("reason").addEventListener("change", (event) =>
    go({ reason: event.target.value, thought: null, page: 1 }),
  );
  byId("view").addEventListener("change", (event) =>
    go({ compare: event.target.value === "compare", page: 1 }),
  );
  byId("filters-toggle").addEventListener("click", (event) => {
    const open = document.body.classList.toggle("filters-open");
    event.target.setAttribute("aria-expanded", String(open));
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input:not([type=checkbox], [type=radio]), dialog *");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    byId("q").focus();
    byId("q").select();
  });
  addEventListener("popstate", () => {
    state = readState(location.search);
    search();
  });
}

async function showService() {
  const service = await readiness();
  if (!service) return;
  const parts = [
    `${service.products.toLocaleString("en")} products`,
    service.collection,
    service.model,
  ];
  byId("footer").replaceChildren(h("p", {}, parts.join(" · ")));
  if (service.reasons) return;
  byId("reason").disabled = true;
  byId("reason").title = "The checkpoint of this service does not reason";
}

startTheme(byId("theme"));
listen();
search();
showService();
