import { assertEquals, assertMatch } from "@std/assert";
import { type Historia, lerHistoria, type Operacao, verificar } from "./falhas/verificador.ts";

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
  ["uma pausa que não explica a demora toda", {
    operacoes: [{ ...recusado, fim: recusado.inicio + 1600 }],
    tabelas: tabelas(),
    pausas: [[], [], [[0, 600]]],
  }, /pedido além do prazo: PUT k ao servidor 2, 1030 ms e 570 ms de pausa/],
  ["um pedido sem resposta, com outro servidor pausado", {
    operacoes: [{ ...recusado, resposta: { tipo: "sem resposta" } }],
    tabelas: tabelas(),
    pausas: [[[0, 1000]], [], []],
  }, /pedido além do prazo/],
  ["esquecer ao recomeçar com a pasta que deixou, depois de outra vez com uma trocada", {
    operacoes: [put(0, 40, "a", 1), get(1, 1, 60, null, 0)],
    inicios: [[0], [0, 30, 50], [0]],
    trocas: [[], [30], []],
    emDisco: true,
    tabelas: tabelas(["a", 1], ["a", 1], ["a", 1]),
  }, /PUT_OK não estava em toda parte/],
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

Deno.test("verificar() admite que um servidor de pasta trocada, recém-voltado, ainda não tenha tudo", () => {
  const historia: Historia = {
    ...BOA,
    operacoes: [put(0, 10, "a", 1), get(1, 1, 60, null, 0)],
    inicios: [[0], [0, 50], [0]],
    trocas: [[], [50], []],
    emDisco: true,
    tabelas: tabelas(["a", 1], ["a", 1], ["a", 1]),
  };
  assertEquals(verificar(historia), []);
});

Deno.test("verificar() não conta a um servidor o tempo em que esteve pausado", () => {
  const tarde = { ...recusado, inicio: 100, fim: 2000 };
  const semResposta = { ...tarde, resposta: { tipo: "sem resposta" } as const };
  const pausas: Historia["pausas"] = [[], [], [[50, 600], [700, 1500]]];
  const operacoes = [...BOA.operacoes, tarde, semResposta];
  assertEquals(verificar({ ...BOA, operacoes, pausas }), []);
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
    const texto = await Deno.readTextFile(
      new URL(`falhas/historias/${nome}.json`, import.meta.url),
    );
    assertMatch(verificar(lerHistoria(texto)).join("\n"), esperada);
  });
}
