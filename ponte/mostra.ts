/**
 * O que a ponte mostra na console do que muda no etcd por mão de outros.
 *
 * @module
 */

import { CONSOLE } from "../mensagem.ts";
import type { Etcd } from "./etcd.ts";

/** O que se mostra do que muda no etcd; ver {@linkcode abrirMostra}. */
export interface Mostra {
  readonly linha: ((linha: string) => void) | undefined;
  /** Vai-se gravar; chama-se o que isto devolve com a revisão, ou sem ela se não se sabe. */
  gravando(pares: readonly { key: string }[]): (revisao: number | undefined) => void;
  readonly fim: Promise<void>;
}

/**
 * Mostra como REPLICATION o que chega ao membro vindo de outras pontes: tudo o que muda, menos o
 * que esta gravou. Do que muda numa key que esta está a gravar só se sabe de quem é quando isso
 * acaba: até lá, espera.
 */
export function abrirMostra(
  etcd: Etcd,
  linha: ((linha: string) => void) | undefined,
  sinal: AbortSignal,
): Mostra {
  type Mudanca = { key: string; value: string; timestamp: number };
  const emCurso = new Map<string, Mudanca[]>();
  /** Revisões que esta gravou e ainda não viu passar, com as keys delas. */
  const minhas = new Map<number, Set<string>>();

  function mostrar(mudanca: Mudanca): void {
    const keys = minhas.get(mudanca.timestamp);
    if (!keys?.delete(mudanca.key)) linha?.(CONSOLE.replication(mudanca));
    else if (keys.size === 0) minhas.delete(mudanca.timestamp);
  }

  const fim = linha === undefined ? Promise.resolve() : etcd.ver((mudanca) => {
    // Chegam por ordem: o que é de antes desta já passou.
    for (const revisao of minhas.keys()) if (revisao < mudanca.timestamp) minhas.delete(revisao);
    const espera = emCurso.get(mudanca.key);
    if (espera) espera.push(mudanca);
    else mostrar(mudanca);
  }, sinal);
  return {
    linha,
    fim,
    gravando(pares) {
      if (linha === undefined) return () => {};
      for (const { key } of pares) emCurso.set(key, []);
      return (revisao) => {
        if (revisao !== undefined) minhas.set(revisao, new Set(pares.map(({ key }) => key)));
        for (const { key } of pares) {
          const espera = emCurso.get(key) ?? [];
          emCurso.delete(key);
          espera.forEach(mostrar);
        }
      };
    },
  };
}
