/**
 * O diagrama de espaço e tempo de uma corrida de verdade, como os de Lamport e de
 * Mattern: uma linha para cada processo, o tempo a descer, uma seta para cada
 * mensagem. Dos rastros que servidor.ts e cliente.ts deixam com `--rastro=ARQUIVO`,
 * um SVG.
 *
 * ```sh
 * deno task demo --diagrama=corrida.svg
 * deno run --allow-read --allow-write ferramentas/diagrama.ts saida.svg rastro1 rastro2 …
 * ```
 *
 * Em `diagrama/`, na ordem em que trabalham: setas.ts lê os rastros e acha o par de cada
 * mensagem, papel.ts dá uma linha a cada processo, quadro.ts acha o lugar de cada coisa (com
 * escala.ts, tracos.ts e rotulos.ts), e desenho.ts e moldura.ts fazem o SVG.
 *
 * @module
 */

import { desenharQuadro } from "./diagrama/desenho.ts";
import { ehPulso } from "./diagrama/familias.ts";
import { ALTURA_DA_LEGENDA, ALTURA_DO_CABECALHO, cabecalho, legenda } from "./diagrama/moldura.ts";
import { LETRA, prepararPapel } from "./diagrama/papel.ts";
import { montar, TOPO } from "./diagrama/quadro.ts";
import { type Evento, inicio, lerRastro, parear, type Seta } from "./diagrama/setas.ts";
import { casas, escapar } from "./diagrama/svg.ts";

/** Setas de um diagrama; com mais, ninguém o lê, e ele é recusado. */
export const SETAS_MAX = 400;

/** Um pedaço da corrida, com o seu título: um quadro do diagrama. */
export interface Cena {
  readonly titulo: string;
  /** Milissegundos desde 1970; a cena vai até a próxima. */
  readonly quando: number;
}

/** O que {@linkcode desenhar} pode saber além dos eventos. */
export interface OpcoesDoDiagrama {
  readonly titulo?: string;
  /** Nomes para os processos, por endereço ou por `cliente PID`. */
  readonly nomes?: { readonly [quem: string]: string };
  /** Em ordem; sem elas, um quadro só. O que houve antes da primeira fica nela. */
  readonly cenas?: readonly Cena[];
  /** Mostrar PULSE e PULSE_OK (não). */
  readonly pulsos?: boolean;
}

/**
 * O diagrama, num SVG de fundo branco.
 *
 * @throws {RangeError} se não há nenhuma mensagem, ou há mais que {@linkcode SETAS_MAX}.
 */
export function desenhar(eventos: readonly Evento[], opcoes: OpcoesDoDiagrama = {}): string {
  const { titulo, nomes, cenas } = opcoes;
  const setas = escolherSetas(eventos, opcoes);
  const papel = prepararPapel(eventos, setas, nomes);
  const partes = [cabecalho(papel, titulo)];
  let y: number = titulo === undefined
    ? ALTURA_DO_CABECALHO.semTitulo
    : ALTURA_DO_CABECALHO.comTitulo;
  separar(setas, cenas).forEach((cena, n) => {
    const quadro = montar(cena.setas, papel, n === 0 ? TOPO.primeiro : TOPO.outros);
    const desenho = desenharQuadro(quadro, papel, cena.titulo, n);
    partes.push(`<g transform="translate(0 ${casas(y)})">${desenho}</g>`);
    y += quadro.altura;
  });
  y = Math.ceil(y + 8);
  partes.push(legenda(setas, y));
  return emSvg(partes, { titulo, largura: papel.largura, altura: y + ALTURA_DA_LEGENDA });
}

/** As setas que se desenham. @throws {RangeError} se não há nenhuma, ou são demais. */
function escolherSetas(eventos: readonly Evento[], { pulsos }: OpcoesDoDiagrama): Seta[] {
  const setas = parear(eventos).filter(({ mensagem }) => pulsos || !ehPulso(mensagem));
  if (setas.length === 0) throw new RangeError("Diagrama recusado: nenhuma mensagem nos rastros");
  if (setas.length > SETAS_MAX) {
    throw new RangeError(`Diagrama recusado: ${setas.length} mensagens, o limite é ${SETAS_MAX}`);
  }
  return setas;
}

/** As setas de cada cena, pela hora em que começam; uma cena sem setas não é desenhada. */
function separar(setas: readonly Seta[], cenas: readonly Cena[] = []) {
  const todas = cenas.length > 0 ? cenas : [{ titulo: "", quando: 0 }];
  return todas.map(({ titulo, quando }, n) => ({
    titulo,
    setas: setas.filter((seta) =>
      (n === 0 || inicio(seta) >= quando) && inicio(seta) < (todas[n + 1]?.quando ?? Infinity)
    ),
  })).filter(({ setas }) => setas.length > 0);
}

function emSvg(
  partes: readonly string[],
  { titulo, largura, altura }: { titulo: string | undefined; largura: number; altura: number },
): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${largura}" height="${altura}"` +
    ` viewBox="0 0 ${largura} ${altura}" font-family="Helvetica, Arial, sans-serif"` +
    ` font-size="${LETRA}" role="img">`,
    `<title>${escapar(titulo ?? "Diagrama de espaço e tempo")}</title>`,
    `<rect width="100%" height="100%" fill="white"/>`,
    ...partes,
    "</svg>\n",
  ].join("\n");
}

if (import.meta.main) {
  const [saida, ...rastros] = Deno.args;
  if (rastros.length === 0) {
    throw new Error("uso: ferramentas/diagrama.ts saida.svg rastro1 rastro2 …");
  }
  const textos = await Promise.all(rastros.map((rastro) => Deno.readTextFile(rastro)));
  await Deno.writeTextFile(saida!, desenhar(textos.flatMap(lerRastro)));
}
