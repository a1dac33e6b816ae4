/**
 * A vez de fazer uma coisa cara: poucos de cada vez, os outros por ordem de chegada, e não sem
 * limite.
 *
 * ```ts
 * import { abrirVez } from "./vez.ts";
 *
 * const vez = abrirVez({ juntos: 1, aEspera: 1 });
 * const [um, dois, tres] = [vez.entrar(), vez.entrar(), vez.entrar()];
 * if (!um || !dois || tres) throw new Error("entraram outros");
 * await um;
 * vez.sair();
 * await dois;
 * vez.sair();
 * ```
 *
 * @module
 */

/** Ver {@linkcode abrirVez}. */
export interface Vez {
  /** Espera a vez; `undefined`, já há demais à espera. */
  entrar(): Promise<void> | undefined;
  /** Quem teve a vez dá-a ao próximo. */
  sair(): void;
}

/** Uma vez que tantos têm ao mesmo tempo, e por que tantos esperam. */
export function abrirVez({ juntos, aEspera }: { juntos: number; aEspera: number }): Vez {
  const fila: (() => void)[] = [];
  let dentro = 0;
  return {
    entrar() {
      if (dentro < juntos) {
        dentro++;
        return Promise.resolve();
      }
      if (fila.length >= aEspera) return undefined;
      return new Promise((resolver) => fila.push(resolver));
    },
    sair() {
      const proximo = fila.shift();
      if (proximo) proximo();
      else dentro--;
    },
  };
}
