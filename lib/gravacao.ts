/**
 * A fila do que vai para o disco: tudo o que espera junto vai numa transação, sincronizada, e só
 * depois se confirma (group commit). Se o disco falha, a fila fica, e tenta-se de novo.
 *
 * ```ts ignore
 * const gravacao = abrirGravacao(banco, { inserir, anotar, avisos, ... });
 * gravacao.gravar([{ key: "cor", value: "azul", timestamp: 7 }], 7); // avisos.aoGravar(7) depois
 * ```
 *
 * @module
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import { abrirHistograma, type Histograma, observar } from "./metricas.ts";

/** Espera até tentar de novo gravar num disco que falhou (cheio, por exemplo), em milissegundos. */
const DE_NOVO_MS = 1_000;

/** Uma linha da tabela. */
export interface Linha {
  readonly key: string;
  readonly value: string;
  /** Inteiro ≥ 1. */
  readonly timestamp: number;
}

/** O que o disco avisa. */
export interface AvisosDoDisco {
  /** Está sincronizado tudo até aqui. */
  aoGravar(ate: number): void;
  /** Por que não grava; vazio, voltou a gravar. Enquanto isso a fila fica, e tenta-se de novo. */
  aoFalhar(motivo: string): void;
}

/** O que já se gravou; ver {@linkcode Gravacao.medidas}. */
export interface MedidasDoDisco {
  /** O tempo de cada transação que se confirmou, em segundos. */
  readonly transacoes: Histograma;
  /** Linhas gravadas. */
  linhas: number;
  /** Vezes que não se pôde gravar. */
  falhas: number;
}

/** De que {@linkcode abrirGravacao} precisa. */
export interface OpcoesDaGravacao {
  /** Insere `timestamp`, `key`, `value`. */
  readonly inserir: StatementSync;
  /** Grava a nota. */
  readonly anotar: StatementSync;
  /** Como um texto se guarda. */
  paraDisco(texto: string): string | Uint8Array;
  /** Por que o que se gravasse se perderia; vazio, grava-se. */
  conferir(): string;
  /** O erro em palavras nossas. */
  motivo(erro: unknown): string;
  readonly avisos: AvisosDoDisco;
}

/** A fila; ver {@linkcode abrirGravacao}. */
export interface Gravacao {
  readonly medidas: MedidasDoDisco;
  /** Põe linhas, e talvez uma nota, na fila; `ate` é o que se confirma com elas. */
  gravar(linhas: readonly Linha[], ate: number, nota?: string): void;
  /** Grava já o que está na fila. @throws {Error} se não pode. */
  agora(): void;
  /** Com a fila vazia, uma transação que esquece o que se confirmou, e fica com a nota. @throws {Error} se não pode. */
  esvaziar(comando: string, nota: string): void;
  /** Grava o que está na fila, se pode, e não grava mais nada. */
  fechar(): void;
}

/** Abre a fila de um banco. */
export function abrirGravacao(banco: DatabaseSync, opcoes: OpcoesDaGravacao): Gravacao {
  const { inserir, anotar, paraDisco, conferir, motivo, avisos } = opcoes;
  const fila = { linhas: [] as Linha[], ate: 0, nota: undefined as string | undefined };
  const medidas: MedidasDoDisco = { transacoes: abrirHistograma(), linhas: 0, falhas: 0 };
  let [marcada, falhou, fechado] = [false, false, false];

  function transacao(fazer: () => void) {
    const perdido = conferir();
    if (perdido) throw new Error(perdido);
    try {
      banco.exec("BEGIN IMMEDIATE");
      fazer();
      banco.exec("COMMIT");
    } catch (erro) {
      if (banco.isTransaction) banco.exec("ROLLBACK");
      throw erro;
    }
  }

  function agora() {
    const inicio = performance.now();
    transacao(() => {
      for (const { key, value, timestamp } of fila.linhas) {
        inserir.run(timestamp, paraDisco(key), paraDisco(value));
      }
      if (fila.nota !== undefined) anotar.run(fila.nota);
    });
    // COMMIT voltou com tudo sincronizado (synchronous=FULL): só agora se confirma.
    observar(medidas.transacoes, (performance.now() - inicio) / 1000);
    medidas.linhas += fila.linhas.length;
    fila.linhas = [];
    fila.nota = undefined;
    if (falhou) avisos.aoFalhar("");
    falhou = false;
    avisos.aoGravar(fila.ate);
  }

  function tentar() {
    try {
      agora();
    } catch (erro) {
      falhou = true;
      medidas.falhas++;
      avisos.aoFalhar(`não é possível gravar: ${motivo(erro)}`);
      marcar(DE_NOVO_MS);
    }
  }

  /** Marca uma gravação, na próxima volta ou depois de uma espera. */
  function marcar(ms: number) {
    if (marcada || fechado) return;
    marcada = true;
    const gravar = () => {
      marcada = false;
      if (!fechado) tentar();
    };
    if (ms > 0) setTimeout(gravar, ms);
    else setImmediate(gravar);
  }

  return {
    medidas,
    gravar(linhas, ate, nota) {
      for (const linha of linhas) fila.linhas.push(linha);
      fila.ate = Math.max(fila.ate, ate);
      fila.nota = nota ?? fila.nota;
      marcar(0);
    },
    agora,
    esvaziar(comando, nota) {
      transacao(() => {
        banco.exec(comando);
        anotar.run(nota);
      });
      fila.ate = 0;
    },
    fechar() {
      const falta = marcada;
      fechado = true;
      if (falta) tentar();
    },
  };
}
