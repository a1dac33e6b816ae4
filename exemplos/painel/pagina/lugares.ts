/**
 * Os lugares do palco: onde fica cada processo, e por onde passa uma mensagem de um a outro.
 *
 * @module
 */

import type { Foto, Quem } from "../tipos.ts";

/** Um palco, nas unidades do seu viewBox: largo, ou ao alto para um telefone. */
export interface Palco {
  readonly largura: number;
  readonly altura: number;
  /** O centro e os raios da roda dos servidores. */
  readonly meio: number;
  readonly raioX: number;
  readonly raioY: number;
  /** O espaço, por cima de um cliente, do que ele diz. */
  readonly situacao: { readonly largura: number; readonly altura: number };
}

export const LARGO: Palco = {
  largura: 600,
  altura: 292,
  meio: 178,
  raioX: 148,
  raioY: 145,
  situacao: { largura: 205, altura: 72 },
};

export const AO_ALTO: Palco = {
  largura: 390,
  altura: 350,
  meio: 215,
  raioX: 140,
  raioY: 182,
  situacao: { largura: 124, altura: 104 },
};

/** A caixa de um servidor e a de um cliente. */
export const CAIXA = {
  servidor: { largura: 122, altura: 52 },
  cliente: { largura: 104, altura: 80 },
} as const;

/** Quanto cada sentido de um elo se afasta do meio, para que os pontos não choquem. */
const AFASTADO = 5;

/** Um ponto do palco. */
export interface Ponto {
  readonly x: number;
  readonly y: number;
}

/** Onde fica um processo. */
export interface Lugar extends Ponto {
  readonly largura: number;
  readonly altura: number;
}

/** O caminho de uma mensagem, de beira a beira. */
export interface Caminho {
  readonly de: Ponto;
  readonly para: Ponto;
}

/** O lugar de cada processo: os servidores em roda, no meio; os clientes, dos dois lados. */
export function lugares({ servidores, clientes }: Foto, palco: Palco): Map<Quem, Lugar> {
  const { largura, altura, meio, raioX, raioY } = palco;
  const mapa = new Map<Quem, Lugar>();
  const roda = servidores.length === 1 ? 0 : 1;
  servidores.forEach(({ quem }, n) => {
    // O primeiro em cima; os outros, à volta no sentido contrário ao do relógio, para ler 2, 3.
    const angulo = -Math.PI / 2 - 2 * Math.PI * n / servidores.length;
    const x = largura / 2 + roda * raioX * Math.cos(angulo);
    // Três deixam vazio o fundo da roda; outros quantos enchem-na.
    const y = servidores.length === 3
      ? meio + raioY * Math.sin(angulo)
      : altura / 2 + roda * (altura / 2 - 30) * Math.sin(angulo);
    mapa.set(quem, { x, y, ...CAIXA.servidor });
  });
  clientes.forEach(({ quem }, n) => {
    const doLado = Math.ceil((clientes.length - n % 2) / 2);
    const y = altura * (Math.floor(n / 2) + 1) / (doLado + 1);
    const meia = CAIXA.cliente.largura / 2 + 3;
    mapa.set(quem, { x: n % 2 ? largura - meia : meia, y: y - 12, ...CAIXA.cliente });
  });
  return mapa;
}

/** Linhas do que um cliente diz, que se guardam de rótulos. */
const DITO = { linhas: 3, altura: 14 } as const;

/** Onde está escrito o que cada cliente diz: por cima dele, encostado ao seu lado. */
export function caixasDoQueDizem(postos: ReadonlyMap<Quem, Lugar>, palco: Palco): Lugar[] {
  const clientes = [...postos.values()].filter((um) => um.altura === CAIXA.cliente.altura);
  if (clientes.length > 2) return [];
  const { largura } = palco.situacao;
  const altura = DITO.linhas * DITO.altura;
  return clientes.map((um) => ({
    x: um.x < palco.largura / 2 ? largura / 2 : palco.largura - largura / 2,
    y: um.y - um.altura / 2 - altura / 2,
    largura: largura - 20,
    altura,
  }));
}

/** O caminho entre dois lugares, um pouco ao lado do meio: quem vai e quem vem não se encontram. */
export function caminho(de: Lugar, para: Lugar): Caminho {
  const comprimento = Math.hypot(para.x - de.x, para.y - de.y) || 1;
  const [ux, uy] = [(para.x - de.x) / comprimento, (para.y - de.y) / comprimento];
  const [dx, dy] = [-uy * AFASTADO, ux * AFASTADO];
  const [saida, chegada] = [beira(de, ux, uy), beira(para, -ux, -uy)];
  return {
    de: { x: de.x + ux * saida + dx, y: de.y + uy * saida + dy },
    para: { x: para.x - ux * chegada + dx, y: para.y - uy * chegada + dy },
  };
}

/** A que distância do centro de uma caixa está a sua beira, para este lado. */
function beira({ largura, altura }: Lugar, ux: number, uy: number): number {
  const porX = ux === 0 ? Infinity : (largura / 2 + 3) / Math.abs(ux);
  const porY = uy === 0 ? Infinity : (altura / 2 + 3) / Math.abs(uy);
  return Math.min(porX, porY);
}

/** O ponto a uma fração de um caminho. */
export function noCaminho({ de, para }: Caminho, fracao: number): Ponto {
  return { x: de.x + (para.x - de.x) * fracao, y: de.y + (para.y - de.y) * fracao };
}
