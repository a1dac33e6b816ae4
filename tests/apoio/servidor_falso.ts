/**
 * Um servidor que responde o que o teste quiser: para ver o cliente sem o servidor de verdade.
 *
 * @module
 */

import { fecharSeAberto } from "../../lib/canal.ts";
import type { Json } from "../apoio.ts";

/** Um servidor falso, que responde a cada pedido o que `responder` disser; `null`, nada. */
export function servidorFalso(responder: (pedido: Json, conn: Deno.TcpConn) => Json | null) {
  const ouvinte = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const recebidos: Json[] = [];
  const conexoes = new Set<Deno.TcpConn>();
  async function atender(conn: Deno.TcpConn) {
    conexoes.add(conn);
    try {
      const buffer = new Uint8Array(64 * 1024);
      let texto = "";
      for (let n; (n = await conn.read(buffer)) !== null;) {
        texto += new TextDecoder().decode(buffer.subarray(0, n));
        const linhas = texto.split("\n");
        texto = linhas.pop()!;
        for (const pedido of linhas.flatMap((linha) => JSON.parse(linha))) {
          recebidos.push(pedido);
          const resposta = responder(pedido, conn);
          if (resposta === null) continue;
          const linha = JSON.stringify({ id: pedido.id, key: pedido.key, ...resposta }) + "\n";
          await conn.write(new TextEncoder().encode(linha));
        }
      }
    } catch {
      // Derrubada: o teste quis assim.
    }
    conexoes.delete(conn);
    fecharSeAberto(conn);
  }
  const tarefas: Promise<void>[] = [];
  const aceitar = (async () => {
    for await (const conn of ouvinte) tarefas.push(atender(conn));
  })();
  return {
    endereco: `127.0.0.1:${ouvinte.addr.port}`,
    recebidos,
    async [Symbol.asyncDispose]() {
      ouvinte.close();
      for (const conn of conexoes) {
        try {
          conn.close();
        } catch {
          // Já fechada.
        }
      }
      await aceitar;
      await Promise.all(tarefas);
    },
  };
}
