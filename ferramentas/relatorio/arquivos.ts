/**
 * Os arquivos de que se fazem o relatório e a entrega: as fontes do programa, cada uma com o seu
 * nome, e o relatório como está escrito.
 *
 * ```ts
 * import { lerFontes, lerRelatorio } from "./arquivos.ts";
 *
 * const fontes = await lerFontes();
 * if (!fontes["servidor.ts"] || !fontes["lib/texto.ts"]) throw new Error("falta uma fonte");
 * if (!(await lerRelatorio()).includes("[servidor.ts: ")) throw new Error("não a cita");
 * ```
 *
 * @module
 */

/** A pasta do projeto. */
export const RAIZ = new URL("../../", import.meta.url);

/** Os módulos do programa, na ordem em que se leem; com os de `lib/`, são as fontes da entrega. */
export const ARQUIVOS = ["mensagem.ts", "servidor.ts", "cliente.ts"] as const;

/** Os arquivos de um programa, pelo nome: `servidor.ts`, `lib/texto.ts`. */
export type Fontes = { readonly [arquivo: string]: string };

/** Lê as fontes do projeto: os módulos, e a biblioteca debaixo deles. */
export async function lerFontes(): Promise<Fontes> {
  const biblioteca = [...Deno.readDirSync(new URL("lib/", RAIZ))]
    .map(({ name }) => `lib/${name}`).filter((nome) => nome.endsWith(".ts")).sort();
  const lidos = [...ARQUIVOS, ...biblioteca].map(async (nome) =>
    [nome, await Deno.readTextFile(new URL(nome, RAIZ))] as const
  );
  return Object.fromEntries(await Promise.all(lidos));
}

/** Lê o relatório, como está escrito. */
export function lerRelatorio(): Promise<string> {
  return Deno.readTextFile(new URL("docs/relatorio.md", RAIZ));
}
