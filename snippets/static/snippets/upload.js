/* Sends the form's files and shows how far that is. Without this script the form is sent all the same. */

const files = document.getElementById("upload-files");
const progress = document.getElementById("upload-progress");
const state = document.getElementById("upload-state");

function inWords(request) {
  try {
    return Object.values(JSON.parse(request.responseText)).flat().join(" ");
  } catch {
    return `The server answered ${request.status}.`;
  }
}

function send(form) {
  const button = form.querySelector("button");
  const request = new XMLHttpRequest();
  const ended = (words) => {
    state.value = words;
    progress.hidden = true;
    button.disabled = false;
  };
  request.upload.onprogress = (event) => {
    progress.value = event.loaded / event.total;
    state.value = event.loaded < event.total ? `${Math.floor(100 * progress.value)} %` : "Being stored ...";
  };
  request.onload = () => (request.status === 201 ? location.reload() : ended(inWords(request)));
  request.onerror = () => ended("The connection was lost. Nothing has been stored.");
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "application/json");
  progress.hidden = false;
  button.disabled = true;
  request.send(new FormData(form));
}

files.form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (files.form.reportValidity()) send(files.form);
});
