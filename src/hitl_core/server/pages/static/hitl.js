// What a page does more with a script: times in the reader's zone that go on, light and dark. Nothing here decides.
(() => {
  "use strict";
  const $ = (q, r = document) => r.querySelector(q), $$ = (q, r = document) => [...r.querySelectorAll(q)];

  // ── times ──
  const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
  const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const span = (left) => {
    const parts = [];
    for (const [unit, size] of UNITS) {
      const count = Math.floor(left / size);
      left -= count * size;
      if (count || (unit === "s" && !parts.length)) parts.push(`${count} ${unit}`);
      else if (parts.length) break;
    }
    return parts.slice(0, 2).join(" ");
  };
  const say = (element, words) => { if (element.textContent !== words) element.textContent = words; };
  const tick = () => {
    for (const t of $$("time[data-ago]")) {
      const gap = Math.trunc((Date.parse(t.dateTime) - Date.now()) / 1000);
      say(t, gap === 0 ? "now" : gap > 0 ? `in ${span(gap)}` : `${span(-gap)} ago`);
    }
    for (const t of $$("[data-left]")) say(t, String(Math.max(0, Math.ceil((Date.parse(t.dataset.left) - Date.now()) / 1000))));
  };
  const times = (root) => {
    for (const t of $$("time[data-when]", root)) say(t, day.format(new Date(t.dateTime)));
    for (const t of $$("time[datetime]", root)) t.title = whole.format(new Date(t.dateTime));
    tick();
  };

  // ── light and dark ──
  const theme = () => {
    const button = $("[data-theme-switch]");
    if (!button) return;
    button.hidden = false;
    button.addEventListener("click", () => {
      const root = document.documentElement;
      const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      root.dataset.theme = dark ? "light" : "dark";
      document.cookie = `hitl_theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=lax`;
    });
  };

  const tell = (words) => { const live = $("#live"); if (live) live.textContent = words; };
  window.hitl = { $, $$, tell };

  addEventListener("DOMContentLoaded", () => {
    theme();
    times(document);
    setInterval(tick, 1000);
    const focus = $("[data-focus]");
    if (focus) focus.focus();
    document.body.addEventListener("htmx:afterSwap", (e) => times(e.target.parentNode || document));
  });
})();
