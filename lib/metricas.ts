/**
 * Contar o que um programa faz, e escrevê-lo no formato de texto do Prometheus (versão 0.0.4), com
 * as convenções dele: a unidade no fim do nome, `_total` num contador. Os valores são objetos
 * simples, que passam de uma thread a outra.
 *
 * ```ts
 * import { abrirHistograma, observar, textoDasMetricas } from "./metricas.ts";
 *
 * const tempos = abrirHistograma([0.1, 1]);
 * observar(tempos, 0.05);
 * const texto = textoDasMetricas([
 *   ["voltas_total", "Voltas.", [[{ porta: "a" }, 3]]],
 *   ["volta_seconds", "Uma volta.", tempos],
 * ]);
 * if (!texto.includes('voltas_total{porta="a"} 3\n')) throw new Error(texto);
 * if (!texto.includes('volta_seconds_bucket{le="0.1"} 1\n')) throw new Error(texto);
 * ```
 *
 * @module
 */

/** Quantas vezes cada valor caiu em cada intervalo; ver {@linkcode abrirHistograma}. */
export interface Histograma {
  /** O maior valor de cada intervalo, em ordem; o último intervalo não tem maior. */
  readonly limites: readonly number[];
  /** Quantos caíram em cada intervalo: um a mais que os limites. */
  readonly contagens: number[];
  soma: number;
}

/** Os rótulos de uma amostra, por nome. */
export type Rotulos = { readonly [nome: string]: string };

/** O valor de uma métrica. */
export type Valor = number | Histograma;

/**
 * Uma métrica: nome, ajuda, e o valor, ou um por conjunto de rótulos. Sem nenhum, não se escreve. O
 * nome e o valor dizem o tipo: um histograma, um contador (acaba em `_total`) ou uma medida.
 */
export type Metrica = readonly [
  nome: string,
  ajuda: string,
  valor: Valor | undefined | readonly (readonly [Rotulos, Valor])[],
];

/** Limites para tempos de rede e de disco, em segundos: de 0,1 ms a 10 s. */
export const SEGUNDOS: readonly number[] = [
  ...[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025],
  ...[0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
];

/** Um histograma vazio; sem limites, os de {@linkcode SEGUNDOS}. */
export function abrirHistograma(limites: readonly number[] = SEGUNDOS): Histograma {
  return { limites, contagens: Array(limites.length + 1).fill(0), soma: 0 };
}

/** Um valor a mais. */
export function observar(histograma: Histograma, valor: number): void {
  const { limites, contagens } = histograma;
  let n = 0;
  while (n < limites.length && valor > limites[n]!) n++;
  contagens[n]!++;
  histograma.soma += valor;
}

/** Contas por nome. */
export type Contas = { [nome: string]: number };

/** Mais um com este nome. */
export function contar(contas: Contas, nome: string): void {
  contas[nome] = (contas[nome] ?? 0) + 1;
}

/** As métricas, como quem as recolhe as lê. */
export function textoDasMetricas(metricas: readonly Metrica[]): string {
  return metricas.map(([nome, ajuda, valor]) => {
    const amostras = Array.isArray(valor) ? valor : valor === undefined ? [] : [[{}, valor]];
    if (amostras.length === 0) return "";
    const histograma = typeof amostras[0][1] === "object";
    const tipo = histograma ? "histogram" : nome.endsWith("_total") ? "counter" : "gauge";
    const linhas = amostras.map(([rotulos, valor]: [Rotulos, Valor]) =>
      typeof valor === "number"
        ? linha(nome, rotulos, valor)
        : linhasDoHistograma(nome, rotulos, valor)
    );
    const dita = ajuda.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
    return `# HELP ${nome} ${dita}\n# TYPE ${nome} ${tipo}\n${linhas.join("")}`;
  }).join("");
}

function linhasDoHistograma(nome: string, rotulos: Rotulos, histograma: Histograma): string {
  const { limites, contagens, soma } = histograma;
  let texto = "";
  let total = 0;
  contagens.forEach((quantos, n) => {
    total += quantos;
    texto += linha(`${nome}_bucket`, { ...rotulos, le: numero(limites[n] ?? Infinity) }, total);
  });
  return texto + linha(`${nome}_sum`, rotulos, soma) + linha(`${nome}_count`, rotulos, total);
}

function linha(nome: string, rotulos: Rotulos, valor: number): string {
  const pares = Object.entries(rotulos).map(([rotulo, texto]) => `${rotulo}="${escapar(texto)}"`);
  return `${nome}${pares.length > 0 ? `{${pares.join(",")}}` : ""} ${numero(valor)}\n`;
}

function escapar(texto: string): string {
  return texto.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function numero(valor: number): string {
  if (Number.isNaN(valor)) return "NaN";
  if (Math.abs(valor) === Infinity) return valor > 0 ? "+Inf" : "-Inf";
  return String(valor);
}
