/**
 * A entrega que a seção 9 do enunciado pede: o relatório em PDF e um ZIP só, com
 * ele e o código fonte.
 *
 * ```sh
 * deno task entrega --nome="Fulana de Tal" --ra=11202200000 --video=https://youtu.be/abc
 * ```
 *
 * Faz `dist/entrega/relatorio.pdf` e, ao lado, `RA.zip`:
 *
 * ```text
 * RA.pdf                 o relatório
 * fonte/                 mensagem.ts, servidor.ts, cliente.ts e o deno.json deles
 * fonte/lib/             a biblioteca deste projeto, em que os três se apoiam
 * fonte/biblioteca/      o que usam da biblioteca padrão do Deno
 * ```
 *
 * O PDF sai de `docs/relatorio.md`, com os campos preenchidos e, em cada citação, as
 * linhas que o nome citado tem no código do ZIP.
 *
 * @module
 */

import { lerArgumentos, lerOpcao } from "../lib/opcoes.ts";
import { VERSAO } from "../mensagem.ts";
import type { Campos } from "./entrega/conteudo.ts";
import { fazerPdf } from "./entrega/pdf.ts";
import { fazerZip } from "./entrega/zip.ts";
import { rodar } from "./programa.ts";
import { lerFontes, lerRelatorio, RAIZ } from "./relatorio/arquivos.ts";
import { numerar } from "./relatorio/citacoes.ts";

/** Onde a entrega é feita, se não se diz outra pasta. */
const PASTA = new URL("dist/entrega/", RAIZ);

const AJUDA = `Uso: entrega --nome=NOME --ra=RA --video=URL [--pasta=PASTA]

  --nome=NOME     quem entrega
  --ra=RA         o seu RA, só os dígitos; dá nome ao PDF e ao ZIP
  --video=URL     onde o vídeo pode ser visto
  --pasta=PASTA   onde pôr relatorio.pdf e RA.zip (dist/entrega)
  --ajuda, --versao`;

/** O que se entrega, e onde. */
type Opcoes = Campos & { readonly pasta: string | URL };

/** Lê as opções; um texto, se é só para mostrá-lo. @throws {TypeError} se falta alguma ou não serve. */
function lerLinhaDeComando(args: readonly string[]): Opcoes | string {
  const lidos = lerArgumentos(args, { textos: ["nome", "ra", "video", "pasta"], sinais: [] });
  if (lidos.opcoes.ajuda) return AJUDA;
  if (lidos.opcoes.versao) return `entrega ${VERSAO}`;
  if (lidos.livres.length > 0) throw new TypeError(`Argumento inesperado: "${lidos.livres[0]}"`);
  const nome = lerOpcao(lidos, "nome", lerNome);
  const ra = lerOpcao(lidos, "ra", lerRa);
  const video = lerOpcao(lidos, "video", lerVideo);
  if (nome === undefined || ra === undefined || video === undefined) {
    const faltam = Object.entries({ nome, ra, video }).filter(([, valor]) => valor === undefined);
    const lista = new Intl.ListFormat("pt-BR").format(faltam.map(([opcao]) => `--${opcao}`));
    throw new TypeError(`${faltam.length > 1 ? "Faltam" : "Falta"} ${lista}; veja --ajuda`);
  }
  return { nome, ra, video, pasta: lidos.opcoes.pasta ?? PASTA };
}

function lerNome(texto: string): string {
  if (!/\p{L}/u.test(texto)) throw new TypeError(`não parece um nome: "${texto}"`);
  return texto.trim();
}

function lerRa(texto: string): string {
  if (/^\d{1,30}$/.test(texto)) return texto;
  throw new TypeError(`deve ter só dígitos: "${texto}"`);
}

function lerVideo(texto: string): string {
  if (/^https?:\/\//.test(texto) && URL.canParse(texto)) return texto;
  throw new TypeError(`deve ser um endereço https: "${texto}"`);
}

/** Faz a entrega; devolve a linha que diz onde ficou. */
async function entregar({ pasta, ...campos }: Opcoes): Promise<string> {
  const fontes = await lerFontes();
  const pdf = await fazerPdf(numerar(await lerRelatorio(), fontes), campos);
  const zip = await fazerZip(pdf, fontes, campos.ra);
  await Deno.mkdir(pasta, { recursive: true });
  const onde = await Deno.realPath(pasta);
  await Deno.writeFile(`${onde}/relatorio.pdf`, pdf);
  await Deno.writeFile(`${onde}/${campos.ra}.zip`, zip);
  return `Prontos, em ${onde}: relatorio.pdf e ${campos.ra}.zip`;
}

if (import.meta.main) await rodar(lerLinhaDeComando, entregar);
