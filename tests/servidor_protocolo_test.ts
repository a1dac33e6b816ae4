import { assert, assertEquals, assertRejects } from "@std/assert";
import { Fio, iniciarGrupo } from "./apoio.ts";
import { get, iniciarSozinho, put } from "./apoio/protocolo.ts";
import { KEY_BYTES_MAX } from "../mensagem.ts";
import { Servidor } from "../servidor.ts";

// --- O protocolo -------------------------------------------------------------

Deno.test("Servidor responde PUT e GET com os campos do protocolo, e nada mais", async () => {
  await using grupo = await iniciarSozinho();
  await using fio = await Fio.abrir(grupo.enderecos[0]!);
  assertEquals(await fio.pedir(get(0, "k")), {
    tipo: "GET_OK",
    id: 0,
    key: "k",
    value: null,
    timestamp: 0,
  });
  assertEquals(await fio.pedir(put(1, "k", "v")), {
    tipo: "PUT_OK",
    id: 1,
    key: "k",
    timestamp: 1,
  });
  assertEquals(await fio.pedir(put(2, "k", "w")), {
    tipo: "PUT_OK",
    id: 2,
    key: "k",
    timestamp: 2,
  });
  assertEquals(await fio.pedir(get(3, "k", 1)), {
    tipo: "GET_OK",
    id: 3,
    key: "k",
    value: "w",
    timestamp: 2,
  });
  assertEquals(await fio.pedir(get(4, "k", 3)), {
    tipo: "TRY_OTHER_SERVER_OR_LATER",
    id: 4,
    key: "k",
    timestamp: 2,
  });
  assertEquals(await fio.pedir(get(5, "outra", 1)), {
    tipo: "TRY_OTHER_SERVER_OR_LATER",
    id: 5,
    key: "outra",
    timestamp: 0,
  });
});

Deno.test("Servidor guarda e devolve igual qualquer key e value", async () => {
  await using grupo = await iniciarGrupo();
  await using lider = await Fio.abrir(grupo.enderecos[0]!);
  await using seguidor = await Fio.abrir(grupo.enderecos[2]!);
  const valores = [
    "",
    'com "aspas" e \\barras\\',
    "linha\nseguinte\r\n\ttabulada",
    "acentuação e 😀👩‍👩‍👧",
    "\0\x1b[2J\x7f\u2028",
    "null",
    "x".repeat(900 * 1024),
  ];
  for (const [n, value] of valores.entries()) {
    const key = `key ${n} "\n😀`;
    assertEquals((await seguidor.pedir(put(n, key, value))).tipo, "PUT_OK");
    for (const fio of [lider, seguidor]) {
      const lido = await fio.pedir(get(n, key, n + 1));
      assertEquals([lido.tipo, lido.timestamp], ["GET_OK", n + 1]);
      assert(lido.value === value, `voltou outro value: ${JSON.stringify(value).slice(0, 40)}`);
    }
  }
});

Deno.test("Servidor recusa o que não é um pedido, e a conexão continua", async () => {
  await using grupo = await iniciarGrupo(1);
  const errados: [string, number | undefined][] = [
    ["", undefined],
    ["isto não é JSON", undefined],
    ["null", undefined],
    ["7", undefined],
    ['"PUT"', undefined],
    ["{}", undefined],
    ["[[]]", undefined],
    ['{"tipo":"PUT"', undefined],
    ['{"tipo":"XYZ","id":5}', 5],
    ['{"tipo":"PUT","id":6,"key":"k"}', 6],
    ['{"tipo":"PUT","id":7,"key":"","value":"v"}', 7],
    ['{"tipo":"PUT","id":8,"key":"k","value":null}', 8],
    [`{"tipo":"PUT","id":9,"key":"${"k".repeat(KEY_BYTES_MAX + 1)}","value":"v"}`, 9],
    ['{"tipo":"GET","id":10,"key":"k","timestamp":-1}', 10],
    ['{"tipo":"GET","id":-1,"key":"k"}', undefined],
    ['{"tipo":"PUT","id":11,"key":"\\ud800","value":"v"}', 11],
    ['{"tipo":"PUT_OK","id":12,"key":"k","timestamp":1}', 12],
    ['{"tipo":"ERRO","id":13,"erro":"x"}', 13],
    ['{"tipo":"REPLICATION","id":14,"key":"k","value":"v","timestamp":9}', 14],
    ['{"tipo":"REPLICATION_OK","id":15,"timestamp":9}', 15],
    ['{"tipo":"FORWARD","id":16,"key":"k","value":"v","origem":"1.1.1.1:1","prazo":9}', 16],
    ['{"tipo":"ENTRY","id":17,"key":"k","value":"v","timestamp":9}', 17],
    ['{"tipo":"SYNC","id":18,"timestamp":9,"reserva":9}', 18],
    ['{"tipo":"FETCH","id":19,"timestamp":0}', 19],
    ['{"tipo":"LEADER","id":20,"token":"adivinhado"}', 20],
  ];
  for (const endereco of grupo.enderecos) {
    await using fio = await Fio.abrir(endereco);
    for (const [linha, id] of errados) {
      await fio.enviar(linha + "\n");
      const resposta = await fio.receber();
      assertEquals([resposta.tipo, resposta.id, resposta.definitivo], ["ERRO", id, true], linha);
    }
    assertEquals((await fio.pedir(get(99, "k"))).value, null);
  }
});

Deno.test("Servidor fecha a conexão depois do ERRO, se os bytes não são UTF-8", async () => {
  await using grupo = await iniciarSozinho();
  await using fio = await Fio.abrir(grupo.enderecos[0]!);
  await fio.enviar(put(1, "k", "v"), new Uint8Array([0xff, 0xfe, 10]), put(2, "k", "perdido"));
  const respostas = (await fio.fim()).map(({ tipo, definitivo }) => [tipo, definitivo]);
  assertEquals(respostas.sort(), [["ERRO", true], ["PUT_OK", undefined]]);
});

Deno.test("Servidor entende um pedido partido byte a byte e muitos num pacote só", async () => {
  await using grupo = await iniciarSozinho();
  await using fio = await Fio.abrir(grupo.enderecos[0]!);
  for (const byte of new TextEncoder().encode(JSON.stringify(put(1, "é", "😀")) + "\r\n")) {
    await fio.enviar(new Uint8Array([byte]));
  }
  assertEquals((await fio.receber()).tipo, "PUT_OK");
  await fio.enviar(
    Array.from({ length: 500 }, (_, n) => JSON.stringify(get(n, "é"))).join("\n") + "\n",
  );
  const respostas = await fio.receberVarias(500);
  assertEquals(respostas.map(({ id, value }) => [id, value]), respostas.map((_, n) => [n, "😀"]));
});

Deno.test("Servidor responde a um lote como aos seus membros, um a um", async () => {
  await using grupo = await iniciarGrupo(1);
  for (const endereco of grupo.enderecos) {
    await using fio = await Fio.abrir(endereco);
    await fio.enviar([put(1, "a", "1"), { id: 2 }, get(3, "nada"), [], put(4, "b", "2"), 5]);
    const respostas = await fio.receberVarias(6);
    const porId = new Map(respostas.map((resposta) => [resposta.id, resposta.tipo]));
    assertEquals([1, 2, 3, 4].map((id) => porId.get(id)), ["PUT_OK", "ERRO", "GET_OK", "PUT_OK"]);
    assertEquals(respostas.filter(({ id, tipo }) => id === undefined && tipo === "ERRO").length, 2);
    await fio.enviar([]);
    assertEquals((await fio.pedir(get(7, "a"))).value, "1");
  }
});

Deno.test("Servidor responde só por linhas a quem nunca mandou um lote", async () => {
  await using grupo = await iniciarSozinho();
  const [hostname, porta] = grupo.enderecos[0]!.split(":");
  using conn = await Deno.connect({ hostname: hostname!, port: Number(porta) });
  const pedidos = Array.from({ length: 20 }, (_, n) => JSON.stringify(get(n, "k"))).join("\n") +
    "\n";
  await conn.write(new TextEncoder().encode(pedidos));
  await conn.closeWrite();
  const linhas = (await new Response(conn.readable).text()).trimEnd().split("\n");
  assertEquals(linhas.map((linha) => JSON.parse(linha).id), linhas.map((_, n) => n));
  assertEquals(linhas.length, 20);
});

Deno.test("Servidor responde a tudo o que pediu quem fecha só a sua metade", async () => {
  await using grupo = await iniciarGrupo(1, { 1: { atraso: 200 } });
  for (const endereco of grupo.enderecos) {
    await using fio = await Fio.abrir(endereco);
    await fio.enviar(put(1, "k", "v"), get(2, "k"), put(3, "k", "w"), '{"tipo":"PUT","id":4');
    await fio.fecharEscrita();
    const respostas = (await fio.fim()).map(({ id, tipo }) => `${id} ${tipo}`).sort();
    assertEquals(respostas, ["1 PUT_OK", "2 GET_OK", "3 PUT_OK", "undefined ERRO"]);
  }
});

Deno.test("Servidor ignora quem some no meio de uma linha, e nada muda na tabela", async () => {
  await using grupo = await iniciarSozinho();
  {
    await using fio = await Fio.abrir(grupo.enderecos[0]!);
    await fio.enviar(put(1, "k", "v"), JSON.stringify(put(2, "k", "pela metade")));
    await fio.receber();
  }
  await using outro = await Fio.abrir(grupo.enderecos[0]!);
  assertEquals((await outro.pedir(get(3, "k"))).value, "v");
});

// --- A console (seção 6) -----------------------------------------------------

Deno.test("Servidor imprime os cinco textos do enunciado, byte por byte (seção 6)", async () => {
  await using grupo = await iniciarGrupo(2);
  await using noLider = await Fio.abrir(grupo.enderecos[0]!);
  await using noSeguidor = await Fio.abrir(grupo.enderecos[1]!);
  await noLider.pedir(put(1, "k", "v"));
  await noSeguidor.pedir(put(2, "k", "w"));
  await noLider.pedir(get(3, "k", 1));
  await noSeguidor.pedir(get(4, "nada"));
  await noSeguidor.pedir(get(5, "k", 9));
  const [a, b] = [noLider.endereco, noSeguidor.endereco];
  assertEquals(grupo.linhas[0], [
    `Cliente ${a} PUT key:k value:v`,
    `Enviando PUT_OK ao Cliente ${a} da key:k ts:1`,
    `Cliente ${b} PUT key:k value:w`,
    `Enviando PUT_OK ao Cliente ${b} da key:k ts:2`,
    `Cliente ${a} GET key:k ts:1. Meu ts é 2, portanto devolvendo w`,
  ]);
  const seguidor = [...grupo.linhas[1]!];
  // Encaminhar e receber a replicação do anterior são independentes: só a ordem de cada um conta.
  assertEquals(seguidor.filter((linha) => !linha.startsWith("REPLICATION")), [
    `Encaminhando PUT key:k value:w`,
    `Cliente ${b} GET key:nada ts:0. Meu ts é 0, portanto devolvendo NULL`,
    `Cliente ${b} GET key:k ts:9. Meu ts é 2, portanto devolvendo TRY_OTHER_SERVER_OR_LATER`,
  ]);
  for (const linhas of grupo.linhas.slice(1)) {
    assertEquals(linhas.filter((linha) => linha.startsWith("REPLICATION")), [
      `REPLICATION key:k value:v ts:1`,
      `REPLICATION key:k value:w ts:2`,
    ]);
  }
});

Deno.test("Servidor não deixa key nem value forjarem uma linha da console", async () => {
  await using grupo = await iniciarGrupo(1);
  await using fio = await Fio.abrir(grupo.enderecos[1]!);
  await fio.pedir(put(1, "k\nCliente", "\x1b[2J\r\nforjada"));
  await fio.pedir(get(2, "k\nCliente"));
  const linhas = grupo.linhas.flat();
  assertEquals(linhas.length, 5);
  for (const linha of linhas) assert(!/\p{Cc}/u.test(linha));
  assert(grupo.linhas[1]!.includes("Encaminhando PUT key:k\\nCliente value:\\x1b[2J\\r\\nforjada"));
});

// --- Começar e parar (seção 5a) ----------------------------------------------

Deno.test("Servidor.iniciar() falha se a porta está ocupada ou o IP é de outra máquina", async () => {
  await using grupo = await iniciarSozinho();
  const porta = Number(grupo.enderecos[0]!.split(":")[1]);
  for (
    const [opcoes, motivo] of [
      [{ porta }, "endereço já em uso"],
      [{ ip: "192.0.2.1", porta }, "o endereço não é desta máquina"],
    ] as const
  ) {
    await assertRejects(() => Servidor.iniciar({ replicas: 0, ...opcoes }), Error, motivo);
  }
});

Deno.test("Servidor.parar() fecha as conexões, e parar de novo nada faz", async () => {
  const grupo = await iniciarGrupo(1);
  await using fio = await Fio.abrir(grupo.enderecos[0]!);
  await fio.pedir(get(1, "k"));
  await grupo[Symbol.asyncDispose]();
  await grupo[Symbol.asyncDispose]();
  assertEquals(await fio.fim(), []);
});
