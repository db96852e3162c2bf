// The modules that arrive as one script.
import assert from "node:assert/strict";
import { mapped } from "../../assets/ui/kit/bundle.js";

const PAGE = "https://host/a'b/%C3%A9/";

Deno.test("a module stands under its address, and knows the whole address of what it imports", async () => {
  const { imports } = mapped({ "x.js": 'export const said = ["\0y.js", "é #%"];', "z.js": 'throw Error("\0")' }, PAGE);
  assert.deepEqual(Object.keys(imports), [`${PAGE}x.js`, `${PAGE}z.js`]);
  assert.deepEqual((await import(imports[`${PAGE}x.js`])).said, [`${PAGE}y.js`, "é #%"]);
  assert.match(await import(imports[`${PAGE}z.js`]).catch((error) => error.stack), /z\.js:1/);
});
