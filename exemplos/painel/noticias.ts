/**
 * O que acontece numa corrida, como os elos, os processos ou um rastro o contam, e de que a
 * projeção faz o que cada servidor tem.
 *
 * @module
 */

import { ehPulso } from "../../ferramentas/diagrama/familias.ts";
import type { Conteudo } from "../../ferramentas/diagrama/setas.ts";
import { CAMPOS_SECRETOS, type Registro } from "../../mensagem.ts";
import type { Quem } from "./tipos.ts";

/** Uma notícia; `quando` é no relógio da corrida. */
export type Noticia =
  | {
    readonly tipo: "saiu";
    readonly quando: number;
    /** O número da mensagem. */
    readonly id: number;
    readonly de: Quem;
    readonly para: Quem;
    readonly mensagem: Conteudo;
    /** Quando chega, se já se sabe. */
    readonly chega: number | undefined;
    /** A conexão por que vai. */
    readonly ligacao: number | string;
  }
  | {
    readonly tipo: "chegou" | "perdeu-se";
    readonly quando: number;
    readonly id: number;
  }
  /** Uma conexão acabou. */
  | {
    readonly tipo: "fechou";
    readonly quando: number;
    readonly de: Quem;
    readonly para: Quem;
    readonly ligacao: number | string;
  }
  /** Um servidor começou, com o que tinha em disco. */
  | {
    readonly tipo: "iniciou";
    readonly quando: number;
    readonly quem: Quem;
    readonly tabela: readonly Registro[];
  }
  /** Um servidor morreu; fica com o que está em disco. */
  | {
    readonly tipo: "morreu";
    readonly quando: number;
    readonly quem: Quem;
    readonly tabela: readonly Registro[];
  };

/** Se um item de uma linha é uma mensagem, ainda que não uma que um servidor aceite. */
export function ehConteudo(item: unknown): item is Conteudo {
  return typeof (item as Partial<Conteudo> | null)?.tipo === "string";
}

/** Se uma mensagem não se mostra sem que se peça: um sinal de vida, ou (nunca) uma prova do segredo. */
export function ehCalada(mensagem: Conteudo): boolean {
  return ehPulso(mensagem) || mensagem.tipo.startsWith("AUTH");
}

/** Caracteres de um texto de uma mensagem que se mostra; além, "… e mais N". */
const MOSTRADOS_MAX = 1_000;

/** A mensagem como se mostra: sem o que prova quem é o líder, e sem textos sem fim. */
export function mostravel(mensagem: Conteudo): Conteudo {
  const campos = Object.entries(mensagem).filter(([campo]) => !CAMPOS_SECRETOS.includes(campo));
  return Object.fromEntries(campos.map(([campo, valor]) => {
    if (typeof valor !== "string" || valor.length <= MOSTRADOS_MAX) return [campo, valor];
    const fora = valor.length - MOSTRADOS_MAX;
    return [campo, `${valor.slice(0, MOSTRADOS_MAX)}… e mais ${fora} caracteres`];
  })) as unknown as Conteudo;
}
