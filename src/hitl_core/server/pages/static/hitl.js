// What a page does more with a script: times in the reader's zone, keys, news that spare what is being typed.
// Whatever decides is a form that works without; a key presses its button, and none while a field has the focus.
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
  const moment = (words) => {
    const [, date, hour] = /^(\d{4}-\d\d-\d\d)[ T](\d{1,2}:\d\d)$/.exec(words.trim()) || [];
    const at = new Date(`${date}T${hour?.padStart(5, "0")}`);
    return isNaN(at) ? words : at.toISOString();
  };
  const times = (root) => {
    for (const z of $$("[data-zone]", root)) say(z, day.resolvedOptions().timeZone);
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

  // ── keys ──
  const types = (e) => !!e && e.matches("input:not([type=checkbox],[type=radio]), textarea, select, [contenteditable]");
  const seen = (e) => e.checkVisibility ? e.checkVisibility() : e.getClientRects().length > 0;
  const shows = (e) => !!e && seen(e) && !e.disabled && e.getAttribute("aria-disabled") !== "true";
  const field = (root) => $$("input:not([type=hidden]), textarea, select", root).find(shows);
  const open = (panel) => { panel.open = true; const first = field(panel); if (first) first.focus(); panel.scrollIntoView({ block: "nearest" }); };
  const move = (by) => {
    const all = $$("[data-open]"), at = all.indexOf(document.activeElement.closest(".item")?.querySelector("[data-open]"));
    const next = all[Math.min(all.length - 1, Math.max(0, at < 0 ? 0 : at + by))];
    if (next) { next.focus(); next.closest(".item").scrollIntoView({ block: "nearest" }); }
    return !!next;
  };
  const choose = () => {
    const box = document.activeElement.closest(".item")?.querySelector("input[type=checkbox]");
    if (box) box.click();
    return !!box;
  };
  const press = (key) => {
    const panel = $$("details[data-panel]").find((e) => e.dataset.panel === key && shows($("summary", e)));
    if (panel) { open(panel); return true; }
    const focused = $$("[data-focus-key]").find((e) => e.dataset.focusKey === key && shows(e));
    if (focused) { field(focused.form).focus(); return true; }
    const button = $$("[data-key]").find((e) => e.dataset.key === key && shows(e));
    if (button) button.click();
    return !!button;
  };
  const onKey = (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.repeat || e.isComposing) return;
    if (e.key === "Escape") {
      const panel = document.activeElement.closest("details[open]");
      if (panel) { panel.open = false; $("summary", panel).focus(); } else document.activeElement.blur();
      return;
    }
    if (types(e.target) || e.key.length !== 1 || e.key === " ") return;
    const search = e.key === "/" && $("[data-search]");
    if (search) search.focus();
    const inQueue = $("[data-queue]") && { j: () => move(1), k: () => move(-1), x: choose }[e.key];
    if (search || (inQueue ? inQueue() : press(e.key))) e.preventDefault();
  };

  // ── what is being typed stays: over a reload, and when others are faster ──
  // It stays in this tab, under its person's name, and goes when they sign out or somebody else comes.
  const me = () => document.body.dataset, mine = () => `hitl ${me().who} `;
  const forget = () => {
    if (me().who || "signedOut" in me()) for (const k in sessionStorage) if (/^hitl /.test(k) && !k.startsWith(mine())) sessionStorage.removeItem(k);
  };
  const place = (e) => `${mine()}${location.pathname} ${e.form.getAttribute("action")} ${$("[name=decision]", e.form)?.value} ${e.name}`;
  const keep = (e) => { if (types(e.target) && e.target.form?.closest("[data-request]")) sessionStorage.setItem(place(e.target), e.target.value); };
  const restore = () => {
    if ($("[data-focus]")) return;
    for (const e of $$("[data-request] form :is(textarea, input:not([type]), input[type=text])")) {
      const had = sessionStorage.getItem(place(e));
      if (had === null || had === e.value) continue;
      e.value = had;
      for (let d = e.closest("details"); d; d = d.parentElement.closest("details")) d.open = true;
    }
  };
  const onSubmit = (e) => {
    if (e.target.dataset.sent) { e.preventDefault(); return; }
    if (e.target.method !== "post") return;
    e.target.dataset.sent = "1";
    for (const f of $$("[data-local]", e.target)) f.value = moment(f.value);
    for (const f of e.target.elements) if (f.name && types(f)) sessionStorage.removeItem(place(f));
  };
  const settle = () => {
    const status = $("#status");
    if (!status || !(("over" in status.dataset) || ("held" in status.dataset))) return;
    for (const b of $$(".decide button, #edit button")) b.disabled = true;
    for (const b of $$(".decide summary, .decide a.button")) b.setAttribute("aria-disabled", "true");
  };
  const spare = (e) => {
    const list = e.detail.target;
    if (list.id !== "queue" || !e.detail.requestConfig.path.includes("/queue")) return;
    if (!$("[data-picks] input:checked", list) && !list.contains(document.activeElement)) return;
    e.detail.shouldSwap = false;
    $("#news").hidden = false;
    tell("There is something new in the queue");
  };
  const swapped = (e) => {
    times(document);
    settle();
    const news = e.target.id === "status" || e.detail.elt?.id === "status" ? $("#status [role=alert]") : null;
    if (news) tell(news.textContent.trim());
  };

  // ── the way to the decision stands below, on a phone, until one is there ──
  const way = () => {
    const bar = $(".bar"), to = $("#decide");
    if (bar && to) new IntersectionObserver(([e]) => { bar.hidden = e.isIntersecting; }, { rootMargin: "0px 0px -64px" }).observe(to);
  };

  addEventListener("DOMContentLoaded", () => {
    document.documentElement.classList.add("js");
    theme();
    times(document);
    setInterval(tick, 1000);
    forget();
    restore();
    settle();
    way();
    addEventListener("keydown", onKey);
    addEventListener("input", keep);
    addEventListener("submit", onSubmit);
    addEventListener("pageshow", () => { for (const f of $$("form[data-sent]")) delete f.dataset.sent; });
    for (const d of $$("details[data-panel]")) $("summary", d).addEventListener("click", () => setTimeout(() => { if (d.open) field(d)?.focus(); }));
    for (const a of $$("[data-opens]")) a.addEventListener("click", (e) => { e.preventDefault(); open(document.getElementById(a.dataset.opens)); });
    const focus = $("[data-focus]");
    if (focus) focus.focus();
    document.body.addEventListener("htmx:beforeSwap", spare);
    document.body.addEventListener("htmx:afterSwap", swapped);
  });
})();
