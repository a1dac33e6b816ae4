import { assert, assertEquals, assertMatch } from "@std/assert";
import { DE_VERDADE, esperaDaTentativa, esperar } from "../../lib/tempo.ts";

Deno.test("esperaDaTentativa() dobra até o teto, sempre com ao menos metade", () => {
  for (let tentativa = 0; tentativa < 2000; tentativa++) {
    const teto = Math.min(500, 10 * 2 ** tentativa);
    const espera = esperaDaTentativa(DE_VERDADE, tentativa, 10, 500);
    assert(espera >= teto / 2 && espera <= teto, `tentativa ${tentativa}: ${espera} ms`);
  }
});

Deno.test("esperaDaTentativa() sorteia entre metade e o teto, e nunca os passa", () => {
  const espera = (acaso: number, tentativa: number) =>
    esperaDaTentativa({ acaso: () => acaso }, tentativa, 10, 500);
  assertEquals([0, 1, 2, 5, 6, 99].map((n) => espera(0, n)), [5, 10, 20, 160, 250, 250]);
  assertEquals([0, 1, 2].map((n) => espera(0.5, n)), [7.5, 15, 30]);
});

Deno.test("esperar() acaba na hora, e o seu temporizador com ele, quando o sinal é dado", async () => {
  const inicio = performance.now();
  await esperar(DE_VERDADE, 60_000, AbortSignal.abort());
  const desistir = new AbortController();
  const espera = esperar(DE_VERDADE, 60_000, desistir.signal);
  desistir.abort();
  await espera;
  assert(performance.now() - inicio < 10_000);
  await esperar(DE_VERDADE, 20, new AbortController().signal);
  assert(performance.now() - inicio >= 19, "não esperou");
});

Deno.test("DE_VERDADE.sigilo() são 32 bytes em hexadecimal, outros de cada vez", () => {
  const [um, outro] = [DE_VERDADE.sigilo(), DE_VERDADE.sigilo()];
  assertMatch(um, /^[0-9a-f]{64}$/);
  assert(um !== outro);
});
