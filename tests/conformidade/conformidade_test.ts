/**
 * Os mesmos casos sobre os dois motores; o que não é igual diz-se pelo nome, e confere-se também.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { Fio, type Json } from "../apoio.ts";
import { CASOS } from "./casos.ts";
import { MOTORES } from "./motores.ts";

for (const { nome, falta, diferencas, abrir } of MOTORES) {
  Deno.test(`conformidade: ${nome}`, { ignore: falta }, async (t) => {
    await using motor = await abrir();
    await t.step("o primeiro timestamp é 1, ou o que o motor já ia a contar", async () => {
      await using fio = await Fio.abrir(motor.enderecos[0]!);
      const put = { tipo: "PUT", id: 1, key: "primeira", value: "v" };
      const { timestamp } = await fio.pedir(put);
      assertEquals(timestamp === 1, diferencas.comecamEmUm);
    });
    for (const [caso, conferir] of Object.entries(CASOS)) {
      await t.step(caso, () => conferir(motor));
    }
    await t.step(
      "de keys diferentes, ao mesmo tempo: timestamps únicos, ou únicos por key",
      async () => {
        await using fio = await Fio.abrir(motor.enderecos[0]!);
        const puts = Array.from({ length: 100 }, (_, id) => {
          return { tipo: "PUT", id, key: `diferente ${id % 50}`, value: String(id) };
        });
        await fio.enviar(...puts);
        const respostas: Json[] = await fio.receberVarias(puts.length);
        assert(respostas.every(({ tipo }) => tipo === "PUT_OK"));
        const vistos = respostas.map(({ key, timestamp }) =>
          diferencas.unicos ? timestamp : `${key} ${timestamp}`
        );
        assertEquals(new Set(vistos).size, puts.length);
      },
    );
    await t.step("com um fora: um ERRO definitivo no prazo, ou PUT_OK da maioria", async () => {
      await motor.tirar(2);
      await using fio = await Fio.abrir(motor.enderecos[0]!);
      const respostas: Json[] = [];
      // Da maioria, o primeiro ainda pode ir ao encontro de quem morreu.
      for (let id = 0; id < (diferencas.todosConfirmam ? 1 : 3); id++) {
        respostas.push(await fio.pedir({ tipo: "PUT", id, key: "sem um", value: "v" }));
      }
      const ultima = respostas.at(-1)!;
      if (diferencas.todosConfirmam) assertEquals([ultima.tipo, ultima.definitivo], ["ERRO", true]);
      else assertEquals(ultima.tipo, "PUT_OK");
    });
  });
}
