/**
 * O piso: o que `read` e `write` do Deno conseguem com o mesmo JSON, sem streams,
 * num processo só, sem réplicas, validação, limites nem console. Nenhum servidor
 * feito sobre o Deno faz melhor sem juntar mensagens.
 *
 * Rodado por si (`deno run --allow-net bench/piso.ts`), é o servidor: escreve a porta.
 *
 * @module
 */

import type { Operador } from "./carga.ts";

/** Bytes de cada leitura. */
const LEITURA_BYTES = 64 * 1024;

/** Chama `aoLer` com as linhas inteiras de cada leitura, até o fim da conexão. */
async function lerLinhas(conexao: Deno.TcpConn, aoLer: (linhas: string[]) => void): Promise<void> {
  const buffer = new Uint8Array(LEITURA_BYTES);
  const decodificador = new TextDecoder();
  let resto = "";
  for (;;) {
    const lidos = await conexao.read(buffer);
    if (lidos === null) return;
    const linhas = (resto + decodificador.decode(buffer.subarray(0, lidos), { stream: true }))
      .split("\n");
    resto = linhas.pop()!;
    if (linhas.length > 0) aoLer(linhas);
  }
}

/** Escreve textos numa conexão, uma escrita por vez; os que chegam durante uma vão juntos na próxima. */
function escrever(conexao: Deno.TcpConn): (texto: string) => void {
  const codificador = new TextEncoder();
  let fila = "";
  let escrevendo = false;
  return async (texto) => {
    fila += texto;
    if (escrevendo) return;
    escrevendo = true;
    while (fila !== "") {
      const bytes = codificador.encode(fila);
      fila = "";
      for (let n = 0; n < bytes.length;) n += await conexao.write(bytes.subarray(n));
    }
    escrevendo = false;
  };
}

/** Um operário do piso; muitos podem usar o mesmo, e as respostas voltam na ordem. */
export async function ligarAoPiso(porta: number): Promise<Operador & Disposable> {
  const conexao = await Deno.connect({ hostname: "127.0.0.1", port: porta });
  conexao.setNoDelay(true);
  const enviar = escrever(conexao);
  const esperas: ((resposta: unknown) => void)[] = [];
  let id = 0;
  lerLinhas(conexao, (linhas) => {
    for (const linha of linhas) esperas.shift()!(JSON.parse(linha));
  }).catch(() => {});
  const pedir = (pedido: object) =>
    new Promise((resolver) => {
      esperas.push(resolver);
      enviar(JSON.stringify(pedido) + "\n");
    });
  return {
    put: (key, value) => pedir({ tipo: "PUT", id: ++id, key, value }),
    get: (key) => pedir({ tipo: "GET", id: ++id, key, timestamp: 0 }),
    [Symbol.dispose]: () => conexao.close(),
  };
}

async function servir(): Promise<void> {
  const tabela = new Map<string, { value: string; timestamp: number }>();
  let ultimo = 0;
  const responder = (linha: string) => {
    const { tipo, id, key, value } = JSON.parse(linha);
    if (tipo === "PUT") {
      tabela.set(key, { value, timestamp: ++ultimo });
      return JSON.stringify({ tipo: "PUT_OK", id, key, timestamp: ultimo });
    }
    return JSON.stringify({ tipo: "GET_OK", id, key, ...tabela.get(key) });
  };
  const ouvinte = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  Deno.stdout.writeSync(new TextEncoder().encode(`${ouvinte.addr.port}\n`));
  for await (const conexao of ouvinte) {
    conexao.setNoDelay(true);
    const enviar = escrever(conexao);
    lerLinhas(conexao, (linhas) => enviar(linhas.map(responder).join("\n") + "\n")).catch(() => {});
  }
}

if (import.meta.main) await servir();
