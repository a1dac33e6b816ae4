/**
 * Mudar de líder, e o que acontece com os --lider trocados, como docs/operar.md diz.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { ate } from "./apoio.ts";
import {
  abrirMaquinas,
  conferir,
  deixarSoNoLider,
  type Maquinas,
  perderOLider,
} from "./apoio/maquinas.ts";

const put = (key: string, value: string) => ({ tipo: "PUT", key, value });
const get = (key: string) => ({ tipo: "GET", key });
const comDados = (grupo: Maquinas, n: number) => `--dados=${grupo.dados(n)}`;

/** O líder, 0, fica com um PUT por confirmar, e todos param; 1 e 2 confirmam outro sem ele. */
async function seguirSemOLider(grupo: Maquinas) {
  await deixarSoNoLider(grupo);
  await grupo.comecar(1, 1, comDados(grupo, 1), "--replicas=1");
  await grupo.comecar(2, 1, comDados(grupo, 2));
  await grupo.pronta(1);
  assertEquals((await grupo.pedir(2, put("nova", "confirmada"))).tipo, "PUT_OK");
  await grupo.matar(1, 2);
}

Deno.test("voltar ao líder antigo: começados os três com ele, toma dos outros o que se confirmou entretanto", async () => {
  await using grupo = await abrirMaquinas(3);
  await seguirSemOLider(grupo);
  await Promise.all([0, 1, 2].map((n) => grupo.comecar(n, 0, comDados(grupo, n))));
  await grupo.pronta(0);
  for (const n of [0, 1, 2]) {
    assertEquals((await grupo.pedir(n, get("nova"))).value, "confirmada", `servidor ${n}`);
    assertEquals((await grupo.pedir(n, get("k"))).value, "de todos", `servidor ${n}`);
  }
  assertMatch(
    grupo.servidor(0).avisos,
    /de outra história.*1 registros que só ele tinha ficaram em .*separados-/,
  );
});

// O que já deu errado: ele levava-lhes a sua tabela, e o que se confirmara com o outro saía do grupo.
Deno.test("um líder antigo que nunca parou não leva a sua tabela a quem já seguiu outro; recomeçado, toma a deles", async () => {
  await using grupo = await abrirMaquinas(3);
  await Promise.all([0, 1, 2].map((n) => grupo.comecar(n, 0, comDados(grupo, n))));
  await grupo.pronta(0);
  assertEquals((await grupo.pedir(1, put("k", "com o antigo"))).tipo, "PUT_OK");
  await grupo.matar(1, 2);
  await grupo.comecar(1, 1, comDados(grupo, 1), "--replicas=1");
  await grupo.comecar(2, 1, comDados(grupo, 2));
  await grupo.pronta(1);
  assertEquals((await grupo.pedir(2, put("k", "com o novo"))).tipo, "PUT_OK");
  await grupo.matar(1, 2);

  // Devolvem-se os dois ao antigo, sem o recomeçar.
  for (const n of [1, 2]) await grupo.comecar(n, 0, comDados(grupo, n), "--prazo=500");
  for (const n of [1, 2]) {
    await ate(
      () => /já seguiu outro líder.*: recomece o líder/.test(grupo.servidor(n).avisos),
      `o servidor ${n} dizer porque não entra`,
    );
    const { tipo, definitivo } = await grupo.pedir(n, put("k", "não"));
    assertEquals([tipo, definitivo], ["ERRO", true]);
    assertEquals((await grupo.pedir(n, get("k"))).value, "com o novo");
  }
  assertEquals(grupo.servidor(0).avisos.match(/Aviso: .* já seguiu outro/g)?.length, 1);

  await grupo.matar(0);
  await grupo.comecar(0, 0, comDados(grupo, 0));
  await grupo.pronta(0);
  for (const n of [0, 1, 2]) assertEquals((await grupo.pedir(n, get("k"))).value, "com o novo");
  assertEquals((await grupo.pedir(1, put("k", "fim"))).tipo, "PUT_OK");
  assert(!/outra história/.test([0, 1, 2].map((n) => grupo.servidor(n).avisos).join("")));
});

Deno.test("com --lider trocados ninguém aceita PUTs, cada um diz porquê, e nada se perde", async () => {
  await using grupo = await abrirMaquinas(3);
  await Promise.all([0, 1, 2].map((n) => grupo.comecar(n, 0, comDados(grupo, n))));
  await grupo.pronta(0);
  assertEquals((await grupo.pedir(1, put("k", "v"))).tipo, "PUT_OK");
  await grupo.matar(0, 1, 2);
  // Um segue o outro, e um terceiro ficou com o comando de antes.
  for (const [n, lider] of [[0, 1], [1, 0], [2, 0]] as const) {
    await grupo.comecar(n, lider, comDados(grupo, n), "--prazo=500");
  }
  for (const n of [0, 1, 2]) {
    const { tipo, definitivo } = await grupo.pedir(n, put("k", "não"));
    assertEquals([tipo, definitivo], ["ERRO", true]);
    assertEquals((await grupo.pedir(n, get("k"))).value, "v");
    const dito = () => grupo.servidor(n).avisos.includes("este servidor não é o líder");
    await ate(dito, `o servidor ${n} dizer o que há de errado`);
  }
  await grupo.matar(0, 1, 2);
  await Promise.all([0, 1, 2].map((n) => grupo.comecar(n, 1, comDados(grupo, n))));
  await grupo.pronta(1);
  assertEquals((await grupo.pedir(0, get("k"))).value, "v");
  assertEquals((await grupo.pedir(0, put("k", "agora"))).tipo, "PUT_OK");
  assert(!/outra história/.test([0, 1, 2].map((n) => grupo.servidor(n).avisos).join("")));
});

Deno.test("só com memória: de um líder vazio no mesmo endereço, passa-se um a um a --dados, e então a outro líder", async () => {
  await using grupo = await abrirMaquinas(3);
  const cliente = await perderOLider(grupo);
  // O líder vazio, no endereço do antigo, e cada um dos outros à espera do anterior.
  for (const n of [0, 1, 2]) {
    if (n > 0) await grupo.matar(n);
    await grupo.comecar(n, 0, comDados(grupo, n));
    await grupo.pronta(n);
  }
  // Daqui em diante é como se sempre tivesse sido em disco.
  await grupo.matar(0, 1, 2);
  await grupo.comecar(1, 1, comDados(grupo, 1), "--replicas=1");
  await grupo.comecar(2, 1, comDados(grupo, 2));
  await grupo.pronta(1);
  const { timestamp } = await grupo.pedir(2, put("fim", "f"));
  assert(timestamp > Math.max(...cliente.timestamps));
  assert(cliente.confirmados.size > 0);
  for (const n of [1, 2]) await conferir(grupo, n, cliente.confirmados);
});
