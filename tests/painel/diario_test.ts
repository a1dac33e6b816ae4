/**
 * O diário do painel: o que guarda, e o que conta de uma rajada.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { Diario, FOTO_VAZIA, GUARDADOS, type SemNumero } from "../../exemplos/painel/diario.ts";
import type { Acontecimento } from "../../exemplos/painel/tipos.ts";

function abrir(): Diario {
  return new Diario(() => 0, () => FOTO_VAZIA);
}

/** Tudo o que um diário tem guardado. */
function guardados(diario: Diario): { acontecimentos: Acontecimento[]; fotos: number } {
  const acontecimentos: Acontecimento[] = [];
  let fotos = 0;
  diario.ouvir(({ texto, quantos }) => {
    const dados = JSON.parse(/^data: (.*)$/m.exec(texto)![1]!);
    if (quantos === 0) fotos++;
    else acontecimentos.push(...dados);
  })();
  return { acontecimentos, fotos };
}

const saiu = (id: number): SemNumero => ({
  quando: 0,
  tipo: "saiu",
  id,
  de: "x",
  para: "s1",
  mensagem: { tipo: "GET" },
  chega: 0,
});

Deno.test("Diario conta as mensagens que não cabem numa fatia, e não diz que chegaram", () => {
  using diario = abrir();
  for (let id = 1; id <= 5_000; id++) diario.anotar(saiu(id));
  for (let id = 1; id <= 5_000; id++) diario.anotar({ quando: 0, tipo: "chegou", id });
  const { acontecimentos } = guardados(diario);
  const quantos = (tipo: string) => acontecimentos.filter((um) => um.tipo === tipo).length;
  const mais = acontecimentos.find((um) => um.tipo === "mais");
  assertEquals([quantos("saiu"), quantos("chegou"), mais?.quantas], [60, 60, 4_940]);
});

Deno.test("Diario conta as linhas de console que não cabem numa fatia", () => {
  using diario = abrir();
  for (let n = 0; n < 100; n++) {
    diario.anotar({ quando: 0, tipo: "linha", quem: "s2", texto: `linha ${n}`, erro: false });
  }
  const { acontecimentos } = guardados(diario);
  assertEquals(acontecimentos.length, 41);
  const linhas = acontecimentos.flatMap((um) => um.tipo === "linha" ? [um.texto] : []);
  assertEquals(linhas.at(-1), "… e mais 60 linhas");
});

Deno.test("Diario guarda os últimos acontecimentos, com números que só crescem", () => {
  using diario = abrir();
  for (let id = 1; id <= 3_000; id++) {
    diario.anotar(saiu(id));
    if (id % 50 === 0) diario.escrever();
  }
  const { acontecimentos, fotos } = guardados(diario);
  assertEquals(acontecimentos.length, GUARDADOS.acontecimentos);
  // E a foto de antes deles.
  assertEquals(fotos, GUARDADOS.acontecimentos / 50 + 1);
  assert(acontecimentos.every(({ n }, i) => i === 0 || n > acontecimentos[i - 1]!.n));
});

Deno.test("Diario fecha, e ninguém mais ouve", () => {
  const diario = abrir();
  let ouvidos = 0;
  diario.ouvir(() => ouvidos++);
  diario.anotar(saiu(1));
  diario[Symbol.dispose]();
  diario.escrever();
  assertEquals(ouvidos, 0);
});
