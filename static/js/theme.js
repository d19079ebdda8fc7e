// Runs before the first paint, so it is a classic script in <head>: the chosen theme must never flash.
// The choice is "light" or "dark"; nothing is stored while the system decides.
(() => {
  const root = document.documentElement;
  const key = "atelier-theme";
  root.dataset.js = "";

  const stored = () => {
    try {
      return localStorage.getItem(key);
    } catch (error) {
      if (error instanceof DOMException) return null; // storage is blocked: the system decides
      throw error;
    }
  };
  const apply = (choice) => {
    if (choice === "light" || choice === "dark") root.dataset.theme = choice;
    else delete root.dataset.theme;
  };
  const choose = (choice) => {
    apply(choice);
    try {
      if (root.dataset.theme) localStorage.setItem(key, choice);
      else localStorage.removeItem(key);
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
    }
    mark();
  };
  const mark = () => {
    const choice = root.dataset.theme ?? "auto";
    for (const input of document.querySelectorAll("[data-theme-choice]")) input.checked = input.value === choice;
  };
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);

  apply(stored());
  document.addEventListener("DOMContentLoaded", mark);
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-theme-toggle]")) choose(isDark() ? "light" : "dark");
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-theme-choice]")) choose(event.target.value);
  });
  addEventListener("storage", (event) => {
    if (event.key !== key) return;
    apply(event.newValue);
    mark();
  });
})();
