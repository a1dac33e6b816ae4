/**
 * O diagrama de espaço e tempo: as últimas mensagens, cada uma uma seta de quem a enviou a quem a
 * recebeu, com o tempo a descer. Uma que se perdeu fica partida; uma a caminho pára onde vai.
 *
 * Cada seta é um nó que se guarda enquanto a mensagem está no diagrama, para que o foco e o que se
 * aponta não saltem quando entram outras.
 *
 * @module
 */

import { alturas } from "../../../ferramentas/diagrama/escala.ts";
import { destacada } from "../../../ferramentas/diagrama/familias.ts";
import type { Foto, Quem } from "../tipos.ts";
import { formaDe } from "./formas.ts";
import type { Estado, Omissao } from "./historico.ts";
import { desenhar, dizer, mudar, pintar } from "./nos.ts";
import { curto, emJson, hora, porExtenso, quantos, rotulo } from "./palavras.ts";

/** Mensagens no diagrama. */
export const SETAS_MAX = 50;

/** Caracteres de uma mensagem ao apontá-la; o painel "mensagem" diz mais. */
const TITULO_MAX = 600;

/** As medidas, em pixels. */
const MEDIDA = { margem: 42, letra: 14, cima: 12, dizeresMin: 200, dizeresMax: 300 } as const;

/** Uma seta desenhada. */
export interface Seta {
  readonly grupo: SVGGElement;
  readonly alvo: SVGPathElement;
  readonly linha: SVGPathElement;
  readonly ponta: SVGPathElement;
  readonly forma: SVGPathElement;
  readonly fundo: SVGRectElement;
  readonly hora: SVGTextElement;
  readonly texto: SVGTextElement;
  readonly tipo: SVGTSpanElement;
  readonly resto: SVGTSpanElement;
  readonly titulo: SVGTitleElement;
  /** A mensagem inteira, ou o começo, em JSON: não muda. */
  readonly json: string;
  estado: Estado;
}

/** O diagrama e os seus nós. */
export interface Diagrama {
  readonly svg: SVGSVGElement;
  readonly cabeca: SVGSVGElement;
  readonly colunas: SVGGElement;
  readonly setas: Map<number, Seta>;
  readonly mais: SVGGElement;
  largura: number;
}

/** O que o diagrama mostra. */
export interface Quadro {
  readonly foto: Foto;
  readonly estados: readonly Estado[];
  readonly omissoes: readonly Omissao[];
  readonly instante: number;
}

/** Prepara o diagrama nos dois `<svg>` da página: a cabeça, que não rola, e o corpo. */
export function criarDiagrama(cabeca: SVGSVGElement, svg: SVGSVGElement): Diagrama {
  const [colunas, mais] = [desenhar("g"), desenhar("g")];
  svg.replaceChildren(colunas, mais);
  return { svg, cabeca, colunas, mais, setas: new Map(), largura: 400 };
}

/** Desenha o quadro. */
export function mostrarDiagrama(diagrama: Diagrama, quadro: Quadro): void {
  const { foto, estados, omissoes, instante } = quadro;
  const xs = porColunas(diagrama, quadro);
  const ys = porAlturas(estados, omissoes, instante);
  const altura = ys.fim + 14;
  mudar(diagrama.svg, { width: diagrama.largura, height: Math.ceil(altura) });
  desenharColunas(diagrama, foto, xs, altura);
  const ficam = new Set(estados.map(({ viagem }) => viagem.id));
  for (const [id, seta] of diagrama.setas) {
    if (ficam.has(id)) continue;
    seta.grupo.remove();
    diagrama.setas.delete(id);
  }
  for (const estado of estados) {
    const seta = diagrama.setas.get(estado.viagem.id) ?? fazerSeta(diagrama, estado);
    seta.estado = estado;
    mostrarSeta(seta, xs, ys.de.get(estado)!, ys.ate.get(estado), diagrama.largura, quadro);
  }
  diagrama.mais.replaceChildren(...omissoes.map((omissao) => {
    const y = ys.mais.get(omissao)!;
    const dito = `… e mais ${quantos(omissao.quantas)} mensagens, que não couberam`;
    const linha = desenhar("path", { d: `M${MEDIDA.margem} ${y}H${diagrama.largura}` });
    const texto = desenhar("text", { x: diagrama.largura / 2, y: y - 4, "text-anchor": "middle" });
    return desenhar("g", { class: "mais" }, linha, (dizer(texto, dito), texto));
  }));
}

/** Os pixels dos dizeres, à direita: metade do papel, se não é pouco nem demais. */
function dizeresDe(largura: number): number {
  return Math.min(MEDIDA.dizeresMax, Math.max(MEDIDA.dizeresMin, largura * 0.53));
}

/** Onde fica a linha de cada processo: os clientes dos dois lados dos servidores. */
function porColunas({ largura }: Diagrama, { foto, estados }: Quadro): Map<Quem, number> {
  const clientes = foto.clientes.map(({ quem }) => quem);
  const meio = Math.ceil(clientes.length / 2);
  const servidores = foto.servidores.map(({ quem }) => quem);
  const outros = estados.flatMap(({ viagem }) => [viagem.de, viagem.para]);
  const todos = [
    ...new Set([...clientes.slice(0, meio), ...servidores, ...clientes.slice(meio), ...outros]),
  ];
  const espaco = largura - MEDIDA.margem - dizeresDe(largura);
  const passo = espaco / todos.length;
  return new Map(todos.map((quem, n) => [quem, MEDIDA.margem + passo * (n + 0.5)]));
}

/** As alturas de tudo: as saídas com espaço para os seus dizeres. */
function porAlturas(estados: readonly Estado[], omissoes: readonly Omissao[], instante: number) {
  const marcos = [
    ...estados.map((estado) => ({ quando: estado.viagem.saiu, estado, saida: true })),
    ...estados.map((estado) => ({
      quando: estado.como === "a caminho" ? instante : estado.hora!,
      estado,
      saida: false,
    })),
    ...omissoes.map((omissao) => ({ quando: omissao.quando, omissao, saida: true })),
  ].sort((a, b) => a.quando - b.quando);
  const ys = alturas(marcos.map(({ quando }) => quando));
  const [de, ate, mais] = [
    new Map<Estado, number>(),
    new Map<Estado, number>(),
    new Map<Omissao, number>(),
  ];
  let [descida, dizeres] = [MEDIDA.cima, -MEDIDA.letra];
  marcos.forEach((marco, n) => {
    if (marco.saida) {
      descida += Math.max(0, dizeres + MEDIDA.letra - (ys[n]! + descida));
      dizeres = ys[n]! + descida;
    }
    const y = ys[n]! + descida;
    if ("omissao" in marco) mais.set(marco.omissao, y);
    else (marco.saida ? de : ate).set(marco.estado, y);
  });
  return { de, ate, mais, fim: (ys.at(-1) ?? 0) + descida };
}

function desenharColunas(
  { colunas, cabeca, largura }: Diagrama,
  foto: Foto,
  xs: ReadonlyMap<Quem, number>,
  altura: number,
): void {
  const { servidores } = foto;
  const lider = servidores.find((um) => um.lider && um.vivo)?.quem;
  const nomes = [...xs].map(([quem, x]) => {
    const classe = servidores.some((um) => um.quem === quem) ? "servidor" : "cliente";
    const rotulo = (quem === lider ? "★" : "") + curto(quem, foto);
    return desenhar("text", { x, y: 14, class: classe, "text-anchor": "middle" }, rotulo);
  });
  const chave = [...xs].join() + lider;
  if (cabeca.dataset["chave"] !== chave) {
    cabeca.dataset["chave"] = chave;
    mudar(cabeca, { width: largura, height: 20, class: xs.size > 7 ? "muitas" : undefined });
    cabeca.replaceChildren(...nomes);
    colunas.replaceChildren(...[...xs.values()].map(() => desenhar("path")));
  }
  [...xs.values()].forEach((x, n) => mudar(colunas.children[n]!, { d: `M${x} 0V${altura}` }));
}

function fazerSeta(diagrama: Diagrama, estado: Estado): Seta {
  const [tipo, resto] = [desenhar("tspan", { class: "tipo" }), desenhar("tspan", { dx: 3 })];
  const seta: Seta = {
    grupo: desenhar("g", { role: "option", tabindex: -1 }),
    alvo: desenhar("path", { class: "alvo" }),
    linha: desenhar("path", { class: "linha" }),
    ponta: desenhar("path", { class: "ponta" }),
    forma: desenhar("path", { class: "forma" }),
    fundo: desenhar("rect", { class: "fundo", rx: 3 }),
    hora: desenhar("text", { class: "hora", "text-anchor": "end" }),
    texto: desenhar("text", { class: "dizeres" }, tipo, resto),
    tipo,
    resto,
    titulo: desenhar("title"),
    json: emJson(estado.viagem.mensagem, TITULO_MAX),
    estado,
  };
  const { titulo, fundo, alvo, linha, ponta, hora, forma, texto } = seta;
  seta.grupo.append(titulo, fundo, alvo, linha, ponta, hora, forma, texto);
  seta.grupo.dataset["id"] = String(estado.viagem.id);
  diagrama.setas.set(estado.viagem.id, seta);
  diagrama.svg.append(seta.grupo);
  return seta;
}

function mostrarSeta(
  seta: Seta,
  xs: ReadonlyMap<Quem, number>,
  y1: number,
  yFim: number | undefined,
  largura: number,
  { foto, instante }: Quadro,
): void {
  const { viagem, como } = seta.estado;
  const [x1, xPara] = [xs.get(viagem.de)!, xs.get(viagem.para)!];
  const andou = como === "chegou"
    ? 1
    : como === "perdeu-se"
    ? 0.55
    : caminhado(seta.estado, instante);
  const [x2, y2] = [x1 + (xPara - x1) * andou, Math.max(yFim ?? y1, y1 + 3)];
  const { d, cor } = formaDe(viagem.mensagem);
  const dito = rotulo(viagem.mensagem);
  const forte = destacada(viagem.mensagem);
  mudar(seta.grupo, {
    class: `seta ${como === "a caminho" ? "caminha" : como === "chegou" ? "" : "perdida"}${
      forte ? " destacada" : ""
    }`,
    "aria-label": porExtenso(seta.estado, foto),
  });
  pintar(seta.grupo, cor);
  const x = largura - dizeresDe(largura) + 14;
  mudar(seta.alvo, { d: `M${x1} ${y1}L${x2} ${y2}M${x1} ${y1}H${largura}` });
  mudar(seta.linha, { d: `M${x1} ${y1}L${x2.toFixed(1)} ${y2.toFixed(1)}` });
  mudar(seta.ponta, { d: pontaDe(x1, y1, x2, y2, como) });
  mudar(seta.forma, { d, transform: `translate(${x - 8} ${y1 - 0.5}) scale(.62)` });
  mudar(seta.hora, { x: MEDIDA.margem - 6, y: y1 + 3 });
  dizer(seta.hora, hora(viagem.saiu));
  mudar(seta.texto, { x, y: y1 + 3.5 });
  dizer(seta.tipo, dito.tipo);
  // Uma recusa ocupa a linha toda: o que leva lê-se no painel "mensagem".
  const resto = dito.tipo.length > 20 ? "" : dito.resto;
  dizer(seta.resto, como === "perdeu-se" ? `${resto} (perdida)` : resto);
  mudar(seta.fundo, { x: x - 16, y: y1 - 7, width: dizeresDe(largura) + 2, height: 14 });
  dizer(seta.titulo, `${porExtenso(seta.estado, foto)}\n${seta.json}`);
}

/** Que parte do caminho uma mensagem andou; sem hora de chegada, está a meio. */
function caminhado({ viagem, hora: chega }: Estado, instante: number): number {
  if (chega === undefined || chega <= viagem.saiu) return 0.5;
  return Math.min(1, Math.max(0.04, (instante - viagem.saiu) / (chega - viagem.saiu)));
}

/** A ponta: uma seta se chegou, uma cruz se se perdeu, um ponto se vai a caminho. */
function pontaDe(x1: number, y1: number, x2: number, y2: number, como: Estado["como"]): string {
  if (como === "perdeu-se") return `M${x2 - 4} ${y2 - 4}l8 8m0-8l-8 8`;
  if (como === "a caminho") return `M${x2 - 3} ${y2}a3 3 0 1 0 6 0a3 3 0 1 0-6 0Z`;
  const angulo = Math.atan2(y2 - y1, x2 - x1);
  const canto = (lado: number) =>
    `${(x2 - 7 * Math.cos(angulo + lado)).toFixed(1)} ${
      (y2 - 7 * Math.sin(angulo + lado)).toFixed(1)
    }`;
  return `M${x2} ${y2}L${canto(0.42)}L${canto(-0.42)}Z`;
}
