/**
 * Contar a quem espera como vai um trabalho comprido, de tanto em tanto tempo.
 *
 * ```ts
 * import { abrirRelato } from "./relato.ts";
 *
 * let agora = 0;
 * const ditos: string[] = [];
 * const relatar = abrirRelato("Copiando", { agora: () => agora }, (linha) => ditos.push(linha));
 * agora = 2000;
 * relatar(300, 0.25);
 * if (ditos[0] !== "Copiando: 300 registros, 25 %, 150/s") throw new Error(ditos[0]);
 * ```
 *
 * @module
 */

import type { Tempo } from "./tempo.ts";

/** Intervalo mínimo entre duas linhas, em milissegundos. */
const RELATO_MS = 1_000;

/** Quem relata: quantos registros mais, e que parte (de 0 a 1) está feita. */
export type Relato = (mais: number, parte: number) => void;

/** Relata um trabalho que começa agora. */
export function abrirRelato(
  oQue: string,
  { agora }: Pick<Tempo, "agora">,
  dizer: (linha: string) => void,
): Relato {
  const inicio = agora();
  let [feitos, ultimo] = [0, inicio];
  return (mais, parte) => {
    feitos += mais;
    if (agora() - ultimo < RELATO_MS || mais === 0) return;
    ultimo = agora();
    const ritmo = Math.round(feitos / (ultimo - inicio) * 1000);
    dizer(`${oQue}: ${feitos} registros, ${Math.floor(parte * 100)} %, ${ritmo}/s`);
  };
}
