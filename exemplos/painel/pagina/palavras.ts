/**
 * As palavras da página: o nome curto de um processo, uma mensagem por extenso, uma hora.
 *
 * @module
 */

import { dizeres } from "../../../ferramentas/diagrama/dizeres.ts";
import type { Conteudo } from "../../../ferramentas/diagrama/setas.ts";
import { duracao } from "../../../ferramentas/diagrama/svg.ts";
import type { Estado } from "./historico.ts";
import type { Foto, Quem } from "../tipos.ts";

/** Pixels que um rótulo pode ocupar: `dizeres()` encurta a key e o value até caberem. */
const ROTULO_PX = 130;

/**
 * `s1` é `S1`, `x` é `X`; de um rastro, `Servidor 1` é `S1`, e `cliente 15953` e `127.0.0.1:15953`
 * são `c953`.
 */
export function curto(quem: Quem, foto?: Foto): string {
  if (/^(s\d+|[a-z])$/.test(quem)) return quem.toUpperCase();
  const servidor = /^Servidor (\d+)$/.exec(nomeDe(quem, foto));
  if (servidor) return `S${servidor[1]}`;
  return quem.replace(/^(?:cliente |.*:)\d*(\d{3})$/, "c$1").slice(0, 8);
}

/** `s1` é `Servidor 1`, segundo a foto. */
export function nomeDe(quem: Quem, foto: Foto | undefined): string {
  const achado = foto?.servidores.find((um) => um.quem === quem) ??
    foto?.clientes.find((um) => um.quem === quem);
  return achado?.nome ?? quem;
}

/** O rótulo de uma mensagem: o tipo, e o que leva. */
export function rotulo(mensagem: Conteudo): { readonly tipo: string; readonly resto: string } {
  const [tipo, resto] = dizeres(mensagem, ROTULO_PX);
  return { tipo: tipo.texto, resto: resto?.texto ?? "" };
}

/** Uma mensagem em JSON; de uma comprida, o começo. */
export function emJson(mensagem: Conteudo, max: number): string {
  const inteira = JSON.stringify(mensagem);
  return inteira.length <= max
    ? inteira
    : `${inteira.slice(0, max)}… (${quantos(inteira.length)} caracteres)`;
}

/** Uma hora da corrida, em segundos com milésimos. */
export function hora(ms: number): string {
  return (ms / 1000).toLocaleString("pt-BR", {
    minimumFractionDigits: 3,
    maximumFractionDigits: 3,
  });
}

/** Um atraso, como os comandos o dizem. */
export function atraso(ms: number): string {
  return `${(ms / 1000).toLocaleString("pt-BR", { maximumFractionDigits: 2 })} s`;
}

/** Um número com separador de milhares, que o português separa com espaço. */
export function quantos(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, "\u00a0");
}

/** O que aconteceu a uma mensagem: `saiu aos 1,204 s e chegou 2 ms depois`. */
export function destino({ viagem, como, hora: quando }: Estado): string {
  const saiu = `saiu aos ${hora(viagem.saiu)} s`;
  const depois = quando === undefined ? "" : duracao(Math.max(0, quando - viagem.saiu));
  if (como === "chegou") return `${saiu} e chegou ${depois} depois`;
  if (como === "perdeu-se") return `${saiu} e nunca chegou`;
  return depois === "" ? `${saiu}; está a caminho` : `${saiu}; chega ${depois} depois`;
}

/** Uma mensagem inteira, numa linha: quem, a quem, o quê, quando. */
export function porExtenso(estado: Estado, foto: Foto | undefined): string {
  const { de, para, mensagem } = estado.viagem;
  const { tipo, resto } = rotulo(mensagem);
  return `${tipo} ${resto} de ${nomeDe(de, foto)} a ${nomeDe(para, foto)}: ${destino(estado)}`;
}
