/**
 * O instante que a página mostra: o de agora, um em que se parou, ou um que corre para a frente ou
 * para trás pelo que já se viu. As mensagens de verdade não esperam por ele.
 *
 * @module
 */

/** Como o relógio anda. */
export interface Relogio {
  /** `ao vivo`; `parado`; `a tocar`, na velocidade e no sentido que diz. */
  modo: "ao vivo" | "parado" | "a tocar";
  /** O instante, se não é ao vivo. */
  instante: number;
  /** Milissegundos da corrida por milissegundo de quem vê. */
  velocidade: number;
  sentido: -1 | 1;
  /** O que falta somar a `performance.now()` para dar a hora do painel; `undefined` antes de a saber. */
  acerto: number | undefined;
  /** Quando, em `performance.now()`, se andou pela última vez. */
  visto: number;
}

/** Um relógio ao vivo que ainda não sabe as horas. */
export function criarRelogio(): Relogio {
  return {
    modo: "ao vivo",
    instante: 0,
    velocidade: 1,
    sentido: 1,
    acerto: undefined,
    visto: performance.now(),
  };
}

/** Acerta-se pela coisa mais nova que chegou: nada chega antes de acontecer. */
export function acertar(relogio: Relogio, quando: number): void {
  const acerto = quando - performance.now();
  relogio.acerto = Math.max(relogio.acerto ?? acerto, acerto);
}

/** A hora do painel, agora. */
export function agora({ acerto }: Relogio): number {
  return acerto === undefined ? 0 : performance.now() + acerto;
}

/** Anda até agora e diz o instante que se mostra, entre o princípio e o fim do que há. */
export function andar(relogio: Relogio, principio: number, fim: number): number {
  const visto = performance.now();
  const passou = visto - relogio.visto;
  relogio.visto = visto;
  if (relogio.modo === "ao vivo") return relogio.instante = agora(relogio);
  const entre = (instante: number) => Math.min(Math.max(instante, principio), fim);
  // Parado não se corrige: o que falta do histórico ainda pode estar a chegar.
  if (relogio.modo === "parado") return entre(relogio.instante);
  relogio.instante = entre(relogio.instante + passou * relogio.velocidade * relogio.sentido);
  if (relogio.instante === (relogio.sentido > 0 ? fim : principio)) relogio.modo = "parado";
  return relogio.instante;
}
