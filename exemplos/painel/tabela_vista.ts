/**
 * A tabela de um servidor, como se sabe dela: por ordem de timestamp, e o que está confirmado.
 *
 * ```ts
 * import { TabelaVista } from "./tabela_vista.ts";
 *
 * const tabela = new TabelaVista();
 * tabela.por({ key: "cor", value: "azul", timestamp: 1 }, false);
 * tabela.confirmar(1);
 * if (!tabela.ver().tabela[0]?.confirmada) throw new Error("não confirmou");
 * ```
 *
 * @module
 */

import type { Linha } from "./tipos.ts";

/** Linhas que se mostram; as outras contam-se. */
export const LISTA_MAX = 40;

/** O que se mostra de uma tabela. */
export interface Tabela {
  /** As mais novas, as mais novas primeiro. */
  readonly tabela: readonly Linha[];
  /** Quantas não vão em `tabela`. */
  readonly outras: number;
}

/** Uma tabela; ver o módulo. */
export class TabelaVista {
  /** Em ordem de timestamp, como no servidor: a de um PUT sai de onde estava e vai para o fim. */
  readonly #linhas = new Map<string, Linha>();
  /** As que faltam confirmar, por ordem de chegada. */
  #porConfirmar: Linha[] = [];

  /** Põe uma versão, se é mais nova que a que há; igual, só a confirma. */
  por(versao: Omit<Linha, "confirmada">, confirmada: boolean): void {
    const { key, value, timestamp } = versao;
    const antes = this.#linhas.get(key);
    if (antes && antes.timestamp > timestamp) return;
    if (antes?.timestamp === timestamp && (antes.confirmada || !confirmada)) return;
    const linha = { key, value, timestamp, confirmada };
    this.#linhas.delete(key);
    this.#linhas.set(key, linha);
    if (!confirmada) this.#porConfirmar.push(linha);
  }

  /** Tudo até um timestamp está em todos. */
  confirmar(ate: number): void {
    // Vêm por ordem, quase sempre: uma fora dela espera pelas que estão à frente.
    let n = this.#porConfirmar.findIndex(({ timestamp }) => timestamp > ate);
    if (n < 0) n = this.#porConfirmar.length;
    for (const linha of this.#porConfirmar.splice(0, n)) {
      if (this.#linhas.get(linha.key) !== linha) continue;
      this.#linhas.set(linha.key, { ...linha, confirmada: true });
    }
  }

  /** Se a versão que tem de uma key é esta, e está confirmada. */
  confirmada(key: string, timestamp: number): boolean {
    const linha = this.#linhas.get(key);
    return linha?.timestamp === timestamp && linha.confirmada;
  }

  /** Tira o que é posterior a um timestamp. */
  cortarDepoisDe(timestamp: number): void {
    for (const [key, linha] of this.#linhas) {
      if (linha.timestamp > timestamp) this.#linhas.delete(key);
    }
    this.#porConfirmar = this.#porConfirmar.filter((linha) => linha.timestamp <= timestamp);
  }

  /** O que se mostra. */
  ver(): Tabela {
    const todas = [...this.#linhas.values()];
    return {
      tabela: todas.slice(-LISTA_MAX).sort((a, b) => b.timestamp - a.timestamp),
      outras: Math.max(0, todas.length - LISTA_MAX),
    };
  }
}
