import { assert, assertEquals } from "@std/assert";
import {
  aceitarPuts,
  ate,
  Fio,
  iniciarGrupo,
  type Json,
  portasLivres,
  segurarAtraso,
} from "./apoio.ts";
import { get, put } from "./apoio/protocolo.ts";
import { sorteio } from "./falhas/acaso.ts";
import { Retransmissor } from "./falhas/retransmissor.ts";
import { Cliente } from "../cliente.ts";
import { confirmadoPorTodos, Servidor } from "../servidor.ts";

// --- Replicação, admissão, prazos --------------------------------------------

Deno.test("confirmadoPorTodos() é o menor dos confirmados, e zero enquanto falta alguém", () => {
  assertEquals(confirmadoPorTodos(2, []), 0);
  assertEquals(confirmadoPorTodos(2, [9]), 0);
  assertEquals(confirmadoPorTodos(2, [9, 7]), 7);
  assertEquals(confirmadoPorTodos(1, [3]), 3);
  assertEquals(confirmadoPorTodos(0, []), Infinity);
});

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
  const segurado = segurarAtraso();
  await using grupo = await iniciarGrupo(2, { 2: segurado.opcoes }, { 2: segurado.mundo });
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
  segurado.soltar();
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
  const segurado = segurarAtraso();
  const opcoes = { 0: { prazo: 200 }, 1: segurado.opcoes };
  await using grupo = await iniciarGrupo(1, opcoes, { 1: segurado.mundo });
  await aceitarPuts(grupo);
  await using fio = await Fio.abrir(grupo.enderecos[0]!);
  const resposta = await fio.pedir(put(1, "k", "v"));
  assertEquals([resposta.tipo, resposta.definitivo], ["ERRO", false]);
  segurado.soltar();
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

// --- Entrar no grupo ---------------------------------------------------------

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
  await ate(() => avisos.some((linha) => linha.includes("este servidor não é o líder")), "o aviso");
});

Deno.test("Servidor: quem já foi do grupo volta apesar de uma enxurrada de JOINs de estranhos", async () => {
  const avisos: string[] = [];
  const avisar = (linha: string) => avisos.push(linha);
  await using lider = await Servidor.iniciar({ porta: 0, replicas: 1, avisar });
  const seguidor = await Servidor.iniciar({ porta: 0, lider: lider.endereco });
  const porta = Number(seguidor.endereco.split(":")[1]);
  await using cliente = new Cliente([lider.endereco]);
  await cliente.put("k", "v");
  await seguidor.parar();
  // Antes de o líder dar por falta dele o grupo está completo, e ninguém é discado.
  await ate(() => avisos.some((linha) => linha.includes("os PUTs esperam")), "o líder notar");
  // Oito endereços que atendem e calam ocupam todos os lugares de quem está entrando.
  const mudos = Array.from({ length: 8 }, () => Deno.listen({ hostname: "127.0.0.1", port: 0 }));
  await using fio = await Fio.abrir(lider.endereco);
  await fio.enviar(...mudos.map(({ addr }, id) => ({
    tipo: "JOIN",
    id,
    endereco: `127.0.0.1:${addr.port}`,
    token: "t",
  })));
  const discados: Deno.TcpConn[] = [];
  const aceitar = (mudo: Deno.TcpListener) =>
    void mudo.accept().then((conn) => discados.push(conn), () => {});
  mudos.forEach(aceitar);
  await ate(() => discados.length === mudos.length, "o líder discar para os oito");
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
      aceitar(mudo);
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
