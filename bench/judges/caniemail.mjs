// Prints, as JSON, which features of the mails named which client does not support at all.
import { caniemail } from "caniemail";
import fs from "node:fs";

const clients = ["gmail.*", "outlook.*", "apple-mail.*", "yahoo.*", "samsung-email.*", "thunderbird.*"];
const found = {};
for (const file of process.argv.slice(2)) {
  const { issues } = caniemail({ clients, html: fs.readFileSync(file, "utf8") });
  for (const [client, errors] of issues.errors)
    for (const { title } of errors) (found[title] ??= new Set()).add(client);
}
const sorted = Object.keys(found).sort().map((title) => [title, [...found[title]].sort()]);
console.log(JSON.stringify(Object.fromEntries(sorted), null, 1));
