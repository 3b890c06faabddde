// Asks for the API key of a service that wants one.

import { forgetKey, keepKey, storedKey } from "./api.js";
import { byId } from "./dom.js";

/**
 * Ask for a key.
 * @param {Problem} problem The refusal.
 * @returns {Promise<boolean>} Whether there is a key to try now.
 */
export function askForKey(problem) {
  const dialog = byId("key");
  const value = byId("key-value");
  byId("key-problem").textContent = storedKey() ? "The key was not accepted." : problem.remedy;
  forgetKey();
  value.value = "";
  dialog.showModal();
  return new Promise((resolve) => {
    byId("key-cancel").onclick = () => dialog.close("cancel");
    dialog.onclose = () => {
      const given = dialog.returnValue !== "cancel" && value.value.trim();
      if (given) keepKey(given);
      resolve(Boolean(given));
    };
    byId("key-form").onsubmit = () => {
      dialog.returnValue = "key";
    };
    // Escape closes it without a value.
    dialog.oncancel = () => {
      dialog.returnValue = "cancel";
    };
  });
}
