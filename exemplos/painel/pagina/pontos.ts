/**
 * As mensagens a caminho: um ponto cada uma, com a sua forma e os seus dizeres, que desliza da saída
 * à chegada, e lá fica um momento. Uma que se perdeu pára onde se perdeu, com uma cruz.
 *
 * Há um número fixo de nós: numa rajada, as mais novas têm ponto e as outras contam-se.
 *
 * @module
 */

import { formaDe } from "./formas.ts";
import type { Estado } from "./historico.ts";
import {
  caixasDoQueDizem,
  type Caminho,
  caminho,
  type Lugar,
  noCaminho,
  type Palco,
  type Ponto,
} from "./lugares.ts";
import { desenhar, dizer, mudar, pintar } from "./nos.ts";
import { rotulo } from "./palavras.ts";
import type { Rede } from "./rede.ts";
import { destacada, ehPulso } from "../../../ferramentas/diagrama/familias.ts";

/** Pontos que se desenham de uma vez. */
const PONTOS_MAX = 40;

/** Pontos, com o seu rótulo, a que os outros rótulos se desviam; os demais ficam sem dizeres. */
const ROTULOS_MAX = 28;

/** Metade da largura de um ponto. */
const PONTO_PX = 7;

/** Milissegundos que uma mensagem fica à vista depois de chegar, e depois de se perder. */
export const RESTO_MS = 1_400;

/** Alturas, a partir do ponto, em que se tenta pôr um rótulo. */
const ALTURAS = [-12, 20, -25, 33, -38, 46, -51, 59] as const;

/** Um ponto e os nós de que é feito. */
interface No {
  readonly grupo: SVGGElement;
  readonly rasto: SVGLineElement;
  readonly marca: SVGGElement;
  readonly forma: SVGPathElement;
  readonly cruz: SVGPathElement;
  readonly rotulo: SVGTextElement;
  readonly tipo: SVGTSpanElement;
  readonly resto: SVGTSpanElement;
  /** A mensagem que mostra. */
  estado: Estado | undefined;
}

/** O sítio de um rótulo já posto. */
interface Retangulo extends Ponto {
  readonly meiaLargura: number;
}

/** O que um rótulo não pode tapar. */
interface Ocupado {
  readonly postos: Retangulo[];
  readonly caixas: readonly Lugar[];
  readonly palco: Palco;
}

/** Os nós dos pontos, e se se pode deslizar. */
export interface Pontos {
  readonly nos: readonly No[];
  /** Se quem vê pediu menos movimento: os pontos aparecem e chegam, sem deslizar. */
  quieto: boolean;
}

/** O que se faz com a mensagem de um ponto. */
type Fazer = (estado: Estado) => void;

/** Faz os nós; `aoApontar` sabe a mensagem por cima da qual se passou; `aoPremir`, a premida. */
export function criarPontos(grupo: SVGGElement, aoApontar: Fazer, aoPremir: Fazer): Pontos {
  const nos = Array.from({ length: PONTOS_MAX }, () => fazerNo(aoApontar, aoPremir));
  grupo.append(...nos.map((no) => no.grupo));
  const pouco = matchMedia("(prefers-reduced-motion: reduce)");
  const pontos: Pontos = { nos, quieto: pouco.matches };
  pouco.addEventListener("change", () => pontos.quieto = pouco.matches);
  return pontos;
}

function fazerNo(aoApontar: Fazer, aoPremir: Fazer): No {
  const [rasto, forma, cruz] = [
    desenhar("line", { class: "rasto" }),
    desenhar("path", { class: "forma" }),
    desenhar("path", { class: "cruz", d: "M-7-7L7 7M7-7L-7 7" }),
  ];
  const [tipo, resto] = [desenhar("tspan", { class: "tipo" }), desenhar("tspan", { dx: 3 })];
  const marca = desenhar("g", {}, forma, cruz);
  const texto = desenhar("text", { class: "rotulo", "text-anchor": "middle" }, tipo, resto);
  const grupo = desenhar("g", { class: "ponto", hidden: true }, rasto, marca, texto);
  const no: No = {
    grupo,
    rasto,
    marca,
    forma,
    cruz,
    rotulo: texto,
    tipo,
    resto,
    estado: undefined,
  };
  grupo.addEventListener("pointerenter", () => no.estado && aoApontar(no.estado));
  grupo.addEventListener("click", () => no.estado && aoPremir(no.estado));
  return no;
}

/** Põe os pontos onde estavam num instante; diz quantas mensagens ficaram sem ponto. */
export function mostrarPontos(
  pontos: Pontos,
  estados: readonly Estado[],
  { lugares, palco }: Pick<Rede, "lugares" | "palco">,
  instante: number,
  resto: number,
): number {
  const postos: Retangulo[] = [];
  // As caixas também não se tapam: é lá que se lê quem é quem.
  const caixas = [...lugares.values(), ...caixasDoQueDizem(lugares, palco)];
  const comLugar = estados.filter(({ viagem }) =>
    lugares.has(viagem.de) && lugares.has(viagem.para)
  );
  pontos.nos.forEach((no, n) => {
    const estado = comLugar[n];
    no.estado = estado;
    mudar(no.grupo, { hidden: estado === undefined });
    if (estado === undefined) return;
    const { de, para } = estado.viagem;
    const por = caminho(lugares.get(de)!, lugares.get(para)!);
    mostrarPonto(no, estado, por, { instante, resto, quieto: pontos.quieto }, {
      postos,
      caixas,
      palco,
    });
  });
  return Math.max(0, comLugar.length - pontos.nos.length);
}

function mostrarPonto(
  no: No,
  estado: Estado,
  por: Caminho,
  { instante, resto, quieto }: { instante: number; resto: number; quieto: boolean },
  ocupado: Ocupado,
): void {
  const { viagem: { mensagem }, como, hora } = estado;
  const { d, cor } = formaDe(mensagem);
  const fracao = fracaoDe(estado, instante);
  const onde = noCaminho(por, quieto ? aosSaltos(fracao) : fracao);
  const passou = como === "a caminho" ? 0 : Math.max(0, instante - hora!) / resto;
  const esperaNoMeio = como === "a caminho" && hora === undefined;
  mudar(no.grupo, {
    class: `ponto${como === "perdeu-se" ? " perdida" : ""}${
      destacada(mensagem) ? " destacada" : ehPulso(mensagem) ? " pulso" : ""
    }${esperaNoMeio ? " espera" : ""}`,
    opacity: quieto ? 1 : Math.round(100 * Math.min(1, 1.6 - 1.6 * passou)) / 100,
  });
  pintar(no.grupo, cor);
  mudar(no.forma, { d });
  mudar(no.marca, { transform: `translate(${onde.x.toFixed(1)} ${onde.y.toFixed(1)})` });
  mudar(no.rasto, { x1: por.de.x, y1: por.de.y, x2: onde.x.toFixed(1), y2: onde.y.toFixed(1) });
  mudar(no.cruz, { hidden: como !== "perdeu-se" });
  rotularPonto(no, estado, onde, ocupado);
  if (!ehPulso(mensagem)) ocupado.postos.push({ ...onde, meiaLargura: PONTO_PX });
}

/** Que parte do caminho está andada. Sem se saber quando chega, espera-se a meio: no retransmissor. */
function fracaoDe({ viagem, como, hora }: Estado, instante: number): number {
  if (como === "chegou") return 1;
  const prevista = viagem.chega ?? hora;
  if (como === "perdeu-se") {
    const andou = viagem.chega === undefined ? 0.5 : parte(viagem.saiu, viagem.chega, hora!);
    return Math.min(0.75, Math.max(0.35, andou));
  }
  if (prevista === undefined) return Math.min(0.5, (instante - viagem.saiu) / 600);
  return parte(viagem.saiu, prevista, instante);
}

function parte(principio: number, fim: number, agora: number): number {
  return fim <= principio ? 1 : Math.min(1, Math.max(0, (agora - principio) / (fim - principio)));
}

function aosSaltos(fracao: number): number {
  return fracao >= 1 ? 1 : fracao >= 0.5 ? 0.5 : 0.12;
}

/** Põe o rótulo na primeira altura em que não tapa outro; se não há, fica por dizer. */
function rotularPonto(
  no: No,
  { viagem }: Estado,
  onde: Ponto,
  { postos, caixas, palco }: Ocupado,
): void {
  if (ehPulso(viagem.mensagem) || postos.length >= ROTULOS_MAX) {
    return mudar(no.rotulo, { hidden: true });
  }
  const { tipo, resto } = rotulo(viagem.mensagem);
  dizer(no.tipo, tipo);
  // Uma recusa já é comprida, e é grande: o que leva lê-se no diagrama.
  const grande = tipo.length > 20;
  dizer(no.resto, grande ? "" : resto);
  const meiaLargura = grande ? 4.7 * tipo.length : 3.5 * (tipo.length + resto.length) + 6;
  const x = Math.min(palco.largura - meiaLargura, Math.max(meiaLargura, onde.x));
  for (const altura of ALTURAS) {
    const y = onde.y + altura;
    const tapa = y < 10 || y > palco.altura - 3 || caixas.some((caixa) =>
      Math.abs(caixa.y + 4 - y) < caixa.altura / 2 + 6 &&
      Math.abs(caixa.x - x) < caixa.largura / 2 + meiaLargura - 4
    ) ||
      postos.some((outro) =>
        Math.abs(outro.y - y) < 12 && Math.abs(outro.x - x) < outro.meiaLargura + meiaLargura
      );
    if (tapa) {
      continue;
    }
    postos.push({ x, y, meiaLargura });
    return mudar(no.rotulo, { hidden: false, x: x.toFixed(1), y: y.toFixed(1) });
  }
  mudar(no.rotulo, { hidden: true });
}
