// Nodemailer's pool: composing each message, or handing over bytes that were made before.
import nodemailer from "nodemailer";
import { readFileSync } from "node:fs";

const [port, messages, connections, kind, file] = process.argv.slice(2);
const { html, text } = JSON.parse(readFileSync(file, "utf8"));
const pool = nodemailer.createTransport({
  host: "127.0.0.1", port: Number(port), pool: true, ignoreTLS: true,
  maxConnections: Number(connections), maxMessages: Infinity,
});
const link = (n) => `https://recap.example.org/unsubscribe/${n}`;
const fill = (content, n) => content.replaceAll("[LINK]", link(n));
const whole = (n) =>
  `Date: Fri, 22 Sep 2023 13:00:00 +0000\r\nMessage-ID: <${n}@example.org>\r\n` +
  `From: recap@example.org\r\nTo: reader${n}@example.org\r\nSubject: Three Themes\r\n` +
  `List-Unsubscribe: <${link(n)}>\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n` +
  fill(html, n).replaceAll("\n", "\r\n");

function message(n) {
  const envelope = { from: "recap@example.org", to: `reader${n}@example.org` };
  if (kind === "raw") return { envelope, raw: whole(n) };
  return {
    from: "RAND Weekly Recap <recap@example.org>", to: envelope.to, subject: "Three Themes",
    headers: { "List-Unsubscribe": `<${link(n)}>` }, text: fill(text, n), html: fill(html, n),
  };
}

let next = 0;
async function work() {
  while (next < Number(messages)) await pool.sendMail(message(++next));
}
const began = process.hrtime.bigint();
// Twice as many as connections, so that none waits for the next message.
await Promise.all(Array.from({ length: 2 * Number(connections) }, work));
console.log(Number(process.hrtime.bigint() - began) / 1e9);
pool.close();
