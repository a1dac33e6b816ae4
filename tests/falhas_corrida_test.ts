import { assert, assertEquals } from "@std/assert";
import { correr } from "./falhas/corrida.ts";
import { resumir } from "./falhas/plano.ts";

for (const emDisco of [false, true]) {
  Deno.test(`três servidores sob falhas, ${emDisco ? "em disco" : "na memória"}: nenhuma quebra`, async () => {
    const plano = { semente: Math.floor(Math.random() * 2 ** 32), segundos: 9, emDisco };
    const relatorio = await correr(plano);
    const resumo = resumir(plano, relatorio);
    assertEquals(relatorio.quebras, [], resumo);
    // Quantas, depende da máquina: sem nenhuma, nada se conferiu.
    for (const tipo of ["PUT_OK", "GET_OK"]) {
      const houve = relatorio.historia.operacoes.some(({ resposta }) => resposta.tipo === tipo);
      assert(houve, `a corrida nada fez: ${resumo}`);
    }
  });
}
