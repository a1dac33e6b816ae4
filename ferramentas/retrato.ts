/**
 * Faz docs/painel.png, o retrato do painel que o README mostra: três servidores de verdade a meio
 * da cena em que um deles responde TRY_OTHER_SERVER_OR_LATER. O retrato leva em si o resumo dos
 * arquivos da página, para que se saiba se ela mudou depois dele.
 *
 * ```sh
 * deno task retrato                # docs/painel.png
 * deno task retrato outra.png
 * ```
 *
 * @module
 */

import { crc32 } from "node:zlib";
import { Corrida } from "../exemplos/painel/corrida.ts";
import { servir } from "../exemplos/painel/servir.ts";
import { lerArgumentos } from "../lib/opcoes.ts";
import { acharNavegador, iniciarNavegador } from "../tests/painel/navegador.ts";
import { rodar } from "./programa.ts";

/** Onde fica o retrato, se não se diz outro lugar. */
export const RETRATO = new URL("../docs/painel.png", import.meta.url);

/** A página que ele mostra. */
const PAGINA = new URL("../exemplos/painel/pagina/", import.meta.url);

/** A resposta que o retrato tem de mostrar já no diagrama e ainda a caminho na rede. */
const A_CAMINHO = `document.querySelector(".ponto.destacada:not([hidden]) .rotulo:not([hidden])") &&
  document.querySelector("#diagrama .destacada")`;

/** Milissegundos do princípio do caminho até onde o ponto fica bem à vista. */
const A_MEIO_MS = 250;

/** Bytes do fim de um PNG: o bloco IEND, que não leva nada. */
const IEND_BYTES = 12;

/** Como se chama, no PNG, o texto com o resumo. */
const NOME = "Fontes\0";

/** O resumo (SHA-256, em hexadecimal) dos arquivos da página, sejam quais forem os fins de linha. */
export async function resumoDaPagina(): Promise<string> {
  const nomes = [...Deno.readDirSync(PAGINA)].map(({ name }) => name).sort();
  const textos = nomes.map((nome) => Deno.readTextFileSync(new URL(nome, PAGINA)));
  const tudo = new TextEncoder().encode(textos.join("\0").replaceAll("\r\n", "\n"));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", tudo)).toHex();
}

/** O resumo que um retrato leva; `undefined`, nenhum. */
export function resumoDoRetrato(png: Uint8Array): string | undefined {
  const texto = new TextDecoder("latin1").decode(png.subarray(-IEND_BYTES - 4 - 64 - NOME.length));
  return texto.startsWith(NOME) ? texto.slice(NOME.length, NOME.length + 64) : undefined;
}

/** O PNG com mais um texto (um bloco tEXt), antes do fim. */
function comResumo(png: Uint8Array, resumo: string): Uint8Array {
  const conteudo = new TextEncoder().encode(`tEXt${NOME}${resumo}`);
  const bloco = new Uint8Array(conteudo.length + 8);
  const vista = new DataView(bloco.buffer);
  vista.setUint32(0, conteudo.length - 4);
  bloco.set(conteudo, 4);
  vista.setUint32(bloco.length - 4, crc32(conteudo));
  const fim = png.length - IEND_BYTES;
  return Uint8Array.from([...png.subarray(0, fim), ...bloco, ...png.subarray(fim)]);
}

/** @throws {Error} se não há navegador, ou a cena não chega lá. */
async function retratar(): Promise<Uint8Array> {
  const caminho = await acharNavegador();
  if (caminho === undefined) throw new Error("Não há um navegador nesta máquina");
  await using corrida = await Corrida.iniciar();
  await using servido = servir(0, corrida);
  await using navegador = await iniciarNavegador(caminho);
  await using pagina = await navegador.abrir(servido.endereco);
  await pagina.clicar('[data-cena="try"]');
  await pagina.ate(A_CAMINHO, 60_000);
  await new Promise((resolve) => setTimeout(resolve, A_MEIO_MS));
  return comResumo(await pagina.retratar(), await resumoDaPagina());
}

/** O destino que as opções dizem, ou um texto só para mostrar. */
function lerOpcoes(args: readonly string[]): { destino: string | URL; nome: string } | string {
  const { opcoes, livres } = lerArgumentos(args, { textos: [], sinais: [] });
  if (opcoes.ajuda || opcoes.versao) return "Uso: retrato [ARQUIVO.png]";
  const [arquivo] = livres;
  return { destino: arquivo ?? RETRATO, nome: arquivo ?? "docs/painel.png" };
}

if (import.meta.main) {
  await rodar(lerOpcoes, async ({ destino, nome }) => {
    const imagem = await retratar();
    await Deno.writeFile(destino, imagem);
    return `${nome}: ${imagem.length} bytes`;
  });
}
