// page.js - draws what the network of temporal_order.c learns. The page works from a file, too:
// recur.js holds the WebAssembly.
//
// index.html?batches=400 trains so many batches before anything is drawn, stops, and says on the
// console what came out.
"use strict";

const at = (id) => document.getElementById(id);
const CLASSES = ["XX", "XY", "YX", "YY"];
const PER_FRAME = 2; // batches of 64 strings
const curve = []; // { batches, loss, accuracy }
let net, batches, running;

function fail() {
    running = false;
    at("error").textContent = net.error();
}

// ---- the curve ----------------------------------------------------------------------------------

// Loss is drawn from 0 to 1.5 (chance is ln 4 = 1.39), accuracy from 0 to 1.
function line(pen, color, of, top) {
    const { width, height } = pen.canvas;
    const right = Math.max(curve[curve.length - 1].batches, 100);
    pen.strokeStyle = color;
    pen.beginPath();
    for (const point of curve) {
        const x = 60 + (point.batches / right) * (width - 80);
        const y = height - 40 - (Math.min(of(point), top) / top) * (height - 80);
        pen.lineTo(x, y);
    }
    pen.stroke();
}

function draw() {
    const pen = at("curve").getContext("2d");
    const { width, height } = pen.canvas;
    pen.clearRect(0, 0, width, height);
    pen.lineWidth = 1;
    pen.font = "22px sans-serif";
    pen.fillStyle = "#555";
    pen.strokeStyle = "#ddd";
    for (let i = 0; i <= 4; i++) {
        const y = height - 40 - (i / 4) * (height - 80);
        pen.beginPath();
        pen.moveTo(60, y);
        pen.lineTo(width - 20, y);
        pen.stroke();
        pen.fillText(`${25 * i}%`, 2, y + 8);
    }
    pen.fillText(`${batches} batches`, width - 180, height - 8);
    if (curve.length === 0) return;
    pen.lineWidth = 3;
    line(pen, "#c0392b", (point) => point.loss, 1.5);
    line(pen, "#2a6fb0", (point) => point.accuracy, 1);
    pen.fillStyle = "#c0392b";
    pen.fillText("loss", 80, 28);
    pen.fillStyle = "#2a6fb0";
    pen.fillText("accuracy on strings never seen", 150, 28);
}

// ---- learning and answering ---------------------------------------------------------------------

function learn(count) {
    const began = performance.now();
    const loss = net.train(count);
    const seconds = (performance.now() - began) / 1000;
    if (loss === 0) return fail();
    batches += count;
    const accuracy = net.accuracy();
    curve.push({ batches, loss, accuracy });
    const speed = seconds > 0 ? `${Math.round((64 * count) / seconds)} strings a second, ` : "";
    at("said").textContent =
        `${batches} batches of 64 strings, loss ${loss.toFixed(3)}, accuracy ` +
        `${(100 * accuracy).toFixed(1)}% (${speed}${net.set()})`;
}

function answer() {
    const where = net.answer(at("text").value);
    const bars = CLASSES.map((name, c) => {
        const p = where ? net.floats(where)[c] : 0;
        return `<div><b>${name}</b><i style="width:${(60 * p).toFixed(1)}%"></i>` +
            `${(100 * p).toFixed(1)}%</div>`;
    });
    at("bars").innerHTML = bars.join("");
}

function frame() {
    if (!running) return;
    learn(PER_FRAME);
    draw();
    answer();
    requestAnimationFrame(frame);
}

function start() {
    const value = (id) => Number(at(id).value);
    const idle = !running;
    batches = 0;
    curve.length = 0;
    at("error").textContent = "";
    if (!net.create(value("cell"), value("hidden"), value("distance"), 1)) return fail();
    at("text").value = net.string();
    running = true;
    if (idle) requestAnimationFrame(frame);
}

function stop() {
    running = false;
}

// ---- the page -----------------------------------------------------------------------------------

recur().then((module) => {
    net = {
        create: module.cwrap("web_create", "number", ["number", "number", "number", "number"]),
        train: module.cwrap("web_train", "number", ["number"]),
        accuracy: module.cwrap("web_accuracy", "number", []),
        answer: module.cwrap("web_answer", "number", ["string"]),
        string: module.cwrap("web_string", "string", []),
        set: module.cwrap("web_set", "string", []),
        error: module.cwrap("web_error", "string", []),
        floats: (where) => new Float32Array(module.HEAPU8.buffer, where, 4),
    };
    at("form").addEventListener("submit", (event) => {
        event.preventDefault();
        start();
    });
    at("stop").addEventListener("click", stop);
    at("text").addEventListener("input", answer);
    at("another").addEventListener("click", () => {
        at("text").value = net.string();
        answer();
    });
    start();
    const wanted = Number(new URLSearchParams(location.search).get("batches"));
    if (wanted) {
        running = false;
        for (let i = 0; i < wanted; i += 10) learn(10);
        draw();
        answer();
        console.log(at("said").textContent);
    }
});
