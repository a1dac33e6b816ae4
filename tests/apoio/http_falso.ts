/**
 * Quem responde por HTTP, bem ou mal: para ver quem pergunta.
 *
 * @module
 */

import { fecharSeAberto } from "../../lib/canal.ts";
import type { Endereco } from "../../lib/endereco.ts";

/** Alguém que atende. */
export interface HttpFalso extends AsyncDisposable {
  readonly onde: Endereco;
}

/** Responde o que `responder` disser. */
export function servirHttp(
  responder: (pedido: Request) => Response,
  hostname = "127.0.0.1",
): HttpFalso {
  const servico = Deno.serve({ hostname, port: 0, onListen() {} }, responder);
  return {
    onde: { ip: hostname, porta: servico.addr.port },
    [Symbol.asyncDispose]: () => servico.shutdown(),
  };
}

/** Responde estes bytes, sejam ou não HTTP, e fecha; sem eles, aceita, lê e nunca responde. */
export function servirBytes(resposta?: string): HttpFalso {
  const ouvinte = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const conexoes: Deno.TcpConn[] = [];
  async function atender(conn: Deno.TcpConn) {
    conexoes.push(conn);
    try {
      await conn.read(new Uint8Array(4096));
      if (resposta === undefined) return;
      await conn.write(new TextEncoder().encode(resposta));
      await conn.closeWrite();
      while (await conn.read(new Uint8Array(4096)) !== null);
    } catch {
      // Derrubada pelo outro lado.
    }
    fecharSeAberto(conn);
  }
  const tarefas: Promise<void>[] = [];
  const aceitar = (async () => {
    for await (const conn of ouvinte) tarefas.push(atender(conn));
  })();
  return {
    onde: { ip: "127.0.0.1", porta: ouvinte.addr.port },
    async [Symbol.asyncDispose]() {
      ouvinte.close();
      for (const conn of conexoes) fecharSeAberto(conn);
      await aceitar;
      await Promise.all(tarefas);
    },
  };
}

/** Um corpo que começa e nunca acaba: um byte de vez em quando. */
export function semFim(): ReadableStream<Uint8Array> {
  let repetir: ReturnType<typeof setInterval>;
  return new ReadableStream({
    start(controle) {
      repetir = setInterval(() => controle.enqueue(new Uint8Array([0x20])), 20);
    },
    cancel: () => clearInterval(repetir),
  });
}
