/**
 * O menos que um cliente de um pedido só pode ser no Deno: um prazo, uma conexão, um GET, e a linha
 * da resposta, separada por `TextLineStream`. É o limite de `cliente get`, que bench/custos.ts mede.
 *
 * @module
 */

import { TextLineStream } from "@std/streams/text-line-stream";

if (import.meta.main) {
  const [hostname, porta, key] = Deno.args;
  setTimeout(() => Deno.exit(1), 10_000);
  const conexao = await Deno.connect({ hostname: hostname!, port: Number(porta) });
  const pedido = JSON.stringify({ tipo: "GET", id: 1, key });
  await conexao.write(new TextEncoder().encode(pedido + "\n"));
  const linhas = conexao.readable.pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream());
  const { value } = await linhas.getReader().read();
  await Deno.stdout.write(new TextEncoder().encode(value + "\n"));
  Deno.exit(0);
}
