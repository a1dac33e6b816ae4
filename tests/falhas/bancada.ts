/**
 * Os servidores da bancada: três processos que podem morrer, recomeçar e ficar pausados, os
 * seus discos, e entre eles os retransmissores.
 *
 * @module
 */

import { argumentosDoServidor, atendendo, portasLivres, Programa } from "../apoio.ts";
import { sorteio } from "./acaso.ts";
import { congelarDisco } from "./gelo.ts";
import { abrirPastas, type Pastas } from "./pastas.ts";
import { PRAZO_MS } from "./plano.ts";
import { Retransmissor } from "./retransmissor.ts";
import type { Intervalo } from "./verificador.ts";

/** Três servidores que podem morrer e recomeçar, com os seus retransmissores. */
export class Bancada {
  readonly portas = portasLivres(3);
  readonly retransmissores: Retransmissor[] = [];
  /** Quando cada servidor começou, cada vez. */
  readonly inicios: number[][] = [[], [], []];
  /** Dos inícios, os que foram com a pasta trocada. */
  readonly trocas: number[][] = [[], [], []];
  /** As pausas de cada servidor que já acabaram. */
  readonly pausas: Intervalo[][] = [[], [], []];
  /** As pastas de dados; sem, os servidores só guardam na memória. */
  readonly pastas: Pastas | undefined;
  /** O último que começou: é onde um erro ao voltar apareceria. */
  ultimo = 0;
  readonly #programas: (Programa | undefined)[] = [undefined, undefined, undefined];
  /** Desde quando cada um está pausado, se está. */
  readonly #pausado: (number | undefined)[] = [undefined, undefined, undefined];
  /** Quem descongela o disco de cada um, se está congelado. */
  readonly #descongelar: ((() => void) | undefined)[] = [undefined, undefined, undefined];
  readonly #lideres: number[];
  /** Os temporizadores que vão sarar alguma coisa. */
  readonly #curas = new Set<ReturnType<typeof setTimeout>>();

  /** @param semente A do acaso dos retransmissores, que não é o do plano. */
  constructor(semente: number, pasta: string | undefined) {
    this.pastas = pasta === undefined ? undefined : abrirPastas(pasta);
    const [lider, ...seguidores] = this.portas as [number, number, number];
    this.#lideres = [lider];
    const acaso = sorteio(semente);
    for (const porta of seguidores) {
      // O seguidor chega ao líder por um, anunciando o outro, por onde o líder o alcança.
      const volta = new Retransmissor(porta, acaso);
      const ida = new Retransmissor(lider, acaso, [
        [`"endereco":"127.0.0.1:${porta}"`, `"endereco":"127.0.0.1:${volta.porta}"`],
      ]);
      this.retransmissores.push(ida, volta);
      this.#lideres.push(ida.porta);
    }
  }

  endereco(n: number): string {
    return `127.0.0.1:${this.portas[n]}`;
  }

  /** Começa um servidor; `trocada` diz se a sua pasta não é a que ele deixou. */
  async iniciar(n: number, trocada = false): Promise<void> {
    const dados = this.pastas ? [`--dados=${this.pastas.de(n)}`] : [];
    const outras = [`--prazo=${PRAZO_MS}`, "--silencioso", ...dados];
    const agora = performance.now();
    this.inicios[n]!.push(agora);
    if (trocada) this.trocas[n]!.push(agora);
    this.#programas[n] = new Programa(
      "servidor",
      argumentosDoServidor(this.portas[n]!, this.#lideres[n]!, outras),
    );
    await atendendo(this.endereco(n));
    this.ultimo = n;
  }

  /** Mata um servidor, pausado ou não. Um disco congelado volta: um servidor não começa com ele. */
  async matar(n: number): Promise<void> {
    await this.#programas[n]?.matar();
    this.#programas[n] = undefined;
    this.#anotarPausa(n);
    this.descongelar(n);
  }

  /** Pausa um servidor (SIGSTOP); falso se já estava. */
  pausar(n: number): boolean {
    if (this.pausado(n)) return false;
    this.#pausado[n] = performance.now();
    this.#programas[n]!.sinal("SIGSTOP");
    return true;
  }

  pausado(n: number): boolean {
    return this.#pausado[n] !== undefined;
  }

  /** Faz um servidor pausado continuar de onde estava (SIGCONT). */
  continuar(n: number): void {
    if (this.pausado(n)) this.#programas[n]!.sinal("SIGCONT");
    this.#anotarPausa(n);
  }

  #anotarPausa(n: number): void {
    const de = this.#pausado[n];
    if (de !== undefined) this.pausas[n]!.push([de, performance.now()]);
    this.#pausado[n] = undefined;
  }

  /** Congela o disco de um servidor vivo; falso se não foi possível. */
  async congelar(n: number): Promise<boolean> {
    if (this.#descongelar[n]) return false;
    this.#descongelar[n] = await congelarDisco(this.pastas!.de(n));
    return this.#descongelar[n] !== undefined;
  }

  descongelar(n: number): void {
    this.#descongelar[n]?.();
    this.#descongelar[n] = undefined;
  }

  /** Daqui a tantos milissegundos, sara alguma coisa. */
  depois(ms: number, sarar: () => void): void {
    const cura = setTimeout(() => {
      this.#curas.delete(cura);
      sarar();
    }, ms);
    this.#curas.add(cura);
  }

  /** Sara tudo: as redes, as pausas e os discos. */
  sarar(): void {
    for (const retransmissor of this.retransmissores) retransmissor.sarar();
    for (const n of [0, 1, 2]) {
      this.continuar(n);
      this.descongelar(n);
    }
  }

  /** Falha se um servidor acabou sem ser morto: caiu por si. */
  conferirVivos(): void {
    for (const [n, programa] of this.#programas.entries()) {
      if (programa?.acabou) throw new Error(`servidor ${n} caiu: ${programa.erros}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#curas.forEach(clearTimeout);
    await Promise.all([0, 1, 2].map((n) => this.matar(n)));
    for (const retransmissor of this.retransmissores) await retransmissor[Symbol.asyncDispose]();
  }
}
