import { assert, assertEquals, assertMatch } from "@std/assert";
import { argumentosDoServidor, ate, atendendo, Fio, portasLivres, Programa } from "./apoio.ts";
import { Servidor } from "../servidor.ts";
import { correr, resumir } from "./falhas.ts";
import { type Historia, lerHistoria, type Operacao, verificar } from "./verificador.ts";

// --- O verificador pega cada quebra ------------------------------------------
// Histórias escritas à mão: uma boa, e a mesma com uma regra quebrada por vez.

const put = (cliente: number, inicio: number, value: string, timestamp: number): Operacao => ({
  cliente,
  servidor: cliente,
  tipo: "PUT",
  key: "k",
  value,
  inicio,
  fim: inicio + 5,
  resposta: { tipo: "PUT_OK", timestamp },
});

const get = (
  cliente: number,
  servidor: number,
  inicio: number,
  value: string | null,
  timestamp: number,
): Operacao => ({
  cliente,
  servidor,
  tipo: "GET",
  key: "k",
  meuTimestamp: 0,
  inicio,
  fim: inicio + 5,
  resposta: { tipo: "GET_OK", value, timestamp },
});

const recusado: Operacao = {
  ...put(2, 30, "c", 0),
  resposta: { tipo: "ERRO", definitivo: true, erro: "longe" },
};

const tabelas = (...versoes: [string | null, number][]) =>
  versoes.map(([value, timestamp]) => new Map([["k", { value, timestamp }]]));

const BOA: Historia = {
  operacoes: [
    put(0, 10, "a", 1),
    get(1, 1, 20, "a", 1),
    recusado,
    put(1, 40, "b", 2),
    get(0, 2, 50, "b", 2),
  ],
  inicios: [[0], [0], [0]],
  emDisco: false,
  prazo: 1000,
  tabelas: tabelas(["b", 2], ["b", 2], ["b", 2]),
};

Deno.test("verificar() não acha quebra numa história que cumpre tudo", () => {
  assertEquals(verificar(BOA), []);
});

const QUEBRAS: [string, Partial<Historia>, RegExp][] = [
  ["confirmar cedo, antes de todos terem", {
    operacoes: [put(0, 10, "a", 1), get(1, 2, 20, null, 0), ...BOA.operacoes.slice(3)],
  }, /PUT_OK não estava em toda parte/],
  ["pular um servidor", { tabelas: tabelas(["b", 2], ["b", 2], ["a", 1]) }, /tabelas diferentes/],
  ["repetir um timestamp", {
    operacoes: [put(0, 10, "a", 1), put(1, 20, "b", 1)],
    tabelas: tabelas(["b", 1], ["b", 1], ["b", 1]),
  }, /timestamp 1 dado duas vezes/],
  ["responder um value antigo", {
    operacoes: [...BOA.operacoes, get(0, 1, 60, "a", 1)],
    inicios: [[0], [0, 45], [0]],
  }, /voltou no tempo: cliente 0, key k: ts 2, depois 1/],
  ["perder ao recomeçar", {
    tabelas: tabelas(["a", 1], ["a", 1], ["a", 1]),
  }, /PUT confirmado perdido: k=b ts 2/],
  ["um ERRO definitivo que aconteceu", {
    operacoes: [...BOA.operacoes, get(0, 0, 60, "c", 3)],
  }, /ERRO definitivo deixou rastro/],
  ["um PUT fora de ordem", {
    operacoes: [put(0, 10, "a", 2), put(1, 20, "b", 1)],
    tabelas: tabelas(["a", 2], ["a", 2], ["a", 2]),
  }, /PUT fora de ordem/],
  ["um pedido sem resposta", {
    operacoes: [...BOA.operacoes, { ...recusado, value: "d", resposta: { tipo: "sem resposta" } }],
  }, /pedido além do prazo/],
  ["um value inventado", {
    operacoes: [...BOA.operacoes, get(0, 0, 60, "x", 3)],
  }, /value que ninguém escreveu/],
  ["esquecer ao recomeçar do disco", {
    operacoes: [put(0, 10, "a", 1), get(1, 1, 60, null, 0)],
    inicios: [[0], [0, 50], [0]],
    emDisco: true,
    tabelas: tabelas(["a", 1], ["a", 1], ["a", 1]),
  }, /PUT_OK não estava em toda parte/],
];

for (const [quebra, mudanca, esperada] of QUEBRAS) {
  Deno.test(`verificar() pega: ${quebra}`, () => {
    assertMatch(verificar({ ...BOA, ...mudanca }).join("\n"), esperada);
  });
}

Deno.test("verificar() admite que um servidor só na memória, recém-voltado, ainda não tenha tudo", () => {
  const operacoes = [put(0, 10, "a", 1), get(1, 1, 60, null, 0)];
  const inicios = [[0], [0, 50], [0]];
  assertEquals(
    verificar({ ...BOA, operacoes, inicios, tabelas: tabelas(["a", 1], ["a", 1], ["a", 1]) }),
    [],
  );
});

// Histórias gravadas pela bancada com uma regra quebrada de propósito no servidor, e
// reduzidas ao que ainda mostra a quebra.
const GRAVADAS: [string, RegExp][] = [
  ["confirmar-cedo", /PUT_OK não estava em toda parte/],
  ["pular-um-servidor", /tabelas diferentes/],
  ["repetir-um-timestamp", /dado duas vezes/],
  ["responder-um-value-antigo", /voltou no tempo/],
  ["perder-ao-recomecar", /PUT confirmado perdido/],
];

for (const [nome, esperada] of GRAVADAS) {
  Deno.test(`verificar() pega, numa história gravada: ${nome}`, async () => {
    const texto = await Deno.readTextFile(new URL(`historias/${nome}.json`, import.meta.url));
    assertMatch(verificar(lerHistoria(texto)).join("\n"), esperada);
  });
}

// --- Corridas curtas ---------------------------------------------------------

for (const emDisco of [false, true]) {
  Deno.test(`três servidores sob falhas, ${emDisco ? "em disco" : "na memória"}: nenhuma quebra`, async () => {
    const plano = { semente: Math.floor(Math.random() * 2 ** 32), segundos: 12, emDisco };
    const relatorio = await correr(plano);
    const resumo = resumir(plano, relatorio);
    assertEquals(relatorio.quebras, [], resumo);
    const confirmados = relatorio.historia.operacoes.filter(({ resposta }) =>
      resposta.tipo === "PUT_OK"
    );
    assert(confirmados.length > 20, `a corrida quase nada fez: ${resumo}`);
  });
}

// --- Casos escolhidos --------------------------------------------------------

/** Três servidores de verdade, com `dados` ou sem, que se podem matar e recomeçar. */
async function iniciarTres(args: string[] = []) {
  const portas = portasLivres(3);
  const pasta = await Deno.makeTempDir({ prefix: "kv-teste-" });
  const programas: Programa[] = [];
  const iniciar = async (n: number) => {
    const dados = args.includes("--dados") ? [`--dados=${pasta}/${n}`] : [];
    const outras = [...args.filter((arg) => arg !== "--dados"), ...dados];
    programas[n] = new Programa("servidor", argumentosDoServidor(portas[n]!, portas[0]!, outras));
    await atendendo(`127.0.0.1:${portas[n]}`);
  };
  for (const n of [0, 1, 2]) await iniciar(n);
  return {
    programas,
    pasta,
    iniciar,
    abrir: (n: number) => Fio.abrir(`127.0.0.1:${portas[n]}`),
    async pedir(n: number, pedido: object) {
      await using fio = await Fio.abrir(`127.0.0.1:${portas[n]}`);
      return await fio.pedir({ id: 1, ...pedido });
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(programas.map((programa) => programa.matar()));
      await Deno.remove(pasta, { recursive: true });
    },
  };
}

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
  await using grupo = await iniciarTres(["--prazo=2000"]);
  await grupo.pedir(1, { tipo: "PUT", key: "k", value: "v" });
  await grupo.programas[2]!.matar();
  await ate(() => /os PUTs esperam/.test(grupo.programas[0]!.erros), "o líder notar");
  const value = "x".repeat(1000 * 1024);
  const respostas = await Promise.all([
    ...Array.from({ length: 8 }, (_, n) => grupo.pedir(1, { tipo: "PUT", key: `k${n}`, value })),
    grupo.pedir(1, { tipo: "PUT", key: "k", value: "pequeno" }),
  ]);
  assertEquals(respostas.map(({ definitivo }) => definitivo), respostas.map(() => true));
  assertEquals(grupo.programas[1]!.erros, "");
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
  await using grupo = await iniciarTres(["--prazo=500"]);
  await grupo.pedir(1, { tipo: "PUT", key: "k", value: "v" });
  await grupo.programas[0]!.matar();
  await grupo.iniciar(0);
  await grupo.pedir(1, { tipo: "PUT", key: "k", value: "v" });
  await grupo.programas[0]!.matar();
  await grupo.iniciar(0);
  const { timestamp } = await grupo.pedir(1, { tipo: "PUT", key: "k", value: "w" });
  assertEquals(timestamp, 2_000_000);
});

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

/** No Windows um processo não manda Ctrl-C a outro: qualquer sinal o mata. */
const SEM_SINAIS = Deno.build.os === "windows";

Deno.test("Ctrl-C: o servidor termina os PUTs em curso, recusa novos, e sai com 0", {
  ignore: SEM_SINAIS,
}, async () => {
  await using grupo = await iniciarTres(["--dados", "--atraso=700"]);
  assertEquals((await grupo.pedir(1, { tipo: "PUT", key: "k", value: "antes" })).tipo, "PUT_OK");
  await using fio = await grupo.abrir(0);
  await fio.enviar({ tipo: "PUT", id: 1, key: "k", value: "v" });
  await grupo.programas[0]!.linha(/^Cliente .* PUT key:k value:v$/);
  // `deno task` repassa o Ctrl-C que o terminal já mandou: dois sinais juntos são um só.
  grupo.programas[0]!.sinal("SIGTERM");
  grupo.programas[0]!.sinal("SIGINT");
  // O sinal e o pedido seguinte correm: o servidor já o recebeu quando deixa de aceitar conexões.
  await ate(
    () => grupo.abrir(0).then((outro) => outro[Symbol.asyncDispose](), () => true),
    "parar",
  );
  await fio.enviar({ tipo: "GET", id: 2, key: "k" }, { tipo: "PUT", id: 3, key: "k", value: "w" });
  const respostas = await fio.receberVarias(3);
  assertEquals(respostas.map(({ tipo, definitivo }) => [tipo, definitivo]), [
    ["PUT_OK", undefined],
    ["ERRO", true],
    ["ERRO", true],
  ]);
  assertEquals(await grupo.programas[0]!.codigo(), 0);
  for (const n of [1, 2]) {
    grupo.programas[n]!.sinal("SIGINT");
    assertEquals(await grupo.programas[n]!.codigo(), 0);
  }
});

Deno.test("Ctrl-C duas vezes: o servidor sai na hora", { ignore: SEM_SINAIS }, async () => {
  await using grupo = await iniciarTres(["--atraso=60000", "--prazo=60000"]);
  await using fio = await grupo.abrir(0);
  await fio.enviar({ tipo: "PUT", id: 1, key: "k", value: "v" });
  await grupo.programas[0]!.linha(/^Cliente .* PUT key:k value:v$/);
  grupo.programas[0]!.sinal("SIGINT");
  await ate(
    () => grupo.abrir(0).then((outro) => outro[Symbol.asyncDispose](), () => true),
    "parar",
  );
  await new Promise((resolver) => setTimeout(resolver, 200));
  grupo.programas[0]!.sinal("SIGINT");
  assertEquals(await grupo.programas[0]!.codigo(), 130);
});

// --- O que já deu errado, visto pelos fios -----------------------------------

/** Faz-se de líder de um servidor de verdade; devolve o fio por onde replicar. */
async function liderar(ouvinte: Deno.TcpListener): Promise<{ fio: Fio; join: Fio }> {
  const join = await Fio.aceitar(ouvinte);
  const { endereco, token } = await join.receber();
  const fio = await Fio.abrir(endereco);
  assertEquals((await fio.pedir({ tipo: "LEADER", id: 1, token })).tipo, "LEADER_OK");
  return { fio, join };
}

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

Deno.test("Ctrl-C no meio da replicação, com --dados: sai com 0 e sem dizer nada", {
  ignore: SEM_SINAIS,
}, async () => {
  const pasta = await Deno.makeTempDir({ prefix: "kv-teste-" });
  const ouvinte = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  try {
    for (let vez = 0; vez < 8; vez++) {
      const [porta] = portasLivres(1);
      const args = argumentosDoServidor(porta!, ouvinte.addr.port, [`--dados=${pasta}/${vez}`]);
      await using seguidor = new Programa("servidor", args);
      const { fio, join } = await liderar(ouvinte);
      await using _fio = fio;
      await using _join = join;
      let acabou = false;
      const replicar = (async () => {
        for (let n = 1; !acabou; n++) {
          await fio.enviar({ tipo: "REPLICATION", key: `k${n % 50}`, value: "v", timestamp: n })
            .catch(() => acabou = true);
        }
      })();
      await seguidor.linha(/^REPLICATION key:k\d+ value:v ts:200$/);
      seguidor.sinal("SIGINT");
      const codigo = await seguidor.codigo();
      acabou = true;
      await replicar;
      assertEquals([codigo, seguidor.erros], [0, ""]);
    }
  } finally {
    ouvinte.close();
    await Deno.remove(pasta, { recursive: true });
  }
});

Deno.test("Ctrl-C no líder: os PUTs que um seguidor continua a encaminhar não o seguram", {
  ignore: SEM_SINAIS,
}, async () => {
  await using grupo = await iniciarTres(["--atraso=100"]);
  await grupo.pedir(1, { tipo: "PUT", key: "k", value: "v" });
  let parar = false;
  const clientes = Array.from({ length: 60 }, async (_, n) => {
    await using fio = await grupo.abrir(1);
    for (let id = 0; !parar; id++) {
      const resposta = await fio.pedir({ tipo: "PUT", id, key: `k${n}`, value: "v" });
      if (resposta.tipo === "ERRO") await new Promise((resolver) => setTimeout(resolver, 20));
    }
  });
  await grupo.programas[0]!.linha(/^Cliente .* PUT key:k7 value:v$/);
  grupo.programas[0]!.sinal("SIGINT");
  try {
    await ate(() => grupo.programas[0]!.acabou, "o líder parar");
    assertEquals(await grupo.programas[0]!.codigo(), 0);
  } finally {
    parar = true;
    await Promise.all(clientes);
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
      assertMatch(servidor.erros, /^Aviso: .*disco está cheio.*\n$/);
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
