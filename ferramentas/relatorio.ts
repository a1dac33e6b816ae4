/**
 * As citações do relatório (`docs/relatorio.md`): cada uma diz um arquivo e o nome do que
 * está nele. Este programa acha no código as linhas de cada nome e as mostra; um nome que
 * não há, ou que há mais de uma vez, é um erro.
 *
 * ```sh
 * deno task relatorio    # confere cada citação, e mostra as linhas de cada uma
 * ```
 *
 * O relatório não guarda os números: uma linha a mais no código mudaria dezenas deles. Quem
 * os põe é `deno task entrega`, no PDF, com o código do mesmo ZIP.
 *
 * Uma citação se escreve `[servidor.ts: #tratarPut]`, ou com a pasta,
 * `[lib/entrada.ts: abrirEntrada]`. O nome é o de uma função, constante, tipo, classe ou
 * membro de classe (`Servidor.main`, se `main` só não basta), e as linhas vão do comentário
 * de documentação dele até onde ele acaba; ou é o começo de um comentário
 * (`Seção 5c. Requisição PUT`), e as linhas são as do que ele documenta ou, se é um
 * comentário de trecho, as do trecho, até o próximo.
 *
 * @module
 */

import { lerArgumentos } from "../lib/opcoes.ts";
import { rodar } from "./programa.ts";
import { lerFontes, lerRelatorio } from "./relatorio/arquivos.ts";
import { lerCitacoes, linhasDe } from "./relatorio/citacoes.ts";

const AJUDA = `Uso: relatorio

Confere as citações de docs/relatorio.md e mostra, de cada uma, as linhas do
código que ela cita; sai com 1 se uma não se acha.`;

/** Lê as opções; um texto, se é só para mostrá-lo. @throws {TypeError} se alguma não serve. */
function lerLinhaDeComando(args: readonly string[]): Record<never, never> | string {
  const { opcoes, livres } = lerArgumentos(args, { textos: [], sinais: [] });
  if (opcoes.ajuda || opcoes.versao) return AJUDA;
  if (livres.length > 0) throw new TypeError(`Argumento inesperado: "${livres[0]}"; veja --ajuda`);
  return {};
}

/** A tabela das citações: onde estão as linhas de cada uma. @throws {Error} se uma não se acha. */
async function conferir(): Promise<string> {
  const fontes = await lerFontes();
  const citacoes = lerCitacoes(await lerRelatorio());
  const tabela = citacoes.map((citacao) =>
    `${citacao.arquivo}, ${linhasDe(citacao, fontes)}: ${citacao.nome}`
  );
  return [...tabela, `${citacoes.length} citações, todas no código`].join("\n");
}

if (import.meta.main) await rodar(lerLinhaDeComando, conferir);
