/**
 * Três portas HTTP para quem opera um programa: se está vivo, se está pronto, e o que tem feito. Os
 * nomes, e o que querem dizer, são os do Kubernetes: a quem não está vivo, recomeça-se; a quem não
 * está pronto, não se mandam pedidos.
 *
 * ```ts
 * import { abrirSaude } from "./saude.ts";
 *
 * const saude = abrirSaude({ ip: "127.0.0.1", porta: 0 }, {
 *   estado: () => ({ pronto: false, motivo: "a encher" }),
 *   metricas: () => "voltas_total 3\n",
 * });
 * const resposta = await fetch(`http://${saude.endereco}/readyz`);
 * const { motivo } = await resposta.json();
 * await saude.fechar();
 * if (resposta.status !== 503 || motivo !== "a encher") throw new Error("não disse porquê");
 * ```
 *
 * @module
 */

import { type Endereco, textoDoEndereco, textoDoLado } from "./endereco.ts";
import { textoDoErro } from "./texto.ts";

/** O que se responde a quem pergunta. */
export interface Respostas {
  /** `/readyz`: 200 se está pronto, senão 503; o resto vai no JSON. */
  estado(): { readonly pronto: boolean };
  /** `/metrics`: o texto todo; ver lib/metricas.ts. */
  metricas(): string | Promise<string>;
}

/** As portas abertas; ver {@linkcode abrirSaude}. */
export interface Saude {
  /** Onde respondem, `IP:PORTA`. */
  readonly endereco: string;
  fechar(): Promise<void>;
}

/**
 * Abre as portas num endereço; a porta 0 escolhe uma livre.
 *
 * @throws {Error} se o endereço não pode ser usado.
 */
export function abrirSaude(onde: Endereco, respostas: Respostas): Saude {
  const parada = new AbortController();
  let servico: Deno.HttpServer<Deno.NetAddr>;
  try {
    servico = Deno.serve({
      hostname: onde.ip,
      port: onde.porta,
      signal: parada.signal,
      onListen: () => {},
    }, (pedido) => responder(pedido, respostas));
  } catch (cause) {
    const motivo = `Não é possível atender em ${textoDoEndereco(onde)}: ${textoDoErro(cause)}`;
    throw new Error(motivo, { cause });
  }
  return {
    endereco: textoDoLado(servico.addr),
    async fechar() {
      parada.abort();
      await servico.finished;
    },
  };
}

async function responder(pedido: Request, { estado, metricas }: Respostas): Promise<Response> {
  switch (new URL(pedido.url).pathname) {
    case "/livez":
      return texto("vivo\n");
    case "/readyz": {
      const dito = estado();
      const tipo = { "content-type": "application/json" };
      return texto(JSON.stringify(dito) + "\n", dito.pronto ? 200 : 503, tipo);
    }
    case "/metrics":
      return texto(await metricas(), 200, {
        "content-type": "text/plain; version=0.0.4; charset=utf-8",
      });
  }
  return texto("há /livez, /readyz e /metrics\n", 404);
}

function texto(corpo: string, status = 200, cabecalhos: { [nome: string]: string } = {}): Response {
  const headers = { "content-type": "text/plain; charset=utf-8", ...cabecalhos };
  return new Response(corpo, { status, headers: { ...headers, "cache-control": "no-store" } });
}
