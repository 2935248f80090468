// Leaves a page whose session has ended. What was typed is kept in this tab, and put back if the same person opens the
// same page next. Any other page forgets it.
(() => {
  const KEPT = "imports-typed";
  const prefix = () => window.path_prefix || "";
  const isChoice = (field) => ["radio", "checkbox"].includes(field.type);
  const fields = () => [...document.querySelectorAll(".content input:not([type=file]), .content select")].filter((field) => !field.closest(".mend"));
  const nameOf = (field) => field.id || field.getAttribute("aria-label") || `${field.name}=${field.type === "radio" ? field.value : ""}`;

  const person = () => document.querySelector(".top")?.dataset.person;

  window.leaveForSignIn = (why) => {
    const here = location.pathname.slice(prefix().length) + location.search;
    if (why === "over") {
      const typed = Object.fromEntries(fields().map((field) => [nameOf(field), isChoice(field) ? field.checked : field.value]));
      const rows = window.unsentRows ? window.unsentRows() : [];
      sessionStorage.setItem(KEPT, JSON.stringify({ path: location.pathname, person: person(), typed, rows }));
    } else {
      sessionStorage.removeItem(KEPT);
    }
    const next = why === "out" ? "" : `&next=${encodeURIComponent(here)}`;
    location.assign(`${prefix()}/sign-in?why=${why}${next}`);
  };

  const kept = JSON.parse(sessionStorage.getItem(KEPT) || "null");
  sessionStorage.removeItem(KEPT);
  // Both are known when the page is connected to its process.
  const isOurs = () => kept && kept.path === location.pathname && kept.person === person();
  // The rows of Mend, which the grid puts back when it has loaded.
  window.keptRows = () => (isOurs() ? kept.rows : []);

  function putBack() {
    for (const field of fields()) {
      const value = kept.typed[nameOf(field)];
      if (value === undefined || value === (isChoice(field) ? field.checked : field.value)) continue;
      if (isChoice(field)) field.checked = value; else field.value = value;
      field.dispatchEvent(new Event(field.tagName === "SELECT" ? "change" : "input", { bubbles: true }));
    }
    const folded = document.querySelector(".content details");
    if (folded && [...folded.querySelectorAll("input, select")].some((field) => field.value)) folded.open = true;
  }
  if (!kept) return;
  // Until the page is connected to its process, its fields may still be replaced.
  const waiting = setInterval(() => {
    if (!window.did_handshake) return;
    clearInterval(waiting);
    if (isOurs()) putBack();
  }, 50);
})();
