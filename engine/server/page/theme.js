// Light or dark: as the system has it, until a person chooses.

const KEY = "lrem-theme";

export function startTheme(button) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => localStorage.getItem(KEY);
  const isDark = () => (chosen() ? chosen() === "dark" : system.matches);
  const show = () => {
    if (chosen()) document.documentElement.dataset.theme = chosen();
    button.setAttribute("aria-pressed", String(isDark()));
  };
  button.addEventListener("click", () => {
    localStorage.setItem(KEY, isDark() ? "light" : "dark");
    show();
  });
  system.addEventListener("change", show);
  show();
}
