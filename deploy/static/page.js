"use strict";

// Photos are sent one after the other; each has a card that shows its state and then what was read.

const SVG = "http://www.w3.org/2000/svg";
const AGAIN = new Set([429, 503]);
const MOST_TRIES = 20;
const find = (selector, root = document) => root.querySelector(selector);

const cards = [];
let language = "en";
let working = false;

function text(name, values = {}) {
  return (TEXTS[language][name] ?? "").replace(/\{(\w+)\}/g, (_, key) => values[key]);
}

// 3.2% and 3,2 %, as each language writes it
function percent(share, digits) {
  const unit = 100 * 10 ** digits;
  const format = new Intl.NumberFormat(language, { style: "percent", minimumFractionDigits: digits });
  return format.format(Math.floor(share * unit + 1e-9) / unit);
}

function setLanguage(name) {
  language = name in TEXTS ? name : "en";
  document.documentElement.lang = language;
  document.title = text("title");
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = text(element.dataset.text);
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === language));
  }
  cards.forEach(draw);
}

function chosenLanguage() {
  let kept = null;
  try {
    kept = localStorage.getItem("language");
  } catch {
    // a browser that keeps nothing: the visitor's own language it is
  }
  return kept ?? (navigator.language.toLowerCase().startsWith("ru") ? "ru" : "en");
}

function keepLanguage(name) {
  setLanguage(name);
  try {
    localStorage.setItem("language", name);
  } catch {
    // as above
  }
}

function add(files) {
  for (const file of files) {
    const element = find("#card").content.firstElementChild.cloneNode(true);
    const card = { file, element, state: "waiting", result: null, problem: null };
    const photo = find(".photo", element);
    photo.addEventListener("error", () => showAnnotated(card));
    photo.src = URL.createObjectURL(file);
    find(".name", element).textContent = file.name;
    find(".again", element).addEventListener("click", () => {
      card.state = "waiting";
      draw(card);
      work();
    });
    find(".copy", element).addEventListener("click", () => copy(card));
    cards.push(card);
    find("#results").prepend(element);
    draw(card);
  }
  work();
}

async function work() {
  if (working) return;
  working = true;
  let card;
  while ((card = cards.find((candidate) => candidate.state === "waiting"))) await recognize(card);
  working = false;
}

async function recognize(card) {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    card.state = tries ? "busy" : "reading";
    draw(card);
    let answer;
    try {
      answer = await fetch("/recognize", { method: "POST", body: body(card.file), headers: headers() });
      card.result = await answer.json();
    } catch {
      return fail(card, "offline");
    }
    if (answer.ok) {
      card.state = "done";
      draw(card);
      if (card.unseen) showAnnotated(card);
      return;
    }
    if (answer.status === 401) find("#token-row").hidden = false;
    if (!AGAIN.has(answer.status)) return fail(card, card.result.error, card.result.detail);
    await new Promise((resume) => setTimeout(resume, 1000 * Number(answer.headers.get("Retry-After") ?? 2)));
  }
  fail(card, "offline");
}

function body(file) {
  const form = new FormData();
  form.append("image", file);
  form.append("previous", find("#previous").value.trim());
  // alone it says nothing
  form.append("max_increase", find("#previous").value.trim() ? find("#max-increase").value.trim() : "");
  form.append("crop", "true");
  // browsers that cannot show the file show the server's picture of it
  form.append("annotated", String(/tiff|hei[cf]/.test(file.type) || /\.(tiff?|hei[cf]|hif)$/i.test(file.name)));
  return form;
}

function headers() {
  const token = find("#token").value.trim();
  return token ? { Authorization: `Bearer ${token}` } : {};
}

async function copy(card) {
  const area = document.createElement("textarea");
  area.value = card.result.text;
  document.body.append(area);
  area.select();
  // browsers give the clipboard only to pages over HTTPS, the old way to all
  card.copied = document.execCommand("copy");
  area.remove();
  if (!card.copied && navigator.clipboard) {
    card.copied = await navigator.clipboard.writeText(card.result.text).then(() => true, () => false);
  }
  draw(card);
  find(".copy", card.element).focus();
}

function fail(card, problem, detail = "") {
  card.state = "failed";
  card.result = null;
  card.problem = { problem, detail };
  draw(card);
}

function showAnnotated(card) {
  card.unseen = true;
  if (!card.result?.annotated) return;
  card.drawn = true;
  find(".photo", card.element).src = `data:image/jpeg;base64,${card.result.annotated}`;
  draw(card);
}

function draw(card) {
  const { element, state, result } = card;
  const done = state === "done";
  const read = done && result.success;
  element.dataset.state = read ? "read" : state;
  find(".photo", element).alt = `${text("photoOf")} ${card.file.name}`;
  find(".status", element).textContent = status(card);
  drawReading(find(".reading", element), read ? result : null);
  find(".copying", element).hidden = !read;
  find(".copy", element).textContent = text(card.copied ? "copied" : "copy");
  drawConfidence(find(".confidence", element), "confidence", read ? result.confidence : null);
  // beside a fraction alone: without one it is the same
  const billed = read && result.fraction ? result.confidence_integer : null;
  drawConfidence(find(".confidence.integer", element), "confidenceInteger", billed);
  drawBetween(find(".between", element), read ? result.last_wheel : null);
  drawPlausible(find(".plausible", element), done ? result : null);
  const crop = find(".crop", element);
  crop.hidden = !(done && result.crop);
  crop.alt = text("cropOf");
  if (!crop.hidden) crop.src = `data:image/jpeg;base64,${result.crop}`;
  drawAlternatives(find(".alternatives", element), read ? result.alternatives.slice(1) : []);
  drawOthers(find(".others", element), read ? result.readings.slice(1) : []);
  drawMarks(find(".marks", element), done && !card.drawn ? result : null);
  const again = find(".again", element);
  again.hidden = state !== "failed";
  again.textContent = text("retry");
}

function status(card) {
  if (card.state === "done") {
    const told = text(card.result.success ? card.result.counter_class : card.result.reason);
    return card.result.success && card.result.mirrored ? `${told} ${text("mirroredPhoto")}` : told;
  }
  if (card.state !== "failed") return text(card.state);
  const { problem, detail } = card.problem;
  if (problem === "unusable_field" || !(problem in TEXTS[language])) {
    return `${text(problem in TEXTS[language] ? problem : "failed")}: ${detail}`;
  }
  return text(problem);
}

function drawReading(element, result) {
  element.hidden = !result;
  element.replaceChildren();
  if (!result) return;
  element.setAttribute("aria-label", result.text);
  for (const [part, name] of [[result.integer, "wheel"], [result.fraction ? "," : "", "comma"], [result.fraction, "wheel red"]]) {
    for (const digit of part) {
      const wheel = document.createElement("span");
      wheel.className = name;
      wheel.textContent = digit;
      element.append(wheel);
    }
  }
}

function drawConfidence(element, name, share) {
  element.hidden = share === null;
  find(".label", element).textContent = text(name);
  if (element.hidden) return;
  find("meter", element).value = share;
  find("output", element).textContent = percent(share, 0);
}

function drawBetween(element, wheel) {
  element.hidden = !wheel || wheel.lower === wheel.upper;
  if (!element.hidden) element.textContent = text("between", { low: wheel.value_low, high: wheel.value_high });
}

function drawPlausible(element, result) {
  const told = result && "plausible" in result ? text(result.why, { increase: result.increase }) : "";
  element.hidden = !told;
  element.textContent = told;
  element.dataset.plausible = String(result?.plausible);
}

function drawAlternatives(element, alternatives) {
  drawTexts(element, "alternatives", alternatives, (one) => percent(one.probability, 1));
}

function drawOthers(element, readings) {
  drawTexts(element, "others", readings, (one) => `${text(one.counter_class)}, ${percent(one.confidence, 0)}`);
}

// a list of texts under a heading, each with what is told of it
function drawTexts(element, heading, entries, told) {
  element.hidden = !entries.length;
  find("h2", element).textContent = text(heading);
  find("ol, ul", element).replaceChildren(
    ...entries.map((entry) => {
      const item = document.createElement("li");
      const share = document.createElement("span");
      share.textContent = told(entry);
      item.append(`${entry.text} `, share);
      return item;
    }),
  );
}

function drawMarks(svg, result) {
  svg.replaceChildren();
  if (!result?.corners) return;
  const [height, width] = result.original_image_shape;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  for (const digit of result.digits) svg.append(polygon(digit.corners, "digit"));
  svg.append(polygon(result.corners, "window"));
  for (const reading of result.readings.slice(1)) svg.append(polygon(reading.corners, "window"));
  const dot = document.createElementNS(SVG, "circle");
  const [x, y] = result.corners[0];
  for (const [name, value] of [["cx", x], ["cy", y], ["r", Math.max(width, height) / 90], ["class", "first"]]) {
    dot.setAttribute(name, value);
  }
  svg.append(dot);
}

function polygon(corners, name) {
  const shape = document.createElementNS(SVG, "polygon");
  shape.setAttribute("points", corners.map((corner) => corner.join(",")).join(" "));
  shape.setAttribute("class", name);
  return shape;
}

function listen() {
  for (const button of document.querySelectorAll("[data-language]")) {
    button.addEventListener("click", () => keepLanguage(button.dataset.language));
  }
  for (const input of [find("#choose"), find("#take")]) {
    input.addEventListener("change", () => {
      add([...input.files]);
      input.value = "";
    });
  }
  find("#form").addEventListener("submit", (event) => event.preventDefault());
  const drop = find("#drop");
  for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
    document.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", name === "dragenter" || name === "dragover");
      if (name === "drop") add([...event.dataTransfer.files]);
    });
  }
  document.addEventListener("paste", (event) => add([...event.clipboardData.files]));
}

setLanguage(chosenLanguage());
listen();
