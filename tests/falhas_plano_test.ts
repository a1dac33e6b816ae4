import { assert, assertEquals } from "@std/assert";
import { sorteio } from "./falhas/acaso.ts";
import { type Falha, LONGE_MS_MAX, type Plano, resumir, sortearFalhas } from "./falhas/plano.ts";

/** As primeiras falhas de um plano. */
function falhas(plano: Partial<Plano>, quantas = 200, podePausar = true): Falha[] {
  const inteiro: Plano = { semente: 7, segundos: 60, emDisco: false, ...plano };
  return sortearFalhas(inteiro, sorteio(inteiro.semente), podePausar).take(quantas).toArray();
}

const tipos = (lista: readonly Falha[]) => [...new Set(lista.map(({ tipo }) => tipo))].sort();

Deno.test("sortearFalhas() dá as mesmas falhas com a mesma semente, e outras com outra", () => {
  assertEquals(falhas({ emDisco: true }), falhas({ emDisco: true }));
  assert(JSON.stringify(falhas({ semente: 1 })) !== JSON.stringify(falhas({ semente: 2 })));
});

Deno.test("sortearFalhas() tem todos os tipos do plano entre as primeiras, e só esses", () => {
  const sempre = ["calar e matar", "engolir", "matar", "rede"];
  assertEquals(tipos(falhas({}, 8)), [...sempre, "pausar"].sort());
  assertEquals(tipos(falhas({ emDisco: true }, 9)), [...sempre, "congelar", "pausar"].sort());
  assertEquals(
    tipos(falhas({ emDisco: true, pastas: true }, 12)),
    [...sempre, "congelar", "pausar", "trocar a pasta"].sort(),
  );
  // Sem disco não há pastas que trocar, ainda que pedidas.
  assertEquals(tipos(falhas({ pastas: true })), [...sempre, "pausar"].sort());
});

Deno.test("sortearFalhas() não pausa onde o sistema não o faz", () => {
  assert(!tipos(falhas({ emDisco: true, pastas: true }, 200, false)).includes("pausar"));
});

Deno.test("sortearFalhas() mata um por vez na memória, e até os três em disco", () => {
  const quantos = (emDisco: boolean) =>
    falhas({ emDisco }, 500).map((falha) => falha.tipo === "matar" ? falha.servidores.length : 1);
  assertEquals(Math.max(...quantos(false)), 1);
  assertEquals(Math.max(...quantos(true)), 3);
});

Deno.test("sortearFalhas() fica nos seus limites, e chega a todos os servidores", () => {
  const limites = {
    pausar: [50, LONGE_MS_MAX],
    engolir: [100, LONGE_MS_MAX],
    congelar: [200, 5_000],
  };
  const vistos = { pausar: new Set<number>(), congelar: new Set<number>() };
  for (const falha of falhas({ emDisco: true }, 2_000)) {
    if (falha.tipo === "pausar" || falha.tipo === "congelar") {
      vistos[falha.tipo].add(falha.servidor);
    } else if (falha.tipo !== "engolir") continue;
    const [minimo, maximo] = limites[falha.tipo];
    assert(falha.ms >= minimo! && falha.ms <= maximo!, JSON.stringify(falha));
  }
  assertEquals(vistos.pausar.size, 3);
  assertEquals(vistos.congelar.size, 3);
});

Deno.test("sortearFalhas() engole o mesmo sentido da rede nos dois retransmissores de um elo", () => {
  const engole = new Set<string>();
  for (const falha of falhas({}, 2_000)) {
    if (falha.tipo === "engolir") engole.add(`${falha.sentido}: ${falha.engole.join()}`);
  }
  // Do segundo seguidor, e os dois retransmissores: por um disca ele, pelo outro o líder.
  assert(engole.has("ao líder: ,,ida,volta"));
  assert(engole.has("do líder: ,,volta,ida"));
  assert(engole.has("os dois sentidos: ,,os dois,os dois"));
  assertEquals(engole.size, 18);
});

Deno.test("resumir() conta cada tipo de falha", () => {
  const historia = { operacoes: [], inicios: [], emDisco: true, prazo: 1, tabelas: [] };
  const resumo = resumir({ semente: 1, segundos: 2, emDisco: true, pastas: true }, {
    historia,
    falhas: new Map([["pausa líder", 2], ["engole ao líder", 1]]),
    quebras: [],
  });
  assert(resumo.startsWith("semente 1, 2 s, em disco, com pastas trocadas\n"), resumo);
  assert(resumo.endsWith("falhas: 1 engole ao líder, 2 pausa líder\nnenhuma quebra"), resumo);
});
