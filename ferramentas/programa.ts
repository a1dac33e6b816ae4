/**
 * Um programa de linha de comando: lê as opções, faz uma coisa só, e sai a dizer como acabou.
 *
 * ```ts ignore
 * const ler = (args: readonly string[]) => args.includes("--ajuda") ? "Uso: …" : { args };
 * if (import.meta.main) await rodar(ler, async ({ args }) => `Feito: ${args}`);
 * ```
 *
 * @module
 */

import { abrirTela } from "../lib/tela.ts";
import { textoDoErro } from "../lib/texto.ts";

/**
 * Lê as opções com `ler`, chama `fazer` e mostra o texto que ela devolve; se `ler` já devolve um
 * texto (`--ajuda`), só o mostra. Sai com 0; com 2, se as opções não servem; com 1, se não deu certo.
 */
export async function rodar<T extends object>(
  ler: (args: readonly string[]) => T | string,
  fazer: (opcoes: T) => Promise<string>,
): Promise<never> {
  const tela = abrirTela();
  let codigo = 2;
  try {
    const lidas = ler(Deno.args);
    codigo = 1;
    tela.linha(typeof lidas === "string" ? lidas : await fazer(lidas));
    codigo = 0;
  } catch (erro) {
    tela.erro(`ERRO: ${textoDoErro(erro)}`);
  }
  await tela.esvaziar();
  Deno.exit(codigo);
}
