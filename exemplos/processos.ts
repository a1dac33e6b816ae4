/**
 * O que têm em comum os exemplos que põem servidores a correr: as portas deles, e o mapa de
 * bibliotecas com que se chamam.
 *
 * @module
 */

import { escolherPorta } from "../ferramentas/retransmissor.ts";

/** A raiz do projeto. */
export const RAIZ = new URL("../", import.meta.url);

/** Sem JSR, quem nos chamou escolheu o mapa de npm: os programas usam o mesmo. */
export const MAPA: readonly string[] =
  !/^(jsr:|https:)/.test(import.meta.resolve("@std/streams/text-line-stream"))
    ? [`--import-map=${new URL("npm.json", RAIZ)}`]
    : [];

/** As portas pedidas, se estão todas livres; se não, outras tantas que o estão. */
export function escolherPortas(pedidas: readonly number[]): number[] {
  const ouvintes: Deno.TcpListener[] = [];
  try {
    for (const port of pedidas) ouvintes.push(Deno.listen({ hostname: "127.0.0.1", port }));
    return [...pedidas];
  } catch (erro) {
    if (!(erro instanceof Deno.errors.AddrInUse)) throw erro;
    return pedidas.map(escolherPorta);
  } finally {
    for (const ouvinte of ouvintes) ouvinte.close();
  }
}
