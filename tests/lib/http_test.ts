import { assert, assertEquals, assertRejects } from "@std/assert";
import { type PedidoDeJson, pedirJson } from "../../lib/http.ts";
import { portasLivres } from "../apoio.ts";
import { type HttpFalso, semFim, servirBytes, servirHttp } from "../apoio/http_falso.ts";

const PEDIDO: PedidoDeJson<unknown> = {
  prazo: 20_000,
  bytesMax: 1_000,
  aceitos: [200, 503],
  ler: (json) => json,
};

/** O que diz o erro de um pedido que não pode dar certo. */
async function recusa(quem: HttpFalso, mudancas: Partial<PedidoDeJson<unknown>> = {}) {
  await using _quem = quem;
  const erro = await assertRejects(() => pedirJson(quem.onde, "/a", { ...PEDIDO, ...mudancas }));
  return (erro as Error).message;
}

/** Se esta máquina tem IPv6; sem ele, o teste dele é posto de lado, e dito. */
const semIpv6 = (() => {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return false;
  } catch {
    return true;
  }
})();

Deno.test("pedirJson() pede o caminho e devolve o JSON, com qualquer dos códigos aceitos", async () => {
  for (const status of PEDIDO.aceitos) {
    await using quem = servirHttp(({ url, method, headers }) =>
      Response.json([method, new URL(url).pathname, headers.get("host")], { status })
    );
    const resposta = await pedirJson(quem.onde, "/a/b", PEDIDO);
    assertEquals(resposta, ["GET", "/a/b", `127.0.0.1:${quem.onde.porta}`]);
  }
});

Deno.test("pedirJson() alcança um endereço IPv6", { ignore: semIpv6 }, async () => {
  await using quem = servirHttp(() => Response.json(6), "::1");
  assertEquals(await pedirJson(quem.onde, "/", PEDIDO), 6);
});

Deno.test("pedirJson() recusa o que não é a resposta esperada, e diz por quê", async () => {
  const responder = (corpo: BodyInit | null, init?: ResponseInit) =>
    recusa(servirHttp(() => new Response(corpo, init)));
  assertEquals(await responder("x", { status: 404 }), "resposta inesperada: HTTP 404");
  assertEquals(await responder(null, { status: 204 }), "resposta inesperada: HTTP 204");
  assertEquals(await responder(""), 'resposta inesperada: não é JSON: ""');
  assertEquals(await responder("\x1b[2J"), 'resposta inesperada: não é JSON: "\\x1b[2J"');
  const exigente = (json: unknown) => {
    throw new TypeError(`não serve: ${json}`);
  };
  assertEquals(
    await recusa(servirHttp(() => Response.json(1)), { ler: exigente }),
    "resposta inesperada: não serve: 1",
  );
});

Deno.test("pedirJson() não segue um redirecionamento", async () => {
  let pedidos = 0;
  await using alvo = servirHttp(() => Response.json(++pedidos));
  const destino = `http://127.0.0.1:${alvo.onde.porta}/`;
  const texto = await recusa(servirHttp(() => Response.redirect(destino, 302)));
  assertEquals([texto, pedidos], ["resposta inesperada: HTTP 302", 0]);
});

Deno.test("pedirJson() lê até o limite de bytes, e recusa um a mais", async () => {
  const json = (bytes: number) => `"${"x".repeat(bytes - 2)}"`;
  await using justo = servirHttp(() => new Response(json(1_000)));
  assertEquals(await pedirJson(justo.onde, "/", PEDIDO), "x".repeat(998));
  const demais = "resposta inesperada: comprida demais, o limite é 1000";
  assertEquals(await recusa(servirHttp(() => new Response(json(1_001)))), demais);
  // Comprimida, cabe num pacote; o que conta é o que sai dela.
  const bomba = new Blob(["x".repeat(10_000_000)]).stream().pipeThrough(
    new CompressionStream("gzip"),
  );
  const comprimida = await new Response(bomba).bytes();
  assert(comprimida.length < 20_000);
  const headers = { "content-encoding": "gzip" };
  assertEquals(await recusa(servirHttp(() => new Response(comprimida, { headers }))), demais);
});

Deno.test("pedirJson() desiste no prazo de quem nunca responde, ou nunca acaba", async () => {
  const calado = "sem resposta em 200 ms";
  assertEquals(await recusa(servirBytes(), { prazo: 200 }), calado);
  assertEquals(await recusa(servirHttp(() => new Response(semFim())), { prazo: 200 }), calado);
  // De uma resposta que não serve, nem se espera pelo fim.
  const negada = servirHttp(() => new Response(semFim(), { status: 500 }));
  assertEquals(await recusa(negada), "resposta inesperada: HTTP 500");
});

Deno.test("pedirJson() diz em palavras nossas por que não houve resposta", async () => {
  const [porta] = portasLivres(1);
  const falhar = (ip: string, porta: number) =>
    recusa({ onde: { ip, porta }, [Symbol.asyncDispose]: () => Promise.resolve() });
  assertEquals(await falhar("127.0.0.1", porta!), "sem resposta: conexão recusada");
  assertEquals(
    await falhar("127.0.0.1", 6000),
    "sem resposta: em HTTP, esta porta não pode ser usada; escolha outra",
  );
  assertEquals(await recusa(servirBytes("")), "sem resposta: conexão derrubada");
  const naoFala = "sem resposta: o outro lado não fala HTTP";
  assertEquals(await recusa(servirBytes('{"tipo":"ERRO"}\n')), naoFala);
  const cabecalho = `X: ${"x".repeat(1_000)}\r\n`.repeat(1_000);
  assertEquals(await recusa(servirBytes(`HTTP/1.1 200 OK\r\n${cabecalho}\r\n`)), naoFala);
  const partida = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{";
  assertEquals(await recusa(servirBytes(partida)), "sem resposta: acabou no meio");
});
