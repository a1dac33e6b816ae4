/**
 * O desenho do banco de provas: do CSV, um SVG com os pedidos por segundo de cada
 * sistema; cada fila de quadros é uma operação, cada coluna um modo de ligar. A última fila
 * é o que o tamanho do value faz a PUTs e a GETs.
 *
 *     deno run --allow-read --allow-write bench/grafico.ts arquivo.csv arquivo.svg
 *
 * @module
 */

import { parse, View } from "npm:vega@6.4.0";
import { compile } from "npm:vega-lite@6.5.0";
import type { Medida } from "./carga.ts";

/** Uma medida: um sistema, num modo, com uma operação, um modo de ligar, `c` operários e values de tantos bytes. */
export interface LinhaDoCsv extends Omit<Medida, "pedidos"> {
  readonly sistema: string;
  readonly modo: "memória" | "disco";
  readonly operacao: "PUT" | "GET";
  readonly conexoes: "poucas" | "uma por operário";
  readonly c: number;
  readonly bytes: number;
}

/** A primeira linha do CSV, e o campo de cada coluna; as primeiras são textos. */
const CABECALHO = "sistema,modo,operacao,conexoes,c,value_bytes,por_segundo," +
  "p50_ms,p99_ms,p999_ms,cpu_nos_us,cpu_cliente_us,memoria_mb";
const TEXTOS = ["sistema", "modo", "operacao", "conexoes"] as const;
const CUSTOS = ["p50", "p99", "p999", "cpuDosNos", "cpuDeQuemPede", "memoria"] as const;
const CAMPOS = [...TEXTOS, "c", "bytes", "porSegundo", ...CUSTOS] as const;

/** O CSV, sem aspas: nenhum valor tem vírgula. Os números, com até três casas. */
export function escreverCsv(linhas: readonly LinhaDoCsv[]): string {
  const valor = (v: string | number) => typeof v === "number" ? Math.round(v * 1000) / 1000 : v;
  const texto = (linha: LinhaDoCsv) => CAMPOS.map((campo) => valor(linha[campo])).join(",");
  return [CABECALHO, ...linhas.map(texto), ""].join("\n");
}

/** O que `escreverCsv` escreveu; lança se o cabeçalho é outro ou uma linha não tem os números. */
export function lerCsv(texto: string): LinhaDoCsv[] {
  const [cabecalho, ...linhas] = texto.trim().split(/\r?\n/);
  if (cabecalho !== CABECALHO) throw new Error(`cabeçalho inesperado: ${cabecalho}`);
  return linhas.map((linha) => {
    const textos = linha.split(",");
    const valores = textos.map((v, n) => n < TEXTOS.length ? v : Number(v || NaN));
    if (valores.length !== CAMPOS.length || valores.some(Number.isNaN)) {
      throw new Error(`linha inválida: ${linha}`);
    }
    return Object.fromEntries(CAMPOS.map((campo, n) => [campo, valores[n]])) as never;
  });
}

/** A cor de cada sistema (forte o nosso, cinza o piso) e o tracejado de alguns. */
const ESTILOS: Readonly<Record<string, { cor: string; traco?: number[] }>> = {
  "este": { cor: "#d1242f" },
  "este --silencioso": { cor: "#d1242f", traco: [5, 3] },
  "esqueleto": { cor: "#57606a" },
  "esqueleto --silencioso": { cor: "#57606a", traco: [5, 3] },
  "piso": { cor: "#7d8590", traco: [2, 3] },
  "Redis+WAIT": { cor: "#0969da" },
  "Redis em lotes": { cor: "#0969da", traco: [5, 3] },
  "NATS": { cor: "#8250df" },
  "ZooKeeper": { cor: "#9a6700" },
  "etcd": { cor: "#1a7f37" },
};
const estilo = (sistema: string) => ({ sistema, traco: [1, 0], cor: "black", ...ESTILOS[sistema] });
/** O que destaca o nosso, na língua do Vega. */
const GROSSURA = { expr: "datum.sistema === 'este' ? 3 : 1.5" };
const PESO = { expr: "datum.sistema === 'este' ? 'bold' : 'normal'" };

/** Em pixels: um quadro, o que há entre dois e em volta de todos, e a altura de um rótulo. */
const LARGURA = 240;
const ALTURA = 185;
const ENTRE = { column: 240, row: 80 };
const EM_VOLTA = { left: 55, right: 200, top: 118, bottom: 45 };
const ROTULO = 14;

/** As filas de quadros, de cima para baixo, e os dois lados de cada uma. */
const FILAS = [
  ["PUT", "memória", "PUT, na memória"],
  ["PUT", "disco", "PUT, no disco"],
  ["GET", "memória", "GET"],
] as const;
const LADOS = ["poucas", "uma por operário"] as const;

/** 1234 → "1,2 mil". */
function curto(n: number): string {
  const dois = Number(n.toPrecision(2));
  return dois < 1000 ? `${dois}` : `${(dois / 1000).toLocaleString("pt-BR")} mil`;
}
/** O mesmo para as marcas de um eixo, na língua do Vega. */
const CURTO = "datum.value < 1000 ? datum.value : datum.value / 1000 + ' mil'";

/** 1, 2 e 5 vezes cada potência de dez, da última abaixo de tudo à primeira acima. */
function marcas(valores: readonly number[]): number[] {
  const todas = Array.from({ length: 30 }, (_, n) => [1, 2, 5][n % 3]! * 10 ** Math.floor(n / 3));
  const primeira = todas.findLastIndex((marca) => marca <= Math.min(...valores));
  return todas.slice(Math.max(0, primeira), todas.findIndex((m) => m > Math.max(...valores)) + 1);
}

/** Um eixo deitado: o campo que mostra, e o que se escreve debaixo dele. */
interface EixoX {
  readonly campo: "c" | "bytes";
  readonly title: string;
}
const POR_C: EixoX = { campo: "c", title: "C, pedidos ao mesmo tempo" };

/** Um quadro; as marcas dos eixos, `xs` e `ys`, são as mesmas nos dois da fila. */
function quadro(
  titulo: string,
  linhas: readonly LinhaDoCsv[],
  { campo, title, xs, ys }: EixoX & { xs: number[]; ys: number[] },
) {
  const [base, topo] = [ys[0]!, ys.at(-1)!];
  const emOrdem = linhas.toSorted((a, b) => a[campo] - b[campo]);
  const ultimas = new Map(emOrdem.map((l) => [l.sistema, l]));
  // Um rótulo fica à altura do último ponto da linha, ou mais abaixo se outro já está ali;
  // os que assim passariam do fundo do quadro sobem.
  const rotulos = [...ultimas.values()].sort((a, b) => b.porSegundo - a.porSegundo).map((l) => ({
    ...estilo(l.sistema),
    x: l[campo],
    texto: `${l.sistema}: ${curto(l.porSegundo)}`,
    altura: ALTURA * Math.log(l.porSegundo / base) / Math.log(topo / base),
  }));
  let teto = Infinity;
  for (const rotulo of rotulos) {
    rotulo.altura = Math.min(rotulo.altura, teto);
    teto = rotulo.altura - ROTULO;
  }
  rotulos.toReversed().forEach((r, n) => r.altura = Math.max(r.altura, n * ROTULO));
  const noEixo = rotulos.map((r) => ({ ...r, y: base * (topo / base) ** (r.altura / ALTURA) }));
  const pontos = linhas.map((l) => ({ ...estilo(l.sistema), x: l[campo], y: l.porSegundo }));
  const eixo = (field: string, valores: number[], axis: object) => ({
    field,
    type: "quantitative" as const,
    scale: { type: "log" as const, domain: [valores[0]!, valores.at(-1)!], nice: false },
    axis: { values: valores, labelExpr: CURTO, labelFlush: false, ...axis },
  });
  const semEscala = (field: string) => ({ field, scale: null, legend: null });
  return {
    title: { text: titulo, fontSize: 13 },
    width: LARGURA,
    height: ALTURA,
    encoding: {
      x: eixo("x", xs, { title, grid: false }),
      y: eixo("y", ys, { title: null }),
      color: semEscala("cor"),
      detail: { field: "sistema" },
    },
    layer: [{
      data: { values: pontos },
      mark: { type: "line" as const, point: { size: 30 }, strokeWidth: GROSSURA },
      encoding: { strokeDash: semEscala("traco") },
    }, {
      data: { values: noEixo },
      mark: { type: "text" as const, fontWeight: PESO },
      encoding: { text: { field: "texto" } },
    }],
  };
}

/** Os quadros de uma fila, um por cada `[título, medidas]`, com os mesmos eixos; sem medidas, nenhum. */
function fila(quadros: readonly (readonly [string, readonly LinhaDoCsv[]])[], eixo: EixoX) {
  const linhas = quadros.flatMap(([, linhas]) => linhas);
  const xs = [...new Set(linhas.map((l) => l[eixo.campo]))].sort((a, b) => a - b);
  if (xs.length === 0) return [];
  const ys = marcas(linhas.map(({ porSegundo }) => porSegundo));
  return quadros.map(([titulo, linhas]) => quadro(titulo, linhas, { ...eixo, xs, ys }));
}

/** As filas de um value só, o menor, e a dos tamanhos, se há mais do que um. */
function filas(linhas: readonly LinhaDoCsv[], menor: number) {
  const deUmTamanho = FILAS.flatMap(([operacao, modo, nome]) => {
    const desta = linhas.filter((l) =>
      l.bytes === menor && l.operacao === operacao && l.modo === modo
    );
    return fila(
      LADOS.map((lado) =>
        [`${nome}; conexões: ${lado}`, desta.filter((l) => l.conexoes === lado)] as const
      ),
      POR_C,
    );
  });
  const maior = linhas.find(({ bytes }) => bytes > menor);
  if (!maior) return deUmTamanho;
  const { c, conexoes, modo } = maior;
  const dosTamanhos = linhas.filter((l) => l.modo === modo && l.c === c && l.conexoes === conexoes);
  const porTamanho = fila(
    FILAS.filter(([, este]) => este === modo).map(([operacao, , nome]) =>
      [`${nome}, por tamanho do value`, dosTamanhos.filter((l) => l.operacao === operacao)] as const
    ),
    { campo: "bytes", title: `bytes de cada value; C=${c}, conexões: ${conexoes}` },
  );
  return [...deUmTamanho, ...porTamanho];
}

/** O SVG, de fundo branco; a fila sem nenhuma medida não aparece. */
export function desenhar(linhas: readonly LinhaDoCsv[]): Promise<string> {
  const menor = Math.min(...linhas.map(({ bytes }) => bytes));
  const quadros = filas(linhas, menor);
  const { spec } = compile({
    title: {
      text: "Pedidos por segundo (mais alto é melhor)",
      subtitle: [
        `Escalas logarítmicas. Values de ${menor} bytes, menos onde se diz. ` +
        "Junto de cada nome, os pedidos por segundo do último ponto.",
        "esqueleto: o que o enunciado obriga cada pedido a percorrer, e mais nada.",
        "piso: um processo só, que lê e escreve o mesmo JSON nos sockets do Deno, e mais nada.",
      ],
      fontSize: 17,
      offset: 26,
    },
    columns: 2,
    bounds: "flush",
    spacing: ENTRE,
    resolve: { scale: { x: "independent", y: "independent" } },
    background: "white",
    config: {
      font: "Helvetica, Arial, sans-serif",
      title: { anchor: "start", frame: "group", subtitleFontSize: 12, subtitlePadding: 6 },
      axis: { titleFontWeight: "normal" },
      text: { align: "left", dx: 9, fontSize: 12 },
      view: { stroke: null },
    },
    concat: quadros,
  });
  // O tamanho vai dito: sem tela, o Vega não sabe quanto ocupam os textos.
  const width = 2 * LARGURA + ENTRE.column;
  const height = quadros.length / 2 * (ALTURA + ENTRE.row) - ENTRE.row;
  const inteiro = { ...spec, autosize: "none" as const, padding: EM_VOLTA, width, height };
  return new View(parse(inteiro), { renderer: "none" }).toSVG();
}

if (import.meta.main) {
  const [origem, destino] = Deno.args;
  if (destino === undefined) throw new Error("uso: bench/grafico.ts arquivo.csv arquivo.svg");
  await Deno.writeTextFile(destino, await desenhar(lerCsv(await Deno.readTextFile(origem!))));
}
