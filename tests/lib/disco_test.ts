import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { abrirDisco, type AvisosDoDisco, type Disco, type Linha } from "../../lib/disco.ts";
import { ate } from "../apoio.ts";
import { copiarNoAr } from "../apoio/copia.ts";

/** Uma pasta só do teste, que se apaga no fim. */
async function pastaDeTeste() {
  const pasta = await Deno.makeTempDir({ prefix: "kv-teste-" });
  return {
    pasta,
    arquivo: `${pasta}/tabela.sqlite`,
    [Symbol.asyncDispose]: () => Deno.remove(pasta, { recursive: true }),
  };
}

/** O disco aberto, até que o teste acabe, e o que ele avisou. */
async function abrir(pasta: string, avisos: Partial<AvisosDoDisco> = {}) {
  const gravados: number[] = [];
  const falhas: string[] = [];
  const disco = await abrirDisco(pasta, {
    aoGravar: (ate) => gravados.push(ate),
    aoFalhar: (motivo) => falhas.push(motivo),
    ...avisos,
  });
  return Object.assign(disco, { gravados, falhas, [Symbol.dispose]: () => disco.fechar() });
}

const linha = (timestamp: number, key = `k${timestamp}`, value = `v${timestamp}`): Linha => ({
  key,
  value,
  timestamp,
});

/** A tabela como outra conexão SQLite a vê agora. */
function verDeFora(arquivo: string): { key: unknown; timestamp: unknown; value: unknown }[] {
  using banco = new DatabaseSync(arquivo, { readOnly: true });
  const linhas = banco.prepare("SELECT key, timestamp, value FROM tabela ORDER BY timestamp").all();
  return linhas.map(({ key, timestamp, value }) => ({ key, timestamp, value }));
}

function lerTudo(disco: Disco, quantas = 100): Linha[] {
  const todas: Linha[] = [];
  for (let linhas; (linhas = disco.ler(quantas)).length > 0;) todas.push(...linhas);
  return todas;
}

Deno.test("abrirDisco().gravar() confirma só depois de a tabela o ter, vista de fora", async () => {
  await using lugar = await pastaDeTeste();
  const vistas: unknown[] = [];
  using disco = await abrir(lugar.pasta, {
    aoGravar: (ate) => vistas.push([ate, verDeFora(lugar.arquivo).map(({ key }) => key)]),
  });
  disco.gravar([linha(1)], 1);
  await ate(() => vistas.length === 1, "gravar a primeira");
  disco.gravar([linha(2)], 2);
  await ate(() => vistas.length === 2, "gravar a segunda");
  assertEquals(vistas, [[1, ["k1"]], [2, ["k1", "k2"]]]);
});

Deno.test("abrirDisco().gravar() grava numa transação, e confirma de uma vez, o que espera junto", async () => {
  await using lugar = await pastaDeTeste();
  using disco = await abrir(lugar.pasta);
  for (let n = 1; n <= 500; n++) disco.gravar([linha(n)], n);
  disco.gravar([], 0);
  assertEquals(disco.gravados, [], "confirmou antes de gravar");
  await ate(() => disco.gravados.length > 0, "gravar");
  assertEquals(disco.gravados, [500]);
  assertEquals(verDeFora(lugar.arquivo).length, 500);
});

Deno.test("abrirDisco(): outra conexão SQLite lê a tabela enquanto está aberta, e guarda a última de cada key", async () => {
  await using lugar = await pastaDeTeste();
  using disco = await abrir(lugar.pasta);
  disco.gravar([linha(1, "cor", "azul"), linha(2, "som", "alto")], 2);
  disco.gravar([linha(3, "cor", "verde")], 3);
  await ate(() => disco.gravados.length > 0, "gravar");
  assertEquals(verDeFora(lugar.arquivo), [
    { key: "som", timestamp: 2, value: "alto" },
    { key: "cor", timestamp: 3, value: "verde" },
  ]);
});

Deno.test("abrirDisco() de volta: as linhas em ordem de timestamp, às páginas, e a última nota", async () => {
  await using lugar = await pastaDeTeste();
  {
    using disco = await abrir(lugar.pasta);
    assertEquals([disco.nota, disco.ler(10)], ["", []]);
    // Por key, a ordem seria outra.
    disco.gravar([linha(1, "z"), linha(2, "m"), linha(3, "a"), linha(4, "z")], 4, "dois");
    disco.gravar([], 0, "mil");
    // Fechar grava o que está na fila.
  }
  {
    using disco = await abrir(lugar.pasta);
    disco.gravar([], 0, "mil e quinhentos");
  }
  using disco = await abrir(lugar.pasta);
  assertEquals(disco.nota, "mil e quinhentos");
  assertEquals(disco.ler(2), [linha(2, "m"), linha(3, "a")]);
  assertEquals(disco.ler(2), [linha(4, "z")]);
  assertEquals(disco.ler(2), []);
});

Deno.test("abrirDisco(): um texto com NUL, com BOM, vazio ou que parece um número volta igual", async () => {
  await using lugar = await pastaDeTeste();
  const textos = ["a\0b", "\0", "\ufeff", "\ufeffa\0b", "", "é 😀\n\x1b", "null", "1e3", "x'00'"];
  const linhas = textos.map((texto, n) => linha(n + 1, `key ${texto}`, texto));
  {
    using disco = await abrir(lugar.pasta);
    disco.gravar(linhas, linhas.length);
  }
  using disco = await abrir(lugar.pasta);
  assertEquals(lerTudo(disco, 2), linhas);
});

Deno.test("abrirDisco() recusa a pasta que outro tem, e a devolve quando ele a fecha", async () => {
  await using lugar = await pastaDeTeste();
  {
    using disco = await abrir(lugar.pasta);
    const erro = await assertRejects(() => abrir(lugar.pasta), Error);
    assertMatch(erro.message, /^Não é possível usar a pasta ".*": está em uso por outro servidor$/);
    // O recusado não estragou nada a quem a tem.
    disco.gravar([linha(1)], 1);
    await ate(() => disco.gravados.length > 0, "gravar");
  }
  using disco = await abrir(lugar.pasta);
  assertEquals(lerTudo(disco), [linha(1)]);
});

Deno.test("abrirDisco() recusa um arquivo alheio ou danificado, sem lhe tocar nem ficar com a pasta", async () => {
  await using lugar = await pastaDeTeste();
  const { pasta, arquivo } = lugar;
  {
    using disco = await abrir(pasta);
    disco.gravar(Array.from({ length: 200 }, (_, n) => linha(n, `k${n}`, "v".repeat(2_000))), 1);
  }
  const inteiro = await Deno.readFile(arquivo);
  const estragado = inteiro.slice().fill(0x5a, inteiro.length >> 1);
  await Deno.remove(arquivo);
  using alheio = new DatabaseSync(arquivo);
  alheio.exec("CREATE TABLE tabela (minha TEXT); INSERT INTO tabela VALUES ('coisa')");
  alheio.close();
  const casos: [string, Uint8Array, RegExp][] = [
    ["alheio", await Deno.readFile(arquivo), /tabela\.sqlite é um banco SQLite de outro programa$/],
    [
      "texto",
      new TextEncoder().encode("minhas anotações\n".repeat(1_000)),
      /está danificado: file/,
    ],
    ["estragado", estragado, /tabela\.sqlite está danificado/],
    ["cortado", inteiro.slice(0, 10_000), /tabela\.sqlite está danificado/],
  ];
  for (const [nome, bytes, motivo] of casos) {
    await Deno.writeFile(arquivo, bytes);
    const erro = await assertRejects(() => abrir(pasta), Error, "Não é possível usar a pasta");
    assertMatch(erro.message, motivo, nome);
    assert(erro.cause instanceof Error);
    assertEquals(await Deno.readFile(arquivo), bytes, `${nome} foi mudado`);
  }
  await Deno.writeFile(arquivo, inteiro);
  using disco = await abrir(pasta);
  assertEquals(lerTudo(disco).length, 200);
});

Deno.test("abrirDisco() diz por que uma pasta não pode ser uma", async () => {
  await using lugar = await pastaDeTeste();
  await Deno.writeTextFile(`${lugar.pasta}/arquivo`, "não sou uma pasta");
  const erro = await assertRejects(() => abrir(`${lugar.pasta}/arquivo`), Error);
  assertMatch(erro.message, /já existe, e não é uma pasta$/);
});

Deno.test("abrirDisco().gravar() que falha avisa uma razão, não confirma, e tenta de novo até poder", async () => {
  await using lugar = await pastaDeTeste();
  using disco = await abrir(lugar.pasta);
  using outro = new DatabaseSync(lugar.arquivo);
  outro.exec("BEGIN IMMEDIATE");
  disco.gravar([linha(1)], 1);
  await ate(() => disco.falhas.length > 0, "a gravação falhar");
  assertMatch(disco.falhas[0]!, /^não é possível gravar: outro programa tem .* trancado$/);
  assertEquals(disco.gravados, []);
  outro.exec("COMMIT");
  await ate(() => disco.gravados.length > 0, "gravar de novo");
  assertEquals([disco.gravados, disco.falhas.at(-1)], [[1], ""]);
  assertEquals(verDeFora(lugar.arquivo).map(({ key }) => key), ["k1"]);
});

Deno.test("abrirDisco().gravar() não torna a gravar o que já confirmou", async () => {
  await using lugar = await pastaDeTeste();
  using disco = await abrir(lugar.pasta);
  disco.gravar([linha(1)], 1);
  await ate(() => disco.gravados.length === 1, "gravar a primeira");
  using outro = new DatabaseSync(lugar.arquivo);
  outro.exec("DELETE FROM tabela");
  disco.gravar([linha(2)], 2);
  await ate(() => disco.gravados.length === 2, "gravar a segunda");
  assertEquals(verDeFora(lugar.arquivo).map(({ key }) => key), ["k2"]);
});

Deno.test("abrirDisco(): uma cópia posta na pasta diz que o é até se gravar uma nota; a tabela de sempre, não", async () => {
  await using lugar = await pastaDeTeste();
  const [copia, paginas] = ["copia", "paginas"].map((nome) => `${lugar.pasta}/${nome}.sqlite`);
  {
    using disco = await abrir(lugar.pasta);
    assert(!disco.copia, "uma pasta nova não é uma cópia");
    disco.gravar([linha(1)], 1, "nota");
    await ate(() => disco.gravados.length > 0, "gravar");
    await copiarNoAr(lugar.arquivo, copia!);
    await copiarNoAr(lugar.arquivo, paginas!, "paginas");
  }
  {
    using disco = await abrir(lugar.pasta);
    assert(!disco.copia, "a tabela de sempre não é uma cópia");
  }
  // Fechada em ordem, a tabela sozinha também é uma: não traz a tranca.
  for (const arquivo of [copia!, paginas!, lugar.arquivo]) {
    await using outro = await pastaDeTeste();
    await Deno.copyFile(arquivo, outro.arquivo);
    for (const nota of [undefined, "outra nota"]) {
      using disco = await abrir(outro.pasta);
      assertEquals([disco.copia, disco.nota], [true, "nota"]);
      // A das páginas não se distingue de um `cp` da tabela de um servidor no ar.
      const avisa = arquivo === paginas && nota === undefined;
      assertEquals(/não foi fechado em ordem/.test(disco.aviso), avisa, arquivo);
      disco.gravar([linha(2)], 2, nota);
    }
    using disco = await abrir(outro.pasta);
    assertEquals([disco.copia, disco.nota], [false, "outra nota"]);
  }
});

// O que já deu errado: o SQLite aplicava à cópia o -wal da tabela que ela substituía.
Deno.test("abrirDisco() recusa uma cópia posta ao lado de um -wal que não é dela, e nada muda", async () => {
  await using lugar = await pastaDeTeste();
  await using outro = await pastaDeTeste();
  const copia = `${lugar.pasta}/copia.sqlite`;
  {
    using disco = await abrir(lugar.pasta);
    disco.gravar([linha(1)], 1);
    await ate(() => disco.gravados.length === 1, "gravar a primeira");
    await copiarNoAr(lugar.arquivo, copia);
    disco.gravar([linha(2)], 2);
    await ate(() => disco.gravados.length === 2, "gravar a segunda");
    // Como um servidor morto a deixa; e, por cima da tabela, a cópia.
    await Deno.copyFile(`${lugar.arquivo}-wal`, `${outro.arquivo}-wal`);
    await Deno.copyFile(copia, outro.arquivo);
  }
  const antes = await Deno.readFile(outro.arquivo);
  const erro = await assertRejects(() => abrir(outro.pasta), Error);
  assertMatch(erro.message, /tabela\.sqlite é uma cópia, e tabela\.sqlite-wal é da tabela que/);
  assertEquals(await Deno.readFile(outro.arquivo), antes);
  await Deno.remove(`${outro.arquivo}-wal`);
  using disco = await abrir(outro.pasta);
  assertEquals(lerTudo(disco), [linha(1)]);
});
