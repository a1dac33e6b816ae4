/**
 * Máquinas que se perdem de vez, o líder antigo que volta, e a atualização de uma em uma, como
 * docs/operar.md manda.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { ate, atendendo } from "./apoio.ts";
import {
  abrirMaquinas,
  conferir,
  deixarSoNoLider,
  escreverSempre,
  type Maquinas,
  perderOLider,
  tabelaDe,
} from "./apoio/maquinas.ts";
import { type DeOutraVersao, outraVersao } from "./apoio/versao.ts";

const put = (key: string, value: string) => ({ tipo: "PUT", key, value });
const comDados = (grupo: Maquinas, n: number) => `--dados=${grupo.dados(n)}`;

Deno.test("a máquina de um seguidor perdeu-se: outra, noutro endereço, toma o lugar dela", async () => {
  await using grupo = await abrirMaquinas(4);
  await Promise.all([0, 1, 2].map((n) => grupo.comecar(n, 0, comDados(grupo, n))));
  await grupo.pronta(0);
  const cliente = escreverSempre([0, 1].map((n) => grupo.enderecos[n]!));
  await cliente.andar();
  await grupo.matar(2);
  await grupo.comecar(3, 0, comDados(grupo, 3));
  await grupo.pronta(3);
  await cliente.andar();
  await cliente.parar();
  await conferir(grupo, 3, cliente.confirmados);
});

Deno.test("a máquina do líder perdeu-se, com --dados: dois comandos depois há PUTs, e nada confirmado falta", async () => {
  await using grupo = await abrirMaquinas(3);
  await Promise.all([0, 1, 2].map((n) => grupo.comecar(n, 0, comDados(grupo, n))));
  await grupo.pronta(0);
  const cliente = escreverSempre(grupo.enderecos);
  await cliente.andar();
  await grupo.matar(0);
  await cliente.parar();
  await Deno.remove(grupo.dados(0), { recursive: true });
  // Os dois comandos: cada um dos que ficaram, com o novo líder.
  await grupo.matar(1, 2);
  await grupo.comecar(1, 1, comDados(grupo, 1), "--replicas=1");
  await grupo.comecar(2, 1, comDados(grupo, 2));
  const novo = escreverSempre([1, 2].map((n) => grupo.enderecos[n]!));
  await novo.andar();
  await novo.parar();
  assert(Math.min(...novo.timestamps) > Math.max(...cliente.timestamps));
  const perdidos = [...cliente.confirmados].filter(([key]) => !novo.confirmados.has(key));
  for (const n of [1, 2]) {
    await conferir(grupo, n, novo.confirmados);
    await conferir(grupo, n, new Map(perdidos));
  }
});

Deno.test("a máquina do líder perdeu-se, só com memória: um líder vazio no mesmo endereço toma dos outros", async () => {
  await using grupo = await abrirMaquinas(3);
  const cliente = await perderOLider(grupo);
  await grupo.comecar(0, 0);
  await grupo.pronta(0);
  for (const n of [0, 1, 2]) await conferir(grupo, n, cliente.confirmados);
});

Deno.test("o líder antigo que volta ao lado do novo não aceita PUTs; como seguidor, recebe a história do grupo", async () => {
  await using grupo = await abrirMaquinas(3);
  await deixarSoNoLider(grupo);

  await grupo.comecar(1, 1, comDados(grupo, 1), "--replicas=1");
  await grupo.comecar(2, 1, comDados(grupo, 2));
  await grupo.pronta(1);
  assertEquals((await grupo.pedir(2, put("nova", "do grupo novo"))).tipo, "PUT_OK");

  // O antigo volta com o comando de antes: espera por quem não vem.
  await grupo.comecar(0, 0, comDados(grupo, 0), "--prazo=500");
  const recusa = await grupo.pedir(0, put("k", "não"));
  assertEquals([recusa.tipo, recusa.definitivo], ["ERRO", true]);
  assertMatch(recusa.erro, /0 de 2 outros servidores presentes/);
  const { tipo, timestamp } = await grupo.pedir(2, put("nova", "outra vez"));
  assertEquals(tipo, "PUT_OK");
  // Os GETs dele são antigos para quem nada viu; a quem viu mais novo, não os dá.
  const lido = await grupo.pedir(0, { tipo: "GET", key: "nova" });
  assertEquals([lido.tipo, lido.value], ["GET_OK", null]);
  const recusado = await grupo.pedir(0, { tipo: "GET", key: "nova", timestamp });
  assertEquals(recusado.tipo, "TRY_OTHER_SERVER_OR_LATER");

  // Como se deve: seguidor do novo, que passa a esperar por dois.
  await grupo.matar(0, 1);
  await grupo.comecar(1, 1, comDados(grupo, 1), "--replicas=2");
  await grupo.comecar(0, 1, comDados(grupo, 0));
  await grupo.pronta(1);
  await grupo.pronta(0);
  assertMatch(
    grupo.servidor(0).avisos,
    /de outra história.*1 registros que só ele tinha ficaram em/,
  );
  const separado = Array.from(Deno.readDirSync(grupo.dados(0)))
    .find(({ name }) => name.startsWith("separados-"))!.name;
  assertMatch(
    await Deno.readTextFile(`${grupo.dados(0)}/${separado}`),
    /^\{"key":"k","value":"só do líder","timestamp":\d+\}\n$/,
  );
  assertEquals((await grupo.pedir(0, put("fim", "v"))).tipo, "PUT_OK");
  await grupo.matar(0, 1, 2);
  const tabelas = await Promise.all(
    [0, 1, 2].map((n) => tabelaDe(`${grupo.dados(n)}/tabela.sqlite`)),
  );
  assertEquals(tabelas[0]!.get("k")![0], "de todos");
  for (const tabela of tabelas) assertEquals(tabela, tabelas[0]);
});

Deno.test("atualizar de uma em uma, os seguidores primeiro: nada confirmado se perde, nenhum timestamp se repete", async () => {
  await using grupo = await abrirMaquinas(3);
  await using nova = await outraVersao(
    /^export const VERSAO = .*$/m,
    'export const VERSAO = "9.9.9";',
  );
  await Promise.all([0, 1, 2].map((n) => grupo.comecar(n, 0, "--prazo=15000")));
  await grupo.pronta(0);
  const cliente = escreverSempre(grupo.enderecos);
  await cliente.andar();
  await using atualizados = new AsyncDisposableStack();
  const daNova: DeOutraVersao[] = [];
  for (const n of [1, 2, 0]) {
    await grupo.parar(n);
    const [ip, porta] = grupo.enderecos[n]!.split(":");
    const args = [`--ip=${ip}`, `--porta=${porta}`, `--lider=${grupo.enderecos[0]}`];
    daNova[n] = atualizados.use(nova.comecar([...args, "--silencioso", "--prazo=15000"]));
    await atendendo(grupo.enderecos[n]!);
    await ate(() => daNova[n]!.erros().includes("aceita PUTs"), `a máquina ${n} aceitar PUTs`);
    await cliente.andar();
  }
  await cliente.parar();
  assertEquals(new Set(cliente.timestamps).size, cliente.timestamps.length);
  for (const n of [0, 1, 2]) await conferir(grupo, n, cliente.confirmados);
  assert(!daNova.some((servidor) => servidor.erros().includes("outra história")));
});
