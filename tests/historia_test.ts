import { assert, assertEquals, assertMatch } from "@std/assert";
import { argumentosDoServidor, ate, atendendo, Fio, portasLivres, Programa } from "./apoio.ts";
import { gravado } from "./apoio/maquinas.ts";

/** Três servidores com dados, cada um com a sua pasta, que se matam e recomeçam um a um. */
async function tresComDados() {
  const pasta = await Deno.makeTempDir();
  const portas = portasLivres(3);
  const vivos: (Programa | undefined)[] = [];
  const dados = (n: number) => `${pasta}/${n}`;
  return {
    pasta,
    dados,
    programa: (n: number) => vivos[n]!,
    async comecar(n: number, ...opcoes: string[]) {
      const args = [`--dados=${dados(n)}`, "--silencioso", ...opcoes];
      vivos[n] = new Programa("servidor", argumentosDoServidor(portas[n]!, portas[0]!, args));
      await atendendo(`127.0.0.1:${portas[n]}`);
    },
    async matar(n: number) {
      await vivos[n]?.matar();
      vivos[n] = undefined;
    },
    abrir: (n: number) => Fio.abrir(`127.0.0.1:${portas[n]}`),
    async pedir(n: number, pedido: object) {
      await using fio = await Fio.abrir(`127.0.0.1:${portas[n]}`);
      return await fio.pedir({ id: 1, ...pedido });
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(vivos.map((programa) => programa?.matar()));
      await Deno.remove(pasta, { recursive: true });
    },
  };
}

/** Copia uma pasta de dados, que ninguém usa. */
function copiar(de: string, para: string) {
  Deno.mkdirSync(para, { recursive: true });
  for (const { name } of Deno.readDirSync(de)) {
    Deno.copyFileSync(`${de}/${name}`, `${para}/${name}`);
  }
}

const put = (key: string, value: string) => ({ tipo: "PUT", key, value });

/** O líder sozinho fica com k=fantasma (timestamp 3), e a cópia da pasta dele vai para `copia`. */
async function fazerUmFantasma(grupo: Awaited<ReturnType<typeof tresComDados>>, copia: string) {
  for (const n of [0, 1, 2]) await grupo.comecar(n);
  assertEquals((await grupo.pedir(0, put("k", "velho"))).timestamp, 1);
  assertEquals((await grupo.pedir(0, put("outra", "v"))).timestamp, 2);
  for (const n of [1, 2]) {
    await grupo.matar(n);
    await grupo.comecar(n, "--atraso=60000");
  }
  await ate(
    () => /não falta ninguém(.|\n)*não falta ninguém/.test(grupo.programa(0).erros),
    "voltarem",
  );
  await using fio = await grupo.abrir(0);
  await fio.enviar({ id: 1, ...put("k", "fantasma") });
  await using leitor = await grupo.abrir(0);
  const visto = async () => (await leitor.pedir({ tipo: "GET", id: 1, key: "k" })).value;
  await ate(async () => await visto() === "fantasma", "o líder mostrar o que só ele tem");
  await gravado(grupo.dados(0), "k", "fantasma");
  for (const n of [0, 1, 2]) await grupo.matar(n);
  copiar(grupo.dados(0), copia);
}

/** A pasta do líder perde-se: ele recomeça vazio, e o grupo segue com o que os outros tinham. */
async function seguirSemAPasta(grupo: Awaited<ReturnType<typeof tresComDados>>) {
  await Deno.remove(grupo.dados(0), { recursive: true });
  for (const n of [0, 1, 2]) await grupo.comecar(n);
  assertEquals((await grupo.pedir(1, put("depois", "d"))).tipo, "PUT_OK");
}

Deno.test("um servidor que volta de uma cópia com o que só o líder perdido tinha recebe a história do grupo", async () => {
  await using grupo = await tresComDados();
  const copia = `${grupo.pasta}/copia`;
  await fazerUmFantasma(grupo, copia);

  await seguirSemAPasta(grupo);
  assertEquals((await grupo.pedir(0, { tipo: "GET", key: "k" })).value, "velho");

  // E um seguidor começa, por engano, da cópia do líder antigo.
  await grupo.matar(2);
  await Deno.remove(grupo.dados(2), { recursive: true });
  copiar(copia, grupo.dados(2));
  await grupo.comecar(2);
  const { timestamp } = await grupo.pedir(0, put("fim", "f"));
  for (const [key, value] of [["k", "velho"], ["outra", "v"], ["depois", "d"], ["fim", "f"]]) {
    for (const n of [0, 1, 2]) {
      const lido = await grupo.pedir(n, { tipo: "GET", key });
      assertEquals(lido.value, value, `${key} no servidor ${n + 1}`);
    }
  }
  assert(timestamp > 1_000_000);
  assertMatch(
    grupo.programa(2).erros,
    /Aviso: os dados deste servidor são de outra história.*; 1 registros que só ele tinha ficaram em .*separados-/,
  );
  const [separados] = [...Deno.readDirSync(grupo.dados(2))].filter(({ name }) =>
    name.startsWith("separados-")
  );
  const linhas = Deno.readTextFileSync(`${grupo.dados(2)}/${separados!.name}`).trimEnd().split(
    "\n",
  );
  assertEquals(linhas.map((linha) => JSON.parse(linha)), [
    { key: "k", value: "fantasma", timestamp: 3 },
  ]);
  assertMatch(grupo.programa(0).erros, /tem dados de outra história: recebe os do grupo/);
});

Deno.test("um líder que volta de uma cópia antiga toma a história dos outros, e põe a sua à parte", async () => {
  await using grupo = await tresComDados();
  const copia = `${grupo.pasta}/copia`;
  await fazerUmFantasma(grupo, copia);
  await seguirSemAPasta(grupo);

  await grupo.matar(0);
  await Deno.remove(grupo.dados(0), { recursive: true });
  copiar(copia, grupo.dados(0));
  await grupo.comecar(0);
  assertEquals((await grupo.pedir(1, put("fim", "f"))).tipo, "PUT_OK");
  for (const n of [0, 1, 2]) {
    assertEquals((await grupo.pedir(n, { tipo: "GET", key: "k" })).value, "velho");
    assertEquals((await grupo.pedir(n, { tipo: "GET", key: "depois" })).value, "d");
  }
  assertMatch(grupo.programa(0).erros, /1 registros que só ele tinha ficaram em/);
});

Deno.test("pastas trocadas entre dois seguidores da mesma história não perdem nada", async () => {
  await using grupo = await tresComDados();
  for (const n of [0, 1, 2]) await grupo.comecar(n);
  for (let n = 0; n < 10; n++) await grupo.pedir(n % 3, put(`k${n}`, String(n)));
  for (const n of [1, 2]) await grupo.matar(n);
  Deno.renameSync(grupo.dados(1), `${grupo.pasta}/x`);
  Deno.renameSync(grupo.dados(2), grupo.dados(1));
  Deno.renameSync(`${grupo.pasta}/x`, grupo.dados(2));
  for (const n of [1, 2]) await grupo.comecar(n);
  assertEquals((await grupo.pedir(2, put("fim", "f"))).timestamp, 11);
  assert(!/outra história/.test([0, 1, 2].map((n) => grupo.programa(n).erros).join("")));
});

Deno.test("uma pasta a que falta alguma coisa é recusada ou dita", async () => {
  const pasta = await Deno.makeTempDir();
  const [porta] = portasLivres(1);
  const args = (nome: string) =>
    argumentosDoServidor(porta!, porta!, ["--replicas=0", `--dados=${pasta}/${nome}`]);
  {
    await using servidor = new Programa("servidor", args("boa"));
    await atendendo(`127.0.0.1:${porta}`);
    await using fio = await Fio.abrir(`127.0.0.1:${porta}`);
    assertEquals((await fio.pedir({ id: 1, ...put("k", "v") })).tipo, "PUT_OK");
    await servidor.matar();
  }
  const casos: [string, (nome: string) => void, RegExp][] = [
    ["zero", (p) => Deno.writeTextFileSync(`${p}/tabela.sqlite`, ""), /tem zero bytes/],
    ["sem tabela", (p) => Deno.removeSync(`${p}/tabela.sqlite`), /tabela.sqlite-wal e falta/],
    [
      "sem nada",
      (p) => ["", "-wal", "-shm"].forEach((f) => Deno.removeSync(`${p}/tabela.sqlite${f}`)),
      /já teve uma tabela/,
    ],
  ];
  for (const [nome, estragar, motivo] of casos) {
    copiar(`${pasta}/boa`, `${pasta}/${nome}`);
    estragar(`${pasta}/${nome}`);
    await using servidor = new Programa("servidor", args(nome));
    assertEquals(await servidor.codigo(), 1, nome);
    assertMatch(servidor.erros, motivo);
    assertEquals(servidor.erros.trimEnd().split("\n").length, 1);
  }
  copiar(`${pasta}/boa`, `${pasta}/sem wal`);
  Deno.removeSync(`${pasta}/sem wal/tabela.sqlite-wal`);
  await using servidor = new Programa("servidor", args("sem wal"));
  await atendendo(`127.0.0.1:${porta}`);
  const dito = () => /^Aviso: .*não tem um tabela.sqlite-wal ao lado/m.test(servidor.avisos);
  await ate(dito, "dizer que falta o -wal");
  await servidor.matar();
  await Deno.remove(pasta, { recursive: true });
});

Deno.test("a pasta apagada com o servidor no ar: os PUTs são recusados, e os GETs seguem", {
  ignore: Deno.build.os === "windows", // Lá não se apaga um arquivo aberto.
}, async () => {
  const pasta = await Deno.makeTempDir();
  const [porta] = portasLivres(1);
  const args = ["--replicas=0", `--dados=${pasta}/d`, "--prazo=500"];
  await using _servidor = new Programa("servidor", argumentosDoServidor(porta!, porta!, args));
  await atendendo(`127.0.0.1:${porta}`);
  await using fio = await Fio.abrir(`127.0.0.1:${porta}`);
  assertEquals((await fio.pedir({ id: 1, ...put("k", "v") })).tipo, "PUT_OK");
  for (const { name } of Deno.readDirSync(`${pasta}/d`)) {
    assertEquals(
      (Deno.statSync(`${pasta}/d/${name}`).mode ?? 0) & 0o077,
      0,
      `${name} não é só do dono`,
    );
  }
  assertEquals((Deno.statSync(`${pasta}/d`).mode ?? 0) & 0o077, 0);
  await Deno.remove(`${pasta}/d`, { recursive: true });
  assertEquals((await fio.pedir({ id: 2, ...put("k", "w") })).tipo, "ERRO");
  const depois = await fio.pedir({ id: 3, ...put("k", "x") });
  assertMatch(depois.erro, /foi apagado ou trocado por outro/);
  assert(depois.definitivo);
  assertEquals((await fio.pedir({ tipo: "GET", id: 4, key: "outra" })).value, null);
  await Deno.remove(pasta, { recursive: true });
});
