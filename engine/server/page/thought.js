// The thought as chips: shown while it is written, then taken out, added to or edited.

import { h } from "./dom.js";

const MAX_PHRASES = 64;

/**
 * The panel of the thought.
 * @param {HTMLElement} panel Where it is.
 * @param {object} on What a person asks for: `search(phrases)`, `reset()`, `reason()`.
 */
export function thoughtPanel(panel, on) {
  let phrases = [];
  let answered = [];
  let note = "";
  let own = false;

  const hide = () => {
    panel.hidden = true;
  };

  function writing(written) {
    const last = written.length - 1;
    const chips = written.map((phrase, at) =>
      h(
        "li",
        { class: at === last ? "chip growing" : "chip" },
        h("span", { class: "chip-text" }, phrase),
      ),
    );
    draw(
      "Thinking",
      h("p", { class: "note", id: "thought-note" }, "The model writes what would serve this need."),
      h(
        "ul",
        { class: "chips", "aria-busy": "true" },
        ...chips,
        h("li", { class: "dots", "aria-hidden": "true" }, h("i"), h("i"), h("i")),
      ),
    );
  }

  /** Show an answer's thought; `isOwn` says that a person gave it. */
  function show(result, isOwn) {
    answered = result.thought ? [...result.thought.keyphrases] : [];
    phrases = [...answered];
    note = result.reason_note;
    own = isOwn;
    drawEditor(result.reasoned);
  }

  function draw(title, ...children) {
    panel.hidden = false;
    panel.replaceChildren(h("h2", { id: "thought-title" }, title), ...children);
  }

  function drawEditor(reasoned, focus = null) {
    const title = own ? "Your thought" : reasoned ? "Thought" : "No thought";
    const chips = phrases.map((phrase, at) => chip(phrase, at, reasoned));
    const changed = phrases.join("\n") !== answered.join("\n");
    const add = h("input", {
      class: "chip-add",
      type: "text",
      maxlength: 200,
      placeholder: "Add a keyphrase",
      "aria-label": "Add a keyphrase to the thought",
      autocomplete: "off",
      keydown: (event) => {
        if (event.key !== "Enter") return;
        event.preventDefault();
        if (event.target.value.trim()) {
          phrases.push(...split(event.target.value));
          phrases = [...new Set(phrases)].slice(0, MAX_PHRASES);
          drawEditor(reasoned, "add");
        } else if (changed) on.search(phrases);
      },
    });
    draw(
      title,
      h("p", { class: "note" }, sentence(note)),
      h(
        "ul",
        { class: "chips", "aria-label": "Keyphrases of the thought" },
        ...chips,
        h("li", {}, add),
      ),
      h(
        "div",
        { class: "buttons" },
        changed
          ? h(
              "button",
              { type: "button", class: "primary small", click: () => on.search(phrases) },
              "Search again with this thought",
            )
          : null,
        changed
          ? h(
              "button",
              {
                type: "button",
                class: "plain",
                click: () => {
                  phrases = [...answered];
                  drawEditor(reasoned, "add");
                },
              },
              "Undo changes",
            )
          : null,
        own && !changed
          ? h(
              "button",
              { type: "button", class: "plain", click: on.reset },
              "Let the model think instead",
            )
          : null,
        !reasoned && !own && !changed
          ? h(
              "button",
              { type: "button", class: "plain", click: on.reason },
              "Reason about it anyway",
            )
          : null,
      ),
    );
    if (focus === "add") add.focus();
    else if (focus !== null) (panel.querySelectorAll(".chip-remove")[focus] ?? add).focus();
  }

  function chip(phrase, at, reasoned) {
    const item = h("li", { class: answered.includes(phrase) ? "chip" : "chip changed" });
    const edit = () => item.replaceChildren(editor(phrase, at, reasoned));
    item.append(
      h(
        "button",
        {
          type: "button",
          class: "chip-text",
          "aria-label": `Edit ${phrase}`,
          title: "Edit",
          click: () => {
            edit();
            item.firstChild.focus();
            item.firstChild.select();
          },
        },
        phrase,
      ),
      h(
        "button",
        {
          type: "button",
          class: "chip-remove",
          "aria-label": `Remove ${phrase}`,
          title: "Remove",
          click: () => {
            phrases.splice(at, 1);
            drawEditor(reasoned, at);
          },
        },
        "×",
      ),
    );
    return item;
  }

  function editor(phrase, at, reasoned) {
    let done = false;
    const finish = (text, focus) => {
      if (done) return;
      done = true;
      phrases.splice(at, 1, ...split(text));
      phrases = [...new Set(phrases)].slice(0, MAX_PHRASES);
      drawEditor(reasoned, focus);
    };
    const input = h("input", {
      class: "chip-edit",
      type: "text",
      maxlength: 200,
      "aria-label": `Edit ${phrase}`,
      keydown: (event) => {
        if (event.key === "Enter") finish(input.value, at);
        else if (event.key === "Escape") finish(phrase, at);
        else return;
        event.preventDefault();
      },
      blur: () => finish(input.value, null),
    });
    input.value = phrase;
    input.size = Math.max(phrase.length, 8);
    return input;
  }

  return { hide, writing, show };
}

const split = (text) =>
  text
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean);

const sentence = (note) => (note ? `${note[0].toUpperCase()}${note.slice(1)}.` : "");
