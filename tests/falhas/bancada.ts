/**
 * Os servidores da bancada: três processos que podem morrer e recomeçar, e entre eles os
 * retransmissores.
 *
 * @module
 */

import { argumentosDoServidor, atendendo, portasLivres, Programa } from "../apoio.ts";
import type { Sorteio } from "./acaso.ts";
import { PRAZO_MS } from "./plano.ts";
import { Retransmissor } from "./retransmissor.ts";

/** Três servidores que podem morrer e recomeçar, com os seus retransmissores. */
export class Bancada {
  readonly portas = portasLivres(3);
  readonly retransmissores: Retransmissor[] = [];
  /** Os temporizadores que vão sarar um retransmissor. */
  readonly curas: ReturnType<typeof setTimeout>[] = [];
  readonly inicios: number[][] = [[], [], []];
  /** O último que começou: é onde um erro ao voltar apareceria. */
  ultimo = 0;
  readonly #programas: (Programa | undefined)[] = [undefined, undefined, undefined];
  readonly #lideres: number[];
  readonly #pasta: string | undefined;

  constructor(sorteio: Sorteio, pasta: string | undefined) {
    this.#pasta = pasta;
    const [lider, ...seguidores] = this.portas as [number, number, number];
    this.#lideres = [lider];
    for (const porta of seguidores) {
      // O seguidor chega ao líder por um, anunciando o outro, por onde o líder o alcança.
      const volta = new Retransmissor(porta, sorteio);
      const ida = new Retransmissor(lider, sorteio, [
        [`"endereco":"127.0.0.1:${porta}"`, `"endereco":"127.0.0.1:${volta.porta}"`],
      ]);
      this.retransmissores.push(ida, volta);
      this.#lideres.push(ida.porta);
    }
  }

  endereco(n: number): string {
    return `127.0.0.1:${this.portas[n]}`;
  }

  async iniciar(n: number): Promise<void> {
    const dados = this.#pasta ? [`--dados=${this.#pasta}/${n}`] : [];
    const outras = [`--prazo=${PRAZO_MS}`, "--silencioso", ...dados];
    this.inicios[n]!.push(performance.now());
    this.#programas[n] = new Programa(
      "servidor",
      argumentosDoServidor(this.portas[n]!, this.#lideres[n]!, outras),
    );
    await atendendo(this.endereco(n));
    this.ultimo = n;
  }

  async matar(n: number): Promise<void> {
    await this.#programas[n]?.matar();
    this.#programas[n] = undefined;
  }

  /** Falha se um servidor acabou sem ser morto: caiu por si. */
  conferirVivos(): void {
    for (const [n, programa] of this.#programas.entries()) {
      if (programa?.acabou) throw new Error(`servidor ${n} caiu: ${programa.erros}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.curas.forEach(clearTimeout);
    await Promise.all([0, 1, 2].map((n) => this.matar(n)));
    for (const retransmissor of this.retransmissores) await retransmissor[Symbol.asyncDispose]();
  }
}
