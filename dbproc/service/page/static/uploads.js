// Sends the chosen file bit by bit (tus 1.0), so that it goes on where it was cut off: also after a restart of the
// service, and from another browser. Without this script the form sends it as a whole.
"use strict";

const form = document.getElementById("send");
const far = document.getElementById("far");
const how = document.getElementById("how");
const AT_ONCE = 8 * 1024 * 1024;
const DIGESTED = 64 * 1024 * 1024;
const LONGEST_WAIT = 30_000;

function asked(method, url, headers, body) {
  const always = { "Tus-Resumable": "1.0.0", "X-CSRF-Token": form.dataset.csrf };
  return fetch(url, { method, headers: { ...always, ...headers }, body, credentials: "same-origin" });
}

function encoded(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

async function digest(file) {
  if (!crypto.subtle || file.size > DIGESTED) return "";
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  return Array.from(bytes, (each) => each.toString(16).padStart(2, "0")).join("");
}

async function refusal(answer) {
  try {
    return (await answer.json()).detail;
  } catch {
    return `the service answered ${answer.status}`;
  }
}

// The upload of this file that was begun before, or a new one.
async function begun(file) {
  for (const row of document.querySelectorAll("tr[data-upload]")) {
    if (row.dataset.name === file.name && Number(row.dataset.size) === file.size)
      return `${form.dataset.tus}/${row.dataset.upload}`;
  }
  const known = await digest(file);
  const metadata = `filename ${encoded(file.name)}${known ? `,sha256 ${encoded(known)}` : ""}`;
  const answer = await asked("POST", form.dataset.tus, { "Upload-Length": String(file.size), "Upload-Metadata": metadata });
  if (answer.status !== 201) throw new Error(await refusal(answer));
  return answer.headers.get("Location");
}

// How many bytes are there, once the service answers.
async function offset(url) {
  for (let wait = 1000; ; wait = Math.min(2 * wait, LONGEST_WAIT)) {
    try {
      const answer = await asked("HEAD", url);
      if (answer.ok) return Number(answer.headers.get("Upload-Offset"));
      if (answer.status < 500 && answer.status !== 423 && answer.status !== 429)
        throw new Error("the upload is not there any more: choose the file again");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      how.textContent = "The service does not answer; this goes on when it does.";
    }
    await new Promise((done) => setTimeout(done, wait));
  }
}

async function send(file) {
  const url = await begun(file);
  let at = await offset(url);
  far.hidden = false;
  while (at < file.size) {
    far.value = at / file.size;
    how.textContent = `${file.name}: ${Math.floor((100 * at) / file.size)}%`;
    const headers = { "Content-Type": "application/offset+octet-stream", "Upload-Offset": String(at) };
    try {
      const answer = await asked("PATCH", url, headers, file.slice(at, at + AT_ONCE));
      if (answer.status === 204) {
        at = Number(answer.headers.get("Upload-Offset"));
        continue;
      }
      if (answer.status < 500 && ![409, 423, 429].includes(answer.status)) throw new Error(await refusal(answer));
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
    at = await offset(url);
  }
  far.value = 1;
  how.textContent = `${file.name} is there; the next run takes it.`;
}

form.addEventListener("submit", (event) => {
  const file = form.elements.file.files[0];
  if (!file) return;
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  send(file)
    .catch((error) => (how.textContent = `${file.name} was not sent: ${error.message}`))
    .finally(() => (button.disabled = false));
});
