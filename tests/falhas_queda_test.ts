import { assert, assertEquals } from "@std/assert";
import { argumentosDoServidor, ate, atendendo, Fio, portasLivres, Programa } from "./apoio.ts";
import { iniciarTres } from "./apoio/tres.ts";

Deno.test("um seguidor morto: os GETs seguem, os PUTs esperam; ele volta vazio e é posto em dia", async () => {
  await using grupo = await iniciarTres(["--prazo=1000"]);
  for (let n = 1; n <= 2000; n++) {
    const ultimo = n === 2000;
    if (ultimo || n <= 3) await grupo.pedir(n % 3, { tipo: "PUT", key: `k${n}`, value: `v${n}` });
  }
  await grupo.programas[2]!.matar();
  await ate(() => /os PUTs esperam/.test(grupo.programas[0]!.erros), "o líder notar");
  const recusado = await grupo.pedir(1, { tipo: "PUT", key: "k1", value: "recusado" });
  assertEquals([recusado.tipo, recusado.definitivo], ["ERRO", true]);
  for (const n of [0, 1]) {
    assertEquals((await grupo.pedir(n, { tipo: "GET", key: "k1" })).value, "v1");
  }
  await grupo.iniciar(2);
  assertEquals((await grupo.pedir(2, { tipo: "PUT", key: "novo", value: "v" })).tipo, "PUT_OK");
  for (const [key, timestamp] of [["k1", 1], ["k2", 2], ["k3", 3], ["k2000", 4]] as const) {
    const lido = await grupo.pedir(2, { tipo: "GET", key });
    assertEquals([lido.value, lido.timestamp], [key.replace("k", "v"), timestamp]);
  }
  // O que se leva a quem volta não é impresso: só o PUT novo.
  assert(!grupo.programas[2]!.saida.includes("REPLICATION key:k1 "), grupo.programas[2]!.saida);
});

Deno.test("PUTs enormes por um seguidor, com outro fora: todos recusados como definitivos, ninguém cai", async () => {
  await using grupo = await iniciarTres(["--prazo=5000"]);
  await grupo.pedir(1, { tipo: "PUT", key: "k", value: "v" });
  await grupo.programas[2]!.matar();
  await ate(() => /os PUTs esperam/.test(grupo.programas[0]!.erros), "o líder notar");
  const value = "x".repeat(1000 * 1024);
  const respostas = await Promise.all([
    ...Array.from({ length: 8 }, (_, n) => grupo.pedir(1, { tipo: "PUT", key: `k${n}`, value })),
    grupo.pedir(1, { tipo: "PUT", key: "k", value: "pequeno" }),
  ]);
  assertEquals(respostas.map(({ definitivo }) => definitivo), respostas.map(() => true));
  assert(!/ERRO|Aviso/.test(grupo.programas[1]!.erros), grupo.programas[1]!.erros);
});

Deno.test("o líder morto volta vazio, toma dos outros o que há, e não repete timestamps", async () => {
  await using grupo = await iniciarTres();
  for (let n = 1; n <= 3; n++) {
    await grupo.pedir(n % 3, { tipo: "PUT", key: `k${n}`, value: `v${n}` });
  }
  for (let vez = 1; vez <= 3; vez++) {
    await grupo.programas[0]!.matar();
    assertEquals((await grupo.pedir(1, { tipo: "GET", key: "k1", timestamp: 1 })).value, "v1");
    await grupo.iniciar(0);
    const { tipo, timestamp } = await grupo.pedir(2, { tipo: "PUT", key: "x", value: `${vez}` });
    assertEquals([tipo, timestamp], ["PUT_OK", vez * 1_000_000]);
    assertEquals((await grupo.pedir(0, { tipo: "GET", key: "k3", timestamp: 3 })).value, "v3");
  }
});

Deno.test("o líder que morre sem um PUT sequer não reusa o timestamp que alguém pode ter visto", async () => {
  await using grupo = await iniciarTres(["--prazo=10000"]);
  await grupo.pedir(1, { tipo: "PUT", key: "k", value: "v" });
  await grupo.programas[0]!.matar();
  await grupo.iniciar(0);
  await grupo.pedir(1, { tipo: "PUT", key: "k", value: "v" });
  await grupo.programas[0]!.matar();
  await grupo.iniciar(0);
  const { timestamp } = await grupo.pedir(1, { tipo: "PUT", key: "k", value: "w" });
  assertEquals(timestamp, 2_000_000);
});

Deno.test("quem volta sabe da reserva antes do primeiro registro", async () => {
  const [porta] = portasLivres(1);
  await using lider = new Programa(
    "servidor",
    argumentosDoServidor(porta!, porta!, ["--replicas=1"]),
  );
  await atendendo(`127.0.0.1:${porta}`);
  {
    const [outra] = portasLivres(1);
    await using _outro = new Programa("servidor", argumentosDoServidor(outra!, porta!));
    await using fio = await Fio.abrir(`127.0.0.1:${porta}`);
    assertEquals((await fio.pedir({ tipo: "PUT", id: 1, key: "k", value: "v" })).timestamp, 1);
  }
  await ate(() => /os PUTs esperam/.test(lider.erros), "o líder notar");
  const ouvinte = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using join = await Fio.abrir(`127.0.0.1:${porta}`);
  const endereco = `127.0.0.1:${ouvinte.addr.port}`;
  await join.enviar({ tipo: "JOIN", id: 1, endereco, token: "t" });
  await using fio = await Fio.aceitar(ouvinte);
  ouvinte.close();
  const { id } = await fio.receber();
  await fio.enviar({ tipo: "LEADER_OK", id, timestamp: 0, reserva: 0 });
  const primeira = await fio.receber();
  assertEquals([primeira.tipo, primeira.reserva], ["SYNC", 1_000_000]);
});
