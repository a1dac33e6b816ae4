import { DatabaseSync } from "node:sqlite";
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { fazerValue, medir, type Operador } from "../../bench/carga.ts";
import { ligarAoEsqueleto } from "../../bench/esqueleto.ts";
import { desenhar, escreverCsv, lerCsv, type LinhaDoCsv } from "../../bench/grafico.ts";
import { ate, MAPA, portasLivres, RAIZ } from "../apoio.ts";

/** Uma medida qualquer, com o que a distingue. */
function linha(outros: Partial<LinhaDoCsv>): LinhaDoCsv {
  return {
    ...{ sistema: "este", modo: "memória", operacao: "PUT", conexoes: "poucas", c: 16, bytes: 100 },
    ...{ porSegundo: 1000, p50: 1, p99: 2, p999: 3.1234, cpuDosNos: 4, cpuDeQuemPede: 5 },
    ...{ memoria: 60 },
    ...outros,
  };
}

const UM_TAMANHO = [1, 16].flatMap((c) =>
  (["PUT", "GET"] as const).map((operacao) => linha({ c, operacao }))
);
const TRES_TAMANHOS = [
  ...UM_TAMANHO,
  ...[10_000, 100_000].flatMap((bytes) =>
    (["PUT", "GET"] as const).map((operacao) => linha({ bytes, operacao, porSegundo: 77 }))
  ),
];

Deno.test("fazerValue() dá os bytes que se pedem, sempre os mesmos, de texto que não se repete", () => {
  for (const bytes of [1, 7, 100, 10_000, 100_000]) {
    const value = fazerValue(bytes);
    assertEquals(new TextEncoder().encode(value).length, bytes);
    assertEquals(value, fazerValue(bytes));
    // Em JSON não cresce: só as aspas.
    assertEquals(JSON.stringify(value).length, bytes + 2);
  }
  const pedacos = fazerValue(10_000).match(/.{100}/g)!;
  assertEquals(new Set(pedacos).size, 100);
  assertNotEquals(pedacos[0], pedacos[1]);
});

Deno.test("medir() lança o erro de um pedido, e nenhum operário recomeça", async () => {
  let pedidos = 0;
  const operador: Operador = {
    put: async () => {
      await new Promise((resolver) => setTimeout(resolver, 1));
      if (++pedidos === 3) throw new RangeError("grande demais");
    },
    get: () => Promise.resolve(),
  };
  const operarios = [operador, operador];
  const erro = await medir(operarios, (um) => um.put("k", "v"), { processos: [] }, {
    ms: 10_000,
    aquecer: 10_000,
  }).catch((erro) => erro);
  assertEquals(`${erro}`, "RangeError: grande demais");
  await new Promise((resolver) => setTimeout(resolver, 20));
  assert(pedidos <= 4, `${pedidos} pedidos`);
});

Deno.test("lerCsv() lê o que escreverCsv() escreveu, e recusa outro cabeçalho ou um número em falta", () => {
  const texto = escreverCsv(TRES_TAMANHOS);
  assertEquals(lerCsv(texto), TRES_TAMANHOS.map((l) => ({ ...l, p999: 3.123 })));
  assertThrows(() => lerCsv(texto.replace("value_bytes", "bytes")), Error, "cabeçalho inesperado");
  assertThrows(() => lerCsv(texto.replace(",100,", ",,")), Error, "linha inválida");
});

Deno.test("desenhar() tem a fila dos tamanhos só se há mais do que um, e os values maiores só nela", async () => {
  const sem = await desenhar(UM_TAMANHO);
  assert(!sem.includes("por tamanho do value"));
  const com = await desenhar(TRES_TAMANHOS);
  assertEquals(com.match(/>[^<]*por tamanho do value</g)?.length, 2);
  assertEquals(com.match(/>este: 77</g)?.length, 2);
  assertEquals(com.match(/>este: 1 mil</g)?.length, 2);
});

Deno.test("o esqueleto faz o que se mede: um PUT por qualquer um está nos três, e em disco, nos três discos", async () => {
  const pasta = await Deno.makeTempDir({ prefix: "kv-esqueleto-" });
  const portas = portasLivres(3);
  const args = ["run", "-q", "-A", ...MAPA, new URL("bench/esqueleto.ts", RAIZ).href];
  const processos = portas.map((porta, n) =>
    new Deno.Command(Deno.execPath(), {
      args: [...args, `${porta}`, portas.join(), "falador", `${pasta}/${n}`],
      stdout: "piped",
    }).spawn()
  );
  const saidas = portas.map(() => "");
  const lidas = processos.map(async ({ stdout }, n) => {
    for await (const texto of stdout.pipeThrough(new TextDecoderStream())) saidas[n] += texto;
  });
  try {
    const operadores = await Promise.all(portas.map((porta) => ligarAoEsqueleto([porta])));
    for (const [n, operador] of operadores.entries()) {
      await operador.put("cor", `azul ${n}`);
      for (const outro of operadores) {
        const { value } = await outro.get("cor") as { value: string };
        assertEquals(value, `azul ${n}`);
      }
    }
    await ate(() => saidas.every((saida) => saida.includes("azul 2")), "as linhas do último PUT");
    for (const operador of operadores) operador[Symbol.dispose]();
  } finally {
    for (const processo of processos) processo.kill("SIGKILL");
    await Promise.all([...lidas, ...processos.map(({ status }) => status)]);
  }
  for (const n of [0, 1, 2]) {
    using banco = new DatabaseSync(`${pasta}/${n}/esqueleto.db`);
    assertEquals(banco.prepare("SELECT value FROM t WHERE key = 'cor'").get()?.value, "azul 2");
    const replicadas = saidas[n]!.match(/REPLICATION key:cor/g) ?? [];
    assertEquals(replicadas.length, n === 0 ? 0 : 3);
  }
  await Deno.remove(pasta, { recursive: true });
});
