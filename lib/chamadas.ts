/**
 * Duas threads que se chamam como a objetos: o que uma oferece é um objeto de funções, e a outra
 * as chama pelo nome, à espera do resultado ou não.
 *
 * ```ts
 * import { atender } from "./chamadas.ts";
 *
 * const canal = new MessageChannel();
 * const soma = { somar: (a: number, b: number) => a + b };
 * atender(canal.port1, soma);
 * const outra = atender<typeof soma>(canal.port2, {});
 * if (await outra.chamar("somar", 2, 3) !== 5) throw new Error("não somou");
 * canal.port1.close();
 * canal.port2.close();
 * ```
 *
 * @module
 */

import { textoDoErro } from "./texto.ts";

/** Por onde se fala com a outra thread: um `Worker`, um `MessagePort`, ou o escopo de um Worker. */
export interface Porta {
  postMessage(mensagem: unknown): void;
  // deno-lint-ignore no-explicit-any
  onmessage: ((evento: any) => void) | null;
}

// deno-lint-ignore no-explicit-any
type Funcao = (...args: any[]) => unknown;

/** O que uma thread oferece à outra: funções cujos argumentos e resultados se podem copiar. */
export type Ofertas<T> = { [Nome in keyof T]: Funcao };

/** A outra thread, e o que ela oferece. */
export interface Outra<T extends Ofertas<T>> {
  /** Chama e espera o resultado; falha com o texto do erro de lá, ou se a ligação se desfaz. */
  chamar<Nome extends keyof T>(
    nome: Nome,
    ...args: Parameters<T[Nome]>
  ): Promise<Awaited<ReturnType<T[Nome]>>>;
  /** Chama, e não espera nada: nem resultado, nem erro. */
  avisar<Nome extends keyof T>(nome: Nome, ...args: Parameters<T[Nome]>): void;
  /** Desfaz a ligação: quem espera falha com este motivo, e quem chamar depois também. */
  desligar(motivo: string): void;
}

/** O que passa: uma chamada (com `n`, se se espera o resultado), ou o resultado dela. */
type Passagem<T> =
  | { readonly nome: keyof T; readonly args: unknown[]; readonly n?: number }
  | { readonly n: number; readonly resultado: unknown }
  | { readonly n: number; readonly erro: string };

/**
 * Liga esta thread à outra: cumpre o que ela chamar das nossas `ofertas`, e devolve como chamar
 * as dela. Um erro numa chamada que ninguém espera é desta thread, e não se cala.
 */
export function atender<Delas extends Ofertas<Delas>, Nossas extends Ofertas<Nossas> = object>(
  porta: Porta,
  ofertas: Nossas,
): Outra<Delas> {
  // deno-lint-ignore no-explicit-any
  const esperas = new Map<number, PromiseWithResolvers<any>>();
  let ultima = 0;
  let desligada: string | undefined;

  const enviar = (mensagem: Passagem<Delas> | Passagem<Nossas>) => porta.postMessage(mensagem);

  function receber(passagem: Passagem<Nossas>) {
    if ("nome" in passagem) return cumprir(passagem);
    const espera = esperas.get(passagem.n);
    esperas.delete(passagem.n);
    if ("erro" in passagem) espera?.reject(new Error(passagem.erro));
    else espera?.resolve(passagem.resultado);
  }

  function cumprir({ nome, args, n }: Extract<Passagem<Nossas>, { nome: unknown }>) {
    if (n === undefined) return void ofertas[nome](...args);
    Promise.try(() => ofertas[nome](...args)).then(
      (resultado) => enviar({ n, resultado }),
      (erro) => enviar({ n, erro: textoDoErro(erro) }),
    );
  }

  porta.onmessage = ({ data }: MessageEvent<Passagem<Nossas>>) => receber(data);
  return {
    chamar(nome, ...args) {
      if (desligada !== undefined) return Promise.reject(new Error(desligada));
      const n = ++ultima;
      const espera = Promise.withResolvers<Awaited<ReturnType<Delas[typeof nome]>>>();
      esperas.set(n, espera);
      enviar({ nome, args, n });
      return espera.promise;
    },
    avisar(nome, ...args) {
      if (desligada === undefined) enviar({ nome, args });
    },
    desligar(motivo) {
      desligada ??= motivo;
      for (const { reject } of esperas.values()) reject(new Error(motivo));
      esperas.clear();
    },
  };
}
