// Times that tick, a zone to show them in, a word when the server is gone, and keys. The page works without all of it.
const words = (s) => {
  const parts = [];
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]]) {
    const count = Math.floor(s / size);
    s -= count * size;
    if (count || parts.length) parts.push(count ? `${count} ${unit}` : "");
    if (parts.length === 2) break;
  }
  return parts.filter(Boolean).join(" ") || "0 s";
};
const tick = () => {
  for (const one of document.querySelectorAll("time[data-as]")) {
    const span = (new Date(one.dateTime) - Date.now()) / 1000;
    const text = words(Math.abs(Math.round(span)));
    one.title ||= one.textContent;
    one.textContent = one.dataset.as === "since" ? text : span > 0 ? `in ${text}` : `${text} ago`;
  }
};
const lost = (is) => { document.getElementById("lost").hidden = !is; };
const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (own && !document.cookie.includes("mc_zone=")) document.cookie = `mc_zone=${own};path=/;max-age=31536000;samesite=lax`;
tick();
setInterval(tick, 1000);
document.addEventListener("htmx:after:swap", tick);
document.addEventListener("htmx:sse:error", () => lost(true));
document.addEventListener("htmx:error", () => lost(true));
document.addEventListener("htmx:sse:close", () => lost(true));
document.addEventListener("htmx:after:sse:connection", () => lost(false));
let first = "";
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input,textarea,select")) return;
  if (event.key === "/") {
    const field = document.querySelector("[data-filter]");
    if (field) { field.focus(); event.preventDefault(); }
  }
  const link = first === "g" && document.querySelector(`.side a[data-key="${CSS.escape(event.key)}"]`);
  if (link) link.click();
  first = event.key;
});
