// GitHub's packages import JSON as their bundler lets them, without the attribute that Node.js asks
// for: this gives it. Use: node --import ./json_imports.mjs ...

import { register } from "node:module";

const hooks = `
  import { readFile } from "node:fs/promises";
  export async function load(url, context, next) {
    if (!url.endsWith(".json")) return next(url, context);
    return { format: "json", shortCircuit: true, source: await readFile(new URL(url), "utf8") };
  }
`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
