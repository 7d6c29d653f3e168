// Whether jobs and steps run, by GitHub's own evaluator of expressions.
//
// node evaluate_conditions.mjs NODE_MODULES < [{condition, contexts, status}, ...] > [true, ...]
// status: "success", "failure", "cancelled" or "skipped", of what came before. A condition that asks
// for no status runs after success only, as GitHub has it.

import { readFileSync } from "node:fs";
import { join } from "node:path";

const [modules] = process.argv.slice(2);
const load = (name) => import(join(modules, "@actions", name));
const { data, Evaluator, Lexer, Parser } = await load("expressions/dist/index.js");
const { truthy } = await load("expressions/dist/result.js");
const { ensureStatusFunction } = await load(
  "workflow-parser/dist/model/converter/if-condition.js",
);

const STATUS = ["always", "success", "failure", "cancelled"];

const functions = (status) =>
  STATUS.map((name) => ({
    name,
    minArgs: 0,
    maxArgs: 0,
    call: () => new data.BooleanData(name === "always" || name === status),
  }));

const runs = ({ condition, contexts, status }) => {
  const names = Object.keys(contexts);
  const allowedContext = [...names, ...STATUS.map((name) => `${name}(0,0)`)];
  const whole = ensureStatusFunction(condition, { allowedContext });
  const known = functions(status);
  const tree = new Parser(new Lexer(whole).lex().tokens, names, known).parse();
  const values = JSON.parse(JSON.stringify(contexts), data.reviver);
  const table = new Map(known.map((one) => [one.name, one]));
  return truthy(new Evaluator(tree, values, table).evaluate());
};

console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(runs)));
