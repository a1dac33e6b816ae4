import { assert } from "@std/assert";
import { DE_VERDADE, esperaDaTentativa } from "../../lib/tempo.ts";

Deno.test("esperaDaTentativa() dobra até o teto, sempre com ao menos metade", () => {
  for (let tentativa = 0; tentativa < 2000; tentativa++) {
    const teto = Math.min(500, 10 * 2 ** tentativa);
    const espera = esperaDaTentativa(DE_VERDADE, tentativa, 10, 500);
    assert(espera >= teto / 2 && espera <= teto, `tentativa ${tentativa}: ${espera} ms`);
  }
});
