/**
 * Três servidores em processos de verdade, que se podem matar e recomeçar um a um.
 *
 * @module
 */

import { argumentosDoServidor, atendendo, Fio, portasLivres, Programa } from "../apoio.ts";

/** Três servidores de verdade, com `dados` ou sem, que se podem matar e recomeçar. */
export async function iniciarTres(args: string[] = []) {
  const portas = portasLivres(3);
  const pasta = await Deno.makeTempDir({ prefix: "kv-teste-" });
  const programas: Programa[] = [];
  const iniciar = async (n: number) => {
    const dados = args.includes("--dados") ? [`--dados=${pasta}/${n}`] : [];
    const outras = [...args.filter((arg) => arg !== "--dados"), ...dados];
    programas[n] = new Programa("servidor", argumentosDoServidor(portas[n]!, portas[0]!, outras));
    await atendendo(`127.0.0.1:${portas[n]}`);
  };
  for (const n of [0, 1, 2]) await iniciar(n);
  return {
    programas,
    pasta,
    iniciar,
    abrir: (n: number) => Fio.abrir(`127.0.0.1:${portas[n]}`),
    async pedir(n: number, pedido: object) {
      await using fio = await Fio.abrir(`127.0.0.1:${portas[n]}`);
      return await fio.pedir({ id: 1, ...pedido });
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(programas.map((programa) => programa.matar()));
      await Deno.remove(pasta, { recursive: true });
    },
  };
}
