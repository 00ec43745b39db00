// Shows what the form asks for as soon as a slider moves: the same page as without this script, put in place.
"use strict";

const seen = document.getElementById("seen");
const WAIT = 120;
const LATER = 1000;
const BUSY = [429, 503];
let timer = 0;
let isAsking = false;
let next = null;

function asked() {
  const form = document.getElementById("choice");
  return `${form.getAttribute("action")}?${new URLSearchParams(new FormData(form))}`;
}

function loaded(image) {
  return image && image.decode ? image.decode().catch(() => {}) : Promise.resolve();
}

// Puts what was found in place; of the form, while a slider is held, only the words.
function place(found, isHeld) {
  const picture = found.querySelector("figure");
  const before = seen.querySelector("figure");
  if (!isHeld || !picture || !before) {
    seen.replaceChildren(...found.childNodes);
    return;
  }
  before.replaceWith(picture);
  for (const label of found.querySelectorAll("label.slide")) {
    const name = label.querySelector("input").name;
    seen.querySelector(`[name="${name}"]`).closest("label").querySelector("span").replaceWith(label.querySelector("span"));
  }
}

async function put(url, isHeld) {
  const answer = await fetch(url, { credentials: "same-origin" });
  if (BUSY.includes(answer.status)) {
    timer = setTimeout(show, LATER, isHeld);
    return;
  }
  const found = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("seen");
  if (!found || answer.redirected) {
    location.assign(url);
    return;
  }
  document.adoptNode(found);
  await loaded(found.querySelector("img"));
  const name = document.activeElement && document.activeElement.name;
  place(found, isHeld);
  history.replaceState(null, "", url);
  const again = name && seen.querySelector(`[name="${CSS.escape(name)}"]`);
  if (again) again.focus({ preventScroll: true });
}

// One picture is asked for at a time; the last choice of those made meanwhile is the next.
async function show(isHeld) {
  if (isAsking) {
    next = next === false ? false : isHeld;
    return;
  }
  isAsking = true;
  seen.setAttribute("aria-busy", "true");
  try {
    await put(asked(), isHeld);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // the service does not answer: what is seen stays
  } finally {
    isAsking = false;
    seen.removeAttribute("aria-busy");
    if (next !== null) {
      const held = next;
      next = null;
      show(held);
    }
  }
}

seen.addEventListener("input", (event) => {
  if (!event.target.closest("#choice")) return;
  clearTimeout(timer);
  const isHeld = event.target.type === "range";
  timer = setTimeout(show, isHeld ? WAIT : 0, isHeld);
});
seen.addEventListener("submit", (event) => {
  event.preventDefault();
  show(false);
});

// A slider that was moved before this script was there, or that the browser put back to where it was.
if (Array.from(seen.querySelectorAll("input[type=range]")).some((each) => each.value !== each.defaultValue)) show(true);
