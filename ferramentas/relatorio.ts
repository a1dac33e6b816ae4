/**
 * As citações do relatório (`docs/relatorio.md`) em dia: cada uma diz um arquivo, um
 * intervalo de linhas e o nome do que está nelas, e é o nome que manda. Este
 * programa acha no código as linhas de cada nome e põe em dia as do relatório.
 *
 * ```sh
 * deno task relatorio    # renova os números das linhas em docs/relatorio.md
 * ```
 *
 * Uma citação se escreve `[servidor.ts, linhas 1–2: #tratarPut]`, ou com a pasta,
 * `[lib/entrada.ts, linhas 1–2: abrirEntrada]`. O nome é o de uma função, constante,
 * tipo, classe ou membro de classe (`Servidor.main`, se `main` só não basta), e o
 * intervalo vai do comentário de documentação dele até onde ele acaba; ou é o começo de
 * um comentário (`Seção 5c. Requisição PUT`), e o intervalo é o do que ele documenta ou,
 * se é um comentário de trecho, o do trecho, até o próximo.
 *
 * @module
 */

import { lerArgumentos } from "../lib/opcoes.ts";
import { rodar } from "./programa.ts";
import { lerFontes, lerRelatorio, RELATORIO } from "./relatorio/arquivos.ts";
import { lerCitacoes, renovar } from "./relatorio/citacoes.ts";

const AJUDA = `Uso: relatorio [--renovar]

  --renovar     põe em dia, em docs/relatorio.md, as linhas de cada citação
  sem opções    só confere: sai com 1 se alguma está desatualizada`;

/** Lê as opções; um texto, se é só para mostrá-lo. @throws {TypeError} se alguma não serve. */
function lerLinhaDeComando(args: readonly string[]): { gravar: boolean } | string {
  const { opcoes } = lerArgumentos(args, { textos: [], sinais: ["renovar"] });
  return opcoes.ajuda ? AJUDA : { gravar: opcoes.renovar !== undefined };
}

/** Confere as citações e, se é para gravar, põe-nas em dia. @throws {Error} se não, e alguma não está. */
async function conferir({ gravar }: { gravar: boolean }): Promise<string> {
  const texto = await lerRelatorio();
  const renovado = renovar(texto, await lerFontes());
  const quantas = `${lerCitacoes(texto).length} citações`;
  if (renovado === texto) return `${quantas}, todas em dia`;
  if (!gravar) throw new Error("há citações desatualizadas: deno task relatorio");
  await Deno.writeTextFile(RELATORIO, renovado);
  return `${quantas}, renovadas`;
}

if (import.meta.main) await rodar(lerLinhaDeComando, conferir);
