// What GitHub's own language service says about workflow and action files.
//
// node language_service.mjs NODE_MODULES PACK < {"files": [PATH, ...]} > [{file, line, message}, ...]
// No network: actions and workflows of the pack are read from it, whether `$/` or OWNER/NAME names
// them. A third-party action's inputs are not known here, so what is given to it is not judged; each
// is named on standard error.

import { readFileSync } from "node:fs";
import { join, basename } from "node:path";

const [modules, pack] = process.argv.slice(2);
const load = (name) => import(join(modules, name));
const { registerLogger, validate } = await load("@actions/languageservice/dist/index.js");
const { TextDocument } = await load("vscode-languageserver-textdocument/lib/esm/main.js");
const { parse } = await load("yaml/dist/index.js").then((module) => module.default ?? module);

const OURS = "tidegate/tidegate";
const skipped = new Set();

const read = (path) => readFileSync(join(pack, path), "utf8");

const actionsMetadataProvider = {
  async fetchActionMetadata({ owner, name, ref, path }) {
    if (`${owner}/${name}` === OURS) return parse(read(join(path, "action.yml")));
    skipped.add(`${owner}/${name}@${ref}`);
    return { name, description: "" };
  },
};

const fileProvider = {
  async getFileContent({ owner, repository, path }) {
    if (owner !== undefined && `${owner}/${repository}` !== OURS) throw new Error(`${path} is not ours`);
    return { name: path, content: read(path) };
  },
};

const { files } = JSON.parse(readFileSync(0, "utf8"));
const found = [];
let file;
// It logs its own failures, and finds nothing where it stumbled.
registerLogger({
  error: (message) => found.push({ file, line: 1, message }),
  warn: () => {},
  info: () => {},
  log: () => {},
});
for (file of files) {
  const uri = `file:///${/^action\.ya?ml$/.test(basename(file)) ? "action" : "workflows"}/${file}`;
  const document = TextDocument.create(uri, "yaml", 1, readFileSync(file, "utf8"));
  for (const { message, range } of await validate(document, { actionsMetadataProvider, fileProvider })) {
    found.push({ file, line: range.start.line + 1, message });
  }
}
for (const action of [...skipped].sort()) console.error(`inputs not judged: ${action}`);
console.log(JSON.stringify(found));
