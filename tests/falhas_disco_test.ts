import { assert, assertEquals, assertMatch } from "@std/assert";
import { argumentosDoServidor, ate, atendendo, Fio, portasLivres, Programa } from "./apoio.ts";
import { liderar } from "./apoio/protocolo.ts";
import { iniciarTres } from "./apoio/tres.ts";
import { Servidor } from "../servidor.ts";

// --- O que volta do disco ----------------------------------------------------

Deno.test("com --dados, os três mortos de uma vez voltam com tudo, de qualquer caractere", async () => {
  await using grupo = await iniciarTres(["--dados"]);
  const valores = [
    "",
    "\ufeffa\0b",
    "\ufeff",
    "a\0b",
    "\0",
    "é 😀\n\x1b",
    "x".repeat(900 * 1024),
    "null",
    "1e3",
  ];
  for (const [n, value] of valores.entries()) {
    const resposta = await grupo.pedir(n % 3, { tipo: "PUT", key: `k\0${n}`, value });
    assertEquals(resposta.timestamp, n + 1);
  }
  await grupo.pedir(1, { tipo: "PUT", key: "k", value: "outra, sem NUL" });
  await Promise.all(grupo.programas.map((programa) => programa.matar()));
  for (const n of [2, 0, 1]) await grupo.iniciar(n);
  const { timestamp } = await grupo.pedir(1, { tipo: "PUT", key: "depois", value: "v" });
  assertEquals(timestamp, 1_000_000);
  for (const n of [0, 1, 2]) {
    for (const [m, value] of valores.entries()) {
      const lido = await grupo.pedir(n, { tipo: "GET", key: `k\0${m}` });
      assertEquals(lido.timestamp, m + 1);
      assert(lido.value === value, `servidor ${n}, value ${m} voltou diferente`);
    }
  }
});

Deno.test("com --dados, um só servidor que não perdeu a pasta devolve aos outros o que havia", async () => {
  await using grupo = await iniciarTres(["--dados"]);
  for (let n = 1; n <= 5; n++) await grupo.pedir(0, { tipo: "PUT", key: `k${n}`, value: `v${n}` });
  await Promise.all(grupo.programas.map((programa) => programa.matar()));
  for (const n of [0, 2]) await Deno.remove(`${grupo.pasta}/${n}`, { recursive: true });
  for (const n of [0, 1, 2]) await grupo.iniciar(n);
  await grupo.pedir(0, { tipo: "PUT", key: "k1", value: "novo" });
  for (const n of [0, 1, 2]) {
    assertEquals((await grupo.pedir(n, { tipo: "GET", key: "k1" })).value, "novo");
    assertEquals((await grupo.pedir(n, { tipo: "GET", key: "k5" })).value, "v5");
  }
});

Deno.test("com --dados, voltam todas as keys, por mais páginas que ocupem, e em ordem", async () => {
  const KEYS = 12_001;
  const pasta = await Deno.makeTempDir();
  const opcoes = { porta: 0, replicas: 0, dados: pasta };
  const pedir = async (pedidos: readonly object[]) => {
    await using servidor = await Servidor.iniciar(opcoes);
    await using fio = await Fio.abrir(servidor.endereco);
    await fio.enviar(pedidos);
    return await fio.receberVarias(pedidos.length);
  };
  const key = (n: number) => `key${n % KEYS}`;
  // O último terço é escrito de novo, do fim para o começo: a ordem das keys não é a dos timestamps.
  const puts = Array.from({ length: KEYS + 4000 }, (_, id) => {
    const n = id < KEYS ? id : KEYS - 1 - (id - KEYS);
    return { tipo: "PUT", id, key: key(n), value: `v${id}` };
  });
  const escritos = await pedir(puts);
  const lidos = await pedir(
    Array.from({ length: KEYS }, (_, id) => ({ tipo: "GET", id, key: key(id) })),
  );
  const esperados = new Map(puts.map(({ key, value, id }) => [
    key,
    { value, timestamp: escritos[id].timestamp },
  ]));
  for (const { key, value, timestamp } of lidos) {
    assertEquals({ value, timestamp }, esperados.get(key));
  }
  // O que falta a quem volta é o fim da tabela: tem de estar em ordem também depois de lida do disco.
  const tres = { tipo: "FETCH", timestamp: escritos.at(-1).timestamp - 3 };
  using lider = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using seguidor = await Servidor.iniciar({
    ...opcoes,
    lider: `127.0.0.1:${lider.addr.port}`,
  });
  await using elo = await Fio.aceitar(lider);
  const { token, endereco } = await elo.receber();
  await using fio = await Fio.abrir(endereco);
  await fio.pedir({ tipo: "LEADER", id: 1, token });
  await fio.enviar({ ...tres, id: 2 });
  const novos = [await fio.receber(), await fio.receber(), await fio.receber()];
  assertEquals(novos.map(({ timestamp }) => timestamp), escritos.slice(-3).map((e) => e.timestamp));
  assertEquals((await fio.receber()).tipo, "FETCH_OK");
  await seguidor.parar();
  await Deno.remove(pasta, { recursive: true });
});

Deno.test("com --dados, o SYNC_OK só sai depois de o que veio antes estar no disco", async () => {
  const pasta = await Deno.makeTempDir({ prefix: "kv-teste-" });
  const ouvinte = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  try {
    for (let vez = 0; vez < 5; vez++) {
      const [porta] = portasLivres(1);
      const args = argumentosDoServidor(porta!, ouvinte.addr.port, [`--dados=${pasta}/${vez}`]);
      await using _seguidor = new Programa("servidor", args);
      const { fio, join } = await liderar(ouvinte);
      await using _fio = fio;
      await using _join = join;
      const entradas = Array.from({ length: 40 }, (_, n) => ({
        tipo: "ENTRY",
        key: `k${n}`,
        value: "v",
        timestamp: n + 1,
      }));
      const sync = { tipo: "SYNC", id: 2, timestamp: 40, reserva: 1_000_000 };
      await fio.enviar([...entradas, sync].map((m) => JSON.stringify(m)).join("\n") + "\n");
      const recebidas = [];
      while (recebidas.at(-1)?.tipo !== "SYNC_OK") recebidas.push(await fio.receber());
      assertEquals(recebidas.at(-2), { tipo: "REPLICATION_OK", timestamp: 40 });
    }
  } finally {
    ouvinte.close();
    await Deno.remove(pasta, { recursive: true });
  }
});

// --- O arquivo e a pasta -----------------------------------------------------

Deno.test("--dados: o arquivo abre em qualquer ferramenta SQLite, com key, value e timestamp", async () => {
  const { DatabaseSync } = await import("node:sqlite");
  await using grupo = await iniciarTres(["--dados"]);
  await grupo.pedir(1, { tipo: "PUT", key: "cor", value: "azul" });
  await grupo.pedir(1, { tipo: "PUT", key: "cor", value: "verde" });
  await Promise.all(grupo.programas.map((programa) => programa.matar()));
  for (const n of [0, 1, 2]) {
    using banco = new DatabaseSync(`${grupo.pasta}/${n}/tabela.sqlite`);
    const linhas = banco.prepare("SELECT key, value, timestamp FROM tabela").all();
    assertEquals(linhas.map((linha) => ({ ...linha })), [
      { key: "cor", value: "verde", timestamp: 2 },
    ]);
  }
});

/** Começa um servidor só numa pasta que não serve; devolve a linha que ele disse. */
async function recusaDaPasta(pasta: string): Promise<string> {
  const [porta] = portasLivres(1);
  const args = argumentosDoServidor(porta!, porta!, ["--replicas=0", `--dados=${pasta}`]);
  await using programa = new Programa("servidor", args);
  assertEquals(await programa.codigo(), 1, programa.erros);
  assertEquals(programa.erros.split("\n").length, 2, programa.erros);
  return programa.erros.trimEnd();
}

Deno.test("--dados: pasta em uso, alheia, danificada ou impossível: uma linha, saída 1, nada mudado", async () => {
  const pasta = await Deno.makeTempDir({ prefix: "kv-teste-" });
  try {
    const [porta] = portasLivres(1);
    const args = argumentosDoServidor(porta!, porta!, ["--replicas=0", `--dados=${pasta}/boa`]);
    const servidor = new Programa("servidor", args);
    await atendendo(`127.0.0.1:${porta}`);
    {
      await using fio = await Fio.abrir(`127.0.0.1:${porta}`);
      for (let n = 0; n < 50; n++) {
        await fio.pedir({ tipo: "PUT", id: n, key: `k${n}`, value: "v".repeat(5000) });
      }
    }
    assertMatch(await recusaDaPasta(`${pasta}/boa`), /em uso por outro servidor$/);
    await servidor.matar();

    await Deno.mkdir(`${pasta}/texto`);
    await Deno.writeTextFile(`${pasta}/texto/tabela.sqlite`, "minhas anotações\n".repeat(1000));
    await Deno.mkdir(`${pasta}/alheia`);
    const { DatabaseSync } = await import("node:sqlite");
    const alheio = new DatabaseSync(`${pasta}/alheia/tabela.sqlite`);
    alheio.exec("CREATE TABLE tabela (minha TEXT); INSERT INTO tabela VALUES ('coisa')");
    alheio.close();
    await Deno.mkdir(`${pasta}/estragada`);
    const bytes = await Deno.readFile(`${pasta}/boa/tabela.sqlite`);
    const wal = await Deno.readFile(`${pasta}/boa/tabela.sqlite-wal`).catch(() => new Uint8Array());
    assert(bytes.length + wal.length > 50 * 5000);
    // O arquivo como ficaria se tudo o que estava no WAL se perdesse do meio para o fim.
    const inteiro = new DatabaseSync(`${pasta}/boa/tabela.sqlite`);
    inteiro.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    inteiro.close();
    const completo = await Deno.readFile(`${pasta}/boa/tabela.sqlite`);
    completo.fill(0x5a, completo.length >> 1);
    await Deno.writeFile(`${pasta}/estragada/tabela.sqlite`, completo);
    await Deno.writeTextFile(`${pasta}/arquivo`, "não sou uma pasta");

    const casos: [string, RegExp][] = [
      ["texto", /danificado: file is not a database$/],
      ["alheia", /é um banco SQLite de outro programa$/],
      ["estragada", /danificado/],
      ["arquivo", /Não é possível usar a pasta/],
    ];
    for (const [nome, esperada] of casos) {
      const arquivo = nome === "arquivo" ? `${pasta}/arquivo` : `${pasta}/${nome}/tabela.sqlite`;
      const antes = await Deno.readFile(arquivo);
      assertMatch(await recusaDaPasta(`${pasta}/${nome}`), esperada);
      assertEquals(await Deno.readFile(arquivo), antes, `${nome} foi mudado`);
    }
  } finally {
    await Deno.remove(pasta, { recursive: true });
  }
});

// --- Disco cheio -------------------------------------------------------------

/** Um disco de verdade que enche: só o Linux, como root, o faz sem mais nada. */
async function montar(pasta: string, opcoes: string): Promise<boolean> {
  const args = ["-t", "tmpfs", "-o", opcoes, "tmpfs", pasta];
  return await new Deno.Command("mount", { args, stderr: "null" }).output()
    .then(({ success }) => success, () => false);
}

async function desmontar(pasta: string): Promise<void> {
  await new Deno.Command("umount", { args: [pasta] }).output();
}

const pode = await (async () => {
  if (Deno.build.os !== "linux") return false;
  const pasta = await Deno.makeTempDir({ prefix: "kv-teste-" });
  const montou = await montar(pasta, "size=64k");
  if (montou) await desmontar(pasta);
  await Deno.remove(pasta);
  return montou;
})();

Deno.test(
  "--dados num disco cheio: PUTs recusados como definitivos, GETs seguem; com lugar, tudo volta",
  {
    ignore: !pode,
  },
  async () => {
    const pasta = await Deno.makeTempDir({ prefix: "kv-teste-" });
    await montar(pasta, "size=2m");
    try {
      const [porta] = portasLivres(1);
      const opcoes = ["--replicas=0", "--prazo=1000", `--dados=${pasta}/d`];
      const servidor = new Programa("servidor", argumentosDoServidor(porta!, porta!, opcoes));
      await using _servidor = servidor;
      await atendendo(`127.0.0.1:${porta}`);
      await using fio = await Fio.abrir(`127.0.0.1:${porta}`);
      const put = (n: number) =>
        fio.pedir({ tipo: "PUT", id: n, key: `k${n}`, value: "x".repeat(300 * 1024) });
      let n = 0;
      while ((await put(n)).tipo === "PUT_OK") n++;
      assert(n > 0, "nem o primeiro PUT coube");
      const recusado = await put(n + 1);
      assertEquals([recusado.tipo, recusado.definitivo], ["ERRO", true]);
      assertMatch(recusado.erro, /disco está cheio/);
      assertMatch(servidor.avisos, /\nAviso: .*disco está cheio.*\n$/);
      assertEquals((await fio.pedir({ tipo: "GET", id: 1, key: "k0" })).timestamp, 1);
      await montar(pasta, "remount,size=32m");
      await ate(async () => (await put(n + 2)).tipo === "PUT_OK", "o disco voltar a gravar");
      // O que já estava na tabela quando o disco encheu foi gravado; o recusado, não.
      assertEquals((await fio.pedir({ tipo: "GET", id: 1, key: `k${n}` })).timestamp, n + 1);
      assertEquals((await fio.pedir({ tipo: "GET", id: 1, key: `k${n + 1}` })).timestamp, 0);
      await fio[Symbol.asyncDispose]();
      servidor.sinal("SIGINT");
      await servidor.codigo();
    } finally {
      await desmontar(pasta);
      await Deno.remove(pasta, { recursive: true });
    }
  },
);
