/**
 * Copiar e restaurar, como docs/operar.md manda.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { copiarNoAr } from "./apoio/copia.ts";
import { abrirMaquinas, escreverSempre, type Maquinas, tabelaDe } from "./apoio/maquinas.ts";

/** Põe uma cópia no lugar de uma pasta. */
async function restaurar(copia: string, pasta: string): Promise<void> {
  await Deno.remove(pasta, { recursive: true });
  await Deno.mkdir(pasta);
  await Deno.copyFile(copia, `${pasta}/tabela.sqlite`);
}

async function comecarTodas(grupo: Maquinas): Promise<void> {
  await Promise.all([0, 1, 2].map((n) => grupo.comecar(n, 0, `--dados=${grupo.dados(n)}`)));
  await Promise.all([0, 1, 2].map(grupo.pronta));
}

/** Começa os três e um cliente; `antes` é o que já se lhe confirmou. */
async function comecarAEscrever(grupo: Maquinas) {
  await comecarTodas(grupo);
  const cliente = escreverSempre(grupo.enderecos);
  await cliente.andar();
  return { cliente, antes: new Map(cliente.confirmados) };
}

/** As tabelas das três pastas, paradas, que têm de ser iguais. */
async function tabelaDeTodas(grupo: Maquinas): Promise<Map<string, [string, number]>> {
  await grupo.matar(0, 1, 2);
  const tabelas = await Promise.all(
    [0, 1, 2].map((n) => tabelaDe(`${grupo.dados(n)}/tabela.sqlite`)),
  );
  for (const tabela of tabelas) assertEquals(tabela, tabelas[0]);
  return tabelas[0]!;
}

/** Cada key confirmada está lá, com aquele value ou um mais novo. */
function conferir(
  tabela: Map<string, [string, number]>,
  confirmados: ReadonlyMap<string, [string, number]>,
) {
  assert(confirmados.size > 0);
  for (const [key, [value, timestamp]] of confirmados) {
    const [tem, quando] = tabela.get(key)!;
    assert(
      quando > timestamp || (quando === timestamp && tem === value),
      `${key} ${tem} ${quando}`,
    );
  }
}

Deno.test("uma cópia feita com o servidor no ar restaura um servidor, e ele volta ao grupo sem um aviso", async () => {
  await using grupo = await abrirMaquinas(3);
  const { cliente, antes } = await comecarAEscrever(grupo);
  const copia = `${grupo.pasta}/copia.sqlite`;
  await copiarNoAr(`${grupo.dados(1)}/tabela.sqlite`, copia);
  conferir(await tabelaDe(copia), antes);
  await cliente.andar();
  await grupo.matar(1);
  await restaurar(copia, grupo.dados(1));
  await grupo.comecar(1, 0, `--dados=${grupo.dados(1)}`);
  await grupo.pronta(1);
  await cliente.andar();
  await cliente.parar();
  assert(!/Aviso/.test(grupo.servidor(1).avisos), grupo.servidor(1).avisos);
  conferir(await tabelaDeTodas(grupo), cliente.confirmados);
});

Deno.test("os três restaurados de uma cópia: está lá o que se tinha confirmado, e nenhum timestamp se repete", async () => {
  await using grupo = await abrirMaquinas(3);
  const { cliente, antes } = await comecarAEscrever(grupo);
  const copia = `${grupo.pasta}/copia.sqlite`;
  await copiarNoAr(`${grupo.dados(2)}/tabela.sqlite`, copia);
  // O que vem depois da cópia perde-se, mas alguém o viu; e o líder recomeça, que é quando os
  // timestamps saltam para além do que a cópia sabe.
  await cliente.andar();
  await grupo.parar(0);
  await grupo.comecar(0, 0, `--dados=${grupo.dados(0)}`);
  await cliente.andar();
  await cliente.parar();
  await grupo.matar(0, 1, 2);
  for (const n of [0, 1, 2]) await restaurar(copia, grupo.dados(n));
  await comecarTodas(grupo);
  const novo = escreverSempre(grupo.enderecos);
  await novo.andar();
  await novo.parar();
  assert(Math.min(...novo.timestamps) > Math.max(...cliente.timestamps));
  for (const [key, [value, timestamp]] of await tabelaDe(copia)) {
    if (novo.confirmados.has(key)) continue;
    const { value: lido, timestamp: quando } = await grupo.pedir(0, { tipo: "GET", key });
    assertEquals([lido, quando], [value, timestamp]);
  }
  conferir(await tabelaDe(copia), antes);
  await tabelaDeTodas(grupo);
});

Deno.test("sem ferramentas: o tabela.sqlite de um seguidor parado em ordem é uma cópia", {
  ignore: Deno.build.os === "windows", // Lá um teste não pode mandar Ctrl-C.
}, async () => {
  await using grupo = await abrirMaquinas(3);
  const { cliente, antes } = await comecarAEscrever(grupo);
  await grupo.parar(2);
  const copia = `${grupo.pasta}/copia.sqlite`;
  await Deno.copyFile(`${grupo.dados(2)}/tabela.sqlite`, copia);
  await grupo.comecar(2, 0, `--dados=${grupo.dados(2)}`);
  await grupo.pronta(2);
  await cliente.andar();
  await cliente.parar();
  conferir(await tabelaDe(copia), antes);
  // Outro dia, no lugar da que se perdeu.
  await grupo.matar(1);
  await restaurar(copia, grupo.dados(1));
  await grupo.comecar(1, 0, `--dados=${grupo.dados(1)}`);
  await grupo.pronta(1);
  assert(!/Aviso/.test(grupo.servidor(1).avisos), grupo.servidor(1).avisos);
});
