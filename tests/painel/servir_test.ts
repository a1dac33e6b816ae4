/**
 * O painel em HTTP: quem pode pedir, o que se serve, e o fluxo.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Diario, FOTO_VAZIA } from "../../exemplos/painel/diario.ts";
import { servir } from "../../exemplos/painel/servir.ts";
import type { Pedido } from "../../exemplos/painel/tipos.ts";
import { ate } from "../apoio.ts";

/** Um painel sem corrida nenhuma por trás, e os pedidos que recebeu. */
function montar() {
  const pedidos: Pedido[] = [];
  const diario = new Diario(() => 7, () => FOTO_VAZIA);
  const servido = servir(0, {
    diario,
    cenas: [],
    pedir(pedido) {
      if (pedido.pedir === "matar") return Promise.reject(new Error("já está parado"));
      pedidos.push(pedido);
      return Promise.resolve();
    },
  });
  return {
    pedidos,
    diario,
    endereco: servido.endereco,
    async [Symbol.asyncDispose]() {
      await servido[Symbol.asyncDispose]();
      diario[Symbol.dispose]();
    },
  };
}

/** Um pedido HTTP à mão, com os cabeçalhos que um navegador não deixa mudar; devolve a primeira linha. */
async function pedirCru(endereco: string, linhas: readonly string[], corpo = ""): Promise<string> {
  const { hostname, port } = new URL(endereco);
  using conexao = await Deno.connect({ hostname, port: Number(port) });
  const texto = [...linhas, `content-length: ${corpo.length}`, "connection: close", "", corpo];
  await conexao.write(new TextEncoder().encode(texto.join("\r\n")));
  const buffer = new Uint8Array(4096);
  const n = await conexao.read(buffer) ?? 0;
  return new TextDecoder().decode(buffer.subarray(0, n)).split("\r\n")[0]!;
}

const JSON_ = "content-type: application/json";
const PASSO = '{"pedir":"passo","ligado":true}';

Deno.test("servir() recusa um Host ou um Origin alheio, e aceita os seus", async () => {
  await using painel = montar();
  const { host } = new URL(painel.endereco);
  const porta = host.split(":")[1];
  const casos: [string, string, number][] = [
    [`host: ${host}`, "", 200],
    [`host: localhost:${porta}`, `origin: http://localhost:${porta}`, 200],
    [`host: ${host}`, `origin: http://${host}`, 200],
    [`host: localhost:${porta}`, `origin: http://${host}`, 403],
    [`host: ${host}`, "origin: http://exemplo.com", 403],
    [`host: ${host}`, "origin: null", 403],
    ["host: exemplo.com", "", 403],
    [`host: exemplo.com:${porta}`, `origin: http://exemplo.com:${porta}`, 403],
  ];
  for (const [meu, origem, codigo] of casos) {
    const cabecalhos = [meu, JSON_, ...origem ? [origem] : []];
    const post = await pedirCru(painel.endereco, ["POST /pedido HTTP/1.1", ...cabecalhos], PASSO);
    assertStringIncludes(post, ` ${codigo} `, `${meu} ${origem}`);
    const get = await pedirCru(painel.endereco, ["GET /cenas HTTP/1.1", ...cabecalhos]);
    assertStringIncludes(get, ` ${codigo} `, `${meu} ${origem}`);
  }
  assertEquals(painel.pedidos.length, 3);
});

Deno.test("servir() só aceita um pedido em JSON, com forma, de tamanho limitado", async () => {
  await using painel = montar();
  const pedir = async (corpo: string, tipo = "application/json") => {
    const cabecalhos = { "content-type": tipo };
    const url = painel.endereco + "pedido";
    const resposta = await fetch(url, { method: "POST", headers: cabecalhos, body: corpo });
    return [resposta.status, (await resposta.json()).erro];
  };
  assertEquals(await pedir(PASSO), [200, undefined]);
  assertEquals(await pedir(PASSO, "text/plain"), [415, "Só application/json"]);
  assertEquals((await pedir('{"pedir":"voar"}'))[0], 400);
  assertEquals((await pedir("{"))[0], 400);
  assertEquals((await pedir('{"pedir":"atraso-tudo","ms":10001}'))[0], 400);
  assertEquals((await pedir('{"pedir":"atraso-tudo","ms":10000}'))[0], 200);
  assertEquals(await pedir('{"pedir":"matar","servidor":"s1"}'), [400, "já está parado"]);
  const grande = JSON.stringify({ pedir: "cena", cena: "a".repeat(2 * 1024 * 1024) });
  assertEquals((await pedir(grande))[0], 400);
  assertEquals(painel.pedidos.map(({ pedir }) => pedir), ["passo", "atraso-tudo"]);
});

Deno.test("servir() serve a página e os seus módulos sem tipos, e nada mais", async () => {
  await using painel = montar();
  const pedir = async (caminho: string) => {
    const resposta = await fetch(painel.endereco + caminho);
    return { resposta, texto: await resposta.text() };
  };
  const familias = await pedir("ferramentas/diagrama/familias.ts");
  assertEquals(familias.resposta.headers.get("content-type"), "text/javascript; charset=utf-8");
  assert(!familias.texto.includes("import type"), "os tipos ficaram");
  const politica = familias.resposta.headers.get("content-security-policy") ?? "";
  assertStringIncludes(politica, "default-src 'self'");
  for (
    const caminho of [
      "servidor.ts",
      "pagina/../servir.ts",
      "pagina/%2e%2e/servir.ts",
      "pagina/..%2fservir.ts",
      "lib/rastro.ts",
      "pagina/nada.ts",
    ]
  ) {
    assertEquals((await pedir(caminho)).resposta.status, 404, caminho);
  }
});

Deno.test("servir() manda a quem se liga o que há e o que vai havendo, e acaba com o painel", async () => {
  const painel = montar();
  painel.diario.anotar({ quando: 1, tipo: "linha", quem: "s1", texto: "antes", erro: false });
  const resposta = await fetch(painel.endereco + "fluxo");
  let recebido = "";
  const lendo = (async () => {
    for await (const texto of resposta.body!.pipeThrough(new TextDecoderStream())) {
      recebido += texto;
    }
  })();
  await ate(() => recebido.includes("antes"), "o que havia");
  painel.diario.anotar({ quando: 2, tipo: "linha", quem: "s1", texto: "depois", erro: false });
  await ate(() => recebido.includes("depois"), "o que houve");
  assert(/^id: \d+\nevent: lote\ndata: \[\{"n":1,/m.test(recebido), recebido);
  assert(/^event: foto\ndata: \{"n":2,"quando":7,/m.test(recebido), recebido);
  await painel[Symbol.asyncDispose]();
  await lendo;
});
