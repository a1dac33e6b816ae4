/**
 * Os elos do painel: o atraso, a ordem, o passo, o corte, e o que nunca espera.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Elos } from "../../exemplos/painel/elos.ts";
import type { Noticia } from "../../exemplos/painel/noticias.ts";
import { ate, Fio } from "../apoio.ts";

/** Um elo de "x" para "s1", os dois lados dele, e o que se conta. */
interface Bancada extends AsyncDisposable {
  readonly elos: Elos;
  readonly noticias: Noticia[];
  readonly origem: Fio;
  readonly destino: Fio;
  readonly porta: number;
  /** Quando saiu e quando chegou (ou se perdeu) uma mensagem. */
  horas(id: number): { saiu: number; acabou: number | undefined; chega: number | undefined };
}

async function montar(): Promise<Bancada> {
  const noticias: Noticia[] = [];
  let id = 0;
  const elos = new Elos(
    () => performance.now(),
    () => ++id,
    (noticia) => noticias.push(noticia),
  );
  const ouvinte = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const porta = elos.abrir("x", "s1", ouvinte.addr.port);
  elos.atende("s1", "todos");
  const origem = await Fio.abrir(`127.0.0.1:${porta}`);
  const destino = await Fio.aceitar(ouvinte);
  return {
    elos,
    noticias,
    origem,
    destino,
    porta,
    horas(qual) {
      const saiu = noticias.find((uma) => uma.tipo === "saiu" && uma.id === qual);
      if (saiu?.tipo !== "saiu") throw new Error(`a mensagem ${qual} não saiu`);
      const acabou = noticias.find((uma) =>
        (uma.tipo === "chegou" || uma.tipo === "perdeu-se") && uma.id === qual
      );
      return { saiu: saiu.quando, acabou: acabou?.quando, chega: saiu.chega };
    },
    async [Symbol.asyncDispose]() {
      ouvinte.close();
      await elos[Symbol.asyncDispose]();
      await origem[Symbol.asyncDispose]();
      await destino[Symbol.asyncDispose]();
    },
  };
}

const get = (id: number) => ({ tipo: "GET", id, key: "k", timestamp: 0 });

Deno.test("Elos atrasa cada sentido, e diz ao sair a hora a que a mensagem chega", async () => {
  await using bancada = await montar();
  const { elos, origem, destino, horas } = bancada;
  elos.atrasar("x", "s1", "ida", 150);
  await origem.enviar(get(1));
  await destino.enviar({ tipo: "GET_OK", id: 9 });
  assertEquals((await origem.receber()).id, 9);
  assertEquals((await destino.receber()).id, 1);
  await ate(() => horas(1).acabou !== undefined, "chegar");
  const { saiu, acabou, chega } = horas(1);
  assertEquals(chega, saiu + 150);
  assert(acabou! >= chega!, `chegou ${acabou} antes de ${chega}`);
});

Deno.test("Elos guarda a ordem quando o atraso diminui, e parte um lote em mensagens", async () => {
  await using bancada = await montar();
  const { elos, origem, destino, noticias } = bancada;
  elos.tudo = 100;
  await origem.enviar([get(1), get(2)]);
  await ate(() => noticias.length === 2, "saírem as duas");
  elos.tudo = 0;
  elos.atrasos.set("s1", 0);
  await origem.enviar(get(3));
  const ids = [await destino.receber(), await destino.receber(), await destino.receber()];
  assertEquals(ids.map(({ id }) => id), [1, 2, 3]);
});

Deno.test("Elos em passo segura cada mensagem até se pedir a próxima, e não os pulsos", async () => {
  await using bancada = await montar();
  const { elos, origem, destino, horas } = bancada;
  elos.passo = true;
  await origem.enviar(get(1), get(2), { tipo: "PULSE" });
  await origem.enviar({ tipo: "JOIN", id: 3 });
  assertEquals((await destino.receber()).tipo, "PULSE");
  await ate(() => elos.esperam === 2, "esperarem duas");
  assertThrows(() => elos.proxima(2), Error, "tem outra à frente");
  elos.proxima();
  assertEquals((await destino.receber()).id, 1);
  assertEquals(horas(2).chega, undefined);
  elos.proxima(2);
  // O JOIN não espera que o soltem, mas espera pelas que iam à frente.
  assertEquals([(await destino.receber()).id, (await destino.receber()).id], [2, 3]);
  assertThrows(() => elos.proxima(), Error, "Nenhuma mensagem espera");
});

Deno.test("Elos conta os pulsos só se se pede, e não os atrasa", async () => {
  await using bancada = await montar();
  const { elos, origem, destino, noticias } = bancada;
  elos.tudo = 10_000;
  await origem.enviar({ tipo: "PULSE" });
  assertEquals((await destino.receber()).tipo, "PULSE");
  assertEquals(noticias, []);
  elos.pulsos = true;
  await origem.enviar({ tipo: "PULSE" });
  assertEquals((await destino.receber()).tipo, "PULSE");
  assertEquals(noticias.map(({ tipo }) => tipo), ["saiu", "chegou"]);
});

Deno.test("Elos, desligado o passo, solta as que esperavam", async () => {
  await using bancada = await montar();
  const { elos, origem, destino } = bancada;
  elos.passo = true;
  await origem.enviar(get(1), get(2));
  await ate(() => elos.esperam === 2, "esperarem as duas");
  elos.passo = false;
  assertEquals([(await destino.receber()).id, (await destino.receber()).id], [1, 2]);
  assertEquals(elos.esperam, 0);
});

Deno.test("Elos.cortar() perde o que ia a caminho e recusa quem disca, até sarar", async () => {
  await using bancada = await montar();
  const { elos, origem, noticias, porta } = bancada;
  elos.tudo = 10_000;
  await origem.enviar(get(1));
  await ate(() => noticias.length === 1, "sair");
  elos.cortar("s1", "x");
  await ate(() => noticias.some(({ tipo }) => tipo === "perdeu-se"), "perder-se");
  await ate(() => noticias.some(({ tipo }) => tipo === "fechou"), "fechar");
  assert(!elos.alcanca("x", "s1"));
  await assertRejects(() => Fio.abrir(`127.0.0.1:${porta}`));
  elos.sarar("x", "s1");
  await ate(
    () =>
      Fio.abrir(`127.0.0.1:${porta}`).then(
        (fio) => fio[Symbol.asyncDispose]().then(() => true),
        () => false,
      ),
    "voltar a atender",
  );
});

Deno.test("Elos deixa chegar o que um processo mandou antes de morrer, e perde o que lhe ia", async () => {
  await using bancada = await montar();
  const { elos, origem, destino, noticias, horas } = bancada;
  elos.tudo = 200;
  await destino.enviar({ tipo: "GET_OK", id: 1 });
  await origem.enviar(get(2));
  await ate(() => noticias.length === 2, "saírem as duas");
  await destino[Symbol.asyncDispose]();
  assertEquals((await origem.receber()).id, 1);
  await ate(() => noticias.some(({ tipo }) => tipo === "fechou"), "fechar");
  const perdidas = noticias.filter(({ tipo }) => tipo === "perdeu-se");
  assertEquals(perdidas.length, 1);
  assert(horas(1).acabou !== undefined);
});

Deno.test("Elos.atende() recusa quem disca a um servidor que não atende", async () => {
  await using bancada = await montar();
  const { elos, porta } = bancada;
  elos.atende("s1", ["y"]);
  await assertRejects(() => Fio.abrir(`127.0.0.1:${porta}`));
  assertThrows(() => elos.cortar("s1", "s9"), TypeError, "Não há elo");
});
