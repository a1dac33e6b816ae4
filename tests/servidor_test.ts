import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import {
  argumentosDoServidor,
  ate,
  atendendo,
  Fio,
  iniciarGrupo,
  type Json,
  portasLivres,
  Programa,
} from "./apoio.ts";
import { Retransmissor, sorteio } from "./falhas.ts";
import { Cliente } from "../cliente.ts";
import { KEY_BYTES_MAX, LINHA_BYTES_MAX } from "../mensagem.ts";
import { confirmadoPorTodos, Servidor } from "../servidor.ts";
import { connect } from "node:net";

const put = (id: number, key: string, value: string) => ({ tipo: "PUT", id, key, value });
const get = (id: number, key: string, timestamp?: number) => ({ tipo: "GET", id, key, timestamp });

/** Um servidor só, que confirma na hora: para o que não depende dos outros. */
const iniciarSozinho = () => iniciarGrupo(0);

// --- O protocolo -------------------------------------------------------------

Deno.test("confirmadoPorTodos() é o menor dos confirmados, e zero enquanto falta alguém", () => {
  assertEquals(confirmadoPorTodos(2, []), 0);
  assertEquals(confirmadoPorTodos(2, [9]), 0);
  assertEquals(confirmadoPorTodos(2, [9, 7]), 7);
  assertEquals(confirmadoPorTodos(1, [3]), 3);
  assertEquals(confirmadoPorTodos(0, []), Infinity);
});

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

Deno.test("Servidor aceita uma linha de 1 MiB, que se replica e se lê, e recusa uma maior", async () => {
  await using grupo = await iniciarGrupo(1);
  await using fio = await Fio.abrir(grupo.enderecos[1]!);
  const resto = JSON.stringify(put(1, "k", "")).length;
  const value = "\x7f".repeat(LINHA_BYTES_MAX - resto);
  await fio.enviar(JSON.stringify(put(1, "k", value)) + "\n");
  assertEquals((await fio.receber()).tipo, "PUT_OK");
  assertEquals((await fio.pedir(get(2, "k", 1))).value.length, value.length);
  await fio.enviar(JSON.stringify(put(3, "k", value + "x")) + "\n");
  const erro = await fio.receber();
  assertEquals([erro.tipo, erro.definitivo], ["ERRO", true]);
  assertMatch(erro.erro, new RegExp(`o limite é ${LINHA_BYTES_MAX}`));
  assertEquals(await fio.fim(), []);
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

Deno.test("Servidor larga no meio o lote de quem foi embora", async () => {
  await using grupo = await iniciarSozinho();
  {
    await using fio = await Fio.abrir(grupo.enderecos[0]!);
    await fio.pedir(put(1, "grande", "x".repeat(900 * 1024)));
    await fio.enviar(Array.from({ length: 20_000 }, (_, n) => get(n, "grande")));
  }
  await ate(() => grupo.linhas[0]!.length > 2, "o lote começar");
  await using outro = await Fio.abrir(grupo.enderecos[0]!);
  await outro.pedir(get(1, "k"));
  assert(grupo.linhas[0]!.length < 10_000, "tratou o lote inteiro de quem já não o espera");
});

Deno.test("Servidor não guarda na memória as respostas de quem não lê, e atende os outros", async () => {
  await using grupo = await iniciarSozinho();
  await using normal = await Fio.abrir(grupo.enderecos[0]!);
  await normal.pedir(put(1, "grande", "x".repeat(900 * 1024)));
  const [hostname, porta] = grupo.enderecos[0]!.split(":");
  using guloso = await Deno.connect({ hostname: hostname!, port: Number(porta) });
  const lote = JSON.stringify(Array.from({ length: 5000 }, (_, n) => get(n, "grande")));
  await guloso.write(new TextEncoder().encode(lote + "\n"));
  for (let n = 0; n < 50; n++) assertEquals((await normal.pedir(get(n, "nada"))).id, n);
  // As que o sistema operacional aceitou, e uma: a que passou do limite da conexão.
  const tratados = grupo.linhas[0]!.filter((linha) => linha.includes(" GET key:grande ")).length;
  assert(tratados < 50, `tratou ${tratados} pedidos de quem não lê as respostas`);
  const { heapUsed, external } = Deno.memoryUsage();
  assert(heapUsed + external < 500 * 1024 * 1024, "5000 respostas de 900 KB na memória");
});

// --- A console (seção 6) -----------------------------------------------------

Deno.test("Servidor atende os outros no meio de um lote enorme", async () => {
  await using grupo = await iniciarGrupo(0);
  await using um = await Fio.abrir(grupo.enderecos[0]!);
  await using outro = await Fio.abrir(grupo.enderecos[0]!);
  await outro.pedir({ tipo: "GET", id: 1, key: "k" });
  const ITENS = 20_000;
  await um.enviar(Array.from({ length: ITENS }, (_, id) => ({ tipo: "GET", id, key: "k" })));
  await ate(() => grupo.linhas[0]!.length > 1, "o lote começar");
  await outro.pedir({ tipo: "GET", id: 2, key: "k" });
  assert(grupo.linhas[0]!.length < ITENS, "o outro esperou o lote inteiro");
  assertEquals((await um.receberVarias(ITENS)).length, ITENS);
});

Deno.test("Servidor: muitas linhas compridas por acabar não enchem a memória", async () => {
  await using grupo = await iniciarGrupo(0);
  const pedaco = new Uint8Array(1_000_000).fill(97);
  const fios: Fio[] = [];
  // 160 MB de linhas por acabar, e o limite é 128 Mi: caem algumas, e só dessas.
  for (let n = 0; n < 160; n++) {
    const fio = await Fio.abrir(grupo.enderecos[0]!);
    fios.push(fio);
    await fio.enviar(pedaco).catch(() => {});
  }
  const vivos = async () => {
    const respostas = await Promise.all(fios.map(async (fio) => {
      await fio.enviar("\n").catch(() => {});
      const fim = fio.receber().then(() => 1, () => 0);
      return await fim as number;
    }));
    return respostas.reduce((soma, um) => soma + um, 0);
  };
  await using normal = await Fio.abrir(grupo.enderecos[0]!);
  assertEquals((await normal.pedir({ tipo: "GET", id: 1, key: "k" })).tipo, "GET_OK");
  const sobraram = await vivos();
  assert(sobraram > 60 && sobraram < 160, `sobraram ${sobraram} de 160`);
  for (const fio of fios) await fio[Symbol.asyncDispose]();
});

Deno.test("Servidor: quem já foi do grupo volta apesar de uma enxurrada de JOINs de estranhos", async () => {
  await using lider = await Servidor.iniciar({ porta: 0, replicas: 1 });
  const seguidor = await Servidor.iniciar({ porta: 0, lider: lider.endereco });
  const porta = Number(seguidor.endereco.split(":")[1]);
  await using cliente = new Cliente([lider.endereco]);
  await cliente.put("k", "v");
  await seguidor.parar();
  // Oito endereços que atendem e calam ocupam todos os lugares de quem está entrando.
  const mudos = Array.from({ length: 8 }, () => Deno.listen({ hostname: "127.0.0.1", port: 0 }));
  await using fio = await Fio.abrir(lider.endereco);
  await fio.enviar(...mudos.map(({ addr }, id) => ({
    tipo: "JOIN",
    id,
    endereco: `127.0.0.1:${addr.port}`,
    token: "t",
  })));
  const discados = await Promise.all(mudos.map((mudo) => mudo.accept()));
  await using nono = await Fio.abrir(lider.endereco);
  const { erro } = await nono.pedir({ tipo: "JOIN", id: 9, endereco: "127.0.0.1:9", token: "t" });
  assertEquals(erro, "JOIN recusado: já há 8 servidores entrando, o limite");
  // E voltam a ocupá-los assim que um vaga: a enxurrada não acaba sozinha.
  let acabou = false;
  const respostas: Json[] = [];
  const enxurrada = (async () => {
    for (let id = 8; !acabou; id++) {
      const resposta = await fio.receber();
      respostas.push(resposta);
      const mudo = mudos[resposta.id % 8]!;
      const endereco = `127.0.0.1:${mudo.addr.port}`;
      mudo.accept().then((conn) => discados.push(conn), () => {});
      await fio.enviar({ tipo: "JOIN", id: id - id % 8 + resposta.id % 8, endereco, token: "t" });
    }
  })();
  await using _volta = await Servidor.iniciar({ porta, lider: lider.endereco });
  assertEquals((await cliente.put("k", "w")).timestamp, 2);
  acabou = true;
  await enxurrada;
  assert(respostas.every(({ tipo }) => tipo === "ERRO"));
  for (const conn of [...discados, ...mudos]) conn.close();
});

Deno.test("Servidor lê 1024 PUTs em curso de uma conexão, e o resto só quando um acaba", async () => {
  await using servidor = await Servidor.iniciar({ porta: 0, replicas: 1, prazo: 500 });
  for (const [puts, primeira] of [[1023, "GET_OK"], [1024, "ERRO"]] as const) {
    await using fio = await Fio.abrir(servidor.endereco);
    const pedidos = Array.from({ length: puts }, (_, id) => put(id, "k", "v"));
    await fio.enviar(...pedidos, get(puts, "k"));
    assertEquals((await fio.receber()).tipo, primeira);
    const resto = await fio.receberVarias(puts);
    assert(resto.every(({ id, definitivo }) => id === puts || definitivo));
  }
});

/** Faz os pulsos do servidor, de um segundo, durarem 10 ms; conta-os. */
function apressarPulsos(): { pulsos: number } & Disposable {
  const normal = globalThis.setTimeout;
  const conta = {
    pulsos: 0,
    [Symbol.dispose]: () => void (globalThis.setTimeout = normal),
  };
  globalThis.setTimeout = ((tarefa: () => void, ms?: number) => {
    if (ms !== 1000) return normal(tarefa, ms);
    conta.pulsos++;
    return normal(tarefa, 10);
  }) as typeof setTimeout;
  return conta;
}

Deno.test("Servidor dá 120 s a quem começou uma linha, e depois fecha e diz o limite", async () => {
  using tempo = apressarPulsos();
  await using grupo = await iniciarSozinho();
  await using lento = await Fio.abrir(grupo.enderecos[0]!);
  await using parado = await Fio.abrir(grupo.enderecos[0]!);
  const inicio = tempo.pulsos;
  await lento.enviar('{"tipo":"GET","id":1,');
  await parado.enviar('{"tipo":"GET","id":1,');
  await ate(() => tempo.pulsos >= inicio + 110, "passarem 110 pulsos");
  await lento.enviar('"key":"k"}\n');
  assertEquals((await lento.receber()).tipo, "GET_OK");
  const [{ erro, definitivo }] = await parado.fim();
  assertMatch(erro, /uma linha não acabou em 120 s, o limite/);
  assert(definitivo && tempo.pulsos > inicio + 120, `fechou ao fim de ${tempo.pulsos} pulsos`);
});

Deno.test("Servidor dá 30 s a quem não lê o que pediu, e depois fecha", async () => {
  using tempo = apressarPulsos();
  await using grupo = await iniciarSozinho();
  await using normal = await Fio.abrir(grupo.enderecos[0]!);
  await normal.pedir(put(1, "grande", "x".repeat(900 * 1024)));
  const [hostname, porta] = grupo.enderecos[0]!.split(":");
  using guloso = await Deno.connect({ hostname: hostname!, port: Number(porta) });
  const inicio = tempo.pulsos;
  const pedidos = (JSON.stringify(get(1, "grande")) + "\n").repeat(100);
  await guloso.write(new TextEncoder().encode(pedidos));
  await ate(() => tempo.pulsos >= inicio + 60, "passarem 60 pulsos");
  // Lê o que o sistema já tinha aceitado, e o fim: as outras respostas não vêm.
  let lidos = 0;
  const buffer = new Uint8Array(1024 * 1024);
  try {
    for (let n; lidos < 50 * 900 * 1024 && (n = await guloso.read(buffer)) !== null;) lidos += n;
  } catch {
    // Derrubada: também é o fim.
  }
  assert(lidos < 50 * 900 * 1024, `leu ${lidos} bytes: não foi despedido`);
});

Deno.test("Servidor com 4096 conexões ocupadas recusa mais uma, e diz o limite", async () => {
  const [porta] = portasLivres(1);
  const args = argumentosDoServidor(porta!, porta!, ["--replicas=1", "--prazo=120000"]);
  await using servidor = new Programa("servidor", args);
  const endereco = `127.0.0.1:${porta}`;
  await atendendo(endereco);
  const fios: Fio[] = [];
  try {
    while (fios.length < 4096) {
      const fio = await Fio.abrir(endereco);
      fios.push(fio);
      await fio.enviar(put(1, "k", "v"));
    }
    // Todas as 4096 foram aceitas, e cada uma tem um PUT à espera.
    await ate(() => servidor.saida.split("\n").length === 4097, "o servidor ler todos os PUTs");
    await using mais = await Fio.abrir(endereco);
    const [{ tipo, erro, definitivo }] = await mais.fim();
    assertEquals([tipo, definitivo], ["ERRO", true]);
    assertMatch(erro, /há 4096 conexões, o limite/);
  } catch (erro) {
    // Um sistema que não dá tantos descritores a um processo não chega ao limite.
    if (!/too many open files|os error 24/i.test(String(erro))) throw erro;
  } finally {
    for (const fio of fios) await fio[Symbol.asyncDispose]();
  }
});

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

// --- Replicação, admissão, prazos --------------------------------------------

Deno.test("Servidor PUT_OK só vem depois que todos os servidores têm o value", async () => {
  await using grupo = await iniciarGrupo(2, { 2: { atraso: 300 } });
  await using fio = await Fio.abrir(grupo.enderecos[1]!);
  const { timestamp } = await fio.pedir(put(1, "k", "v"));
  for (const endereco of grupo.enderecos) {
    await using outro = await Fio.abrir(endereco);
    assertEquals(await outro.pedir(get(2, "k", timestamp)), {
      tipo: "GET_OK",
      id: 2,
      key: "k",
      value: "v",
      timestamp,
    });
  }
});

Deno.test("Servidor atende GETs enquanto um PUT espera por um servidor lento, que pede TRY_OTHER", async () => {
  await using grupo = await iniciarGrupo(2, { 2: { atraso: 1500 } });
  const [lider, rapido, lento] = await Promise.all(grupo.enderecos.map((e) => Fio.abrir(e)));
  await using _lider = lider!;
  await using _rapido = rapido!;
  await using _lento = lento!;
  await rapido!.enviar(put(1, "k", "v"));
  // O líder insere antes de replicar: o seu GET mostra o PUT ainda não confirmado.
  const visto = await ate(async () => {
    const resposta = await lider!.pedir(get(2, "k"));
    return resposta.value === "v" && resposta;
  }, "o líder mostrar o PUT");
  assertEquals(
    (await lento!.pedir(get(3, "k", visto.timestamp))).tipo,
    "TRY_OTHER_SERVER_OR_LATER",
  );
  assertEquals((await lento!.pedir(get(4, "k"))).value, null);
  assertEquals(await rapido!.receber(), { tipo: "PUT_OK", id: 1, key: "k", timestamp: 1 });
  assertEquals((await lento!.pedir(get(5, "k", visto.timestamp))).value, "v");
});

Deno.test("Servidor com um que nunca vem: ERRO definitivo no prazo, e nada guardado", async () => {
  const [porta] = portasLivres(1);
  const opcoes = { porta: porta!, prazo: 300 };
  await using lider = await Servidor.iniciar({ ...opcoes, lider: `127.0.0.1:${porta}` });
  await using seguidor = await Servidor.iniciar({ ...opcoes, porta: 0, lider: lider.endereco });
  for (const endereco of [lider.endereco, seguidor.endereco]) {
    await using fio = await Fio.abrir(endereco);
    const inicio = performance.now();
    const resposta = await fio.pedir(put(1, "k", "v"));
    assertEquals([resposta.tipo, resposta.id, resposta.definitivo], ["ERRO", 1, true]);
    assert(performance.now() - inicio > 200, "respondeu sem esperar o prazo");
    assertEquals((await fio.pedir(get(2, "k"))).value, null);
  }
});

Deno.test("Servidor com o líder longe: o PUT encaminhado é recusado no prazo, como definitivo", async () => {
  const [porta] = portasLivres(1);
  await using seguidor = await Servidor.iniciar({
    porta: 0,
    lider: `127.0.0.1:${porta}`,
    prazo: 200,
  });
  await using fio = await Fio.abrir(seguidor.endereco);
  const resposta = await fio.pedir(put(1, "k", "v"));
  assertEquals([resposta.tipo, resposta.definitivo], ["ERRO", true]);
});

Deno.test("Servidor que não confirma no prazo: ERRO não definitivo, e o value chega depois", async () => {
  await using grupo = await iniciarGrupo(1, { 0: { prazo: 200 }, 1: { atraso: 600 } });
  await using fio = await Fio.abrir(grupo.enderecos[0]!);
  const resposta = await fio.pedir(put(1, "k", "v"));
  assertEquals([resposta.tipo, resposta.definitivo], ["ERRO", false]);
  await using seguidor = await Fio.abrir(grupo.enderecos[1]!);
  await ate(async () => (await seguidor.pedir(get(2, "k"))).value === "v", "o value chegar");
  assert(!grupo.linhas[0]!.some((linha) => linha.startsWith("Enviando PUT_OK")));
});

Deno.test("Servidor aceita qualquer ordem de início, e os PUTs que chegam antes esperam", async () => {
  const ordens = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
  for (const ordem of ordens) {
    const portas = portasLivres(3);
    const lider = `127.0.0.1:${portas[0]}`;
    const servidores: Servidor[] = [];
    const respostas: Promise<Json>[] = [];
    await using fios = new AsyncDisposableStack();
    for (const n of ordem) {
      const servidor = await Servidor.iniciar({ porta: portas[n]!, lider, prazo: 15_000 });
      servidores.push(servidor);
      const fio = fios.use(await Fio.abrir(servidor.endereco));
      respostas.push(fio.pedir(put(n, `k${n}`, "v")));
    }
    const timestamps = (await Promise.all(respostas)).map(({ tipo, timestamp }) => {
      assertEquals(tipo, "PUT_OK");
      return timestamp;
    });
    assertEquals(timestamps.sort(), [1, 2, 3]);
    await Promise.all(servidores.map((servidor) => servidor.parar()));
  }
});

Deno.test("Servidor recusa o JOIN de quem não atende no endereço que diz, e o grupo não muda", async () => {
  await using grupo = await iniciarGrupo(1);
  await using fio = await Fio.abrir(grupo.enderecos[0]!);
  assertEquals((await fio.pedir(put(1, "k", "v"))).tipo, "PUT_OK");
  const [fechada] = portasLivres(1);
  for (const endereco of [grupo.enderecos[0]!, grupo.enderecos[1]!, `127.0.0.1:${fechada}`, "x"]) {
    const resposta = await fio.pedir({ tipo: "JOIN", id: 2, endereco, token: "inventado" });
    assertEquals([resposta.tipo, resposta.id, resposta.definitivo], ["ERRO", 2, true]);
  }
  assertEquals((await fio.pedir(put(3, "k", "w"))).tipo, "PUT_OK");
});

Deno.test("Servidor cujo líder não é líder avisa o que há de errado", async () => {
  await using grupo = await iniciarGrupo(1);
  const avisos: string[] = [];
  await using _perdido = await Servidor.iniciar({
    porta: 0,
    lider: grupo.enderecos[1]!,
    avisar: (linha) => avisos.push(linha),
  });
  assertMatch(await ate(() => avisos[0], "o aviso"), /este servidor não é o líder/);
});

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

// --- O que já deu errado -----------------------------------------------------

Deno.test("Servidor: mil conexões abortadas não fazem os outros esperarem para ser aceitos", async () => {
  await using grupo = await iniciarSozinho();
  const [host, porta] = grupo.enderecos[0]!.split(":");
  for (let n = 0; n < 1000; n++) {
    await new Promise<void>((resolver) => {
      const socket = connect(Number(porta), host, () => socket.resetAndDestroy());
      socket.on("close", () => resolver());
      socket.on("error", () => {});
    });
  }
  await using fio = await Fio.abrir(grupo.enderecos[0]!);
  assertEquals((await fio.pedir(get(1, "k"))).id, 1);
});

Deno.test("Servidor: muitos que pedem muito e não leem não enchem a memória", async () => {
  await using grupo = await iniciarSozinho();
  await using normal = await Fio.abrir(grupo.enderecos[0]!);
  await normal.pedir(put(1, "grande", "x".repeat(900 * 1024)));
  const [hostname, porta] = grupo.enderecos[0]!.split(":");
  using gulosos = new DisposableStack();
  const antes = Deno.memoryUsage().rss;
  const pedidos = new TextEncoder().encode((JSON.stringify(get(1, "grande")) + "\n").repeat(8));
  for (let n = 0; n < 400; n++) {
    const conn = gulosos.use(await Deno.connect({ hostname: hostname!, port: Number(porta) }));
    await conn.write(pedidos);
    if (n % 20 === 0) assertEquals((await normal.pedir(get(n, "k"))).id, n);
  }
  const mais = Deno.memoryUsage().rss - antes;
  assert(mais < 1.2 * 2 ** 30, `${Math.round(mais / 2 ** 20)} MB a mais para quem não lê`);
});

Deno.test("Servidor: PUTs sem confirmação contam na memória mesmo depois do ERRO", async () => {
  await using grupo = await iniciarGrupo(1, { 0: { prazo: 200 }, 1: { atraso: 60_000 } });
  await using fio = await Fio.abrir(grupo.enderecos[0]!);
  const erros: Json[] = [];
  for (let n = 0; n < 100; n++) {
    erros.push(await fio.pedir(put(n, `k${n}`, "x".repeat(900 * 1024))));
    if (erros.at(-1).definitivo) break;
  }
  assertMatch(erros.at(-1).erro, /PUTs demais em curso/);
  assert(erros.slice(0, -1).every(({ definitivo }) => !definitivo));
});

Deno.test("Servidor: um JOIN que não dá em nada é respondido, a quem fechou a sua metade também, e não deixa conexões", async () => {
  const ouvinte = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using grupo = await iniciarGrupo(2, { 2: { lider: "127.0.0.1:1" } });
  await using fio = await Fio.abrir(grupo.enderecos[0]!);
  const join = { tipo: "JOIN", endereco: `127.0.0.1:${ouvinte.addr.port}`, token: "x" };
  await fio.enviar(...[1, 2, 3].map((id) => ({ ...join, id })));
  await fio.fecharEscrita();
  using discada = await ouvinte.accept();
  const respostas = await fio.fim();
  assertEquals(respostas.map(({ tipo, definitivo }) => [tipo, definitivo]), [
    ["ERRO", true],
    ["ERRO", true],
    ["ERRO", true],
  ]);
  const buffer = new Uint8Array(1024);
  while (await discada.read(buffer) !== null);
  ouvinte.close();
});

Deno.test("Servidor: um seguidor que se perde enquanto o líder espera o outro se apresenta de novo", async () => {
  const porta = portasLivres(1)[0]!;
  await using lider = await Servidor.iniciar({ porta: 0 });
  await using relaio = new Retransmissor(porta, sorteio(1));
  const anuncia = new Retransmissor(Number(lider.endereco.split(":")[1]), sorteio(1), [
    [`"endereco":"127.0.0.1:${porta}"`, `"endereco":"127.0.0.1:${relaio.porta}"`],
  ]);
  await using _anuncia = anuncia;
  await using _a = await Servidor.iniciar({ porta, lider: `127.0.0.1:${anuncia.porta}` });
  await ate(() => relaio.abertas > 0, "o líder discar para o seguidor");
  await new Promise((resolver) => setTimeout(resolver, 200));
  relaio.cortar();
  await using _b = await Servidor.iniciar({ porta: 0, lider: lider.endereco });
  await using fio = await Fio.abrir(lider.endereco);
  assertEquals((await fio.pedir(put(1, "k", "v"))).tipo, "PUT_OK");
});
