import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  aceitarPuts,
  argumentosDoServidor,
  ate,
  atendendo,
  Fio,
  iniciarGrupo,
  type Json,
  portasLivres,
  Programa,
} from "./apoio.ts";
import { get, iniciarSozinho, put } from "./apoio/protocolo.ts";
import { LINHA_BYTES_MAX } from "../mensagem.ts";
import { connect } from "node:net";

// --- Uma linha, um lote ------------------------------------------------------

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

// --- Quem não lê, e quem não acaba uma linha ---------------------------------

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

// --- Pedidos e conexões ------------------------------------------------------

Deno.test("Servidor: PUTs sem confirmação contam na memória mesmo depois do ERRO", async () => {
  await using grupo = await iniciarGrupo(1, { 0: { prazo: 50 }, 1: { atraso: 60_000 } });
  await aceitarPuts(grupo);
  await using fio = await Fio.abrir(grupo.enderecos[0]!);
  const erros: Json[] = [];
  for (let n = 0; n < 100; n++) {
    erros.push(await fio.pedir(put(n, `k${n}`, "x".repeat(900 * 1024))));
    if (erros.at(-1).definitivo) break;
  }
  assertMatch(erros.at(-1).erro, /PUTs demais em curso/);
  assert(erros.slice(0, -1).every(({ definitivo }) => !definitivo));
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

Deno.test("Servidor: trinta lotes enormes ao mesmo tempo, de quem lê tudo, são respondidos por inteiro", async () => {
  await using grupo = await iniciarGrupo(0, { 0: { imprimir: undefined } });
  const ITENS = 15_000;
  const lote = Array.from(
    { length: ITENS },
    (_, id) => get(id, `key ${id % 100} ${"x".repeat(20)}`),
  );
  const recebidos = await Promise.all(Array.from({ length: 30 }, async () => {
    await using fio = await Fio.abrir(grupo.enderecos[0]!);
    await fio.enviar(lote);
    return (await fio.receberVarias(ITENS)).length;
  }));
  assertEquals(recebidos, recebidos.map(() => ITENS));
});
