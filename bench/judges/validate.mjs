// Prints what MJML's own validator says of the files named, one line a fault.
import fs from "node:fs";
import mjml2html from "mjml";

for (const file of process.argv.slice(2)) {
  const source = fs.readFileSync(file, "utf8");
  const { errors } = await mjml2html(source, { validationLevel: "soft" });
  for (const { formattedMessage } of errors) console.log(`${file}: ${formattedMessage}`);
}
