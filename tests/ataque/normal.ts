/**
 * O cliente normal, que trabalha noutra thread enquanto os outros atacam.
 *
 * @module
 */

import { Cliente } from "../../cliente.ts";
import { pausar } from "../falhas/acaso.ts";
import { keyNormal, NORMAIS } from "./comum.ts";
import type { Janela } from "./relatorio.ts";

/** O cliente normal, visto de quem ataca. */
export class Normal {
  readonly #worker = new Worker(import.meta.url, { type: "module" });
  #resposta = Promise.withResolvers<Janela>();

  constructor(enderecos: readonly string[]) {
    this.#worker.onmessage = ({ data }: MessageEvent<Janela>) => this.#resposta.resolve(data);
    this.#worker.postMessage({ enderecos });
  }

  /** Como foi desde a última vez; `fim`, e acaba. */
  async janela(fim = false): Promise<Janela> {
    this.#resposta = Promise.withResolvers<Janela>();
    this.#worker.postMessage({ fim });
    return await this.#resposta.promise;
  }

  /** Para de pedir, ou continua. */
  parar(parado: boolean): void {
    this.#worker.postMessage({ parado });
  }

  [Symbol.dispose]() {
    this.#worker.terminate();
  }
}

function percentil(duracoes: number[], fracao: number): number {
  const ordem = duracoes.toSorted((a, b) => a - b);
  return ordem[Math.min(ordem.length - 1, Math.floor(ordem.length * fracao))] ?? NaN;
}

/** O laço do cliente normal: PUTs e GETs nas suas keys, e cada GET conferido. */
function serNormal(): void {
  const principal = globalThis as unknown as {
    onmessage: (
      evento: MessageEvent<{ enderecos?: string[]; fim?: boolean; parado?: boolean }>,
    ) => void;
    postMessage(janela: Janela): void;
  };
  let [puts, gets, quebras]: [number[], number[], string[]] = [[], [], []];
  let [acabou, calado] = [false, false];
  let laco = Promise.resolve();
  const trabalhar = async (enderecos: string[]) => {
    await using cliente = new Cliente(enderecos);
    // De cada key: o menor número que um GET pode devolver, e o último escrito.
    const keys = Array.from({ length: NORMAIS }, () => ({ menor: 0, maior: 0 }));
    for (let n = 1; !acabou; n++) {
      while (calado && !acabou) await pausar(20);
      const qual = n * 7 % NORMAIS;
      const key = keys[qual]!;
      const inicio = performance.now();
      try {
        if (n % 4 === 0) {
          key.maior = n;
          await cliente.put(keyNormal(qual), `${n} ${"x".repeat(100)}`);
          key.menor = n;
        } else {
          const resposta = await cliente.get(keyNormal(qual));
          const { tipo } = resposta;
          const value = tipo === "GET_OK" ? resposta.value : undefined;
          const numero = parseInt(value ?? "0");
          if (tipo !== "GET_OK" || numero < key.menor || numero > key.maior) {
            quebras.push(
              `o cliente normal leu ${tipo} ${numero}, fora de ${key.menor} a ${key.maior}`,
            );
          }
          key.menor = Math.max(key.menor, numero);
        }
      } catch (erro) {
        quebras.push(`o cliente normal falhou: ${(erro as Error).message}`);
        await pausar(100);
      }
      (n % 4 === 0 ? puts : gets).push(performance.now() - inicio);
    }
  };
  principal.onmessage = async ({ data: { enderecos, fim, parado } }) => {
    if (parado !== undefined) {
      calado = parado;
      return;
    }
    if (enderecos) {
      laco = trabalhar(enderecos);
      return;
    }
    if (fim) {
      acabou = true;
      await laco;
    }
    const p99 = { put: percentil(puts, 0.99), get: percentil(gets, 0.99) };
    principal.postMessage({ operacoes: puts.length + gets.length, p99, quebras });
    [puts, gets, quebras] = [[], [], []];
  };
}

// O Worker é este mesmo módulo; importado por outro, não faz nada.
if ("DedicatedWorkerGlobalScope" in globalThis) serNormal();
