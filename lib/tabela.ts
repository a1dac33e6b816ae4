/**
 * Uma tabela em texto, com as colunas alinhadas.
 *
 * ```ts
 * import { fazerTabela } from "./tabela.ts";
 *
 * const linhas = fazerTabela(["nome", "keys", "nota"], [["a", "7", "x"], ["bcdef", "10"]], ["keys"]);
 * const esperadas = ["nome   keys  nota", "a         7  x", "bcdef    10"];
 * if (linhas.join() !== esperadas.join()) throw new Error(linhas.join("\n"));
 * ```
 *
 * @module
 */

import { visivel } from "./texto.ts";

/** O que separa duas colunas. */
const ENTRE_COLUNAS = "  ";

/**
 * As linhas da tabela, a dos títulos primeiro, sem espaços no fim. O que viria mandar no terminal
 * fica à vista, e conta na largura; uma célula que falta fica vazia.
 *
 * @param aDireita Os títulos das colunas que se alinham à direita: as de números.
 */
export function fazerTabela(
  titulos: readonly string[],
  linhas: readonly (readonly string[])[],
  aDireita: readonly string[] = [],
): string[] {
  const todas = [titulos, ...linhas].map((linha) => titulos.map((_, n) => visivel(linha[n] ?? "")));
  const larguras = titulos.map((_, n) => Math.max(...todas.map((linha) => largura(linha[n]!))));
  return todas.map((linha) =>
    linha.map((celula, n) => {
      const espacos = " ".repeat(larguras[n]! - largura(celula));
      return aDireita.includes(titulos[n]!) ? espacos + celula : celula + espacos;
    }).join(ENTRE_COLUNAS).trimEnd()
  );
}

/** Quantos caracteres se veem, e não quantas unidades UTF-16. */
function largura(texto: string): number {
  return [...texto].length;
}
